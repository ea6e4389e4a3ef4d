"""The live map of a notebook: a picture that a thread of the kernel keeps up to date.

The thread looks at the region four times a second and sends only what is new; so the map goes on while a cell
runs. Only the newest map of a kernel is live. Where no front end shows widgets, the picture stays as it was drawn.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from aurora_lab.region.client import RegionError
from aurora_lab.view.cluster_map import ClusterMap, chosen, draw
from aurora_lab.view.frames import Frame, Frames
from aurora_lab.view.words import Status

LOOK_SECONDS = 0.25
VARIABLE = "AURORA_LAB_MAP"
"""Set to `still`, maps are only drawn: where a notebook is built or graded, nobody looks at a live one."""
NEWER = "a newer map is live"

Look = Callable[[], Status]
"""Asks the region. Raises RegionError."""


class Follower(threading.Thread):
    """Looks at the region until it is told to end, and shows each frame that is new."""

    def __init__(self, look: Look, frames: Frames, show: Callable[[Frame], None]) -> None:
        super().__init__(name="aurora-lab live map", daemon=True)
        self._look, self._frames, self._show = look, frames, show
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Look after look; a trouble ends it with a sentence, because a traceback would land in some cell."""
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._step()
            except Exception as error:
                with suppress(Exception):
                    self.end(f"it could not go on ({type(error).__name__}: {error})")

    def end(self, why: str = "") -> None:
        """Stand still. `why`: a clause for the learner; without one nothing more is sent."""
        with self._lock:
            if not self._ended.is_set():
                self._ended.set()
                if why:
                    self._show(self._frames.stand_still(_now(), why))

    def _step(self) -> None:
        try:
            seen: Status | None = self._look()
        except RegionError:
            seen = None
        before = self._frames.last
        with self._lock:
            if not self._ended.is_set() and (frame := self._frames.after(seen, _now())) is not before:
                self._show(frame)


class LiveMap:
    """A map that was drawn, and goes on once a notebook shows it. A terminal shows its lines."""

    def __init__(self, drawn: ClusterMap, found: bool, begin: Callable[[], Any]) -> None:
        self._drawn = drawn
        self.found = found
        """Whether there is anything of what was asked for."""
        self._begin = begin
        self._widget: Any = None

    @property
    def svg(self) -> str:
        """The picture as it was drawn."""
        return self._drawn.svg

    @property
    def text(self) -> str:
        """The same in words."""
        return self._drawn.text

    def __repr__(self) -> str:
        return self._drawn.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        bundle: dict[str, Any] = dict(self._drawn.bundle())
        if self._widget is None:
            self._widget = self._begin()
        if self._widget is not None:
            shown = self._widget._repr_mimebundle_()
            # Its own text says nothing to anybody.
            data: Mapping[str, Any] = shown[0] if isinstance(shown, tuple) else shown or {}
            bundle |= {kind: value for kind, value in data.items() if kind != "text/plain"}
        return bundle


class LiveMaps:
    """The maps of one kernel, of which the newest is live."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._follower: Follower | None = None

    def map(self, cluster: str | None = None) -> LiveMap:
        """A map of one cluster, or of all. Raises RegionError."""
        seen = self._look()
        drawn = draw(seen, cluster)
        return LiveMap(drawn, any(chosen(seen, cluster)), lambda: self._begin(seen, cluster, drawn))

    def _begin(self, seen: Status, cluster: str | None, drawn: ClusterMap) -> Any:
        """Make the widget and follow the region; None where nobody would see it."""
        if not shows_widgets():
            return None
        from aurora_lab.view.map_widget import MapWidget  # noqa: PLC0415 - takes its time

        frames = Frames(seen, cluster, drawn)
        widget = MapWidget(shown=frames.last.plain())

        def show(frame: Frame) -> None:
            plain = frame.plain()
            if plain != widget.shown:
                widget.shown = plain

        former, self._follower = self._follower, Follower(self._look, frames, show)
        if former is not None:
            atexit.unregister(former.end)
            former.end(NEWER)
        atexit.register(self._follower.end)
        self._follower.start()
        return widget


def shows_widgets() -> bool:
    """Whether this process is a notebook's kernel, and nobody has asked for maps that stand still."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None and os.environ.get(VARIABLE) != "still"


def _now() -> datetime:
    return datetime.now().astimezone()
