"""`reset`: a fresh region, or a fresh copy of a lesson. What was there is kept."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import home_option, workspace_option
from aurora_lab.cli.workspace import Lesson, Workspace, chosen_workspace, find_lesson
from aurora_lab.course.places import find_places
from aurora_lab.course.progress import PROGRESS, Progress
from aurora_lab.course.record import Record
from aurora_lab.region import client
from aurora_lab.region.home import Home
from aurora_lab.runtime.base import RuntimeUnavailableError


@click.command("reset")
@click.argument("lesson", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@workspace_option
@home_option
def reset_command(lesson: str | None, yes: bool, workspace: Path | None) -> None:
    """Start afresh. Nothing is deleted.

    Without LESSON: the region is stopped, and its folder, with every cluster, is moved aside under a dated
    name; what you have solved stays noted. With LESSON (a number or a name): your notebook goes to a dated
    backup, the course's is put in its place, and its exercises, hints and predictions begin anew.
    """
    if lesson is None:
        _reset_region(context.home(), yes)
    else:
        reset_lesson(find_lesson(find_places().lessons, lesson), Workspace(chosen_workspace(workspace)))


def reset_lesson(lesson: Lesson, workspace: Workspace) -> None:
    """A lesson as new: its notebook, and what was noted of it. Both are kept. Raises OSError."""
    now = datetime.now().astimezone()
    backup = workspace.reset(lesson, now)
    if backup is not None:
        click.echo(f"Your notebook is kept as {backup}.")
    home = context.home()
    record = Record(home, lesson.number).set_aside(f"{now:%Y-%m-%d-%H%M%S}")
    if record is not None:
        click.echo(f"Your predictions and hints are kept as {record}.")
    Progress(home).begin_anew(lesson.number)
    click.echo(f"{workspace.folder / lesson.name} is as new.")


def _reset_region(home: Home, yes: bool) -> None:
    if not home.folder.exists() or [path.name for path in home.folder.iterdir()] == [PROGRESS]:
        click.echo(f"There is nothing to reset: {home.folder} holds no region.")
        return
    if not yes:
        click.confirm(
            f"Stop the region and move its folder {home.folder}, with all clusters, aside?",
            abort=True,
            err=True,
        )
    client.stop(home)
    _end_servers(home)
    stamp = f"{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    moved = [_move_aside(folder, stamp) for folder in _folders(home)]
    if (solved := moved[-1] / PROGRESS).is_file():
        # What was solved is solved, whatever becomes of the region.
        home.folder.mkdir(parents=True)
        shutil.copy2(solved, home.folder / PROGRESS)
    click.echo(f"The region's folder is now {moved[-1]}. `aurora-lab start` makes a new one.")
    for other in moved[:-1]:
        click.echo(f"Its servers' files are now {other}.")


def _end_servers(home: Home) -> None:
    """End what a region that died has left running: it would go on writing into files that were moved."""
    from aurora_lab.runtime.select import choose  # noqa: PLC0415 - asks the container engine

    if not home.data.is_dir():
        return
    # The region's own runtime is not known any more; `auto` is containers, where there could be any.
    for name in ("embedded", "auto"):
        with suppress(RuntimeUnavailableError):
            runtime, _ = choose(name, home.folder)
            for server in runtime.strays(home.data, ()):
                server.stop("fast", 10.0)
            runtime.close()


def _folders(home: Home) -> list[Path]:
    """The home's folders, the home itself last."""
    apart = home.data.is_dir() and home.folder not in home.data.parents
    return [*([home.data] if apart else []), home.folder]


def _move_aside(folder: Path, stamp: str) -> Path:
    """Rename `folder` so that it stays beside its old place. Raises LabError."""
    target = folder.with_name(f"{folder.name}.{stamp}")
    number = 2
    while target.exists():
        target = folder.with_name(f"{folder.name}.{stamp}-{number}")
        number += 1
    try:
        folder.rename(target)
    except OSError as error:
        raise LabError(
            f"The folder {folder} cannot be moved to {target} ({(error.strerror or '').lower()}). "
            "Move it yourself, or choose another home with --home."
        ) from error
    return target
