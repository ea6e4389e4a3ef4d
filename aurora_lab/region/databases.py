"""RDS DB instances that are not Aurora's, as documents: who they are, and which servers they have.

Such an instance is a `DBInstance` without a cluster. What only the lab knows of it:

    plane        names the family that it lives with: an instance, its standby and its read replicas
    server       resource id of the server that the instance's name leads to; `port` is that server's
    standby      the other server of a Multi-AZ instance, `{"resource": …, "port": …}`, or None
    synchronous  whether each commit waits for the standby: only then may it be promoted
    failover     the record of a failover that is under way, from before its first step to after its last
    follows      of a read replica: the server of its source that it was last led to
    promote      of a read replica: it is to part from its source
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.identity import random_id
from aurora_lab.region.store import Document, Store

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

ENGINE = "postgres"


def is_database(instance: Document) -> bool:
    """Whether a DB instance is of RDS and not Aurora's."""
    return "DBClusterIdentifier" not in instance


def source_of(instance: Document) -> str | None:
    """The identifier of the instance that a read replica follows; None for one that is none."""
    source: str | None = instance.get("ReadReplicaSourceDBInstanceIdentifier")
    return source


def server_of(instance: Document) -> str:
    """The resource id of the server that an instance's name leads to, also of an Aurora instance."""
    return str(instance["_lab"].get("server", instance["DbiResourceId"]))


def servers_of(instance: Document) -> dict[str, int]:
    """Every server of an instance, also of an Aurora instance: port by resource id, the named one first."""
    private = instance["_lab"]
    servers = {server_of(instance): int(private["port"])}
    if standby := private.get("standby"):
        servers[standby["resource"]] = int(standby["port"])
    return servers


def zone_of_server(instance: Document, server: str) -> str:
    """The AZ that one of an instance's servers is in."""
    return str(instance["AvailabilityZone" if server == server_of(instance) else "SecondaryAvailabilityZone"])


def replicas_of(store: Store, identifier: str) -> list[Document]:
    """The read replicas of an instance."""
    return [item for item in store.all("DBInstance") if source_of(item) == identifier]


def family(store: Store, plane: str) -> list[Document]:
    """The instances that share a plane: the source first, then its replicas by age."""
    found = [item for item in store.all("DBInstance") if item["_lab"].get("plane") == plane]
    return sorted(found, key=lambda item: (source_of(item) is not None, item["InstanceCreateTime"]))


def new_server(region: Region) -> dict[str, Any]:
    """A name and a port for one more server. Raises NoPortError."""
    return {"resource": f"db-{random_id(26)}", "port": region.free_port()}
