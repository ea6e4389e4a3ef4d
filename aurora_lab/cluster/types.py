"""The words in which the region and the data plane speak of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class ClusterError(Exception):
    """The data plane could not do what was asked. The message says what happened, in one sentence."""


class NotReachableError(ClusterError):
    """An instance does not answer: it is stopped, dead, frozen or still starting."""


class NotTheWriterError(ClusterError):
    """The instance may not be started as the writer, because another one is: starting it would lose commits."""


class ParameterError(ClusterError):
    """A parameter has a value that the server does not take. Nothing was changed."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """One instance, as the region wants it to be."""

    identifier: str
    """The DB instance identifier: what `aurora_db_instance_identifier()` answers. May change."""
    resource_id: str
    """`db-ABC…`; in lower case the name of its folder and server. Never changes."""
    port: int
    """The loopback port of its server."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The instance's effective parameters. Names that PostgreSQL does not know are left out."""

    @property
    def name(self) -> str:
        """The resource id in lower case: folder, server name and `application_name`."""
        return self.resource_id.lower()


@dataclass(frozen=True, slots=True)
class Master:
    """The master user of a cluster: a login that is not a superuser, as on Aurora."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """What a volume is restored from."""

    image: Path
    """An image of a volume (see `images.py`)."""
    until: float | None = None
    """The moment that is wanted, in seconds since the epoch; None for all that is in the image."""
    clone: bool = False
    """Whether the new volume counts only the pages in which it differs from the old one."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an instance says of itself now."""

    in_recovery: bool
    """True on a reader."""
    lsn: int
    """How far its log reaches: written on the writer, replayed on a reader (bytes)."""
    lag_ms: float | None
    """How far a reader is behind the writer, in milliseconds; None on the writer."""
    connections: int
    """Client connections, without the region's own."""
    memory: int
    """Bytes of memory that its processes take (their proportional share)."""
    cpu_seconds: float = 0.0
    """CPU that its processes have used since it started."""
    pages_read: int = 0
    """Pages of 8 KB that were not in its memory and had to be read, in the learner's databases."""
    log_writes: int = 0
    """How often it has written log."""
    log_bytes: int = 0
    """Bytes of log records that it has made, whole pages in them included.

    The last three are since their statistics began: a crash sets them back to 0, a clean restart does not.
    """


@dataclass(frozen=True, slots=True)
class TopologyRow:
    """One instance in `topology.json`, from which `aurora_replica_status()` answers on every instance."""

    server_id: str
    """The DB instance identifier."""
    resource_id: str
    role: str
    """`writer` or `reader`."""
    session_id: str = ""
    """A UUID that stays; empty = one made from the resource id. The writer's row shows MASTER_SESSION_ID."""
    lag_ms: float | None = None
    """The lag measured last, for the instances that cannot see this one's by themselves."""
