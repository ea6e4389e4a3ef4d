"""The curves that a serverless instance's bill is made from: nothing is lost, nothing counted twice."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from aurora_lab.models.serverless import Load, Point, State, acu_seconds, bounds, needed, run
from aurora_lab.region import capacity_log
from aurora_lab.region.capacity_log import CapacityLog, curves, forget_curves
from aurora_lab.region.metrics import Spread
from aurora_lab.region.pauses import Sleepers
from aurora_lab.region.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state.db")


def test_a_curve_comes_back_as_it_was_written(store: Store) -> None:
    written = CapacityLog(store, "cluster-A")
    for at, acus in ((100.0, 0.5), (101.0, 0.5), (102.0, 4.0), (103.0, 0.5), (104.0, 0.5)):
        written.note("db-A", "one", at, acus, 10.0)
    [curve] = written.curves()
    assert curve.points == (Point(100.0, 0.5, 10.0), Point(102.0, 4.0, 10.0), Point(103.0, 0.5, 10.0))
    assert curve.until == 104.0
    assert curve.acu_seconds() == 10 * (2 * 0.5 + 4.0 + 0.5)
    assert curve.acu_seconds(since=102.0, until=103.0) == 40.0
    assert CapacityLog(store, "cluster-A").last("db-A") == 0.5
    assert CapacityLog(store, "cluster-B").last("db-A") is None

    forget_curves(store, "cluster-B")
    assert len(curves(store, "cluster-A")) == 1
    forget_curves(store, "cluster-A")
    assert curves(store, "cluster-A") == []


def test_another_pace_of_the_clock_is_another_point(store: Store) -> None:
    log = CapacityLog(store, "cluster-A")
    log.note("db-A", "one", 100.0, 2.0, 10.0)
    log.note("db-A", "one", 110.0, 2.0, 1.0)
    log.note("db-A", "one", 120.0, 2.0, 1.0)
    [curve] = log.curves()
    assert curve.acu_seconds() == 2 * (100 + 10)


def test_time_without_a_region_is_not_counted(store: Store) -> None:
    CapacityLog(store, "cluster-A").note("db-A", "one", 100.0, 2.0, 1.0)
    again = CapacityLog(store, "cluster-A")
    again.note("db-A", "one", 100.0 + capacity_log.GAP_SECONDS / 2, 2.0, 1.0)
    [curve] = again.curves()
    assert curve.acu_seconds() == capacity_log.GAP_SECONDS
    much_later = CapacityLog(store, "cluster-A")
    much_later.note("db-A", "one", 1_000_000.0, 2.0, 1.0)
    much_later.end("db-A", 1_000_010.0)
    much_later.note("db-A", "one", 2_000_000.0, 0.0, 1.0)
    [curve] = much_later.curves()
    assert curve.acu_seconds() == capacity_log.GAP_SECONDS + 20


def test_what_is_no_longer_kept_is_still_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_log, "POINTS_EACH", 5)
    monkeypatch.setattr(capacity_log, "DOCUMENTS_KEPT", 3)
    rng, log, at = random.Random(7), CapacityLog(store, "cluster-A"), 100.0
    written = []
    for number in range(100):
        at += rng.random()
        acus = rng.randrange(1, 20) / 2 + (number % 2) * 100
        written.append(Point(at, acus, 10.0))
        log.note("db-A", "one", at, acus, 10.0)
        if number % 9 == 0:
            log = CapacityLog(store, "cluster-A")
    [curve] = log.curves()
    assert len(store.all("Capacity")) == 3
    assert len(curve.points) <= 15
    assert curve.acu_seconds() == pytest.approx(acu_seconds(written, at))


def test_cloudwatch_is_told_what_the_curve_amounts_to() -> None:
    """FACTS 5.21: what is shown is what is billed."""
    rng, state, spread = random.Random(3), State(0.5), Spread()
    points, second = [Point(0.0, 0.5)], 0
    for _ in range(50):
        seconds = rng.randrange(0, 40)
        need = needed(Load(vcpus=rng.random() * 3), state.acus)
        later, changes = run(state, need, bounds(0.5, 16), seconds)
        spread.add(state.acus, changes, seconds)
        points += [Point(second + after - 1.0, acus) for after, acus in changes]
        state, second = later, second + seconds
    assert spread.count == second
    assert spread.total == pytest.approx(acu_seconds(points, float(second)))
    assert 0.5 <= spread.low <= spread.average <= spread.high == max(point.acus for point in points)
    assert all(earlier.at <= later.at for earlier, later in pairwise(points))


def test_a_connection_to_a_sleeper_waits_and_wakes_its_cluster_once() -> None:
    woken: list[str] = []
    sleepers = Sleepers(woken.append)
    assert sleepers.ready("one")
    touched = sleepers.touched("one")
    assert touched > 0
    sleepers.replace({"one": "cluster-A"})
    assert not sleepers.ready("one")
    assert not sleepers.ready("one")
    assert sleepers.ready("two")
    assert woken == ["cluster-A"]
    assert sleepers.asked("one")
    assert sleepers.touched("one") >= touched
    sleepers.replace({})
    assert sleepers.ready("one")
    assert not sleepers.asked("one")
