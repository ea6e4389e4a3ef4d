"""One submission under pytest: read, restored, run in a kernel that is replaced when it is lost, and judged."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError  # type: ignore[import-untyped]

from aurora_lab.course import notebooks
from aurora_lab.course.exercises import Exercise, Lesson, Wrong, load_lesson
from aurora_lab.course.forked import Shared
from aurora_lab.course.fresh import GRADING_SCALE, FreshRegion, fresh_region
from aurora_lab.course.grade_items import (
    UNTOUCHED,
    ExerciseItem,
    RestItem,
    StoppedError,
    UnreadableItem,
    WrongItem,
)
from aurora_lab.course.grade_plugin import ITEM_PLACES, REPORT
from aurora_lab.course.guest import Guest
from aurora_lab.course.kernel import GradingKernel, KernelDiedError, TooLoudError, one_line
from aurora_lab.course.notebooks import NotebookError
from aurora_lab.course.places import CourseError, find_places
from aurora_lab.course.region_view import RegionView
from aurora_lab.course.restore import Block, CodeCell, restore
from aurora_lab.course.sandbox import MEBIBYTE, Limits, choose
from aurora_lab.course.verdict import Verdict, judge

IDLE_SECONDS = 5
"""How long a cell that was interrupted may take to end its child processes."""
KERNEL_DIED, TOO_LOUD, TOO_SLOW = "kernel-died", "too-loud", "too-slow"
NOT_BEGUN = "not-begun"


class GradedNotebook(IPyNbFile):  # type: ignore[misc]
    """One notebook, its kernel and its region."""

    kernel: GradingKernel | None = None
    region: FreshRegion
    guest: Guest
    lesson: Lesson
    trouble = ""
    """Why it cannot be run."""

    def collect(self) -> Iterable[pytest.Item]:
        """The exercises in the lesson's order; with `--prove`, before each its wrong answers."""
        for place, item in enumerate(self._items()):
            item.stash[ITEM_PLACES] = place
            yield item

    def _items(self) -> Iterator[pytest.Item]:
        try:
            self.nb = notebooks.read(self.path)
        except NotebookError as error:
            self.trouble, self.nb = str(error), notebooks.new()
        number = self._number()
        try:
            places = find_places()
            self.lesson = load_lesson(places.check_file(number))
            handed_out = notebooks.read(places.lesson(number))
        except CourseError:
            self.trouble = self.trouble or (
                f"{self.path.name} does not say of which lesson it is. Name it as it was handed out, or name "
                "the lesson with --lesson (in pytest: --grade-lesson)."
            )
            yield UnreadableItem.from_parent(self, name=self.path.stem, exercise=None)
            return
        self.bare = {block.exercise: block.answer for block in restore(handed_out, handed_out)}
        try:
            self.blocks = restore(self.nb, handed_out)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.trouble = (
                f"{self.path.name} has cells that no notebook has ({type(error).__name__}: {error})."
            )
        if self.trouble:
            for exercise in self.lesson.exercises.values():
                name = f"{exercise.id} {exercise.title}"
                yield UnreadableItem.from_parent(self, name=name, exercise=exercise)
            return
        yield from self._exercises()

    def _number(self) -> str:
        """The lesson's number: as the grader says, as the file's name says, or as the notebook says."""
        if asked := self.config.option.grade_lesson:
            return str(asked)
        if named := re.match(r"\d\d(?=_)", self.path.name):
            return named[0]
        claimed = self.nb.metadata.get("aurora_lab")
        said = str(claimed.get("lesson", "")) if isinstance(claimed, dict) else ""
        return said if re.fullmatch(r"\d\d", said) else "unknown"

    def _exercises(self) -> Iterator[pytest.Item]:
        last = self.config.option.grade_until
        for block in self.blocks:
            if not block.exercise:
                yield RestItem.from_parent(self, name="the cells after the last exercise", block=block)
                continue
            exercise = self.lesson[block.exercise]
            if self.config.option.prove:
                yield from self._proofs(block, exercise)
            yield ExerciseItem.from_parent(
                self, name=f"{exercise.id} {exercise.title}", block=block, exercise=exercise
            )
            if exercise.id == last:
                return

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
        """Start a region, and make a place in it for the submission."""
        self._open = ExitStack()
        if self.trouble:
            return
        options = self.config.option
        with ExitStack() as stack:
            shared = Shared(options.grade_templates, options.grade_forkserver)
            sandbox = choose(options.grade_sandbox, shared)
            stack.callback(sandbox.close)
            self.config.stash[REPORT]["sandbox"] = f"({sandbox.level}) {sandbox.says}"
            scale = options.grade_scale or GRADING_SCALE
            self.region = stack.enter_context(fresh_region(scale, options.grade_runtime, shared))
            limits = Limits(memory=options.grade_memory * MEBIBYTE)
            self.guest = Guest(self.region, sandbox, self.lesson, limits)
            stack.callback(self.guest.close)
            stack.callback(self._end_kernel)
            self._open = stack.pop_all()
        self.view = RegionView.of(self.region.home)
        self.begun: set[str] = set()
        self._given: list[CodeCell] = []

    def teardown(self) -> None:
        """End it all."""
        self._open.close()

    def begin(self, block: Block) -> list[str]:
        """Have a kernel, and run the cells before a block's answer, once. Raises StoppedError."""
        if self.kernel is None or not self.kernel.is_alive():
            self._take_over()
        if block.exercise in self.begun:
            return []
        self.begun.add(block.exercise)
        failures = self.run_cells(block.before)
        self._given += [cell for cell in (*block.before, *block.after) if cell.role == "given"]
        return failures

    def _take_over(self) -> None:
        """A new kernel, brought to where the lesson's own cells have led so far."""
        self._end_kernel()
        try:
            self.kernel = self.guest.kernel()
        except KernelDiedError as error:
            raise StoppedError(KERNEL_DIED, f"No kernel could be started. {error}") from error
        if self.lesson.begin and not self.begun:
            failures = self.run_cells([CodeCell(self.lesson.begin, "given", "")])
            if failures:
                raise StoppedError(NOT_BEGUN, f"What the lesson starts from could not be made: {failures[0]}")
        # Some may fail, as after an exercise that is not solved: what is missing is seen by the checks.
        self.run_cells(self._given)

    def _end_kernel(self) -> None:
        kernel, self.kernel = self.kernel, None
        if kernel is not None:
            kernel.close()

    def run_cells(self, cells: Iterable[CodeCell]) -> list[str]:
        """Run cells one after the other; what went wrong, a line for each cell that did.

        Raises StoppedError where a cell ended its kernel, or had to be stopped.
        """
        failures = []
        for cell in cells:
            try:
                failure = self._run(cell)
            except KernelDiedError as error:
                self._end_kernel()
                sentence = f"The kernel died in the {cell.role} cell. {error}".strip()
                raise StoppedError(KERNEL_DIED, sentence) from error
            except TooLoudError as error:
                self._end_kernel()
                raise StoppedError(TOO_LOUD, f"The {cell.role} cell was too loud. {error}") from error
            if self.timed_out:
                seconds = self.config.option.nbval_cell_timeout
                sentence = f"The {cell.role} cell was not done after {seconds:g} seconds and was stopped."
                raise StoppedError(TOO_SLOW, sentence)
            if failure:
                failures.append(f"the {cell.role} cell: {failure}")
        return failures

    def _run(self, cell: CodeCell) -> str:
        """Run a cell with nbval; what went wrong, or nothing. Raises KernelDiedError, TooLoudError."""
        kernel = self.kernel
        if kernel is None or not kernel.is_alive():
            raise KernelDiedError(kernel.confined.ended_by() if kernel else "")
        made = notebooks.code(cell.source, "cell")
        runner = IPyNbCell.from_parent(self, name=cell.role, cell_num=0, cell=made, options=defaultdict(bool))
        runner.output_timeout = IDLE_SECONDS
        self.timed_out = False
        try:
            runner.runtest()
            return kernel.failure()
        except NbCellError as error:
            return kernel.failure() or one_line(str(error))
        except (KernelDiedError, TooLoudError):
            raise
        except Exception as error:
            # Messages that no kernel sends: somebody else speaks for it.
            what = one_line(f"{type(error).__name__}: {error}")
            raise KernelDiedError(f"It sent messages that cannot be understood ({what}).") from error

    def verdict(self, exercise: Exercise) -> Verdict:
        """What the check says of the region as it is now, and of the evidence that the notebook left."""
        return judge(exercise, self.view, self.guest.evidence(exercise.id))

    def keep(self, line: dict[str, Any]) -> None:
        """Keep a result for the report."""
        report = self.config.stash[REPORT]
        report["results"].append({"notebook": str(self.path), "lesson": self._number(), **line})
