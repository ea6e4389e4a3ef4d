"""A home, a course and a workspace of the test's own, in an environment that leads nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
from stand_in_region import Run, StandIn, stand_in_region

from aurora_lab.cli.main import main
from aurora_lab.region.home import Home


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """No variable of the machine's, nor one that a command sets, gets from one test to another."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("AURORA_LAB_", "AWS_", "PG", "JUPYTER")) or name == "UV":
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, own_environment: None) -> Home:  # noqa: ARG001 - after it
    """A home, chosen by the environment."""
    folder = tmp_path / "home"
    os.environ["AURORA_LAB_HOME"] = str(folder)
    return Home(folder)


@pytest.fixture(autouse=True)
def course(tmp_path: Path, own_environment: None) -> Path:  # noqa: ARG001 - after it
    """The lessons folder of a course of two lessons."""
    root = tmp_path / "course"
    (root / "checks").mkdir(parents=True)
    lessons = root / "lessons"
    lessons.mkdir()
    for name in ("07_auto_scaling", "05_hands_on_psql"):
        cell = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {name}"}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (lessons / f"{name}.ipynb").write_text(json.dumps(notebook))
    os.environ["AURORA_LAB_COURSE"] = str(root)
    return lessons


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, own_environment: None) -> Path:  # noqa: ARG001 - after it
    """The learner's folder, chosen by the environment."""
    folder = tmp_path / "my notebooks"
    os.environ["AURORA_LAB_WORKSPACE"] = str(folder)
    return folder


@pytest.fixture
def region(home: Home) -> Iterator[StandIn]:
    """A stand-in for the region, on the home."""
    with stand_in_region(home) as found:
        yield found


@pytest.fixture
def run() -> Run:
    """Run `aurora-lab` in this process."""

    def invoke(*arguments: str, **options: object) -> click.testing.Result:
        return click.testing.CliRunner().invoke(main, list(arguments), prog_name="aurora-lab", **options)

    return invoke
