"""The checker's process: warm, restarted when it ends, never disturbed by a check that prints."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from aurora_lab.course.checker import Checker, CheckerGoneError
from aurora_lab.course.places import VARIABLE, CourseError
from aurora_lab.region.home import Home, RegionInfo

CHECKS = """
import os, sys, time
from aurora_lab.course.exercises import Mistake, Passed, Prediction, exercise

HINTS = ["a nudge", "a pointer", "nearly it"]

@exercise("99.1", "Loud", hints=HINTS, wrong={}, variables=["x"], prediction=Prediction("ab", "a", "because"))
def loud(region, evidence):
    print("noise on standard output")
    os.write(1, b"more noise\\n")
    if evidence.get("x") != 3:
        raise Mistake("not-three", f"x is {evidence.get('x')}", "3")
    return Passed("x is 3")

@exercise("99.2", "Deadly", hints=HINTS, wrong={})
def deadly(region, evidence):
    os._exit(3)

@exercise("99.3", "Slow", hints=HINTS, wrong={})
def slow(region, evidence):
    time.sleep(60)
"""


INFO = RegionInfo(1, 1, "127.0.0.1", 1, "token", "us-west-2", "embedded")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that names a region; these checks never look at it."""
    tmp_path = tmp_path_factory.mktemp("checker")
    for folder in ("course/checks", "course/lessons", "home"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "course/checks/lesson_99.py").write_text(CHECKS)
    home = Home(tmp_path / "home")
    home.write_info(INFO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path / "course"))
        yield home


@pytest.fixture(scope="module")
def checker(home: Home) -> Iterator[Checker]:
    checker = Checker(home)
    yield checker
    checker.close()


def test_a_check_answers_and_its_noise_does_not(checker: Checker) -> None:
    verdict = checker.request(op="check", exercise="99.1", evidence={"x": 4})
    assert (verdict["passed"], verdict["name"], verdict["seen"]) == (False, "not-three", "x is 4")
    assert checker.request(op="check", exercise="99.1", evidence={"x": 3})["passed"] is True


def test_about_tells_all_but_the_check(checker: Checker) -> None:
    about = checker.request(op="about", lesson="99")["exercises"]
    assert [item["id"] for item in about] == ["99.1", "99.2", "99.3"]
    assert about[0]["variables"] == ["x"]
    assert (about[0]["letters"], about[0]["right"], about[0]["why"]) == ("ab", "a", "because")
    assert checker.request(op="hint", exercise="99.1", number=1) == {"hint": "a pointer", "count": 3}


def test_what_there_is_not_is_said_in_a_sentence(checker: Checker) -> None:
    with pytest.raises(CourseError, match=r"no exercise '99\.9'"):
        checker.request(op="check", exercise="99.9")
    with pytest.raises(CourseError, match="lesson 77 has no checks"):
        checker.request(op="about", lesson="77")
    with pytest.raises(CourseError, match="could not answer"):
        checker.request(op="about")
    assert checker.request(op="check", exercise="99.1", evidence={"x": 3})["passed"] is True


def test_a_process_that_ended_is_started_again(home: Home) -> None:
    checker = Checker(home)
    with pytest.raises(CheckerGoneError, match="ended twice"):
        checker.request(op="check", exercise="99.2")
    assert checker.request(op="check", exercise="99.1", evidence={"x": 3})["passed"] is True
    checker.close()


def test_a_check_that_hangs_is_given_up(home: Home) -> None:
    checker = Checker(home, seconds=5.0)
    try:
        checker.request(op="about", lesson="99")
        checker.seconds = 0.2
        with pytest.raises(CheckerGoneError, match=r"no answer within 0\.2 seconds"):
            checker.request(op="check", exercise="99.3")
        checker.seconds = 5.0
        assert checker.request(op="check", exercise="99.1", evidence={"x": 3})["passed"] is True
    finally:
        checker.close()


def test_checks_that_changed_are_read_again(checker: Checker, home: Home) -> None:
    assert checker.request(op="check", exercise="99.1", evidence={"x": 5})["passed"] is False
    path = home.folder.parent / "course/checks/lesson_99.py"
    path.write_text(CHECKS.replace("!= 3", "!= 5"))
    try:
        assert checker.request(op="check", exercise="99.1", evidence={"x": 5})["passed"] is True
    finally:
        path.write_text(CHECKS)


def test_without_a_region_the_verdict_says_so(checker: Checker, home: Home) -> None:
    home.info_file.unlink()
    try:
        verdict = checker.request(op="check", exercise="99.1", evidence={"x": 3})
    finally:
        home.write_info(INFO)
    assert (verdict["passed"], verdict["name"]) == (False, "region-gone")
    assert "aurora-lab start" in verdict["seen"]


def test_the_process_ends_with_its_input(home: Home) -> None:
    before = set(psutil.Process().children())
    checker = Checker(home)
    checker.request(op="about", lesson="99")
    (child,) = set(psutil.Process().children()) - before
    checker.close()
    assert not child.is_running()


def test_a_warm_check_is_quick(checker: Checker) -> None:
    checker.request(op="check", exercise="99.1", evidence={"x": 3})
    times = []
    for _ in range(20):
        start = time.perf_counter()
        checker.request(op="check", exercise="99.1", evidence={"x": 3})
        times.append(time.perf_counter() - start)
    assert sorted(times)[10] < 0.05
