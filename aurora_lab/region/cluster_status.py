"""The clusters at a glance, for the lab's own interface: instances, where endpoints lead, the storage nodes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from aurora_lab.cluster.quorum import VolumeStatus
from aurora_lab.cluster.types import Measurement, NotReachableError
from aurora_lab.region.auto_pause import prevents
from aurora_lab.region.faults import zone_of
from aurora_lab.region.meters import billed_io
from aurora_lab.region.pauses import asleep, pause_state
from aurora_lab.region.rds.cluster_documents import members
from aurora_lab.region.rds.orderable import is_serverless
from aurora_lab.region.store import Document
from aurora_lab.region.worker import ClusterWorker

if TYPE_CHECKING:
    from aurora_lab.region.core import Region


class Gauge(Protocol):
    """Where the figures of servers and volumes come from."""

    def measured(
        self, worker: ClusterWorker, resource: str, identifier: str, running: bool, frozen: bool
    ) -> dict[str, Any]:
        """`lag_ms`, `lsn`, `connections` and `memory_bytes` of a server."""

    def volume(self, worker: ClusterWorker) -> VolumeStatus | None:
        """A cluster's volume; None where it has not been looked at."""


class Measuring:
    """Measures at once: exact, and slow where a server does not answer."""

    def measured(
        self, worker: ClusterWorker, resource: str, _identifier: str, running: bool, frozen: bool
    ) -> dict[str, Any]:
        """As Gauge.measured; the connections are what the server itself counts."""
        found = worker.measurements.get(resource)
        if running and not frozen:
            with contextlib.suppress(NotReachableError):
                found = worker.plane.measure(resource)
        return figures(found, running, found.connections if found else 0)

    def volume(self, worker: ClusterWorker) -> VolumeStatus:
        """As Gauge.volume."""
        return worker.plane.watch.status()


def figures(found: Measurement | None, running: bool, connections: int) -> dict[str, Any]:
    """What `Gauge.measured` answers, from a measurement."""
    return {
        "lag_ms": found.lag_ms if found and running else None,
        "lsn": found.lsn if found else None,
        "connections": connections if running else 0,
        "memory_bytes": found.memory if found and running else 0,
    }


def leads_to(region: Region, name: str) -> list[str]:
    """The instances that a host name may lead to now, as the authoritative name server says it."""
    record = region.zone.find(name)
    return [target.instance for target in record.targets] if record is not None else []


def clusters_status(region: Region, gauge: Gauge) -> list[dict[str, Any]]:
    """Every cluster."""
    return [_cluster(region, gauge, item) for item in region.store.all("DBCluster")]


def _cluster(region: Region, gauge: Gauge, cluster: Document) -> dict[str, Any]:
    return {
        "id": cluster["DBClusterIdentifier"],
        "status": cluster["Status"],
        "engine_version": cluster["EngineVersion"],
        "master_username": cluster["MasterUsername"],
        "database": cluster.get("DatabaseName", "postgres"),
        "endpoint": cluster["Endpoint"],
        "reader_endpoint": cluster["ReaderEndpoint"],
        "leads_to": {
            "writer": leads_to(region, cluster["Endpoint"]),
            "reader": leads_to(region, cluster["ReaderEndpoint"]),
        },
        "port": cluster["Port"],
        "epoch": cluster["_lab"]["epoch"],
        "custom": [
            {
                "endpoint": item["Endpoint"],
                "type": item["CustomEndpointType"],
                "static": item["StaticMembers"],
                "excluded": item["ExcludedMembers"],
                "leads_to": leads_to(region, item["Endpoint"]),
            }
            for item in region.store.all("DBClusterEndpoint")
            if item["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]
        ],
        "instances": [_instance(region, gauge, cluster, item) for item in members(region, cluster)],
        "volume": _volume(region, region.worker_of(cluster), gauge),
    }


def _volume(region: Region, worker: ClusterWorker, gauge: Gauge) -> dict[str, Any] | None:
    """The storage nodes; positions in bytes of the log. Of a clone, `bytes_used` is what it does not share."""
    volume = gauge.volume(worker)
    if volume is None:
        return None
    used, counted_to = worker.plane.watch.bytes_used()
    billed = billed_io(region, worker.resource_id)
    return {
        "bytes_used": used,
        "billed_reads": billed["reads"],
        "billed_writes": billed["writes"],
        "bytes_counted_to": counted_to,
        "epoch": volume.epoch,
        "write_quorum": volume.write_quorum,
        "read_quorum": volume.read_quorum,
        "pgcl": volume.pgcl,
        "vcl": volume.vcl,
        "vdl": volume.vdl,
        "nodes": [
            {
                "id": node.name,
                "az": zone_of(region, node.name),
                "state": node.state,
                "scl": node.scl,
                "memory_bytes": node.memory,
            }
            for node in volume.nodes
        ],
    }


def _instance(region: Region, gauge: Gauge, cluster: Document, instance: Document) -> dict[str, Any]:
    worker = region.worker_of(cluster)
    resource, identifier = instance["DbiResourceId"], instance["DBInstanceIdentifier"]
    running = worker.plane.running(resource)
    frozen = running and resource not in worker.serving() and pause_state(instance) is None
    endpoint = (instance.get("Endpoint") or {}).get("Address")
    return {
        "id": identifier,
        "role": "writer" if identifier == cluster["_lab"]["writer"] else "reader",
        "status": instance["DBInstanceStatus"],
        "az": instance["AvailabilityZone"],
        "tier": instance["PromotionTier"],
        "class": instance["DBInstanceClass"],
        "endpoint": endpoint,
        "leads_to": leads_to(region, endpoint) if endpoint else [],
        "server_port": instance["_lab"]["port"],
        "server": "frozen"
        if frozen
        else "running"
        if running
        else "paused"
        if asleep(instance)
        else "stopped",
        **({"serverless": _serverless(worker, cluster, instance)} if is_serverless(instance) else {}),
        **gauge.measured(worker, resource, identifier, running, frozen),
    }


def _serverless(worker: ClusterWorker, cluster: Document, instance: Document) -> dict[str, Any]:
    """What a serverless instance has. `pause`: pausing, paused, resuming, or None while it is awake.

    `idle_lab_seconds`: how long nobody has connected. `enforced`: whether its server is limited to its capacity.
    """
    scaling, resource = cluster.get("ServerlessV2ScalingConfiguration", {}), instance["DbiResourceId"]
    return {
        "acus": worker.scaling.acus(resource),
        "min": scaling.get("MinCapacity"),
        "max": scaling.get("MaxCapacity"),
        "pause": pause_state(instance),
        "pauses_after_lab_seconds": scaling.get("SecondsUntilAutoPause"),
        "idle_lab_seconds": round(worker.pauses.idle(instance), 1),
        "not_paused_because": prevents(worker, cluster, instance),
        "enforced": worker.scaling.enforced(resource),
    }
