"""The ledger of what is billed, and how a cluster's usage is read from it and from metric series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from aurora_lab.models.billing import bill
from aurora_lab.models.price_book import price_book
from aurora_lab.models.usage import Support
from aurora_lab.region.clock import timestamp
from aurora_lab.region.ledger import Ledger
from aurora_lab.region.metered import GB, LabTime, Series, UnknownClusterError, meter
from aurora_lab.region.store import Document, Store

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    """So many minutes after noon."""
    return timestamp(NOON + timedelta(minutes=minutes))


def span(start: float, end: float | None, size: str = "db.r6g.large") -> dict[str, Any]:
    """A span of the ledger, in minutes after noon."""
    return {"start": at(start), "end": None if end is None else at(end), "class": size}


def ledger(*instances: tuple[str, list[dict[str, Any]]], now: float = 60, **more: Any) -> dict[str, Any]:
    """A ledger of a cluster `shop` that was made at noon, on a clock that is ten times as fast."""
    cluster = {
        "id": "cluster-1",
        "cluster": "shop",
        "start": at(0),
        "end": None,
        "storage": [[at(0), "aurora"]],
        "retention_days": 1,
        "engine_version": "17.10",
        "support": "open-source-rds-extended-support",
    }
    return {
        "now": at(now),
        "scales": more.pop("scales", [[at(-60), 10.0]]),
        "instances": [
            {"instance": name, "cluster": "cluster-1", "spans": spans} for name, spans in instances
        ],
        "clusters": [{**cluster, **more.pop("cluster", {})}],
        "snapshots": more.pop("snapshots", []),
    }


class Given:
    """Metric series of a test; minutes after noon, and values."""

    def __init__(self, **series: list[tuple[float, float]]) -> None:
        self._series = series

    def series(self, metric: str, _dimension: str, _value: str, start: datetime, end: datetime) -> Series:
        """As MetricSource.series."""
        found = [
            (NOON + timedelta(minutes=minutes), value) for minutes, value in self._series.get(metric, [])
        ]
        return [(moment, value) for moment, value in found if start <= moment <= end]


# The ledger.


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that a ledger watches."""
    with closing(Store(tmp_path / "state")) as found:
        yield found


def cluster(name: str = "shop", **more: Any) -> Document:
    """A cluster's document."""
    return {
        "DBClusterIdentifier": name,
        "DbClusterResourceId": "cluster-1",
        "BackupRetentionPeriod": 1,
        "EngineVersion": "17.10",
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        **more,
    }


def instance(status: str, size: str = "db.r6g.large", **more: Any) -> Document:
    """An instance's document."""
    return {
        "DBInstanceIdentifier": "shop-1",
        "DbiResourceId": "db-1",
        "DBClusterIdentifier": "shop",
        "DBInstanceStatus": status,
        "DBInstanceClass": size,
        **more,
    }


def sizes(noted: Ledger) -> list[tuple[str, bool]]:
    """The classes of the one instance's spans, and whether each still goes on."""
    (note,) = noted.show()["instances"]
    return [(each["class"], each["end"] is None) for each in note["spans"]]


def test_an_instance_is_noted_from_available_to_deleted(store: Store) -> None:
    noted = Ledger(store)
    store.put("DBCluster", "shop", cluster())
    store.put("DBInstance", "shop-1", instance("creating"))
    assert sizes(noted) == []
    store.put("DBInstance", "shop-1", instance("available"))
    store.put("DBInstance", "shop-1", instance("rebooting"))
    assert sizes(noted) == [("db.r6g.large", True)]
    store.put("DBInstance", "shop-1", instance("available", "db.r6g.xlarge"))
    store.put("DBInstance", "shop-1", instance("stopped", "db.r6g.xlarge"))
    store.put("DBInstance", "shop-1", instance("available", "db.r6g.xlarge"))
    store.delete("DBInstance", "shop-1")
    store.delete("DBCluster", "shop")
    assert sizes(noted) == [("db.r6g.large", False), ("db.r6g.xlarge", False), ("db.r6g.xlarge", False)]
    assert noted.show()["clusters"][0]["end"] is not None


def test_a_new_name_is_no_new_instance(store: Store) -> None:
    noted = Ledger(store)
    store.put("DBCluster", "shop", cluster())
    store.put("DBInstance", "shop-1", instance("available"))
    store.put("DBInstance", "store-1", instance("available", DBInstanceIdentifier="store-1"))
    store.delete("DBInstance", "shop-1")
    store.put("DBCluster", "store", cluster("store"))
    store.delete("DBCluster", "shop")
    assert sizes(noted) == [("db.r6g.large", True)]
    (note,) = noted.show()["clusters"]
    assert (note["cluster"], note["end"]) == ("store", None)


def test_what_is_undone_is_not_noted(store: Store) -> None:
    noted = Ledger(store)
    store.put("DBCluster", "shop", cluster())
    with pytest.raises(RuntimeError), store.transaction():
        store.put("DBInstance", "shop-1", instance("available"))
        raise RuntimeError
    assert noted.show()["instances"] == []


def test_what_was_there_before_is_noted_when_the_region_starts(store: Store) -> None:
    store.put("DBCluster", "shop", cluster(StorageType="aurora-iopt1"))
    store.put("DBInstance", "shop-1", instance("available"))
    noted = Ledger(store)
    noted.begin(10.0)
    noted.begin(10.0)
    assert sizes(noted) == [("db.r6g.large", True)]
    shown = noted.show()
    assert [kind for _, kind in shown["clusters"][0]["storage"]] == ["aurora-iopt1"]
    assert [scale for _, scale in shown["scales"]] == [10.0]


def test_a_snapshot_is_noted_until_it_is_deleted(store: Store) -> None:
    noted = Ledger(store)
    for status in ("creating", "available"):
        document = {"SnapshotType": "manual", "Status": status, "DbClusterResourceId": "cluster-1"}
        store.put("DBClusterSnapshot", "snap", document)
    store.put("DBClusterSnapshot", "auto", {**document, "SnapshotType": "automated"})
    assert [item["end"] for item in noted.show()["snapshots"]] == [None]
    store.delete("DBClusterSnapshot", "snap")
    store.put("DBClusterSnapshot", "snap", document)
    assert [item["end"] is None for item in noted.show()["snapshots"]].count(True) == 1
    assert len(noted.show()["snapshots"]) == 2


# Lab time.


def test_lab_time_stands_still_while_the_region_is_stopped() -> None:
    time = LabTime([(at(-60), 10.0), (at(6), 0.0), (at(20), 100.0)], NOON)
    assert time.hours(NOON) == 0
    assert time.hours(NOON + timedelta(minutes=6)) == time.hours(NOON + timedelta(minutes=20)) == 1
    assert time.hours(NOON + timedelta(minutes=23)) == 6
    assert time.scales(NOON, NOON + timedelta(minutes=23)) == [10.0, 100.0]
    assert time.scales(NOON, NOON + timedelta(minutes=7)) == [10.0]


# Usage.


def test_instances_are_billed_for_their_lab_hours() -> None:
    found = meter(
        ledger(("shop-1", [span(0, None)]), ("shop-2", [span(6, 12), span(12, 12.5, "db.r6g.xlarge")])),
        Given(),
        "SHOP",
    )
    assert (found.start, found.end, found.scales) == (0, 10, (10.0,))
    lines = {line.what: line.quantity for line in bill(price_book(), found.usage, 0, 10).lines}
    assert lines == {"db.r6g.large": 11, "db.r6g.xlarge": Fraction(1, 6)}


def test_what_is_not_measured_is_said() -> None:
    found = meter(ledger(("shop-1", [span(0, None, "db.serverless")])), Given(), "shop")
    said = bill(price_book(), found.usage, found.start, found.end)
    assert said.total == 0
    assert [each.partition(" (")[0] for each in said.not_measured] == [
        "capacity of shop-1",
        "size of the volume of shop",
        "page reads of shop",
        "log writes of shop",
        "data transfer between application and database",
    ]


def test_metric_series_become_curves() -> None:
    every_half_minute = [(minutes / 2, 600.0) for minutes in range(1, 121)]
    metrics = Given(
        VolumeBytesUsed=[(0.1, 10.0 * GB), (30, 20.0 * GB)],
        VolumeReadIOPs=every_half_minute,
        VolumeWriteIOPs=every_half_minute[:60],
        ServerlessDatabaseCapacity=[(0.2, 2.0), (30, 4.0), (50, 8.0)],
    )
    found = meter(ledger(("shop-1", [span(0, 48, "db.serverless")])), metrics, "shop")
    usage = found.usage
    assert usage.volume is not None
    assert usage.volume.integral(0, 10) == 5 * 10 + 5 * 20
    assert usage.reads is not None
    assert usage.reads.integral(0, 10) == 120 * 600
    assert usage.writes is not None
    assert usage.writes.integral(0, 10) == 60 * 600
    (serverless,) = usage.serverless
    assert serverless.capacity is not None
    assert serverless.capacity.integral(0, 10) == 5 * 2 + 3 * 4
    assert usage.not_measured[0].startswith("log writes of shop in 300 lab minutes (no instance ran then")
    assert not found.assumed


def test_a_stopped_serverless_instance_has_no_capacity() -> None:
    spans = [span(0, 6, "db.serverless"), span(30, None, "db.serverless")]
    metrics = Given(ServerlessDatabaseCapacity=[(0, 2.0), (36, 4.0)])
    found = meter(ledger(("shop-1", spans)), metrics, "shop")
    (serverless,) = found.usage.serverless
    assert serverless.capacity is not None
    assert serverless.capacity.integral(0, 10) == 1 * 2 + 5 * 4
    assert found.assumed == (
        "ServerlessDatabaseCapacity of shop-1 was first seen 60 lab minutes after the start, "
        "and is taken to have been the same before.",
    )


def test_a_volume_that_was_not_published_yet_has_the_size_of_now() -> None:
    found = meter(ledger(), Given(), "shop", bytes_now=3 * GB)
    assert found.usage.volume is not None
    assert found.usage.volume.integral(0, 10) == 30
    assert "taken to be what it is now" in found.assumed[0]


def test_a_snapshot_is_billed_in_full_once_the_retention_period_has_passed() -> None:
    snapshots = [
        {"cluster": "cluster-1", "start": at(6), "end": None},
        {"cluster": "other", "start": at(0), "end": None},
    ]
    volume = Given(VolumeBytesUsed=[(0, 10.0 * GB), (12, 20.0 * GB)])
    kept = meter(ledger(now=60 * 3, snapshots=snapshots), volume, "shop")
    assert kept.usage.snapshots is not None
    assert kept.usage.snapshots.integral(0, 30) == 5 * 10
    gone = meter(ledger(now=60, snapshots=snapshots, cluster={"end": at(30)}), volume, "shop")
    assert gone.end == 10
    assert gone.usage.snapshots is not None
    assert gone.usage.snapshots.integral(0, 10) == 5 * 10
    assert gone.usage.volume is not None
    assert gone.usage.volume.integral(5, 10) == 0


def test_a_deleted_cluster_is_billed_until_it_was_gone() -> None:
    found = meter(ledger(("shop-1", [span(0, 24)]), cluster={"end": at(30)}), Given(), "shop")
    assert found.end == 5


def test_only_a_part_of_its_life_may_be_asked_for() -> None:
    one = meter(ledger(), Given(), "shop", since=NOON + timedelta(minutes=30))
    assert (one.start, one.end) == (5, 10)
    assert meter(ledger(), Given(), "shop", since=NOON - timedelta(days=1)).start == 0
    assert meter(ledger(), Given(), "shop", last_hours=Fraction(1, 2)).start == Fraction(19, 2)
    assert meter(ledger(), Given(), "shop", since=NOON + timedelta(days=1)).start == 10


def test_extended_support_is_that_of_the_version_today() -> None:
    old = {"engine_version": "13.20"}
    assert meter(ledger(cluster=old), Given(), "shop").usage.support == ((0, Support.YEARS_1_2),)
    refused = {**old, "support": "open-source-rds-extended-support-disabled"}
    assert meter(ledger(cluster=refused), Given(), "shop").usage.support == ((0, Support.NONE),)


def test_a_cluster_that_never_was_is_said_to_be_none() -> None:
    with pytest.raises(UnknownClusterError, match="There is, and was, no cluster store in the region"):
        meter(ledger(), Given(), "store")
