"""The region several times a second, for the live map: cheap, and never waiting for a server that hangs.

What documents and the zone say is of this moment. What servers must be asked (positions, lag, storage nodes) was
asked in a thread of its own, begun by the look before: so it is one look old, and where a server hangs it grows
old while all else is still shown at once. Nobody looks, nobody is asked.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from aurora_lab.cluster.quorum import VolumeStatus
from aurora_lab.cluster.types import ClusterError, Measurement
from aurora_lab.region.cluster_status import clusters_status, figures
from aurora_lab.region.database_status import databases_status
from aurora_lab.region.databases import servers_of
from aurora_lab.region.replica_lag import replica_lag
from aurora_lab.region.worker import ClusterWorker
from aurora_lab.runtime.base import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

EVENTS = 8
CONNECTIONS = 5
AGAIN_SECONDS = 0.2
"""Servers are not asked more often than this."""
PAUSE_SECONDS = 1.0
"""A look after such a pause waits for new figures, so that the first of many shows some."""
WAIT_SECONDS = 1.0
"""How long, at most: a server may hang."""


class LiveView:
    """What `GET /_lab/live` answers. Safe to share between threads."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._looked = self._begun = float("-inf")
        self._servers: dict[str, Measurement] = {}
        self._volumes: dict[str, VolumeStatus] = {}

    def look(self) -> dict[str, Any]:
        """Clusters and databases as `status` has them (without memory), and what happened last."""
        region = self._region
        self._ask()
        kept = _Kept(self._servers, self._volumes, region.router.statistics().open)
        return {
            "region": region.name,
            "runtime": region.runtime.name,
            "scale": region.clock.scale,
            "replica_lag_ms": replica_lag(region),
            "clusters": clusters_status(region, kept),
            "databases": databases_status(region, kept),
            "events": region.store.last_events(EVENTS),
            # Those to a cluster that has been deleted say nothing of what is shown.
            "connections": region.journal.newest(
                CONNECTIONS, lambda name: region.zone.find(name) is not None
            ),
        }

    def _ask(self) -> None:
        """Have the servers asked again when it is time."""
        with self._lock:
            now = monotonic()
            first = now - self._looked > PAUSE_SECONDS
            self._looked = now
            busy = self._thread is not None and self._thread.is_alive()
            if not busy and now - self._begun > AGAIN_SECONDS:
                self._begun = now
                self._thread = threading.Thread(target=self._measure, name="live map", daemon=True)
                self._thread.start()
            asked = self._thread
        if first and asked is not None:
            asked.join(WAIT_SECONDS)

    def _measure(self) -> None:
        servers: dict[str, Measurement] = {}
        volumes: dict[str, VolumeStatus] = {}
        try:
            for cluster in self._region.store.all("DBCluster"):
                worker = self._region.worker_of(cluster)
                volumes[worker.resource_id] = worker.plane.watch.status(memory=False)
            for instance in self._region.store.all("DBInstance"):
                worker = self._region.worker_of_instance(instance)
                for resource in servers_of(instance):
                    self._server(worker, resource, servers)
        except Exception:
            # A cluster that is made or removed at this moment: the next look is another one.
            log.debug("the live map's figures", exc_info=True)
        else:
            self._servers, self._volumes = servers, volumes

    def _server(self, worker: ClusterWorker, resource: str, servers: dict[str, Measurement]) -> None:
        if resource not in worker.serving() or not worker.plane.running(resource):
            return
        try:
            servers[resource] = worker.plane.measure(resource, brief=True)
        except (ClusterError, ToolError):
            return


class _Kept:
    """A gauge of what was measured before; the router says how many connections an instance has."""

    def __init__(
        self,
        servers: Mapping[str, Measurement],
        volumes: Mapping[str, VolumeStatus],
        open_: Mapping[str, int],
    ) -> None:
        self._servers, self._volumes, self._open = servers, volumes, open_

    def measured(
        self, worker: ClusterWorker, resource: str, identifier: str, running: bool, _frozen: bool
    ) -> dict[str, Any]:
        found = self._servers.get(resource) or worker.measurements.get(resource)
        return figures(found, running, self._open.get(identifier, 0))

    def volume(self, worker: ClusterWorker) -> VolumeStatus | None:
        return self._volumes.get(worker.resource_id)
