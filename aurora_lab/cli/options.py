"""Options that several commands share."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from aurora_lab.region.clock import DEFAULT_SCALE, MAX_SCALE, MIN_SCALE

F = TypeVar("F", bound=Callable[..., Any])

RUNTIMES = ("auto", "embedded", "containers")


def _choose_home(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    """Put the home in this process's environment: whatever is called or started then means the same one."""
    if value is not None:
        os.environ["AURORA_LAB_HOME"] = str(value.expanduser().absolute())


def _check_scale(_ctx: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and MIN_SCALE <= value <= MAX_SCALE):
        raise click.BadParameter(f"it must be a number from {MIN_SCALE:g} to {MAX_SCALE:g}.")
    return value


def home_option(command: F) -> F:
    """`--home DIR`: which region a command is about."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        callback=_choose_home,
        expose_value=False,
        help="The region's folder (default: $AURORA_LAB_HOME, or your user's data folder).",
    )(command)


def region_options(command: F) -> F:
    """`--runtime` and `--scale`: how a region is started."""
    command = click.option(
        "--scale",
        type=float,
        callback=_check_scale,
        help=f"How many times faster than on AWS documented durations pass (default {DEFAULT_SCALE:g}).",
    )(command)
    return click.option(
        "--runtime",
        type=click.Choice(RUNTIMES),
        default="auto",
        help="How PostgreSQL servers are run; auto takes containers where a Docker engine "
        "and the image are there, else embedded.",
    )(command)


def workspace_option(command: F) -> F:
    """`--workspace DIR`: where a learner's notebooks lie."""
    return click.option(
        "--workspace",
        type=click.Path(path_type=Path),
        help="Your folder of notebooks (default: $AURORA_LAB_WORKSPACE, or ~/aurora-lab).",
    )(command)
