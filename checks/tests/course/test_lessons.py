"""Lesson 05, proved on a region: solutions pass, the untouched lesson fails, wrong answers fail as themselves.

Each notebook is run once, through nbval, in a pytest of its own; the tests here look at what came of it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil
import pytest

from aurora_lab.course.exercises import load_lesson
from aurora_lab.course.grade import GradeError, Result, grade
from aurora_lab.course.places import find_places
from local_region import eventually

PLACES = find_places()
LESSON = load_lesson(PLACES.check_file("05"))
SOLVED = PLACES.source("05").with_suffix(".ipynb")
SCALE = 50.0
WRONG = [(item.id, name) for item in LESSON.exercises.values() for name in item.wrong]

# The first test of a kind waits for the whole notebook.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def proof() -> dict[str, Result]:
    """The solved notebook, with every wrong answer tried before its exercise's solution."""
    return {result.item: result for result in grade(SOLVED, prove=True, runtime="embedded", scale=SCALE)}


@pytest.fixture(scope="session")
def untouched() -> dict[str, Result]:
    """The lesson as it is handed out."""
    found = grade(PLACES.lesson("05"), runtime="embedded", scale=SCALE)
    return {result.exercise: result for result in found}


@pytest.mark.parametrize("exercise", LESSON.exercises)
def test_the_solution_passes(proof: dict[str, Result], exercise: str) -> None:
    result = proof[f"{exercise} {LESSON[exercise].title}"]
    assert (result.passed, result.cells) == (True, ())
    assert result.points == LESSON[exercise].points


@pytest.mark.parametrize(("exercise", "wrong"), WRONG)
def test_a_wrong_answer_fails_with_its_own_mistake(
    proof: dict[str, Result], exercise: str, wrong: str
) -> None:
    result = proof[f"{exercise} wrong: {wrong}"]
    assert (result.passed, result.name, result.points) == (False, wrong, 0)
    assert result.explanation == LESSON[exercise].wrong[wrong].explanation


@pytest.mark.parametrize("exercise", LESSON.exercises)
def test_an_exercise_is_not_solved_by_those_before_it(proof: dict[str, Result], exercise: str) -> None:
    result = proof[f"{exercise} untouched"]
    assert (result.passed, result.points) == (False, 0)
    assert result.name not in ("check-broke", "region-gone")


@pytest.mark.parametrize("exercise", LESSON.exercises)
def test_the_untouched_lesson_fails(untouched: dict[str, Result], exercise: str) -> None:
    result = untouched[exercise]
    assert (result.passed, result.points) == (False, 0)
    assert result.seen
    assert result.expected


@pytest.mark.containers
def test_the_solutions_pass_on_containers_too(no_engine: str | None) -> None:
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    found = grade(SOLVED, runtime="containers", scale=SCALE)
    failed = [(item.exercise, item.name, item.seen, item.cells) for item in found if not item.passed]
    assert failed == []
    assert len(found) == len(LESSON.exercises)


def test_grading_that_takes_too_long_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(GradeError, match=r"(?s)not done after.*1 untouched PASSED"):
        grade(SOLVED, prove=True, runtime="embedded", scale=SCALE, seconds=20.0)
    # The kernel ends by itself when it finds its parent gone.
    eventually(lambda: not _running(str(tmp_path)), "no process of the grading runs", seconds=20)


def _running(folder: str) -> list[list[str]]:
    """The command lines that name a folder."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if folder in " ".join(command)]


def test_every_mistake_is_explained_in_its_own_words() -> None:
    told = [wrong.explanation for item in LESSON.exercises.values() for wrong in item.wrong.values()]
    assert len(set(told)) == len(told)
    assert all(len(words.split()) >= 8 for words in told)
