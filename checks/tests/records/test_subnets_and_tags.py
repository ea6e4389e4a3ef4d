from __future__ import annotations

from typing import Any

import pytest
from records_region import (
    DEFAULT_GROUP,
    Client,
    PlainRegion,
    a_cluster,
    an_instance,
    refused,
)

from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.rds.subnets import DEFAULT_SUBNETS
from aurora_lab.region.rds.tags import tags_at_creation, tags_of

SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


def make_subnet_group(call: Client, name: str = "Mine", **more: Any) -> Any:
    asked = {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": "of a test",
        "SubnetIds": SUBNETS,
        **more,
    }
    return call("CreateDBSubnetGroup", **asked)["DBSubnetGroup"]


def test_the_default_subnet_group_covers_three_zones(call: Client) -> None:
    [group] = call("DescribeDBSubnetGroups")["DBSubnetGroups"]
    assert group["DBSubnetGroupName"] == "default"
    zones = [item["SubnetAvailabilityZone"]["Name"] for item in group["Subnets"]]
    assert zones == ["us-west-2a", "us-west-2b", "us-west-2c"]
    for operation in ("DeleteDBSubnetGroup", "ModifyDBSubnetGroup"):
        more = {"SubnetIds": SUBNETS} if operation.startswith("Modify") else {}
        assert refused(call, operation, DBSubnetGroupName="Default", **more)[:2] == (
            "InvalidDBSubnetGroupStateFault",
            400,
        )


def test_the_life_of_a_subnet_group(call: Client, region: PlainRegion) -> None:
    made = make_subnet_group(call, Tags=[{"Key": "a", "Value": "b"}])
    assert (made["DBSubnetGroupName"], made["SubnetGroupStatus"]) == ("mine", "Complete")
    assert tags_of(region, made["DBSubnetGroupArn"]) == [{"Key": "a", "Value": "b"}]
    assert len(call("DescribeDBSubnetGroups")["DBSubnetGroups"]) == 2
    changed = call("ModifyDBSubnetGroup", DBSubnetGroupName="mine", SubnetIds=[*SUBNETS, DEFAULT_SUBNETS[2]])
    assert changed["DBSubnetGroup"]["DBSubnetGroupDescription"] == "of a test"
    assert len(changed["DBSubnetGroup"]["Subnets"]) == 3

    a_cluster(region, DBSubnetGroup="mine")
    assert refused(call, "DeleteDBSubnetGroup", DBSubnetGroupName="mine")[:2] == (
        "InvalidDBSubnetGroupStateFault",
        400,
    )
    region.store.delete("DBCluster", "c1")
    call("DeleteDBSubnetGroup", DBSubnetGroupName="MINE")
    assert refused(call, "DescribeDBSubnetGroups", DBSubnetGroupName="mine")[:2] == (
        "DBSubnetGroupNotFoundFault",
        404,
    )
    assert tags_of(region, made["DBSubnetGroupArn"]) == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"SubnetIds": SUBNETS[:1]}, "DBSubnetGroupDoesNotCoverEnoughAZs"),
        ({"SubnetIds": [SUBNETS[0], SUBNETS[0]]}, "DBSubnetGroupDoesNotCoverEnoughAZs"),
        ({"SubnetIds": ["subnet-x", SUBNETS[0]]}, "InvalidSubnet"),
        ({"SubnetIds": []}, "InvalidSubnet"),
        ({"SubnetIds": [f"subnet-{n:017x}" for n in range(21)]}, "DBSubnetQuotaExceededFault"),
        ({"DBSubnetGroupName": "default"}, "InvalidParameterValue"),
        ({"DBSubnetGroupName": "1st"}, "InvalidParameterValue"),
        ({"DBSubnetGroupName": "a" * 256}, "InvalidParameterValue"),
    ],
)
def test_subnet_groups_that_cannot_be(call: Client, more: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        make_subnet_group(call, **more)
    assert (caught.value.code, caught.value.status) == (code, 400)


def test_a_subnet_group_once_only_and_fifty_at_most(call: Client) -> None:
    make_subnet_group(call, "my group.1_a-b")
    with pytest.raises(AwsError) as caught:
        make_subnet_group(call, "My group.1_a-b")
    assert caught.value.code == "DBSubnetGroupAlreadyExists"
    for number in range(48):
        make_subnet_group(call, f"g{number}")
    with pytest.raises(AwsError) as caught:
        make_subnet_group(call, "more")
    assert caught.value.code == "DBSubnetGroupQuotaExceeded"


def test_tags_are_added_shown_and_removed(call: Client, region: PlainRegion) -> None:
    arn = a_cluster(region)["DBClusterArn"]
    tags_at_creation(region, arn, [{"Key": "b", "Value": "1"}])
    call("AddTagsToResource", ResourceName=arn, Tags=[{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}])
    assert call("ListTagsForResource", ResourceName=arn)["TagList"] == [
        {"Key": "a", "Value": ""},
        {"Key": "b", "Value": "2"},
    ]
    call("RemoveTagsFromResource", ResourceName=arn, TagKeys=["b", "nothing"])
    assert tags_of(region, arn) == [{"Key": "a", "Value": ""}]
    call("RemoveTagsFromResource", ResourceName=arn, TagKeys=["a"])
    assert region.store.get("Tags", arn) is None


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("cluster", "nobody", "DBClusterNotFoundFault"),
        ("db", "nobody", "DBInstanceNotFound"),
        ("pg", "nobody", "DBParameterGroupNotFound"),
        ("cluster-pg", "nobody", "DBParameterGroupNotFound"),
        ("subgrp", "nobody", "DBSubnetGroupNotFoundFault"),
        ("cluster-endpoint", "nobody", "DBClusterEndpointNotFoundFault"),
    ],
)
def test_tags_of_what_is_not_there(
    call: Client, region: PlainRegion, kind: str, name: str, code: str
) -> None:
    arn = region.arn(kind, name)
    assert refused(call, "ListTagsForResource", ResourceName=arn)[0] == code
    tags = [{"Key": "a", "Value": "b"}]
    assert refused(call, "AddTagsToResource", ResourceName=arn, Tags=tags)[0] == code
    assert refused(call, "RemoveTagsFromResource", ResourceName=arn, TagKeys=["a"])[0] == code


@pytest.mark.parametrize(
    "arn",
    [
        "mine",
        "arn:aws:rds:us-east-1:123456789012:cluster:c1",
        "arn:aws:rds:us-west-2:123456789012:cluster:",
        "arn:aws:rds:us-west-2:123456789012:planet:earth",
        "arn:aws:s3:::bucket",
    ],
)
def test_no_arn_of_this_region(call: Client, arn: str) -> None:
    assert refused(call, "ListTagsForResource", ResourceName=arn)[:2] == ("InvalidParameterValue", 400)


def test_default_groups_have_tags_too(call: Client, region: PlainRegion) -> None:
    for arn in (
        region.arn("pg", DEFAULT_GROUP),
        region.arn("cluster-pg", DEFAULT_GROUP),
        region.arn("subgrp", "default"),
    ):
        assert call("ListTagsForResource", ResourceName=arn)["TagList"] == []


def test_the_limits_of_tags(call: Client, region: PlainRegion) -> None:
    """API `Tag`: key 1–128, value up to 256, no `aws:` or `rds:` first, letters, digits, spaces, signs."""
    arn = an_instance(region)["DBInstanceArn"]

    def add(key: str, value: str = "v") -> None:
        call("AddTagsToResource", ResourceName=arn, Tags=[{"Key": key, "Value": value}])

    add("k" * 128, "v" * 256)
    add("Straße 1", "a_b.c:d/e=f+g-h@i 日本")
    for key, value in (
        ("", "v"),
        ("k" * 129, "v"),
        ("k", "v" * 257),
        ("aws:x", "v"),
        ("RDS:x", "v"),
        ("k", "rds:v"),
        ("k", "a;b"),
        ("k\n", "v"),
    ):
        with pytest.raises(AwsError) as caught:
            add(key, value)
        assert caught.value.code == "InvalidParameterValue", (key, value)
    for number in range(48):
        add(f"k{number}")
    with pytest.raises(AwsError, match="at most 50"):
        add("one too many")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert refused(call, "AddTagsToResource", ResourceName=arn, Tags=twice)[0] == "InvalidParameterValue"
    member = call.model.shape_for("Tag").members["Key"].documentation
    assert "from 1 to 128" in member
    assert "<code>rds:</code>" in member
