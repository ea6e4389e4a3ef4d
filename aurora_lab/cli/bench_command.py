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
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@home_option
def bench_command(as_json: bool) -> None:
    """Measure the lab on this machine, each figure beside its floor.

    It works on regions of its own, in a temporary folder, and takes about a minute.
    """
    try:
        bench = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name != MODULE:
            raise
        raise LabError("This version has no measurements yet.") from error
    sys.exit(bench.run(as_json=as_json))
