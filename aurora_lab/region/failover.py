"""Failover: who is promoted, and in what order the rest follows.

The record of a failover stands in the cluster's document from before its first step to after its last, so a
region that is killed in between goes on with it. The steps, each of which may be done twice:

    1. the target is chosen (FACTS 4.9) and the record written, with the event that says so
    2. the old writer is fenced, the target takes all log that it lacks, and is promoted
    3. the document names the new writer; endpoints and topology follow at once
    4. the other readers follow the new writer; the cluster is available
    5. the old writer comes back as a reader, in a step of its own
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aurora_lab.cluster.quorum import NoReadQuorumError
from aurora_lab.cluster.types import ClusterError
from aurora_lab.models.promotion import Candidate, promotion_order
from aurora_lab.models.serverless import BYTES_PER_ACU
from aurora_lab.region.faults import is_out
from aurora_lab.region.notices import notify
from aurora_lab.region.pauses import RESUMING, pause_state
from aurora_lab.region.rds.orderable import instance_class
from aurora_lab.region.store import Document
from aurora_lab.region.worker import ClusterWorker, settle
from aurora_lab.runtime.base import ServerStartError, ToolError

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""Failed promotions after which the region gives up and says so."""
COMING = frozenset({"available", "creating", "starting", "rebooting", "modifying"})
"""What an instance may be that takes the place of a writer in an AZ that is out."""


def best_target(worker: ClusterWorker, cluster: Document, failed: list[str] | None = None) -> Document | None:
    """The reader that Aurora would promote (FACTS 4.9, 4.10), or None where no reader can be.

    While the writer's AZ is out it cannot be restarted in place. If no reader runs either, one that is down will
    do, or one that was made by hand for this (FACTS 4.12): it opens the volume by itself.
    """
    failed = failed or []
    there = [
        item
        for item in worker.readers(cluster)
        if item["DBInstanceStatus"] in COMING
        and not is_out(worker.region, item)
        # One that is just being started may lack log that only the dead writer has.
        and not worker.background.busy(item["DbiResourceId"])
    ]
    known = [item for item in there if item["DBInstanceStatus"] == "available"]
    found = [item for item in known if worker.plane.running(item["DbiResourceId"])]
    writer = worker.writer(cluster)
    if not found and writer is not None and pause_state(writer) == RESUMING:
        # All are about to resume: a failover that somebody asks for starts them first.
        found = [item for item in known if pause_state(item) == RESUMING]
    if not found and writer is not None and is_out(worker.region, writer):
        found = known or there
    readers = {item["DBInstanceIdentifier"]: item for item in found}
    candidates = []
    for identifier, item in readers.items():
        size = instance_class(item["DBInstanceClass"])
        memory = int((worker.scaling.acus(item["DbiResourceId"]) or 0) * BYTES_PER_ACU)
        candidates.append(Candidate(identifier, item["PromotionTier"], memory or (size[1] if size else 0)))
    order = promotion_order(candidates, len(failed))
    # One that has failed goes behind those that have not been tried.
    order.sort(key=lambda candidate: failed.count(candidate.identifier))
    responsive = [item for item in order if not worker.unresponsive(readers[item.identifier])]
    chosen = (responsive or order)[:1]
    return readers[chosen[0].identifier] if chosen else None


def begin_failover(
    region: Region, cluster: Document, old: Document, target: Document, *, planned: bool
) -> None:
    """Write the record of a failover; the worker does it."""
    same_zone = old["AvailabilityZone"] == target["AvailabilityZone"]

    def begin(item: Document) -> None:
        item["Status"] = "failing-over"
        item["_lab"]["failover"] = {
            "old": old["DBInstanceIdentifier"],
            "target": target["DBInstanceIdentifier"],
            "planned": planned,
            "failed": [],
            "promoted": False,
        }

    with region.store.transaction():
        region.update("DBCluster", cluster["DBClusterIdentifier"], begin)
        event = "RDS-EVENT-0072" if same_zone else "RDS-EVENT-0073"
        notify(region, event, cluster["DBClusterIdentifier"], name=target["DBInstanceIdentifier"])
    region.wake(cluster["DBClusterIdentifier"])


def fail_over(worker: ClusterWorker, cluster: Document) -> bool:
    """Carry on with the failover in the cluster's document."""
    region, record = worker.region, cluster["_lab"]["failover"]
    store = region.store
    old, target = store.get("DBInstance", record["old"]), store.get("DBInstance", record["target"])
    if not record["promoted"]:
        if target is None:
            return _next_attempt(worker, cluster)
        if record["planned"] and old is not None:
            _start_who_is_paused(worker, cluster, old, target)
        if old is not None:
            worker.set_serving(old["DbiResourceId"], False)
        try:
            worker.plane.promote(
                worker.spec(cluster, target),
                worker.spec(cluster, old) if old else None,
                planned=record["planned"],
                # Its own data may be too old to go on from.
                afresh=old is not None and is_out(region, old) and record["target"] in record["failed"],
            )
        except NoReadQuorumError:
            raise  # Another target would not help. The worker says so, and tries again.
        except (ClusterError, ServerStartError, ToolError):
            log.exception("promoting %s failed", record["target"])
            return _next_attempt(worker, cluster)
        _name_new_writer(worker, target, old)
        cluster = worker.cluster() or cluster
    if target is not None:
        _let_readers_follow(worker, cluster, target)

    def done(item: Document) -> None:
        settle(item)
        item["_lab"]["failover"] = None

    with store.transaction():
        worker.change_cluster(done)
        notify(region, "RDS-EVENT-0071", cluster["DBClusterIdentifier"], name=record["target"])
        notify(region, "RDS-EVENT-0385", record["target"])
    return True


def _start_who_is_paused(worker: ClusterWorker, cluster: Document, old: Document, target: Document) -> None:
    """What is planned goes from a running writer to a running reader. Both have been asked to resume by now."""
    try:
        for item in (old, target):
            resource = item["DbiResourceId"]
            resuming = pause_state(item) is not None and not is_out(worker.region, item)
            if not resuming or worker.plane.running(resource):
                continue
            if item is old:
                worker.plane.start_writer(worker.spec(cluster, old))
            elif worker.plane.running(old["DbiResourceId"]):
                worker.plane.start_reader(worker.spec(cluster, target), worker.spec(cluster, old))
            worker.watch(resource)
    except (ClusterError, ServerStartError, ToolError):
        log.exception("who is paused could not be started; the failover goes on without")


def _name_new_writer(worker: ClusterWorker, target: Document, old: Document | None) -> None:
    """From here on the endpoints lead to the new writer."""
    region = worker.region

    def promoted(item: Document) -> None:
        item["_lab"]["writer"] = target["DBInstanceIdentifier"]
        item["_lab"]["epoch"] += 1
        item["_lab"]["failover"]["promoted"] = True

    with region.store.transaction():
        worker.change_cluster(promoted)
        if old is not None and old["DBInstanceStatus"] == "available":
            worker.change_instance(old, DBInstanceStatus="rebooting")
    worker.set_serving(target["DbiResourceId"], True)
    cluster = worker.cluster()
    if cluster is not None:
        worker.publish(cluster)


def _let_readers_follow(worker: ClusterWorker, cluster: Document, writer: Document) -> None:
    writer_spec = worker.spec(cluster, writer)
    for reader in worker.readers(cluster):
        if reader["DBInstanceStatus"] == "available" and worker.plane.running(reader["DbiResourceId"]):
            try:
                worker.plane.follow(worker.spec(cluster, reader), writer_spec)
            except (ClusterError, ServerStartError, ToolError):
                # A reader that cannot follow must not hold up the cluster: it is made anew by its own step.
                log.exception("reader %s cannot follow", reader["DBInstanceIdentifier"])
                worker.set_serving(reader["DbiResourceId"], False)
                worker.plane.kill(reader["DbiResourceId"])


def _begun(worker: ClusterWorker, cluster: Document) -> Document | None:
    """The instance that has been promoted, but whose failover has not come to its end."""
    name = worker.plane.promoted()
    return next((item for item in worker.instances(cluster) if item["DbiResourceId"].lower() == name), None)


def _next_attempt(worker: ClusterWorker, cluster: Document) -> bool:
    """Try the next reader; with nobody left, the previous writer again (FACTS 7.1)."""
    region, record = worker.region, cluster["_lab"]["failover"]
    failed = [*record["failed"], record["target"]]
    target = best_target(worker, cluster, failed) if len(failed) < MAX_ATTEMPTS else None
    if target is None and (begun := _begun(worker, cluster)) is not None:
        # The previous writer may not go on any more: this one has opened a timeline of its own.
        target, failed = begun, []
    identifier = cluster["DBClusterIdentifier"]
    if target is not None:
        name = target["DBInstanceIdentifier"]

        def again(item: Document) -> None:
            item["_lab"]["failover"].update(target=name, failed=failed)

        worker.change_cluster(again)
        return True

    def give_up(item: Document) -> None:
        settle(item)
        item["_lab"]["failover"] = None

    with region.store.transaction():
        worker.change_cluster(give_up)
        notify(region, "RDS-EVENT-0069", identifier)
        notify(region, "RDS-EVENT-0070", identifier, name=record["old"])
    # The previous writer is started in place: its worker has not seen this server live.
    old = region.store.get("DBInstance", record["old"])
    if old is not None:
        worker.started.discard(old["DbiResourceId"])
    return True
