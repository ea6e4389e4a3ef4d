"""A pytest plugin on top of nbval: `pytest --grade NOTEBOOK…`.

Each exercise is one item, named by its id and title. The cells are the lesson's own with the learner's
answers put in (`restore`); nbval runs them, confined, in a kernel whose region is fresh; the verdict is made
here, in pytest's process, from what that region shows. With `--prove` the notebook is a solved one, and before
each solution every known wrong answer is tried: it must fail, by the name of its own mistake.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

REPORT = pytest.StashKey[dict[str, Any]]()
"""What `--grade-report` writes: the level of confinement, and the results."""
ITEM_PLACES = pytest.StashKey[int]()
NBVAL_CELL_SECONDS, CELL_SECONDS = 2000, 30
"""nbval's own limit for a cell, and ours where nobody set one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("aurora-lab", "grading of Aurora lessons")
    group.addoption("--grade", action="store_true", help="grade notebooks of lessons, one item an exercise")
    group.addoption("--prove", action="store_true", help="with --grade: try every known wrong answer too")
    group.addoption("--grade-lesson", default="", help="the lesson's number, whatever a notebook says")
    group.addoption("--grade-until", default="", help="the last exercise to grade, as 05.2")
    group.addoption("--grade-report", type=Path, help="write the results to this file, as JSON")
    group.addoption("--grade-scale", type=float, help="the lab clock's scale (else 100)")
    group.addoption("--grade-runtime", default="auto", help="auto, embedded or containers")
    group.addoption("--grade-memory", type=int, default=2048, help="MiB that one submission may take")
    group.addoption("--grade-templates", type=Path, help="a folder with a cluster template, for all")
    group.addoption("--grade-forkserver", type=Path, help="the socket of a fork server")
    group.addoption("--grade-sandbox", default="auto", help="auto, container, user or limits")


def pytest_configure(config: pytest.Config) -> None:
    """Make the place where results are gathered."""
    config.stash[REPORT] = {"sandbox": "", "results": []}
    if config.option.grade and config.option.nbval_cell_timeout == NBVAL_CELL_SECONDS:
        config.option.nbval_cell_timeout = CELL_SECONDS


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take notebooks where `--grade` asks for it."""
    if parent.config.option.grade and file_path.suffix == ".ipynb":
        # The plugin is known to every pytest of this environment: it must cost nothing where it is not used.
        from aurora_lab.course.grade_notebook import GradedNotebook  # noqa: PLC0415

        collector: pytest.Collector = GradedNotebook.from_parent(parent, path=file_path)
        return collector
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A notebook runs from top to bottom, also where another plugin has shuffled the items."""
    ours = [item for item in items if ITEM_PLACES in item.stash]
    ordered = iter(sorted(ours, key=lambda item: (str(item.path), item.stash[ITEM_PLACES])))
    items[:] = [next(ordered) if ITEM_PLACES in item.stash else item for item in items]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how the submissions were confined."""
    if says := config.stash[REPORT]["sandbox"]:
        terminalreporter.write_line(f"graded {says}")
