"""Read a lesson's authored source: a jupytext percent file with front matter and marked cells.

What a cell is stands in its marker, after `# %%`:

    exercise="05.1"     the learner's answer; the solution stands between SOLUTION_BEGIN and SOLUTION_END
    predict="05.1"      the learner's prediction before the experiment, with a solution of its own
    check="05.1"        the call of the check
    tags=["real-aws"]   an optional cell on a real account
    tags=["instructor"] (prose) what to say and what goes wrong here; learners do not get it
    picture="goal.png"  (prose) the picture `attachment:goal.png`, from `solutions/pictures/`
    nothing             given: prose, or code that the learner runs as it is
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext  # type: ignore[import-untyped]

SOLUTION_BEGIN = "### BEGIN SOLUTION"
SOLUTION_END = "### END SOLUTION"
ROLES = {"exercise": "answer", "predict": "prediction", "check": "check"}
GIVEN, REAL_AWS, INSTRUCTOR = "given", "real-aws", "instructor"
LEARNERS = frozenset({"answer", "prediction"})
"""The roles of the cells that belong to the learner."""


class SourceError(Exception):
    """The source of a lesson is wrong; the message says where."""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a lesson says of itself."""

    lesson: str
    title: str
    minutes: int
    objectives: tuple[str, ...]
    when_late: str
    """What to leave out when there is too little time."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the source."""

    kind: str
    """`code` or `markdown`."""
    source: str
    role: str
    """answer, prediction, check, given, real-aws or instructor."""
    exercise: str
    """The exercise's id, or nothing."""
    id: str
    """Unique in the lesson; the same in every build."""
    picture: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed lesson."""

    path: Path
    front: FrontMatter
    cells: tuple[Cell, ...]


def read_source(path: Path) -> Source:
    """Parse the source of a lesson. Raises SourceError."""
    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    front = _front_matter(path, notebook.metadata.get("aurora_lab"))
    return Source(path, front, tuple(_cells(path, front, notebook.cells)))


def _front_matter(path: Path, found: Any) -> FrontMatter:
    try:
        return FrontMatter(
            lesson=str(found["lesson"]),
            title=str(found["title"]),
            minutes=int(found["minutes"]),
            objectives=tuple(str(item) for item in found["objectives"]),
            when_late=str(found["when_late"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path}: the front matter needs jupyter: aurora_lab: with lesson, title, minutes, objectives "
            f"and when_late ({error})."
        ) from error


def _cells(path: Path, front: FrontMatter, cells: list[Any]) -> Iterator[Cell]:
    used: Counter[str] = Counter()
    for number, found in enumerate(cells):
        where = f"{path}, cell {number + 1}"
        marks = {name: str(found.metadata[name]) for name in ROLES if name in found.metadata}
        if len(marks) > 1:
            raise SourceError(f"{where}: a cell is one of {', '.join(marks)}.")
        tags = tuple(found.metadata.get("tags", ()))
        mark, exercise = next(iter(marks.items()), ("", ""))
        role = ROLES.get(mark) or next((tag for tag in (REAL_AWS, INSTRUCTOR) if tag in tags), GIVEN)
        if exercise and not re.fullmatch(rf"{re.escape(front.lesson)}\.\d+", exercise):
            raise SourceError(f"{where}: {exercise!r} is not an exercise of lesson {front.lesson}.")
        if role == INSTRUCTOR and found.cell_type != "markdown":
            raise SourceError(f"{where}: notes for instructors are prose.")
        if role in LEARNERS and not has_solution(found.source):
            raise SourceError(f"{where}: the {role} of {exercise} has no solution between its marks.")
        name = f"{role}-{exercise.replace('.', '-')}" if exercise else _name(found.source)
        used[name] += 1
        yield Cell(
            kind=str(found.cell_type),
            source=str(found.source),
            role=role,
            exercise=exercise,
            id=name if used[name] == 1 else f"{name}-{used[name]}",
            picture=str(found.metadata.get("picture", "")),
            tags=tags,
        )


def solution(source: Source, exercise: str) -> str:
    """What the solution writes into the answer of an exercise; empty where there is no such answer."""
    answers = [cell for cell in source.cells if (cell.role, cell.exercise) == ("answer", exercise)]
    return only_solution(answers[0].source) if answers else ""


def _name(source: str) -> str:
    return f"cell-{hashlib.sha256(source.encode()).hexdigest()[:10]}"


def has_solution(source: str) -> bool:
    """Whether a cell holds one pair of solution marks, in order."""
    marks = [line.strip() for line in source.splitlines() if line.strip() in (SOLUTION_BEGIN, SOLUTION_END)]
    return marks == [SOLUTION_BEGIN, SOLUTION_END]


def without_solution(source: str) -> str:
    """The cell as the learner gets it: the solution is taken out, a line says where it goes."""
    kept, inside = [], False
    for line in source.splitlines():
        if line.strip() == SOLUTION_BEGIN:
            inside = True
            kept.append(line.replace(SOLUTION_BEGIN, "# Your answer goes here."))
        elif line.strip() == SOLUTION_END:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def only_solution(source: str) -> str:
    """The cell without its marks: what a learner who solved it might have written."""
    marks = (SOLUTION_BEGIN, SOLUTION_END)
    return "\n".join(line for line in source.splitlines() if line.strip() not in marks)
