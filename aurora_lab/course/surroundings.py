"""Lead a kernel that was not started by `aurora-lab` to the region: its environment, and the programs it calls."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from pathlib import Path

from aurora_lab.region import client
from aurora_lab.region.environment import enter
from aurora_lab.region.home import Home, RegionInfo
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import client_bin


def enter_region(home: Home, environ: MutableMapping[str, str]) -> RegionInfo:
    """Start the region where none runs, and make `environ` lead to it. Raises client.RegionError.

    An environment that leads there already (a JupyterLab that we started) is left as it is.
    """
    info = client.start(home, progress=lambda step: say(f"{step} ..."))
    if any(environ.get(name) != value for name, value in home.environment(info).items()):
        # A kernel has nothing to go back to: the learner's own keys are not kept in it.
        change = enter(home, info, tools_folder(), environ, remember=False)
        for name in change.unset:
            environ.pop(name, None)
        environ.update(change.values)
    return info


def tools_folder() -> Path | None:
    """The folder with psql, or None where no PostgreSQL is to be had."""
    try:
        return client_bin()
    except RuntimeUnavailableError:
        return None


def say(sentence: object) -> None:
    """Tell the person at the notebook or terminal something that is not the answer."""
    sys.stderr.write(f"{sentence}\n")
