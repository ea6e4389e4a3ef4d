"""Exercises: loading a lesson's checks, verdicts, evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_lab.course.exercises import (
    Exercise,
    Mistake,
    Passed,
    Wrong,
    exercise,
    load_lesson,
    need,
    need_lines,
)
from aurora_lab.course.places import CourseError
from aurora_lab.course.region_view import RegionGoneError, SqlError
from aurora_lab.course.verdict import CHECK_BROKE, REGION_GONE, judge

CHECKS = """
from aurora_lab.course.exercises import Mistake, Passed, exercise
from .helper import WORD

@exercise("99.10", "Ten", hints=["a", "b", "c"], wrong={})
def ten(region, evidence):
    return Passed(WORD)

@exercise("99.2", "Two", hints=["a", "b", "c"], wrong={})
def two(region, evidence):
    raise Mistake("none", "nothing", "something")
"""


def made(check: object) -> Exercise:
    wrong = {"known": Wrong("x = 1", "This is why.")}
    return exercise("99.1", "One", hints=["a", "b", "c"], wrong=wrong)(check)  # type: ignore[arg-type]


def test_a_lesson_is_loaded_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "lesson_99.py").write_text(CHECKS)
    (tmp_path / "helper.py").write_text("WORD = 'from beside'")
    lesson = load_lesson(tmp_path / "lesson_99.py")
    assert list(lesson.exercises) == ["99.2", "99.10"]
    assert judge(lesson["99.10"], None, {}).seen == "from beside"
    with pytest.raises(CourseError, match=r"no exercise '99\.3'.*99\.2, 99\.10"):
        lesson["99.3"]


def test_two_folders_with_the_same_names_do_not_mix(tmp_path: Path) -> None:
    for word in ("one", "two"):
        (tmp_path / word).mkdir()
        (tmp_path / word / "lesson_99.py").write_text(CHECKS)
        (tmp_path / word / "helper.py").write_text(f"WORD = {word!r}")
    seen = [
        judge(load_lesson(tmp_path / word / "lesson_99.py")["99.10"], None, {}).seen
        for word in ("one", "two")
    ]
    assert seen == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("x = (", "SyntaxError"), ("import no_such_module_at_all", "ModuleNotFound"), ("x = 1", "no exercise")],
)
def test_checks_that_cannot_be_loaded_are_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "lesson_99.py").write_text(text)
    with pytest.raises(CourseError, match=why):
        load_lesson(tmp_path / "lesson_99.py")


def test_a_known_mistake_has_its_explanation_and_another_its_own() -> None:
    def known(_region: object, _evidence: object) -> Passed:
        raise Mistake("known", "seen", "expected", "not this one")

    def other(_region: object, _evidence: object) -> Passed:
        raise Mistake("other", "seen", "expected", "its own words")

    assert judge(made(known), None, {}).explanation == "This is why."
    assert judge(made(other), None, {}).explanation == "its own words"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (RegionGoneError("No region runs."), REGION_GONE),
        (SqlError("57P03", "starting up"), "database-refused"),
        (KeyError("Status"), CHECK_BROKE),
    ],
)
def test_whatever_goes_wrong_is_a_verdict(error: Exception, name: str) -> None:
    def check(_region: object, _evidence: object) -> Passed:
        raise error

    verdict = judge(made(check), None, {})
    assert (verdict.passed, verdict.name) == (False, name)
    assert "Traceback" not in f"{verdict.seen}{verdict.explanation}"


def test_evidence_that_is_missing_is_a_mistake_of_its_own() -> None:
    with pytest.raises(Mistake, match="no-answer"):
        need({}, "names")
    with pytest.raises(Mistake, match="no-answer"):
        need({"names": None}, "names")


def test_lines_come_from_a_string_or_a_list() -> None:
    assert need_lines({"names": "a\n\n b \n"}, "names") == ["a", "b"]
    assert need_lines({"names": ["a", "", "b"]}, "names") == ["a", "b"]
    for value in (3, {"a": 1}, ["a", 3]):
        with pytest.raises(Mistake, match="not-text"):
            need_lines({"names": value}, "names")
