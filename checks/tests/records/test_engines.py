from __future__ import annotations

from typing import Any

import pytest
from records_region import (
    FAMILY,
    Client,
    PlainRegion,
    Provider,
    model_text,
)

from aurora_lab.region.api.dispatch import provider_mistakes
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.rds.certificates import AUTHORITY_NAMES
from aurora_lab.region.rds.engines import OTHER_ENGINES, check_engine_version


def test_every_method_is_an_operation_of_the_model() -> None:
    assert provider_mistakes("rds", Provider) == []


def test_the_one_version_that_can_be_run(call: Client) -> None:
    version, of_rds = call("DescribeDBEngineVersions")["DBEngineVersions"]
    assert (of_rds["Engine"], of_rds["EngineVersion"]) == ("postgres", "17.10")
    assert (version["SupportsReadReplica"], of_rds["SupportsReadReplica"]) == (False, True)
    assert (version["Engine"], version["EngineVersion"]) == ("aurora-postgresql", "17.10")
    assert version["DBParameterGroupFamily"] == FAMILY
    assert version["ServerlessV2FeaturesSupport"] == {"MinCapacity": 0.0, "MaxCapacity": 256.0}
    assert version["SupportedCACertificateIdentifiers"] == list(AUTHORITY_NAMES)
    assert "SupportedCharacterSets" not in version


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"Engine": "aurora-postgresql"}, 1),
        ({"Engine": "aurora-mysql"}, 0),
        ({"Engine": "postgres"}, 1),
        ({"Engine": "postgres", "EngineVersion": "16.4"}, 0),
        ({"EngineVersion": "17.10"}, 2),
        ({"EngineVersion": "17"}, 2),
        ({"DBParameterGroupFamily": "postgres17"}, 1),
        ({"EngineVersion": "16.4"}, 0),
        ({"DBParameterGroupFamily": FAMILY, "DefaultOnly": True}, 1),
        ({"DBParameterGroupFamily": "aurora-postgresql16"}, 0),
        ({"Filters": [{"Name": "engine-mode", "Values": ["provisioned", "global"]}]}, 1),
        ({"Filters": [{"Name": "engine-mode", "Values": ["serverless"]}]}, 0),
        ({"Filters": [{"Name": "status", "Values": ["deprecated"]}]}, 0),
    ],
)
def test_looking_versions_up(call: Client, asked: dict[str, Any], found: int) -> None:
    assert len(call("DescribeDBEngineVersions", **asked)["DBEngineVersions"]) == found


def test_lists_that_are_asked_for(call: Client) -> None:
    for version in call("DescribeDBEngineVersions", ListSupportedCharacterSets=True)["DBEngineVersions"]:
        assert version["SupportedCharacterSets"][0]["CharacterSetName"] == "UTF8"


@pytest.mark.parametrize(
    ("version", "capacity"),
    [
        ("18.4", (0.0, 256.0)),
        ("17.4", (0.0, 256.0)),
        ("16.3", (0.0, 256.0)),
        ("16.1", (0.5, 256.0)),
        ("15.4", (0.5, 128.0)),
        ("15.7", (0.0, 256.0)),
        ("14.12", (0.0, 256.0)),
    ],
)
def test_the_range_of_acus_by_version(
    call: Client, region: PlainRegion, version: str, capacity: tuple[float, float]
) -> None:
    """FACTS 5.2."""
    region.catalogue.engine_version = version
    [found] = call("DescribeDBEngineVersions", Engine="aurora-postgresql")["DBEngineVersions"]
    assert tuple(found["ServerlessV2FeaturesSupport"].values()) == capacity


def test_the_version_of_a_new_cluster(region: PlainRegion) -> None:
    for version in (None, "17", "17.10"):
        assert check_engine_version(region, "aurora-postgresql", version) == "17.10"
    with pytest.raises(AwsError) as caught:
        check_engine_version(region, "aurora-postgresql", "16.4")
    assert caught.value.code == "InvalidParameterCombination"
    assert caught.value.message.startswith("Cannot find version 16.4 for aurora-postgresql")
    for engine in ("postgres", "aurora-mysql", "cobol"):
        with pytest.raises(AwsError) as caught:
            check_engine_version(region, engine, None)
        assert caught.value.code == "InvalidParameterValue"


def test_the_models_engines_are_known(call: Client) -> None:
    listed = model_text(call, "DescribeDBEngineVersions", "Engine").partition("Valid Values:")[2].split()
    assert set(listed) <= OTHER_ENGINES | {"aurora-postgresql"}
    assert len(listed) > 15


def test_the_major_version_and_its_support(call: Client) -> None:
    """FACTS 1.21."""
    [version] = call("DescribeDBMajorEngineVersions", Engine="aurora-postgresql")["DBMajorEngineVersions"]
    assert version["MajorEngineVersion"] == "17"
    standard, extended = version["SupportedEngineLifecycles"]
    assert standard["LifecycleSupportEndDate"] == "2030-02-28T23:59:59Z"
    assert extended["LifecycleSupportStartDate"] == "2030-03-01T00:00:00Z"
    assert call("DescribeDBMajorEngineVersions", MajorEngineVersion="9")["DBMajorEngineVersions"] == []


def test_platform_versions_of_serverless(call: Client) -> None:
    """FACTS 5.4."""
    versions = call("DescribeServerlessV2PlatformVersions")["ServerlessV2PlatformVersions"]
    assert [item["ServerlessV2PlatformVersion"] for item in versions] == ["1", "2", "3", "4"]
    assert [item["ServerlessV2FeaturesSupport"]["MaxCapacity"] for item in versions] == [128, 256, 256, 256]
    [default] = call("DescribeServerlessV2PlatformVersions", DefaultOnly=True)["ServerlessV2PlatformVersions"]
    assert default == versions[-1]
    assert default["IsDefault"]
    mysql = call("DescribeServerlessV2PlatformVersions", Engine="aurora-mysql")
    assert mysql["ServerlessV2PlatformVersions"] == []


def test_what_can_be_ordered(call: Client) -> None:
    options = call("DescribeOrderableDBInstanceOptions", Engine="aurora-postgresql")
    found = options["OrderableDBInstanceOptions"]
    classes = {item["DBInstanceClass"] for item in found}
    assert {"db.t4g.medium", "db.r6g.large", "db.r8g.48xlarge", "db.serverless"} <= classes
    assert {item["StorageType"] for item in found} == {"aurora", "aurora-iopt1"}
    assert [zone["Name"] for zone in found[0]["AvailabilityZones"]] == [
        "us-west-2a",
        "us-west-2b",
        "us-west-2c",
    ]
    only = call(
        "DescribeOrderableDBInstanceOptions",
        Engine="aurora-postgresql",
        DBInstanceClass="db.r6g.large",
        EngineVersion="17.10",
        Vpc=True,
    )
    assert {item["DBInstanceClass"] for item in only["OrderableDBInstanceOptions"]} == {"db.r6g.large"}
    for more in ({"EngineVersion": "16.4"}, {"Vpc": False}, {"LicenseModel": "bring-your-own-license"}):
        asked = {"Engine": "aurora-postgresql", **more}
        assert call("DescribeOrderableDBInstanceOptions", **asked)["OrderableDBInstanceOptions"] == []
    assert call("DescribeOrderableDBInstanceOptions", Engine="mysql")["OrderableDBInstanceOptions"] == []


def test_what_can_be_ordered_of_rds(call: Client) -> None:
    """FACTS 4.1, 4.5, 4.6."""
    asked = {"Engine": "postgres", "DBInstanceClass": "db.r6g.large"}
    found = call("DescribeOrderableDBInstanceOptions", **asked)["OrderableDBInstanceOptions"]
    assert {item["StorageType"] for item in found} == {"gp2", "gp3", "io1", "io2", "standard"}
    for item in found:
        assert (item["MultiAZCapable"], item["ReadReplicaCapable"]) == (True, True)
        assert item["MinStorageSize"] < item["MaxStorageSize"]
    [gp3] = [item for item in found if item["StorageType"] == "gp3"]
    assert gp3["MinStorageSize"] == 20
    for more in ({"DBInstanceClass": "db.serverless"}, {"EngineVersion": "16.4"}, {"Vpc": False}):
        none = call("DescribeOrderableDBInstanceOptions", **{**asked, **more})
        assert none["OrderableDBInstanceOptions"] == []
