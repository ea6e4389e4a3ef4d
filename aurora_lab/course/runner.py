"""Run a lesson's cells for a learner who writes them in a text file: a kernel that leads to the running region."""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import start_new_kernel

from aurora_lab.view.live_map import VARIABLE

LOOK_SECONDS = 0.25
"""How often a silent kernel is looked at."""

INTERRUPT_SECONDS = 10.0
"""How long a cell that was interrupted may take to end."""

Say = Callable[[str], None]


class Runner:
    """A kernel of this Python. What cells print goes to `write`, as it comes."""

    def __init__(self, folder: Path, environment: Mapping[str, str], lesson: str, write: Say) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._lesson = lesson
        self._write = write
        self._kernel: Any = None
        self._client: Any = None

    def run(self, source: str) -> bool:
        """Run one cell; whether it ended without an error. An interrupt of ours is passed on to it."""
        self._ready()
        request = self._send(source)
        try:
            return self._follow(request)
        except KeyboardInterrupt:
            self._kernel.interrupt_kernel()
            self._follow(request, INTERRUPT_SECONDS)
            self._write("\nInterrupted.\n")
            return False

    def close(self) -> None:
        """End the kernel."""
        if self._kernel is not None:
            self._client.stop_channels()
            self._kernel.shutdown_kernel(now=True)
            self._kernel = None

    def _ready(self) -> None:
        if self._kernel is not None and self._kernel.is_alive():
            return
        self.close()
        self._kernel, self._client = start_new_kernel(
            kernel_name="python3",
            cwd=str(self._folder),
            # Its maps are lines on a terminal.
            env={**self._environment, VARIABLE: "still"},
            # What cells print comes as messages; the rest is the kernel's talk about itself.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # From then on it keeps the variables that are evidence, for the checks.
        self._follow(self._send(f"from aurora_lab import lab\nlab.follow({self._lesson!r})\ndel lab"))

    def _send(self, source: str) -> str:
        # A kernel drops what comes soon after an error, unless it is told not to.
        return str(self._client.execute(source, allow_stdin=False, stop_on_error=False))

    def _follow(self, request: str, seconds: float = math.inf) -> bool:
        """Show what a request prints until it is done; whether that was without an error."""
        good, deadline = True, time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                message = self._client.get_iopub_msg(timeout=LOOK_SECONDS)
            except Empty:
                if not self._kernel.is_alive():
                    self._write("The kernel has ended. The next cell starts a new one.\n")
                    return False
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return good
            good = good and kind != "error"
            self._show(kind, content)
        return False

    def _show(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "stream":
            self._write(content["text"])
        elif kind in ("execute_result", "display_data"):
            with contextlib.suppress(KeyError):
                self._write(content["data"]["text/plain"] + "\n")
        elif kind == "error":
            # The last lines say what is wrong; what led there is our own machinery, mostly.
            text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
            self._write("\n".join(text.splitlines()[-4:]) + "\n")
