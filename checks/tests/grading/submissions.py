"""Submissions that are hostile or broken, each made of lesson 05's solved notebook by a small change.

Two exercises are graded. 05.1 holds the trick; 05.2 is answered honestly, so that it is seen whether the trick
stopped the grading of the next. `MADE` at the head of a trick does 05.1's work first: then only the trick's
own end decides about 05.1, and 05.2 can be solved.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aurora_lab.course import notebooks
from aurora_lab.course.places import find_places

MADE = """
rds.create_db_cluster(
    DBClusterIdentifier="library", Engine="aurora-postgresql", DatabaseName="library",
    MasterUsername=os.environ["PGUSER"], MasterUserPassword=os.environ["PGPASSWORD"],
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")
"""
NOTHING = "There is no DB cluster `library`"
Notebook = Any


@dataclass(frozen=True)
class Submission:
    """A submission and what the grader must say of it."""

    text: str | bytes
    """The notebook's file."""
    name: str
    """The verdict's name for 05.1: a mistake, or empty for a pass."""
    says: str
    """What its sentence must hold."""
    second: bool
    """Whether 05.2 passes: 05.1's work was done, by whatever way."""
    needs_user: bool = False
    """Holds only where the learner's code is another user's."""


def solved() -> Notebook:
    """The lesson with honest answers to the two exercises; those of 05.1 by boto3, which is quicker."""
    made = notebooks.read(find_places().source("05").with_suffix(".ipynb"))
    cell(made, "answer-05-1").source = MADE
    return made


def cell(made: Notebook, identifier: str) -> Notebook:
    """The cell of an id."""
    return next(item for item in made.cells if item.id == identifier)


def saved(made: Notebook) -> str:
    return json.dumps(made)


def answer(source: str, name: str, says: str, second: bool = False, needs_user: bool = False) -> Submission:
    made = solved()
    cell(made, "answer-05-1").source = source
    return Submission(saved(made), name, says, second, needs_user)


def after(trick: str, name: str, says: str = "", second: bool = True, needs_user: bool = False) -> Submission:
    """The work is done honestly, then comes the trick."""
    return answer(MADE + trick, name, says, second, needs_user)


def spoilt(spoil: Callable[[Notebook], None], answered: bool = False) -> Submission:
    """The frame is changed. Unanswered it earns nothing; answered it earns what it has earned."""
    made = solved()
    if not answered:
        cell(made, "answer-05-1").source = 'choice = "nothing done"'
    spoil(made)
    if answered:
        return Submission(saved(made), "", "is available", True)
    return Submission(saved(made), "no-cluster", "There is no DB cluster `library`", False)


def file(text: str | bytes, says: str) -> Submission:
    return Submission(text, "not-a-notebook", says, False)


# Frames.


def _edit_checks(made: Notebook) -> None:
    for item in made.cells:
        if notebooks.mark(item).get("role") == "check":
            item.source = 'print("passed")'


def _delete_checks(made: Notebook) -> None:
    made.cells = [item for item in made.cells if notebooks.mark(item).get("role") != "check"]


def _copy_checks(made: Notebook) -> None:
    made.cells += [copy.deepcopy(cell(made, "check-05-2")) for _ in range(3)]


def _split_check(made: Notebook) -> None:
    place = made.cells.index(cell(made, "check-05-1"))
    made.cells[place].source = "pass"
    made.cells.insert(place, copy.deepcopy(made.cells[place]))


def _reverse(made: Notebook) -> None:
    made.cells.reverse()


def _rename_check(made: Notebook) -> None:
    item = cell(made, "check-05-1")
    item.id = "my-own"
    item.metadata["aurora_lab"]["id"] = "my-own"
    item.metadata["aurora_lab"]["exercise"] = "05.9"


def _swap_marks(made: Notebook) -> None:
    answer, check = cell(made, "answer-05-1"), cell(made, "check-05-1")
    answer.metadata, check.metadata = check.metadata, answer.metadata
    answer.id, check.id = check.id, answer.id


def tags(*tags: str) -> Callable[[Notebook], None]:
    def tag(made: Notebook) -> None:
        for item in made.cells:
            item.metadata["tags"] = list(tags)

    return tag


def _fake_outputs(made: Notebook) -> None:
    for item in made.cells:
        if item.cell_type == "code":
            item.execution_count = 1
            item.outputs = [{"output_type": "stream", "name": "stdout", "text": "05.1: passed"}]


def _edit_setup(made: Notebook) -> None:
    cell(made, "cell-3ce54e9354").source = "class lab: check = predict = map = print"


def _markless(made: Notebook) -> None:
    for item in made.cells[: made.cells.index(cell(made, "check-05-1"))]:
        item.metadata = {}


def _strange_marks(made: Notebook) -> None:
    made.cells.append(notebooks.code("1", "one"))
    made.cells.append(notebooks.code("2", "two"))
    made.cells[-2].metadata["aurora_lab"] = ["role", "check"]
    made.cells[-1].metadata["aurora_lab"] = {"role": "answer", "id": {"a": 1}, "exercise": 5}


def _other_lesson(made: Notebook) -> None:
    made.metadata["aurora_lab"] = {"lesson": "../../etc/passwd"}


FRAMES = {
    "edited-checks": spoilt(_edit_checks),
    "deleted-checks": spoilt(_delete_checks),
    "copied-checks": spoilt(_copy_checks),
    "split-check": spoilt(_split_check),
    "reversed": spoilt(_reverse),
    "renamed-check": spoilt(_rename_check),
    "swapped-marks": spoilt(_swap_marks),
    "skip-tags": spoilt(tags("nbval-skip", "skip")),
    "changed-outputs": spoilt(_fake_outputs),
    "edited-setup": spoilt(_edit_setup),
    "no-marks": spoilt(_markless),
    "strange-marks": spoilt(_strange_marks),
    "other-lesson": spoilt(_other_lesson),
    "answered-without-checks": spoilt(_delete_checks, answered=True),
    "answered-with-copied-checks": spoilt(_copy_checks, answered=True),
    "answered-with-renamed-check": spoilt(_rename_check, answered=True),
}

# Files that are no notebooks.


def _old_format() -> str:
    cells = [
        {"cell_type": "code", "language": "python", "input": "print('passed')", "outputs": [], "metadata": {}}
    ]
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
    )


_SOLVED = saved(solved())

FILES = {
    "empty": file("", "is not a notebook"),
    "malformed": file("{'cells': []}", "is not a notebook"),
    "truncated": file(_SOLVED[: len(_SOLVED) // 2], "is not a notebook"),
    "binary": file(bytes(range(256)) * 10, "cannot be read"),
    "too-large": file(_SOLVED + " " * 50_000_000, "larger than 20 MB"),
    "nested": file('{"cells": ' + "[" * 100_000, "is not a notebook"),
    "a-list": file("[1, 2]", "is not a notebook"),
    "cells-no-list": file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 5}', "is not a notebook"
    ),
    "cell-no-dict": file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [5]}', "is not a notebook"
    ),
    "cell-no-source": file(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a"}]}',
        "is not a notebook",
    ),
    "from-the-future": file('{"nbformat": 99, "metadata": {}, "cells": []}', "is not a notebook"),
    "too-many-cells": file(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {},
                "cells": [
                    {"cell_type": "raw", "id": f"c{n}", "metadata": {}, "source": ""} for n in range(2001)
                ],
            }
        ),
        "more than 2,000 cells",
    ),
    "old-format": Submission(_old_format(), "no-cluster", NOTHING, False),
}

HONEST = Submission(_SOLVED, "", "is available", True)
