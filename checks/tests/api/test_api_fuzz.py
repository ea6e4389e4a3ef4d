"""Two thousand malformed requests to a live server: each is answered as AWS would, none breaks it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fuzzing import cases, run

COUNT = 2000
STUB = Path(__file__).parents[1] / "stub_region.py"
GROWTH = 120_000_000
"""Bytes that the server may grow by: requests of a megabyte are held while they are read."""


@pytest.fixture(scope="module")
def stub() -> Iterator[tuple[int, psutil.Process]]:
    """A server in a process of its own, so that its memory can be seen."""
    with subprocess.Popen(
        [sys.executable, str(STUB)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Else the C library keeps memory for each of the server's threads, and a leak could not be told from it.
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        try:
            assert line, process.communicate(timeout=10)
            yield int(line), psutil.Process(process.pid)
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def test_malformed_requests(stub: tuple[int, psutil.Process]) -> None:
    port, process = stub
    seed = int(os.environ.get("AURORA_LAB_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed} (AURORA_LAB_FUZZ_SEED={seed} repeats it)")
    run("127.0.0.1", port, 1, 50)  # what is loaded lazily is loaded
    before = process.memory_info().rss
    report = run("127.0.0.1", port, seed, COUNT)
    print(report.statuses, report.cut_off)
    assert not report.complaints, "\n".join(report.complaints[:5])
    assert report.sent == COUNT
    assert report.unanswered == 0
    assert sum(report.statuses.values()) + report.cut_off == COUNT
    assert report.cut_off < COUNT // 5
    # It is not one answer to everything: the requests get past the door.
    assert {200, 400, 403, 404, 405, 413, 501} <= set(report.statuses)
    assert {status for status in report.statuses if status >= 500} == {501}
    assert process.memory_info().rss - before < GROWTH


def test_a_seed_repeats_itself() -> None:
    assert list(cases(7, 60)) == list(cases(7, 60))
    assert list(cases(7, 60)) != list(cases(8, 60))
    confined = [case.what for case in cases(9, 200, ["DescribeEvents"])]
    assert any(what.startswith("DescribeEvents:") for what in confined)
    assert not any("CreateDBCluster:" in what for what in confined)
