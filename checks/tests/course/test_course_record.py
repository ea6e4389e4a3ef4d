"""A learner's record: predictions stand, hints come one by one, evidence is plain data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aurora_lab.course.record import NotPlainError, Record, plain
from aurora_lab.region.home import Home


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(Home(tmp_path), "99")


def test_the_first_prediction_stands(record: Record) -> None:
    assert record.predict("99.1", "b") == "b"
    assert record.predict("99.1", "a") == "b"
    assert Record(Home(record.path.parents[1]), "99").entry("99.1") == {"prediction": "b"}


def test_hints_come_one_by_one_and_the_last_stays(record: Record) -> None:
    assert [record.hint("99.1", 3) for _ in range(5)] == [0, 1, 2, 2, 2]


def test_evidence_is_kept_beside_what_there_is(record: Record) -> None:
    record.answer("99.1", {"a": 1, "b": 2})
    assert record.answer("99.1", {"b": None}) == {"a": 1, "b": None}


def test_a_pass_is_noted_once_and_survives_later_failures(record: Record) -> None:
    record.passed("99.1")
    first = record.entry("99.1")["passed"]
    record.failed("99.1", "later")
    record.passed("99.1")
    assert record.entry("99.1")["passed"] == first
    assert record.entry("99.1")["mistakes"] == {"later": 1}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"99.1": 3}', "\0\0"])
def test_a_damaged_record_is_begun_anew(record: Record, text: str) -> None:
    record.path.parent.mkdir(parents=True)
    record.path.write_text(text)
    assert record.entry("99.1") == {}
    assert record.failed("99.1", "x") == 1


def test_plain_data_passes() -> None:
    value = {"n": Counter("aab"), "t": (1, 2.5, None, True), "s": {"x"}}
    assert plain(value, "v") == {"n": {"a": 2, "b": 1}, "t": [1, 2.5, None, True], "s": ["x"]}


def test_what_is_not_plain_is_named() -> None:
    deep: list[object] = []
    deep.append(deep)
    for value, why in (
        (object(), "holds a object"),
        (deep, "nested too deeply"),
        ("x" * 70_000, "longer than"),
    ):
        with pytest.raises(NotPlainError, match=why):
            plain(value, "v")
