"""Spare copies of the template, made ahead of time, so that a new volume or reader is there by a rename.

A copy takes longer than the start of a server. Spares are made in the background, a moment after the last one was
taken, and only while the disk has room to waste. A copy under a final name (`NAME.spare-1`) is complete; one with
`.new-` in its name is rubbish of a dead attempt. Nothing depends on a spare: where there is none, the template is
copied.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from pathlib import Path

from aurora_lab.cluster.template import Template
from aurora_lab.runtime.base import ToolError

COUNT = 3
"""A writer and two readers. Each takes 30 MB of disk."""
DELAY_SECONDS = 1.0
"""How long nobody must have taken one before more are made: making them takes processor and disk."""
ROOM_BYTES = 2 * 1024**3
"""Free disk below which no spare is made."""

log = logging.getLogger(__name__)


class Spares:
    """The spare copies of one template. Safe to share between threads."""

    def __init__(self, template: Template, count: int = COUNT, delay: float = DELAY_SECONDS) -> None:
        self._template = template
        self._count = count
        self._delay = delay
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to make spares in the background. The template must be there."""
        self._template.take = self.take
        self._thread = threading.Thread(target=self._run, name="aurora-lab-spares", daemon=True)
        self._wake.set()
        self._thread.start()

    def take(self, target: Path) -> bool:
        """Give a spare copy the name `target`, on the same disk; False where there is none."""
        if self._thread is None:
            return False
        self._wake.set()
        for number in range(self._count):
            try:
                self._path(number).rename(target)
            except OSError:  # not there, or taken by somebody else
                continue
            return True
        return False

    def close(self) -> None:
        """Make no more; returns when no copy is being made."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _path(self, number: int) -> Path:
        folder = self._template.ensure().parent
        return folder.with_name(f"{folder.name}.spare-{number}")

    def _run(self) -> None:
        try:
            self._sweep()
            while not self._closed.is_set():
                self._wake.wait()
                self._wake.clear()
                if self._closed.wait(self._delay):
                    return
                if not self._wake.is_set():
                    self._make_missing()
        except (OSError, ToolError) as error:
            # A full disk, for instance: then there are no spares.
            log.warning("No spare copies of the template are made: %s", error)

    def _make_missing(self) -> None:
        runtime = self._template.runtime
        for number in range(self._count):
            path = self._path(number)
            if self._closed.is_set() or self._wake.is_set():
                return
            if path.exists() or shutil.disk_usage(path.parent).free < ROOM_BYTES:
                continue
            making = path.with_name(f"{path.name}.new-{secrets.token_hex(4)}")
            runtime.copy_tree(self._template.ensure(), making)
            making.rename(path)

    def _sweep(self) -> None:
        """Remove what dead attempts have left, and spares of other templates."""
        own = self._template.ensure().parent.name
        for path in self._template.folder.glob("*.spare-*"):
            if ".new-" in path.name or not path.name.startswith(f"{own}.spare-"):
                self._template.runtime.remove_tree(path)
