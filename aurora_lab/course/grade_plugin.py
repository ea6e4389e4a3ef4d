"""A pytest plugin on top of nbval: `pytest -p aurora_lab.course.grade_plugin --grade NOTEBOOK`.

Each exercise is one item, named by its id and title. The cells are the lesson's own with the learner's
answers put in (`restore`); nbval runs them in a kernel whose region is fresh; the verdict is made here, in
pytest's process, from what that region shows. With `--prove` the notebook is a solved one, and before each
solution every known wrong answer is tried: it must fail, by the name of its own mistake.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError  # type: ignore[import-untyped]

from aurora_lab.course import notebooks
from aurora_lab.course.exercises import Exercise, Lesson, Wrong, load_lesson
from aurora_lab.course.fresh import FreshRegion, fresh_region
from aurora_lab.course.kernel import GradingKernel, KernelDiedError
from aurora_lab.course.places import find_places
from aurora_lab.course.record import Record
from aurora_lab.course.region_view import RegionView
from aurora_lab.course.restore import Block, CodeCell, restore
from aurora_lab.course.verdict import CHECK_BROKE, REGION_GONE, Verdict, judge

RESULTS = pytest.StashKey[list[dict[str, Any]]]()
ITEM_PLACES = pytest.StashKey[int]()
NBVAL_CELL_SECONDS, CELL_SECONDS = 2000, 60
"""nbval's own limit for a cell, and ours where nobody set one."""
IDLE_SECONDS = 20
CELL_FAILED, KERNEL_DIED, WRONG_PASSED = "cell-failed", "kernel-died", "wrong-answer-passed"
UNTOUCHED = "untouched"


class ExerciseFailedError(Exception):
    """An item's verdict is not the one it needs."""

    def __init__(self, verdict: Verdict, failures: list[str]) -> None:
        super().__init__(verdict.name)
        self.verdict = verdict
        self.failures = failures


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("aurora-lab", "grading of Aurora lessons")
    group.addoption("--grade", action="store_true", help="grade notebooks of lessons, one item an exercise")
    group.addoption("--prove", action="store_true", help="with --grade: try every known wrong answer too")
    group.addoption("--grade-report", type=Path, help="write the results to this file, as JSON")
    group.addoption("--grade-scale", type=float, default=10.0, help="the lab clock's scale")
    group.addoption("--grade-runtime", default="auto", help="auto, embedded or containers")


def pytest_configure(config: pytest.Config) -> None:
    """Make the place where results are gathered."""
    config.stash[RESULTS] = []
    if config.option.grade and config.option.nbval_cell_timeout == NBVAL_CELL_SECONDS:
        config.option.nbval_cell_timeout = CELL_SECONDS


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take notebooks where `--grade` asks for it."""
    if parent.config.option.grade and file_path.suffix == ".ipynb":
        collector: pytest.Collector = GradedNotebook.from_parent(parent, path=file_path)
        return collector
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A notebook runs from top to bottom, also where another plugin has shuffled the items."""
    ours = [item for item in items if isinstance(item, _Item)]
    ordered = iter(sorted(ours, key=lambda item: (str(item.path), item.stash[ITEM_PLACES])))
    items[:] = [next(ordered) if isinstance(item, _Item) else item for item in items]


class GradedNotebook(IPyNbFile):  # type: ignore[misc]
    """One notebook, its kernel and its region."""

    kernel: GradingKernel
    region: FreshRegion
    lesson: Lesson

    def collect(self) -> Iterable[pytest.Item]:
        """The exercises in the lesson's order; with `--prove`, before each its wrong answers."""
        self.nb = notebooks.read(self.path)
        number = str(self.nb.metadata.get("aurora_lab", {}).get("lesson", self.path.name[:2]))
        places = find_places()
        self.lesson = load_lesson(places.check_file(number))
        handed_out = notebooks.read(places.lesson(number))
        self.bare = {block.exercise: block.answer for block in restore(handed_out, handed_out)}
        blocks = restore(self.nb, handed_out)
        for place, item in enumerate(self._items(blocks)):
            item.stash[ITEM_PLACES] = place
            yield item

    def _items(self, blocks: list[Block]) -> Iterator[pytest.Item]:
        for block in blocks:
            if not block.exercise:
                yield RestItem.from_parent(self, name="the cells after the last exercise", block=block)
                continue
            exercise = self.lesson[block.exercise]
            if self.config.option.prove:
                yield from self._proofs(block, exercise)
            yield ExerciseItem.from_parent(
                self, name=f"{exercise.id} {exercise.title}", block=block, exercise=exercise
            )

    def _proofs(self, block: Block, exercise: Exercise) -> Iterator[pytest.Item]:
        """What must fail before the solution is run: the answer as handed out, and each wrong answer."""
        bare = Wrong("\n".join(cell.source for cell in self.bare[exercise.id]), "Nothing is answered yet.")
        tries = {UNTOUCHED: bare, **exercise.wrong}
        for name, wrong in tries.items():
            title = f"{exercise.id} wrong: {name}" if name != UNTOUCHED else f"{exercise.id} {UNTOUCHED}"
            yield WrongItem.from_parent(
                self, name=title, block=block, exercise=exercise, mistake=name, wrong=wrong
            )

    def setup(self) -> None:
        """Start a region and a kernel in it."""
        options = self.config.option
        with ExitStack() as stack:
            self.region = stack.enter_context(fresh_region(options.grade_scale, options.grade_runtime))
            self.kernel = GradingKernel(self.region.workspace, self.region.environment())
            stack.callback(self.kernel.close)
            self._open = stack.pop_all()
        self.view = RegionView.of(self.region.home)
        self.begun: set[str] = set()

    def teardown(self) -> None:
        """End both."""
        self._open.close()

    def run_cells(self, cells: Iterable[CodeCell]) -> list[str]:
        """Run cells one after the other; what went wrong, a line for each cell that did."""
        failures = []
        for cell in cells:
            made = notebooks.code(cell.source, "cell")
            runner = IPyNbCell.from_parent(
                self, name=cell.role, cell_num=0, cell=made, options=defaultdict(bool)
            )
            # A cell that was interrupted has its child processes to end before it is idle.
            runner.output_timeout = IDLE_SECONDS
            if not self.kernel.is_alive():
                raise KernelDiedError("The kernel is dead.")
            self.kernel.reply = {"status": "ok"}
            try:
                runner.runtest()
                failure = self.kernel.failure()
            except NbCellError as error:
                failure = self.kernel.failure() or str(error)
            if failure:
                failures.append(f"the {cell.role} cell: {failure}")
        return failures

    def begin(self, block: Block) -> list[str]:
        """Run the cells before a block's answer, once."""
        if block.exercise in self.begun:
            return []
        self.begun.add(block.exercise)
        return self.run_cells(block.before)

    def verdict(self, exercise: Exercise) -> Verdict:
        """What the check says of the region as it is now, and of the evidence that the notebook left."""
        evidence = Record(self.region.home, self.lesson.id).entry(exercise.id).get("evidence", {})
        return judge(exercise, self.view, evidence)


class _Item(pytest.Item):
    """An item of a notebook: runs its cells and has a verdict."""

    parent: GradedNotebook

    def __init__(self, *, block: Block, **named: Any) -> None:
        super().__init__(**named)
        self.block = block

    def note(self, verdict: Verdict, *, kind: str, points: int, failures: list[str]) -> None:
        """Keep the result for the report."""
        line = {**verdict.as_dict(), "kind": kind, "points": points, "cells": failures}
        results = self.config.stash[RESULTS]
        results.append({"item": self.name, **line})
        path = self.config.option.grade_report
        if path is not None:
            # At once: what was found so far is known, too, where a later item takes the process with it.
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(results, indent=1))
            temporary.replace(path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What was seen and expected; no traceback of the machinery."""
        error = excinfo.value
        if not isinstance(error, ExerciseFailedError):
            return str(super().repr_failure(excinfo, style))
        verdict = error.verdict
        lines = [f"{self.name}: {verdict.name}", f"  seen:     {verdict.seen}"]
        lines += [f"  expected: {verdict.expected}"] if verdict.expected else []
        lines += [f"  why:      {verdict.explanation}"] if verdict.explanation else []
        return "\n".join([*lines, *(f"  {failure}" for failure in error.failures)])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item comes from."""
        return self.path, None, self.name


class ExerciseItem(_Item):
    """One exercise of a submission."""

    def __init__(self, *, exercise: Exercise, **named: Any) -> None:
        super().__init__(**named)
        self.exercise = exercise

    def runtest(self) -> None:
        """Passes where the check passes and no cell of the exercise ended in an error."""
        notebook, block = self.parent, self.block
        failures: list[str] = []
        try:
            failures += notebook.begin(block)
            failures += notebook.run_cells([*block.answer, *block.after])
            verdict = notebook.verdict(self.exercise)
        except KernelDiedError as error:
            verdict = Verdict(self.exercise.id, False, KERNEL_DIED, str(error), "A kernel that lives.")
        if verdict.passed and failures:
            verdict = Verdict(
                self.exercise.id, False, CELL_FAILED, failures[0], "Cells that run without an error."
            )
        points = self.exercise.points if verdict.passed else 0
        self.note(verdict, kind="exercise", points=points, failures=failures)
        if not verdict.passed:
            raise ExerciseFailedError(verdict, failures)


class WrongItem(_Item):
    """A known wrong answer, or the answer as it was handed out, tried in the place of the solution."""

    def __init__(self, *, exercise: Exercise, mistake: str, wrong: Wrong, **named: Any) -> None:
        super().__init__(**named)
        self.exercise = exercise
        self.mistake = mistake
        self.wrong = wrong

    def runtest(self) -> None:
        """Passes where the check fails with this mistake's name, and the way back works."""
        notebook, wrong = self.parent, self.wrong
        failures = notebook.begin(self.block)
        failures += notebook.run_cells([CodeCell(wrong.source, "wrong answer", self.exercise.id)])
        failures += notebook.run_cells(self.block.after)
        verdict = notebook.verdict(self.exercise)
        back = notebook.run_cells([CodeCell(wrong.undo, "undo", self.exercise.id)]) if wrong.undo else []
        kind = UNTOUCHED if self.mistake == UNTOUCHED else "wrong"
        self.note(verdict, kind=kind, points=0, failures=[*failures, *back])
        if verdict.passed:
            verdict = Verdict(
                self.exercise.id, False, WRONG_PASSED, verdict.seen, f"It fails: {self.mistake}."
            )
        broken = verdict.name in (WRONG_PASSED, CHECK_BROKE, REGION_GONE)
        if broken or back or self.mistake not in (UNTOUCHED, verdict.name):
            raise ExerciseFailedError(verdict, [*failures, *back])


class RestItem(_Item):
    """The cells after the last check: they run, and no verdict depends on them."""

    def runtest(self) -> None:
        """Passes where no cell ends in an error."""
        failures = self.parent.run_cells(self.block.before)
        if failures:
            raise ExerciseFailedError(
                Verdict("", False, CELL_FAILED, failures[0], "Cells that run without an error."), failures
            )
