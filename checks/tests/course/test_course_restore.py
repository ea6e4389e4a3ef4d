"""A submission put back into the lesson's frame: only the learner's own answers are theirs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from aurora_lab.course import notebooks
from aurora_lab.course.restore import Block, restore


def cell(role: str, exercise: str, source: str, name: str = "") -> Any:
    name = name or f"{role}-{exercise.replace('.', '-')}"
    made = notebooks.code(source, name)
    made.metadata["aurora_lab"] = {"role": role, "id": name, **({"exercise": exercise} if exercise else {})}
    return made


def lesson() -> Any:
    made = notebooks.new()
    made.cells = [
        cell("given", "", "setup", "cell-1"),
        cell("prediction", "99.1", "choice 1"),
        cell("answer", "99.1", "stub 1"),
        cell("check", "99.1", "check 1"),
        notebooks.prose("words", "words"),
        cell("given", "", "look", "cell-2"),
        cell("answer", "99.2", "stub 2"),
        cell("given", "", "between", "cell-3"),
        cell("check", "99.2", "check 2"),
        cell("given", "", "the end", "cell-4"),
    ]
    return made


def answered() -> Any:
    made = copy.deepcopy(lesson())
    made.cells[2].source, made.cells[6].source = "mine 1", "mine 2"
    return made


def run_order(blocks: list[Block]) -> list[str]:
    return [item.source for block in blocks for item in [*block.before, *block.answer, *block.after]]


WANTED = ["setup", "choice 1", "mine 1", "check 1", "look", "mine 2", "between", "check 2", "the end"]


def test_an_honest_submission_is_run_as_it_is() -> None:
    blocks = restore(answered(), lesson())
    assert run_order(blocks) == WANTED
    assert [block.exercise for block in blocks] == ["99.1", "99.2", ""]


def _edit(nb: Any) -> None:
    for number in (0, 3, 5, 7, 8):
        nb.cells[number].source = "lab.check = lambda _: 'passed'"


def _delete(nb: Any) -> None:
    nb.cells = [nb.cells[1], nb.cells[2], nb.cells[6]]


def _skip(nb: Any) -> None:
    for item in nb.cells:
        item.metadata["tags"] = ["raises-exception", "nbval-skip"]


def _copies(nb: Any) -> None:
    nb.cells = [part for item in nb.cells for part in (item, copy.deepcopy(item))]


def _move(nb: Any) -> None:
    nb.cells = [*reversed(nb.cells)]


def _rename(nb: Any) -> None:
    for number in (0, 3, 5, 7, 8):
        nb.cells[number].id = f"other-{number}"
        nb.cells[number].metadata["aurora_lab"]["id"] = f"other-{number}"


@pytest.mark.parametrize("spoil", [_edit, _delete, _skip, _copies, _move, _rename])
def test_given_cells_and_checks_are_ours_whatever_became_of_them(spoil: Any) -> None:
    theirs = answered()
    spoil(theirs)
    assert run_order(restore(theirs, lesson())) == WANTED


def test_cells_that_a_learner_added_belong_to_their_stretch() -> None:
    theirs = answered()
    theirs.cells.insert(9, notebooks.code("late", "d"))
    theirs.cells.insert(7, notebooks.code("more of 2", "c"))
    theirs.cells.insert(4, notebooks.code("before 2", "b"))
    theirs.cells.insert(3, notebooks.code("more of 1", "a"))
    blocks = {block.exercise: block for block in restore(theirs, lesson())}
    assert [item.source for item in blocks["99.1"].answer] == ["mine 1", "more of 1"]
    assert [item.source for item in blocks["99.2"].answer] == ["before 2", "mine 2", "more of 2", "late"]


def test_a_split_answer_is_run_in_order() -> None:
    theirs = answered()
    second = copy.deepcopy(theirs.cells[2])
    theirs.cells[2].source, second.source = "half 1", "half 2"
    theirs.cells.insert(3, second)
    assert [item.source for item in restore(theirs, lesson())[0].answer] == ["half 1", "half 2"]


def test_an_answer_that_was_deleted_is_no_answer() -> None:
    theirs = answered()
    del theirs.cells[2]
    assert restore(theirs, lesson())[0].answer == []


def test_an_answer_whose_mark_was_changed_is_still_run_where_it_stands() -> None:
    theirs = answered()
    theirs.cells[2].metadata["aurora_lab"]["exercise"] = "99.2"
    assert [item.source for item in restore(theirs, lesson())[0].answer] == ["mine 1"]


def test_an_empty_notebook_is_run_as_the_bare_lesson() -> None:
    assert run_order(restore(notebooks.new(), lesson())) == [
        "setup", "check 1", "look", "between", "check 2", "the end",
    ]  # fmt: skip
