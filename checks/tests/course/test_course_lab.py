"""The notebook's side: cards that say one thing at a time, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aurora_lab.course.cards import Card, Mood
from aurora_lab.course.checker import CheckerGoneError
from aurora_lab.course.lab import RAISE_VARIABLE, CheckFailedError, Lab
from aurora_lab.course.places import VARIABLE, CourseError
from aurora_lab.course.record import Record
from aurora_lab.region import client
from aurora_lab.region.home import Home, RegionInfo

ABOUT = {
    "id": "99.1",
    "title": "One",
    "points": 1,
    "hints": 3,
    "variables": ["x"],
    "letters": "abc",
    "right": "b",
    "why": "Because of [1.1].",
}
HINTS = ["a nudge", "a pointer", "nearly it:\nline 1\nline 2"]


class FakeChecker:
    """Answers as the checker's process would; `x == 3` passes."""

    def __init__(self) -> None:
        self.broken: Exception | None = None

    def request(self, **request: Any) -> dict[str, Any]:
        if self.broken:
            raise self.broken
        if request["op"] == "about":
            return {"exercises": [ABOUT]}
        if request["op"] == "hint":
            return {"hint": HINTS[request["number"]], "count": 3}
        passed = request["evidence"].get("x") == 3
        return {
            "exercise": "99.1",
            "passed": passed,
            "name": "" if passed else "not-three",
            "seen": f"x is {request['evidence'].get('x')}.",
            "expected": "" if passed else "3.",
            "explanation": "" if passed else "Count again.",
        }


class Notebook:
    """A lab, its checker and the notebook's variables."""

    def __init__(self, folder: Path) -> None:
        self.variables: dict[str, Any] = {}
        self.checker = FakeChecker()
        self.lab = Lab(Home(folder), self._namespace, self.checker)  # type: ignore[arg-type]

    def _namespace(self) -> Mapping[str, Any]:
        return self.variables


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path)


def test_a_failure_says_what_was_seen_expected_and_one_hint(notebook: Notebook) -> None:
    notebook.variables["x"] = 4
    first, second = repr(notebook.lab.check("99.1")), repr(notebook.lab.check("99.1"))
    assert "✗ 99.1 One: not yet" in first
    assert "x is 4." in first
    assert "Count again." in first
    assert "a nudge" in first
    assert "a pointer" not in first
    assert "a pointer" in second
    assert "a nudge" not in second


def test_hints_asked_for_are_not_shown_twice_by_a_check(notebook: Notebook) -> None:
    shown = [repr(notebook.lab.hint("99.1")) for _ in range(4)]
    assert ["nudge" in shown[0], "pointer" in shown[1], "nearly" in shown[2], "nearly" in shown[3]] == [
        True
    ] * 4
    assert "`aurora-lab watch 99`" in repr(notebook.lab.check("99.1"))


def test_a_pass_tells_what_the_prediction_was_worth(notebook: Notebook) -> None:
    notebook.lab.predict("99.1", "a")
    notebook.variables["x"] = 3
    card = notebook.lab.check("99.1")
    assert card.passed
    assert "You predicted a; it is b. Because of [1.1]." in repr(card)


def test_a_prediction_is_asked_for_until_it_is_one_of_the_letters(notebook: Notebook) -> None:
    assert "Choose one of a, b, c" in repr(notebook.lab.predict("99.1", "?"))
    assert "Choose one of a, b, c" in repr(notebook.lab.predict("99.1", "ab"))
    assert "Noted: b" in repr(notebook.lab.predict("99.1", " B "))
    assert "first prediction, b, stands" in repr(notebook.lab.predict("99.1", "c"))


def test_no_prediction_after_the_experiment(notebook: Notebook) -> None:
    notebook.variables["x"] = 3
    notebook.lab.check("99.1")
    assert "seen the experiment already" in repr(notebook.lab.predict("99.1", "b"))


def test_evidence_is_taken_as_it_is_now(notebook: Notebook) -> None:
    notebook.variables["x"] = 3
    assert notebook.lab.check("99.1").passed
    del notebook.variables["x"]
    assert not notebook.lab.check("99.1").passed


def test_the_dots_of_an_answer_count_as_no_answer(notebook: Notebook) -> None:
    notebook.variables["x"] = ...
    assert "x is None" in repr(notebook.lab.check("99.1"))


def test_evidence_that_is_not_plain_is_refused_in_a_sentence(notebook: Notebook) -> None:
    notebook.variables["x"] = object()
    assert "`x` holds a object" in repr(notebook.lab.check("99.1"))


@pytest.mark.parametrize(
    "error",
    [CheckerGoneError("The checker is gone."), CourseError("There is nothing."), OSError(28, "disk full")],
)
def test_whatever_breaks_is_a_card(notebook: Notebook, error: Exception) -> None:
    notebook.checker.broken = error
    for card in (notebook.lab.check("99.1"), notebook.lab.hint("99.1"), notebook.lab.predict("99.1", "a")):
        assert isinstance(card, Card)
        assert not card.passed


def test_a_map_without_a_region_says_what_to_do(notebook: Notebook) -> None:
    assert "aurora-lab start" in repr(notebook.lab.map())


def test_a_bill_without_a_region_says_what_to_do(notebook: Notebook) -> None:
    assert "aurora-lab start" in repr(notebook.lab.bill("shop"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("instanc", "library-1"), "A fault is one of storage-node, az, instance, network."),
        (("instance", "library-1", "hurt"), "What can be done is kill, pause, cut, destroy, undo."),
        (("instance", "library-1"), "Start it with `aurora-lab start`"),
    ],
)
def test_a_fault_that_cannot_be_done_says_why(
    notebook: Notebook, arguments: tuple[str, ...], says: str
) -> None:
    assert says in repr(notebook.lab.fault(*arguments))


def test_the_clock_is_set_and_a_graders_clock_is_not(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    info = RegionInfo(1, 2, "127.0.0.1", 5432, "token", "us-west-2", "embedded")
    monkeypatch.setattr(Home, "info", lambda _home: info)
    monkeypatch.setattr(client, "ask", lambda _home, _name, body: asked.append(body) or body)
    monkeypatch.setattr(client, "status", lambda _home: {"scale": 100.0})
    assert repr(notebook.lab.clock(60)) == "• The lab clock runs 60 times as fast as AWS's."
    assert asked == [{"scale": 60}]
    info = replace(info, token="")
    assert "100 times as fast as AWS's and is the grader's" in repr(notebook.lab.clock(60))
    assert asked == [{"scale": 60}]


def test_a_fault_is_told_in_words(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(client, "ask", lambda *call: calls.append(call[1:]) or call[2])
    assert repr(notebook.lab.fault("instance", "library-1")) == "• Instance library-1 has been killed."
    assert repr(notebook.lab.fault("az", "us-west-2a", "undo", "library")) == "• AZ us-west-2a is back."
    asked = {"kind": "az", "name": "us-west-2a", "action": "undo", "cluster": "library"}
    assert calls[1] == ("fault", asked)


def test_a_minute_of_aws_passes_by_the_lab_clock(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    assert notebook.lab.minute() == 60.0, "no region runs"
    monkeypatch.setattr(client, "status", lambda _home: {"scale": 50.0})
    assert (notebook.lab.minute(), notebook.lab.dns_ttl()) == (1.2, 0.1)


def test_a_pass_is_noted_and_progress_shows_it(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = {"aurora_lab": {"role": "check", "exercise": "99.1"}}
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "99_one.ipynb").write_text(
        json.dumps({"metadata": {}, "cells": [{"metadata": mark}]})
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert "○ 0 of 1" in repr(notebook.lab.progress())
    notebook.variables["x"] = 3
    assert "1 of 1 exercises solved. The lesson is done." in repr(notebook.lab.check("99.1"))
    assert "● 1 of 1" in repr(notebook.lab.progress())


def test_variables_are_kept_after_each_cell_for_those_who_check_from_outside(
    notebook: Notebook, tmp_path: Path
) -> None:
    record = Record(Home(tmp_path), "99")
    notebook.variables["x"] = 3
    notebook.lab.notice()
    assert record.all() == {}, "which variables are wanted is not known yet"
    notebook.lab.follow("99")
    for value, kept in ((4, 4), (object(), 4), (None, 4), ([1, {"a": 2}], [1, {"a": 2}])):
        notebook.variables["x"] = value
        notebook.lab.notice()
        assert record.entry("99.1")["evidence"] == {"x": kept}


def test_a_tool_that_sees_only_exceptions_is_told_by_one(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RAISE_VARIABLE, "raise")
    with pytest.raises(CheckFailedError, match=r"99\.1 One: not yet"):
        notebook.lab.check("99.1")
    notebook.variables["x"] = 3
    assert notebook.lab.check("99.1").passed


def test_an_unknown_exercise_is_named(notebook: Notebook) -> None:
    assert "There is no exercise '99.7'" in repr(notebook.lab.check("99.7"))


def test_a_card_is_the_same_in_html_and_escapes_what_it_shows() -> None:
    card = Card(Mood.FAIL, "Title", (("Seen", "`<b>` & more"), ("Hint 1 of 3", "do:\n<i>this</i>")))
    html = card._repr_mimebundle_()["text/html"]
    assert "<code>&lt;b&gt;</code> &amp; more" in html
    assert "<pre" in html
    assert "&lt;i&gt;this" in html
    assert "<script" not in html
    assert "  Seen:       `<b>` & more" in repr(card)


def test_prices_on_a_card_are_no_formula() -> None:
    card = Card(Mood.FAIL, "Title", (("Seen", "$0.225 instead of $0.10"),))
    assert 'class="mathjax_ignore tex2jax_ignore"' in card._repr_html_()


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, aurora_lab; "
        "print([name for name in ('boto3', 'botocore', 'psycopg', 'IPython') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
