"""What most commands need: the home, the region on it, and the sentence when something of it is missing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aurora_lab.cli.failure import FULL, LabError
from aurora_lab.course.places import CourseError
from aurora_lab.region import client
from aurora_lab.region.client import RegionError
from aurora_lab.region.clock import DEFAULT_SCALE
from aurora_lab.region.environment import enter
from aurora_lab.region.home import Home, RegionInfo, default_home
from aurora_lab.region.store import StateError
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import client_bin

if TYPE_CHECKING:
    from rich.console import Console

FAILURES = (RegionError, StateError, RuntimeUnavailableError, CourseError)
"""Exceptions of the layers below whose message is already a sentence for a learner."""

ROOM = 200 * 1024 * 1024
"""Bytes that a home needs at least: the template, a cluster of two instances and their logs."""

NOT_RUNNING = "The region is not running. Start it with `aurora-lab start`."


def home() -> Home:
    """The home that the command is about. Raises LabError where this user can have none."""
    try:
        return Home(default_home())
    except RuntimeError as error:
        raise LabError("This user has no home folder. Name a folder for the region with --home.") from error


def console(error: bool = False) -> Console:
    """A console on standard output, or on standard error."""
    from rich.console import Console  # noqa: PLC0415 - `env` and `psql` do without

    # Into a file or a pipe nothing is cut off for the sake of a screen's width.
    terminal = (sys.stderr if error else sys.stdout).isatty()
    return Console(stderr=error, highlight=False, soft_wrap=True, width=None if terminal else 200)


def start(home: Home, runtime: str, scale: float | None) -> RegionInfo:
    """Have the region up, showing what is going on meanwhile. Raises RegionError, LabError.

    One that runs already keeps its runtime, and its folder is said; a `scale` that is given is set.
    """
    if not home.folder.is_dir():
        require_home(home.folder)
    if (found := client.running(home)) is None:
        require_home(home.folder)
        require_room(home.data)
        return _start(home, runtime, DEFAULT_SCALE if scale is None else scale)
    click.echo(f"This region runs already: {home.folder}", err=True)
    if runtime not in ("auto", found.runtime):
        click.echo(
            f"It runs with the {found.runtime} runtime. To change that, run `aurora-lab stop` first.",
            err=True,
        )
    if scale is not None:
        client.ask(home, "scale", {"scale": scale})
    return found


def _start(home: Home, runtime: str, scale: float) -> RegionInfo:
    if not sys.stderr.isatty():
        return client.start(home, runtime, scale)
    with console(error=True).status("Starting the region …") as shown:
        return client.start(home, runtime, scale, lambda step: shown.update(f"Starting the region: {step} …"))


def info(home: Home) -> RegionInfo:
    """Where the running region is reached. Raises LabError where none runs."""
    if not home.folder.is_dir() or (found := client.running(home)) is None:
        raise LabError(NOT_RUNNING)
    return found


def tools() -> Path | None:
    """The folder of psql, or None where there is no PostgreSQL."""
    with suppress(RuntimeUnavailableError):
        return client_bin()
    return None


def lead_here(home: Home, found: RegionInfo) -> None:
    """Lead this process, and what it starts, to the region."""
    replace_environment(enter(home, found, tools(), os.environ, remember=False).apply(os.environ))


def replace_environment(environment: Mapping[str, str]) -> None:
    """Make `environment` this process's own."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


def require_home(folder: Path) -> None:
    """Make the home's folder, and see that it can be written. Raises LabError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"aurora-lab" * 100)
            probe.flush()
    except OSError as error:
        why = (error.strerror or "").lower()
        if error.errno in FULL:
            raise LabError(
                f"The disk that holds {folder} is full. Free some space, "
                "or choose another folder with --home."
            ) from error
        raise LabError(
            f"The region's folder {folder} cannot be written ({why}). Choose another with --home."
        ) from error


def require_room(folder: Path, free: Callable[[Path], int] | None = None) -> None:
    """See that the disk has room for a small cluster. Raises LabError."""
    at = next(path for path in (folder, *folder.parents) if path.is_dir())
    left = free(at) if free else shutil.disk_usage(at).free
    if left < ROOM:
        raise LabError(
            f"The disk that holds {folder} is full: {left // 2**20} MB are left, and a small cluster needs "
            f"{ROOM // 2**20} MB. Free some space, or choose another folder with --home."
        )
