"""`bench`: only the command; the measurements are in `bench`."""

from __future__ import annotations

import importlib
import sys

import click

from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import home_option

MODULE = "aurora_lab.cli.bench"
WHAT = ("lab", "grade")


@click.command("bench")
@click.argument("what", type=click.Choice(WHAT), default="lab")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--count", type=click.IntRange(1, 1000), default=20, help="For grade: submissions (default 20)."
)
@click.option(
    "--sandbox",
    type=click.Choice(("auto", "container", "user", "limits")),
    default="auto",
    help="For grade: how ours are kept apart.",
)
@home_option
def bench_command(what: str, as_json: bool, count: int, sandbox: str) -> None:
    """Measure the lab on this machine, each figure beside its floor.

    It works on regions of its own, in a temporary folder, and takes about a minute. `bench grade` grades
    submissions of a lesson side by side with nbgrader and otter, and takes many.
    """
    if what == "grade":
        from aurora_lab.cli.bench_grade import run  # noqa: PLC0415 - it knows all of the grading

        sys.exit(run(count, as_json, sandbox))
    try:
        bench = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name != MODULE:
            raise
        raise LabError("This version has no measurements yet.") from error
    sys.exit(bench.run(as_json=as_json))
