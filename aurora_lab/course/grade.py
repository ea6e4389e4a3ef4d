"""Grade notebooks: run the pytest plugin in a process of its own for each, and read its report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_lab.course.forked import ALONE, Shared
from aurora_lab.course.fresh import GRADING_SCALE
from aurora_lab.course.notebooks import LARGEST_BYTES
from aurora_lab.region import client
from aurora_lab.region.home import Home

SECONDS = 900.0
"""The longest that one notebook may take."""


class GradeError(Exception):
    """A notebook could not be graded; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One item: an exercise of a submission, or a known wrong answer that was tried."""

    notebook: str
    """The file that was graded: a copy of the submission."""
    item: str
    lesson: str
    kind: str
    """`exercise`; where it was proved also `untouched` (the answer as handed out) and `wrong`."""
    exercise: str
    passed: bool
    name: str
    """The mistake's name; empty after a pass."""
    seen: str
    expected: str
    explanation: str
    points: int
    of: int
    """The points that a pass gives."""
    cells: tuple[str, ...]
    """Cells that ended in an error."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to grade."""

    lesson: str = ""
    """The lesson's number; empty: as the file's name or the notebook says."""
    runtime: str = "auto"
    """Of the region: auto, embedded or containers."""
    scale: float = GRADING_SCALE
    """Of the lab clock."""
    sandbox: str = "auto"
    """See `sandbox`."""
    cell_seconds: float | None = None
    """The longest that one cell may take."""
    memory: int = 2048
    """MiB that one submission may take."""
    until: str = ""
    """The last exercise to grade; empty: all."""
    seconds: float = SECONDS
    """The longest that the notebook may take."""
    prove: bool = False
    """The notebook is a solved one, and every known wrong answer is tried as well."""

    shared: Shared = ALONE
    """What it shares with other gradings."""

    def arguments(self) -> list[str]:
        """For the plugin."""
        found = ["--grade", f"--grade-runtime={self.runtime}", f"--grade-scale={self.scale}"]
        found += [f"--grade-sandbox={self.sandbox}", f"--grade-lesson={self.lesson}"]
        found += [f"--grade-until={self.until}", f"--grade-memory={self.memory}"]
        found += [f"--grade-templates={self.shared.templates}"] if self.shared.templates else []
        found += [f"--grade-forkserver={self.shared.server}"] if self.shared.server else []
        found += [f"--nbval-cell-timeout={self.cell_seconds}"] if self.cell_seconds else []
        return [*found, *(["--prove"] if self.prove else [])]


def grade(
    notebook: Path,
    *,
    prove: bool = False,
    runtime: str = "auto",
    scale: float = GRADING_SCALE,
    seconds: float = SECONDS,
    cell_seconds: float | None = None,
    shared: Shared = ALONE,
) -> list[Result]:
    """The result of each exercise of a submission, in the lesson's order. Raises GradeError."""
    options = Options(
        prove=prove, runtime=runtime, scale=scale, seconds=seconds, cell_seconds=cell_seconds, shared=shared
    )
    return grade_batch([notebook], options).results[0]


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of several notebooks."""

    results: tuple[list[Result], ...]
    """Of each notebook, in the order given. Empty where the grading did not get so far."""
    sandbox: str
    """How they were confined."""
    output: str
    """What pytest said."""


def grade_batch(notebooks: Sequence[Path], options: Options) -> Batch:
    """Grade notebooks one after the other in one process. Raises GradeError where nothing came of it."""
    with tempfile.TemporaryDirectory(prefix="aurora-lab-grade-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The servers' user walks through it to its files when we are root.
        folder.chmod(0o755)
        report = folder / "report.json"
        copies = [_copy(notebook, folder / str(place)) for place, notebook in enumerate(notebooks)]
        arguments = [*options.arguments(), f"--grade-report={report}", *map(str, copies)]
        output = _pytest(arguments, folder, options.seconds)
        try:
            found: dict[str, Any] = json.loads(report.read_text())
        except (OSError, ValueError) as error:
            names = ", ".join(notebook.name for notebook in notebooks)
            raise GradeError(f"{names} could not be graded:\n{output[-4000:]}") from error
    items = [Result(**{**item, "cells": tuple(item["cells"])}) for item in found["results"]]
    results = tuple([item for item in items if item.notebook == str(copy)] for copy in copies)
    return Batch(results, str(found["sandbox"]), output)


def _copy(notebook: Path, folder: Path) -> Path:
    """A copy in a folder of its own: what lies beside a submission, as a conftest.py, is not pytest's to load."""
    folder.mkdir()
    copy = folder / re.sub(r"[^\w.-]", "_", notebook.name)
    try:
        with notebook.open("rb") as file, copy.open("wb") as target:
            target.write(file.read(LARGEST_BYTES + 1))
    except OSError as error:
        raise GradeError(f"{notebook} cannot be read ({error.strerror}).") from error
    return copy


def _pytest(arguments: Sequence[str], folder: Path, seconds: float) -> str:
    # Nothing of the caller's own pytest settings, plugins of the project under test, or caches.
    command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "aurora_lab.course.grade_plugin"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}", "-v", "--tb=short"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"TMPDIR": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        done_so_far = (error.stdout or b"").decode(errors="replace")
        raise GradeError(
            f"Grading was not done after {seconds / 60:g} minutes. So far:\n{done_so_far[-4000:]}"
        ) from error
    finally:
        _end_regions(folder)
    return done.stdout


def _end_regions(folder: Path) -> None:
    """End what a pytest that was killed has left running."""
    for left in folder.glob("aurora-lab-*/home"):
        client.stop(Home(left))
        shutil.rmtree(Home(left).data, ignore_errors=True)
