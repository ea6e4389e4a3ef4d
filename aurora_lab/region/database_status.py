"""The RDS DB instances at a glance, for the lab's own interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.cluster_status import Gauge, leads_to
from aurora_lab.region.databases import is_database, server_of, source_of
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region


def databases_status(region: Region, gauge: Gauge) -> list[dict[str, Any]]:
    """Every RDS DB instance, its standby and what it replicates."""
    return [_database(region, gauge, item) for item in region.store.all("DBInstance") if is_database(item)]


def _database(region: Region, gauge: Gauge, instance: Document) -> dict[str, Any]:
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
        "leads_to": leads_to(region, instance["Endpoint"]["Address"]),
        **_server(region, gauge, instance, server_of(instance), private["port"]),
    }
    if standby:
        shown["standby"] = {
            "az": instance["SecondaryAvailabilityZone"],
            "synchronous": private["synchronous"],
            **_server(region, gauge, instance, standby["resource"], standby["port"]),
            "connections": 0,  # It serves nobody (FACTS 4.2).
        }
    return shown


def _server(region: Region, gauge: Gauge, instance: Document, server: str, port: int) -> dict[str, Any]:
    worker = region.worker_of_instance(instance)
    running = worker.plane.running(server)
    frozen = running and server in worker.started and server not in worker.serving()
    return {
        "server_port": port,
        "server": "frozen" if frozen else "running" if running else "stopped",
        **gauge.measured(worker, server, instance["DBInstanceIdentifier"], running, frozen),
    }
