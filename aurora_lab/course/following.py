"""Follow a learner's file from save to save: which exercises were worked on since the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from aurora_lab.course import notebooks
from aurora_lab.course.notebooks import Notebook, NotebookError
from aurora_lab.course.plaintext import cells_of, replace_answer
from aurora_lab.course.source import GIVEN

OWN = "own"
"""The role of a cell that the learner added to a notebook."""
WORK = frozenset({"answer", OWN})
TEXT_SUFFIX = ".py"


@dataclass(frozen=True, slots=True)
class Piece:
    """One code cell as it was saved."""

    role: str
    """answer, prediction, check, given, real-aws or own."""
    exercise: str
    """The exercise in whose stretch it stands: after the check before, up to its own check."""
    source: str
    trace: str = ""
    """What a notebook shows of its last run: a cell that was run again is work, too."""


class Follower:
    """One file, and what it held when it was read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_text = path.suffix == TEXT_SUFFIX
        self.pieces = self._read()
        self._stamp = self._look()

    def saved(self) -> bool:
        """Whether the file was saved since it was read last."""
        return self._look() not in (None, self._stamp)

    def read(self) -> list[Piece]:
        """Read it again; return the cells that changed. Raises NotebookError; then it is still to be read."""
        stamp = self._look()
        before = set(self.pieces)
        self.pieces = self._read()
        self._stamp = stamp
        return [piece for piece in self.pieces if piece not in before]

    def put_back(self, exercise: str, handed_out: Notebook) -> None:
        """Write the answer of an exercise as it was handed out. Raises NotebookError, OSError."""
        answers = {notebooks.mark(cell).get("id"): cell for cell in handed_out.cells}
        name = f"answer-{exercise.replace('.', '-')}"
        if self.is_text:
            text = self.path.read_text(encoding="utf-8")
            self._write(replace_answer(text, exercise, answers[name].source))
        else:
            notebook = notebooks.read(self.path)
            for cell in notebook.cells:
                if notebooks.mark(cell).get("id") == name:
                    cell.source, cell.outputs, cell.execution_count = answers[name].source, [], None
            self._write(notebooks.dumps(notebook))
        self.read()

    def _write(self, text: str) -> None:
        temporary = self.path.with_name(f".{self.path.name}.new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None  # an editor that saves by rename is between two files
        return found.st_mtime_ns, found.st_size

    def _read(self) -> list[Piece]:
        if not self.is_text:
            return _stretches(_notebook_cells(notebooks.read(self.path)))
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotebookError(f"{self.path} cannot be read: {error}") from error
        return _stretches([Piece(*cell) for cell in cells_of(text)])


def _notebook_cells(notebook: Notebook) -> list[Piece]:
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            mark = notebooks.mark(cell)
            trace = json.dumps([cell.get("execution_count"), cell.get("outputs")], sort_keys=True)
            role, exercise = str(mark.get("role", OWN)), str(mark.get("exercise", ""))
            found.append(Piece(role, exercise, cell.source, trace))
    return found


def _stretches(cells: list[Piece]) -> list[Piece]:
    """The cells with the exercise that each belongs to."""
    found: list[Piece] = []
    exercise = ""
    for cell in reversed(cells):
        if cell.role == "check" or (cell.role == "answer" and cell.exercise):
            exercise = cell.exercise
        elif cell.role not in (GIVEN, OWN):
            exercise = cell.exercise or exercise
        found.append(Piece(cell.role, exercise, cell.source, cell.trace))
    return found[::-1]
