"""One thread that acts for Application Auto Scaling: alarms, decisions, activities.

    what is seen                     what is done
    an activity that is not over     its next step (`activities.py`)
    a target whose cluster is gone   it is removed, with its policies and alarms
    a new minute of a metric         the alarms are judged, the model decides, an activity begins (`alarms.py`)

All state is in the documents, so a region that was killed goes on where it was.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from aurora_lab.models.target_tracking import Fleet, decide
from aurora_lab.region.reader_scaling.activities import (
    advance,
    begin_decided,
    open_activity,
    past_of,
    removable,
)
from aurora_lab.region.reader_scaling.alarms import reading, take_points
from aurora_lab.region.reader_scaling.documents import (
    OPEN,
    cluster_of,
    is_settled,
    policies_of,
    put_policy,
    readers_of,
    remove_target,
)
from aurora_lab.region.store import Document
from aurora_lab.region.watcher import Watcher

if TYPE_CHECKING:
    from aurora_lab.region.core import Region
    from aurora_lab.region.rds.provider import RdsProvider

LOOK_SECONDS = 0.25
"""Real seconds between two looks, while there is anything to look after."""


class ReaderScaling(Watcher):
    """The only one that begins what a policy asks for, and that carries out activities."""

    def __init__(self, region: Region) -> None:
        super().__init__("reader scaling", LOOK_SECONDS)
        self._region = region

    def look(self) -> float | None:
        """Go on with each activity and target."""
        store = self._region.store
        going_on = [item for item in store.all("ScalingActivity") if item["StatusCode"] in OPEN]
        for activity in going_on:
            advance(self._region, self.rds, activity)
        targets = store.all("ScalableTarget")
        for target in targets:
            with store.transaction():
                self._look_at(target["ResourceId"])
        return LOOK_SECONDS if going_on or targets else None

    @cached_property
    def rds(self) -> RdsProvider:
        """The API that makes and removes instances, as any client has them made and removed."""
        # Late, as in the daemon: it is most of what there is to import.
        from aurora_lab.region.rds.provider import RdsProvider  # noqa: PLC0415

        return RdsProvider(self._region)

    def _look_at(self, resource: str) -> None:
        region = self._region
        target = region.store.get("ScalableTarget", resource)
        cluster = cluster_of(region, resource)
        if target is None:
            return
        if cluster is None:
            remove_target(region, resource)
            return
        now, policies = datetime.now(UTC), policies_of(region, resource)
        changed = [policy for policy in policies if take_points(region, policy, now)]
        for policy in changed:
            put_policy(region, policy)
        if changed and open_activity(region, resource) is None:
            decision = decide(
                self._fleet(target, cluster),
                [reading(policy) for policy in policies],
                past_of(region, target),
            )
            begin_decided(region, cluster, policies, decision)

    def _fleet(self, target: Document, cluster: Document) -> Fleet:
        region, suspended = self._region, target["SuspendedState"]
        return Fleet(
            readers=len(readers_of(region, cluster)),
            removable=removable(region, target["ResourceId"], cluster),
            minimum=target["MinCapacity"],
            maximum=target["MaxCapacity"],
            available=is_settled(region, cluster),
            out_suspended=suspended["DynamicScalingOutSuspended"],
            in_suspended=suspended["DynamicScalingInSuspended"],
        )
