"""Building a lesson's notebooks, and what every lesson must have."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest
from nbgrader.nbgraderformat import reads as nbgrader_reads

from aurora_lab.cli.main import main
from aurora_lab.course import notebooks
from aurora_lab.course.build import build, build_lesson, build_solution, scrub, without_outputs
from aurora_lab.course.exercises import Lesson, Prediction, Wrong, load_lesson
from aurora_lab.course.instructor import instructor_notes
from aurora_lab.course.lint import lint
from aurora_lab.course.places import VARIABLE, Places, find_places
from aurora_lab.course.source import Cell, Source, read_source, solution

NUMBERS = find_places().numbers()


@pytest.fixture(scope="module")
def places() -> Places:
    return find_places()


@pytest.fixture(params=NUMBERS)
def authored(request: pytest.FixtureRequest, places: Places) -> tuple[Source, Lesson]:
    return read_source(places.source(request.param)), load_lesson(places.check_file(request.param))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_built_notebooks_are_what_their_source_gives(places: Places, number: str) -> None:
    assert build(places, number, check=True) == []


def copied(places: Places, tmp_path: Path) -> Places:
    """A copy of the course that a test may spoil."""
    for name in ("lessons", "checks", "solutions"):
        (tmp_path / name).mkdir()
        for path in (getattr(places, name)).glob("*"):
            if path.is_file():
                (tmp_path / name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "solutions" / "pictures").symlink_to(places.solutions / "pictures")
    return Places(tmp_path)


def test_drift_is_found(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled = copied(places, tmp_path)
    lesson, solved = spoiled.lesson("05"), spoiled.source("05").with_suffix(".ipynb")
    lesson.write_text(lesson.read_text().replace("one writer", "two writers"))
    solved.write_text(solved.read_text().replace("one writer", "two writers"))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    result = click.testing.CliRunner().invoke(main, ["build", "5", "--check"])
    assert result.exit_code == 1
    assert result.stderr.count("is not what 05_hands_on_psql.py gives") == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["42"], "no source of lesson 42. There are: 00, "), (["x"], "no source of lesson x")],
)
def test_a_lesson_that_is_not_there_is_named(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(copied(places, tmp_path).root))
    result = click.testing.CliRunner().invoke(main, ["build", *arguments])
    assert result.exit_code == 1
    assert why in result.stderr


def test_a_lesson_holds_no_solution_and_no_output_but_the_references(authored: tuple[Source, Lesson]) -> None:
    source, lesson = authored
    built = build_lesson(source, lesson)
    text = notebooks.dumps(built)
    assert "SOLUTION" not in text
    for cell in source.cells:
        for line in _solution_lines(cell):
            assert json.dumps(line)[1:-1] not in text
    for cell in built.cells:
        if cell.cell_type == "code":
            assert len(cell.outputs) == (notebooks.mark(cell)["role"] == "check")


def test_a_reference_is_what_the_check_says_when_it_is_solved(places: Places) -> None:
    for number in NUMBERS:
        lesson, solved = (
            {
                cell.id: cell
                for cell in notebooks.read(path).cells
                if notebooks.mark(cell).get("role") == "check"
            }
            for path in (places.lesson(number), places.source(number).with_suffix(".ipynb"))
        )
        assert lesson.keys() == solved.keys()
        for name, cell in lesson.items():
            first = solved[name].outputs[-1].data["text/plain"].splitlines()[0]
            assert f"`{first}`" in " ".join(cell.outputs[0].data["text/plain"].split())


def _solution_lines(cell: Cell) -> list[str]:
    lines = [line.strip() for line in cell.source.splitlines()]
    if "### BEGIN SOLUTION" not in lines:
        return []
    begin, end = lines.index("### BEGIN SOLUTION"), lines.index("### END SOLUTION")
    # Of a script with a mistake in it, the exercise gives the lines that are right.
    given = {*lines[:begin], *lines[end:]}
    # Long enough to be an answer: a bracket stands in other cells too.
    return [line for line in lines[begin + 1 : end] if len(line) > 30 and line not in given]


def test_two_builds_give_the_same_text(authored: tuple[Source, Lesson]) -> None:
    assert notebooks.dumps(build_lesson(*authored)) == notebooks.dumps(build_lesson(*authored))


def test_both_notebooks_are_valid_for_nbgrader(authored: tuple[Source, Lesson]) -> None:
    for made in (build_lesson(*authored), build_solution(*authored)):
        nbgrader_reads(notebooks.dumps(made), as_version=4)
        marks = [cell.metadata.nbgrader for cell in made.cells if "nbgrader" in cell.metadata]
        graded = [mark for mark in marks if mark["grade"]]
        assert len(graded) == len(authored[1].exercises)
        assert all(mark["points"] > 0 for mark in graded)


def test_every_lesson_has_what_it_must(authored: tuple[Source, Lesson]) -> None:
    assert lint(*authored) == []


Spoil = Callable[[Source], Source]


def _with(lesson: Source, kind: str, text: str) -> Source:
    """The lesson with another text in its first cell of this kind."""
    cells = list(lesson.cells)
    number = next(number for number, cell in enumerate(cells) if cell.kind == kind)
    cells[number] = dataclasses.replace(cells[number], source=text)
    return dataclasses.replace(lesson, cells=tuple(cells))


def _without(role: str, exercise: str = "05.1") -> Spoil:
    def spoil(source: Source) -> Source:
        return _keep(source, lambda cell: (cell.role, cell.exercise) != (role, exercise))

    return spoil


def _keep(source: Source, wanted: Callable[[Cell], bool]) -> Source:
    return dataclasses.replace(source, cells=tuple(cell for cell in source.cells if wanted(cell)))


def _prose(text: str) -> Spoil:
    """The lesson with a first cell of prose that says this."""
    return lambda source: _with(source, "markdown", f"attachment:05_goal.png\n\n{text}")


def _front(**changed: Any) -> Spoil:
    return lambda source: dataclasses.replace(source, front=dataclasses.replace(source.front, **changed))


def _stranger(source: Source) -> Source:
    cell = next(cell for cell in source.cells if cell.role == "check")
    return dataclasses.replace(source, cells=(dataclasses.replace(cell, exercise="05.99"), *source.cells))


def _on_aws(text: str) -> Spoil:
    """The lesson with this in place of the first cell that makes something on AWS."""

    def spoil(source: Source) -> Source:
        number = next(i for i, cell in enumerate(source.cells) if cell.source.startswith("%%real_aws 05"))
        cell = dataclasses.replace(source.cells[number], source=text)
        return dataclasses.replace(source, cells=(*source.cells[:number], cell, *source.cells[number + 1 :]))

    return spoil


def _uncited(source: Source) -> Source:
    cells = [
        dataclasses.replace(cell, source=re.sub(r"\[[\d.]+\]", "", cell.source)) for cell in source.cells
    ]
    return dataclasses.replace(source, cells=tuple(cells))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda source: _with(source, "code", "x = 1\n" * 26), "26 lines of code, at most 25"),
        (lambda source: _with(source, "code", f"x = '{'y' * 90}'"), "a line of code of 96 characters"),
        (_prose("word " * 121), "words of prose, at most 120"),
        (lambda source: _with(source, "markdown", "No picture."), "does not show its picture 05_goal.png"),
        (_without("check"), "exercise 05.1 needs 1 check cell"),
        (_without("answer"), "exercise 05.1 needs 1 answer cell"),
        (_without("prediction"), "exercise 05.1 needs 1 prediction cell"),
        (_stranger, "the check cell of 05.99 belongs to no exercise"),
        (lambda source: dataclasses.replace(source, cells=source.cells[:-1]), "does not end with a question"),
        (lambda source: _keep(source, lambda cell: "simulated here" not in cell.source), "honesty table"),
        (_uncited, "no fact is cited"),
        (_prose("Aurora keeps 35 days of it. That is long."), "'35 days' is a figure of AWS's"),
        (_prose("A class costs $0.26 an hour [8.16]."), "a price needs its citation and its date"),
        (_prose("A class costs $0.26 an hour, in 2026-03."), "a price needs its citation and its date"),
        (_prose("$0.26 and $0.52 an hour, in 2026-03 [8.16]."), "are shown as a formula"),
        (_prose("This is so [3.1, 3.2]."), "is not a citation; write each as [3.11]"),
        (_prose("This is so (FACTS 3.1)."), "is not a citation"),
        (_on_aws("make()"), "begins with %%real_aws, or it would run unasked"),
        (_on_aws("%%real_aws\nmake()"), "does not say what it makes"),
        (_on_aws("%%real_aws 05 | a cluster\nmake()"), "'a cluster' is no part of a plan"),
        (_on_aws("%%real_aws 03 | 1 Aurora db.t4g.medium"), "a plan of lesson 03 in lesson 05"),
        (_front(minutes=600), "600 minutes"),
        (_front(objectives=(" ",)), "names no objective"),
        (_front(when_late=""), "what to leave out when late"),
    ],
)
def test_a_lesson_that_lacks_something_is_named(places: Places, spoil: Spoil, why: str) -> None:
    source, lesson = read_source(places.source("05")), load_lesson(places.check_file("05"))
    assert any(why in fault for fault in lint(spoil(source), lesson))


def test_notes_for_instructors_are_not_for_learners(places: Places, tmp_path: Path) -> None:
    text = places.source("05").read_text()
    note = '# %% [markdown] tags=["instructor"]\n# Say this loudly. ' + "word " * 130
    path = tmp_path / "05_noted.py"
    (tmp_path / "pictures").symlink_to(places.solutions / "pictures")
    path.write_text(text.replace("# %%\nimport os", f"{note}\n\n# %%\nimport os"))
    source, lesson = read_source(path), load_lesson(places.check_file("05"))
    assert lint(source, lesson) == []
    assert "Say this loudly" not in notebooks.dumps(build_lesson(source, lesson))
    assert "Say this loudly" in notebooks.dumps(build_solution(source, lesson))
    assert "Say this loudly" in instructor_notes(source, lesson)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notes_hold_every_exercise_with_its_answer_and_mistakes(places: Places, number: str) -> None:
    source, lesson = read_source(places.source(number)), load_lesson(places.check_file(number))
    notes = click.testing.CliRunner().invoke(main, ["notes", number]).stdout
    for item in lesson.exercises.values():
        assert f"## {item.id} {item.title}" in notes
        assert solution(source, item.id) in notes
        assert all(wrong.explanation in notes for wrong in item.wrong.values())
    assert source.front.when_late in notes


def _whole_solution(source: Source) -> str:
    return f"Nearly all of it:\n{solution(source, '05.2')}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"hints": ["a", "b"]}, "2 hints, at least 3."),
        ({"hints": ["a", "b", "a"]}, "a hint is empty, or there twice."),
        ({"hints": ["a", "b", _whole_solution]}, "a hint is the whole solution; the last one is nearly it."),
        ({"wrong": {}}, "0 wrong answers, at least 3."),
        ({"wrong": {name: Wrong("x", " ") for name in "abc"}}, "the wrong answer 'b' is not explained."),
        ({"prediction": Prediction("abc", "d", "Why.")}, "the right prediction is none of its letters."),
    ],
)
def test_an_exercise_that_lacks_something_is_named(places: Places, changed: dict[str, Any], why: str) -> None:
    source, lesson = read_source(places.source("05")), load_lesson(places.check_file("05"))
    if "hints" in changed:
        changed = {"hints": [hint(source) if callable(hint) else hint for hint in changed["hints"]]}
    poor = dataclasses.replace(lesson["05.2"], **changed)
    assert f"exercise 05.2: {why}" in lint(source, Lesson("05", {**lesson.exercises, "05.2": poor}))


def test_a_lesson_with_few_exercises_is_named(places: Places) -> None:
    source, lesson = read_source(places.source("05")), load_lesson(places.check_file("05"))
    few = Lesson("05", dict(list(lesson.exercises.items())[:5]))
    assert "05_hands_on_psql.py: 5 exercises, at least 6." in lint(source, few)


def test_folders_of_a_machine_are_taken_out_of_outputs() -> None:
    made = notebooks.new()
    cell = notebooks.code("x", "x")
    cell.outputs = [
        notebooks.from_dict({"output_type": "stream", "name": "stdout", "text": "in /tmp/a b/home/x"})
    ]
    cell.metadata["execution"] = {"iopub.status.busy": "now"}
    made.cells = [cell]
    scrub(made, {"/tmp/a b/home": "HOME"})
    assert made.cells[0].outputs[0].text == "in HOME/x"
    assert "execution" not in made.cells[0].metadata


def test_outputs_are_not_drift() -> None:
    made = notebooks.new()
    made.cells = [notebooks.code("x", "x")]
    bare = notebooks.dumps(copy.deepcopy(made))
    made.cells[0].outputs = [
        notebooks.from_dict({"output_type": "stream", "name": "stdout", "text": "12:00"})
    ]
    made.cells[0].execution_count = 3
    assert without_outputs(notebooks.dumps(made)) == without_outputs(bare)
