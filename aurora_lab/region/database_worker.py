"""One thread for an RDS DB instance and its read replicas; its table of steps is in `database_steps.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_lab.cluster.database import DatabasePlane
from aurora_lab.cluster.types import InstanceSpec
from aurora_lab.region.databases import family, server_of, servers_of, source_of
from aurora_lab.region.rds.parameters import effective_parameters
from aurora_lab.region.store import Document
from aurora_lab.region.worker import ClusterWorker, NextStep

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

AURORAS_PREFIXES = ("apg_", "rds.global_db", "rds.logical_wal_cache", "rds.babelfish")
"""Parameters that RDS for PostgreSQL does not have."""


class DatabaseWorker(ClusterWorker):
    """The only one that starts, stops, promotes or removes the servers of its family."""

    def __init__(self, region: Region, resource_id: str, next_step: NextStep) -> None:
        super().__init__(region, resource_id, next_step)
        assert isinstance(self.plane, DatabasePlane)
        self.database = self.plane

    def cluster(self) -> Document | None:
        """The family as it is now: `{"members": […]}`, the source first; None when nobody is left."""
        members = family(self.region.store, self.resource_id)
        return {"members": members} if members else None

    def instances(self, cluster: Document) -> list[Document]:
        """Each server of the family as a document of its own, as measuring and stopping ask for them.

        A standby's has no more than its status: CloudWatch knows nothing of it.
        """
        return [
            {**(member if server == server_of(member) else {}), **_server(member, server)}
            for member in cluster["members"]
            for server in servers_of(member)
        ]

    def readers_first(self, cluster: Document) -> list[Document]:
        """Each server of the family, the primary last."""
        return self.instances(cluster)[::-1]

    def publish(self, cluster: Document) -> None:
        """Nobody asks an RDS server for the topology."""

    def look_after_volume(self) -> None:
        """There are no storage nodes."""

    def source(self, member: Document) -> Document | None:
        """The instance that a read replica follows."""
        return self.region.store.get("DBInstance", source_of(member) or "")

    def server_spec(self, member: Document, server: str | None = None) -> InstanceSpec:
        """What the data plane needs to know of one of an instance's servers (default: the named one)."""
        region, server = self.region, server or server_of(member)
        groups = {"DBClusterParameterGroup": "default", "Port": member["Endpoint"]["Port"]}
        parameters = effective_parameters(region.store, region.catalogue, groups, member)
        return InstanceSpec(
            identifier=member["DBInstanceIdentifier"],
            resource_id=server,
            port=servers_of(member)[server],
            parameters={
                name: value for name, value in parameters.items() if not name.startswith(AURORAS_PREFIXES)
            },
        )

    def end(self, server: str) -> None:
        """End a server that is lost; its next start is not held against its past."""
        self.set_serving(server, False)
        self.plane.kill(server)
        self._silent_since.pop(server, None)

    def lost(self, server: str) -> bool:
        """Whether a server that this worker has seen live is dead, or has not answered for too long."""
        if server not in self.started:
            return False
        return not self.plane.running(server) or self.unresponsive({"DbiResourceId": server})


def _server(member: Document, server: str) -> Document:
    return {"DbiResourceId": server, "DBInstanceStatus": member["DBInstanceStatus"]}
