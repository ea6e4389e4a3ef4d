"""Build a lesson's two notebooks from its source; `aurora-lab build` is the command.

`lessons/NN_slug.ipynb` is what a learner opens: no solutions, and no outputs but the reference under each check,
which says what the check will say in the end. `solutions/NN_slug.ipynb` is solved and executed against a region
of its own. `check` changes nothing and names what is not as its source gives it (of the solved one, outputs are
not compared: they hold times and random names).

Both are nbgrader's source: a check is its test, an answer its solution, all else is locked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from aurora_lab.course import notebooks
from aurora_lab.course.cards import reference
from aurora_lab.course.checkpoint import begin
from aurora_lab.course.exercises import Lesson, load_lesson
from aurora_lab.course.fresh import fresh_region
from aurora_lab.course.lint import lint
from aurora_lab.course.places import CourseError, Places
from aurora_lab.course.runner import Runner
from aurora_lab.course.source import (
    INSTRUCTOR,
    LEARNERS,
    Cell,
    FrontMatter,
    Source,
    SourceError,
    read_source,
    without_solution,
)
from aurora_lab.course.stored import forget_widgets
from aurora_lab.course.surroundings import say

SCHEMA = 3
"""Of nbgrader's cell metadata."""
CELL_SECONDS = 120
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def build_lesson(source: Source, lesson: Lesson) -> Any:
    """The notebook that a learner opens."""
    return _notebook(source, lesson, solved=False)


def build_solution(source: Source, lesson: Lesson) -> Any:
    """The solved notebook, not yet executed; its marks stay, so that it is nbgrader's source as well."""
    return _notebook(source, lesson, solved=True)


def execute(notebook: Any, environment: Mapping[str, str], folder: Path) -> None:
    """Run a notebook with the environment of a region and keep its outputs. Raises CourseError."""
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.record_timing = False
    client.store_widget_state = False
    # What a program writes in two pieces is one text, also where the pieces do not end with a line.
    client.coalesce_streams = True
    try:
        client.execute(env=dict(environment))
    except CellExecutionError as error:
        raise CourseError(f"A cell of the solved notebook failed:\n{error}") from error
    forget_widgets(notebook)


def _notebook(source: Source, lesson: Lesson, *, solved: bool) -> Any:
    notebook = notebooks.new()
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["aurora_lab"] = {
        "lesson": source.front.lesson,
        "title": source.front.title,
        "minutes": source.front.minutes,
    }
    notebook.cells.append(notebooks.prose(_opening(source.front), id="opening"))
    for cell in source.cells:
        if cell.role == INSTRUCTOR and not solved:
            continue
        notebook.cells.append(_cell(cell, source, lesson, solved=solved))
    notebooks.validate(notebook)
    return notebook


def _opening(front: FrontMatter) -> str:
    aims = "\n".join(f"- {item}" for item in front.objectives)
    return (
        f"# {front.lesson} · {front.title}\n\n"
        f"About {front.minutes} minutes. After them you can:\n\n{aims}\n\n"
        f"Short of time? {front.when_late}"
    )


def _cell(cell: Cell, source: Source, lesson: Lesson, *, solved: bool) -> Any:
    if cell.kind == "markdown":
        made = notebooks.prose(cell.source, id=cell.id)
        if cell.picture:
            made["attachments"] = {cell.picture: _attachment(source.path.parent / "pictures" / cell.picture)}
        if cell.tags:
            made.metadata["tags"] = list(cell.tags)
        return made
    text = cell.source if solved or cell.role not in LEARNERS else without_solution(cell.source)
    made = notebooks.code(text, id=cell.id)
    made.metadata["aurora_lab"] = {"role": cell.role, "id": cell.id}
    if cell.exercise:
        made.metadata["aurora_lab"]["exercise"] = cell.exercise
    if cell.tags:
        made.metadata["tags"] = list(cell.tags)
    made.metadata["nbgrader"] = _nbgrader(cell, lesson)
    if cell.role == "check" and not solved:
        made.outputs = [notebooks.shown(reference(cell.exercise, lesson[cell.exercise].title).bundle())]
    return made


def _nbgrader(cell: Cell, lesson: Lesson) -> dict[str, Any]:
    """nbgrader's metadata: checks are its tests, answers its solutions, all else is locked."""
    graded = cell.role == "check"
    marks: dict[str, Any] = {
        "schema_version": SCHEMA,
        "grade_id": cell.id,
        "grade": graded,
        "solution": cell.role in LEARNERS,
        "locked": cell.role not in LEARNERS,
        "task": False,
    }
    if graded:
        marks["points"] = lesson[cell.exercise].points
    return marks


def _attachment(path: Path) -> dict[str, str]:
    """A picture as nbformat keeps it. JupyterLab shows no SVG that is attached."""
    if path.suffix != ".png":
        raise SourceError(f"The picture {path.name} must be a PNG.")
    try:
        return {"image/png": base64.b64encode(path.read_bytes()).decode()}
    except OSError as error:
        raise SourceError(f"The picture {path} cannot be read: {error}") from error


def without_outputs(text: str) -> str:
    """A written notebook without what an execution adds: two builds of one source give the same text."""
    notebook = notebooks.loads(text)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata["language_info"] = {"name": "python"}
    return notebooks.dumps(notebook)


def scrub(notebook: Any, folders: Mapping[str, str]) -> None:
    """Replace folders of this machine in the outputs, by what a reader can do without."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = json.dumps(cell.outputs)
            for folder, name in folders.items():
                text = text.replace(json.dumps(folder)[1:-1], name)
            cell.outputs = notebooks.from_dict(json.loads(text))
            cell.metadata.pop("execution", None)


def build(places: Places, number: str, *, check: bool) -> list[str]:
    """Build one lesson; with `check`, return what is out of date instead. Raises CourseError, SourceError."""
    source = read_source(places.source(number))
    lesson = load_lesson(places.check_file(number))
    faults = lint(source, lesson)
    if faults:
        return faults
    target = places.lessons / f"{source.path.stem}.ipynb"
    solved_target = source.path.with_suffix(".ipynb")
    learners, solved = build_lesson(source, lesson), build_solution(source, lesson)
    if check:
        wanted = {target: notebooks.dumps(learners), solved_target: without_outputs(notebooks.dumps(solved))}
        return [
            f"{path.name} is not what {source.path.name} gives: run `aurora-lab build {number}`."
            for path, text in wanted.items()
            if not path.exists() or _comparable(path, executed=path == solved_target) != text
        ]
    target.write_text(notebooks.dumps(learners))
    with fresh_region() as region:
        begin(lesson, Runner(region.workspace, region.environment(), lesson.id, say))
        execute(solved, region.environment(), region.workspace)
        scrub(solved, {str(region.home.folder): "HOME", str(region.workspace): "."})
    solved.metadata["language_info"] = {"name": "python"}
    solved_target.write_text(notebooks.dumps(solved))
    return []


def _comparable(path: Path, *, executed: bool) -> str:
    return without_outputs(path.read_text()) if executed else path.read_text()
