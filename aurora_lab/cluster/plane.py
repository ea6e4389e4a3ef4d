"""The data plane of one cluster: what the region's worker drives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from aurora_lab.cluster import applying, promotion, readers, restoring, volume
from aurora_lab.cluster.archive import Archive
from aurora_lab.cluster.backup import Backup
from aurora_lab.cluster.configuration import as_json
from aurora_lab.cluster.connections import ADMINISTRATOR
from aurora_lab.cluster.layout import Layout, Writership
from aurora_lab.cluster.locking import RoleLock
from aurora_lab.cluster.measuring import Lag, measure
from aurora_lab.cluster.parameters import accepted, limits_of
from aurora_lab.cluster.servers import Notes, Servers, wait_until
from aurora_lab.cluster.storage_nodes import StorageNodes
from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import (
    InstanceSpec,
    Master,
    Measurement,
    ParameterError,
    Source,
    TopologyRow,
)
from aurora_lab.cluster.volume_watch import VolumeWatch
from aurora_lab.runtime.base import Runtime, Server

GIVE_WAY_SECONDS = 20.0


class ClusterPlane:
    """One Aurora cluster of real PostgreSQL servers, below one folder.

    Every operation is idempotent and restartable: after a `kill -9` of the calling process at any point, the
    same call ends in the same good state. The rule that makes it so: **a data directory under its final name
    is complete; one under any other name is rubbish of a dead attempt** (see `layout.py`). Who the writer is,
    and who is about to become it, stands in a file from before the first step of a promotion to after its
    last, so that no other instance can be started as the writer meanwhile.

    The operations that change roles or files run one at a time, but for readers: several may be made at once.
    The others may be called from any thread at any time. `superuser_password` must be long and random: it is
    stored with the fewest rounds.
    """

    nodes_kind: type[StorageNodes] = StorageNodes
    backs_up = True
    """Whether the volume has a continuous backup."""

    def __init__(  # noqa: PLR0917  (the region names them all)
        self,
        runtime: Runtime,
        folder: Path,
        template: Template,
        certificate: Path,
        key: Path,
        superuser_password: str,
        backup: Path | None = None,
    ) -> None:
        """`backup`: where the continuous backup lies, on the same disk; by default beside `folder`."""
        self.layout = Layout(runtime, folder)
        self.servers = Servers(runtime, self.layout, template, (certificate, key), superuser_password)
        self.nodes = self.nodes_kind(self.servers)
        self.servers.synchronous = self.nodes.synchronous
        archive = Archive(runtime, backup or folder.with_name(f"{folder.name}.backup"))
        self.backup = Backup(self.servers, self.nodes, archive)
        self.watch = VolumeWatch(self.servers, self.nodes, self.backup)
        self._lock = RoleLock()
        self._readers: dict[str, threading.Lock] = {}
        """One operation at a time on a reader."""
        self._making: set[str] = set()
        """Readers that are being started."""
        self._lag = Lag()

    # The volume.

    def create_volume(self, master: Master, database: str | None = None) -> None:
        """Make the cluster volume, without any instance; nothing happens where it exists.

        Until the last step, a rename, there is none. Raises ClusterError, ServerStartError, ToolError.
        """
        with self._lock:
            volume.create_volume(self.servers, master, database)
            if self.backs_up:
                self.backup.begin()

    def restore_volume(self, source: Source, master: Master, database: str | None = None) -> None:
        """As `create_volume`, from an image. Raises BackupError, ClusterError, ServerStartError, ToolError."""
        with self._lock:
            restoring.restore_volume(self.servers, self.backup.archive, source, master, database)

    def export(self, target: Path, until: float | None = None) -> None:
        """Make `target` an image of the volume, as it is now or as it was at a moment (seconds since the epoch).

        It has everything that was acknowledged before the call. Raises BackupError, NoReadQuorumError, OSError …
        """
        self.backup.export(target, self.watch.open_writer(), until)

    def has_volume(self) -> bool:
        """Whether the volume exists: as a seed, or as the data directory of an instance."""
        return volume.has_volume(self.servers)

    # Instances.

    def start_writer(self, spec: InstanceSpec) -> Notes:
        """Start the writer, or adopt it where it runs already; returns when it accepts writes.

        The first writer takes the volume. A dead one recovers from its log in place (FACTS 4.14). Where
        `spec` was being promoted, its promotion is finished. Readers stay open (FACTS 7.23), but for those
        whose limits are below what the writer is about to have: they are restarted first, with the higher
        ones, because PostgreSQL's readers must not have less.

        Raises NoReadQuorumError, NotTheWriterError, ServerStartError, ClusterError.
        """
        self._give_way()
        with self._lock:
            servers, name = self.servers, spec.name
            if self.layout.writership().successor == name:
                return promotion.promote(servers, self.nodes, self.backup, spec, None, planned=False)
            running = servers.find(name) is not None
            if running and self.layout.writership() == Writership(name) and not self.layout.is_standby(name):
                volume.finish_volume(servers, name)
                servers.settle(name)
                notes = self._adopt(spec)
                readers.raise_limits(servers, self.layout.limits().now)
            else:
                self.nodes.fence()
                if running:
                    servers.kill(name)
                volume.take_volume(servers, name)
                wanted, _ = accepted(servers.template.facts(), spec.parameters)
                readers.raise_limits(servers, limits_of(wanted))
                notes = servers.start(spec, reader=False)
                self._note_limits(name)
                volume.finish_volume(servers, name)
            promotion.settle(self.nodes, name)
            readers.lead(servers, name)
            return notes

    def start_reader(self, spec: InstanceSpec, writer: InstanceSpec) -> Notes:
        """Make `spec` a reader that streams from the running `writer`, whatever it was before.

        The quickest way that works is taken: adopt it as it runs; start what is there; rewind what was a
        writer; copy the writer. Raises ServerStartError, NotReachableError, NotTheWriterError, ToolError.
        """
        with self._lock.shared(), self._readers.setdefault(spec.name, threading.Lock()):
            self._making.add(spec.name)
            try:
                return readers.start_reader(self.servers, spec, writer.name)
            finally:
                self._making.discard(spec.name)

    def restart(self, spec: InstanceSpec) -> Notes:
        """Stop and start an instance in its present role: a reboot, which applies static parameters.

        Raises ServerStartError, ClusterError.
        """
        with self._lock:
            self.stop(spec.resource_id)
            writer = self.layout.writership().writer
            record = self.layout.record(writer) if writer is not None else None
            if record is None or writer == spec.name:
                return self.start_writer(spec)
            return self.start_reader(spec, record.spec)

    def stop(self, resource_id: str, mode: str = "fast") -> None:
        """Stop an instance's server cleanly; nothing happens where none runs."""
        name = resource_id.lower()
        if self.layout.writership().writer == name:
            self.nodes.release(name)
        self.servers.stop(name, mode)

    def kill(self, resource_id: str) -> None:
        """End an instance's server at once, as a crashed machine."""
        self.servers.kill(resource_id.lower())

    def freeze(self, resource_id: str) -> None:
        """Stop an instance's processes where they stand, as a machine that hangs."""
        server = self.servers.find(resource_id.lower())
        if server is not None:
            server.freeze()

    def thaw(self, resource_id: str) -> None:
        """Let a frozen instance go on."""
        server = self.servers.find(resource_id.lower())
        if server is not None:
            server.thaw()

    def running(self, resource_id: str) -> bool:
        """Whether the instance's server lives; a frozen one does."""
        return self.servers.find(resource_id.lower()) is not None

    def server(self, resource_id: str) -> Server | None:
        """The instance's running server, also one that a dead region left; None where there is none."""
        return self.servers.find(resource_id.lower())

    def remove(self, resource_id: str, keep_volume: bool) -> None:
        """Stop an instance and remove its files.

        `keep_volume`: it is the last instance of a living cluster, and its data directory becomes the seed.
        """
        with self._lock:
            name = resource_id.lower()
            self.stop(resource_id)
            self.servers.kill(name)
            if keep_volume:
                self.nodes.stop()
                volume.keep_volume(self.servers, name)
            self.servers.discard(self.layout.data(name))
            self.servers.sweep(*self.layout.rubbish(self.layout.data(name)))
            for log in self.layout.instances.glob(f"{name}.log*"):
                log.unlink(missing_ok=True)
            self.servers.runtime.remove_tree(self.layout.side(name))

    # Roles.

    def promote(
        self, target: InstanceSpec, old: InstanceSpec | None, planned: bool = False, afresh: bool = False
    ) -> None:
        """Make the reader `target` the writer; returns when it accepts writes. No acknowledged commit is lost.
        It need not run. One without data, or any that is to have them `afresh`, gets them of the volume.

        `old` is fenced first: killed, or stopped cleanly where the failover is planned. Called again after
        the caller died, it goes on where it was; called for another target, it starts over with that one.

        Raises ClusterError, NotReachableError, ServerStartError.
        """
        if old is not None and not planned and self.layout.writership() != Writership(target.name):
            # Before the lock: a reader that is just being made from a writer that hangs would hold it.
            self.servers.kill(old.name)
        self._give_way()
        with self._lock:
            self._lag.forget()
            before = old.name if old is not None else None
            promotion.promote(
                self.servers, self.nodes, self.backup, target, before, planned=planned, afresh=afresh
            )

    def promoted(self) -> str | None:
        """Who has been promoted, but has not become the writer yet: nobody else may, until it is tried again."""
        successor = self.layout.writership().successor
        return None if successor is None or self.layout.is_standby(successor) else successor

    def follow(self, reader: InstanceSpec, writer: InstanceSpec) -> Notes:
        """Point a reader at the new writer; returns when it streams. It is not restarted if it can follow.

        Raises as `start_reader`.
        """
        return self.start_reader(reader, writer)

    def publish(self, topology: Sequence[TopologyRow]) -> None:
        """Replace `topology.json`; every instance's `aurora_replica_status()` answers from it at once.

        Nothing happens where there is no cluster (any more).
        """
        if not self.layout.folder.exists():
            return
        rows = [
            {
                "server_id": row.server_id,
                "resource_id": row.resource_id.lower(),
                "role": row.role,
                "session_id": row.session_id,
                "lag_ms": row.lag_ms,
            }
            for row in topology
        ]
        self.servers.runtime.write(self.layout.topology, as_json(rows))

    # Parameters.

    def apply(self, spec: InstanceSpec) -> frozenset[str]:
        """Write identity and parameters of an instance and reload it; the names that wait for a restart.

        Of the values, all that can be judged without a restart are judged before anything is changed. A value
        that only shows at the next start that it does not work (a cache larger than the machine) is left out
        there, and the start says so. Raises ParameterError, and then no parameter has changed.
        """
        with self._lock:
            return applying.apply(self.servers, spec)

    def set_replica_lag(self, milliseconds: int) -> None:
        """How long after the writer's commit a reader shows it, at least; running readers take it up at once.

        Raises NotReachableError.
        """
        with self._lock:
            self.servers.replica_lag_ms = milliseconds
            writer = self.layout.writership().writer
            if writer is not None and self.servers.find(writer) is not None:
                readers.lead(self.servers, writer)

    def set_password(self, writer_resource_id: str, username: str, password: str) -> None:
        """Change a user's password on the writer. Raises NotReachableError, ClusterError."""
        volume.set_password(self.servers, writer_resource_id.lower(), username, password)

    # Looking.

    def measure(self, resource_id: str, brief: bool = False) -> Measurement:
        """What the instance says of itself now. Raises NotReachableError within about three seconds.

        A brief measurement has only role, position and lag (all else is 0): it is taken every second, and
        the rest costs more.

        A reader's lag is the time since the writer, when it was measured here, was first seen to be further
        than the reader is now. That is exact to the time between two measurements, shows a reader that
        receives nothing, and does not take a silence of the writer for a lag.
        """
        return measure(self.servers, self._lag, resource_id.lower(), brief)

    def connect(
        self,
        resource_id: str,
        dbname: str = "postgres",
        user: str = ADMINISTRATOR,
        password: str | None = None,
    ) -> psycopg.Connection[Any]:
        """A connection of its own to an instance, by default the administrator's (autocommit).

        Any other user needs a password, and gets TLS. Raises NotReachableError.
        """
        sslmode = "disable" if user == ADMINISTRATOR else "require"
        return self.servers.sessions.open(
            resource_id.lower(), dbname=dbname, user=user, password=password, sslmode=sslmode
        )

    def known(self) -> list[InstanceSpec]:
        """Every instance that has files here, as it was last started or applied."""
        found = [self.layout.record(name) for name in self.layout.names()]
        return [record.spec for record in found if record is not None]

    # The plane itself.

    def adopt(self) -> list[str]:
        """Take up what a dead region left: the resource ids of the instances whose servers run.

        Servers and files of half-done operations are removed.
        """
        with self._lock:
            for server in self.servers.runtime.strays(self.layout.folder, self.layout.names()):
                server.kill()
            self.servers.sweep(*self.layout.all_rubbish())
            return [spec.resource_id for spec in self.known() if self.running(spec.resource_id)]

    def delete(self, keep_backup: bool = False) -> None:
        """End all servers and remove everything, the volume too; nothing happens where there is nothing."""
        with self._lock:
            if not keep_backup:
                self.backup.archive.delete()
            if not self.layout.folder.exists():
                return
            for name in self.layout.names():
                self.servers.kill(name)
            for server in self.servers.runtime.strays(self.layout.folder, ()):
                server.kill()
            self.nodes.stop()
            self.close()
            self.servers.runtime.remove_tree(self.layout.folder)

    def close(self) -> None:
        """Close the administrator's connections; the servers go on running."""
        self.servers.sessions.close()

    # Helpers.

    def _give_way(self) -> None:
        """End the readers that are being started, if their writer is dead: they would wait for it, and the next
        writer for them. They are started again once there is one.
        """
        writer = self.layout.writership().writer
        if writer is None or self.servers.find(writer) is not None:
            return

        def gone() -> bool:
            for name in list(self._making):  # Again and again: a start that fails is tried in other ways.
                self.servers.kill(name)
            return not self._making

        wait_until(gone, GIVE_WAY_SECONDS, 0.05)

    def _adopt(self, spec: InstanceSpec) -> Notes:
        """Take over a running writer: what can be applied without a restart is applied."""
        try:
            self.apply(spec)
        except ParameterError as error:
            return (str(error),)
        return ()

    def _note_limits(self, writer: str) -> None:
        """From now on readers must have what the writer has started with."""
        record = self.layout.record(writer)
        if record is not None and record.limits:
            self.layout.set_limits(record.limits)
