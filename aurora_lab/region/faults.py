"""Faults on purpose: what a learner does to a storage node, an AZ, an instance or a network, and undoes.

    what            kill          pause, cut         destroy            undo
    storage-node    stays down    hangs              loses its copy     catches up or is rebuilt
    az              its storage nodes and instances, in every cluster   all of them come back
    instance        once; the region brings it back  -                  lets a hanging one go on
    network         as `cut` of a storage node, an AZ or an instance

A machine that hangs and one that nothing reaches look the same from outside: nothing comes in, nothing goes out,
connections stay open. So `cut` stops the processes where they stand, as `pause` does.

While an AZ is out, the region starts nothing in it (FACTS 4.12).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aurora_lab.cluster.quorum import FAULTS, NAMES
from aurora_lab.region.databases import is_database, server_of, servers_of, zone_of_server
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region
    from aurora_lab.region.worker import ClusterWorker

KINDS = ("storage-node", "az", "instance", "network")
UNDO = "undo"


class FaultError(Exception):
    """A fault that cannot be done; the message is for the person who asked for it."""


def outages(region: Region) -> dict[str, str]:
    """The AZs that are out, and what has been done to them."""
    return dict((region.store.get("Region", "outages") or {}).get("zones", {}))


def is_out(region: Region, instance: Document) -> bool:
    """Whether an instance's AZ is out."""
    return instance["AvailabilityZone"] in outages(region)


def nodes_of(zone: str) -> list[str]:
    """The storage nodes in an AZ, as `us-west-2a`."""
    return [node for node in NAMES if node[0] == zone[-1:]]


def zone_of(region: Region, node: str) -> str:
    """The AZ of a storage node."""
    return f"{region.name}{node[0]}"


def do_fault(region: Region, asked: dict[str, Any]) -> dict[str, Any]:
    """Do or undo a fault: `kind`, `name`, `action` (kill, pause, cut, destroy or undo), where needed `cluster`.

    Raises FaultError.
    """
    kind, name = str(asked.get("kind", "")), str(asked.get("name", "")).lower()
    action = str(asked.get("action", ""))
    if kind not in KINDS:
        raise FaultError(f"A fault is one of {', '.join(KINDS)}.")
    if kind == "network":
        kind = _kind_of(region, name)
        action = action if action == UNDO else "cut"
    if action not in (*FAULTS, UNDO):
        raise FaultError(f"What can be done is {', '.join(FAULTS)} and {UNDO}.")
    if kind == "storage-node":
        cluster = _cluster(region, asked.get("cluster"))
        _on_node(region, cluster, name, action)
    elif kind == "az":
        name = _zone(region, name)
        _on_zone(region, name, action)
    else:
        _on_instance(region, _instance(region, name), action)
    return {"kind": kind, "name": name, "action": action}


def apply_outages(worker: ClusterWorker) -> None:
    """A new cluster has its storage nodes also in AZs that are out."""
    for zone, action in outages(worker.region).items():
        for node in nodes_of(zone):
            worker.plane.nodes.fault(node, action)


def _on_node(region: Region, cluster: Document, node: str, action: str) -> None:
    if node not in NAMES:
        raise FaultError(f"There is no storage node {node!r}. There are: {', '.join(NAMES)}.")
    worker = region.worker_of(cluster)
    if action != UNDO:
        worker.plane.nodes.fault(node, action)
        did = FAULTS[action]
    elif zone_of(region, node) in outages(region):
        raise FaultError(f"Storage node {node} is in an AZ that is out: bring back {zone_of(region, node)}.")
    else:
        worker.plane.nodes.undo(node)
        did = "brought back"
    worker.tell(f"Storage node {node} has been {did}.")
    worker.look_after_volume()


def _on_zone(region: Region, zone: str, action: str) -> None:
    if action == "destroy":
        raise FaultError("An AZ can be killed, paused or cut off; destroy its storage nodes one by one.")
    zones = outages(region)
    if action == UNDO:
        zones.pop(zone, None)
    else:
        zones[zone] = action
    # First of all: no worker starts anything there any more.
    region.store.put("Region", "outages", {"zones": zones})
    for cluster in region.store.all("DBCluster"):
        worker = region.worker_of(cluster)
        if cluster["Status"] != "deleting":
            # It may be deleted now, and its volume be gone at any moment.
            with suppress(FileNotFoundError):
                _on_nodes(worker, nodes_of(zone), action)
        for instance in worker.instances(cluster):
            if instance["AvailabilityZone"] == zone:
                _do(worker, server_of(instance), action)
        worker.tell(f"AZ {zone} is back." if action == UNDO else f"AZ {zone} is out ({FAULTS[action]}).")
        worker.look_after_volume()
        worker.wake()
    for instance in region.store.all("DBInstance"):
        if is_database(instance):
            _on_database(region, instance, zone, action)


def _on_nodes(worker: ClusterWorker, nodes: list[str], action: str) -> None:
    for node in nodes:
        if action == UNDO:
            worker.plane.nodes.undo(node)
        else:
            worker.plane.nodes.fault(node, action)


def _on_database(region: Region, instance: Document, zone: str, action: str) -> None:
    """An RDS instance has servers of its own in an AZ: the one with the name, or the standby."""
    worker = region.worker_of_instance(instance)
    for server in servers_of(instance):
        if zone_of_server(instance, server) == zone:
            _do(worker, server, action)
    worker.wake()


def _on_instance(region: Region, instance: Document, action: str) -> None:
    if action == "destroy":
        raise FaultError(
            "An instance can be killed, paused or cut off: its data is the volume's, and it has none to lose."
        )
    worker = region.worker_of_instance(instance)
    if action != UNDO and not worker.plane.running(server_of(instance)):
        raise FaultError(f"The server of {instance['DBInstanceIdentifier']} does not run.")
    _do(worker, server_of(instance), action)
    worker.wake()


def _do(worker: ClusterWorker, resource: str, action: str) -> None:
    if action == UNDO:
        worker.plane.thaw(resource)
    elif action == "kill":
        worker.set_serving(resource, False)
        worker.plane.kill(resource)
    else:
        worker.plane.freeze(resource)


def _kind_of(region: Region, name: str) -> str:
    """What is called `name`: a network fault may hit each of the three."""
    if name in NAMES:
        return "storage-node"
    return "instance" if region.store.get("DBInstance", name) else "az"


def _zone(region: Region, name: str) -> str:
    """An AZ by its name or its letter."""
    zones = [f"{region.name}{letter}" for letter in sorted({node[0] for node in NAMES})]
    zone = f"{region.name}{name}" if len(name) == 1 else name
    if zone not in zones:
        raise FaultError(f"There is no AZ {name!r}. There are: {', '.join(zones)}.")
    return zone


def _instance(region: Region, name: str) -> Document:
    found = region.store.get("DBInstance", name)
    if found is None:
        names = ", ".join(item["DBInstanceIdentifier"] for item in region.store.all("DBInstance"))
        raise FaultError(f"There is no instance {name!r}. There are: {names or 'none'}.")
    return found


def _cluster(region: Region, name: object) -> Document:
    """The cluster that was named, or the only one."""
    there = region.store.all("DBCluster")
    found = [item for item in there if name is None or item["DBClusterIdentifier"] == str(name).lower()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(item["DBClusterIdentifier"] for item in there) or "none"
    if name is not None:
        raise FaultError(f"There is no cluster {name!r}. There are: {names}.")
    raise FaultError(f"Say which cluster you mean (--cluster; in Python cluster=...). There are: {names}.")
