"""Where the course's files lie: in a checkout beside the package, or inside the installed package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "AURORA_LAB_COURSE"
"""Names another folder that holds `lessons`, `checks` and `solutions` (tests use it)."""


class CourseError(Exception):
    """The course's own files are missing or wrong; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """The course's folders."""

    root: Path

    @property
    def lessons(self) -> Path:
        """What a learner opens."""
        return self.root / "lessons"

    @property
    def checks(self) -> Path:
        """The checks of each lesson."""
        return self.root / "checks"

    @property
    def solutions(self) -> Path:
        """The authored sources and the solved notebooks; in a checkout only."""
        return self.root / "solutions"

    def numbers(self) -> list[str]:
        """The numbers (`05`) of the lessons that have a source, in order."""
        return sorted(path.name.partition("_")[0] for path in self.solutions.glob("[0-9][0-9]_*.py"))

    def source(self, lesson: str) -> Path:
        """The authored source of a lesson given by its number (`05`). Raises CourseError."""
        return _the_one(self.solutions, f"{lesson}_*.py", f"lesson {lesson} has no source")

    def lesson(self, lesson: str) -> Path:
        """The built notebook of a lesson given by its number. Raises CourseError."""
        return _the_one(self.lessons, f"{lesson}_*.ipynb", f"lesson {lesson} has no notebook")

    def check_file(self, lesson: str) -> Path:
        """The checks of a lesson given by its number. Raises CourseError."""
        return _the_one(self.checks, f"lesson_{lesson}.py", f"lesson {lesson} has no checks")


def find_places() -> Places:
    """The folders named by `$AURORA_LAB_COURSE`, of the installed package, or of the checkout.

    Raises CourseError.
    """
    if given := os.environ.get(VARIABLE):
        return Places(Path(given).expanduser().absolute())
    package = Path(__file__).resolve().parents[1]
    for root in (package / "_course", package.parent):
        if (root / "checks").is_dir() and (root / "lessons").is_dir():
            return Places(root)
    raise CourseError(
        f"The lessons are missing beside {package}. Install aurora-lab again, or name their folder "
        f"with {VARIABLE}."
    )


def _the_one(folder: Path, pattern: str, otherwise: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise CourseError(f"In {folder}: {otherwise} ({pattern} matches {len(found)} files).")
    return found[0]
