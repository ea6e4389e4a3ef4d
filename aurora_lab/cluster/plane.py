"""The data plane of one cluster: what the region's worker drives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg

from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import InstanceSpec, Master, Measurement, TopologyRow
from aurora_lab.runtime.base import Runtime, Server

Notes = tuple[str, ...]
"""Sentences for the event log, for instance that a parameter was not applied; empty when all is well."""


class ClusterPlane:
    """One Aurora cluster of real PostgreSQL servers, below one folder.

    Every operation is idempotent and restartable: after a `kill -9` of the calling process at any point, the
    same call ends in the same good state. The rule that makes it so: **a data directory under its final name
    is complete; one under any other name is rubbish of a dead attempt**.

    Operations on different instances may run in different threads; `measure` may run at any time.
    """

    def __init__(  # noqa: PLR0917  (the region names them all)
        self,
        runtime: Runtime,
        folder: Path,
        template: Template,
        certificate: Path,
        key: Path,
        superuser_password: str,
    ) -> None:
        self.runtime = runtime
        self.folder = folder
        self.template = template
        self.certificate = certificate
        self.key = key
        self._password = superuser_password

    def create_volume(self, master: Master, database: str | None = None) -> None:
        """Make the cluster volume, without any instance. Raises ClusterError."""
        raise NotImplementedError

    def has_volume(self) -> bool:
        """Whether the volume exists: as a seed, or as the data directory of an instance."""
        raise NotImplementedError

    def start_writer(self, spec: InstanceSpec) -> Notes:
        """Start the writer, or adopt it where it runs already; returns when it accepts writes.

        Raises NotTheWriterError, ServerStartError.
        """
        raise NotImplementedError

    def start_reader(self, spec: InstanceSpec, writer: InstanceSpec) -> Notes:
        """Make `spec` a reader that streams from the running `writer`, whatever it was before.

        Raises ServerStartError, NotReachableError.
        """
        raise NotImplementedError

    def restart(self, spec: InstanceSpec) -> Notes:
        """Stop and start an instance in its present role: a reboot, which applies static parameters."""
        raise NotImplementedError

    def stop(self, resource_id: str, mode: str = "fast") -> None:
        """Stop an instance's server cleanly; nothing happens where none runs."""
        raise NotImplementedError

    def kill(self, resource_id: str) -> None:
        """End an instance's server at once, as a crashed machine."""
        raise NotImplementedError

    def freeze(self, resource_id: str) -> None:
        """Stop an instance's processes where they stand, as a machine that hangs."""
        raise NotImplementedError

    def thaw(self, resource_id: str) -> None:
        """Let a frozen instance go on."""
        raise NotImplementedError

    def running(self, resource_id: str) -> bool:
        """Whether the instance's server lives; a frozen one does."""
        raise NotImplementedError

    def server(self, resource_id: str) -> Server | None:
        """The instance's running server, also one that a dead region left; None where there is none."""
        raise NotImplementedError

    def remove(self, resource_id: str, keep_volume: bool) -> None:
        """Stop an instance and remove its files.

        `keep_volume`: it is the last instance of a living cluster, and its data directory becomes the seed.
        """
        raise NotImplementedError

    def promote(self, target: InstanceSpec, old: InstanceSpec | None, planned: bool = False) -> None:
        """Make the reader `target` the writer; returns when it accepts writes. No acknowledged commit is lost.

        Raises ClusterError.
        """
        raise NotImplementedError

    def follow(self, reader: InstanceSpec, writer: InstanceSpec) -> Notes:
        """Point a running reader at the new writer without a restart; returns when it streams."""
        raise NotImplementedError

    def publish(self, topology: Sequence[TopologyRow]) -> None:
        """Replace `topology.json`; every instance's `aurora_replica_status()` answers from it at once."""
        raise NotImplementedError

    def apply(self, spec: InstanceSpec) -> frozenset[str]:
        """Write identity and parameters of an instance and reload it; the names that wait for a restart.

        Raises ParameterError, and then nothing has changed.
        """
        raise NotImplementedError

    def measure(self, resource_id: str) -> Measurement:
        """What the instance says of itself now. Raises NotReachableError within about two seconds."""
        raise NotImplementedError

    def set_password(self, writer_resource_id: str, username: str, password: str) -> None:
        """Change a user's password on the writer. Raises NotReachableError, ClusterError."""
        raise NotImplementedError

    def connect(
        self, resource_id: str, dbname: str = "postgres", user: str = "rdsadmin", password: str | None = None
    ) -> psycopg.Connection:
        """A connection of its own to an instance, by default the administrator's (autocommit).

        Raises NotReachableError.
        """
        raise NotImplementedError

    def adopt(self) -> list[str]:
        """Take up what a dead region left: the resource ids of the instances whose servers run.

        Servers and files of half-done operations are removed.
        """
        raise NotImplementedError

    def known(self) -> list[InstanceSpec]:
        """Every instance that has files here, as it was last started or applied."""
        raise NotImplementedError

    def delete(self) -> None:
        """End all servers and remove everything, the volume too."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the administrator's connections; the servers go on running."""
        raise NotImplementedError
