"""How a DB cluster looks: the stored document of a new one, and what the API shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.identity import random_id
from aurora_lab.region.rds.common import public, zones
from aurora_lab.region.rds.engines import DEFAULT_PLATFORM_VERSION
from aurora_lab.region.restorable import restore_window
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

SECURITY_GROUP = "sg-0a0b0c0d0e0f0a0b0"
DEFAULT_BACKUP_WINDOW = "09:00-09:30"
DEFAULT_MAINTENANCE_WINDOW = "sun:10:00-sun:10:30"
AUTO_PAUSE_SECONDS = 300
"""The default of SecondsUntilAutoPause (FACTS 5.14)."""


def new_cluster(region: Region, identifier: str, asked: dict[str, Any]) -> Document:
    """The document of a cluster that was asked for with checked parameters; its status is `creating`."""
    resource = f"cluster-{random_id(26)}"
    label = (region.dns_id, region.name)
    storage = asked.get("StorageType") or "aurora"
    with_key = bool(asked.get("KmsKeyId") or asked.get("StorageEncrypted"))
    document: Document = {
        "AllocatedStorage": 1,
        "AvailabilityZones": asked.get("AvailabilityZones") or zones(region.name),
        "BackupRetentionPeriod": asked.get("BackupRetentionPeriod") or 1,
        "DBClusterIdentifier": identifier,
        "DBClusterParameterGroup": asked["DBClusterParameterGroupName"],
        "DBSubnetGroup": asked.get("DBSubnetGroupName") or "default",
        "Status": "creating",
        "Endpoint": names.cluster_endpoint(identifier, *label),
        "ReaderEndpoint": names.reader_endpoint(identifier, *label),
        "Engine": "aurora-postgresql",
        "EngineVersion": asked["EngineVersion"],
        "EngineMode": "provisioned",
        "Port": asked.get("Port") or region.default_port,
        "MasterUsername": asked["MasterUsername"],
        "PreferredBackupWindow": asked.get("PreferredBackupWindow") or DEFAULT_BACKUP_WINDOW,
        "PreferredMaintenanceWindow": (
            asked.get("PreferredMaintenanceWindow") or DEFAULT_MAINTENANCE_WINDOW
        ).lower(),
        "ReadReplicaIdentifiers": [],
        "VpcSecurityGroups": security_groups(asked.get("VpcSecurityGroupIds")),
        # Encrypted at rest all the same: since February 2026 `sse-rds` shows as StorageEncrypted=false
        # (FACTS 11.11, 11.12).
        "StorageEncrypted": with_key,
        "StorageEncryptionType": "sse-kms" if with_key else "sse-rds",
        "DbClusterResourceId": resource,
        "DBClusterArn": region.arn("cluster", identifier),
        "AssociatedRoles": [],
        "IAMDatabaseAuthenticationEnabled": bool(asked.get("EnableIAMDatabaseAuthentication")),
        "ClusterCreateTime": region.now(),
        "EnabledCloudwatchLogsExports": asked.get("EnableCloudwatchLogsExports") or [],
        "AutoMinorVersionUpgrade": asked.get("AutoMinorVersionUpgrade", True),
        "DeletionProtection": bool(asked.get("DeletionProtection")),
        "HttpEndpointEnabled": False,
        "ActivityStreamStatus": "stopped",
        "CopyTagsToSnapshot": bool(asked.get("CopyTagsToSnapshot")),
        "CrossAccountClone": False,
        "DomainMemberships": [],
        "NetworkType": "IPV4",
        "EngineLifecycleSupport": asked.get("EngineLifecycleSupport") or "open-source-rds-extended-support",
        "PendingModifiedValues": {},
        "_lab": {
            "master_password": asked["MasterUserPassword"],
            "writer": None,
            "epoch": 1,
            "failover": None,
            "next_order": 0,
        },
    }
    if asked.get("DatabaseName"):
        document["DatabaseName"] = asked["DatabaseName"]
    if with_key:
        document["KmsKeyId"] = (
            asked.get("KmsKeyId") or f"arn:aws:kms:{region.name}:{region.account}:alias/aws/rds"
        )
    if storage != "aurora":  # `aurora` is not echoed back (FACTS 8.40)
        document["StorageType"] = storage
    if scaling := asked.get("ServerlessV2ScalingConfiguration"):
        set_serverless(document, scaling)
    return document


def set_serverless(document: Document, scaling: dict[str, Any]) -> None:
    """Store a Serverless v2 range; SecondsUntilAutoPause exists only with a minimum of 0 (FACTS 5.14)."""
    stored = {"MinCapacity": scaling["MinCapacity"], "MaxCapacity": scaling["MaxCapacity"]}
    if scaling["MinCapacity"] == 0:
        stored["SecondsUntilAutoPause"] = scaling.get("SecondsUntilAutoPause") or AUTO_PAUSE_SECONDS
    document["ServerlessV2ScalingConfiguration"] = stored
    # Every cluster of this region is a new one, and gets the newest (FACTS 5.4).
    document["ServerlessV2PlatformVersion"] = DEFAULT_PLATFORM_VERSION


def show_cluster(region: Region, cluster: Document) -> dict[str, Any]:
    """A cluster as the API shows it."""
    shown = public(cluster)
    instances = members(region, cluster)
    writer = cluster["_lab"]["writer"]
    shown["DBClusterMembers"] = [
        {
            "DBInstanceIdentifier": item["DBInstanceIdentifier"],
            "IsClusterWriter": item["DBInstanceIdentifier"] == writer,
            "DBClusterParameterGroupStatus": item["_lab"]["cluster_group_status"],
            "PromotionTier": item["PromotionTier"],
        }
        for item in instances
    ]
    shown["MultiAZ"] = len({item["AvailabilityZone"] for item in instances}) > 1
    shown["CustomEndpoints"] = [
        item["Endpoint"]
        for item in region.store.all("DBClusterEndpoint")
        if item["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]
    ]
    if window := restore_window(region, cluster):
        shown["EarliestRestorableTime"], shown["LatestRestorableTime"] = window
    tags = region.store.get("Tags", cluster["DBClusterArn"])
    shown["TagList"] = tags["TagList"] if tags else []
    return shown


def members(region: Region, cluster: Document) -> list[Document]:
    """The instances of a cluster, oldest first."""
    found = [
        item
        for item in region.store.all("DBInstance")
        if item.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"]
    ]
    return sorted(found, key=lambda item: item["_lab"]["order"])


def security_groups(identifiers: list[str] | None) -> list[dict[str, str]]:
    """Security groups as records; nothing filters traffic on a loopback address."""
    return [
        {"VpcSecurityGroupId": identifier, "Status": "active"}
        for identifier in identifiers or [SECURITY_GROUP]
    ]
