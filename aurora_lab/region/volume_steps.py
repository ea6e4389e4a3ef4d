"""A cluster's volume: how it begins, empty or from what was kept of another, and how it ends.

Part of the table in `worker.py`: what is done for the statuses `creating` and `deleting`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from aurora_lab.cluster.images import BackupError
from aurora_lab.cluster.types import ClusterError, Master, Source
from aurora_lab.region.capacity_log import forget_curves
from aurora_lab.region.faults import apply_outages
from aurora_lab.region.notices import notify
from aurora_lab.region.rds.backup_documents import new_retained
from aurora_lab.region.restorable import forget_backup
from aurora_lab.region.store import Document
from aurora_lab.region.worker import ClusterWorker, settle

log = logging.getLogger(__name__)


def create_volume(worker: ClusterWorker, cluster: Document) -> bool:
    """Make the volume that a cluster begins with."""
    private = cluster["_lab"]
    master = Master(cluster["MasterUsername"], private["master_password"])
    restore = private.get("restore")
    if restore is None:
        worker.plane.create_volume(master, cluster.get("DatabaseName"))
    else:
        try:
            image, until = _image(worker, cluster, restore)
            source = Source(image, until, clone=bool(restore.get("clone")))
            worker.plane.restore_volume(source, master, cluster.get("DatabaseName"))
        except BackupError as error:
            worker.tell(f"The cluster could not be restored: {error}", "failure")
            worker.change_cluster(lambda item: _restored(item, "incompatible-restore"))
            return True
    apply_outages(worker)
    worker.change_cluster(_restored)
    if restore is not None:
        worker.region.runtime.remove_tree(_restores(worker))
    notify(worker.region, "RDS-EVENT-0170", cluster["DBClusterIdentifier"])
    return True


def delete_cluster(worker: ClusterWorker, cluster: Document) -> bool:
    """Remove a cluster once no instance is left, its final snapshot is made, and nobody restores from it."""
    region, store = worker.region, worker.region.store
    resource = cluster["DbClusterResourceId"]
    if worker.instances(cluster) or worker.background.busy("backup"):
        return False
    final = store.get("DBClusterSnapshot", cluster["_lab"].get("final_snapshot") or "")
    if final is not None and final["Status"] == "creating":
        return False
    restores = [item["_lab"].get("restore") or {} for item in store.all("DBCluster")]
    if any(restore.get("resource") == resource for restore in restores):
        return False
    keep = bool(cluster["_lab"].get("keep_backup"))
    retained = None
    if keep:
        # What was committed since the last look; without a read quorum it ends there.
        with suppress(ClusterError, OSError):
            worker.plane.backup.take(None)
        retained = new_retained(region, cluster)
    worker.plane.delete(keep_backup=keep)
    region.runtime.remove_tree(_restores(worker))
    identifier = cluster["DBClusterIdentifier"]
    with store.transaction():
        for endpoint in store.all("DBClusterEndpoint"):
            if endpoint["DBClusterIdentifier"] == identifier:
                store.delete("DBClusterEndpoint", endpoint["DBClusterEndpointIdentifier"])
                store.delete("Tags", endpoint["DBClusterEndpointArn"])
        store.delete("DBCluster", identifier)
        store.delete("Tags", cluster["DBClusterArn"])
        store.delete("BilledIO", resource)
        forget_curves(store, resource)
        if retained is None:
            forget_backup(store, resource)
        else:
            store.put("DBClusterAutomatedBackup", resource, retained)
    region.touch()
    notify(region, "RDS-EVENT-0171", identifier)
    return True


def _restored(item: Document, status: str = "available") -> None:
    settle(item, status)
    item["_lab"].pop("restore", None)


def _restores(worker: ClusterWorker) -> Path:
    return worker.region.home.bucket / "restores" / worker.resource_id.lower()


def _image(worker: ClusterWorker, cluster: Document, restore: Document) -> tuple[Path, float | None]:
    """The image that a cluster is restored from, and up to when. Raises BackupError, NoReadQuorumError."""
    region, until = worker.region, restore.get("until")
    if "resource" not in restore:
        snapshot = region.store.get("DBClusterSnapshot", restore["snapshot"])
        if snapshot is None:
            raise BackupError(f"The snapshot {restore['snapshot']} is gone.")
        return region.keeper.folder(snapshot), None
    target = _restores(worker)
    region.runtime.make_folder(target.parent)
    for source in region.store.all("DBCluster"):
        if source["DbClusterResourceId"] == restore["resource"]:
            region.worker_of(source).plane.export(target, until)
            return target, until
    region.keeper.archive(restore["resource"]).export(target, until)
    log.info("%s is restored from the backup of a deleted cluster", cluster["DBClusterIdentifier"])
    return target, until
