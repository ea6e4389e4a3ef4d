"""How a DB cluster snapshot looks: the stored document of a new one, and what the API shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.rds.common import public
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

OF_THE_CLUSTER = (
    "AvailabilityZones",
    "BackupRetentionPeriod",
    "ClusterCreateTime",
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
"""What a snapshot has from the cluster that it is of."""
VPC = "vpc-0a0b0c0d0e0f0a0b0"


def new_snapshot(region: Region, identifier: str, cluster: Document, kind: str) -> Document:
    """The document of a snapshot of a cluster; `kind` is `manual` or `automated`, its status `creating`."""
    document: Document = {name: cluster[name] for name in OF_THE_CLUSTER if name in cluster}
    document.update(
        AllocatedStorage=cluster["AllocatedStorage"],
        DBClusterSnapshotIdentifier=identifier,
        DBClusterSnapshotArn=region.arn("cluster-snapshot", identifier),
        LicenseModel="postgresql-license",
        PercentProgress=0,
        SnapshotCreateTime=region.now(),
        SnapshotType=kind,
        Status="creating",
        VpcId=VPC,
        _lab={
            # A cluster that nobody has opened yet has neither of the two in its volume.
            "master_password": cluster["_lab"]["master_password"],
            "database": cluster.get("DatabaseName"),
            "shared_with": [],
        },
    )
    return document


def show_snapshot(region: Region, snapshot: Document) -> dict[str, Any]:
    """A snapshot as the API shows it."""
    shown = public(snapshot)
    tags = region.store.get("Tags", snapshot["DBClusterSnapshotArn"])
    shown["TagList"] = tags["TagList"] if tags else []
    return shown


def show_attributes(snapshot: Document) -> dict[str, Any]:
    """Who else may restore a snapshot."""
    return {
        "DBClusterSnapshotIdentifier": snapshot["DBClusterSnapshotIdentifier"],
        "DBClusterSnapshotAttributes": [
            {"AttributeName": "restore", "AttributeValues": list(snapshot["_lab"]["shared_with"])}
        ],
    }
