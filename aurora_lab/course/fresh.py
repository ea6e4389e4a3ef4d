"""A region of its own for one run: nothing of it is left afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aurora_lab.course.forked import ALONE, Shared
from aurora_lab.course.surroundings import tools_folder
from aurora_lab.region import client
from aurora_lab.region.clock import DEFAULT_SCALE
from aurora_lab.region.environment import enter
from aurora_lab.region.home import Home, RegionInfo
from aurora_lab.view.live_map import VARIABLE

GRADING_SCALE = 100.0
"""The lab clock's where a submission is graded. Nobody watches: durations that AWS documents may pass quickly."""


@dataclass(frozen=True, slots=True)
class FreshRegion:
    """A running region, and an empty folder to work in."""

    home: Home
    info: RegionInfo
    workspace: Path
    folder: Path
    """Holds these, and whatever else belongs to this run; it goes with the region."""

    def environment(self) -> dict[str, str]:
        """The environment of a kernel that works in this region: this process's, led there."""
        inside = enter(self.home, self.info, tools_folder(), os.environ, remember=False).apply(os.environ)
        # A learner's own start-up files must not decide what a lesson does.
        return {**inside, "IPYTHONDIR": str(self.workspace / ".ipython"), VARIABLE: "still"}


@contextmanager
def fresh_region(
    scale: float = DEFAULT_SCALE, runtime: str = "auto", shared: Shared = ALONE
) -> Iterator[FreshRegion]:
    """Start a region with an empty home; end it and remove all that it made. Raises client.RegionError."""
    with tempfile.TemporaryDirectory(prefix="aurora-lab-", ignore_cleanup_errors=True) as folder:
        # The servers' user walks through it to its files when we are root.
        Path(folder).chmod(0o755)
        home, workspace = Home(Path(folder) / "home"), Path(folder) / "work"
        workspace.mkdir()
        try:
            info = client.start(home, runtime, scale, templates=shared.templates, launcher=shared.launcher())
            yield FreshRegion(home, info, workspace, Path(folder))
        finally:
            client.stop(home)
            shutil.rmtree(home.data, ignore_errors=True)
