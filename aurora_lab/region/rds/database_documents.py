"""How an RDS DB instance for PostgreSQL looks: the stored document of a new one, and what is shown beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.databases import ENGINE, new_server, replicas_of, source_of
from aurora_lab.region.identity import random_id
from aurora_lab.region.rds.cluster_documents import (
    DEFAULT_BACKUP_WINDOW,
    DEFAULT_MAINTENANCE_WINDOW,
    security_groups,
)
from aurora_lab.region.rds.common import zones
from aurora_lab.region.rds.database_rules import parameter_group
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

DEFAULT_CA = "rds-ca-rsa2048-g1"
"""FACTS 3.23."""
OF_THE_SOURCE = (
    "MasterUsername",
    "DBName",
    "EngineVersion",
    "StorageEncrypted",
    "StorageEncryptionType",
    "KmsKeyId",
)
"""What a read replica has because its source has it."""

WRITTEN_DOWN = ("MaxAllocatedStorage", "StorageThroughput")
"""What only shows: a learner's disk neither grows by itself nor has a guaranteed speed."""


def new_database(
    region: Region, identifier: str, asked: dict[str, Any], storage: dict[str, Any], source: Document | None
) -> Document:
    """The document of an instance, or of a read replica of `source`; its status is `creating`."""
    resource = f"db-{random_id(26)}"
    multi_az = bool(asked.get("MultiAZ"))
    first = asked.get("AvailabilityZone") or _zone_apart(region, source)
    authority = asked.get("CACertificateIdentifier") or DEFAULT_CA
    with_key = bool(asked.get("KmsKeyId") or asked.get("StorageEncrypted"))
    port = asked.get("Port") or (source["Endpoint"]["Port"] if source else region.default_port)
    document: Document = {
        "DBInstanceIdentifier": identifier,
        "DBInstanceClass": asked["DBInstanceClass"],
        "Engine": ENGINE,
        "EngineVersion": region.catalogue.engine_version,
        "DBInstanceStatus": "creating",
        "MasterUsername": asked.get("MasterUsername"),
        **({"DBName": asked["DBName"]} if asked.get("DBName") else {}),
        "Endpoint": {
            "Address": names.instance_endpoint(identifier, region.dns_id, region.name),
            "Port": port,
        },
        **storage,
        "InstanceCreateTime": region.now(),
        "PreferredBackupWindow": asked.get("PreferredBackupWindow") or DEFAULT_BACKUP_WINDOW,
        # A replica has no backups unless it is asked for (API `PromoteReadReplica`: it can be at promotion).
        "BackupRetentionPeriod": _retention(asked, source),
        "DBSecurityGroups": [],
        "VpcSecurityGroups": security_groups(asked.get("VpcSecurityGroupIds")),
        "DBParameterGroups": [
            {"DBParameterGroupName": parameter_group(region), "ParameterApplyStatus": "in-sync"}
        ],
        "AvailabilityZone": first,
        "PreferredMaintenanceWindow": (
            asked.get("PreferredMaintenanceWindow") or DEFAULT_MAINTENANCE_WINDOW
        ).lower(),
        "PendingModifiedValues": {},
        "MultiAZ": multi_az,
        "AutoMinorVersionUpgrade": asked.get("AutoMinorVersionUpgrade", True),
        "LicenseModel": "postgresql-license",
        "PubliclyAccessible": bool(asked.get("PubliclyAccessible")),
        "StorageEncrypted": with_key,
        "StorageEncryptionType": "sse-kms" if with_key else "none",
        "DbInstancePort": 0,
        "DbiResourceId": resource,
        "CACertificateIdentifier": authority,
        "CertificateDetails": {"CAIdentifier": authority},
        "DomainMemberships": [],
        "CopyTagsToSnapshot": bool(asked.get("CopyTagsToSnapshot")),
        "MonitoringInterval": asked.get("MonitoringInterval") or 0,
        "DBInstanceArn": region.arn("db", identifier),
        "IAMDatabaseAuthenticationEnabled": bool(asked.get("EnableIAMDatabaseAuthentication")),
        "PerformanceInsightsEnabled": bool(asked.get("EnablePerformanceInsights")),
        "DeletionProtection": bool(asked.get("DeletionProtection")),
        "AssociatedRoles": [],
        "NetworkType": "IPV4",
        "ActivityStreamStatus": "stopped",
        "BackupTarget": "region",
        "EngineLifecycleSupport": asked.get("EngineLifecycleSupport") or "open-source-rds-extended-support",
        "_lab": {
            "plane": source["_lab"]["plane"] if source else resource,
            "server": resource,
            "port": region.free_port(),
            "standby": new_server(region) if multi_az else None,
            "synchronous": False,
            "activated": multi_az,
            "failover": None,
            "master_password": asked.get("MasterUserPassword"),
            "restart": False,
        },
    }
    if asked.get("EnableCloudwatchLogsExports"):
        document["EnabledCloudwatchLogsExports"] = asked["EnableCloudwatchLogsExports"]
    document.update({name: asked[name] for name in WRITTEN_DOWN if asked.get(name) is not None})
    if with_key:
        document["KmsKeyId"] = (
            asked.get("KmsKeyId") or f"arn:aws:kms:{region.name}:{region.account}:alias/aws/rds"
        )
    if multi_az:
        document["SecondaryAvailabilityZone"] = other_zone(region, first)
    if source is not None:
        document.update({name: source[name] for name in OF_THE_SOURCE if name in source})
        document["ReadReplicaSourceDBInstanceIdentifier"] = source["DBInstanceIdentifier"]
        document["_lab"]["master_password"] = source["_lab"]["master_password"]
    return document


def replication(region: Region, instance: Document) -> dict[str, Any]:
    """What the API shows of an instance's replicas or, of a replica, of its replication."""
    replicas = replicas_of(region.store, instance["DBInstanceIdentifier"])
    shown: dict[str, Any] = {
        "ReadReplicaDBInstanceIdentifiers": [item["DBInstanceIdentifier"] for item in replicas]
    }
    if source_of(instance) is not None:
        replicating = instance["DBInstanceStatus"] == "available"
        shown["StatusInfos"] = [
            {
                "StatusType": "read replication",
                "Normal": replicating,
                "Status": "replicating" if replicating else "connecting",
            }
        ]
    return shown


def other_zone(region: Region, zone: str) -> str:
    """The AZ of the standby of an instance in `zone`."""
    known = zones(region.name)
    return known[(known.index(zone) + 1) % len(known)]


def _zone_apart(region: Region, source: Document | None) -> str:
    return other_zone(region, source["AvailabilityZone"]) if source else zones(region.name)[0]


def _retention(asked: dict[str, Any], source: Document | None) -> int:
    days = asked.get("BackupRetentionPeriod")
    return int(days) if days is not None else 0 if source else 1
