"""Every lesson, proved on a region: solutions pass, the untouched lesson fails, wrong answers fail as themselves.

Each notebook is run once, through nbval, in a pytest of its own; the tests here look at what came of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from aurora_lab.course.exercises import load_lesson
from aurora_lab.course.forked import Shared, sharing
from aurora_lab.course.grade import GradeError, Result, grade
from aurora_lab.course.places import find_places
from local_region import eventually

PLACES = find_places()
LESSONS = {number: load_lesson(PLACES.check_file(number)) for number in PLACES.numbers()}
SOLVED = {number: PLACES.source(number).with_suffix(".ipynb") for number in LESSONS}
SCALE = 50.0
CELL_SECONDS = 90.0
"""Longer than a submission's cell may take: here other tests and their servers share the processors."""
EXERCISES = [(number, exercise) for number, lesson in LESSONS.items() for exercise in lesson.exercises]
WRONG = [
    (number, exercise, name) for number, exercise in EXERCISES for name in LESSONS[number][exercise].wrong
]
LONGEST = "05"

# The first test of a kind waits for the whole notebook.
pytestmark = pytest.mark.timeout(900)


Proof = Callable[[str], dict[str, Result]]
"""What came of a lesson's notebook, by item."""


@pytest.fixture(scope="session")
def loaded() -> Iterator[Shared]:
    """Kernels, regions and AWS CLIs that start quickly: a proof has hundreds of calls."""
    with sharing("embedded") as found:
        yield found


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest) -> Iterator[ThreadPoolExecutor]:
    """Two notebooks at a time: they wait for servers more than they compute."""
    request.getfixturevalue("loaded")  # it must outlive the gradings
    with ThreadPoolExecutor(2) as made:
        yield made
        made.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def proof(request: pytest.FixtureRequest, loaded: Shared, pool: ThreadPoolExecutor) -> Proof:
    """The solved notebook, with every wrong answer tried before its exercise's solution."""

    def prove(number: str) -> dict[str, Result]:
        found = grade(
            SOLVED[number],
            prove=True,
            runtime="embedded",
            scale=SCALE,
            cell_seconds=CELL_SECONDS,
            shared=loaded,
        )
        return {result.item: result for result in found}

    return _ahead(request, pool, prove)


@pytest.fixture(scope="session")
def untouched(request: pytest.FixtureRequest, loaded: Shared, pool: ThreadPoolExecutor) -> Proof:
    """The lesson as it is handed out."""

    def try_it(number: str) -> dict[str, Result]:
        found = grade(
            PLACES.lesson(number), runtime="embedded", scale=SCALE, cell_seconds=CELL_SECONDS, shared=loaded
        )
        return {result.exercise: result for result in found}

    return _ahead(request, pool, try_it)


@pytest.fixture(scope="session")
def on_containers(request: pytest.FixtureRequest, no_engine: str | None, pool: ThreadPoolExecutor) -> Proof:
    """The solved notebook, on containers."""
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")

    def try_it(number: str) -> dict[str, Result]:
        found = grade(SOLVED[number], runtime="containers", scale=SCALE, cell_seconds=CELL_SECONDS)
        return {result.exercise: result for result in found}

    return _ahead(request, pool, try_it)


def _ahead(request: pytest.FixtureRequest, pool: ThreadPoolExecutor, run: Proof) -> Proof:
    """Begin at once with all lessons whose tests of this kind are to come, in their order."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    numbers = [item.callspec.params["lesson"] for item in items if request.fixturename in item.fixturenames]
    begun = {number: pool.submit(run, number) for number in dict.fromkeys(numbers)}
    return lambda number: begun[number].result()


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_the_solution_passes(proof: Proof, lesson: str, exercise: str) -> None:
    about = LESSONS[lesson][exercise]
    result = proof(lesson)[f"{exercise} {about.title}"]
    assert (result.passed, result.cells) == (True, ())
    assert result.points == about.points


@pytest.mark.parametrize(("lesson", "exercise", "wrong"), WRONG)
def test_a_wrong_answer_fails_with_its_own_mistake(
    proof: Proof, lesson: str, exercise: str, wrong: str
) -> None:
    result = proof(lesson)[f"{exercise} wrong: {wrong}"]
    assert (result.passed, result.name, result.points) == (False, wrong, 0)
    assert result.explanation == LESSONS[lesson][exercise].wrong[wrong].explanation


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_an_exercise_is_not_solved_by_those_before_it(proof: Proof, lesson: str, exercise: str) -> None:
    result = proof(lesson)[f"{exercise} untouched"]
    assert (result.passed, result.points) == (False, 0)
    assert result.name not in ("check-broke", "region-gone", "too-slow", "too-loud", "kernel-died")


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_the_untouched_lesson_fails(untouched: Proof, lesson: str, exercise: str) -> None:
    result = untouched(lesson)[exercise]
    assert (result.passed, result.points) == (False, 0)
    assert result.seen
    assert result.expected


@pytest.mark.containers
@pytest.mark.parametrize("lesson", LESSONS)
def test_the_solutions_pass_on_containers_too(on_containers: Proof, lesson: str) -> None:
    found = on_containers(lesson).values()
    failed = [(item.exercise, item.name, item.seen, item.cells) for item in found if not item.passed]
    assert failed == []
    assert len(found) == len(LESSONS[lesson].exercises)


def test_grading_that_takes_too_long_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(GradeError, match=r"(?s)not done after.*session starts"):
        grade(SOLVED[LONGEST], prove=True, runtime="embedded", scale=SCALE, seconds=20.0)
    # The kernel ends by itself when it finds its parent gone.
    eventually(lambda: not _running(str(tmp_path)), "no process of the grading runs", seconds=120)


def _running(folder: str) -> list[list[str]]:
    """The command lines that name a folder."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if folder in " ".join(command)]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_mistake_is_explained_in_its_own_words(lesson: str) -> None:
    items = LESSONS[lesson].exercises.values()
    told = [wrong.explanation for item in items for wrong in item.wrong.values()]
    assert len(set(told)) == len(told)
    assert all(len(words.split()) >= 8 for words in told)
