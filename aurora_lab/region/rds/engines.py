"""What this region runs: Aurora PostgreSQL and RDS for PostgreSQL, both in the version of its PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from aurora_lab.region.rds.certificates import AUTHORITY_NAMES
from aurora_lab.region.rds.common import (
    ENGINE,
    CatalogueLike,
    Filters,
    RegionLike,
    bad_combination,
    bad_value,
    family,
    filtered,
    major,
    no_filters,
)
from aurora_lab.region.rds.database_offer import database_version
from aurora_lab.region.store import Document

OTHER_ENGINES = frozenset(
    [
        "aurora-mysql",
        "custom-oracle-ee",
        "custom-oracle-ee-cdb",
        "custom-oracle-se2",
        "custom-oracle-se2-cdb",
        "custom-sqlserver-ee",
        "custom-sqlserver-se",
        "custom-sqlserver-web",
        "db2-ae",
        "db2-ce",
        "db2-se",
        "mariadb",
        "mysql",
        "oracle-ee",
        "oracle-ee-cdb",
        "oracle-se2",
        "oracle-se2-cdb",
        "postgres",
        "sqlserver-dev-ee",
        "sqlserver-ee",
        "sqlserver-ex",
        "sqlserver-se",
        "sqlserver-web",
    ]
)
"""AWS has them, this region does not (API `DescribeDBEngineVersions.Engine`)."""

# Release and end of standard support: RN release calendar (FACTS 1.21); 18 went GA in June 2026 (FACTS 1.23),
# its end is not published. Then the end of RDS Extended Support: the same calendar.
LIFECYCLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "14": ("2022-02-24", "2027-02-28", "2030-02-28"),
    "15": ("2023-02-08", "2028-02-29", "2031-02-28"),
    "16": ("2024-01-31", "2029-02-28", "2032-02-28"),
    "17": ("2025-05-01", "2030-02-28", "2033-02-28"),
}
# From these minors on an engine pauses at 0 ACU and goes to 256 (FACTS 5.2).
PAUSES_FROM: Final[Mapping[int, int]] = {13: 15, 14: 12, 15: 7, 16: 3}
TO_256_FROM: Final[Mapping[int, int]] = {13: 13, 14: 10, 15: 5, 16: 1}
PLATFORM_VERSIONS: Final = (
    ("1", 128.0, "The first one: up to 128 ACUs."),
    ("2", 256.0, "Up to 256 ACUs."),
    ("3", 256.0, "Up to 256 ACUs, up to 30 percent faster than version 2."),
    ("4", 256.0, "Up to 256 ACUs, up to 30 percent faster than version 3."),
)
"""FACTS 5.4: number, largest capacity, and what is new, in our words."""
DEFAULT_PLATFORM_VERSION = "4"


def check_engine_version(region: RegionLike, engine: str, version: str | None) -> str:
    """The full version meant by `version`: none or a major version means the default one.

    Raises InvalidParameterValue (another engine) and InvalidParameterCombination (a version not to be had).
    """
    if engine != ENGINE:
        reason = "is not offered by this local region" if engine in OTHER_ENGINES else "does not exist"
        raise bad_value(f"Invalid DB engine: {engine} {reason}; use {ENGINE}.")
    has = region.catalogue.engine_version
    if version not in (None, has, major(has)):
        raise bad_combination(
            f"Cannot find version {version} for {engine}. This local region runs {has}: "
            "leave the version out, or look it up with describe-db-engine-versions."
        )
    return has


class EngineActions:
    """Which engine versions there are."""

    region: RegionLike

    def describe_db_engine_versions(
        self,
        _context: object,
        *,
        Engine: str | None = None,
        EngineVersion: str | None = None,
        DBParameterGroupFamily: str | None = None,
        Filters: Filters | None = None,
        ListSupportedCharacterSets: bool | None = None,
        **_: Any,
    ) -> Document:
        """The region's version, of Aurora and of RDS; an empty list for any other engine or version.

        Raises InvalidParameterValue.

        DefaultOnly and IncludeAll change nothing: there is one version, and it is the default. PostgreSQL's
        time zones are not a choice at creation, so none are listed.
        """
        version = self.region.catalogue.engine_version
        known = [_version(self.region.catalogue), database_version(self.region.catalogue)]
        if ListSupportedCharacterSets:
            utf8 = {"CharacterSetName": "UTF8", "CharacterSetDescription": "Unicode, 8-bit"}
            known = [{**item, "SupportedCharacterSets": [utf8]} for item in known]
        versions = filtered(
            [
                item
                for item in known
                if Engine in (None, item["Engine"])
                and EngineVersion in (None, version, major(version))
                and DBParameterGroupFamily in (None, item["DBParameterGroupFamily"])
            ],
            Filters,
            {
                "db-parameter-group-family": lambda item: item["DBParameterGroupFamily"],
                "engine": lambda item: item["Engine"],
                "engine-mode": lambda item: item.get("SupportedEngineModes", []),
                "engine-version": lambda item: item["EngineVersion"],
                "status": lambda item: item["Status"],
            },
        )
        return {"DBEngineVersions": versions}

    def describe_db_major_engine_versions(
        self,
        _context: object,
        *,
        Engine: str | None = None,
        MajorEngineVersion: str | None = None,
        **_: Any,
    ) -> Document:
        """The region's major version and until when AWS supports it. No errors of its own."""
        number = major(self.region.catalogue.engine_version)
        if Engine not in (None, ENGINE) or MajorEngineVersion not in (None, number):
            return {"DBMajorEngineVersions": []}
        known: Document = {
            "Engine": ENGINE,
            "MajorEngineVersion": number,
            "SupportedEngineLifecycles": _lifecycles(number),
        }
        return {"DBMajorEngineVersions": [known]}

    def describe_serverless_v2_platform_versions(
        self,
        _context: object,
        *,
        ServerlessV2PlatformVersion: str | None = None,
        Engine: str | None = None,
        Filters: Filters | None = None,
        DefaultOnly: bool | None = None,
        **_: Any,
    ) -> Document:
        """The platform versions of Aurora PostgreSQL (FACTS 5.4). Raises InvalidParameterValue."""
        no_filters(Filters)
        if Engine not in (None, ENGINE, "aurora-mysql"):
            raise bad_value(f"Invalid DB engine: {Engine}")
        versions: list[Document] = [
            {
                "ServerlessV2PlatformVersion": number,
                "ServerlessV2PlatformVersionDescription": description,
                "Engine": ENGINE,
                "ServerlessV2FeaturesSupport": {"MinCapacity": 0.0, "MaxCapacity": largest},
                "Status": "enabled",
                "IsDefault": number == DEFAULT_PLATFORM_VERSION,
            }
            for number, largest, description in PLATFORM_VERSIONS
            if Engine in (None, ENGINE)
            and ServerlessV2PlatformVersion in (None, number)
            and (not DefaultOnly or number == DEFAULT_PLATFORM_VERSION)
        ]
        return {"ServerlessV2PlatformVersions": versions}


def _version(catalogue: CatalogueLike) -> Document:
    version = catalogue.engine_version
    return {
        "Engine": ENGINE,
        "MajorEngineVersion": major(version),
        "EngineVersion": version,
        "DBParameterGroupFamily": family(catalogue),
        "DBEngineDescription": "Aurora (PostgreSQL)",
        "DBEngineVersionDescription": f"Aurora PostgreSQL (compatible with PostgreSQL {version})",
        # No other version could be run here, so there is none to upgrade to.
        "ValidUpgradeTarget": [],
        "ExportableLogTypes": ["postgresql"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": False,
        "SupportedEngineModes": ["provisioned"],
        # s3Import, Lambda, SageMaker … need AWS services that no server of the lab can call.
        "SupportedFeatureNames": [],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": True,
        "SupportsBabelfish": False,
        "SupportsLimitlessDatabase": False,
        "SupportsCertificateRotationWithoutRestart": True,
        "SupportedCACertificateIdentifiers": list(AUTHORITY_NAMES),
        "SupportsLocalWriteForwarding": False,
        "SupportsIntegrations": False,
        "ServerlessV2FeaturesSupport": _serverless(version),
    }


def _serverless(version: str) -> Document:
    number, minor = int(major(version)), int(f"{version}.0".split(".")[1])

    def from_minor(table: Mapping[int, int]) -> bool:
        return number > max(table) or minor >= table.get(number, minor + 1)

    return {
        "MinCapacity": 0.0 if from_minor(PAUSES_FROM) else 0.5,
        "MaxCapacity": 256.0 if from_minor(TO_256_FROM) else 128.0,
    }


def _lifecycles(number: str) -> list[Document]:
    if number not in LIFECYCLES:
        return []
    begin, standard, extended = LIFECYCLES[number]
    afterwards = (date.fromisoformat(standard) + timedelta(days=1)).isoformat()
    return [
        {
            "LifecycleSupportName": "open-source-rds-standard-support",
            "LifecycleSupportStartDate": f"{begin}T00:00:00Z",
            "LifecycleSupportEndDate": f"{standard}T23:59:59Z",
        },
        {
            "LifecycleSupportName": "open-source-rds-extended-support",
            "LifecycleSupportStartDate": f"{afterwards}T00:00:00Z",
            "LifecycleSupportEndDate": f"{extended}T23:59:59Z",
        },
    ]
