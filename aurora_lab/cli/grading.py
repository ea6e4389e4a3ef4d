"""`grade`: points for notebooks of lessons, decided outside of them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import RUNTIMES
from aurora_lab.course.bytecode import compile_packages
from aurora_lab.course.grade import Options
from aurora_lab.course.grade_class import at_a_time, grade_class
from aurora_lab.course.grade_report import Submission, write_reports
from aurora_lab.course.sandbox import LEVELS, SandboxError, choose


@click.command("grade")
@click.argument("notebooks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write grades.json, grades.xml and grades.md there."
)
@click.option("--lesson", default="", help="The lesson's number, whatever the notebooks say.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", *LEVELS]),
    default="auto",
    help="How submissions are kept apart; auto takes the strongest that works here, and says which.",
)
@click.option(
    "--runtime", type=click.Choice(RUNTIMES), default="embedded", help="How PostgreSQL servers are run."
)
@click.option(
    "--cell-seconds", type=click.FloatRange(1, 3600), default=30.0, help="The longest for one cell."
)
@click.option(
    "--memory", type=click.IntRange(256), default=2048, help="MiB for one submission (default 2048)."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=None,
    help="Notebooks at a time (default: 3 for 2 processors).",
)
@click.option("--need", type=click.IntRange(0), default=0, help="Exit code 1 where one has fewer points.")
def grade_command(
    *,
    notebooks: tuple[Path, ...],
    report: Path | None,
    lesson: str,
    sandbox: str,
    runtime: str,
    cell_seconds: float,
    memory: int,
    jobs: int | None,
    need: int,
) -> None:
    """Grade NOTEBOOKS, each in a fresh region. A folder means every notebook of a lesson below it.

    Given cells and checks are the lesson's own, whatever a notebook has made of them. What counts is what the
    region shows afterwards.
    """
    found = [notebook for path in notebooks for notebook in _below(path)]
    try:
        kept = choose(sandbox)
    except SandboxError as error:
        raise LabError(f"Submissions cannot be kept apart that way: {error}.") from error
    kept.close()
    compile_packages()
    click.echo(f"Each notebook is graded {kept.says}.", err=True)
    options = Options(
        lesson=lesson,
        runtime=runtime,
        sandbox=kept.level,
        cell_seconds=cell_seconds,
        memory=memory,
    )
    graded = grade_class(found, options, jobs or at_a_time(), _show)
    if report is not None:
        write_reports(report, graded)
        click.echo(f"The grades are in {report}.", err=True)
    if any(item.trouble or item.points < need for item in graded):
        sys.exit(1)


def _below(path: Path) -> list[Path]:
    """The notebooks that a path means. Raises LabError where there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise LabError(f"There is no notebook {path}.")
    found = [
        notebook
        for notebook in sorted(path.rglob("[0-9][0-9]_*.ipynb"))
        # A link might lead anywhere on the grader's machine; Jupyter keeps copies in hidden folders.
        if notebook.is_file() and not notebook.is_symlink() and ".ipynb_checkpoints" not in notebook.parts
    ]
    if not found:
        raise LabError(f"Below {path} there is no notebook of a lesson, as 05_hands_on_psql.ipynb.")
    return found


def _show(item: Submission) -> None:
    if item.trouble:
        click.echo(f"{item.name}: not graded. {item.trouble}")
        return
    lines = [f"{item.name}: {item.points} of {item.of} points"]
    lines += [
        f"  {result.item}: {result.seen} [{result.name}]" for result in item.results if not result.passed
    ]
    click.echo("\n".join(lines))
