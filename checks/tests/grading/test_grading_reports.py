"""`aurora-lab grade` and what it writes; nothing here needs a region."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner

from aurora_lab.cli.main import main
from aurora_lab.course.grade import Options, Result
from aurora_lab.course.grade_class import grade_class
from aurora_lab.course.grade_report import Submission, write_reports

HOSTILE = "<img src=x> ![p](http://h/x) | \u202e `"


def result(exercise: str, points: int, seen: str = "seen") -> Result:
    name = "" if points else "a-mistake"
    title = f"{exercise} A title"
    return Result(
        "x", title, "05", "exercise", exercise, bool(points), name, seen, "this", "why", points, 2, ()
    )


def test_reports_hold_points_and_cannot_be_written_by_a_learner(tmp_path: Path) -> None:
    graded = Submission("a|b.ipynb", "(user) apart", [result("05.1", 2), result("05.2", 0, HOSTILE)])
    lost = Submission("c.ipynb", trouble="It could not be graded.")
    write_reports(tmp_path / "new", [graded, lost])
    found = json.loads((tmp_path / "new" / "grades.json").read_text())
    assert [(item["points"], item["of"], item["trouble"]) for item in found] == [
        (2, 4, ""),
        (0, 0, "It could not be graded."),
    ]
    assert found[0]["exercises"][1]["name"] == "a-mistake"
    suites = ElementTree.fromstring((tmp_path / "new" / "grades.xml").read_text())
    assert [(suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in suites] == [
        ("2", "1", "0"),
        ("1", "0", "1"),
    ]
    failure = suites[0][1][0]
    assert (failure.get("type"), failure.get("message")) == ("a-mistake", HOSTILE)
    text = (tmp_path / "new" / "grades.md").read_text()
    assert "| a\\|b.ipynb | 2 of 4 |" in text
    assert "<img" not in text
    assert "![" not in text
    assert "- [x] 05.1 A title" in text


def test_the_command_grades_what_cannot_be_read(tmp_path: Path) -> None:
    for name in ("05_one.ipynb", "two.ipynb"):
        (tmp_path / name).write_text("{")
    paths = [str(tmp_path / name) for name in ("05_one.ipynb", "two.ipynb")]
    done = CliRunner().invoke(main, ["grade", *paths, "--sandbox", "limits", "--report", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    assert f"{paths[0]}: 0 of 10 points" in done.output
    assert "not a notebook" in done.output
    assert "with limits only" in done.output
    found = json.loads((tmp_path / "r" / "grades.json").read_text())
    assert [(item["lesson"], len(item["exercises"])) for item in found] == [("05", 10), ("unknown", 1)]
    again = CliRunner().invoke(main, ["grade", paths[0], "--sandbox", "limits", "--need", "1"])
    assert again.exit_code == 1


def test_a_missing_notebook_is_one_sentence() -> None:
    done = CliRunner().invoke(main, ["grade", "nowhere.ipynb"])
    assert done.exit_code == 1
    assert done.output == "aurora-lab: There is no notebook nowhere.ipynb.\n"


def test_a_notebook_whose_process_is_lost_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"05_{name}.ipynb" for name in "abc"]
    for path in paths:
        path.write_text("{")
    monkeypatch.setattr("aurora_lab.course.grade.LARGEST_BYTES", 1)
    paths[1].unlink()
    told: list[str] = []
    found = grade_class(paths, Options(sandbox="limits"), 1, lambda item: told.append(item.name))
    assert [item.of for item in found] == [10, 0, 10]
    assert found[1].trouble.endswith("cannot be read (No such file or directory).")
    assert told == [str(path) for path in paths]


WORKFLOW = Path(__file__).resolve().parents[3] / "docker" / "grading" / "grade.yml"


def test_the_workflow_is_valid_and_asks_for_no_rights() -> None:
    found = yaml.safe_load(WORKFLOW.read_text())
    # YAML takes the word `on` for a truth value; GitHub does not.
    assert set(found) == {"name", True, "permissions", "concurrency", "jobs"}
    assert found["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in found[True]
    steps = found["jobs"]["grade"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    checkouts = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout")]
    assert all(step["persist-credentials"] is False for step in checkouts)


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on the path")
def test_the_workflows_commands_grade(tmp_path: Path) -> None:
    steps = {step["name"]: step for step in yaml.safe_load(WORKFLOW.read_text())["jobs"]["grade"]["steps"]}
    (tmp_path / "course").symlink_to(WORKFLOW.parents[2])
    learner = tmp_path / "handed-in" / "submissions" / "a learner"
    learner.mkdir(parents=True)
    (learner / "05_hands_on_psql.ipynb").write_text("{")
    (learner / "05_link.ipynb").symlink_to("/etc/passwd")
    environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    for name in ("Grade", "Show the grades"):
        folder = tmp_path / steps[name].get("working-directory", ".")
        command = steps[name]["run"]
        # The folder is reached by a link here: `..` must mean the place of the link.
        command = command.replace("../", f"{tmp_path}/")
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    assert "a learner/05_hands_on_psql.ipynb | 0 of 10 |" in (tmp_path / "summary").read_text()
    assert "05_link" not in (tmp_path / "summary").read_text()
