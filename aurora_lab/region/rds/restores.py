"""RestoreDBClusterFromSnapshot and RestoreDBClusterToPointInTime: each makes a new cluster (FACTS 11.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.auto_pause import rouse
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.cluster_deletion import get_retained
from aurora_lab.region.rds.cluster_documents import members, show_cluster
from aurora_lab.region.rds.cluster_rules import NOT_OFFERED_AT_CREATION, check_creation
from aurora_lab.region.rds.clusters import get_cluster, put_new_cluster
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.engines import check_engine_version
from aurora_lab.region.rds.snapshots import get_snapshot
from aurora_lab.region.restorable import window
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

FULL_COPY, CLONE = "full-copy", "copy-on-write"
MOST_CLONES = 15
"""Copy-on-write clones of one volume; the next is a full copy (FACTS 11.8)."""
RESTORABLE = ("available", "stopped", "failing-over", "modifying", "starting", "stopping")
NOT_OFFERED = (
    *(name for name in NOT_OFFERED_AT_CREATION if name not in ("AllocatedStorage", "ScalingConfiguration")),
    "AssociatedRoles",
    "EnableInternetAccessGateway",
    "EnablePerformanceInsights",
    "EnableVPCNetworking",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "TagSpecifications",
)


class RestoreActions:
    """New clusters from what was kept of others. They have no instance until CreateDBInstance is called."""

    region: Region

    def restore_db_cluster_from_snapshot(
        self,
        _context: object,
        *,
        DBClusterIdentifier: str,
        SnapshotIdentifier: str,
        Engine: str,
        **asked: Any,
    ) -> dict[str, Any]:
        """A cluster with the data of a snapshot, manual or automated."""
        region = self.region
        identifier = checked_name(DBClusterIdentifier, "DBClusterIdentifier")
        _check(asked)
        version = check_engine_version(region, Engine, asked.get("EngineVersion"))
        with region.store.transaction():
            snapshot = get_snapshot(region, SnapshotIdentifier)
            if snapshot["Status"] != "available":
                raise fault(
                    "InvalidDBClusterSnapshotStateFault",
                    f"The snapshot {snapshot['DBClusterSnapshotIdentifier']} is in {snapshot['Status']} "
                    "state: it must be available.",
                )
            restore: Document = {"snapshot": snapshot["DBClusterSnapshotIdentifier"]}
            if snapshot["SnapshotType"] == "automated":
                restore.update(resource=snapshot["DbClusterResourceId"], until=snapshot["_lab"]["at"])
            database = snapshot["_lab"]["database"]
            if asked.pop("DatabaseName", None) not in (None, database):
                raise rules.not_offered("A DatabaseName other than the snapshot's")
            merged = _merged(region, snapshot, asked, version, database)
            cluster = put_new_cluster(region, identifier, merged, restore)
        return {"DBCluster": show_cluster(region, cluster)}

    def restore_db_cluster_to_point_in_time(
        self,
        _context: object,
        *,
        DBClusterIdentifier: str,
        RestoreType: str | None = None,
        SourceDBClusterIdentifier: str | None = None,
        SourceDbClusterResourceId: str | None = None,
        RestoreToTime: datetime | str | None = None,
        UseLatestRestorableTime: bool = False,
        **asked: Any,
    ) -> dict[str, Any]:
        """A cluster as another was at a moment, or a clone of it as it is now (FACTS 11.2, 11.4, 11.8)."""
        region = self.region
        identifier = checked_name(DBClusterIdentifier, "DBClusterIdentifier")
        kind = RestoreType or FULL_COPY
        if kind not in (FULL_COPY, CLONE):
            raise rules.invalid(f"Invalid restore type {kind}: it must be {FULL_COPY} or {CLONE}.")
        if RestoreToTime is not None and (UseLatestRestorableTime or kind == CLONE):
            other = "UseLatestRestorableTime" if UseLatestRestorableTime else f"RestoreType {CLONE}"
            raise rules.combination(f"RestoreToTime cannot be specified together with {other}.")
        if RestoreToTime is None and not UseLatestRestorableTime and kind == FULL_COPY:
            raise rules.combination("Either RestoreToTime or UseLatestRestorableTime must be specified.")
        if bool(SourceDBClusterIdentifier) == bool(SourceDbClusterResourceId):
            raise rules.combination(
                "Either SourceDBClusterIdentifier or SourceDbClusterResourceId must be specified."
            )
        _check(asked)
        source = self._source(SourceDBClusterIdentifier, SourceDbClusterResourceId)
        lives = "Endpoint" in source
        if lives and source["Status"] not in RESTORABLE:
            raise fault(
                "InvalidDBClusterStateFault",
                f"DB cluster {source['DBClusterIdentifier']} is in {source['Status']} state: "
                "it must be available.",
            )
        restore: Document = {"resource": source["DbClusterResourceId"], "until": None}
        group = self._clone_group(source, lives=lives) if kind == CLONE else None
        if group is not None:
            restore["clone"] = group
        elif RestoreToTime is not None:
            restore["until"] = self._moment(source, RestoreToTime, lives=lives)
        database = source["DatabaseName"] if source.get("DatabaseName") else source["_lab"].get("database")
        merged = _merged(region, source, asked, region.catalogue.engine_version, database)
        with region.store.transaction():
            cluster = put_new_cluster(region, identifier, merged, restore)
            if group is not None:
                cluster["CloneGroupId"] = group
                cluster["_lab"]["clone_of"] = source["DbClusterResourceId"]
                region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
                current = get_cluster(region, source["DBClusterIdentifier"])
                rouse(region, current)
                current["CloneGroupId"] = group
                region.store.put("DBCluster", current["DBClusterIdentifier"], current)
        region.wake(source["DBClusterIdentifier"])
        return {"DBCluster": show_cluster(region, cluster)}

    def _source(self, identifier: str | None, resource: str | None) -> Document:
        """The cluster, or what a deleted one has left."""
        if identifier is not None:
            return get_cluster(self.region, identifier)
        assert resource is not None
        for cluster in self.region.store.all("DBCluster"):
            if cluster["DbClusterResourceId"].lower() == resource.lower():
                return cluster
        return get_retained(self.region, resource)

    def _clone_group(self, source: Document, *, lives: bool) -> str | None:
        """The group that a clone joins; None where it has to be a full copy. Raises InvalidDBClusterStateFault."""
        region = self.region
        if not lives or not members(region, source):
            raise fault(
                "InvalidDBClusterStateFault",
                f"DB cluster {source['DBClusterIdentifier']} has no DB instance: it cannot be cloned.",
            )
        resource = source["DbClusterResourceId"]
        clones = [item for item in region.store.all("DBCluster") if item["_lab"].get("clone_of") == resource]
        group = str(source.get("CloneGroupId") or resource.removeprefix("cluster-"))
        return group if len(clones) < MOST_CLONES else None

    def _moment(self, source: Document, wanted: datetime | str, *, lives: bool) -> float:
        """RestoreToTime in seconds since the epoch. Raises InvalidRestoreFault outside the window."""
        region = self.region
        moment = datetime.fromisoformat(wanted) if isinstance(wanted, str) else wanted
        until = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if lives:
            found = window(region, source)
            # A moment that is over is in the backup within a second or two, which the restore waits for.
            latest = datetime.now(UTC).timestamp()
        else:
            found = region.keeper.archive(source["DbClusterResourceId"]).window()
            latest = found[1] if found else 0.0
        if found is None or not found[0] <= until <= latest:
            raise fault(
                "InvalidRestoreFault",
                f"RestoreToTime {moment.isoformat()} is not between EarliestRestorableTime and "
                f"LatestRestorableTime of {source['DBClusterIdentifier']}.",
            )
        return until


def _check(asked: dict[str, Any]) -> None:
    """Raises InvalidParameterCombination for what the lab cannot do."""
    for name in NOT_OFFERED:
        if asked.get(name):
            raise rules.not_offered(name)
    if asked.get("ScalingConfiguration"):
        raise rules.not_offered("ScalingConfiguration (Serverless v1)")


def _merged(
    region: Region, source: Document, asked: dict[str, Any], version: str, database: str | None
) -> dict[str, Any]:
    """The parameters of the new cluster: what was asked for, and from the source what a restore keeps.

    Parameter group, subnet group and security groups fall back to the defaults (FACTS 11.3). Encryption stays,
    under the same key unless another is named (FACTS 11.13, 11.16).
    """
    merged = {
        "BackupRetentionPeriod": source["BackupRetentionPeriod"],
        "PreferredBackupWindow": source["PreferredBackupWindow"],
        "Port": source["Port"],
        "StorageEncrypted": source["StorageEncrypted"],
        **asked,
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": source["_lab"]["master_password"],
        "DatabaseName": database,
        "EngineVersion": version,
    }
    if not merged.get("KmsKeyId") and source.get("KmsKeyId"):
        merged["KmsKeyId"] = source["KmsKeyId"]
    check_creation("aurora-postgresql", merged)
    assert merged["EngineVersion"] == region.catalogue.engine_version
    return merged
