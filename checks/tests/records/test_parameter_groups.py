from __future__ import annotations

from typing import Any

import pytest
from records_region import (
    DEFAULT_GROUP,
    FAMILY,
    Client,
    PlainRegion,
    a_cluster,
    an_instance,
    refused,
)

from aurora_lab.region.api.errors import AwsError

LEVELS = pytest.mark.parametrize("level", ["Cluster", ""], ids=["cluster", "instance"])


def field_of(level: str) -> str:
    return f"DB{level}ParameterGroupName"


def create(call: Client, level: str, name: str = "Mine", **more: Any) -> Any:
    asked = {field_of(level): name, "DBParameterGroupFamily": FAMILY, "Description": "of a test", **more}
    return call(f"CreateDB{level}ParameterGroup", **asked)[f"DB{level}ParameterGroup"]


def modify(call: Client, level: str, name: str, **values: str | tuple[str, str]) -> Any:
    """Set parameters: a value, or a value with its apply method (`__` stands for a dot)."""
    listed = []
    for parameter, given in values.items():
        value, method = given if isinstance(given, tuple) else (given, "pending-reboot")
        listed.append(
            {
                "ParameterName": parameter.replace("__", "."),
                "ParameterValue": value,
                "ApplyMethod": method,
            }
        )
    return call(f"ModifyDB{level}ParameterGroup", **{field_of(level): name}, Parameters=listed)


@LEVELS
def test_a_group_is_made_shown_and_deleted(call: Client, region: PlainRegion, level: str) -> None:
    made = create(call, level, Tags=[{"Key": "course", "Value": "aurora"}])
    assert made[field_of(level)] == "mine", "names are stored in lower case"
    arn = made[f"DB{level}ParameterGroupArn"]
    assert arn == region.arn("cluster-pg" if level else "pg", "mine")
    assert "_lab" not in made

    shown = call(f"DescribeDB{level}ParameterGroups")[f"DB{level}ParameterGroups"]
    assert [item[field_of(level)] for item in shown] == [DEFAULT_GROUP, "mine"]
    only = call(f"DescribeDB{level}ParameterGroups", **{field_of(level): "MINE"})
    assert only[f"DB{level}ParameterGroups"] == [made]
    assert call("ListTagsForResource", ResourceName=arn)["TagList"] == [{"Key": "course", "Value": "aurora"}]

    call(f"DeleteDB{level}ParameterGroup", **{field_of(level): "Mine"})
    assert len(call(f"DescribeDB{level}ParameterGroups")[f"DB{level}ParameterGroups"]) == 1
    assert region.store.get("Tags", arn) is None


@LEVELS
def test_the_default_group_exists_and_cannot_be_changed(call: Client, level: str) -> None:
    name = {field_of(level): DEFAULT_GROUP}
    value = [{"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}]
    assert refused(call, f"ModifyDB{level}ParameterGroup", **name, Parameters=value) == (
        "InvalidParameterValue",
        400,
        "Cannot modify a default parameter group.",
    )
    assert refused(call, f"ResetDB{level}ParameterGroup", **name, ResetAllParameters=True)[0] == (
        "InvalidParameterValue"
    )
    assert refused(call, f"DeleteDB{level}ParameterGroup", **name) == (
        "InvalidDBParameterGroupState",
        400,
        f"Default DB{level}ParameterGroup cannot be deleted: {DEFAULT_GROUP}",
    )


@LEVELS
@pytest.mark.parametrize(
    "operation", ["DescribeDB{}Parameters", "DescribeDB{}ParameterGroups", "DeleteDB{}ParameterGroup"]
)
def test_a_group_that_is_not_there(call: Client, level: str, operation: str) -> None:
    assert refused(call, operation.format(level), **{field_of(level): "nobody"}) == (
        "DBParameterGroupNotFound",
        404,
        f"DB{level}ParameterGroup not found: nobody",
    )


@LEVELS
def test_names_families_and_doubles_are_checked(call: Client, level: str) -> None:
    create(call, level)
    operation = f"CreateDB{level}ParameterGroup"
    asked = {"DBParameterGroupFamily": FAMILY, "Description": "x"}
    assert refused(call, operation, **{field_of(level): "mine"}, **asked)[:2] == (
        "DBParameterGroupAlreadyExists",
        400,
    )
    for bad in ("", "1st", "a--b", "ends-", "with space", "ä", "a" * 256):
        assert refused(call, operation, **{field_of(level): bad}, **asked)[0] == "InvalidParameterValue", bad
    create(call, level, "a" * 255)
    asked["DBParameterGroupFamily"] = "aurora-postgresql9"
    code, _, message = refused(call, operation, **{field_of(level): "other"}, **asked)
    assert (code, message) == (
        "InvalidParameterValue",
        "ParameterGroupFamily aurora-postgresql9 is not a valid parameter group family",
    )


@LEVELS
def test_at_most_fifty_groups(call: Client, level: str) -> None:
    for number in range(50):
        create(call, level, f"g{number}")
    asked = {field_of(level): "more", "DBParameterGroupFamily": FAMILY, "Description": "x"}
    assert refused(call, f"CreateDB{level}ParameterGroup", **asked)[:2] == (
        "DBParameterGroupQuotaExceeded",
        400,
    )


@LEVELS
def test_a_copy_has_the_values_and_goes_its_own_way(call: Client, level: str) -> None:
    arn = create(call, level)[f"DB{level}ParameterGroupArn"]
    modify(call, level, "mine", work_mem="8192")
    for number, source in enumerate(("mine", arn, DEFAULT_GROUP)):
        copy = call(
            f"CopyDB{level}ParameterGroup",
            **{
                f"SourceDB{level}ParameterGroupIdentifier": source,
                f"TargetDB{level}ParameterGroupIdentifier": f"copy{number}",
                f"TargetDB{level}ParameterGroupDescription": "a copy",
            },
        )[f"DB{level}ParameterGroup"]
        assert copy["Description"] == "a copy"
    modify(call, level, "mine", work_mem="100")
    assert call.parameters("copy0", level)["work_mem"]["ParameterValue"] == "8192"
    assert call.parameters("copy1", level)["work_mem"]["ParameterValue"] == "8192"
    assert "ParameterValue" not in call.parameters("copy2", level)["work_mem"]


def test_a_group_in_use_is_not_deleted(
    call: Client, region: PlainRegion, cluster_group: str, instance_group: str
) -> None:
    a_cluster(region, DBClusterParameterGroup=cluster_group)
    an_instance(region, group=instance_group)
    code, status, message = refused(call, "DeleteDBParameterGroup", DBParameterGroupName=instance_group)
    assert (code, status) == ("InvalidDBParameterGroupState", 400)
    assert message == (
        "One or more database instances are still members of this parameter group its, "
        "so the group cannot be deleted"
    )
    assert (
        refused(call, "DeleteDBClusterParameterGroup", DBClusterParameterGroupName=cluster_group)[0] == code
    )


@LEVELS
def test_a_value_is_kept_with_its_method(call: Client, region: PlainRegion, level: str) -> None:
    create(call, level)
    before = call.parameters("mine", level)["work_mem"]
    assert (before["Source"], "ParameterValue" in before) == ("engine-default", False)

    answer = modify(call, level, "MINE", work_mem=("8192", "immediate"), max_connections="200")
    assert answer == {field_of(level): "mine"}
    assert region.changed == [(f"DB{level}ParameterGroup", "mine")]

    after = call.parameters("mine", level)
    assert after["work_mem"]["ParameterValue"] == "8192"
    assert (after["work_mem"]["Source"], after["work_mem"]["ApplyMethod"]) == ("user", "immediate")
    assert after["max_connections"]["ApplyMethod"] == "pending-reboot"
    user = call.parameters("mine", level, Source="user")
    assert list(user) == ["max_connections", "work_mem"]
    sources = {
        source: call.parameters("mine", level, Source=source) for source in ("system", "engine-default")
    }
    assert len(user) + sum(map(len, sources.values())) == len(after)
    assert "max_connections" not in sources["system"]


@LEVELS
def test_the_filter_by_name_and_no_other(call: Client, level: str) -> None:
    wanted = [{"Name": "parameter-name", "Values": ["work_mem", "max_connections", "nothing"]}]
    assert list(call.parameters(DEFAULT_GROUP, level, Filters=wanted)) == ["max_connections", "work_mem"]
    unknown = [{"Name": "colour", "Values": ["red"]}]
    asked = {field_of(level): DEFAULT_GROUP}
    assert refused(call, f"DescribeDB{level}Parameters", **asked, Filters=unknown)[0] == (
        "InvalidParameterValue"
    )
    assert refused(call, f"DescribeDB{level}Parameters", **asked, Source="me")[0] == "InvalidParameterValue"


def test_an_events_text_is_aws_own(call: Client, region: PlainRegion, instance_group: str) -> None:
    modify(call, "", instance_group, work_mem=("8192", "immediate"))
    event = region.store.events()[-1]
    assert event["Message"] == "Updated parameter work_mem to 8192 with apply method immediate."
    assert (event["SourceType"], event["EventCategories"]) == (
        "db-parameter-group",
        ["configuration change"],
    )


def test_a_static_parameter_waits_for_a_reboot(call: Client, cluster_group: str) -> None:
    parameters = [{"ParameterName": "max_connections", "ParameterValue": "99", "ApplyMethod": "immediate"}]
    for operation in ("ModifyDBClusterParameterGroup", "ResetDBClusterParameterGroup"):
        asked = {"DBClusterParameterGroupName": cluster_group, "Parameters": parameters}
        assert refused(call, operation, **asked) == (
            "InvalidParameterCombination",
            400,
            "cannot use immediate apply method for static parameter",
        )


def test_one_bad_parameter_and_nothing_is_set(call: Client, cluster_group: str, region: PlainRegion) -> None:
    with pytest.raises(AwsError):
        modify(call, "Cluster", cluster_group, work_mem="8192", nothing="1")
    assert call.parameters(cluster_group, Source="user") == {}
    assert region.changed == []


def test_at_most_twenty_parameters_a_call(call: Client, cluster_group: str) -> None:
    """API `ModifyDBParameterGroup`: "A maximum of 20 parameters can be modified in a single request"."""
    names = [item for item in call.parameters(DEFAULT_GROUP) if item.startswith("enable_")]
    assert len(names) > 20
    modify(call, "Cluster", cluster_group, **dict.fromkeys(names[:20], "0"))
    with pytest.raises(AwsError, match="At most 20"):
        modify(call, "Cluster", cluster_group, **dict.fromkeys(names[:21], "0"))
    text = (
        call.model.operation_model("ModifyDBParameterGroup").input_shape.members["Parameters"].documentation
    )
    assert "maximum of 20 parameters" in text


@pytest.mark.parametrize("missing", ["ParameterName", "ParameterValue", "ApplyMethod"])
def test_name_value_and_method_are_needed(call: Client, cluster_group: str, missing: str) -> None:
    parameter = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    del parameter[missing]
    asked = {"DBClusterParameterGroupName": cluster_group, "Parameters": [parameter]}
    code, _, message = refused(call, "ModifyDBClusterParameterGroup", **asked)
    assert code == "InvalidParameterValue"
    assert missing in message


@LEVELS
def test_resetting_some_or_all(call: Client, level: str) -> None:
    create(call, level)
    operation = f"ResetDB{level}ParameterGroup"
    modify(call, level, "mine", work_mem="8192", geqo="0", max_connections="99")
    one = [{"ParameterName": "geqo", "ApplyMethod": "immediate"}]
    call(operation, **{field_of(level): "mine"}, Parameters=one)
    assert list(call.parameters("mine", level, Source="user")) == ["max_connections", "work_mem"]
    assert call(operation, **{field_of(level): "mine"}, ResetAllParameters=True) == {field_of(level): "mine"}
    assert call.parameters("mine", level, Source="user") == {}
    both = {"ResetAllParameters": True, "Parameters": one}
    assert refused(call, operation, **{field_of(level): "mine"}, **both)[0] == "InvalidParameterCombination"


def test_resetting_without_saying_what(call: Client, cluster_group: str, instance_group: str) -> None:
    """API `ResetDBParameterGroup.ResetAllParameters`: an instance's group resets all by default."""
    modify(call, "", instance_group, work_mem="8192")
    call("ResetDBParameterGroup", DBParameterGroupName=instance_group)
    assert call.parameters(instance_group, "", Source="user") == {}
    asked = {"DBClusterParameterGroupName": cluster_group}
    assert refused(call, "ResetDBClusterParameterGroup", **asked)[0] == "InvalidParameterCombination"
