"""Put a submission back into the lesson's own frame: the learner's answers, and nothing else of theirs.

Given cells and checks always come from the lesson as it was handed out, whether the submission still has them,
has them twice, or has them changed. The learner's cells are found by their exercise id; cells that the
learner added belong to the exercise in whose stretch of the notebook they stand. Tags, stored outputs and
skip marks of a submission are left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aurora_lab.course import notebooks
from aurora_lab.course.notebooks import Notebook
from aurora_lab.course.source import LEARNERS


@dataclass(frozen=True, slots=True)
class CodeCell:
    """One cell to run."""

    source: str
    role: str
    """answer, prediction, check, given or real-aws."""
    exercise: str


@dataclass(slots=True)
class Block:
    """The stretch of a notebook that ends with one exercise's check. The last block may have no exercise."""

    exercise: str
    before: list[CodeCell] = field(default_factory=list)
    """Given cells and the prediction, up to the answer."""
    answer: list[CodeCell] = field(default_factory=list)
    after: list[CodeCell] = field(default_factory=list)
    """Up to the check, and the check."""


def restore(submission: Notebook, lesson: Notebook) -> list[Block]:
    """The cells to run for a submission, block by block."""
    theirs = _by_answer(submission, lesson)
    blocks = [Block("")]
    for cell in _code(lesson):
        mark = notebooks.mark(cell)
        role, exercise = mark.get("role", "given"), mark.get("exercise", "")
        block = blocks[-1]
        if role in LEARNERS:
            cells = [CodeCell(text, role, exercise) for text in theirs.get(mark["id"], [])]
        else:
            cells = [CodeCell(cell.source, role, exercise)]
        if role == "answer":
            block.exercise = exercise
            block.answer += cells
        elif block.exercise:
            block.after += cells
        else:
            block.before += cells
        if role == "check":
            blocks.append(Block(""))
    return [block for block in blocks if block.exercise or block.before]


def _by_answer(submission: Notebook, lesson: Notebook) -> dict[str, list[str]]:
    """The submission's own code, by the id of the lesson's cell that it answers."""
    marks = [notebooks.mark(cell) for cell in _code(lesson)]
    place = {mark["id"]: number for number, mark in enumerate(marks)}
    theirs: dict[str, list[str]] = {}
    here = 0
    for cell in _code(submission):
        mark = notebooks.mark(cell)
        known = mark.get("id") in place and mark == marks[place[mark["id"]]]
        if known:
            here = place[mark["id"]]
        if known and mark["role"] in LEARNERS:
            answer = mark["id"]
        elif mark and mark.get("role") not in LEARNERS:
            continue  # a given cell or a check: ours is run instead
        else:
            answer = _answer_at(marks, here)
        if cell.source.strip() and cell.source not in theirs.setdefault(answer, []):
            theirs[answer].append(cell.source)
    return theirs


def _answer_at(marks: list[dict[str, str]], here: int) -> str:
    """The id of the answer to whose exercise a cell after the lesson's cell `here` belongs."""
    start = here + 1 if marks[here]["role"] == "check" else here
    later = [mark for mark in marks[start:] if mark["role"] in ("answer", "check")]
    if later and later[0]["role"] == "check":
        # Between an answer and its check: it belongs to that answer.
        return next(
            mark["id"]
            for mark in marks
            if mark["role"] == "answer" and mark["exercise"] == later[0]["exercise"]
        )
    if later:
        return later[0]["id"]
    return [mark["id"] for mark in marks if mark["role"] == "answer"][-1]


def _code(notebook: Notebook) -> Iterator[Notebook]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")
