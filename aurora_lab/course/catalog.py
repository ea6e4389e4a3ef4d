"""What lessons there are, read from their notebooks alone: a new lesson is found by its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson as a list shows it."""

    number: str
    """Two digits."""
    title: str
    minutes: int
    """0 where the notebook does not say."""
    exercises: tuple[str, ...]
    """The ids of its exercises, in order."""
    path: Path

    def left(self, done: Iterable[str]) -> list[str]:
        """The exercises that are not done."""
        finished = set(done)
        return [exercise for exercise in self.exercises if exercise not in finished]


def read_catalog(lessons: Path) -> list[Entry]:
    """The lessons in a folder of built notebooks, in order. One that cannot be read has no exercises."""
    paths = (path for path in sorted(lessons.glob("*.ipynb")) if re.fullmatch(r"\d\d_\w+", path.stem))
    return [_entry(path) for path in paths]


def first_open(entries: list[Entry], done: Set[str]) -> Entry | None:
    """The first lesson that is not done; the last one where all are; None where there is none."""
    for entry in entries:
        if not entry.exercises or entry.left(done):
            return entry
    return entries[-1] if entries else None


def _entry(path: Path) -> Entry:
    number, _, slug = path.stem.partition("_")
    about: dict[str, Any] = {}
    exercises: list[str] = []
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        about = notebook["metadata"].get("aurora_lab", {})
        marks = [cell["metadata"].get("aurora_lab", {}) for cell in notebook["cells"]]
        exercises = [str(mark["exercise"]) for mark in marks if mark.get("role") == "check"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # the list of lessons is shown all the same
    title = str(about.get("title") or slug.replace("_", " "))
    return Entry(number, title, int(about.get("minutes") or 0), tuple(exercises), path)
