"""A lesson's source: what its cells are, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_lab.course.source import (
    SourceError,
    has_solution,
    only_solution,
    read_source,
    without_solution,
)

FRONT = """# ---
# jupyter:
#   aurora_lab:
#     lesson: "99"
#     title: A lesson
#     minutes: 10
#     objectives: [see it]
#     when_late: Nothing.
# ---
"""
CELLS = """
# %% [markdown]
# # Words

# %%
first = 1

# %% predict="99.1"
choice = "?"
### BEGIN SOLUTION
choice = "a"
### END SOLUTION

# %% exercise="99.1" language="bash"
# echo before
# ### BEGIN SOLUTION
# echo secret
# ### END SOLUTION

# %% check="99.1"
lab.check("99.1")

# %% tags=["real-aws"]
# %%real_aws
print("costs money")
"""


def source_file(folder: Path, text: str) -> Path:
    path = folder / "99_lesson.py"
    path.write_text(text)
    return path


def test_cells_have_roles_exercises_and_ids(tmp_path: Path) -> None:
    source = read_source(source_file(tmp_path, FRONT + CELLS))
    assert source.front.title == "A lesson"
    assert source.front.objectives == ("see it",)
    assert [(cell.kind, cell.role, cell.exercise) for cell in source.cells] == [
        ("markdown", "given", ""),
        ("code", "given", ""),
        ("code", "prediction", "99.1"),
        ("code", "answer", "99.1"),
        ("code", "check", "99.1"),
        ("code", "real-aws", ""),
    ]
    assert [cell.id for cell in source.cells][2:5] == ["prediction-99-1", "answer-99-1", "check-99-1"]
    assert source.cells[3].source.splitlines()[0] == "%%bash"
    assert source.cells[5].source.splitlines()[0] == "%%real_aws"


def test_ids_do_not_depend_on_other_cells(tmp_path: Path) -> None:
    before = read_source(source_file(tmp_path, FRONT + CELLS)).cells[1]
    after = read_source(source_file(tmp_path, FRONT + "\n# %%\nzeroth = 0\n" + CELLS)).cells[2]
    assert before == after


def test_two_equal_cells_have_two_ids(tmp_path: Path) -> None:
    twice = FRONT + "\n# %%\nlab.map()\n\n# %%\nlab.map()\n"
    ids = [cell.id for cell in read_source(source_file(tmp_path, twice)).cells]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CELLS, "front matter"),
        (FRONT.replace("minutes: 10", "minutes: soon") + CELLS, "front matter"),
        (
            FRONT + '\n# %% exercise="98.1"\n### BEGIN SOLUTION\n### END SOLUTION\n',
            "not an exercise of lesson 99",
        ),
        (FRONT + '\n# %% exercise="99.1"\nx = 1\n', "no solution"),
        (FRONT + '\n# %% exercise="99.1" check="99.1"\nx = 1\n', "a cell is one of"),
        (FRONT + '\n# %% exercise="99.1"\n### END SOLUTION\n### BEGIN SOLUTION\n', "no solution"),
    ],
)
def test_a_wrong_source_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        read_source(source_file(tmp_path, text))


def test_taking_the_solution_out_keeps_what_is_around_it() -> None:
    cell = "a = 1\n  ### BEGIN SOLUTION\n  b = 2\n  ### END SOLUTION\nc = 3"
    assert has_solution(cell)
    assert without_solution(cell) == "a = 1\n  # Your answer goes here.\nc = 3"
    assert only_solution(cell) == "a = 1\n  b = 2\nc = 3"
