"""The items of a graded notebook: an exercise, a known wrong answer, the rest, or what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aurora_lab.course.exercises import Exercise, Wrong
from aurora_lab.course.grade_plugin import REPORT
from aurora_lab.course.kernel import one_line
from aurora_lab.course.restore import Block, CodeCell
from aurora_lab.course.verdict import CHECK_BROKE, REGION_GONE, Verdict

if TYPE_CHECKING:
    from aurora_lab.course.grade_notebook import GradedNotebook

CELL_FAILED, WRONG_PASSED, UNREADABLE = "cell-failed", "wrong-answer-passed", "not-a-notebook"
UNTOUCHED = "untouched"
NO_ERROR = "Cells that run without an error."


class StoppedError(Exception):
    """An exercise's cells could not be run to their end."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


class ExerciseFailedError(Exception):
    """An item's verdict is not the one it needs."""

    def __init__(self, verdict: Verdict, failures: list[str]) -> None:
        super().__init__(verdict.name)
        self.verdict = verdict
        self.failures = failures


def _stopped(exercise: Exercise, error: StoppedError) -> Verdict:
    """Of an exercise whose cells did not end by themselves."""
    return Verdict(exercise.id, False, error.name, str(error), "Cells that end by themselves.")


class _Item(pytest.Item):
    """An item of a notebook: has a verdict, and a line in the report."""

    parent: GradedNotebook

    def note(self, verdict: Verdict, *, kind: str, points: int, of: int, failures: list[str]) -> None:
        """Keep the result for the report."""
        told = {name: one_line(text) for name, text in verdict.as_dict().items() if isinstance(text, str)}
        line = {**verdict.as_dict(), **told, "kind": kind, "points": points, "of": of, "cells": failures}
        self.parent.keep({"item": self.name, **line})
        path = self.config.option.grade_report
        if path is not None:
            # At once: what was found so far is known, too, where a later item takes the process with it.
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(self.config.stash[REPORT], indent=1))
            temporary.replace(path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What was seen and expected; no traceback of the machinery."""
        error = excinfo.value
        if not isinstance(error, ExerciseFailedError):
            return str(super().repr_failure(excinfo, style))
        verdict = error.verdict
        lines = [f"{self.name}: {verdict.name}", f"  seen:     {one_line(verdict.seen)}"]
        lines += [f"  expected: {verdict.expected}"] if verdict.expected else []
        lines += [f"  why:      {verdict.explanation}"] if verdict.explanation else []
        return "\n".join([*lines, *(f"  {failure}" for failure in error.failures)])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item comes from."""
        return self.path, None, self.name


class UnreadableItem(_Item):
    """An exercise of a submission that cannot be read; or all of it, where its lesson is not known."""

    def __init__(self, *, exercise: Exercise | None, **named: Any) -> None:
        super().__init__(**named)
        self.exercise = exercise

    def runtest(self) -> None:
        """Never passes."""
        identifier, of = (self.exercise.id, self.exercise.points) if self.exercise else ("", 0)
        verdict = Verdict(
            identifier,
            False,
            UNREADABLE,
            one_line(self.parent.trouble),
            "A notebook of this lesson, as Jupyter saves it.",
        )
        self.note(verdict, kind="exercise", points=0, of=of, failures=[])
        raise ExerciseFailedError(verdict, [])


class ExerciseItem(_Item):
    """One exercise of a submission."""

    def __init__(self, *, block: Block, exercise: Exercise, **named: Any) -> None:
        super().__init__(**named)
        self.block = block
        self.exercise = exercise

    def runtest(self) -> None:
        """Passes where the check passes and no cell of the exercise ended in an error."""
        notebook, block = self.parent, self.block
        failures: list[str] = []
        try:
            failures += notebook.begin(block)
            failures += notebook.run_cells([*block.answer, *block.after])
            verdict = notebook.verdict(self.exercise)
        except StoppedError as error:
            verdict = _stopped(self.exercise, error)
        if verdict.passed and failures:
            verdict = Verdict(self.exercise.id, False, CELL_FAILED, failures[0], NO_ERROR)
        of = self.exercise.points
        self.note(verdict, kind="exercise", points=of if verdict.passed else 0, of=of, failures=failures)
        if not verdict.passed:
            raise ExerciseFailedError(verdict, failures)


class WrongItem(_Item):
    """A known wrong answer, or the answer as it was handed out, tried in the place of the solution."""

    def __init__(self, *, block: Block, exercise: Exercise, mistake: str, wrong: Wrong, **named: Any) -> None:
        super().__init__(**named)
        self.block = block
        self.exercise = exercise
        self.mistake = mistake
        self.wrong = wrong

    def runtest(self) -> None:
        """Passes where the check fails with this mistake's name, and the way back works."""
        notebook, wrong = self.parent, self.wrong
        failures: list[str] = []
        back: list[str] = []
        try:
            failures += notebook.begin(self.block)
            failures += notebook.run_cells([CodeCell(wrong.source, "wrong answer", self.exercise.id)])
            failures += notebook.run_cells(self.block.after)
            verdict = notebook.verdict(self.exercise)
            back += notebook.run_cells([CodeCell(wrong.undo, "undo", self.exercise.id)] if wrong.undo else [])
        except StoppedError as error:
            verdict = _stopped(self.exercise, error)
        kind = UNTOUCHED if self.mistake == UNTOUCHED else "wrong"
        self.note(verdict, kind=kind, points=0, of=0, failures=[*failures, *back])
        if verdict.passed:
            verdict = Verdict(
                self.exercise.id, False, WRONG_PASSED, verdict.seen, f"It fails: {self.mistake}."
            )
        broken = verdict.name in (WRONG_PASSED, CHECK_BROKE, REGION_GONE)
        if broken or back or self.mistake not in (UNTOUCHED, verdict.name):
            raise ExerciseFailedError(verdict, [*failures, *back])


class RestItem(_Item):
    """The cells after the last check: they run, and no verdict depends on them."""

    def __init__(self, *, block: Block, **named: Any) -> None:
        super().__init__(**named)
        self.block = block

    def runtest(self) -> None:
        """Passes where no cell ends in an error."""
        try:
            failures = self.parent.begin(self.block)
        except StoppedError as error:
            failures = [str(error)]
        if failures:
            raise ExerciseFailedError(Verdict("", False, CELL_FAILED, failures[0], NO_ERROR), failures)
