"""What is refused when a cluster is created or modified, and with which AWS error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.common import zones

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

NOT_OFFERED_AT_CREATION = (
    "ReplicationSourceIdentifier",
    "PreSignedUrl",
    "GlobalClusterIdentifier",
    "ScalingConfiguration",
    "RdsCustomClusterConfiguration",
    "DBClusterInstanceClass",
    "AllocatedStorage",
    "Iops",
    "Domain",
    "EnableGlobalWriteForwarding",
    "EnableLimitlessDatabase",
    "EnableLocalWriteForwarding",
    "EnableHttpEndpoint",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "WithExpressConfiguration",
    "DBSystemId",
)


def check_creation(engine: str, asked: dict[str, Any]) -> None:
    """Raises AwsError for a cluster that cannot be made."""
    if engine in ("postgres", "mysql"):
        raise rules.not_offered(f"A Multi-AZ DB cluster (Engine {engine})")
    for name in NOT_OFFERED_AT_CREATION:
        if asked.get(name):
            raise rules.not_offered(name)
    if engine == "aurora-postgresql" and asked.get("BacktrackWindow"):
        raise rules.combination("Backtrack is not supported for the aurora-postgresql engine.")
    if asked.get("EngineMode") not in (None, "provisioned"):
        raise rules.combination(
            f"The engine mode {asked['EngineMode']} you requested is currently unavailable."
        )
    for name in ("MasterUsername", "MasterUserPassword"):
        if not asked.get(name):
            raise rules.invalid(f"The parameter {name} must be provided and must not be blank.")
    rules.check_username(asked["MasterUsername"])
    if asked.get("DatabaseName"):
        rules.check_database(asked["DatabaseName"])
    if scaling := asked.get("ServerlessV2ScalingConfiguration"):
        rules.check_serverless(
            scaling.get("MinCapacity"), scaling.get("MaxCapacity"), scaling.get("SecondsUntilAutoPause")
        )
    known = zones("")
    for zone in asked.get("AvailabilityZones") or []:
        if zone[-1:] not in known:
            raise rules.invalid(f"Invalid availability zone {zone}.")
    check_values(asked)


def check_values(asked: dict[str, Any]) -> None:
    """Raises InvalidParameterValue."""
    if (password := asked.get("MasterUserPassword")) is not None:
        rules.check_password(password)
    rules.check_range("BackupRetentionPeriod", asked.get("BackupRetentionPeriod"), rules.RETENTION_DAYS)
    rules.check_range("Port", asked.get("Port"), rules.PORTS)
    if (window := asked.get("PreferredBackupWindow")) is not None:
        rules.check_backup_window(window)
    if (window := asked.get("PreferredMaintenanceWindow")) is not None:
        rules.check_maintenance_window(window)
    if asked.get("StorageType") not in (None, "aurora", "aurora-iopt1"):
        raise rules.invalid(
            f"Invalid storage type {asked['StorageType']}: Aurora has aurora and aurora-iopt1."
        )


def parameter_group(region: Region, name: str | None, family: str) -> str:
    """The group's name, or the default group's. Raises DBClusterParameterGroupNotFoundFault."""
    if name is None or name == f"default.{family}":
        return f"default.{family}"
    group = region.store.get("DBClusterParameterGroup", name.lower())
    if group is None:
        raise fault("DBClusterParameterGroupNotFoundFault", f"DBClusterParameterGroup not found: {name}")
    if group["DBParameterGroupFamily"] != family:
        raise rules.combination(
            f"The parameter group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} "
            f"can't be used for this cluster. Use a parameter group with DBParameterGroupFamily {family}."
        )
    return str(group["DBClusterParameterGroupName"])


def check_subnet_group(region: Region, name: str | None) -> None:
    """Raises DBSubnetGroupNotFoundFault."""
    if name not in (None, "default") and region.store.get("DBSubnetGroup", str(name).lower()) is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
