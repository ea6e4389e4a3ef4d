"""A region for Application Auto Scaling without servers: a real state file, clusters and instances as documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aurora_lab.region.clock import LabClock, timestamp
from aurora_lab.region.metrics import Metrics
from aurora_lab.region.reader_scaling.keeper import ReaderScaling
from aurora_lab.region.reader_scaling.provider import ScalingProvider
from aurora_lab.region.store import Document, Store

TARGET = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"}


def target(cluster: str) -> dict[str, str]:
    """The three names of a scalable target."""
    return {**TARGET, "ResourceId": f"cluster:{cluster}"}


def tracking(value: float, metric: str = "DatabaseConnections", **more: Any) -> dict[str, Any]:
    """A policy of one of the predefined metrics, as PutScalingPolicy takes it."""
    predefined = {"PredefinedMetricType": f"RDSReaderAverage{metric}"}
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value,
            "PredefinedMetricSpecification": predefined,
            **more,
        },
    }


class Desk:
    """What the provider and the thread ask of a region. Instances are made and removed at once."""

    name = "us-west-2"
    account = "123456789012"

    def __init__(self, state: Path) -> None:
        self.store = Store(state)
        self.clock = LabClock(1)  # no minute passes that a test does not make
        self.metrics = Metrics()
        self.reader_scaling = ReaderScaling(self)  # type: ignore[arg-type]
        self.reader_scaling.rds = Instances(self.store)  # type: ignore[assignment]
        self.provider = ScalingProvider(self)  # type: ignore[arg-type]

    def now(self) -> str:
        return timestamp()

    def cluster(self, name: str, readers: int = 0, status: str = "available") -> None:
        """A cluster with a writer `NAME-0` and readers made by hand."""
        document = {
            "DBClusterIdentifier": name,
            "Status": status,
            "_lab": {"writer": f"{name}-0", "next_order": 0},
        }
        self.store.put("DBCluster", name, document)
        for number in range(readers + 1):
            self.reader_scaling.rds.create_db_instance(
                None,
                DBInstanceIdentifier=f"{name}-{number}",
                DBInstanceClass="db.r6g.large",
                Engine="aurora-postgresql",
                DBClusterIdentifier=name,
            )

    def readers(self, cluster: str) -> list[Document]:
        """All instances of the cluster but its first."""
        found = [item for item in self.store.all("DBInstance") if item["DBClusterIdentifier"] == cluster]
        found.sort(key=lambda item: item["_lab"]["order"])
        return found[1:]

    def minutes(self, cluster: str, total: float, count: int, metric: str = "DatabaseConnections") -> None:
        """So many lab minutes pass in which the load is spread evenly over the readers there are then."""
        for _ in range(count):
            at = datetime.now(UTC)
            about = {"DBClusterIdentifier": cluster, "Role": "READER"}
            readers = self.readers(cluster)
            for _reader in readers:
                self.metrics.note(metric, total / len(readers), "Count", about, at=at)
            # Begun, ordered, fulfilled.
            for _step in range(3):
                self.reader_scaling.look()


class Instances:
    """The two RDS actions that scaling needs, done at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refuse: Exception | None = None

    def create_db_instance(self, _context: object, *, Tags: Any = None, **asked: Any) -> None:
        if self.refuse is not None:
            raise self.refuse
        name, order = asked["DBInstanceIdentifier"], len(self._store.all("DBInstance"))
        arn = f"arn:aws:rds:us-west-2:123456789012:db:{name}"
        state = {"DBInstanceStatus": "available", "DBInstanceArn": arn, "_lab": {"order": order}}
        self._store.put("DBInstance", name, {**asked, **state})
        if Tags:
            self._store.put("Tags", arn, {"TagList": Tags})

    def delete_db_instance(self, _context: object, *, DBInstanceIdentifier: str, **_: Any) -> None:
        self._store.delete("DBInstance", DBInstanceIdentifier)


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A region with its state file in `folder`."""
    opened = Desk(folder / "region.sqlite3")
    try:
        yield opened
    finally:
        opened.store.close()
