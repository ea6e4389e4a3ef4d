"""One thread a cluster, which makes the servers agree with the documents.

A status in transition is the work order: `creating`, `rebooting`, `failing-over`, `deleting` … each name a
step that is idempotent. So nothing needs to be remembered elsewhere: a region that was killed in the middle
of a step reads the same status when it is started again, and does the step again.

Each pass does the first thing that the table calls for:

    the cluster's status     what is done
    creating                 make the cluster volume, or restore it             → available
    failing-over             promote the target that the record names           → available
    stopping                 stop readers, then the writer                      → stopped
    starting                 start the writer, then the readers                 → available
    modifying                apply what was asked for                           → available
    deleting                 once no instance is left: remove the volume        → gone

    an instance's status     what is done
    deleting                 a writer with readers: failover first; then remove → gone
    creating                 writer: take the volume; reader: follow the writer → available
                             (a reader's step runs beside the others, see `background.py`)
    rebooting, modifying     stop, start again with its parameters              → available

    what is seen             what is done
    serverless and idle      pause it; resume it when somebody connects (see `auto_pause.py`)
    writer's server died     with a reader: failing-over; without: restart in place (FACTS 4.12, 4.14)
    writer does not answer   the same, after 30 lab seconds
    reader's server died     start it again
    log is new               back it up; from time to time, make a newer base of the backup
    a storage node is away   bring it back, and rebuild it where its copy is lost
    no read quorum           say so, and try again: the volume is not opened without one
    an AZ is out             start nothing there (FACTS 4.12)
    parameters changed       write them and reload
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from aurora_lab.cluster.plane import ClusterPlane
from aurora_lab.cluster.quorum import NoReadQuorumError
from aurora_lab.cluster.types import InstanceSpec, Measurement, NotReachableError, TopologyRow
from aurora_lab.region.auto_pause import AutoPause
from aurora_lab.region.background import Background
from aurora_lab.region.meters import SAMPLE_LAB_SECONDS, Meters
from aurora_lab.region.pauses import asleep, pause_state
from aurora_lab.region.rds.orderable import is_serverless
from aurora_lab.region.rds.parameters import effective_parameters
from aurora_lab.region.restorable import earliest_moment
from aurora_lab.region.scaling import Scaling
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

MEASURE_SECONDS = 1.0
"""Real seconds between two measurements of every instance."""
COUNT_SECONDS = 2.0
"""Real seconds between two counts of a volume's bytes."""
RETRY_SECONDS = 1.0
"""Real seconds before a failed step is tried again."""
UNRESPONSIVE_LAB_SECONDS = 30.0
"""How long a server may live without answering before it counts as dead."""

REPAIR_LAB_SECONDS = 10.0
"""After how long a storage node that was destroyed is rebuilt by itself (FACTS 2.3)."""

NextStep = Callable[["ClusterWorker", Document], bool]
"""Does the first thing that the table calls for; False when there was nothing to do."""

SETTLED = frozenset(
    {"available", "stopped", "failed", "incompatible-restore", "inaccessible-encryption-credentials"}
)


def settle(document: Document, status: str = "available", **fields: object) -> None:
    """End a step: a passing status becomes `status`, unless somebody has asked for deletion meanwhile."""
    key = "DBInstanceStatus" if "DBInstanceStatus" in document else "Status"
    if document[key] != "deleting":
        document[key] = status
    document.update(fields)


def as_booted(
    cluster: Document, instance: Document, running: Callable[[str], bool]
) -> tuple[Document, Document]:
    """The two documents with the parameter groups that a running server was started with.

    A group that is newly associated takes effect at the next reboot (API `ModifyDBInstance`), and so does the
    maximum capacity on which static parameters depend (FACTS 5.11). To resume is no reboot.
    """
    private = instance["_lab"]
    groups = private.get("booted_groups")
    up = running(instance["DbiResourceId"]) or pause_state(instance) is not None
    if groups is None or private.get("restart") or not up:
        return cluster, instance
    instance_group = {**instance["DBParameterGroups"][0], "DBParameterGroupName": groups["instance"]}
    booted = {"DBClusterParameterGroup": groups["cluster"]}
    if private.get("booted_range"):
        booted["ServerlessV2ScalingConfiguration"] = private["booted_range"]
    return {**cluster, **booted}, {**instance, "DBParameterGroups": [instance_group]}


class ClusterWorker(threading.Thread):
    """The only one that starts, stops, promotes or removes servers of its cluster."""

    def __init__(self, region: Region, resource_id: str, next_step: NextStep) -> None:
        super().__init__(name=f"worker {resource_id}", daemon=True)
        self.region = region
        self.resource_id = resource_id
        self._next_step = next_step
        self.plane: ClusterPlane = region.plane(resource_id)
        self.measurements: dict[str, Measurement] = {}
        self.meters = Meters(region, resource_id)
        self.scaling = Scaling(region, resource_id)
        self.pauses = AutoPause(region)
        self.started: set[str] = set()
        """Resource ids of the servers that this worker has started or taken over."""
        self._serving: frozenset[str] = frozenset()
        self._serving_lock = threading.Lock()
        self._silent_since: dict[str, float] = {}
        self._next_measurement = self._next_count = self._next_sample = 0.0
        self._wake = threading.Event()
        self._finishing = False
        self._watched: set[str] = set()
        self.background = Background(self.wake)
        self._no_quorum = False
        self._trouble = ""
        """What the last step failed with; empty where it did not."""

    # For other threads.

    def wake(self) -> None:
        """Have the worker look at once."""
        self._wake.set()

    def serving(self) -> frozenset[str]:
        """Resource ids of the instances that take connections."""
        return self._serving

    def finish(self, stop_servers: bool) -> None:
        """End the thread; with `stop_servers`, stop the servers cleanly, readers first."""
        self._finishing = True
        self.wake()
        self.join(timeout=60.0)
        self.background.wait()
        if stop_servers:
            cluster = self.cluster()
            for instance in self.readers_first(cluster) if cluster else []:
                self.plane.thaw(instance["DbiResourceId"])
                self.plane.stop(instance["DbiResourceId"])
            self.plane.nodes.stop()
            self.scaling.close()
        self.plane.close()

    # The loop.

    def run(self) -> None:
        """Pass after pass, until the cluster is gone or the region closes."""
        while not self._finishing:
            self._wake.clear()
            try:
                cluster = self.cluster()
                if cluster is None:
                    break
                busy = self._next_step(self, cluster)
                self._no_quorum, self._trouble = False, ""
                self.measure_when_due()
            except NoReadQuorumError as error:
                if not self._no_quorum:
                    log.warning("cluster %s: %s", self.resource_id, error)
                    self.tell(str(error), "failure")
                self._no_quorum, busy = True, False
                self.measure_when_due()
                self._wake.wait(RETRY_SECONDS)
            except Exception as error:
                # Once: what goes on failing (a container engine that is gone) is tried again for as long as it lasts.
                if repr(error) != self._trouble:
                    log.exception("cluster %s: a step failed and is tried again", self.resource_id)
                self._trouble, busy = repr(error), False
                self._wake.wait(RETRY_SECONDS)
            if not busy:
                self._wake.wait(max(0.01, self._next_measurement - monotonic()))
        if not self._finishing:
            self.plane.close()
            self.region.forget(self.resource_id)

    # What the steps share.

    def cluster(self) -> Document | None:
        """The cluster's document as it is now (its identifier may change, its resource id does not)."""
        for document in self.region.store.all("DBCluster"):
            if document["DbClusterResourceId"] == self.resource_id:
                return document
        return None

    def instances(self, cluster: Document) -> list[Document]:
        """The cluster's instances, oldest first."""
        found = [
            item
            for item in self.region.store.all("DBInstance")
            if item.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"]
        ]
        return sorted(found, key=lambda item: item["_lab"]["order"])

    def writer(self, cluster: Document) -> Document | None:
        """The writer's document."""
        writer = cluster["_lab"]["writer"]
        return self.region.store.get("DBInstance", writer) if writer else None

    def readers(self, cluster: Document) -> list[Document]:
        """All instances but the writer."""
        writer = cluster["_lab"]["writer"]
        return [item for item in self.instances(cluster) if item["DBInstanceIdentifier"] != writer]

    def readers_first(self, cluster: Document) -> list[Document]:
        """All instances, the writer last."""
        writer = cluster["_lab"]["writer"]
        return sorted(self.instances(cluster), key=lambda item: item["DBInstanceIdentifier"] == writer)

    def spec(self, cluster: Document, instance: Document) -> InstanceSpec:
        """What the data plane needs to know of an instance."""
        region = self.region
        return InstanceSpec(
            identifier=instance["DBInstanceIdentifier"],
            resource_id=instance["DbiResourceId"],
            port=instance["_lab"]["port"],
            parameters=effective_parameters(
                region.store, region.catalogue, *as_booted(cluster, instance, self.plane.running)
            ),
        )

    def change_cluster(self, change: Callable[[Document], None]) -> None:
        """Change the cluster's document."""
        cluster = self.cluster()
        if cluster is not None:
            self.region.update("DBCluster", cluster["DBClusterIdentifier"], change)

    def change_instance(self, instance: Document, **fields: object) -> None:
        """Set fields of an instance's document."""
        self.region.update("DBInstance", instance["DBInstanceIdentifier"], lambda item: item.update(fields))

    def set_serving(self, resource_id: str, serving: bool) -> None:
        """Note whether an instance takes connections, and let the endpoints follow."""
        with self._serving_lock:
            before = self._serving
            self._serving = before | {resource_id} if serving else before - {resource_id}
        if self._serving != before:
            self.region.touch()

    def publish(self, cluster: Document) -> None:
        """Tell every instance who the writer is (what `aurora_replica_status()` answers)."""
        writer = cluster["_lab"]["writer"]
        rows = [
            TopologyRow(
                server_id=item["DBInstanceIdentifier"],
                resource_id=item["DbiResourceId"],
                role="writer" if item["DBInstanceIdentifier"] == writer else "reader",
                session_id=item["_lab"]["session_id"],
                lag_ms=self._lag(item["DbiResourceId"]),
            )
            for item in self.instances(cluster)
            if item["DBInstanceStatus"] not in ("creating", "deleting")
            or item["DBInstanceIdentifier"] == writer
        ]
        self.plane.publish(rows)

    def tell(self, message: str, category: str = "notification") -> None:
        """Add an event of the lab's own about the cluster: of storage nodes AWS says nothing."""
        cluster = self.cluster()
        if cluster is not None:
            self.region.add_event("db-cluster", cluster["DBClusterIdentifier"], [category], message)

    def look_after_volume(self) -> None:
        """Have the storage nodes and the backup looked after, beside the steps."""
        self.background.start("storage nodes", self._tend)
        self.background.start("backup", self._tend_backup)

    def _tend(self) -> None:
        for note in self.plane.watch.tend(self.region.clock.real(REPAIR_LAB_SECONDS)):
            self.tell(note)

    def _tend_backup(self) -> None:
        """Nothing is removed while somebody restores from it."""
        cluster = self.cluster()
        if cluster is None or cluster["Status"] in ("creating", "deleting"):
            return
        restores = [item["_lab"].get("restore") or {} for item in self.region.store.all("DBCluster")]
        in_use = any(restore.get("resource") == self.resource_id for restore in restores)
        self.plane.backup.tend(0.0 if in_use else earliest_moment(self.region, cluster))
        if monotonic() >= self._next_count:
            self._next_count = monotonic() + COUNT_SECONDS
            self.plane.watch.measure_bytes()
            if monotonic() >= self._next_sample:
                self._next_sample = monotonic() + self.region.clock.real(SAMPLE_LAB_SECONDS)
                used, _ = self.plane.watch.bytes_used()
                about = {"DBClusterIdentifier": cluster["DBClusterIdentifier"]}
                self.region.metrics.note("VolumeBytesUsed", used, "Bytes", about)

    def watch(self, resource_id: str) -> None:
        """Wake when this instance's server ends."""
        self.started.add(resource_id)
        server = self.plane.server(resource_id)
        if server is None or resource_id in self._watched:
            return
        self._watched.add(resource_id)

        def until_it_ends() -> None:
            try:
                while not self._finishing and not server.wait(5.0):
                    pass
            except Exception:
                log.exception("watching %s failed", resource_id)
            self._watched.discard(resource_id)
            self.wake()

        threading.Thread(target=until_it_ends, name=f"watch {resource_id}", daemon=True).start()

    def unresponsive(self, instance: Document) -> bool:
        """Whether a living server has not answered for too long."""
        since = self._silent_since.get(instance["DbiResourceId"])
        limit = self.region.clock.real(UNRESPONSIVE_LAB_SECONDS)
        return since is not None and monotonic() - since > limit

    def measure_when_due(self) -> None:
        """Measure every available instance once a second; one that does not answer leaves the endpoints."""
        if monotonic() < self._next_measurement:
            return
        cluster = self.cluster()
        instances = self.instances(cluster) if cluster else []
        thorough = self.meters.due()
        for instance in instances:
            resource = instance["DbiResourceId"]
            if instance["DBInstanceStatus"] != "available" or asleep(instance):
                continue
            if not self.plane.running(resource):
                continue
            serverless = is_serverless(instance)
            try:
                found = self.plane.measure(resource, brief=not (thorough or serverless))
                if thorough or serverless:
                    used = self.meters.measured(resource, found)
                if serverless:
                    self.scaling.measured(resource, found, used)
                    self.pauses.measured(instance, found.connections)
                # Without what is not measured each time: it would come and go in what is shown.
                self.measurements[resource] = replace(found, connections=0, memory=0)
            except NotReachableError:
                self._silent_since.setdefault(resource, monotonic())
                self.set_serving(resource, False)
            else:
                self._silent_since.pop(resource, None)
                self.set_serving(resource, True)
        if cluster is not None:
            self.scaling.adjust(self, cluster, instances)
            self.meters.sample(cluster, instances)
            if len(self.measurements) > 1:
                self.publish(cluster)
        self.look_after_volume()
        self._next_measurement = monotonic() + MEASURE_SECONDS

    def _lag(self, resource_id: str) -> float | None:
        measured = self.measurements.get(resource_id)
        return measured.lag_ms if measured else None
