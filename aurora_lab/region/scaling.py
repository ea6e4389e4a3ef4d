"""Serverless v2 in a cluster: each serverless instance's capacity follows what its server really uses.

The rule is `models/serverless.py`'s. It is applied for every second of the lab clock, to what was measured last: a
server is measured once in a real second. A capacity goes to three places: the instance's curve in the state file
(`capacity_log.py`), CloudWatch (`ServerlessDatabaseCapacity` in ACUs, `ACUUtilization` in percent of the maximum,
FACTS 5.21: a point each lab minute that knows the average, least and most of that minute), and the server, where the
runtime can limit it: a container gets that much CPU and memory, an embedded server is not limited.
"""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from aurora_lab.cluster.types import Measurement
from aurora_lab.models import serverless
from aurora_lab.models.serverless import BYTES_PER_ACU, FOLLOWING_TIERS, VCPUS_PER_ACU, Bounds, Load, State
from aurora_lab.region.capacity_log import CapacityLog
from aurora_lab.region.meters import SAMPLE_LAB_SECONDS, about_instance
from aurora_lab.region.metrics import Spread
from aurora_lab.region.pauses import asleep
from aurora_lab.region.rds.engines import DEFAULT_PLATFORM_VERSION
from aurora_lab.region.rds.orderable import instance_class, is_serverless
from aurora_lab.region.store import Document
from aurora_lab.runtime.base import RuntimeUnavailableError, Server

if TYPE_CHECKING:
    from aurora_lab.region.core import Region
    from aurora_lab.region.meters import Used
    from aurora_lab.region.worker import ClusterWorker

LEAST_VCPUS = 0.25
"""What a limited server has at least, or it could not answer the region in time under load."""
USED_UP = 0.9
"""Share of its limit from which on a server counts as throttled."""


class Scaling:
    """The capacities of one cluster's serverless instances. Only `acus`, `enforced` and `curves` may be called
    from any thread; the rest is for the cluster's worker.
    """

    def __init__(self, region: Region, resource_id: str) -> None:
        self._region = region
        self.log = CapacityLog(region.store, resource_id)
        self._states: dict[str, State] = {}
        self._loads: dict[str, Load] = {}
        self._limits: dict[str, tuple[Server, float]] = {}
        self._spreads: dict[str, Spread] = {}
        self._at: float | None = None
        self._rest = 0.0
        self._next_sample = 0.0

    def acus(self, resource: str) -> float | None:
        """What an instance has; None for one that is not serverless."""
        state = self._states.get(resource)
        return state.acus if state is not None else None

    def enforced(self, resource: str) -> bool:
        """Whether the instance's server is limited to its capacity."""
        return resource in self._limits

    def measured(self, resource: str, found: Measurement, used: Used) -> None:
        """Take up what a serverless instance's server uses."""
        if not used.seconds:
            return
        limit = _vcpus(self._limits[resource][1]) if resource in self._limits else None
        throttled = limit is not None and used.vcpus >= USED_UP * limit
        self._loads[resource] = Load(used.vcpus, found.memory, found.connections, throttled)

    def adjust(self, worker: ClusterWorker, cluster: Document, instances: list[Document]) -> None:
        """Give each serverless instance what it is to have now."""
        members = {item["DbiResourceId"]: item for item in instances if is_serverless(item)}
        for gone in [name for name in self._states if name not in members]:
            self._end(gone)
        if not members:
            self._at = None
            return
        seconds = self._lab_seconds()
        writer = worker.writer(cluster)
        # The writer first: others follow it.
        for item in sorted(members.values(), key=lambda item: item["DbiResourceId"] != _resource(writer)):
            self._adjust(worker, cluster, item, writer, seconds)
        if monotonic() >= self._next_sample:
            self._next_sample = monotonic() + self._region.clock.real(SAMPLE_LAB_SECONDS)
            for resource, item in members.items():
                self._sample(cluster, item, self._spreads.pop(resource, None))

    def close(self) -> None:
        """The servers have been stopped: from now on nothing is used."""
        for resource in list(self._states):
            self._end(resource)

    def _lab_seconds(self) -> int:
        """How many whole seconds of the lab clock have passed since this was asked before."""
        now = monotonic()
        passed = (now - self._at) * self._region.clock.scale + self._rest if self._at is not None else 0.0
        self._at, self._rest = now, passed % 1.0
        return int(passed)

    def _adjust(
        self, worker: ClusterWorker, cluster: Document, item: Document, writer: Document | None, seconds: int
    ) -> None:
        resource, name, scale = item["DbiResourceId"], item["DBInstanceIdentifier"], self._region.clock.scale
        server = worker.plane.server(resource)
        before = self._states.get(resource) or State(self.log.last(resource) or 0.0)
        later, changes = before, list[tuple[int, float]]()
        if asleep(item) or item["DBInstanceStatus"] in ("creating", "stopped"):
            self._loads.pop(resource, None)
            later, changes = State(0.0), [(seconds, 0.0)]
        elif server is not None:
            allowed = self._bounds(cluster, item, writer)
            if before.acus == 0:  # It begins, or begins anew.
                later, changes = State(allowed.floor), [(seconds, allowed.floor)]
            else:
                need = serverless.needed(self._loads.get(resource, Load()), before.acus)
                later, changes = serverless.run(before, need, allowed, seconds)
            self._limit(resource, server, later.acus)
        now = time.time()
        for second, acus in changes:
            self.log.note(resource, name, now - (seconds - second) / scale, acus, scale)
        self.log.note(resource, name, now, later.acus, scale)
        self._states[resource] = later
        self._spreads.setdefault(resource, Spread()).add(
            before.acus if changes else later.acus, changes, seconds
        )

    def _bounds(self, cluster: Document, item: Document, writer: Document | None) -> Bounds:
        scaling = cluster.get("ServerlessV2ScalingConfiguration") or {"MinCapacity": 0.5, "MaxCapacity": 1.0}
        following = None
        if writer is not None and item["PromotionTier"] in FOLLOWING_TIERS:
            resource = _resource(writer)
            if is_serverless(writer) and resource != item["DbiResourceId"]:
                following = self.acus(resource)
            elif not is_serverless(writer):
                _, memory = instance_class(writer["DBInstanceClass"]) or (0, 0)
                following = memory / BYTES_PER_ACU
        platform = int(cluster.get("ServerlessV2PlatformVersion") or DEFAULT_PLATFORM_VERSION)
        return serverless.bounds(scaling["MinCapacity"], scaling["MaxCapacity"], following, platform)

    def _limit(self, resource: str, server: Server, acus: float) -> None:
        known = self._limits.get(resource)
        if known is not None and known[0] is server and known[1] == acus:
            return
        try:
            limited = server.limit(_vcpus(acus), int(acus * BYTES_PER_ACU))
        except RuntimeUnavailableError:
            limited = False
        if limited:
            self._limits[resource] = (server, acus)
        else:
            self._limits.pop(resource, None)

    def _sample(self, cluster: Document, item: Document, spread: Spread | None) -> None:
        if spread is None or not spread.count:
            return
        maximum = float((cluster.get("ServerlessV2ScalingConfiguration") or {}).get("MaxCapacity", 1.0))
        note, about = self._region.metrics.note, about_instance(cluster, item)
        note("ServerlessDatabaseCapacity", spread.average, "Count", *about, spread=spread)
        share = spread.times(100 / maximum)
        note("ACUUtilization", share.average, "Percent", *about, spread=share)

    def _end(self, resource: str) -> None:
        self.log.end(resource, time.time())
        for kept in (self._states, self._loads, self._limits, self._spreads):
            kept.pop(resource, None)


def _resource(instance: Document | None) -> str:
    return str(instance["DbiResourceId"]) if instance is not None else ""


def _vcpus(acus: float) -> float:
    return max(LEAST_VCPUS, acus * VCPUS_PER_ACU)
