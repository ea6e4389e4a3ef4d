"""Building a lesson's notebooks, and what every lesson must have."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from nbgrader.nbgraderformat import reads as nbgrader_reads

from aurora_lab.course import notebooks
from aurora_lab.course.build import build, build_lesson, build_solution, scrub, without_outputs
from aurora_lab.course.exercises import Lesson, load_lesson
from aurora_lab.course.lint import lint
from aurora_lab.course.places import Places, find_places
from aurora_lab.course.source import Cell, Source, read_source

NUMBERS = ["05"]


@pytest.fixture(scope="module")
def places() -> Places:
    return find_places()


@pytest.fixture(params=NUMBERS)
def authored(request: pytest.FixtureRequest, places: Places) -> tuple[Source, Lesson]:
    return read_source(places.source(request.param)), load_lesson(places.check_file(request.param))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_built_notebooks_are_what_their_source_gives(places: Places, number: str) -> None:
    assert build(places, number, check=True) == []


def test_drift_is_found(places: Places, tmp_path: Path) -> None:
    for name in ("lessons", "checks", "solutions"):
        (tmp_path / name).mkdir()
        for path in (getattr(places, name)).glob("*"):
            if path.is_file():
                (tmp_path / name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "solutions" / "pictures").symlink_to(places.solutions / "pictures")
    copied = Places(tmp_path)
    lesson, solved = copied.lesson("05"), copied.source("05").with_suffix(".ipynb")
    lesson.write_text(lesson.read_text().replace("one writer", "two writers"))
    solved.write_text(solved.read_text().replace("one writer", "two writers"))
    faults = build(copied, "05", check=True)
    assert len(faults) == 2
    assert all("is not what 05_hands_on_psql.py gives" in fault for fault in faults)


def test_a_lesson_holds_no_solution_and_no_output(authored: tuple[Source, Lesson]) -> None:
    source, lesson = authored
    built = build_lesson(source, lesson)
    text = notebooks.dumps(built)
    assert "SOLUTION" not in text
    for cell in source.cells:
        for line in _solution_lines(cell):
            assert json.dumps(line)[1:-1] not in text
    assert all(not cell.outputs for cell in built.cells if cell.cell_type == "code")


def _solution_lines(cell: Cell) -> list[str]:
    lines = [line.strip() for line in cell.source.splitlines()]
    if "### BEGIN SOLUTION" not in lines:
        return []
    inside = lines[lines.index("### BEGIN SOLUTION") + 1 : lines.index("### END SOLUTION")]
    # Long enough to be an answer: a bracket stands in other cells too.
    return [line for line in inside if len(line) > 30]


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


def _long_code(source: Source) -> Source:
    return _with(source, "code", "x = 1\n" * 26)


def _long_prose(source: Source) -> Source:
    return _with(source, "markdown", "word " * 121 + "attachment:05_goal.png")


def _with(lesson: Source, kind: str, text: str) -> Source:
    """The lesson with another text in its first cell of this kind."""
    cells = list(lesson.cells)
    number = next(number for number, cell in enumerate(cells) if cell.kind == kind)
    cells[number] = dataclasses.replace(cells[number], source=text)
    return dataclasses.replace(lesson, cells=tuple(cells))


def _no_check(source: Source) -> Source:
    return dataclasses.replace(
        source, cells=tuple(cell for cell in source.cells if (cell.role, cell.exercise) != ("check", "05.1"))
    )


def _no_end(source: Source) -> Source:
    return dataclasses.replace(source, cells=source.cells[:-1])


def _no_table(source: Source) -> Source:
    return dataclasses.replace(
        source, cells=tuple(cell for cell in source.cells if "simulated here" not in cell.source)
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_long_code, "26 lines of code"),
        (_long_prose, "words of prose"),
        (_no_check, "exercise 05.1 needs 1 check cell"),
        (_no_end, "does not end with a question"),
        (_no_table, "honesty table is missing"),
    ],
)
def test_a_lesson_that_lacks_something_is_named(places: Places, spoil: Any, why: str) -> None:
    source, lesson = read_source(places.source("05")), load_lesson(places.check_file("05"))
    assert any(why in fault for fault in lint(spoil(source), lesson))


def test_an_exercise_that_lacks_something_is_named(places: Places) -> None:
    source, lesson = read_source(places.source("05")), load_lesson(places.check_file("05"))
    first = lesson["05.1"]
    poor = dataclasses.replace(first, hints=first.hints[:2], wrong={})
    faults = lint(source, Lesson("05", {**lesson.exercises, "05.1": poor}))
    assert faults == [
        "exercise 05.1: 2 hints, at least 3.",
        "exercise 05.1: 0 wrong answers, at least 3.",
    ]


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
