"""Hostile and broken submissions: none earns a point it has not earned, none stops the grading of the next.

All of them are graded in a few processes, one submission after the other, as a class would be; the tests here
look at what came of it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aurora_lab.course.forked import Shared
from aurora_lab.course.grade import Batch, Options, Result, grade_batch
from aurora_lab.course.sandbox import SandboxError, choose
from submissions import FILES, FRAMES, HONEST
from tricks import BREAKAGES, PRETENCES, SPYING

OPTIONS = Options(lesson="05", runtime="embedded", scale=1000.0, cell_seconds=20.0, memory=1024, until="05.2")
PROCESSES = 4
CORPUS = {**FRAMES, **PRETENCES, **BREAKAGES, **SPYING, **FILES, "honest": HONEST}

# The first test waits for all gradings.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def level() -> str:
    """The strongest level on this machine that needs no engine."""
    try:
        choose("user").close()
    except SandboxError:
        return "limits"
    return "user"


@pytest.fixture(scope="session")
def batches(
    level: str, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[list[str], Batch]]:
    """All submissions, dealt out to processes: most of the time one waits for something."""
    folder = tmp_path_factory.mktemp("submissions")
    names = [name for name, item in CORPUS.items() if level == "user" or not item.needs_user]
    hands = [names[place::PROCESSES] for place in range(PROCESSES)]
    options = replace(OPTIONS, sandbox=level, shared=shared)

    def graded(hand: list[str]) -> tuple[list[str], Batch]:
        return hand, grade_batch([_written(folder, name) for name in hand], options)

    with ThreadPoolExecutor(PROCESSES) as pool:
        return list(pool.map(graded, hands))


def _written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.ipynb"
    text = CORPUS[name].text
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(scope="session")
def found(batches: list[tuple[list[str], Batch]]) -> dict[str, dict[str, Result]]:
    """By submission and exercise."""
    return {
        name: {result.exercise: result for result in results if result.kind == "exercise"}
        for names, batch in batches
        for name, results in zip(names, batch.results, strict=True)
    }


@pytest.mark.parametrize("name", CORPUS)
def test_a_submission_earns_what_it_has_earned(
    name: str, found: dict[str, dict[str, Result]], level: str, batches: list[tuple[list[str], Batch]]
) -> None:
    wanted = CORPUS[name]
    if wanted.needs_user and level != "user":
        pytest.skip("only root can keep a submission apart without a container engine")
    if not found[name]:
        said = next(batch.output for names, batch in batches if name in names)
        pytest.fail(f"It was not graded:\n{said}")
    first, second = found[name]["05.1"], found[name]["05.2"]
    assert (first.name, second.passed) == (wanted.name, wanted.second), (first, second)
    assert first.passed == (wanted.name == "")
    assert wanted.says in first.seen
    assert [first.points, second.points] == [int(first.passed), int(second.passed)]
    assert first.seen == " ".join(first.seen.split())
    assert len(first.seen) <= 400


def test_nothing_is_left_of_any_submission(found: dict[str, dict[str, Result]]) -> None:
    assert found
    left = [
        process.info
        for process in psutil.process_iter(["cmdline", "cwd"])
        if "987654" in (process.info["cmdline"] or [])
    ]
    assert left == []


def test_how_they_were_confined_is_said(batches: list[tuple[list[str], Batch]], level: str) -> None:
    assert {batch.sandbox.partition(" ")[0] for _, batch in batches} == {f"({level})"}
    if os.geteuid() == 0:
        assert all("another user" in batch.sandbox for _, batch in batches)


def test_what_lies_beside_a_submission_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise SystemExit('a conftest of theirs was loaded')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option")
    path = tmp_path / "05_a::b[c] -p.ipynb"
    path.write_text("nothing")
    (results,) = grade_batch([path], OPTIONS).results
    assert [result.name for result in results] == ["not-a-notebook"] * 10
