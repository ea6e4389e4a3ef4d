"""The loop of `aurora-lab watch`: save, see what the region says of it, go on.

It holds one current exercise. What happens, and what it does:

    event              what is done
    a save             the exercises worked on are checked in the lesson's order, up to the first that fails; that
                       one is current now. (A text file's cells are run first, as they were changed.)
    h  hint            the next hint of the current exercise
    n  next            the next exercise that is not solved is current
    c  check           the current exercise is checked again (for work in a terminal)
    x  run             text file only: its answer is run again and checked
    s  solution        shown where it is solved, or was tried TRIES times
    r  reset           after a y: its answer as it was handed out, its hints and tries anew; the file is kept
    l  list            all exercises and what is solved
    q  quit

Checks look from outside, as the notebook's do, with the evidence that the notebook's kernel kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aurora_lab.course.cards import Card, Mood
from aurora_lab.course.following import OWN, WORK, Follower, Piece
from aurora_lab.course.lab import Lab
from aurora_lab.course.notebooks import Notebook, NotebookError
from aurora_lab.course.places import CourseError
from aurora_lab.course.progress import Progress
from aurora_lab.course.record import Record
from aurora_lab.course.source import GIVEN, SourceError

TRIES = 3
KEYS = {
    "h": "hint",
    "n": "next",
    "c": "check",
    "x": "run",
    "s": "solution",
    "r": "reset",
    "l": "list",
    "q": "quit",
}
PATIENCE = 10
"""How many looks in a row a file may be unreadable."""
AGAIN = ("\r", "\n", " ")
"""What people press without thinking: it means check."""


class OutsideLab(Lab):
    """A lab without a notebook: variables are what a notebook's kernel kept of them."""

    def _variables(self, about: Mapping[str, Any]) -> dict[str, Any]:
        evidence: dict[str, Any] = self._record(about["id"]).entry(about["id"]).get("evidence", {})
        return evidence

    def _for_solution(self, _exercise: str, /) -> str:
        return f"[s] shows a solution, once it was tried {TRIES} times."


class Runs(Protocol):
    """Runs one cell."""

    def run(self, source: str) -> bool:
        """Whether it ended without an error."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the loop works with."""

    lab: Lab
    record: Record
    progress: Progress
    follower: Follower
    handed_out: Notebook
    runner: Runs | None
    """None where a notebook's own kernel runs the cells."""
    solution: Callable[[str], str]
    """The solution of an exercise. Raises CourseError, SourceError."""
    keep: Callable[[Path], Path]
    """Keeps a copy of the learner's file; returns where."""
    say: Callable[[str], None]
    show: Callable[[Card], None]


class Loop:
    """One lesson, followed. Raises CourseError, CheckerGoneError when it is made."""

    def __init__(self, lesson: str, tools: Tools) -> None:
        self.lesson = lesson
        self.tools = tools
        self.titles = {item["id"]: str(item["title"]) for item in tools.lab.exercises(lesson)}
        self.current = next(iter(self._left()), next(iter(self.titles)))
        self._ran: set[Piece] = set()
        self._resetting = False
        self._unreadable = 0

    def greet(self) -> None:
        """Say where the learner stands."""
        self._list()
        self._where()

    def saved(self) -> bool:
        """The file was saved; whether anything was said to that."""
        try:
            changed = self.tools.follower.read()
        except NotebookError as error:
            # An editor may be in the middle of writing it: it is looked at again, and named once.
            self._unreadable += 1
            if self._unreadable == PATIENCE:
                self.tools.say(str(error))
            return self._unreadable == PATIENCE
        self._unreadable = 0
        if self.tools.runner is not None:
            self._run_changed(changed)
        worked = {piece.exercise for piece in changed if piece.role in self._work()}
        for exercise in (name for name in self.titles if name in worked):
            self.current = exercise
            if not self._check():
                break
        return bool(worked)

    def press(self, key: str) -> bool:
        """A key was pressed; whether to go on."""
        key = "c" if key in AGAIN else key.lower()
        if self._resetting:
            self._resetting = False
            if key == "y":
                self._reset()
            else:
                self.tools.say("Nothing is changed.")
            return True
        if key == "q":
            return False
        deeds = {
            "h": self._hint,
            "n": self._next,
            "c": self._check,
            "x": self._again,
            "s": self._solution,
            "r": self._ask_reset,
            "l": self._list,
        }
        if key in deeds:
            deeds[key]()
        return True

    def prompt(self) -> str:
        """The line that names the keys."""
        left_out = set() if self.tools.runner else {"x"}
        if not self._may_see_solution():
            left_out.add("s")
        return "  ".join(f"[{key}] {what}" for key, what in KEYS.items() if key not in left_out)

    # What the keys do.

    def _check(self) -> bool:
        self.tools.say(f"Checking {self.current} {self.titles[self.current]} ...")
        card = self.tools.lab.check(self.current)
        self.tools.show(card)
        if card.passed and not self._left():
            self.tools.say(f"Lesson {self.lesson} is done.")
        elif card.passed:
            self.tools.say("[n] goes on to the next exercise.")
        return bool(card.passed)

    def _hint(self) -> None:
        self.tools.show(self.tools.lab.hint(self.current))

    def _next(self) -> None:
        if self.current in self._left():
            self.tools.say(f"{self.current} is not solved yet; it stays open.")
        order = list(self.titles)
        here = order.index(self.current) + 1
        following = [name for name in [*order[here:], *order[:here]] if name in self._left()]
        if not following:
            self.tools.say(f"Lesson {self.lesson} is done.")
            return
        self.current = following[0]
        self._where()

    def _again(self) -> None:
        if self.tools.runner is None:
            self.tools.say("Run the cell in your notebook; [c] checks.")
            return
        answer = [
            piece
            for piece in self.tools.follower.pieces
            if (piece.role, piece.exercise) == ("answer", self.current)
        ]
        self._run_changed(answer)
        self._check()

    def _solution(self) -> None:
        if not self._may_see_solution():
            tries = self.tools.record.tries(self.current)
            self.tools.say(
                f"The solution is shown once {self.current} is solved, or tried {TRIES} times (so far {tries})."
            )
            return
        try:
            text = self.tools.solution(self.current)
        except (CourseError, SourceError):
            self.tools.say(
                "The solutions are not installed here. They are in the project's folder `solutions`."
            )
            return
        self.tools.show(Card(Mood.NOTE, f"{self.current}, a solution", (("", f"One way to do it:\n{text}"),)))

    def _ask_reset(self) -> None:
        self._resetting = True
        self.tools.say(
            f"Put the answer of {self.current} back as it was handed out? [y] yes, any other key no."
        )

    def _reset(self) -> None:
        try:
            kept = self.tools.keep(self.tools.follower.path)
            self.tools.follower.put_back(self.current, self.tools.handed_out)
        except (NotebookError, OSError) as error:
            self.tools.say(f"It stays as it is: {error}")
            return
        self.tools.record.forget(self.current)
        self.tools.say(f"{self.current} is as new. Your file is kept as {kept}.")
        if not self.tools.follower.is_text:
            self.tools.say("An open notebook shows it after File > Reload Notebook from Disk.")

    def _list(self) -> None:
        done = self.tools.progress.done()
        rows = []
        for name, title in self.titles.items():
            sign = "✓" if name in done else "✗" if self.tools.record.tries(name) else "○"
            rows.append(f"{'>' if name == self.current else ' '} {sign} {name} {title}")
        self.tools.say("\n".join(rows))

    # What they have in common.

    def _where(self) -> None:
        what = "in your text file" if self.tools.runner else "in your notebook (or a terminal)"
        self.tools.say(f"Now {self.current} {self.titles[self.current]}. Work {what}, and save.")

    def _left(self) -> list[str]:
        done = self.tools.progress.done()
        return [name for name in self.titles if name not in done]

    def _may_see_solution(self) -> bool:
        return self.current not in self._left() or self.tools.record.tries(self.current) >= TRIES

    def _work(self) -> frozenset[str]:
        # In a text file a cell of the learner's own has no mark, and so looks given.
        return WORK | {GIVEN} if self.tools.follower.is_text else WORK

    def _run_changed(self, changed: list[Piece]) -> None:
        """Run changed cells, and before each what was given up to there and has not run yet."""
        assert self.tools.runner is not None
        wanted = [piece for piece in changed if piece.role in ("answer", "prediction", GIVEN, OWN)]
        pieces = self.tools.follower.pieces
        last = max((pieces.index(piece) for piece in wanted), default=-1)
        stretch = pieces[last].exercise if last >= 0 else ""
        for number, piece in enumerate(pieces):
            before = number <= last or (piece.exercise == stretch and pieces[last].role == "answer")
            due = piece in wanted or (piece.role in (GIVEN, OWN) and piece not in self._ran)
            if before and due and piece.source.strip():
                self._ran.add(piece)
                head = piece.source.strip().splitlines()
                self.tools.say(f"> {head[0]}{' ...' if len(head) > 1 else ''}")
                self.tools.runner.run(piece.source)
