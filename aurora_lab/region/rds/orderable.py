"""The DB instance classes, and what of them can be ordered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from aurora_lab.region.rds.common import ENGINE, Filters, RegionLike, no_filters, zones
from aurora_lab.region.store import Document

GIB = 1 << 30
SERVERLESS = "db.serverless"

# vCPU and GiB of memory by size: UG Concepts.DBInstanceClass.Summary (copy of 2026-04-13).
# Which families run Aurora PostgreSQL 17: UG Concepts.DBInstanceClass.SupportAurora (same copy).
MEMORY_OPTIMIZED = {
    "large": (2, 16),
    "xlarge": (4, 32),
    "2xlarge": (8, 64),
    "4xlarge": (16, 128),
    "8xlarge": (32, 256),
    "12xlarge": (48, 384),
    "16xlarge": (64, 512),
    "24xlarge": (96, 768),
    "32xlarge": (128, 1024),
    "48xlarge": (192, 1536),
}
TO_16XLARGE = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
MEMORY_OPTIMIZED_FAMILIES = {
    "r5": (*TO_16XLARGE, "24xlarge"),
    "r6g": TO_16XLARGE,
    "r6i": (*TO_16XLARGE, "24xlarge", "32xlarge"),
    "r7g": TO_16XLARGE,
    "r7i": (*TO_16XLARGE, "24xlarge", "48xlarge"),
    "r8g": (*TO_16XLARGE, "24xlarge", "48xlarge"),
}
BURSTABLE = {"medium": (2, 4), "large": (2, 8)}
BURSTABLE_FAMILIES = ("t3", "t4g")

STORAGE_TYPES = ("aurora", "aurora-iopt1")


def _classes() -> dict[str, tuple[int, int]]:
    table = {
        f"db.{name}.{size}": (BURSTABLE[size][0], BURSTABLE[size][1] * GIB)
        for name in BURSTABLE_FAMILIES
        for size in BURSTABLE
    }
    for name, sizes in MEMORY_OPTIMIZED_FAMILIES.items():
        for size in sizes:
            vcpus, gib = MEMORY_OPTIMIZED[size]
            table[f"db.{name}.{size}"] = (vcpus, gib * GIB)
    return table


CLASSES: Mapping[str, tuple[int, int]] = MappingProxyType(_classes())


def instance_class(name: str) -> tuple[int, int] | None:
    """vCPU and memory in bytes of a provisioned class; None for one that cannot be ordered.

    `db.serverless` gives (0, 0): how much it has is the cluster's range of ACUs (FACTS 5.1).
    """
    return (0, 0) if name == SERVERLESS else CLASSES.get(name)


def is_serverless(instance: Document) -> bool:
    """Whether an instance is one of Serverless v2."""
    return bool(instance.get("DBInstanceClass") == SERVERLESS)


def instance_classes() -> list[str]:
    """Every class that can be ordered, by name."""
    return sorted([*CLASSES, SERVERLESS])


class OrderableActions:
    """DescribeOrderableDBInstanceOptions."""

    region: RegionLike

    def describe_orderable_db_instance_options(
        self,
        _context: object,
        *,
        Engine: str,
        EngineVersion: str | None = None,
        DBInstanceClass: str | None = None,
        LicenseModel: str | None = None,
        AvailabilityZoneGroup: str | None = None,
        Vpc: bool | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Each class with each storage type, for the one version that the region runs. No errors of its own."""
        no_filters(Filters)
        version = self.region.catalogue.engine_version
        offered = (
            Engine == ENGINE
            and EngineVersion in (None, version)
            and LicenseModel in (None, "postgresql-license")
            and AvailabilityZoneGroup in (None, self.region.name)
            and Vpc is not False
        )
        names: Iterable[str] = instance_classes() if offered else ()
        options = [
            self._option(name, version, storage)
            for name in names
            if DBInstanceClass in (None, name)
            for storage in STORAGE_TYPES
        ]
        return {"OrderableDBInstanceOptions": options}

    def _option(self, name: str, version: str, storage: str) -> Document:
        burstable = name.startswith(("db.t3.", "db.t4g."))
        return {
            "Engine": ENGINE,
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": [{"Name": zone} for zone in zones(self.region.name)],
            "MultiAZCapable": False,
            "ReadReplicaCapable": False,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": storage,
            "SupportsIops": False,
            "SupportsStorageThroughput": False,
            "SupportsEnhancedMonitoring": True,
            "SupportsIAMDatabaseAuthentication": True,
            "SupportsPerformanceInsights": True,
            "AvailableProcessorFeatures": [],
            "SupportedEngineModes": ["provisioned"],
            "SupportsStorageAutoscaling": False,
            "SupportsKerberosAuthentication": True,
            "OutpostCapable": False,
            "SupportedActivityStreamModes": [] if burstable else ["sync", "async"],
            "SupportsGlobalDatabases": not burstable,
            "SupportedNetworkTypes": ["IPV4"],
            "SupportsClusters": False,
            "SupportsDedicatedLogVolume": False,
            "SupportsHttpEndpoint": True,
        }
