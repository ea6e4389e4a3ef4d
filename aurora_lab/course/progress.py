"""What a learner has solved: a plain text file in the home, one line for each thing that happened.

    05.1 passed 2026-03-04T05:06:07.000Z
    05 begun anew 2026-03-05T05:06:07.000Z

Lines are only ever added, so that two programs can write at once and nothing is lost. A lesson that was begun
anew counts from there. Lines that cannot be understood are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aurora_lab.course.cards import Card, Mood
from aurora_lab.course.catalog import Entry
from aurora_lab.region.clock import timestamp
from aurora_lab.region.home import Home

PROGRESS = "progress.txt"
HEAD = "# What you have solved in aurora-lab. Lines are added; delete one to have it open again.\n"
PASSED, ANEW = "passed", "begun anew"


class Progress:
    """The file of one home."""

    def __init__(self, home: Home) -> None:
        self.path = home.folder / PROGRESS

    def done(self) -> dict[str, str]:
        """When each solved exercise was solved first, by its id."""
        found: dict[str, str] = {}
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            # A home that cannot be read is a trouble that others name better.
            return found
        for line in lines:
            if match := re.fullmatch(rf"\s*(\d\d\.\d+)\s+{PASSED}\b\s*(\S*)\s*", line):
                found.setdefault(match[1], match[2])
            elif match := re.fullmatch(rf"\s*(\d\d)\s+{ANEW}\b.*", line):
                found = {name: at for name, at in found.items() if not name.startswith(f"{match[1]}.")}
        return found

    def passed(self, exercise: str) -> None:
        """Note that an exercise is solved, once. Raises OSError."""
        if exercise not in self.done():
            self._add(f"{exercise} {PASSED} {timestamp()}")

    def begin_anew(self, lesson: str) -> None:
        """Nothing of a lesson counts as solved from now on. Raises OSError."""
        if any(name.startswith(f"{lesson}.") for name in self.done()):
            self._add(f"{lesson} {ANEW} {timestamp()}")

    def _add(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+", encoding="utf-8") as file:
            head = HEAD if file.tell() == 0 else ""
            # One write: a line of another program does not get into the middle of it.
            file.write(f"{head}{line}\n")


def progress_card(entries: Sequence[Entry], progress: Progress) -> Card:
    """Each lesson, and how much of it is done."""
    done = progress.done()
    rows = []
    solved = total = 0
    for entry in entries:
        here = len(entry.exercises) - len(entry.left(done))
        solved, total = solved + here, total + len(entry.exercises)
        marks = "".join("●" if name in done else "○" for name in entry.exercises)
        rows.append((f"{entry.number} {entry.title}", f"{marks} {here} of {len(entry.exercises)}"))
    following = next((left[0] for entry in entries if (left := entry.left(done))), None)
    rows.append(("", f"Next is {following}." if following else "All is done."))
    mood = Mood.NOTE if following else Mood.PASS
    return Card(mood, f"{solved} of {total} exercises solved", tuple(rows))
