from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_lab.cli.failure import LabError
from aurora_lab.cli.workspace import Workspace, default_workspace, find_lesson, list_lessons

LESSON = "05_hands_on_psql.ipynb"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def mine(workspace: Path, course: Path) -> Workspace:
    """A workspace with the course's first version."""
    made = Workspace(workspace)
    made.refresh(course)
    return made


def test_lessons_are_copied_where_there_are_none(workspace: Path, course: Path) -> None:
    (course / "pictures").mkdir()
    (course / "pictures" / "volume.svg").write_text("<svg/>")
    (course / ".ipynb_checkpoints").mkdir()
    (course / ".ipynb_checkpoints" / LESSON).write_text("old")
    report = Workspace(workspace).refresh(course)
    assert report.copied == [LESSON, "07_auto_scaling.ipynb", "pictures/volume.svg"]
    assert (workspace / LESSON).read_bytes() == (course / LESSON).read_bytes()
    assert not (workspace / ".ipynb_checkpoints").exists()


def test_nothing_happens_where_nothing_changed(mine: Workspace, course: Path) -> None:
    before = (mine.folder / LESSON).stat().st_mtime_ns
    report = mine.refresh(course)
    assert (report.copied, report.refreshed, report.beside) == ([], [], [])
    assert (mine.folder / LESSON).stat().st_mtime_ns == before


def test_an_untouched_lesson_is_refreshed(mine: Workspace, course: Path) -> None:
    (course / LESSON).write_text("second version")
    assert mine.refresh(course).refreshed == [LESSON]
    assert (mine.folder / LESSON).read_text() == "second version"


def test_a_notebook_that_was_only_opened_counts_as_untouched(mine: Workspace, course: Path) -> None:
    opened = json.loads((mine.folder / LESSON).read_text())
    opened["metadata"] = {"kernelspec": {"name": "python3"}, "language_info": {"name": "python"}}
    opened["cells"][0]["source"] = [opened["cells"][0]["source"]]
    (mine.folder / LESSON).write_text(json.dumps(opened, indent=1))
    assert mine.refresh(course).refreshed == []
    later = json.loads((course / LESSON).read_text())
    later["cells"][0]["source"] = "# Second version"
    (course / LESSON).write_text(json.dumps(later))
    assert mine.refresh(course).refreshed == [LESSON]
    ran = {**later, "cells": [{**later["cells"][0], "outputs": [{"text": "42"}]}]}
    (mine.folder / LESSON).write_text(json.dumps(ran))
    (course / LESSON).write_text(json.dumps({**later, "cells": []}))
    assert mine.refresh(course).refreshed == [], "a cell's output is the learner's"


def test_a_touched_lesson_gets_the_new_version_beside_it_once(mine: Workspace, course: Path) -> None:
    (mine.folder / LESSON).write_text("my work")
    assert mine.refresh(course).beside == []
    (course / LESSON).write_text("second version")
    assert mine.refresh(course).beside == [(LESSON, "05_hands_on_psql.updated.ipynb")]
    assert mine.refresh(course).beside == []
    (course / LESSON).write_text("third version")
    assert mine.refresh(course).beside == [(LESSON, "05_hands_on_psql.updated-2.ipynb")]
    assert (mine.folder / LESSON).read_text() == "my work"
    assert (mine.folder / "05_hands_on_psql.updated.ipynb").read_text() == "second version"


def test_a_file_of_the_learners_own_with_a_lessons_name_is_left_alone(workspace: Path, course: Path) -> None:
    workspace.mkdir()
    (workspace / LESSON).write_text("mine from the start")
    report = Workspace(workspace).refresh(course)
    assert (workspace / LESSON).read_text() == "mine from the start"
    assert report.beside == [(LESSON, "05_hands_on_psql.updated.ipynb")]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": 3}', '{"files": {"a": 1}}'])
def test_a_damaged_manifest_costs_no_work(mine: Workspace, course: Path, damage: str) -> None:
    (mine.folder / LESSON).write_text("my work")
    mine.manifest.write_text(damage)
    (course / LESSON).write_text("second version")
    mine.refresh(course)
    assert (mine.folder / LESSON).read_text() == "my work"
    assert json.loads(mine.manifest.read_text())["files"]


def test_a_link_or_a_folder_in_a_lessons_place_is_left_alone(mine: Workspace, course: Path) -> None:
    elsewhere = mine.folder / "elsewhere.ipynb"
    elsewhere.write_bytes((mine.folder / LESSON).read_bytes())
    (mine.folder / LESSON).unlink()
    (mine.folder / LESSON).symlink_to(elsewhere)
    (mine.folder / "07_auto_scaling.ipynb").unlink()
    (mine.folder / "07_auto_scaling.ipynb").mkdir()
    for path in course.iterdir():
        path.write_text("second version")
    mine.refresh(course)
    assert (mine.folder / LESSON).is_symlink()
    assert elsewhere.read_text() != "second version"
    assert (mine.folder / "07_auto_scaling.ipynb").is_dir()


def test_reset_keeps_a_dated_backup(mine: Workspace, course: Path) -> None:
    lesson = find_lesson(course, "05")
    (mine.folder / LESSON).write_text("my work")
    first = mine.reset(lesson, NOW)
    (mine.folder / LESSON).write_text("my second try")
    second = mine.reset(lesson, NOW)
    assert first == mine.folder / "backups" / "05_hands_on_psql.2026-03-04-050607.ipynb"
    assert first.read_text() == "my work"
    assert second is not None
    assert second != first
    assert second.read_text() == "my second try"
    assert (mine.folder / LESSON).read_bytes() == (course / LESSON).read_bytes()
    (course / LESSON).write_text("second version")
    assert mine.refresh(course).refreshed == [LESSON]


def test_reset_of_a_lesson_that_is_not_there_makes_it(workspace: Path, course: Path) -> None:
    assert Workspace(workspace).reset(find_lesson(course, "7"), NOW) is None
    assert (workspace / "07_auto_scaling.ipynb").exists()


@pytest.mark.parametrize(
    "wanted", ["05", "5", "hands_on_psql", "hands-on-psql", LESSON, f"lessons/{LESSON}", "05_HANDS_ON_psql"]
)
def test_a_lesson_is_found_by_any_of_its_names(course: Path, wanted: str) -> None:
    assert find_lesson(course, wanted).name == LESSON


def test_an_unknown_lesson_names_those_there(course: Path) -> None:
    with pytest.raises(LabError, match="05_hands_on_psql, 07_auto_scaling"):
        find_lesson(course, "42")


def test_the_first_lesson_has_the_lowest_number(course: Path) -> None:
    assert [lesson.number for lesson in list_lessons(course)] == ["05", "07"]


def test_a_clone_of_the_project_is_not_taken_for_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AURORA_LAB_WORKSPACE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_workspace() == tmp_path / "aurora-lab"
    (tmp_path / "aurora-lab").mkdir()
    (tmp_path / "aurora-lab" / "pyproject.toml").touch()
    assert default_workspace() == tmp_path / "aurora-lab-work"


versions = st.sampled_from(["version 1", "version 2", "version 3"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("course"), versions),
        st.tuples(st.just("learner"), st.sampled_from(["my a", "my b", "version 1", "version 2"])),
        st.tuples(st.sampled_from(["refresh", "reset", "forget", "delete"]), st.just("")),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_what_a_learner_wrote_is_never_lost(story: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder) / "course"
        course.mkdir()
        (course / LESSON).write_text("version 1")
        mine = Workspace(Path(folder) / "work")
        mine.refresh(course)
        target = mine.folder / LESSON
        for what, text in story:
            # Version texts may be the course's own; what only a learner writes has to survive.
            written = target.read_text() if target.exists() else ""
            if what == "course":
                (course / LESSON).write_text(text)
            elif what == "learner":
                target.write_text(text)
                continue
            elif what == "delete":
                target.unlink(missing_ok=True)
                continue
            elif what == "forget":
                mine.manifest.unlink(missing_ok=True)
            elif what == "refresh":
                mine.refresh(course)
                assert target.exists()
            else:
                mine.reset(find_lesson(course, "05"), NOW)
                assert target.read_text() == (course / LESSON).read_text()
            if what in ("course", "refresh", "forget") and written.startswith("my"):
                assert target.read_text() == written
            if what == "reset" and written.startswith("my"):
                kept = {path.read_text() for path in (mine.folder / "backups").iterdir()}
                assert written in kept
