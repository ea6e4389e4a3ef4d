"""The RDS DB instances at a glance, for the lab's own interface."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aurora_lab.cluster.types import NotReachableError
from aurora_lab.region.databases import is_database, server_of, source_of
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region


def databases_status(region: Region) -> list[dict[str, Any]]:
    """Every RDS DB instance, its standby and what it replicates."""
    return [_database(region, item) for item in region.store.all("DBInstance") if is_database(item)]


def _database(region: Region, instance: Document) -> dict[str, Any]:
    private, source = instance["_lab"], source_of(instance)
    standby = private["standby"]
    shown = {
        "id": instance["DBInstanceIdentifier"],
        "role": "read replica" if source else "primary",
        "source": source,
        "status": instance["DBInstanceStatus"],
        "class": instance["DBInstanceClass"],
        "az": instance["AvailabilityZone"],
        "multi_az": instance["MultiAZ"],
        "storage_gib": instance["AllocatedStorage"],
        "engine_version": instance["EngineVersion"],
        "master_username": instance["MasterUsername"],
        "database": instance.get("DBName", "postgres"),
        "endpoint": instance["Endpoint"]["Address"] if instance["DBInstanceStatus"] != "creating" else None,
        "port": instance["Endpoint"]["Port"],
        **_server(region, instance, server_of(instance), private["port"]),
    }
    if standby:
        shown["standby"] = {
            "az": instance["SecondaryAvailabilityZone"],
            "synchronous": private["synchronous"],
            **_server(region, instance, standby["resource"], standby["port"]),
        }
    return shown


def _server(region: Region, instance: Document, server: str, port: int) -> dict[str, Any]:
    worker = region.worker_of_instance(instance)
    measured, running = worker.measurements.get(server), worker.plane.running(server)
    frozen = running and server in worker.started and server not in worker.serving()
    if running and not frozen:
        with contextlib.suppress(NotReachableError):
            measured = worker.plane.measure(server)
    return {
        "server_port": port,
        "server": "frozen" if frozen else "running" if running else "stopped",
        "lag_ms": measured.lag_ms if measured and running else None,
        "lsn": measured.lsn if measured else None,
        "connections": measured.connections if measured and running else 0,
        "memory_bytes": measured.memory if measured and running else 0,
    }
