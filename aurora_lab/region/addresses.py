"""What the region's names lead to at this moment: the records that an authoritative DNS server would give."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aurora_lab.endpoints import names
from aurora_lab.endpoints.zone import Record, Target
from aurora_lab.region.databases import is_database
from aurora_lab.region.identity import Identity
from aurora_lab.region.pauses import pause_state
from aurora_lab.region.store import Document, Store

Serving = Callable[[str], bool]
"""Whether the server of the instance with this resource id takes connections."""


def records(store: Store, identity: Identity, serving: Serving) -> dict[str, Record]:
    """Every endpoint of every cluster, by host name."""
    zone: dict[str, Record] = {}
    instances = store.all("DBInstance")
    endpoints = store.all("DBClusterEndpoint")
    for cluster in store.all("DBCluster"):
        identifier = cluster["DBClusterIdentifier"]
        members = [item for item in instances if item.get("DBClusterIdentifier") == identifier]
        custom = [item for item in endpoints if item["DBClusterIdentifier"] == identifier]
        for record in _cluster_records(cluster, members, custom, identity, serving):
            zone[record.name] = record
    for instance in instances:
        if is_database(instance):
            record = _database_record(instance, identity)
            zone[record.name] = record
    return zone


def _database_record(instance: Document, identity: Identity) -> Record:
    """The one name of an RDS DB instance. Its standby has none, and gets this one at a failover (FACTS 4.2)."""
    name = names.instance_endpoint(instance["DBInstanceIdentifier"], identity.dns_id, identity.region)
    status = instance["DBInstanceStatus"]
    if status in ("creating", "stopping", "stopped", "starting"):
        return Record(name, (), f"DB instance {instance['DBInstanceIdentifier']} is {status}")
    return Record(name, (_target(instance),))


def _cluster_records(
    cluster: Document,
    members: list[Document],
    custom: list[Document],
    identity: Identity,
    serving: Serving,
) -> Iterable[Record]:
    identifier = cluster["DBClusterIdentifier"]
    writer_id = cluster["_lab"]["writer"]
    writer = [_target(item) for item in members if item["DBInstanceIdentifier"] == writer_id]
    readers = [
        item
        for item in members
        if item["DBInstanceIdentifier"] != writer_id
        # A paused one resumes when it is connected to (FACTS 5.17).
        and (serving(item["DbiResourceId"]) or pause_state(item) is not None)
    ]
    reader_ids = {item["DBInstanceIdentifier"] for item in readers}
    nothing = _nothing_behind(cluster, members)
    label = (identity.dns_id, identity.region)
    yield Record(names.cluster_endpoint(identifier, *label), tuple(writer), nothing)
    # No reader: the reader endpoint leads to the writer, and writes succeed through it (FACTS 3.11).
    behind_reader = [_target(item) for item in readers] or writer
    yield Record(names.reader_endpoint(identifier, *label), tuple(behind_reader), nothing)
    for item in members:
        yield Record(names.instance_endpoint(item["DBInstanceIdentifier"], *label), (_target(item),))
    for endpoint in custom:
        chosen = [
            item
            for item in members
            if custom_member(endpoint, item["DBInstanceIdentifier"])
            and _has_type(endpoint, item["DBInstanceIdentifier"], writer_id, reader_ids)
        ]
        name = names.custom_endpoint(endpoint["DBClusterEndpointIdentifier"], *label)
        sentence = (
            f"no instance of cluster {identifier} is a member of custom endpoint "
            f"{endpoint['DBClusterEndpointIdentifier']} (type {endpoint['CustomEndpointType']}) now"
        )
        yield Record(name, tuple(_target(item) for item in chosen), sentence)


def custom_member(endpoint: Document, instance: str) -> bool:
    """Whether a custom endpoint names an instance: a static list, or all but an exclusion list (FACTS 3.15)."""
    if endpoint["StaticMembers"]:
        return instance in endpoint["StaticMembers"]
    return instance not in endpoint["ExcludedMembers"]


def _has_type(endpoint: Document, instance: str, writer: str | None, readers: set[str]) -> bool:
    """A READER endpoint drops a member that becomes the writer (FACTS 3.15)."""
    kind = endpoint["CustomEndpointType"]
    return (kind != "WRITER" and instance in readers) or (kind != "READER" and instance == writer)


def _target(instance: Document) -> Target:
    return Target(instance["DBInstanceIdentifier"], "127.0.0.1", instance["_lab"]["port"])


def _nothing_behind(cluster: Document, members: list[Document]) -> str:
    identifier = cluster["DBClusterIdentifier"]
    if cluster["Status"] in ("stopping", "stopped", "starting"):
        return f"cluster {identifier} is {cluster['Status']}"
    if not members:
        return f"cluster {identifier} has no instance yet: create one with create-db-instance"
    return f"cluster {identifier} has no writer now"
