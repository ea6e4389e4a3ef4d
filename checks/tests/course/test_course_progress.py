"""What is solved: a text file that only grows, and the cards made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aurora_lab.course.catalog import first_open, read_catalog
from aurora_lab.course.places import find_places
from aurora_lab.course.progress import Progress, progress_card
from aurora_lab.region.home import Home


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(Home(tmp_path / "home"))


def lessons(folder: Path, **exercises: int) -> Path:
    """A folder of notebooks with this many checks each."""
    for name, count in exercises.items():
        number = name[1:3]
        marks = [{"role": "check", "exercise": f"{number}.{index}"} for index in range(1, count + 1)]
        cells = [{"metadata": {"aurora_lab": mark}} for mark in [{"role": "given"}, *marks]]
        about = {"title": f"Lesson {number}", "minutes": 30}
        (folder / f"{name[1:]}.ipynb").write_text(
            json.dumps({"metadata": {"aurora_lab": about}, "cells": cells})
        )
    return folder


def test_each_exercise_is_noted_once(progress: Progress) -> None:
    for exercise in ("05.1", "05.10", "05.1"):
        progress.passed(exercise)
    assert list(progress.done()) == ["05.1", "05.10"]
    lines = progress.path.read_text().splitlines()
    assert lines[0].startswith("#")
    assert len(lines) == 3


def test_a_lesson_that_is_begun_anew_counts_from_there(progress: Progress) -> None:
    for exercise in ("05.1", "06.1"):
        progress.passed(exercise)
    progress.begin_anew("05")
    assert list(progress.done()) == ["06.1"]
    progress.begin_anew("05")
    progress.passed("05.1")
    assert sorted(progress.done()) == ["05.1", "06.1"]
    assert progress.path.read_text().count("05 begun anew") == 1


def test_lines_of_a_learners_own_are_left_alone(progress: Progress) -> None:
    progress.path.parent.mkdir()
    progress.path.write_bytes(b"a note of mine \xff\n  05.2   passed\n5.3 passed\n05.4 failed\n")
    progress.passed("05.1")
    assert list(progress.done()) == ["05.2", "05.1"]
    assert progress.path.read_bytes().startswith(b"a note of mine \xff\n")


def test_the_card_says_how_far_each_lesson_is(progress: Progress, tmp_path: Path) -> None:
    entries = read_catalog(lessons(tmp_path, _05_one=2, _06_two=1))
    progress.passed("05.2")
    shown = repr(progress_card(entries, progress))
    assert "1 of 3 exercises solved" in shown
    assert "05 Lesson 05: ○● 1 of 2" in shown
    assert "Next is 05.1." in shown
    progress.passed("05.1")
    assert "Next is 06.1." in repr(progress_card(entries, progress))
    progress.passed("06.1")
    assert "All is done." in repr(progress_card(entries, progress))


def test_the_first_lesson_that_is_not_done_is_opened(progress: Progress, tmp_path: Path) -> None:
    entries = read_catalog(lessons(tmp_path, _05_one=2, _06_two=1))
    opened = []
    for exercise in ("05.2", "05.1", "06.1"):
        progress.passed(exercise)
        entry = first_open(entries, progress.done().keys())
        opened.append(entry.number if entry else None)
    assert opened == ["05", "06", "06"]
    assert first_open([], set()) is None


def test_a_notebook_that_cannot_be_read_is_listed_all_the_same(tmp_path: Path) -> None:
    lessons(tmp_path, _05_one=2)
    (tmp_path / "06_broken.ipynb").write_text("{")
    (tmp_path / "07_strange.ipynb").write_text('{"metadata": {}, "cells": [3]}')
    (tmp_path / "notes.ipynb").write_text("{}")
    found = [(entry.number, entry.title, len(entry.exercises)) for entry in read_catalog(tmp_path)]
    assert found == [("05", "Lesson 05", 2), ("06", "broken", 0), ("07", "strange", 0)]


def test_the_catalog_knows_the_lessons_exercises() -> None:
    entry = next(entry for entry in read_catalog(find_places().lessons) if entry.number == "05")
    assert (entry.title, entry.minutes) == ("Hands-on with psql", 75)
    assert entry.exercises == tuple(f"05.{number}" for number in range(1, 11))
