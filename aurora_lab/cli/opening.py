"""`open`: the region up, the workspace made, JupyterLab on a lesson."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import click

from aurora_lab.cli import context, jupyter
from aurora_lab.cli.failure import FULL, LabError
from aurora_lab.cli.options import home_option, region_options, workspace_option
from aurora_lab.cli.workspace import Lesson, Report, Workspace, chosen_workspace, find_lesson
from aurora_lab.course.catalog import first_open, read_catalog
from aurora_lab.course.places import find_places
from aurora_lab.course.progress import Progress

END = "JupyterLab has ended. The region goes on; stop it with `aurora-lab stop`."


@click.command("open")
@click.argument("lesson", required=False)
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="JupyterLab's port (default: a free one from 8888 on)."
)
@workspace_option
@region_options
@home_option
def open_command(
    *,
    lesson: str | None,
    no_browser: bool,
    port: int | None,
    workspace: Path | None,
    runtime: str,
    scale: float | None,
) -> None:
    """Start the region and open the lessons in JupyterLab.

    LESSON (a number or a name) is the one to begin with; without it, the first that is not done. The address
    goes to standard output, everything else to standard error. Ctrl-C ends JupyterLab; the region goes on.
    """
    places = find_places()
    chosen = choose_lesson(places.lessons, lesson)
    folder = chosen_workspace(workspace)
    tell(fill(Workspace(folder), places.lessons))
    home = context.home()
    session = jupyter.Session(home.folder / "jupyter", folder)
    own = {**session.environment(), "AURORA_LAB_WORKSPACE": str(folder)}
    context.replace_environment({**jupyter.clean(os.environ), **own})
    notebook = chosen.name if chosen else None
    browser = not no_browser and jupyter.wants_browser(os.environ)

    if port is None and (running := session.running()) is not None:
        context.start(home, runtime, scale)
        click.echo("JupyterLab runs already, at:", err=True)
        click.echo(session.address(running, notebook))
        if browser:
            click.launch(session.address(running, notebook))
        return

    def ready(address: str) -> None:
        click.echo(f"The region {info.region} is ready. JupyterLab is at:", err=True)
        click.echo(address)
        click.echo("Leave this window open. Ctrl-C ends JupyterLab; the region goes on.", err=True)

    with jupyter.free_port(port) as free:
        # Most of the wait is for the region's process and for this import: they go on side by side.
        threading.Thread(target=jupyter.load, daemon=True).start()
        info = context.start(home, runtime, scale)
        context.lead_here(home, info)
        session.prepare()
        os.chdir(folder)
        jupyter.serve(session, notebook, free, browser, ready)
    click.echo(END, err=True)


def choose_lesson(course: Path, wanted: str | None) -> Lesson | None:
    """The lesson that is named, or else the first that is not done. Raises LabError."""
    if wanted is not None:
        return find_lesson(course, wanted)
    entry = first_open(read_catalog(course), Progress(context.home()).done().keys())
    return find_lesson(course, entry.number) if entry else None


def fill(workspace: Workspace, course: Path) -> Report:
    """Bring the lessons to the workspace. Raises LabError."""
    try:
        return workspace.refresh(course)
    except OSError as error:
        why = "the disk is full" if error.errno in FULL else (error.strerror or str(error)).lower()
        raise LabError(
            f"Your folder of notebooks {workspace.folder} cannot be written ({why}). "
            "Choose another with --workspace."
        ) from error


def tell(report: Report) -> None:
    """Say what lies beside the learner's own files now."""
    for name, beside in report.beside:
        click.echo(
            f"There is a new version of {name}. Yours is as you left it; the new one is {beside}.", err=True
        )
