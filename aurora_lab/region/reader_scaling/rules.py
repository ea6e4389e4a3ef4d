"""What Application Auto Scaling refuses beyond its model, in AWS's words where they are known."""

from __future__ import annotations

from typing import Any

from aurora_lab.models.target_tracking import COOLDOWN_SECONDS, MOST_READERS, Tracking
from aurora_lab.region.api.errors import AwsError, fault, not_implemented
from aurora_lab.region.metrics import NAMESPACE as RDS_METRICS
from aurora_lab.region.reader_scaling.documents import DIMENSION, NAMESPACE, cluster_name
from aurora_lab.region.store import Document

SERVICE = "application-autoscaling"
PREDEFINED = {
    "RDSReaderAverageCPUUtilization": "CPUUtilization",
    "RDSReaderAverageDatabaseConnections": "DatabaseConnections",
}
"""FACTS 6.3: the metric that each tracks."""
MOST_TAGS = 50


def invalid(message: str) -> AwsError:
    """A ValidationException."""
    return fault("ValidationException", message, SERVICE)


def not_found(message: str) -> AwsError:
    """An ObjectNotFoundException."""
    return fault("ObjectNotFoundException", message, SERVICE)


def no_target(resource: str) -> AwsError:
    """The error where a target is needed that is not registered."""
    return not_found(
        f"No scalable target registered for service namespace: {NAMESPACE}, resource ID: {resource}, "
        f"scalable dimension: {DIMENSION}"
    )


def check_namespace(namespace: str) -> None:
    """Only Aurora's readers are scaled here."""
    if namespace != NAMESPACE:
        raise not_implemented(f"The service namespace {namespace} of Application Auto Scaling")


def checked_resource(namespace: str, resource: str, dimension: str) -> str:
    """The resource id in lower case, as clusters are called. Raises ValidationException, NotImplemented."""
    check_namespace(namespace)
    kind, _, name = resource.partition(":")
    if dimension != DIMENSION or kind != "cluster" or not name:
        raise invalid(
            "Unsupported service namespace, resource type or scalable dimension: for rds the resource ID is "
            f"cluster:NAME and the scalable dimension {DIMENSION}."
        )
    return f"cluster:{name.lower()}"


def check_filter(resource: object, dimension: str | None) -> None:
    """A dimension filters only together with a resource (API `DescribeScalableTargets`)."""
    if dimension is not None and not resource:
        raise invalid("If you specify a scalable dimension, you must also specify a resource ID.")


def check_capacity(minimum: int | None, maximum: int | None) -> tuple[int, int]:
    """FACTS 6.2. Raises ValidationException."""
    for name, value in (("MinCapacity", minimum), ("MaxCapacity", maximum)):
        if value is None:
            raise invalid(f"{name} is required when a new scalable target is registered.")
        if not 0 <= value <= MOST_READERS:
            raise invalid(f"{name} must be from 0 to {MOST_READERS} for an Aurora DB cluster: {value}.")
    assert minimum is not None and maximum is not None
    if minimum > maximum:
        raise invalid("Maximum capacity cannot be less than minimum capacity.")
    return minimum, maximum


def checked_tags(arn: str, tags: dict[str, str]) -> dict[str, str]:
    """Raises ValidationException, TooManyTagsException."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("Tag keys cannot begin with aws:, which is reserved.")
    if len(tags) > MOST_TAGS:
        raise fault(
            "TooManyTagsException",
            f"A scalable target can have at most {MOST_TAGS} tags.",
            SERVICE,
            ResourceName=arn,
        )
    return tags


def check_policy(resource: str, kind: str | None, asked: dict[str, Any]) -> None:
    """A new policy's type and which configuration goes with it. Raises ValidationException, NotImplemented."""
    if kind is None:
        raise invalid("PolicyType is required when a scaling policy is created.")
    if kind == "PredictiveScaling":
        raise invalid("PredictiveScaling is not supported for the service namespace rds.")
    if kind == "StepScaling" or asked.get("StepScalingPolicyConfiguration") is not None:
        raise not_implemented("Step scaling")
    if asked.get("PredictiveScalingPolicyConfiguration") is not None:
        raise invalid("PredictiveScalingPolicyConfiguration needs the policy type PredictiveScaling.")
    configuration = asked.get("TargetTrackingScalingPolicyConfiguration")
    if configuration is None:
        raise invalid(f"TargetTrackingScalingPolicyConfiguration is required for the policy type {kind}.")
    _check_metric(resource, configuration)
    for name in ("ScaleOutCooldown", "ScaleInCooldown"):
        if configuration.get(name, 0) < 0:
            raise invalid(f"{name} cannot be negative: {configuration[name]}.")
    try:
        tracking(configuration)
    except ValueError as error:
        raise invalid(f"TargetValue is not valid: {error}.") from error


def tracking(configuration: Document) -> Tracking:
    """A configuration as the model takes it, with AWS's defaults (FACTS 6.9)."""
    return Tracking(
        target=configuration["TargetValue"],
        out_cooldown=configuration.get("ScaleOutCooldown", COOLDOWN_SECONDS),
        in_cooldown=configuration.get("ScaleInCooldown", COOLDOWN_SECONDS),
        scale_in=not configuration.get("DisableScaleIn", False),
    )


def tracked_metric(configuration: Document) -> tuple[str, str]:
    """Name and statistic of the metric that a configuration tracks."""
    if predefined := configuration.get("PredefinedMetricSpecification"):
        return PREDEFINED[predefined["PredefinedMetricType"]], "Average"
    custom = configuration["CustomizedMetricSpecification"]
    return custom["MetricName"], custom["Statistic"]


def _check_metric(resource: str, configuration: Document) -> None:
    predefined = configuration.get("PredefinedMetricSpecification")
    custom = configuration.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise invalid(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified."
        )
    if custom is not None:
        _check_custom(resource, custom)
        return
    assert predefined is not None
    kind = predefined["PredefinedMetricType"]
    if kind not in PREDEFINED:
        raise invalid(
            f"The predefined metric {kind} cannot be used with {DIMENSION}: use one of {', '.join(PREDEFINED)}."
        )
    if predefined.get("ResourceLabel") is not None:
        raise invalid(f"A resource label cannot be specified for the predefined metric {kind}.")


def _check_custom(resource: str, custom: Document) -> None:
    if custom.get("Metrics") is not None:
        raise not_implemented("Metric math in a scaling policy")
    missing = [name for name in ("MetricName", "Namespace", "Statistic") if not custom.get(name)]
    if missing:
        raise invalid(f"CustomizedMetricSpecification needs {', '.join(missing)}.")
    wanted = {"DBClusterIdentifier": cluster_name(resource), "Role": "READER"}
    dimensions = {item["Name"]: item["Value"] for item in custom.get("Dimensions") or []}
    if custom["Namespace"] != RDS_METRICS or dimensions != wanted:
        raise not_implemented(
            f"A customized metric other than one of {RDS_METRICS} with the dimensions "
            f"DBClusterIdentifier={wanted['DBClusterIdentifier']} and Role=READER"
        )
