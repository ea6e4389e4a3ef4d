"""What CloudWatch is told of instances and their volume, from what their servers say of themselves.

    metric                 of          unit          what it is here
    CPUUtilization         instance    Percent       CPU of the server's processes since the sample before, as a
                                                     share of the vCPUs of its class or of the machine, whichever
                                                     has fewer; of `db.serverless`: of its maximum capacity's
    DatabaseConnections    instance    Count         client connections now, without the region's own
    AuroraReplicaLag       reader      Milliseconds  how far it is behind the writer now
    VolumeReadIOPs         cluster     Count         billed reads in the last 5 minutes, of all instances
    VolumeWriteIOPs        cluster     Count         billed writes in the last 5 minutes (FACTS 8.31, 8.33)

Those of instances have a point each lab minute, under DBInstanceIdentifier and under DBClusterIdentifier with Role;
those of clusters one each five. Nothing is sampled more often than once in a real second. The billed I/O is also
summed up in the state file (kind `BilledIO`), so that no restart of the region loses it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from aurora_lab.cluster.types import Measurement
from aurora_lab.models.billed_io import write_units
from aurora_lab.models.serverless import VCPUS_PER_ACU
from aurora_lab.region.pauses import asleep
from aurora_lab.region.rds.orderable import is_serverless
from aurora_lab.region.rds.parameter_effects import host_of
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

N = TypeVar("N", int, float)

SAMPLE_LAB_SECONDS = 60.0
"""Between two samples of an instance's metrics."""
IO_LAB_SECONDS = 300.0
"""Between two counts of a volume's I/O (FACTS 8.33)."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an instance has used since it was measured before."""

    vcpus: float
    """CPU, in vCPUs that were busy all the time."""
    seconds: float
    """Real seconds that it is about; 0 at the first measurement."""


class Meters:
    """The metrics of one cluster or of one family of RDS instances. For its worker's thread only."""

    def __init__(self, region: Region, resource_id: str) -> None:
        self._region = region
        self._resource_id = resource_id
        self._before: dict[str, tuple[float, Measurement]] = {}
        self._noted: dict[str, tuple[float, Measurement]] = {}
        self._fresh: set[str] = set()
        """Who has been measured since the last samples."""
        self._next = self._next_io = 0.0
        self._told = billed_io(region, resource_id)

    def due(self) -> bool:
        """Whether the next pass is to measure everything."""
        return monotonic() >= self._next

    def measured(self, resource: str, found: Measurement) -> Used:
        """Take a full measurement up; what the instance has used since the one before."""
        now = monotonic()
        at, before = self._before.get(resource, (now, found))
        self._before[resource] = (now, found)
        self._fresh.add(resource)
        return _used(now - at, before, found)

    def sample(self, cluster: Document, instances: list[Document]) -> None:
        """Once in a lab minute, tell CloudWatch of everything that was measured just now."""
        if not self.due():
            return
        now, at = monotonic(), datetime.now(UTC)
        self._next = now + self._region.clock.real(SAMPLE_LAB_SECONDS)
        # Who was not measured now is left out, and begins anew.
        self._before = {name: kept for name, kept in self._before.items() if name in self._fresh}
        self._fresh.clear()
        for instance in instances:
            if asleep(instance):
                for name, unit in (("CPUUtilization", "Percent"), ("DatabaseConnections", "Count")):
                    self._region.metrics.note(name, 0.0, unit, *about_instance(cluster, instance), at=at)
            elif instance["DbiResourceId"] in self._before and "DBInstanceIdentifier" in instance:
                self._sample_instance(cluster, instance, at)
        self._noted = dict(self._before)
        if "DBClusterIdentifier" in cluster:
            self._count_io(cluster, at)

    def _sample_instance(self, cluster: Document, instance: Document, at: datetime) -> None:
        resource = instance["DbiResourceId"]
        now, found = self._before[resource]
        since, before = self._noted.get(resource, (now, found))
        used = _used(now - since, before, found)
        note, about = self._region.metrics.note, about_instance(cluster, instance)
        if used.seconds:
            share = min(100.0, 100 * used.vcpus / vcpus_of(cluster, instance))
            note("CPUUtilization", share, "Percent", *about, at=at)
        note("DatabaseConnections", found.connections, "Count", *about, at=at)
        if found.lag_ms is not None and "DBClusterIdentifier" in cluster:
            note("AuroraReplicaLag", found.lag_ms, "Milliseconds", *about, at=at)

    def _count_io(self, cluster: Document, at: datetime) -> None:
        """Add what was read and written since the last count, and tell of it every five minutes."""
        store = self._region.store
        total = billed_io(self._region, self._resource_id)
        servers: Document = dict(total["servers"])
        for resource, (_, found) in self._before.items():
            counters = [found.pages_read, found.log_writes, found.log_bytes]
            # One that is new here begins at what its statistics say: others have made its volume.
            pages, writes, log_bytes = _since(servers.get(resource, counters), counters)
            total["reads"] += pages
            if not found.in_recovery:
                total["writes"] += write_units(writes, log_bytes)
            servers[resource] = counters
        if servers != total["servers"]:
            total["servers"] = servers
            store.put("BilledIO", self._resource_id, total)
        if monotonic() < self._next_io:
            return
        if self._next_io:
            about = {"DBClusterIdentifier": cluster["DBClusterIdentifier"]}
            for name, key in (("VolumeReadIOPs", "reads"), ("VolumeWriteIOPs", "writes")):
                self._region.metrics.note(name, total[key] - self._told[key], "Count", about, at=at)
        self._told = total
        self._next_io = monotonic() + self._region.clock.real(IO_LAB_SECONDS)


def billed_io(region: Region, resource_id: str) -> Document:
    """The billed I/O of a cluster's volume since it was made: `reads` and `writes`."""
    found = region.store.get("BilledIO", resource_id)
    return found or {"reads": 0, "writes": 0, "servers": {}}


def about_instance(cluster: Document, instance: Document) -> list[dict[str, str]]:
    """The sets of dimensions under which CloudWatch has the metrics of an instance."""
    identifier = instance["DBInstanceIdentifier"]
    about = [{"DBInstanceIdentifier": identifier}]
    if "DBClusterIdentifier" in cluster:
        role = "WRITER" if cluster["_lab"]["writer"] == identifier else "READER"
        about.append({"DBClusterIdentifier": cluster["DBClusterIdentifier"], "Role": role})
    return about


def vcpus_of(cluster: Document, instance: Document) -> float:
    """The vCPUs of an instance's class (serverless: of its maximum), but no more than the machine has."""
    vcpus: float = host_of(cluster, instance).vcpus
    if is_serverless(instance):
        vcpus = cluster["ServerlessV2ScalingConfiguration"]["MaxCapacity"] * VCPUS_PER_ACU
    return min(vcpus, os.cpu_count() or 1)


def _used(seconds: float, before: Measurement, found: Measurement) -> Used:
    (cpu,) = _since([before.cpu_seconds], [found.cpu_seconds])
    return Used(cpu / seconds if seconds else 0.0, seconds)


def _since(before: Sequence[N], now: Sequence[N]) -> list[N]:
    """What counters have grown by. Where one has gone back, the server has begun anew: all of it is new."""
    back = any(new < old for old, new in zip(before, now, strict=True))
    return list(now) if back else [new - old for old, new in zip(before, now, strict=True)]
