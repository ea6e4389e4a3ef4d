"""DeleteDBCluster, and the automated backups that it leaves or removes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.backup_documents import automated_backup, retained_backup
from aurora_lab.region.rds.cluster_documents import members, show_cluster
from aurora_lab.region.rds.clusters import get_cluster, wrong_state
from aurora_lab.region.rds.common import filtered
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.snapshots import begin, put_manual
from aurora_lab.region.restorable import forget_backup
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

DELETABLE = ("available", "creating", "stopped", "failing-over", "incompatible-restore")


class ClusterDeletionActions:
    """What ends a cluster, and what stays of it."""

    region: Region

    def delete_db_cluster(
        self,
        _context: object,
        *,
        DBClusterIdentifier: str,
        SkipFinalSnapshot: bool = False,
        FinalDBSnapshotIdentifier: str | None = None,
        DeleteAutomatedBackups: bool = True,
    ) -> dict[str, Any]:
        """Delete a cluster that has no instance left but such as are being deleted (FACTS 11.5)."""
        region = self.region
        snapshot: Document | None = None
        with region.store.transaction():
            cluster = get_cluster(region, DBClusterIdentifier)
            if cluster["DeletionProtection"]:
                raise rules.combination(
                    "Cannot delete protected Cluster, please disable deletion protection and try again."
                )
            if SkipFinalSnapshot and FinalDBSnapshotIdentifier:
                raise rules.combination(
                    "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true."
                )
            if not SkipFinalSnapshot and not FinalDBSnapshotIdentifier:
                raise rules.combination(
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                )
            if any(item["DBInstanceStatus"] != "deleting" for item in members(region, cluster)):
                raise fault(
                    "InvalidDBClusterStateFault",
                    "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
                )
            if cluster["Status"] not in DELETABLE:
                raise wrong_state(cluster)
            if FinalDBSnapshotIdentifier is not None:
                if cluster["Status"] in ("creating", "incompatible-restore"):
                    raise wrong_state(cluster)
                name = checked_name(FinalDBSnapshotIdentifier, "FinalDBSnapshotIdentifier", 255)
                snapshot = put_manual(region, name, cluster, None)
                cluster["_lab"]["final_snapshot"] = name
            cluster["_lab"]["keep_backup"] = not DeleteAutomatedBackups
            cluster["Status"] = "deleting"
            region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
        if snapshot is not None:
            begin(region, snapshot)
        region.touch()
        region.wake(cluster["DBClusterIdentifier"])
        return {"DBCluster": show_cluster(region, cluster)}

    def describe_db_cluster_automated_backups(
        self,
        _context: object,
        *,
        DbClusterResourceId: str | None = None,
        DBClusterIdentifier: str | None = None,
        Filters: list[dict[str, Any]] | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """The continuous backup of each cluster, and those that deleted clusters have left."""
        region = self.region
        found = [automated_backup(region, item) for item in region.store.all("DBCluster")]
        found += [retained_backup(region, item) for item in region.store.all("DBClusterAutomatedBackup")]
        if DBClusterIdentifier is not None:
            name = DBClusterIdentifier.lower()
            found = [item for item in found if item["DBClusterIdentifier"] == name]
        if DbClusterResourceId is not None:
            wanted = DbClusterResourceId.lower()
            found = [item for item in found if item["DbClusterResourceId"].lower() == wanted]
            if not found:
                raise _no_backup(DbClusterResourceId)
        known = {
            "status": lambda item: item["Status"],
            "db-cluster-id": lambda item: [item["DBClusterIdentifier"], item["DBClusterArn"]],
            "db-cluster-resource-id": lambda item: item["DbClusterResourceId"],
        }
        return {"DBClusterAutomatedBackups": filtered(found, Filters, known)}

    def delete_db_cluster_automated_backup(
        self, _context: object, *, DbClusterResourceId: str
    ) -> dict[str, Any]:
        """Remove what a deleted cluster has left."""
        region = self.region
        with region.store.transaction():
            found = get_retained(region, DbClusterResourceId)
            resource = found["DbClusterResourceId"]
            if any(item["_lab"].get("restore", {}).get("resource") == resource for item in _clusters(region)):
                raise fault(
                    "InvalidDBClusterAutomatedBackupStateFault",
                    f"The automated backup of {found['DBClusterIdentifier']} is being restored.",
                )
            shown = retained_backup(region, found)
            forget_backup(region.store, resource)
        region.keeper.archive(resource).delete()
        region.touch()
        return {"DBClusterAutomatedBackup": {**shown, "Status": "deleting"}}


def get_retained(region: Region, resource_id: str) -> Document:
    """The backup that a deleted cluster has left. Raises DBClusterAutomatedBackupNotFoundFault."""
    for item in region.store.all("DBClusterAutomatedBackup"):
        if item["DbClusterResourceId"].lower() == resource_id.lower():
            return item
    raise _no_backup(resource_id)


def _clusters(region: Region) -> list[Document]:
    found = region.store.all("DBCluster")
    return [item for item in found if item["_lab"].get("restore")]


def _no_backup(resource_id: str) -> Exception:
    return fault(
        "DBClusterAutomatedBackupNotFoundFault", f"There is no automated backup of a cluster {resource_id}."
    )
