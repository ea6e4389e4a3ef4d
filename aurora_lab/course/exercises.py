"""What an exercise is: a check that looks from outside, hints that come one by one, known wrong answers.

A lesson's checks stand in `checks/lesson_NN.py`, one function an exercise:

    @exercise("05.1", "Create the cluster", points=1, hints=[...], wrong={"name": Wrong(...)})
    def cluster(region, evidence):
        ...
        raise Mistake("name", seen="what there is", expected="what was asked for")
        ...
        return Passed("what was seen")

A lesson that does not start from an empty region has its start there too, as a cell: `BEGIN = "..."`.

A check is given a view of the region and the notebook's evidence, both plain data from outside the learner's
process, and changes nothing. Its mistakes have names: a name that is in `wrong` takes its explanation from
there, and a test proves that this wrong answer fails with this name.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from aurora_lab.course.places import CourseError

Evidence = Mapping[str, Any]
"""JSON values from the notebook, by the name of the variable or answer."""

PACKAGE = "aurora_lab_checks"
"""Check files are loaded as modules of a package of this name and their folder's digest, so that one may
import another beside it."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The exercise is solved; `seen` is the sentence that says by what."""

    seen: str


class Mistake(Exception):  # noqa: N818 - a mistake is not an error of the program
    """The exercise is not solved: a named mistake, what was seen, and what was expected instead."""

    def __init__(self, name: str, seen: str, expected: str, explanation: str = "") -> None:
        super().__init__(f"{name}: {seen}")
        self.name = name
        self.seen = seen
        self.expected = expected
        self.explanation = explanation
        """Why it matters; for a mistake that is not among the exercise's known wrong answers."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A known wrong answer: what it does, and what to tell the learner who did it."""

    source: str
    """The answer cell as such a learner would write it; it runs in the place of the solution."""
    explanation: str
    """Why it is wrong and how to put it right, in one or two sentences."""
    undo: str = ""
    """A cell that brings the region back to where it was before, for the tests."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to a lesson's question that the learner commits to before the experiment."""

    letters: str
    """The letters to choose from, as `abc`."""
    right: str
    """The letter that the experiment shows."""
    why: str
    """Told after the experiment, to everybody."""


Check = Callable[[Any, Evidence], Passed]
"""Raises Mistake, or returns Passed. (The first argument is a `region_view.RegionView`, or a test's double.)"""


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: its check and all that is told around it."""

    id: str
    """As `05.1`: lesson, then number."""
    title: str
    points: int
    check: Check
    hints: Sequence[str]
    """From a nudge to nearly the answer."""
    wrong: Mapping[str, Wrong]
    """Known wrong answers by the name of their mistake."""
    variables: Sequence[str] = ()
    """Names of notebook variables that are evidence."""
    prediction: Prediction | None = None

    @property
    def lesson(self) -> str:
        """The lesson's number, as `05`."""
        return self.id.partition(".")[0]

    def explain(self, mistake: Mistake) -> str:
        """What to tell a learner who made this mistake."""
        if mistake.name in self.wrong:
            return self.wrong[mistake.name].explanation
        return mistake.explanation


def exercise(
    id: str,
    title: str,
    *,
    points: int = 1,
    hints: Sequence[str],
    wrong: Mapping[str, Wrong],
    variables: Sequence[str] = (),
    prediction: Prediction | None = None,
) -> Callable[[Check], Exercise]:
    """Make the decorated check function an Exercise of its module."""

    def make(check: Check) -> Exercise:
        return Exercise(id, title, points, check, hints, wrong, variables, prediction)

    return make


def need(evidence: Evidence, name: str) -> Any:
    """The evidence of this name. Raises Mistake where the notebook gave none."""
    if evidence.get(name) is None:
        raise Mistake(
            "no-answer",
            seen=f"There is nothing in the variable `{name}` yet.",
            expected=f"Your answer cell leaves its result in a variable named `{name}`.",
            explanation="Run your answer cell before the check. If it ends with an error, mend that first. "
            "After a restart of the kernel its variables are gone.",
        )
    return evidence[name]


def need_lines(evidence: Evidence, name: str) -> list[str]:
    """Evidence as lines of text, without blank ones: a string or a list of strings. Raises Mistake."""
    value = need(evidence, name)
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Mistake(
            "not-text",
            seen=f"`{name}` is a {type(value).__name__}: {str(value)[:80]}",
            expected=f"`{name}` holds the lines that the command printed.",
            explanation="Take the output as it came: a string, or a list of strings.",
        )
    return [line.strip() for line in lines if line.strip()]


@dataclass(frozen=True, slots=True)
class Lesson:
    """The exercises of one lesson, in order."""

    id: str
    exercises: Mapping[str, Exercise] = field(default_factory=dict)
    begin: str = ""
    """A cell that makes, in an empty region, what the lesson starts from: `BEGIN` in its check file."""

    def __getitem__(self, exercise_id: str) -> Exercise:
        """The exercise. Raises CourseError where there is none of this id."""
        if exercise_id not in self.exercises:
            known = ", ".join(self.exercises)
            raise CourseError(f"There is no exercise {exercise_id!r}. This lesson has {known}.")
        return self.exercises[exercise_id]


def load_lesson(path: Path) -> Lesson:
    """The lesson whose checks stand in this file. Raises CourseError."""
    module = _load_module(path)
    found = sorted(
        (value for value in vars(module).values() if isinstance(value, Exercise)),
        key=lambda item: [int(part) for part in item.id.split(".")],
    )
    if not found:
        raise CourseError(f"{path} defines no exercise.")
    exercises = {item.id: item for item in found}
    if len(exercises) != len(found):
        raise CourseError(f"{path} defines an exercise twice.")
    return Lesson(found[0].lesson, exercises, str(getattr(module, "BEGIN", "")))


def _load_module(path: Path) -> ModuleType:
    package = f"{PACKAGE}_{hashlib.sha256(str(path.parent.resolve()).encode()).hexdigest()[:8]}"
    if package not in sys.modules:
        folder = importlib.machinery.ModuleSpec(package, None, is_package=True)
        folder.submodule_search_locations = [str(path.parent)]
        sys.modules[package] = importlib.util.module_from_spec(folder)
    name = f"{package}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CourseError(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise CourseError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module
