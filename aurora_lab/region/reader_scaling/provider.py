"""The actions of Application Auto Scaling, for the readers of Aurora clusters (FACTS 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.rds.common import public
from aurora_lab.region.reader_scaling import documents, rules
from aurora_lab.region.reader_scaling.activities import adjust
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
MOST_POLICIES = 50
"""Of a target: the service's default quota."""


class ScalingProvider:
    """One method for each operation; one that has no method is answered as not implemented."""

    def __init__(self, region: Region) -> None:
        self.region = region

    # Targets.

    def register_scalable_target(
        self,
        _context: object,
        *,
        ServiceNamespace: str,
        ResourceId: str,
        ScalableDimension: str,
        MinCapacity: int | None = None,
        MaxCapacity: int | None = None,
        RoleARN: str | None = None,
        SuspendedState: dict[str, bool] | None = None,
        Tags: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Register a cluster, or change what is given. Its readers are brought into the range, if it is active."""
        del RoleARN  # Aurora has a service-linked role, which is used whatever is given (FACTS 6.13).
        region = self.region
        resource = rules.checked_resource(ServiceNamespace, ResourceId, ScalableDimension)
        with region.store.transaction():
            cluster = documents.cluster_of(region, resource)
            if cluster is None:
                raise rules.invalid(f"DB cluster does not exist: {resource}")
            target = region.store.get("ScalableTarget", resource)
            before = target or {}
            minimum, maximum = rules.check_capacity(
                before.get("MinCapacity") if MinCapacity is None else MinCapacity,
                before.get("MaxCapacity") if MaxCapacity is None else MaxCapacity,
            )
            if target is None:
                target = documents.new_target(region, resource, minimum, maximum, {})
                target["_lab"]["tags"] = rules.checked_tags(target["ScalableTargetARN"], Tags or {})
            elif Tags:
                raise rules.invalid(
                    "A scalable target that is registered already is tagged with TagResource."
                )
            target.update(MinCapacity=minimum, MaxCapacity=maximum)
            target["SuspendedState"].update(SuspendedState or {})
            region.store.put("ScalableTarget", resource, target)
            adjust(region, target, cluster)
        region.reader_scaling.wake()
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def describe_scalable_targets(
        self,
        _context: object,
        *,
        ServiceNamespace: str,
        ResourceIds: Sequence[str] | None = None,
        ScalableDimension: str | None = None,
    ) -> dict[str, Any]:
        """All targets, or those of some resources."""
        rules.check_namespace(ServiceNamespace)
        rules.check_filter(ResourceIds, ScalableDimension)
        wanted = {each.lower() for each in ResourceIds or ()}
        found = [
            public(item)
            for item in self.region.store.all("ScalableTarget")
            if (not wanted or item["ResourceId"] in wanted) and _is(item, ScalableDimension)
        ]
        return {"ScalableTargets": found}

    def deregister_scalable_target(
        self, _context: object, *, ServiceNamespace: str, ResourceId: str, ScalableDimension: str
    ) -> dict[str, Any]:
        """Remove a target with its policies and alarms. The readers that it made stay."""
        resource = rules.checked_resource(ServiceNamespace, ResourceId, ScalableDimension)
        with self.region.store.transaction():
            self._target(resource)
            documents.remove_target(self.region, resource)
        return {}

    # Policies.

    def put_scaling_policy(
        self,
        _context: object,
        *,
        PolicyName: str,
        ServiceNamespace: str,
        ResourceId: str,
        ScalableDimension: str,
        PolicyType: str | None = None,
        **asked: Any,
    ) -> dict[str, Any]:
        """Create a target tracking policy with its two alarms, or give one another configuration."""
        region = self.region
        resource = rules.checked_resource(ServiceNamespace, ResourceId, ScalableDimension)
        with region.store.transaction():
            self._target(resource)
            policy = region.store.get("ScalingPolicy", documents.policy_id(resource, PolicyName))
            # What is not given stays as it is.
            kept = {
                key: value for key, value in (policy or {}).items() if key in ("PolicyType", CONFIGURATION)
            }
            asked = {**kept, **asked}
            rules.check_policy(resource, PolicyType or asked.get("PolicyType"), asked)
            configuration = asked[CONFIGURATION]
            metric = rules.tracked_metric(configuration)
            others = [
                item for item in documents.policies_of(region, resource) if item["PolicyName"] != PolicyName
            ]
            if any(_metric_of(item) == metric for item in others):
                raise rules.invalid(
                    "Only one TargetTrackingScaling policy for a given metric specification is allowed."
                )
            if policy is None and len(others) >= MOST_POLICIES:
                raise fault(
                    "LimitExceededException",
                    f"A scalable target can have at most {MOST_POLICIES} scaling policies.",
                    rules.SERVICE,
                )
            if policy is None or _metric_of(policy) != metric:
                # What was measured of another metric says nothing of this one.
                same = {key: policy[key] for key in ("PolicyARN", "CreationTime")} if policy else {}
                policy = documents.new_policy(region, resource, PolicyName) | same
            policy[CONFIGURATION] = configuration
            documents.put_policy(region, policy)
        region.reader_scaling.wake()
        return {"PolicyARN": policy["PolicyARN"], "Alarms": documents.alarms_of(region, policy)}

    def describe_scaling_policies(
        self,
        _context: object,
        *,
        ServiceNamespace: str,
        PolicyNames: Sequence[str] | None = None,
        ResourceId: str | None = None,
        ScalableDimension: str | None = None,
    ) -> dict[str, Any]:
        """All policies, or those of some names or of one resource."""
        rules.check_namespace(ServiceNamespace)
        rules.check_filter(ResourceId, ScalableDimension)
        found = [
            documents.show_policy(self.region, item)
            for item in self.region.store.all("ScalingPolicy")
            if (not PolicyNames or item["PolicyName"] in PolicyNames)
            and (ResourceId is None or item["ResourceId"] == ResourceId.lower())
            and _is(item, ScalableDimension)
        ]
        return {"ScalingPolicies": found}

    def delete_scaling_policy(
        self,
        _context: object,
        *,
        PolicyName: str,
        ServiceNamespace: str,
        ResourceId: str,
        ScalableDimension: str,
    ) -> dict[str, Any]:
        """Remove a policy and its alarms."""
        store = self.region.store
        resource = rules.checked_resource(ServiceNamespace, ResourceId, ScalableDimension)
        with store.transaction():
            identifier = documents.policy_id(resource, PolicyName)
            if store.get("ScalingPolicy", identifier) is None:
                raise rules.not_found(
                    f"No scaling policy found for service namespace: {ServiceNamespace}, resource ID: {resource}, "
                    f"scalable dimension: {ScalableDimension}, policy name: {PolicyName}"
                )
            store.delete("ScalingPolicy", identifier)
        return {}

    # Activities.

    def describe_scaling_activities(
        self,
        _context: object,
        *,
        ServiceNamespace: str,
        ResourceId: str | None = None,
        ScalableDimension: str | None = None,
        IncludeNotScaledActivities: bool = False,
    ) -> dict[str, Any]:
        """What was done, newest first; with what was not done and why, where that is asked for."""
        rules.check_namespace(ServiceNamespace)
        rules.check_filter(ResourceId, ScalableDimension)
        found = [
            item
            for item in self.region.store.all("ScalingActivity")
            if (ResourceId is None or item["ResourceId"] == ResourceId.lower())
            and _is(item, ScalableDimension)
            and (IncludeNotScaledActivities or "NotScaledReasons" not in item)
        ]
        return {"ScalingActivities": [public(item) for item in documents.newest_first(found)]}

    # Tags.

    def list_tags_for_resource(self, _context: object, *, ResourceARN: str) -> dict[str, Any]:
        """The tags of a target."""
        return {"Tags": self._by_arn(ResourceARN)["_lab"]["tags"]}

    def tag_resource(self, _context: object, *, ResourceARN: str, Tags: dict[str, str]) -> dict[str, Any]:
        """Add tags to a target, or change them."""
        with self.region.store.transaction():
            target = self._by_arn(ResourceARN)
            target["_lab"]["tags"] = rules.checked_tags(ResourceARN, {**target["_lab"]["tags"], **Tags})
            self.region.store.put("ScalableTarget", target["ResourceId"], target)
        return {}

    def untag_resource(self, _context: object, *, ResourceARN: str, TagKeys: Sequence[str]) -> dict[str, Any]:
        """Remove tags from a target; keys that are not there are passed over."""
        with self.region.store.transaction():
            target = self._by_arn(ResourceARN)
            for key in TagKeys:
                target["_lab"]["tags"].pop(key, None)
            self.region.store.put("ScalableTarget", target["ResourceId"], target)
        return {}

    def _target(self, resource: str) -> Document:
        target = self.region.store.get("ScalableTarget", resource)
        if target is None:
            raise rules.no_target(resource)
        return target

    def _by_arn(self, arn: str) -> Document:
        for target in self.region.store.all("ScalableTarget"):
            if target["ScalableTargetARN"] == arn:
                return target
        raise _no_resource(arn)


def _no_resource(arn: str) -> AwsError:
    return fault(
        "ResourceNotFoundException", f"There is no scalable target {arn}.", rules.SERVICE, ResourceName=arn
    )


def _metric_of(policy: Document) -> tuple[str, str]:
    return rules.tracked_metric(policy[CONFIGURATION])


def _is(item: Document, dimension: str | None) -> bool:
    return dimension in (None, item["ScalableDimension"])
