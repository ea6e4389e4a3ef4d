"""A lesson as a text file, for any editor: cells begin with `# %%`, and are written as a notebook shows them.

The marks are those of a lesson's source (`source.py`): `# %% exercise="05.1"`, `predict=`, `check=`. Unlike there,
nothing is commented out: a cell that begins with `%%bash` holds bare shell lines, so that a learner types what
a terminal takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aurora_lab.course import notebooks
from aurora_lab.course.notebooks import Notebook
from aurora_lab.course.source import GIVEN, REAL_AWS, ROLES

MARKS = {role: mark for mark, role in ROLES.items()}
HEAD = """\
# Lesson {lesson} as text, for `aurora-lab watch {lesson} --text`: it runs and checks what you changed when you save.
# Write your answers where it says so. Leave the lines that part the cells as they are.
"""


def to_text(notebook: Notebook, lesson: str) -> str:
    """A notebook's cells as text; outputs and pictures stay behind."""
    parts = [HEAD.format(lesson=lesson)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"<img [^>]*attachment:[^>]*>\n*", "", cell.source)
            parts.append(
                "# %% [markdown]\n" + "".join(f"# {line}".rstrip() + "\n" for line in prose.splitlines())
            )
        elif cell.cell_type == "code":
            mark = notebooks.mark(cell)
            role, exercise = mark.get("role", ""), mark.get("exercise", "")
            head = (
                f' {MARKS[role]}="{exercise}"'
                if role in MARKS
                else ' tags=["real-aws"]'
                if role == REAL_AWS
                else ""
            )
            parts.append(f"# %%{head}\n{cell.source}\n")
    return "\n".join(parts)


def cells_of(text: str) -> Iterator[tuple[str, str, str]]:
    """The code cells of such a text: role, exercise and source. A cell without a mark is `given`."""
    for part in re.split(r"^# %%(?!%)", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            continue
        marks = [
            (role, match[1])
            for role, mark in MARKS.items()
            if (match := re.search(rf'{mark}="([^"]*)"', head))
        ]
        role, exercise = marks[0] if marks else (REAL_AWS if REAL_AWS in head else GIVEN, "")
        yield role, exercise, body.strip("\n")


def replace_answer(text: str, exercise: str, source: str) -> str:
    """The text with another answer to one exercise."""
    pattern = rf'(^# %%[^\n]*\bexercise="{re.escape(exercise)}"[^\n]*\n)(.*?)(?=^# %%(?!%)|\Z)'
    return re.sub(
        pattern, lambda found: f"{found[1]}{source}\n\n", text, count=1, flags=re.MULTILINE | re.DOTALL
    )
