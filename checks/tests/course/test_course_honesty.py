"""Each row of each lesson's honesty table is held by a test; see honesty.py."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from honesty import HELD

from aurora_lab.course.places import find_places
from aurora_lab.course.source import read_source

PLACES = find_places()
TESTS = Path(__file__).parents[1]
HEAD = "| real here | simulated here | only on AWS |"


def rows(lesson: str) -> list[list[str]]:
    """The table of a lesson, cell by cell."""
    prose = [cell.source for cell in read_source(PLACES.source(lesson)).cells if cell.kind == "markdown"]
    (table,) = [text[text.index(HEAD) :].splitlines()[2:] for text in prose if HEAD in text]
    lines = [line for line in table if line.startswith("|")]
    return [[part.strip() for part in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("lesson", PLACES.numbers())
def test_each_claim_of_a_table_names_the_tests_that_hold_it(lesson: str) -> None:
    claims = {cell for row in rows(lesson) for cell in row[:2] if cell}
    assert claims == set(HELD.get(lesson, {}))


@pytest.mark.parametrize("lesson", HELD)
def test_these_tests_exist(lesson: str) -> None:
    missing = [test for tests in HELD[lesson].values() for test in tests if not _exists(test)]
    assert missing == []
    assert all(HELD[lesson].values())


def _exists(test: str) -> bool:
    file, name = test.split("::")
    return name in _names(TESTS / file)


@cache
def _names(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
