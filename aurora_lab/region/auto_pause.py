"""Auto-pause of Serverless v2 (FACTS 5.14–5.20): an instance with nothing to do is stopped, a connection wakes it.

    an instance is            what happens                                              → it is
    awake                     idle for SecondsUntilAutoPause, and nothing prevents it    → pausing   (0370)
    pausing                   somebody connects after all                                → awake     (0371)
    pausing                   its server is stopped                                      → paused    (0372)
    paused                    somebody connects, or something administrative is done     → resuming  (0373)
    resuming                  its server runs, and the documented time has passed        → awake     (0374)

The writer and the serverless readers of tiers 0 and 1 pause and resume together; any other reader pauses alone, and
waking it wakes the writer first (FACTS 5.19). So the writer pauses only when every reader beside its group is paused.

Not paused is who has an open connection, also an idle one, or was woken by something administrative in the last 20
minutes; and the writer and its group while logical replication is on (FACTS 5.17, 5.18). What else prevents it on AWS,
this region does not have. `worker.py`'s steps start the server of one that is resuming as of any that does not run.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from aurora_lab.models.serverless import FOLLOWING_TIERS, resume_seconds
from aurora_lab.region.notices import notify
from aurora_lab.region.pauses import PAUSED, PAUSING, RESUMING, asleep, pause_state
from aurora_lab.region.rds.orderable import is_serverless
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region
    from aurora_lab.region.worker import ClusterWorker

AWAKE_AFTER_CHANGES = 20 * 60.0
"""Seconds of the lab clock for which an instance stays up that an administrative change has woken (FACTS 5.17)."""


class AutoPause:
    """Who of one cluster has been idle since when. `idle` may be called from any thread."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._since: dict[str, float] = {}

    def measured(self, instance: Document, connections: int) -> None:
        """A serverless instance has been measured: it has so many client connections."""
        resource = instance["DbiResourceId"]
        if connections:
            # Until it is measured again, however long that takes.
            self._since[resource] = math.inf
        elif self._open(instance) or self._since.get(resource, math.inf) == math.inf:
            self._since[resource] = monotonic()

    def forget(self, resource: str) -> None:
        """An instance begins anew: it has not been idle."""
        self._since.pop(resource, None)

    def idle(self, instance: Document) -> float:
        """For how many seconds of the lab clock an instance has had no connection, and nobody wanted one."""
        since = self._since.get(instance["DbiResourceId"])
        # Asked now, too: the last measurement may be some time ago on a busy machine.
        if since is None or asleep(instance) or self._open(instance):
            return 0.0
        touched = self._region.sleepers.touched(instance["DBInstanceIdentifier"])
        return max(0.0, monotonic() - max(since, touched)) * self._region.clock.scale

    def disturbed(self, instance: Document, since: float) -> bool:
        """Whether somebody has connected, or tried to, since a moment of the monotonic clock."""
        touched = self._region.sleepers.touched(instance["DBInstanceIdentifier"])
        return touched >= since or self._open(instance)

    def _open(self, instance: Document) -> bool:
        return bool(self._region.router.statistics().open.get(instance["DBInstanceIdentifier"]))


def auto_pause(worker: ClusterWorker, cluster: Document) -> bool:
    """Do the first thing that the table calls for; False when there was nothing to do."""
    instances = [item for item in worker.instances(cluster) if is_serverless(item)]
    there = [item for item in instances if item["DBInstanceStatus"] == "available"]
    if cluster["Status"] != "available" or not there:
        return False
    return (
        _finish_resuming(worker, there)
        or _resume_who_is_asked_for(worker, cluster, there)
        or _pause_who_is_pausing(worker, cluster, there)
        or _begin_pausing(worker, cluster, there)
    )


def prevents(worker: ClusterWorker, cluster: Document, instance: Document) -> list[str]:
    """What keeps a serverless instance from being paused, however idle it is; each a clause for a person."""
    found = []
    if "SecondsUntilAutoPause" not in cluster.get("ServerlessV2ScalingConfiguration", {}):
        found.append("the cluster's minimum capacity is not 0")
    if instance["_lab"].get("awake_until", 0.0) > time.time():
        found.append("an administrative change has woken it less than 20 minutes ago")
    if _in_group(cluster, instance):
        if instance["_lab"].get("parameters", {}).get("wal_level") == "logical":
            found.append("logical replication is on")
        writer = worker.writer(cluster)
        if writer is not None and not is_serverless(writer):
            found.append("its tier follows a writer that is not serverless")
        found += [
            f"reader {item['DBInstanceIdentifier']} is awake"
            for item in worker.instances(cluster)
            if not (is_serverless(item) and _in_group(cluster, item)) and pause_state(item) != PAUSED
        ]
    return found


def rouse(region: Region, cluster: Document) -> None:
    """Something administrative is done to a cluster: who is paused resumes, and stays up for a while.

    Within the transaction of whoever does it, before he reads the instances.
    """
    until = time.time() + region.clock.real(AWAKE_AFTER_CHANGES)
    with region.store.transaction():
        for item in region.store.all("DBInstance"):
            if item.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"] and asleep(item):
                item["_lab"]["awake_until"] = until
                _begin_resuming(region, item)
                region.store.put("DBInstance", item["DBInstanceIdentifier"], item)


# The steps.


def _finish_resuming(worker: ClusterWorker, there: list[Document]) -> bool:
    for item in there:
        resource = item["DbiResourceId"]
        running = worker.plane.running(resource)
        if pause_state(item) == PAUSED and running:
            # Something else has started it: a failover for which it was needed.
            _resume(worker, [item])
            return True
        if pause_state(item) != RESUMING or not running or resource not in worker.serving():
            continue
        pause = item["_lab"]["pause"]
        if time.time() >= pause["asked"] + worker.region.clock.real(pause["seconds"]):
            worker.pauses.forget(resource)
            _change(worker, item, "RDS-EVENT-0374", _awake)
            return True
    return False


def _resume_who_is_asked_for(worker: ClusterWorker, cluster: Document, there: list[Document]) -> bool:
    sleepers = worker.region.sleepers
    wanted = [
        item for item in there if asleep(item) and sleepers.asked(item["DBInstanceIdentifier"])
    ]  # Also who is just being paused: a client waits.
    if not wanted:
        return False
    group = [item for item in there if _in_group(cluster, item)]
    names = {item["DBInstanceIdentifier"] for item in (*wanted, *group)}
    _resume(worker, [item for item in there if item["DBInstanceIdentifier"] in names and asleep(item)])
    return True


def _resume(worker: ClusterWorker, items: Iterable[Document]) -> None:
    """Begin to resume those that are paused; who is only about to be is left alone."""
    region = worker.region
    for item in items:
        if pause_state(item) == PAUSING and worker.plane.running(item["DbiResourceId"]):
            _change(worker, item, "RDS-EVENT-0371", _awake)
        else:
            region.update("DBInstance", item["DBInstanceIdentifier"], partial(_begin_resuming, region))
    seconds = max((item["_lab"].get("pause", {}).get("seconds", 0.0) for item in items), default=0.0)
    timer = threading.Timer(region.clock.real(seconds or resume_seconds(0.0)), worker.wake)
    timer.daemon = True
    timer.start()


def _begin_resuming(region: Region, item: Document) -> None:
    pause, now = item["_lab"].get("pause"), time.time()
    if pause is None or pause["state"] == RESUMING:
        return
    paused_for = (now - pause["at"]) * region.clock.scale
    item["_lab"]["pause"] = {**pause, "state": RESUMING, "asked": now, "seconds": resume_seconds(paused_for)}
    notify(region, "RDS-EVENT-0373", item["DBInstanceIdentifier"])


def _pause_who_is_pausing(worker: ClusterWorker, cluster: Document, there: list[Document]) -> bool:
    pausing = [item for item in there if pause_state(item) == PAUSING]
    if not pausing:
        return False
    worker.background.wait()
    if any(worker.pauses.disturbed(item, _decided(item)) for item in pausing):
        _resume(worker, pausing)
        return True
    writer = cluster["_lab"]["writer"]
    for item in sorted(pausing, key=lambda item: item["DBInstanceIdentifier"] == writer):
        resource = item["DbiResourceId"]
        worker.set_serving(resource, False)
        worker.plane.stop(resource)
        worker.started.discard(resource)
        if item["DBInstanceIdentifier"] == writer:
            worker.plane.nodes.stop()
        _change(worker, item, "RDS-EVENT-0372", _paused)
    return True


def _paused(item: Document) -> bool:
    """Not where something administrative was done meanwhile: then it resumes."""
    pause = item["_lab"]["pause"]
    if pause["state"] != PAUSING:
        return False
    pause.update(state=PAUSED, at=time.time())
    return True


def _begin_pausing(worker: ClusterWorker, cluster: Document, there: list[Document]) -> bool:
    members = [item for item in worker.instances(cluster) if is_serverless(item)]
    group = [item for item in members if _in_group(cluster, item)]
    others = [[item] for item in there if not _in_group(cluster, item)]
    for items in (*others, group):
        if items and all(_may_pause(worker, cluster, item) for item in items):
            now = monotonic()
            for item in items:
                _change(worker, item, "RDS-EVENT-0370", partial(_begin, decided=now))
            return True
    return False


def _begin(item: Document, decided: float) -> bool:
    item["_lab"]["pause"] = {"state": PAUSING, "at": time.time(), "decided": decided}
    return True


def _awake(item: Document) -> bool:
    return item["_lab"].pop("pause", None) is not None


def _decided(item: Document) -> float:
    """When it was decided to pause an instance. After the machine has been started anew it says nothing."""
    return float(min(item["_lab"]["pause"]["decided"], monotonic()))


def _may_pause(worker: ClusterWorker, cluster: Document, item: Document) -> bool:
    resource = item["DbiResourceId"]
    if item["DBInstanceStatus"] != "available" or pause_state(item) is not None:
        return False
    if resource not in worker.serving():
        return False
    if not worker.plane.running(resource) or worker.background.busy(resource):
        return False
    seconds = cluster.get("ServerlessV2ScalingConfiguration", {}).get("SecondsUntilAutoPause")
    return seconds is not None and worker.pauses.idle(item) >= seconds and not prevents(worker, cluster, item)


def _in_group(cluster: Document, item: Document) -> bool:
    """Whether an instance pauses and resumes together with the writer."""
    return bool(
        item["DBInstanceIdentifier"] == cluster["_lab"]["writer"] or item["PromotionTier"] in FOLLOWING_TIERS
    )


def _change(worker: ClusterWorker, item: Document, event: str, change: Callable[[Document], bool]) -> None:
    """Change an instance's document and tell of it; not where `change` has found nothing to do."""
    region, identifier, told = worker.region, item["DBInstanceIdentifier"], []
    with region.store.transaction():
        region.update("DBInstance", identifier, lambda document: told.append(change(document)))
        if any(told):
            notify(region, event, identifier)
