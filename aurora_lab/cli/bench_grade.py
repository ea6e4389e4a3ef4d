"""`aurora-lab bench grade`: submissions of lesson 05 graded by us, by nbgrader and by otter, in one run.

All three execute the same cells of the same solved notebook on real databases. The other two are given what
they do not have: a region that runs already, held in memory as ours are (the lesson cleans up behind itself, so that
the next submission finds it empty). They run a submission in the grader's own user, start each kernel and each
`aws` anew, and let the notebook's own check decide. Ours gives each submission a region and a user of its own,
forks kernels and `aws` from processes that have loaded them, and grades some at a time; the others do one at a time.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from aurora_lab.course import notebooks
from aurora_lab.course.bytecode import compile_packages
from aurora_lab.course.forked import sharing
from aurora_lab.course.fresh import fresh_region
from aurora_lab.course.grade import Options
from aurora_lab.course.grade_class import at_a_time, grade_class
from aurora_lab.course.lab import RAISE_VARIABLE
from aurora_lab.course.places import find_places

LESSON = "05"
SUBMISSIONS = 20
STARTS = 3
SCALE = 1000.0
"""The lab clock's, for all three: no lesson's waiting is measured."""
OTTER = "otter-grader==7.0.0"
OTHERS = "region shared, already running; aws started anew"
TIMES = 3
"""The promise."""
LONGEST_SECONDS = 3600.0


class NotMeasuredError(Exception):
    """A tool could not be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How one way of grading did."""

    how: str
    seconds: float
    """For one submission, of the whole run."""
    points: float
    """Of each submission, on average: all three must have come to the same."""
    cpu: float
    """Processor seconds for one submission: of the whole machine, whoever else worked on it."""
    note: str = ""

    @property
    def per_minute(self) -> float:
        """Submissions in a minute."""
        return 60.0 / self.seconds


def measure(count: int = SUBMISSIONS, sandbox: str = "auto") -> list[Figure]:
    """Ours first, then the others; one that is not to be had here is left out and says so on standard error."""
    # For all three alike: an installation that is used has its bytecode.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compile_packages()
    figures = ours(count, at_a_time(), sandbox)
    with (
        tempfile.TemporaryDirectory(prefix="aurora-lab-bench-") as name,
        sharing("embedded") as shared,
        fresh_region(SCALE, "embedded", shared) as region,
    ):
        environment = region.environment()
        others: tuple[Callable[[Path, Mapping[str, str], int], Figure], ...] = (nbgrader, otter)
        for other in others:
            folder = Path(name) / other.__name__
            folder.mkdir()
            try:
                figures.append(other(folder, environment, count))
            except NotMeasuredError as error:
                sys.stderr.write(f"{other.__name__} was not measured: {error}\n")
    return figures


def ours(count: int, jobs: int, sandbox: str) -> list[Figure]:
    """With the start of a region for each submission, and what is left when that is taken off."""
    starts = []
    with sharing("embedded") as shared:
        for _ in range(STARTS):
            with _Watch() as start, fresh_region(SCALE, "embedded", shared):
                pass
            starts.append(start)
    start = sorted(starts, key=lambda item: item.seconds)[STARTS // 2]
    options = Options(lesson=LESSON, runtime="embedded", scale=SCALE, sandbox=sandbox)
    with _Watch() as watch:
        graded = grade_class([_solved()] * count, options, jobs)
    if trouble := [item.trouble for item in graded if item.trouble]:
        raise NotMeasuredError(trouble[0])
    points = sum(item.points for item in graded) / count
    seconds, cpu, kept = watch.seconds / count, watch.cpu / count, graded[0].sandbox
    return [
        Figure(f"ours, a region for each, {jobs} at a time", seconds, points, cpu, kept),
        Figure(
            "ours, without starting and stopping regions",
            seconds - start.seconds / jobs,
            points,
            cpu - start.cpu,
            kept,
        ),
    ]


def nbgrader(folder: Path, environment: Mapping[str, str], count: int) -> Figure:
    """`nbgrader autograde` of a class."""
    inside = {
        **environment,
        RAISE_VARIABLE: "raise",
        "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "JUPYTER_DATA_DIR": f"{folder}/data",
    }
    command = [sys.executable, "-m", "nbgrader"]
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.ExecutePreprocessor.timeout = 300\n")
    source = folder / "source" / "lesson"
    source.mkdir(parents=True)
    shutil.copy(_solved(), source)
    _run([*command, "generate_assignment", "lesson"], folder, inside)
    released = notebooks.read(folder / "release" / "lesson" / _solved().name)
    answers = {cell.id: cell.source for cell in notebooks.read(_solved()).cells}
    for cell in released.cells:
        if notebooks.mark(cell).get("role") in ("answer", "prediction"):
            cell.source = answers[notebooks.mark(cell)["id"]]
    for number in range(count):
        submitted = folder / "submitted" / f"learner{number:02}" / "lesson"
        submitted.mkdir(parents=True)
        (submitted / _solved().name).write_text(notebooks.dumps(released))
    with _Watch() as watch:
        _run([*command, "autograde", "lesson"], folder, inside)
    _run([*command, "export"], folder, inside)
    with (folder / "grades.csv").open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    return Figure("nbgrader autograde", watch.seconds / count, sum(scores) / count, watch.cpu / count, OTHERS)


def otter(folder: Path, environment: Mapping[str, str], count: int) -> Figure:
    """`otter run` of each submission, installed for this only."""
    uv = shutil.which("uv")
    if uv is None:
        raise NotMeasuredError("uv is not here to install it for a while")
    command = [uv, "run", "--no-project", "--python", sys.executable, "--with", OTTER]
    # Its own packages first, then all that this environment has.
    inside = {**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    inside = {name: value for name, value in inside.items() if name != "VIRTUAL_ENV"}
    submission, grader = _for_otter(folder)
    _run([*command, "otter", "--version"], folder, inside)
    scores = []
    with _Watch() as watch:
        for number in range(count):
            out = folder / f"out{number}"
            out.mkdir()
            call = [*command, "otter", "run", "--no-logo", "-a", str(grader), "-o", str(out), str(submission)]
            _run(call, folder, inside)
    for number in range(count):
        out = folder / f"out{number}"
        found: dict[str, Any] = json.loads((out / "results.json").read_text())
        scores.append(sum(item["score"] for item in found["tests"] if "score" in item))
    return Figure("otter run", watch.seconds / count, sum(scores) / count, watch.cpu / count, OTHERS)


def _for_otter(folder: Path) -> tuple[Path, Path]:
    """The solved notebook with otter's checks in the place of ours, and its grader's archive."""
    made = notebooks.read(_solved())
    names: dict[str, str] = {}
    for cell in made.cells:
        mark = notebooks.mark(cell)
        if mark.get("role") == "check":
            names[mark["exercise"]] = f"q{len(names) + 1}"
            cell.source = f'grader.check("{names[mark["exercise"]]}")'
    made.cells.insert(0, notebooks.code("import otter\ngrader = otter.Notebook()", "otter"))
    submission = folder / "submission.ipynb"
    submission.write_text(notebooks.dumps(made))
    archive = folder / "autograder.zip"
    config = {"lang": "python", "show_stdout": True}
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("otter_config.json", json.dumps(config))
        for exercise, name in names.items():
            case = {"code": f">>> lab.check({exercise!r}).passed\nTrue", "hidden": False, "locked": False}
            test = {"name": name, "points": 1, "suites": [{"type": "doctest", "cases": [case]}]}
            file.writestr(f"tests/{name}.py", f"OK_FORMAT = True\n\ntest = {test!r}\n")
            (folder / "tests").mkdir(exist_ok=True)
            (folder / "tests" / f"{name}.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n")
    return submission, archive


def _solved() -> Path:
    return find_places().source(LESSON).with_suffix(".ipynb")


class _Watch:
    """Measures a block: seconds, and the processor seconds that the machine spent meanwhile."""

    seconds = 0.0
    cpu = 0.0

    def __enter__(self) -> _Watch:
        self._begun, self._spent = time.perf_counter(), _spent()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._begun, _spent() - self._spent


def _spent() -> float:
    """Processor seconds that this machine has spent since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command to its end. Raises NotMeasuredError where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasuredError(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotMeasuredError(" ".join(said[-3:]))


def run(count: int = SUBMISSIONS, as_json: bool = False, sandbox: str = "auto") -> int:
    """Measure and print. Returns 0 where ours is at least `TIMES` as fast as each other tool, else 1."""
    figures = measure(count, sandbox)
    mine, others = figures[0], figures[2:]
    kept = bool(others) and all(other.seconds >= TIMES * mine.seconds for other in others)
    if as_json:
        click.echo(
            json.dumps([{**asdict(item), "per_minute": item.per_minute} for item in figures], indent=1)
        )
        return 0 if kept else 1
    table = Table(title=f"{count} submissions of lesson {LESSON}", title_justify="left")
    for title in ("how", "a minute", "s each", "CPU s each", "ours is", "points", ""):
        table.add_column(title, justify="left" if title in ("how", "") else "right")
    for item in figures:
        ratio = f"{item.seconds / mine.seconds:.2f} x as fast" if item in others else ""
        cells = [
            f"{item.per_minute:.1f}",
            f"{item.seconds:.1f}",
            f"{item.cpu:.1f}",
            ratio,
            f"{item.points:g}",
            item.note,
        ]
        table.add_row(item.how, *cells)
    Console().print(table)
    click.echo(f"Promise: at least {TIMES} x as fast as each other tool: {'kept' if kept else 'NOT KEPT'}.")
    return 0 if kept else 1
