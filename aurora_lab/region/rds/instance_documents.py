"""How an Aurora DB instance looks: the stored document of a new one, and what the API shows of it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.databases import is_database
from aurora_lab.region.faults import outages
from aurora_lab.region.identity import random_id
from aurora_lab.region.rds.cluster_documents import DEFAULT_MAINTENANCE_WINDOW
from aurora_lab.region.rds.common import public
from aurora_lab.region.rds.database_documents import replication
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

DEFAULT_CA = "rds-ca-rsa2048-g1"
"""FACTS 3.23."""


def new_instance(
    region: Region, cluster: Document, identifier: str, asked: dict[str, Any], siblings: list[Document]
) -> Document:
    """The document of an instance that was asked for with checked parameters; its status is `creating`."""
    allowed = cluster["AvailabilityZones"]
    # Nobody would be started in one that is out.
    there = [each for each in allowed if each not in outages(region)]
    zone = asked.get("AvailabilityZone") or emptiest_zone(there or allowed, siblings)
    return {
        "DBInstanceIdentifier": identifier,
        "DBInstanceClass": asked["DBInstanceClass"],
        "Engine": "aurora-postgresql",
        "EngineVersion": cluster["EngineVersion"],
        "DBInstanceStatus": "creating",
        "MasterUsername": cluster["MasterUsername"],
        **({"DBName": cluster["DatabaseName"]} if cluster.get("DatabaseName") else {}),
        "Endpoint": {
            "Address": names.instance_endpoint(identifier, region.dns_id, region.name),
            "Port": cluster["Port"],
        },
        "AllocatedStorage": 1,
        "InstanceCreateTime": region.now(),
        "PreferredBackupWindow": cluster["PreferredBackupWindow"],
        "BackupRetentionPeriod": cluster["BackupRetentionPeriod"],
        "DBSecurityGroups": [],
        "VpcSecurityGroups": cluster["VpcSecurityGroups"],
        "DBParameterGroups": [
            {"DBParameterGroupName": asked["DBParameterGroupName"], "ParameterApplyStatus": "in-sync"}
        ],
        "AvailabilityZone": zone,
        "PreferredMaintenanceWindow": (
            asked.get("PreferredMaintenanceWindow") or DEFAULT_MAINTENANCE_WINDOW
        ).lower(),
        "PendingModifiedValues": {},
        "MultiAZ": False,
        "AutoMinorVersionUpgrade": asked.get("AutoMinorVersionUpgrade", True),
        "ReadReplicaDBInstanceIdentifiers": [],
        "LicenseModel": "postgresql-license",
        "PubliclyAccessible": bool(asked.get("PubliclyAccessible")),
        "StorageType": cluster.get("StorageType", "aurora"),
        "StorageEncrypted": cluster["StorageEncrypted"],
        "StorageEncryptionType": cluster["StorageEncryptionType"],
        **({"KmsKeyId": cluster["KmsKeyId"]} if cluster.get("KmsKeyId") else {}),
        "DbInstancePort": 0,
        "DBClusterIdentifier": cluster["DBClusterIdentifier"],
        "DbiResourceId": f"db-{random_id(26)}",
        "CACertificateIdentifier": asked.get("CACertificateIdentifier") or DEFAULT_CA,
        "CertificateDetails": {"CAIdentifier": asked.get("CACertificateIdentifier") or DEFAULT_CA},
        "DomainMemberships": [],
        "CopyTagsToSnapshot": bool(asked.get("CopyTagsToSnapshot")),
        "MonitoringInterval": asked.get("MonitoringInterval") or 0,
        "PromotionTier": 1 if asked.get("PromotionTier") is None else asked["PromotionTier"],
        "DBInstanceArn": region.arn("db", identifier),
        "IAMDatabaseAuthenticationEnabled": cluster["IAMDatabaseAuthenticationEnabled"],
        "PerformanceInsightsEnabled": bool(asked.get("EnablePerformanceInsights")),
        "DeletionProtection": False,
        "AssociatedRoles": [],
        "NetworkType": "IPV4",
        "ActivityStreamStatus": "stopped",
        "BackupTarget": "region",
        "EngineLifecycleSupport": cluster["EngineLifecycleSupport"],
        "_lab": {
            "port": region.free_port(),
            "order": cluster["_lab"]["next_order"],
            # What aurora_replica_status() shows for a reader: a UUID (FACTS 7.31).
            "session_id": str(uuid.uuid4()),
            "cluster_group_status": "in-sync",
            "parameters": {},
            "restart": False,
        },
    }


def show_instance(region: Region, instance: Document) -> dict[str, Any]:
    """An instance as the API shows it."""
    shown = public(instance)
    if instance["DBInstanceStatus"] == "creating":
        # AWS shows the endpoint once there is one.
        shown.pop("Endpoint", None)
    if is_database(instance):
        shown |= replication(region, instance)
    tags = region.store.get("Tags", instance["DBInstanceArn"])
    shown["TagList"] = tags["TagList"] if tags else []
    return shown


def emptiest_zone(allowed: list[str], siblings: list[Document]) -> str:
    """Spread instances over the Availability Zones, as one would on purpose (FACTS 4.16)."""
    used = [item["AvailabilityZone"] for item in siblings]
    return min(sorted(allowed), key=used.count)
