"""One thread that makes cluster snapshots, and says which automated ones there are.

As with clusters, a status in transition is the work order, so a region that was killed in the middle goes on:

    a snapshot's status      what is done
    creating, manual         an image of the cluster's volume is made            → available
    creating, automated      the continuous backup comes up to its moment        → available
    copying                  the other snapshot's image is made once more        → available
    creating, no cluster     nothing can be made of it                           → failed

    what is seen             what is done
    a lab day has passed     an automated snapshot of the cluster is begun (the first soon after its creation)
    out of the window        an automated snapshot is removed, and what a deleted cluster had left
    a folder of no snapshot  removed when the region starts

An automated snapshot is a moment of the continuous backup and takes no room of its own. A manual one is an image
in a folder of its own, which outlives the cluster.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_lab.cluster.archive import Archive
from aurora_lab.cluster.images import BackupError, copy_image
from aurora_lab.region.clock import timestamp
from aurora_lab.region.notices import notify
from aurora_lab.region.rds.snapshot_documents import new_snapshot
from aurora_lab.region.restorable import DAY_SECONDS, earliest_moment, forget_backup
from aurora_lab.region.store import Document
from aurora_lab.region.watcher import Watcher

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

FIRST_SECONDS = 30.0
"""Lab seconds after a cluster's creation until its first automated snapshot."""
LOOK_SECONDS = 1.0
RETRY_SECONDS = 1.0
_PASSING = ("creating", "copying")


class SnapshotKeeper(Watcher):
    """The only one that makes and removes images."""

    def __init__(self, region: Region) -> None:
        super().__init__("snapshots", RETRY_SECONDS)
        self._region = region

    def folder(self, snapshot: Document) -> Path:
        """Where a manual snapshot's image lies."""
        return self._region.home.bucket / "snapshots" / str(snapshot["_lab"]["folder"])

    def archive(self, resource_id: str) -> Archive:
        """The backup of a cluster that is gone."""
        return Archive(self._region.runtime, self._region.home.bucket / "backups" / resource_id.lower())

    def run(self) -> None:
        """As any watcher; what no snapshot has is removed first."""
        self._sweep()
        super().run()

    def look(self) -> float:
        """Go on with each snapshot, and see to the automated ones."""
        failed = False
        for snapshot in self._region.store.all("DBClusterSnapshot"):
            if snapshot["Status"] in _PASSING and not self._finishing:
                failed = not self._try(snapshot) or failed
        self._automated()
        return RETRY_SECONDS if failed else LOOK_SECONDS

    def _try(self, snapshot: Document) -> bool:
        try:
            if snapshot["Status"] == "copying":
                self._copy(snapshot)
            elif snapshot["SnapshotType"] == "automated":
                self._await(snapshot)
            else:
                self._make(snapshot)
        except BackupError as error:
            log.warning("snapshot %s: %s", snapshot["DBClusterSnapshotIdentifier"], error)
            self._settle(snapshot, "failed")
        except Exception as error:
            # Mostly a cluster that is failing over, or without a read quorum: it is tried again.
            log.warning("snapshot %s waits: %s", snapshot["DBClusterSnapshotIdentifier"], error)
            return False
        return True

    def _make(self, snapshot: Document) -> None:
        cluster = self._cluster(snapshot)
        if cluster is None:
            self._settle(snapshot, "failed")
            return
        self._region.runtime.make_folder(self.folder(snapshot).parent)
        self._region.worker_of(cluster).plane.export(self.folder(snapshot))
        self._settle(snapshot)
        notify(self._region, "RDS-EVENT-0075", snapshot["DBClusterSnapshotIdentifier"])
        self._region.wake(cluster["DBClusterIdentifier"])

    def _await(self, snapshot: Document) -> None:
        cluster = self._cluster(snapshot)
        if cluster is None:
            self._settle(snapshot, "failed")
        elif self._region.worker_of(cluster).plane.backup.archive.contents().latest >= snapshot["_lab"]["at"]:
            self._settle(snapshot)
            notify(self._region, "RDS-EVENT-0169", snapshot["DBClusterSnapshotIdentifier"])

    def _copy(self, snapshot: Document) -> None:
        source = self._region.store.get("DBClusterSnapshot", snapshot["_lab"]["copy_of"])
        target = self.folder(snapshot)
        if source is None:
            if not target.exists():
                raise BackupError("The snapshot that it is a copy of is gone.")
        elif source["SnapshotType"] == "automated":
            self._region.runtime.make_folder(target.parent)
            cluster = self._cluster(source)
            if cluster is not None:
                self._region.worker_of(cluster).plane.export(target, source["_lab"]["at"])
            else:
                self.archive(source["DbClusterResourceId"]).export(target, source["_lab"]["at"])
        else:
            copy_image(self._region.runtime, self.folder(source), target)
        self._settle(snapshot)

    def _settle(self, snapshot: Document, status: str = "available") -> None:
        def change(item: Document) -> None:
            item["Status"] = status
            item["PercentProgress"] = 100 if status == "available" else item["PercentProgress"]

        self._region.update("DBClusterSnapshot", snapshot["DBClusterSnapshotIdentifier"], change)

    def _cluster(self, snapshot: Document) -> Document | None:
        """The cluster that a snapshot is of, whatever it is called by now."""
        wanted = snapshot["DbClusterResourceId"]
        clusters = self._region.store.all("DBCluster")
        return next((item for item in clusters if item["DbClusterResourceId"] == wanted), None)

    def _automated(self) -> None:
        """Begin the automated snapshots that are due; remove those that can no longer be restored."""
        region, now = self._region, datetime.now(UTC)
        known = region.store.all("DBClusterSnapshot")
        for cluster in region.store.all("DBCluster"):
            resource = cluster["DbClusterResourceId"]
            if cluster["Status"] != "available" or cluster["_lab"]["writer"] is None:
                continue
            own = [
                item
                for item in known
                if item["SnapshotType"] == "automated" and item["DbClusterResourceId"] == resource
            ]
            window = region.worker_of(cluster).plane.backup.archive.window()
            earliest = max(window[0] if window else 0.0, earliest_moment(region, cluster))
            for item in own:
                if item["_lab"]["at"] < earliest and item["Status"] != "creating":
                    with region.store.transaction():
                        region.store.delete("DBClusterSnapshot", item["DBClusterSnapshotIdentifier"])
                        region.store.delete("Tags", item["DBClusterSnapshotArn"])
            newest = max((item["_lab"]["at"] for item in own), default=None)
            began = datetime.fromisoformat(cluster["ClusterCreateTime"]).timestamp()
            due = began + region.clock.real(FIRST_SECONDS)
            if newest is not None:
                due = newest + region.clock.real(DAY_SECONDS)
            if now.timestamp() >= due:
                self._begin_automated(cluster, now)

        for retained in region.store.all("DBClusterAutomatedBackup"):
            latest = datetime.fromisoformat(retained["RestoreWindow"]["LatestTime"]).timestamp()
            if latest < earliest_moment(region, retained) and not self._restored_from(retained):
                resource = retained["DbClusterResourceId"]
                with region.store.transaction():
                    forget_backup(region.store, resource)
                self.archive(resource).delete()

    def _restored_from(self, retained: Document) -> bool:
        restores = [item["_lab"].get("restore") or {} for item in self._region.store.all("DBCluster")]
        return any(restore.get("resource") == retained["DbClusterResourceId"] for restore in restores)

    def _begin_automated(self, cluster: Document, now: datetime) -> None:
        region = self._region
        identifier = f"rds:{cluster['DBClusterIdentifier']}-{now:%Y-%m-%d-%H-%M}"
        if region.store.get("DBClusterSnapshot", identifier) is not None:
            return  # On a very fast clock a day is over within the minute.
        snapshot = new_snapshot(region, identifier, cluster, "automated")
        # Its name says the minute: one moment for both, or they may be of two minutes.
        snapshot["SnapshotCreateTime"] = timestamp(now)
        snapshot["_lab"]["at"] = now.timestamp()
        region.store.put("DBClusterSnapshot", identifier, snapshot)
        notify(region, "RDS-EVENT-0168", identifier)
        self.wake()

    def _sweep(self) -> None:
        """Remove folders that belong to nobody: what a dead region had not finished, or not removed."""
        region = self._region
        snapshots = {item["_lab"].get("folder") for item in region.store.all("DBClusterSnapshot")}
        clusters = {item["DbClusterResourceId"].lower() for item in region.store.all("DBCluster")}
        retained = {
            item["DbClusterResourceId"].lower() for item in region.store.all("DBClusterAutomatedBackup")
        }
        for kind, kept in (
            ("snapshots", snapshots),
            ("backups", clusters | retained),
            ("restores", clusters),
        ):
            for folder in (region.home.bucket / kind).glob("*"):
                if folder.name not in kept:
                    log.info("removing %s, which belongs to nobody", folder)
                    region.runtime.remove_tree(folder)
