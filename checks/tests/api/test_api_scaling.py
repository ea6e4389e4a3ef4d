"""Application Auto Scaling through boto3: targets, policies, tags, pages, and what is refused with which error."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from scaling_desk import TARGET, Desk, desk, target, tracking

from aurora_lab.region.api.dispatch import provider_mistakes
from aurora_lab.region.api.models import service_model
from aurora_lab.region.reader_scaling.provider import ScalingProvider
from shapes import full_value
from stub_region import boto, serving


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        opened.cluster("shop", readers=1)
        yield opened


@pytest.fixture
def client(region: Desk) -> Iterator[Any]:
    with serving({"application-autoscaling": region.provider}) as server:
        yield boto(server, "application-autoscaling", parameter_validation=False)


def code(call: Any, **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_every_action_of_the_provider_fits_the_model() -> None:
    assert provider_mistakes("application-autoscaling", ScalingProvider) == []


def test_a_target_is_registered_changed_and_deregistered(client: Any) -> None:
    arn = client.register_scalable_target(**target("Shop"), MinCapacity=1, MaxCapacity=4)["ScalableTargetARN"]
    assert re.fullmatch(r"arn:aws:application-autoscaling:us-west-2:123456789012:scalable-target/\w{36}", arn)
    (shown,) = client.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"]
    assert shown["ResourceId"] == "cluster:shop" and (shown["MinCapacity"], shown["MaxCapacity"]) == (1, 4)
    assert shown["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_RDSCluster")
    assert shown["CreationTime"].tzinfo is not None and not any(shown["SuspendedState"].values())
    # What is not given stays as it is.
    client.register_scalable_target(**target("shop"), SuspendedState={"DynamicScalingInSuspended": True})
    again = client.register_scalable_target(**target("shop"), MaxCapacity=2)
    assert again["ScalableTargetARN"] == arn
    (shown,) = client.describe_scalable_targets(**TARGET, ResourceIds=["cluster:shop"])["ScalableTargets"]
    assert (shown["MinCapacity"], shown["MaxCapacity"]) == (1, 2)
    assert [name for name, on in shown["SuspendedState"].items() if on] == ["DynamicScalingInSuspended"]
    nobody = client.describe_scalable_targets(ServiceNamespace="rds", ResourceIds=["cluster:other"])
    assert nobody["ScalableTargets"] == []
    client.deregister_scalable_target(**target("shop"))
    assert client.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"] == []
    assert code(client.deregister_scalable_target, **target("shop")) == (
        "ObjectNotFoundException",
        "No scalable target registered for service namespace: rds, resource ID: cluster:shop, "
        "scalable dimension: rds:cluster:ReadReplicaCount",
    )


def test_what_is_wrong_with_a_target(client: Any) -> None:
    register = client.register_scalable_target
    both = {"MinCapacity": 0, "MaxCapacity": 15}
    assert code(register, **target("shop"), MinCapacity=1)[0] == "ValidationException"
    for wrong in ({"MinCapacity": -1}, {"MaxCapacity": 16}, {"MinCapacity": 3, "MaxCapacity": 2}):
        assert code(register, **target("shop"), **{**both, **wrong})[0] == "ValidationException"
    assert "does not exist" in code(register, **target("nosuch"), **both)[1]
    odd = {**target("shop"), "ResourceId": "shop"}
    assert (
        "Unsupported service namespace, resource type or scalable dimension"
        in code(register, **odd, **both)[1]
    )
    odd = {**target("shop"), "ScalableDimension": "ecs:service:DesiredCount"}
    assert code(register, **odd, **both)[0] == "ValidationException"
    odd = {**target("shop"), "ServiceNamespace": "nonsense"}
    assert "enum value set" in code(register, **odd, **both)[1]
    assert code(client.describe_scalable_targets, **TARGET)[0] == "ValidationException"
    for service in ("ecs", "dynamodb"):
        other, message = code(client.describe_scalable_targets, ServiceNamespace=service)
        assert other == "NotImplemented" and service in message
    scheduled = {"ScheduledActionName": "night", "Schedule": "rate(1 day)"}
    assert code(client.put_scheduled_action, **target("shop"), **scheduled) == (
        "NotImplemented",
        "The operation PutScheduledAction is not implemented by this local Aurora region.",
    )


def test_a_policy_has_two_alarms_and_can_be_changed(client: Any, region: Desk) -> None:
    put = client.put_scaling_policy
    assert code(put, PolicyName="p", **target("shop"), **tracking(50))[0] == "ObjectNotFoundException"
    client.register_scalable_target(**target("shop"), MinCapacity=1, MaxCapacity=4)
    made = put(PolicyName="p", **target("shop"), **tracking(50, "CPUUtilization"))
    assert re.fullmatch(
        r"arn:aws:autoscaling:us-west-2:123456789012:scalingPolicy:[\w-]{36}:resource/rds/cluster:shop:policyName/p",
        made["PolicyARN"],
    )
    high, low = (alarm["AlarmName"] for alarm in made["Alarms"])
    assert re.fullmatch(r"TargetTracking-cluster:shop-AlarmHigh-[\w-]{36}", high)
    assert re.fullmatch(r"TargetTracking-cluster:shop-AlarmLow-[\w-]{36}", low)
    changed = put(PolicyName="p", **target("shop"), **tracking(60, "CPUUtilization", ScaleInCooldown=0))
    assert changed == {**changed, "PolicyARN": made["PolicyARN"], "Alarms": made["Alarms"]}
    (shown,) = client.describe_scaling_policies(**target("shop"), PolicyNames=["p"])["ScalingPolicies"]
    configuration = shown["TargetTrackingScalingPolicyConfiguration"]
    assert (configuration["TargetValue"], configuration["ScaleInCooldown"]) == (60, 0)
    assert shown["Alarms"] == made["Alarms"]
    unchanged = put(PolicyName="p", **target("shop"))
    assert unchanged["Alarms"] == made["Alarms"]
    # Another metric is another pair of alarms.
    other = put(PolicyName="p", **target("shop"), **tracking(60))
    assert other["PolicyARN"] == made["PolicyARN"] and other["Alarms"] != made["Alarms"]
    put(PolicyName="q", **target("shop"), **tracking(60, "CPUUtilization"))
    assert (
        "Only one TargetTrackingScaling policy"
        in code(put, PolicyName="r", **target("shop"), **tracking(9))[1]
    )
    client.delete_scaling_policy(PolicyName="p", **target("shop"))
    gone, message = code(client.delete_scaling_policy, PolicyName="p", **target("shop"))
    assert gone == "ObjectNotFoundException" and message.endswith("policy name: p")
    client.deregister_scalable_target(**target("shop"))
    assert client.describe_scaling_policies(ServiceNamespace="rds")["ScalingPolicies"] == []
    assert region.store.all("ScalingPolicy") == []


def test_what_is_wrong_with_a_policy(client: Any) -> None:
    client.register_scalable_target(**target("shop"), MinCapacity=1, MaxCapacity=4)

    def refused(**asked: Any) -> str:
        return code(client.put_scaling_policy, PolicyName="p", **target("shop"), **asked)[0]

    right = tracking(50)
    configuration = right["TargetTrackingScalingPolicyConfiguration"]
    key = "TargetTrackingScalingPolicyConfiguration"
    custom = {
        "MetricName": "AuroraReplicaLag",
        "Namespace": "AWS/RDS",
        "Statistic": "Average",
        "Dimensions": [
            {"Name": "DBClusterIdentifier", "Value": "shop"},
            {"Name": "Role", "Value": "READER"},
        ],
    }
    assert refused(**{key: configuration}) == "ValidationException"
    assert refused(PolicyType="TargetTrackingScaling") == "ValidationException"
    assert refused(PolicyType="PredictiveScaling") == "ValidationException"
    assert refused(PolicyType="StepScaling", StepScalingPolicyConfiguration={}) == "NotImplemented"
    for wrong in (
        {"TargetValue": 0},
        {"TargetValue": -3},
        {"ScaleOutCooldown": -1},
        {"CustomizedMetricSpecification": custom},
        {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
        {
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "RDSReaderAverageCPUUtilization",
                "ResourceLabel": "app/x",
            }
        },
    ):
        assert refused(**{**right, key: {**configuration, **wrong}}) == "ValidationException", wrong
    alone = {"TargetValue": 50}
    assert refused(**{**right, key: alone}) == "ValidationException"
    partly = {name: value for name, value in custom.items() if name != "Statistic"}
    assert (
        refused(**{**right, key: {**alone, "CustomizedMetricSpecification": partly}}) == "ValidationException"
    )
    for elsewhere in ({"Namespace": "Mine"}, {"Dimensions": []}):
        given = {**alone, "CustomizedMetricSpecification": {**custom, **elsewhere}}
        assert refused(**{**right, key: given}) == "NotImplemented"
    assert (
        refused(**{**right, key: {**alone, "CustomizedMetricSpecification": {"Metrics": []}}})
        == "NotImplemented"
    )
    right[key] = {**alone, "CustomizedMetricSpecification": custom}
    assert client.put_scaling_policy(PolicyName="p", **target("shop"), **right)["Alarms"]


def test_tags(client: Any) -> None:
    arn = client.register_scalable_target(**target("shop"), MinCapacity=1, MaxCapacity=2, Tags={"a": "1"})[
        "ScalableTargetARN"
    ]
    client.tag_resource(ResourceARN=arn, Tags={"b": "2", "a": "3"})
    client.untag_resource(ResourceARN=arn, TagKeys=["b", "nosuch"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "3"}
    assert code(client.tag_resource, ResourceARN=arn, Tags={"aws:x": ""})[0] == "ValidationException"
    many = {f"k{n}": "" for n in range(50)}
    assert code(client.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"
    nowhere = arn[:-1] + "-"
    assert code(client.list_tags_for_resource, ResourceARN=nowhere)[0] == "ResourceNotFoundException"
    assert code(client.register_scalable_target, **target("shop"), Tags={"c": ""})[0] == "ValidationException"


def test_policies_come_in_pages_and_have_a_limit(client: Any) -> None:
    client.register_scalable_target(**target("shop"), MinCapacity=1, MaxCapacity=2)
    dimensions = [{"Name": "DBClusterIdentifier", "Value": "shop"}, {"Name": "Role", "Value": "READER"}]

    def put(number: int) -> None:
        custom = {
            "MetricName": f"Metric{number}",
            "Namespace": "AWS/RDS",
            "Statistic": "Average",
            "Dimensions": dimensions,
        }
        configuration = {"TargetValue": 1.0, "CustomizedMetricSpecification": custom}
        client.put_scaling_policy(
            PolicyName=f"p{number:02}",
            **target("shop"),
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration,
        )

    for number in range(50):
        put(number)
    assert code(put, number=50)[0] == "LimitExceededException"
    first = client.describe_scaling_policies(ServiceNamespace="rds")
    assert len(first["ScalingPolicies"]) == 10
    found = [
        item["PolicyName"]
        for page in client.get_paginator("describe_scaling_policies").paginate(
            ServiceNamespace="rds", PaginationConfig={"PageSize": 7}
        )
        for item in page["ScalingPolicies"]
    ]
    assert found == [f"p{number:02}" for number in range(50)]
    describe = client.describe_scaling_policies
    assert code(describe, ServiceNamespace="rds", MaxResults=11)[0] == "ValidationException"
    assert code(describe, ServiceNamespace="rds", NextToken="x")[0] == "InvalidNextTokenException"


def test_whatever_fits_the_model_gets_an_answer(client: Any, region: Desk) -> None:
    """Any input that the API's model allows is carried out or refused, and the thread can live with what is left."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    model = service_model("application-autoscaling")
    answers = set()
    client.register_scalable_target(**target("shop"), MinCapacity=0, MaxCapacity=15)
    for _ in range(300):
        name = rng.choice([each for each in model.operation_names if "Scheduled" not in each])
        shape: Any = model.operation_model(name).input_shape
        given = full_value(shape, rng)
        optional = [each for each in given if each not in shape.required_members]
        for each in rng.sample(optional, rng.randint(0, len(optional))):
            del given[each]
        given |= {key: value for key, value in target("shop").items() if key in given and rng.random() < 0.9}
        if "PolicyType" in given:
            given["PolicyType"] = "TargetTrackingScaling"
        try:
            getattr(client, xform_name(name))(**given)
            answers.add("done")
        except ClientError as error:
            answers.add(error.response["Error"]["Code"])
        region.reader_scaling.look()
    assert "InternalFailure" not in answers and {"done", "ValidationException"} <= answers, answers
