"""What is refused when an RDS DB instance for PostgreSQL is created or changed, and with which AWS error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.region.rds import rules
from aurora_lab.region.rds.cluster_rules import check_subnet_group
from aurora_lab.region.rds.common import major, zones
from aurora_lab.region.rds.orderable import CLASSES
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

STORAGE = {
    "gp2": range(20, 65537),
    "gp3": range(20, 65537),
    "io1": range(100, 65537),
    "io2": range(100, 65537),
    "standard": range(5, 3073),
}
"""GiB by storage type, for PostgreSQL (API `CreateDBInstance.AllocatedStorage`, FACTS 4.6)."""
PROVISIONED = ("io1", "io2")
GP3_IOPS = 3000
"""What gp3 includes (FACTS 8.23)."""
RETENTION_DAYS = range(36)
"""0 turns backups off, which an Aurora cluster cannot (API `CreateDBInstance.BackupRetentionPeriod`)."""
MAX_REPLICAS = 15
"""FACTS 4.5."""
NOT_OFFERED = (
    "AdditionalStorageVolumes",
    "CustomIamInstanceProfile",
    "DBSecurityGroups",
    "DBSystemId",
    "DedicatedLogVolume",
    "Domain",
    "DomainFqdn",
    "EnableCustomerOwnedIp",
    "ManageMasterUserPassword",
    "MasterUserAuthenticationType",
    "MasterUserSecretKmsKeyId",
    "MultiTenant",
    "NewDBInstanceIdentifier",
    "OptionGroupName",
    "PreSignedUrl",
    "ProcessorFeatures",
    "ReplicaMode",
    "SourceDBClusterIdentifier",
    "TdeCredentialArn",
    "Timezone",
)


def check_offered(asked: dict[str, Any]) -> None:
    """Raises InvalidParameterCombination for what this region cannot honour."""
    for name in NOT_OFFERED:
        if asked.get(name):
            raise rules.not_offered(f"{name} of an RDS DB instance")


def check_creation(region: Region, asked: dict[str, Any]) -> None:
    """Raises AwsError for an instance that cannot be made."""
    if asked.get("DBClusterIdentifier"):
        raise rules.combination(
            "The engine name requested for your DB Instance (postgres) doesn't match the engine name of your "
            "DB Cluster (aurora-postgresql)."
        )
    check_offered(asked)
    for name in ("MasterUsername", "MasterUserPassword", "AllocatedStorage"):
        if not asked.get(name):
            raise rules.invalid(f"The parameter {name} must be provided and must not be blank.")
    rules.check_username(asked["MasterUsername"])
    if asked.get("DBName"):
        rules.check_database(asked["DBName"])
    check_engine_version(region, asked.get("EngineVersion"))
    check_values(region, asked)


def check_values(region: Region, asked: dict[str, Any]) -> None:
    """What creating an instance, changing it and making a replica have in common. Raises AwsError."""
    size = asked.get("DBInstanceClass")
    if size is not None and size not in CLASSES:
        raise rules.invalid(
            f"Invalid DB Instance class: {size}. RDS for PostgreSQL has {', '.join(CLASSES)}."
        )
    if (password := asked.get("MasterUserPassword")) is not None:
        rules.check_password(password)
    rules.check_range("BackupRetentionPeriod", asked.get("BackupRetentionPeriod"), RETENTION_DAYS)
    rules.check_range("Port", asked.get("Port"), rules.PORTS)
    if (window := asked.get("PreferredBackupWindow")) is not None:
        rules.check_backup_window(window)
    if (window := asked.get("PreferredMaintenanceWindow")) is not None:
        rules.check_maintenance_window(window)
    zone = asked.get("AvailabilityZone")
    if zone is not None and asked.get("MultiAZ"):
        raise rules.combination(
            "Requesting a specific availability zone is not valid for Multi-AZ instances."
        )
    if zone is not None and zone not in zones(region.name):
        raise rules.invalid(f"Invalid availability zone {zone}: there are {', '.join(zones(region.name))}.")
    check_subnet_group(region, asked.get("DBSubnetGroupName"))
    if asked.get("LicenseModel") not in (None, "postgresql-license"):
        raise rules.combination("RDS for PostgreSQL has one license model: postgresql-license.")
    group, default = asked.get("DBParameterGroupName"), parameter_group(region)
    if group not in (None, default):
        raise rules.not_offered(f"A parameter group for RDS instances other than {default}")


def check_storage(kind: str, size: int, iops: int | None) -> None:
    """Raises InvalidParameterValue, InvalidParameterCombination."""
    if kind not in STORAGE:
        raise rules.invalid(f"Invalid storage type {kind}: RDS has {', '.join(STORAGE)}.")
    allowed = STORAGE[kind]
    if size not in allowed:
        raise rules.invalid(
            f"Invalid storage size for engine name postgres and storage type {kind}: {size}. "
            f"It must be from {allowed.start} to {allowed.stop - 1} GiB."
        )
    if kind in PROVISIONED and not iops:
        raise rules.combination(f"You must specify a value for Iops with storage type {kind}.")
    if iops and kind in ("gp2", "standard"):
        raise rules.combination(f"Iops cannot be specified with storage type {kind}.")


def grown_storage(now: int, asked: int) -> int:
    """GiB to have: never less, and at least 10 % more (API `ModifyDBInstance.AllocatedStorage`).

    Raises InvalidParameterCombination.
    """
    if asked < now:
        raise rules.combination(f"Invalid storage size: {asked} GiB is less than the current {now} GiB.")
    return now if asked == now else max(asked, -(-now * 11 // 10))


def check_engine_version(region: Region, version: str | None) -> None:
    """Raises InvalidParameterCombination for a version that the region does not run."""
    has = region.catalogue.engine_version
    if version not in (None, has, major(has)):
        raise rules.combination(
            f"Cannot find version {version} for postgres. This local region runs {has}: leave the version out."
        )


def parameter_group(region: Region) -> str:
    """The one parameter group that RDS instances have here."""
    return f"default.postgres{region.catalogue.major}"


def storage_of(asked: dict[str, Any], source: Document | None = None) -> dict[str, Any]:
    """The storage that a new instance gets, checked; a replica's is its source's unless it asks for other.

    Raises as check_storage does.
    """
    before = source or {}
    iops = asked.get("Iops") or (before.get("Iops") if not asked.get("StorageType") else None)
    kind = asked.get("StorageType") or before.get("StorageType") or ("io1" if iops else "gp3")
    size = asked.get("AllocatedStorage") or before.get("AllocatedStorage", 0)
    check_storage(kind, size, iops)
    if iops is None and kind == "gp3":
        iops = GP3_IOPS
    return {"StorageType": kind, "AllocatedStorage": size, **({"Iops": iops} if iops else {})}
