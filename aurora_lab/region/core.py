"""One region: its state, its endpoints, and a worker for each cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aurora_lab.cluster.database import DatabasePlane
from aurora_lab.cluster.plane import ClusterPlane
from aurora_lab.cluster.spares import Spares
from aurora_lab.cluster.template import Template
from aurora_lab.endpoints.certificates import Authority
from aurora_lab.endpoints.router import PortTakenError, Router
from aurora_lab.endpoints.zone import Zone
from aurora_lab.region.addresses import records
from aurora_lab.region.clock import LabClock, timestamp
from aurora_lab.region.database_steps import next_database_step
from aurora_lab.region.database_worker import DatabaseWorker
from aurora_lab.region.databases import is_database, servers_of
from aurora_lab.region.home import Home
from aurora_lab.region.identity import Identity, load_identity
from aurora_lab.region.journal import Journal, NotingResolver
from aurora_lab.region.lifecycle import next_step
from aurora_lab.region.metrics import Metrics
from aurora_lab.region.pauses import Sleepers, sleepers
from aurora_lab.region.ports import ADDRESSES_TRIED, free_server_port, is_free, router_address
from aurora_lab.region.replica_lag import replica_lag
from aurora_lab.region.snapshot_keeper import SnapshotKeeper
from aurora_lab.region.store import Document, Store
from aurora_lab.region.worker import ClusterWorker
from aurora_lab.runtime.base import Runtime

log = logging.getLogger(__name__)

DNS_TTL_SECONDS = 5.0
"""Lab seconds for which a client keeps an answer (FACTS 3.16)."""

ARN_KINDS = {
    "cluster": "cluster",
    "db": "db",
    "cluster-endpoint": "cluster-endpoint",
    "cluster-pg": "cluster-pg",
    "pg": "pg",
    "subgrp": "subgrp",
    "es": "es",
    "cluster-snapshot": "cluster-snapshot",
}

EVENT_ARN_KINDS = {
    "db-cluster": "cluster",
    "db-instance": "db",
    "db-parameter-group": "pg",
    "db-cluster-snapshot": "cluster-snapshot",
}
"""What ARNs call the source types of events."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the runtime's PostgreSQL is and can be set to."""

    engine_version: str
    """As `17.10`."""
    settings: list[dict[str, Any]]
    """The rows of `pg_settings`."""

    @property
    def major(self) -> str:
        """As `17`."""
        return self.engine_version.split(".", maxsplit=1)[0]


class Region:
    """The control plane. `open` takes up what the state file says; `close` lets go.

    The actions of the API change documents in the store and wake the cluster's worker, which makes the
    servers agree with them. Each method may be called from any thread.
    """

    def __init__(self, home: Home, runtime: Runtime, scale: float, templates: Path | None = None) -> None:
        """Where other regions use the same `templates`, nothing is made there ahead of time."""
        self.home = home
        self.runtime = runtime
        self.store = Store(home.state)
        self.identity: Identity = load_identity(self.store)
        self.clock = LabClock(scale)
        self.changed = threading.Condition()
        self.template = Template(runtime, templates or home.data / "template")
        self.spares = Spares(self.template) if templates is None else None
        self.zone = Zone()
        self.journal = Journal()
        self.resolver = NotingResolver(self.journal, self.zone, lambda: self.clock.real(DNS_TTL_SECONDS))
        authority = Authority(home.certificates, self.identity.dns_id, self.identity.region)
        authority.ensure()
        self.certificate, self.key = authority.certificate, authority.key
        self.sleepers = Sleepers(self._wake_worker)
        self.router = Router(
            self.resolver,
            self._backends,
            self.certificate,
            self.key,
            context_for=authority.context_for,
            ready=self.sleepers.ready,
        )
        self.router_address = ("127.0.0.1", 0)
        self.metrics = Metrics()
        self.keeper = SnapshotKeeper(self)
        self._workers: dict[str, ClusterWorker] = {}
        self._workers_lock = threading.Lock()

    # What the actions and workers ask of the region.

    @property
    def name(self) -> str:
        """The AWS Region's name."""
        return self.identity.region

    @property
    def account(self) -> str:
        """The account's number."""
        return self.identity.account

    @property
    def dns_id(self) -> str:
        """The label that all endpoints share (FACTS 3.5)."""
        return self.identity.dns_id

    @cached_property
    def catalogue(self) -> Catalogue:
        """The engine version and its parameters."""
        return Catalogue(self.runtime.version(), list(self.template.settings()))

    @property
    def default_port(self) -> int:
        """The port on which every endpoint is reached."""
        return self.router_address[1]

    def arn(self, kind: str, identifier: str) -> str:
        """The ARN of an RDS resource; `kind` as in ARNs: cluster, db, cluster-pg, pg, subgrp …"""
        return f"arn:aws:rds:{self.name}:{self.account}:{ARN_KINDS.get(kind, kind)}:{identifier}"

    def now(self) -> str:
        """The time as the API writes it."""
        return timestamp()

    def add_event(
        self,
        source_type: str,
        identifier: str,
        categories: list[str],
        message: str,
        event_id: str | None = None,
    ) -> None:
        """Append to the event log that DescribeEvents shows."""
        kind = EVENT_ARN_KINDS.get(source_type, source_type)
        document = {
            "SourceIdentifier": identifier,
            "SourceType": source_type,
            "Message": message,
            "EventCategories": categories,
            "SourceArn": self.arn(kind, identifier),
            "_lab": {"event_id": event_id},
        }
        self.store.add_event(self.now(), document)

    def update(self, kind: str, identifier: str, change: Callable[[Document], None]) -> Document | None:
        """Change one document in a transaction, then let endpoints and waiters see it. None if it is gone."""
        with self.store.transaction():
            document = self.store.get(kind, identifier)
            if document is not None:
                change(document)
                self.store.put(kind, identifier, document)
        self.touch()
        return document

    def touch(self) -> None:
        """Say that documents have changed: the endpoints' records are made anew, waiters look again."""
        with self._workers_lock:
            workers = dict(self._workers)
        serving = {name for worker in workers.values() for name in worker.serving()}
        self.sleepers.replace(sleepers(self.store))
        self.zone.replace(records(self.store, self.identity, serving.__contains__))
        with self.changed:
            self.changed.notify_all()

    def wake(self, cluster_identifier: str) -> None:
        """Have the cluster's worker look at once; it is made if there is none."""
        cluster = self.store.get("DBCluster", cluster_identifier.lower())
        if cluster is not None:
            self._worker(cluster["DbClusterResourceId"]).wake()

    def wake_database(self, plane: str) -> None:
        """Have the worker of an RDS DB instance's family look at once; it is made if there is none."""
        self._worker(plane).wake()

    def parameters_changed(self, _kind: str, _group: str) -> None:
        """A parameter group was changed: each worker compares what applies with what was applied."""
        with self._workers_lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.wake()

    def worker_of(self, cluster: Document) -> ClusterWorker:
        """The worker of a cluster."""
        return self._worker(cluster["DbClusterResourceId"])

    def worker_of_instance(self, instance: Document) -> ClusterWorker:
        """The worker of an instance, be it of a cluster or of RDS."""
        if is_database(instance):
            return self._worker(instance["_lab"]["plane"])
        cluster = self.store.get("DBCluster", instance["DBClusterIdentifier"])
        assert cluster is not None, "an Aurora instance has a cluster"
        return self.worker_of(cluster)

    def free_port(self) -> int:
        """A port for a new server. Raises NoPortError."""
        taken = {port for item in self.store.all("DBInstance") for port in servers_of(item).values()}
        return free_server_port(taken)

    def plane(self, resource_id: str) -> ClusterPlane:
        """The servers of one cluster or, by an instance's resource id, of one RDS DB instance."""
        kind = DatabasePlane if resource_id.lower().startswith("db-") else ClusterPlane
        plane = kind(
            self.runtime,
            self.home.data / "clusters" / resource_id.lower(),
            self.template,
            self.certificate,
            self.key,
            self.identity.superuser_password,
            self.home.bucket / "backups" / resource_id.lower(),
        )
        plane.watch.zones = self.name
        if kind is ClusterPlane:
            plane.servers.replica_lag_ms = replica_lag(self)
        return plane

    # Life of the region itself.

    def open(self) -> None:
        """Take up the clusters of the state file, end servers that belong to none, and listen."""
        self.template.ensure()
        self._end_strays()
        kept = self.store.get("Region", "router")
        preferred = (kept["host"], kept["port"]) if kept else None
        self._listen(preferred)
        for port in self._own_ports() - set(self.router.ports()):
            # One that somebody else has taken meanwhile is left to them; the default port leads there too.
            if is_free(self.router_address[0], port):
                self.router.listen(port)
        self.store.put("Region", "router", {"host": self.router_address[0], "port": self.router_address[1]})
        for cluster in self.store.all("DBCluster"):
            self._worker(cluster["DbClusterResourceId"]).wake()
        for instance in self.store.all("DBInstance"):
            if is_database(instance):
                self.wake_database(instance["_lab"]["plane"])
        self.touch()
        self.keeper.start()
        if self.spares is not None:
            self.spares.start()

    def _listen(self, preferred: tuple[str, int] | None) -> None:
        """Start the router. An address that another region takes in the same moment is left to it."""
        for left in reversed(range(ADDRESSES_TRIED)):
            self.router_address = router_address(preferred)
            try:
                self.router.start(*self.router_address)
                return
            except PortTakenError:
                if left == 0:
                    raise

    def close(self, stop_servers: bool = True) -> None:
        """Stop the workers and the router; with `stop_servers`, every server too, cleanly."""
        with self._workers_lock:
            workers = list(self._workers.values())
            self._workers.clear()
        self.keeper.finish()
        for worker in workers:
            worker.finish(stop_servers)
        if self.spares is not None:
            self.spares.close()
        self.router.close()
        self.runtime.close()
        self.store.close()

    def forget(self, resource_id: str) -> None:
        """Let go of the worker of a cluster that is deleted."""
        with self._workers_lock:
            self._workers.pop(resource_id, None)

    def _worker(self, resource_id: str) -> ClusterWorker:
        with self._workers_lock:
            worker = self._workers.get(resource_id)
        if worker is not None:
            return worker
        # Without the lock: a new worker reads the state file, and who writes that may be waiting for the lock.
        if resource_id.startswith("db-"):
            new: ClusterWorker = DatabaseWorker(self, resource_id, next_database_step)
        else:
            new = ClusterWorker(self, resource_id, next_step)
        with self._workers_lock:
            worker = self._workers.setdefault(resource_id, new)
            if worker is new:
                worker.start()
        return worker

    def _wake_worker(self, resource_id: str) -> None:
        with self._workers_lock:
            worker = self._workers.get(resource_id)
        if worker is not None:
            worker.wake()

    def _backends(self) -> list[tuple[str, int]]:
        return [("127.0.0.1", item["_lab"]["port"]) for item in self.store.all("DBInstance")]

    def _own_ports(self) -> set[int]:
        """Ports that clusters and RDS instances were given instead of the default one."""
        databases = [item for item in self.store.all("DBInstance") if is_database(item)]
        ports = [item["Endpoint"]["Port"] for item in databases]
        return {*ports, *(item["Port"] for item in self.store.all("DBCluster"))}

    def _end_strays(self) -> None:
        known = {server.lower() for item in self.store.all("DBInstance") for server in servers_of(item)}
        for server in self.runtime.strays(self.home.data, known):
            log.warning("ending server %s, which belongs to no instance", server.spec.name)
            with suppress(ProcessLookupError):
                server.kill()
        clusters = self.home.data / "clusters"
        of_clusters = {str(item["DbClusterResourceId"]).lower() for item in self.store.all("DBCluster")}
        for folder in self.runtime.programs(clusters.resolve()):
            owner = folder.relative_to(clusters.resolve()).parts[0]
            if owner not in of_clusters:
                log.warning("ending storage nodes of %s, which is no cluster", owner)
                self.runtime.end_programs(clusters / owner)
