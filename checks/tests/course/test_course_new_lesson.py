"""A new lesson is two files: it is found, built, opened, followed, graded and begun with no list to edit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from aurora_lab.course import notebooks
from aurora_lab.course.catalog import first_open, read_catalog
from aurora_lab.course.grade import grade
from aurora_lab.course.places import VARIABLE, Places
from aurora_lab.course.progress import Progress
from aurora_lab.course.record import Record
from aurora_lab.course.runner import Runner
from aurora_lab.region.environment import enter, program_folders
from local_region import LocalRegion, local_region

SECONDS = 180.0

HEAD = """# ---
# jupyter:
#   aurora_lab:
#     lesson: "98"
#     title: A tiny lesson
#     minutes: 10
#     objectives: [count]
#     when_late: Nothing.
# ---

# %% [markdown]
# An Aurora cluster has one writer [1.1].

# %% [markdown] tags=["instructor"]
# Nobody fails here.

# %%
from aurora_lab import lab
"""
EXERCISE = """
# %% exercise="98.{number}"
x{number} = 0
### BEGIN SOLUTION
x{number} = {number} * 1000
### END SOLUTION

# %% check="98.{number}"
lab.check("98.{number}")
"""
TAIL = """
# %% [markdown]
# | real here | simulated here | only on AWS |
# |---|---|---|
# | counting | nothing | bills |

# %% [markdown]
# And then?
"""
CHECKS = """
from aurora_lab.course.exercises import Mistake, Passed, Wrong, exercise, need

BEGIN = '''
import boto3
rds = boto3.client("rds")
rds.create_db_cluster(DBClusterIdentifier="tiny", Engine="aurora-postgresql",
                      MasterUsername="teacher", MasterUserPassword="quiet-please")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="tiny")
'''

def make(number):
    wrong = {f"not-{value}": Wrong(f"x{number} = {value}", f"{value} is too small.") for value in (1, 2, 3)}
    @exercise(f"98.{number}", f"Number {number}", hints=["a", "b", "c"], wrong=wrong, variables=[f"x{number}"])
    def check(region, evidence):
        found = need(evidence, f"x{number}")
        if found != number * 1000:
            raise Mistake(f"not-{found}", f"It is {found}.", f"{number * 1000}")
        return Passed(f"It is {found}.")
    return check

for number in range(1, 7):
    globals()[f"check_{number}"] = make(number)
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A course of the one lesson, built."""
    root = tmp_path_factory.mktemp("course")
    places = Places(root)
    for folder in (places.lessons, places.checks, places.solutions):
        folder.mkdir()
    exercises = "".join(EXERCISE.format(number=number) for number in range(1, 7))
    (places.solutions / "98_tiny.py").write_text(HEAD + exercises + TAIL)
    (places.checks / "lesson_98.py").write_text(CHECKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(root))
        done = aurora_lab("build")
        assert done.returncode == 0, done.stderr
        yield places


@pytest.fixture(scope="module")
def real() -> Iterator[LocalRegion]:
    with local_region(scale=50.0) as found:
        yield found


def aurora_lab(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command, with no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "aurora_lab.cli", *arguments],
        env={**os.environ, **more, "PATH": os.pathsep.join([*program_folders(None), os.environ["PATH"]])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_both_notebooks_are_built_and_no_drift_is_found(course: Places) -> None:
    assert course.lesson("98").exists()
    solved = notebooks.read(course.source("98").with_suffix(".ipynb"))
    checks = [cell for cell in solved.cells if notebooks.mark(cell).get("role") == "check"]
    assert all("passed" in cell.outputs[-1].data["text/plain"] for cell in checks)
    assert aurora_lab("build", "--check").returncode == 0
    course.source("98").write_text(course.source("98").read_text().replace("one writer", "1 writer"))
    assert "98_tiny.ipynb is not what 98_tiny.py gives" in aurora_lab("build", "98", "--check").stderr
    course.source("98").write_text(course.source("98").read_text().replace("1 writer", "one writer"))


def test_it_is_in_the_list_and_opened_first(course: Places) -> None:
    (entry,) = read_catalog(course.lessons)
    assert (entry.number, entry.title, len(entry.exercises)) == ("98", "A tiny lesson", 6)
    assert first_open([entry], set()) == entry


def test_it_is_graded(course: Places) -> None:
    found = grade(course.source("98").with_suffix(".ipynb"), prove=True, runtime="embedded", scale=50.0)
    solved = [result for result in found if result.kind == "exercise"]
    assert [result.passed for result in solved] == [True] * 6
    assert {result.name for result in found if result.kind == "wrong"} == {"not-1", "not-2", "not-3"}


def test_a_checkpoint_asks_removes_and_begins(course: Places, real: LocalRegion, tmp_path: Path) -> None:
    name = real.cluster(2)
    real.rds.create_db_cluster_endpoint(
        DBClusterIdentifier=name,
        DBClusterEndpointIdentifier="custom",
        EndpointType="READER",
        StaticMembers=[f"{name}-2"],
    )
    real.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=True)
    work = tmp_path / "work"
    work.mkdir()
    (work / "98_tiny.ipynb").write_text("my work")
    Record(real.home, "98").predict("98.1", "a")
    Progress(real.home).passed("98.1")
    own = {"AURORA_LAB_HOME": str(real.home.folder), "AURORA_LAB_WORKSPACE": str(work)}

    refused = aurora_lab("checkpoint", "98", **own)
    assert refused.returncode == 1
    assert f"This would remove the cluster {name}, with all data," in refused.stderr
    assert "--yes" in refused.stderr
    assert real.describe(name)["Status"] == "available"
    assert (work / "98_tiny.ipynb").read_text() == "my work"

    done = aurora_lab("checkpoint", "98", "--yes", **own)
    assert done.returncode == 0, done.stderr
    clusters = real.rds.describe_db_clusters()["DBClusters"]
    assert [cluster["DBClusterIdentifier"] for cluster in clusters] == ["tiny"]
    assert real.rds.describe_db_instances()["DBInstances"] == []
    assert (work / "98_tiny.ipynb").read_bytes() == course.lesson("98").read_bytes()
    (backup,) = (work / "backups").iterdir()
    assert backup.read_text() == "my work"
    assert Progress(real.home).done() == {}
    assert Record(real.home, "98").all() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_notebook_that_its_own_kernel_runs_is_followed(
    course: Places, real: LocalRegion, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    own = {**os.environ, "AURORA_LAB_HOME": str(real.home.folder), "AURORA_LAB_WORKSPACE": str(work)}
    terminal = pexpect.spawn(
        sys.executable, ["-m", "aurora_lab.cli", "watch", "98"], env=own, encoding="utf-8", timeout=60
    )
    environ = enter(real.home, real.info, None, own, remember=False).apply(own)
    said: list[str] = []
    kernel = Runner(tmp_path, environ, "98", said.append)
    try:
        terminal.expect_exact("Now 98.1")
        file = work / course.lesson("98").name
        for number, value, sees in ((1, 2, "98.1 Number 1: not yet"), (1, 1000, "98.1 Number 1: passed")):
            assert not kernel.run("1 / 0"), "and what is run right after an error is run"
            # As JupyterLab does: the kernel runs the cell, then the file is saved.
            assert kernel.run(f"x{number} = {value}"), said
            notebook = notebooks.read(file)
            for cell in notebook.cells:
                if cell.id == f"answer-98-{number}":
                    cell.source = f"x{number} = {value}"
            file.write_text(notebooks.dumps(notebook))
            terminal.expect_exact(sees)
        terminal.send("q")
        terminal.expect_exact("stay as they are")
        terminal.expect(pexpect.EOF)
    finally:
        kernel.close()
        terminal.close(force=True)


def test_a_checkpoint_of_no_lesson_is_named(course: Places) -> None:
    assert "There is no lesson '42'" in aurora_lab("checkpoint", "42").stderr
    assert course.root.exists()
