"""Grade notebooks: run the pytest plugin in a process of its own for each, and read its report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_lab.region import client
from aurora_lab.region.home import Home

SECONDS = 900.0
"""The longest that one notebook may take."""


class GradeError(Exception):
    """A notebook could not be graded; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One item: an exercise of a submission, or a known wrong answer that was tried."""

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
    scale: float = 10.0
    """Of the lab clock."""
    sandbox: str = "auto"
    """See `sandbox`."""
    cell_seconds: float | None = None
    """The longest that one cell may take."""
    seconds: float = SECONDS
    """The longest that the notebook may take."""
    prove: bool = False
    """The notebook is a solved one, and every known wrong answer is tried as well."""

    def arguments(self) -> list[str]:
        """For the plugin."""
        found = ["--grade", f"--grade-runtime={self.runtime}", f"--grade-scale={self.scale}"]
        found += [f"--grade-sandbox={self.sandbox}", f"--grade-lesson={self.lesson}"]
        found += [f"--nbval-cell-timeout={self.cell_seconds}"] if self.cell_seconds else []
        return [*found, *(["--prove"] if self.prove else [])]


def grade(
    notebook: Path,
    *,
    prove: bool = False,
    runtime: str = "auto",
    scale: float = 10.0,
    seconds: float = SECONDS,
) -> list[Result]:
    """The result of each exercise of a submission, in the lesson's order. Raises GradeError."""
    return grade_with(notebook, Options(prove=prove, runtime=runtime, scale=scale, seconds=seconds))[0]


def grade_with(notebook: Path, options: Options) -> tuple[list[Result], str]:
    """The results, and how the submission was confined. Raises GradeError."""
    with tempfile.TemporaryDirectory(prefix="aurora-lab-grade-", ignore_cleanup_errors=True) as folder:
        # The servers' user walks through it to its files when we are root.
        Path(folder).chmod(0o755)
        report = Path(folder) / "report.json"
        arguments = [*options.arguments(), f"--grade-report={report}", str(notebook.absolute())]
        output = _pytest(arguments, Path(folder), options.seconds)
        try:
            found: dict[str, Any] = json.loads(report.read_text())
        except (OSError, ValueError) as error:
            raise GradeError(f"{notebook.name} could not be graded:\n{output[-4000:]}") from error
    results = [Result(**{**item, "cells": tuple(item["cells"])}) for item in found["results"]]
    return results, str(found["sandbox"])


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
