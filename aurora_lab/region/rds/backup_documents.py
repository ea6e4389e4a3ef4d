"""How the continuous backup of a cluster looks as a resource of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.clock import timestamp
from aurora_lab.region.rds.common import public
from aurora_lab.region.rds.snapshot_documents import VPC
from aurora_lab.region.restorable import restore_window
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

OF_THE_CLUSTER = (
    "AllocatedStorage",
    "AvailabilityZones",
    "BackupRetentionPeriod",
    "ClusterCreateTime",
    "DBClusterArn",
    "DBClusterIdentifier",
    "DbClusterResourceId",
    "Engine",
    "EngineMode",
    "EngineVersion",
    "IAMDatabaseAuthenticationEnabled",
    "KmsKeyId",
    "MasterUsername",
    "Port",
    "PreferredBackupWindow",
    "StorageEncrypted",
    "StorageEncryptionType",
    "StorageType",
)


def automated_backup(region: Region, cluster: Document) -> dict[str, Any]:
    """The backup of a living cluster."""
    shown = _shown(region, cluster)
    window = restore_window(region, cluster)
    if window is not None:
        shown["RestoreWindow"] = {"EarliestTime": window[0], "LatestTime": window[1]}
    return {**shown, "Status": "creating" if cluster["Status"] == "creating" else "active"}


def retained_backup(_region: Region, backup: Document) -> dict[str, Any]:
    """The backup that a deleted cluster has left."""
    return public(backup)


def new_retained(region: Region, cluster: Document) -> Document:
    """The document of the backup that a cluster leaves when it is deleted; it keeps its window."""
    document = _shown(region, cluster)
    window = restore_window(region, cluster)
    if window is not None:
        document["RestoreWindow"] = {"EarliestTime": window[0], "LatestTime": window[1]}
    document["Status"] = "retained"
    document["_lab"] = {
        "master_password": cluster["_lab"]["master_password"],
        "database": cluster.get("DatabaseName"),
        "retained_at": timestamp(),
    }
    return document


def _shown(region: Region, cluster: Document) -> dict[str, Any]:
    shown = {name: cluster[name] for name in OF_THE_CLUSTER if name in cluster}
    name = f"ab-{cluster['DbClusterResourceId'].removeprefix('cluster-').lower()}"
    shown.update(
        DBClusterAutomatedBackupsArn=region.arn("cluster-auto-backup", name),
        LicenseModel="postgresql-license",
        Region=region.name,
        VpcId=VPC,
    )
    return shown
