"""`aurora-lab watch` in a pseudo-terminal: the whole of lesson 05, with an editor that saves."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from aurora_lab.course.exercises import load_lesson
from aurora_lab.course.places import find_places
from aurora_lab.course.plaintext import replace_answer
from aurora_lab.course.progress import Progress
from aurora_lab.course.source import read_source, solution
from aurora_lab.region import client
from aurora_lab.region.home import Home
from local_region import short_folder

SECONDS = 90
PLACES = find_places()
SOURCE = read_source(PLACES.source("05"))
LESSON = load_lesson(PLACES.check_file("05"))

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind"),
]


class Learner:
    """A terminal with `aurora-lab watch`, and an editor for the lesson's text file."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.file = folder / "work" / "05_hands_on_psql.py"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG"))}
        environ |= {"AURORA_LAB_HOME": str(self.home.folder), "AURORA_LAB_WORKSPACE": str(folder / "work")}
        arguments = ["-m", "aurora_lab.cli", "watch", "5", "--text", "--runtime", "embedded", "--scale", "50"]
        self.terminal = pexpect.spawn(
            sys.executable, arguments, env=environ, cwd=str(folder), encoding="utf-8", dimensions=(40, 200)
        )
        self.terminal.timeout = SECONDS

    def sees(self, *words: str) -> None:
        """Wait until the terminal shows these, one after the other."""
        for word in words:
            self.terminal.expect_exact(word)

    def answers(self, exercise: str, source: str) -> None:
        """Write an answer into the file and save it as editors do."""
        new = self.file.with_suffix(".saving")
        new.write_text(replace_answer(self.file.read_text(), exercise, source))
        new.replace(self.file)

    def press(self, key: str) -> None:
        self.terminal.send(key)


@pytest.fixture
def learner() -> Iterator[Learner]:
    folder = short_folder()
    learner = Learner(folder)
    try:
        yield learner
    finally:
        learner.terminal.close(force=True)
        client.stop(learner.home)
        shutil.rmtree(learner.home.data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_learner_works_through_the_whole_lesson(learner: Learner) -> None:
    learner.sees("> ○ 05.1 Create the cluster", "Now 05.1 Create the cluster", "[q] quit")
    handed_out = learner.file.read_text()

    # Hints come one by one, and the solution not before three tries.
    learner.press("h")
    learner.sees("Hint 1 of 3")
    learner.press("s")
    learner.sees("once 05.1 is solved, or tried 3 times (so far 0)")
    learner.press("\r")
    learner.sees("Checking 05.1", "05.1 Create the cluster: not yet", "Expected:")
    wrong = LESSON["05.1"].wrong["no-database"]
    learner.answers("05.1", wrong.source)
    learner.sees("Checking 05.1", "was made without one", wrong.explanation[:40], "Hint 2 of 3")
    learner.press("c")
    learner.sees("Hint 3 of 3", "[s] solution")
    learner.press("s")
    learner.sees("05.1, a solution", "aws rds create-db-cluster")

    # Ctrl-C ends a cell that does not end, and not the loop.
    learner.answers("05.1", 'import time\nprint("za" * 3)\ntime.sleep(600)')
    learner.sees("zazaza")
    learner.terminal.sendintr()
    learner.sees("Interrupted.", "Checking 05.1", "not yet", "[q] quit")

    # The answer as it was handed out, and the file as it was kept.
    learner.press("r")
    learner.sees("[y] yes")
    learner.press("n")
    learner.sees("Nothing is changed")
    learner.press("r")
    learner.sees("[y] yes")
    learner.press("y")
    learner.sees("05.1 is as new. Your file is kept as")
    assert learner.file.read_text() == handed_out
    (kept,) = (learner.file.parent / "backups").iterdir()
    assert "time.sleep(600)" in kept.read_text()

    learner.answers("05.1", f"{wrong.undo}\n")
    learner.sees("Checking 05.1", "not yet")
    for exercise in LESSON.exercises.values():
        learner.answers(exercise.id, solution(SOURCE, exercise.id))
        learner.sees(f"Checking {exercise.id}", f"{exercise.id} {exercise.title}: passed")
        if exercise.id != "05.10":
            learner.sees("[n] goes on")
            learner.press("n")
            learner.sees("Now 05.")
    learner.sees("Lesson 05 is done.")
    learner.press("l")
    learner.sees(*(f"✓ {exercise.id} {exercise.title}" for exercise in LESSON.exercises.values()))
    learner.press("q")
    learner.sees("stay as they are")
    learner.terminal.expect(pexpect.EOF)
    learner.terminal.wait()
    assert learner.terminal.exitstatus == 0
    assert list(Progress(learner.home).done()) == list(LESSON.exercises)
