"""`watch`: the learner's loop in a terminal, beside whatever editor the lesson is open in."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.keys import EndOfInputError, single_keys
from aurora_lab.cli.opening import choose_lesson, fill, tell
from aurora_lab.cli.options import home_option, region_options, workspace_option
from aurora_lab.cli.workspace import Lesson, Workspace, chosen_workspace
from aurora_lab.course.cards import Card, Mood
from aurora_lab.course.places import Places, find_places

if TYPE_CHECKING:
    from aurora_lab.course.loop import Loop

POLL_SECONDS = 0.15
"""How long a save may wait to be seen."""
COLOURS = {Mood.PASS: "green", Mood.FAIL: "red", Mood.NOTE: "blue", Mood.OPEN: None}


@click.command("watch")
@click.argument("lesson", required=False)
@click.option("--text", is_flag=True, help="Work in a text file beside the notebook; its cells are run here.")
@workspace_option
@region_options
@home_option
def watch_command(
    *, lesson: str | None, text: bool, workspace: Path | None, runtime: str, scale: float | None
) -> None:
    """Check a lesson again at each save, and say what the region shows.

    LESSON (a number or a name) is by default the first that is not done. Work in JupyterLab, VS Code or, with
    --text, any editor. Keys: hint, next, check, solution, reset, list, quit.
    """
    if not sys.stdin.isatty():
        raise LabError("`watch` needs a terminal, for its keys. `aurora-lab progress` says what is done.")
    places = find_places()
    chosen = choose_lesson(places.lessons, lesson)
    if chosen is None:
        raise LabError(f"There is no lesson in {places.lessons}.")
    mine = Workspace(chosen_workspace(workspace))
    tell(fill(mine, places.lessons))
    home = context.home()
    info = context.start(home, runtime, scale)
    context.lead_here(home, info)
    _watch(places, chosen, mine, text)


def _watch(places: Places, lesson: Lesson, mine: Workspace, text: bool) -> None:
    # Not before the region's start: these take their time.
    from aurora_lab.course import notebooks  # noqa: PLC0415
    from aurora_lab.course.checker import Checker, CheckerGoneError  # noqa: PLC0415
    from aurora_lab.course.following import Follower  # noqa: PLC0415
    from aurora_lab.course.loop import Loop, OutsideLab, Tools  # noqa: PLC0415
    from aurora_lab.course.plaintext import to_text  # noqa: PLC0415
    from aurora_lab.course.progress import Progress  # noqa: PLC0415
    from aurora_lab.course.record import Record  # noqa: PLC0415
    from aurora_lab.course.runner import Runner  # noqa: PLC0415
    from aurora_lab.course.source import read_source, solution  # noqa: PLC0415

    home = context.home()
    checker = Checker(home)
    runner = Runner(mine.folder, os.environ, lesson.number, _write) if text else None
    try:
        path = mine.folder / lesson.name
        if text:
            notebook, path = path, path.with_suffix(".py")
            if not path.exists():
                path.write_text(to_text(notebooks.read(notebook), lesson.number), encoding="utf-8")
        tools = Tools(
            lab=OutsideLab(home, dict, checker, for_hints=lambda _exercise: "[h] shows the next one."),
            record=Record(home, lesson.number),
            progress=Progress(home),
            follower=Follower(path),
            handed_out=notebooks.read(lesson.path),
            runner=runner,
            solution=lambda exercise: solution(read_source(places.source(lesson.number)), exercise),
            keep=lambda kept: mine.keep(kept, datetime.now().astimezone()),
            say=click.echo,
            show=_show,
        )
        loop = Loop(lesson.number, tools)
        click.echo(f"Following {path}")
        _follow(loop)
    except (CheckerGoneError, notebooks.NotebookError) as error:
        raise LabError(str(error)) from error
    finally:
        checker.close()
        if runner is not None:
            runner.close()


def _follow(loop: Loop) -> None:
    """Look for saves and keys until `q`, Ctrl-C, or the end of the terminal."""
    loop.greet()
    with single_keys() as read_key:
        _prompt(loop)
        going = True
        while going:
            try:
                if key := read_key(POLL_SECONDS):
                    going = loop.press(key)
                elif not (loop.tools.follower.saved() and loop.saved()):
                    continue
            except (KeyboardInterrupt, EndOfInputError):
                break
            if going:
                _prompt(loop)
    click.echo("Your files and your region stay as they are.")


def _prompt(loop: Loop) -> None:
    click.echo(click.style(loop.prompt(), dim=True))


def _show(card: Card) -> None:
    title, _, rest = repr(card).partition("\n")
    click.echo(click.style(title, fg=COLOURS[card.mood], bold=True))
    if rest:
        click.echo(rest)


def _write(text: str) -> None:
    click.echo(text, nl=False)
