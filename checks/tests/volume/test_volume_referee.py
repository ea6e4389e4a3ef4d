"""The volume under seeded faults: nothing that was acknowledged is lost. And the referee itself can say no."""

from __future__ import annotations

import os
import random

import pytest
from referee import History, play

from local_region import local_region

FAULTS = int(os.environ.get("AURORA_LAB_FAULTS", "12"))
"""Faults in a usual run; by hand AURORA_LAB_FAULTS=1000, with AURORA_LAB_SEED to play one again."""


@pytest.mark.timeout(300 + 10 * FAULTS)
def test_no_acknowledged_write_is_lost_whatever_fails() -> None:
    seed = int(os.environ.get("AURORA_LAB_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}")
    with local_region(scale=30.0) as region:
        history, done, violations = play(region, seed, FAULTS)
    print(
        f"{len(history.acknowledged)} of {len(history.sent)} acknowledged, {len(history.writers)} timelines"
    )
    assert not violations, f"seed {seed}: {violations}; faults: {', '.join(done)}"
    assert history.acknowledged, "the clients wrote"


def test_the_referee_sees_each_violation() -> None:
    history = History(sent={1, 2, 3}, acknowledged={1, 2}, writers={"00000001": {"one"}})
    assert history.violations([1, 2]) == history.violations([1, 2, 3]) == []
    assert "1 acknowledged writes are missing, such as 2" in history.violations([1])
    assert "1 writes appear twice" in history.violations([1, 2, 2])
    assert "1 rows were never written, such as 4" in history.violations([1, 2, 4])
    history.writers["00000001"].add("two")
    assert "in timeline 00000001 one, two acknowledged" in history.violations([1, 2])
