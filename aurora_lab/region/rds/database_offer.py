"""What RDS for PostgreSQL offers beside Aurora: its version, its classes and its storage."""

from __future__ import annotations

from typing import Any

from aurora_lab.region.databases import ENGINE
from aurora_lab.region.rds.common import CatalogueLike, Filters, major, no_filters, zones
from aurora_lab.region.rds.database_rules import PROVISIONED, STORAGE
from aurora_lab.region.rds.orderable import CLASSES, OrderableActions
from aurora_lab.region.store import Document


def database_version(catalogue: CatalogueLike) -> Document:
    """The version as DescribeDBEngineVersions shows it."""
    version = catalogue.engine_version
    return {
        "Engine": ENGINE,
        "MajorEngineVersion": major(version),
        "EngineVersion": version,
        "DBParameterGroupFamily": f"{ENGINE}{major(version)}",
        "DBEngineDescription": "PostgreSQL",
        "DBEngineVersionDescription": f"PostgreSQL {version}",
        "ValidUpgradeTarget": [],
        "ExportableLogTypes": ["postgresql"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": True,
        "SupportedFeatureNames": [],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": False,
        "SupportsBabelfish": False,
        "SupportsLimitlessDatabase": False,
        "SupportsCertificateRotationWithoutRestart": True,
        "SupportsLocalWriteForwarding": False,
        "SupportsIntegrations": False,
    }


class OfferActions(OrderableActions):
    """DescribeOrderableDBInstanceOptions, for RDS as well."""

    def describe_orderable_db_instance_options(
        self,
        _context: object,
        *,
        Engine: str,
        EngineVersion: str | None = None,
        DBInstanceClass: str | None = None,
        Filters: Filters | None = None,
        **more: Any,
    ) -> Document:
        """Each class with each storage type, for the one version that the region runs. No errors of its own."""
        if Engine != ENGINE:
            return super().describe_orderable_db_instance_options(
                _context,
                Engine=Engine,
                EngineVersion=EngineVersion,
                DBInstanceClass=DBInstanceClass,
                Filters=Filters,
                **more,
            )
        no_filters(Filters)
        version = self.region.catalogue.engine_version
        offered = (
            EngineVersion in (None, version)
            and more.get("LicenseModel") in (None, "postgresql-license")
            and more.get("AvailabilityZoneGroup") in (None, self.region.name)
            and more.get("Vpc") is not False
        )
        options = database_options(self.region.name, version) if offered else []
        found = [item for item in options if DBInstanceClass in (None, item["DBInstanceClass"])]
        return {"OrderableDBInstanceOptions": found}


def database_options(region_name: str, version: str) -> list[Document]:
    """Each class with each kind of storage (FACTS 4.1, 4.6)."""
    return [
        {
            "Engine": ENGINE,
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": [{"Name": zone} for zone in zones(region_name)],
            "MultiAZCapable": True,
            "ReadReplicaCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": storage,
            "SupportsIops": storage in (*PROVISIONED, "gp3"),
            "MinStorageSize": sizes.start,
            "MaxStorageSize": sizes.stop - 1,
            "SupportsEnhancedMonitoring": True,
            "SupportsIAMDatabaseAuthentication": True,
            "SupportsPerformanceInsights": True,
            "AvailableProcessorFeatures": [],
            "OutpostCapable": False,
            "SupportsGlobalDatabases": False,
            "SupportedNetworkTypes": ["IPV4"],
            "SupportsClusters": False,
        }
        for name in sorted(CLASSES)
        for storage, sizes in STORAGE.items()
    ]
