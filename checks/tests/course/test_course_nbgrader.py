"""nbgrader's own commands take the built notebooks: it makes an assignment of one, and validates both."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_lab.course import notebooks
from aurora_lab.course.exercises import load_lesson
from aurora_lab.course.fresh import fresh_region
from aurora_lab.course.lab import RAISE_VARIABLE
from aurora_lab.course.places import find_places

PLACES = find_places()
NUMBERS = PLACES.numbers()
EXECUTED = NUMBERS[:1]
"""`validate` executes a notebook. All are executed by other tests, and marked by the same lines of code."""
SECONDS = 240.0

pytestmark = pytest.mark.timeout(600)


def nbgrader(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> str:
    """What nbgrader says; it must have gone well."""
    environ = {**(environ or os.environ)}
    # It calls programs that were installed beside it.
    path = os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])
    own = {"JUPYTER_CONFIG_DIR": f"{folder}/config", "JUPYTER_DATA_DIR": f"{folder}/data", "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**environ, **own, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_assignment_is_made_of_the_solved_notebooks(tmp_path: Path) -> None:
    (tmp_path / "source" / "lessons").mkdir(parents=True)
    for number in NUMBERS:
        shutil.copy(PLACES.source(number).with_suffix(".ipynb"), tmp_path / "source" / "lessons")
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    said = nbgrader(tmp_path, "generate_assignment", "lessons", f"--CourseDirectory.root={tmp_path}")
    assert not re.search(r"WARNING|ERROR", said), said
    for number in NUMBERS:
        name = PLACES.source(number).with_suffix(".ipynb").name
        released = notebooks.read(tmp_path / "release" / "lessons" / name)
        assert "SOLUTION" not in notebooks.dumps(released)
        graded = [cell for cell in released.cells if cell.metadata.get("nbgrader", {}).get("grade")]
        assert len(graded) == len(load_lesson(PLACES.check_file(number)).exercises)
        assert all(cell.metadata.nbgrader.checksum for cell in graded)


def validated(folder: Path, notebook: Path) -> str:
    """What `nbgrader validate` says of a notebook on a fresh region, where failed checks raise."""
    shutil.copy(notebook, folder)
    with fresh_region(scale=50.0, runtime="embedded") as region:
        environ = {**region.environment(), RAISE_VARIABLE: "raise"}
        return nbgrader(folder, "validate", notebook.name, environ=environ)


@pytest.mark.parametrize("number", EXECUTED)
def test_the_solved_notebook_validates(tmp_path: Path, number: str) -> None:
    said = validated(tmp_path, PLACES.source(number).with_suffix(".ipynb"))
    assert "Success! Your notebook passes all the tests." in said


@pytest.mark.parametrize("number", EXECUTED)
def test_the_lesson_validates_and_each_check_fails(tmp_path: Path, number: str) -> None:
    said = validated(tmp_path, PLACES.lesson(number))
    exercises = load_lesson(PLACES.check_file(number)).exercises
    assert f"VALIDATION FAILED ON {len(exercises)} CELL(S)" in said
    assert "CHANGED" not in said, "a check cell would count as tampered with"
    for exercise in exercises.values():
        assert f"{exercise.id} {exercise.title}: not yet" in said
