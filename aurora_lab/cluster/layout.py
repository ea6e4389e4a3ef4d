"""Where the files of a cluster lie, and what they say.

    topology.json              who is the writer and who reads: read by every server
    storage.json               the storage nodes and how far each is: read by every server
    volume/nodes/              the storage nodes' copies of the log (see `storage_nodes.py`)
    volume/seed                the data directory, while there is no instance
    volume/birth.json          what the volume was made from, and its master user until there is one
    volume/writer.json         which instance is the writer, and which one is to become it
    volume/limits.json         the limits that a reader must not fall below
    volume/fork.json           a clone's pages as it began, by their fingerprints (see `pages.py`)
    volume/restarting.json     readers that are being restarted, to have higher limits
    secrets/                   certificate, key, password file for libpq
    instances/NAME             the data directory of an instance
    instances/NAME.log         its log
    instances/NAME.d/          identity, parameters.conf, record.json

The rule of restartability: **a data directory under its final name is complete; one under a name with `.new-`
in it is rubbish of a dead attempt.** Such a name is used once and never again: a tool that outlives its caller
goes on writing there, where it harms nobody. All other files are replaced by rename.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aurora_lab.cluster.configuration import BUILT_IN_LIMITS, as_json
from aurora_lab.cluster.types import InstanceSpec, Master
from aurora_lab.runtime.base import Runtime

STANDBY_SIGNAL = "standby.signal"
"""Its presence makes a server a standby. PostgreSQL removes it when a promotion is final."""


@dataclass(frozen=True, slots=True)
class Writership:
    """Who may write. `successor` is set before the first step of a promotion and cleared after its last."""

    writer: str | None = None
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Birth:
    """What a volume was made from, and what its first writer has still to do."""

    template: Path
    """The data directory that it is a copy of."""
    first_log: str
    """The log file from which a copy of it goes on; empty where no copy of it may become a reader any more."""
    master: Master | None = None
    """The master user, until it exists in the database."""
    database: str | None = None
    """The first database, until it exists."""
    replication: str | None = field(default=None, repr=False)
    """The readers' password, until it is set."""


@dataclass(frozen=True, slots=True)
class Limits:
    """LIMITS as the writer has them now, and the highest that any writer ever had."""

    now: Mapping[str, int] = field(default_factory=lambda: dict(BUILT_IN_LIMITS))
    ever: Mapping[str, int] = field(default_factory=lambda: dict(BUILT_IN_LIMITS))


@dataclass(frozen=True, slots=True)
class Record:
    """An instance as it was last started or applied."""

    spec: InstanceSpec
    limits: Mapping[str, int] = field(default_factory=dict)
    """The values of LIMITS that its server was started with."""
    good: Mapping[str, str] = field(default_factory=dict)
    """Parameters that a server of this instance has started with."""


class Layout:
    """The paths of one cluster and the small files at them. Names are resource ids in lower case."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._runtime = runtime
        self.folder = folder.resolve()
        self.volume = self.folder / "volume"
        self.seed = self.volume / "seed"
        self.instances = self.folder / "instances"
        self.secrets = self.folder / "secrets"
        self.certificate = self.secrets / "server.crt"
        self.key = self.secrets / "server.key"
        self.passfile = self.secrets / "passfile"
        self.topology = self.folder / "topology.json"

    def data(self, name: str) -> Path:
        """The data directory of an instance."""
        return self.instances / name

    def log(self, name: str) -> Path:
        """The log of an instance's server."""
        return self.instances / f"{name}.log"

    def side(self, name: str) -> Path:
        """The folder with an instance's own small files."""
        return self.instances / f"{name}.d"

    def parameters(self, name: str) -> Path:
        """The file with an instance's parameters."""
        return self.side(name) / "parameters.conf"

    def new(self, final: Path) -> Path:
        """A name, never used before, for a data directory that is not complete yet."""
        return final.with_name(f"{final.name}.new-{secrets.token_hex(6)}")

    def rubbish(self, final: Path) -> list[Path]:
        """What dead attempts at `final` have left."""
        return list(final.parent.glob(f"{final.name}.new-*"))

    def all_rubbish(self) -> list[Path]:
        """What dead attempts have left anywhere."""
        return [*self.volume.glob("*.new-*"), *self.instances.glob("*.new-*")]

    def is_standby(self, name: str) -> bool:
        """Whether an instance's data directory has never been a writer's since it was made or rewound."""
        return (self.data(name) / STANDBY_SIGNAL).exists()

    def make(self) -> None:
        """Make the folders that everything else lies in."""
        for folder in (self.folder, self.volume, self.instances, self.secrets):
            self._runtime.make_folder(folder)

    # Small files.

    def writership(self) -> Writership:
        """Who may write."""
        found = _read(self.volume / "writer.json")
        return Writership(found.get("writer"), found.get("successor"))

    def set_writership(self, writership: Writership) -> None:
        """Record who may write."""
        text = as_json({"writer": writership.writer, "successor": writership.successor})
        self._runtime.write(self.volume / "writer.json", text)

    def birth(self) -> Birth | None:
        """How the volume came to be; None where that is not known."""
        found = _read(self.volume / "birth.json")
        if not found:
            return None
        master = Master(*found["master"]) if found["master"] is not None else None
        return Birth(
            Path(found["template"]), found["first_log"], master, found["database"], found["replication"]
        )

    def set_birth(self, birth: Birth) -> None:
        """Record how the volume came to be."""
        master = [birth.master.username, birth.master.password] if birth.master is not None else None
        text = as_json(
            {
                "template": str(birth.template),
                "first_log": birth.first_log,
                "master": master,
                "database": birth.database,
                "replication": birth.replication,
            }
        )
        self._runtime.write(self.volume / "birth.json", text)

    def fork(self) -> dict[str, str] | None:
        """What a clone began as, for `pages.Pages`; None where the volume is none."""
        return _read(self.volume / "fork.json") or None

    def set_fork(self, fingerprint: Mapping[str, str]) -> None:
        """Record what a clone begins as."""
        self._runtime.write(self.volume / "fork.json", as_json(dict(fingerprint)))

    def limits(self) -> Limits:
        """The limits that a reader must not fall below."""
        found = _read(self.volume / "limits.json")
        return Limits(
            {**BUILT_IN_LIMITS, **found.get("now", {})}, {**BUILT_IN_LIMITS, **found.get("ever", {})}
        )

    def set_limits(self, now: Mapping[str, int]) -> None:
        """Record the limits that the writer has now.

        With others than before, the log tells of both, and no reader may be made that has to read all of it:
        PostgreSQL pauses a standby that comes to higher limits than its own, though they were lowered since.
        """
        birth, before = self.birth(), _read(self.volume / "limits.json").get("now", now)
        if birth is not None and dict(before) != dict(now):
            self.set_birth(replace(birth, first_log=""))
        ever = {name: max(value, now[name]) for name, value in self.limits().ever.items()}
        self._runtime.write(self.volume / "limits.json", as_json({"now": dict(now), "ever": ever}))

    def restarting(self) -> list[str]:
        """Readers that are being restarted: one that is found stopped must be started."""
        return [str(name) for name in _read(self.volume / "restarting.json").get("readers", [])]

    def set_restarting(self, names: Sequence[str]) -> None:
        """Record readers that are about to be restarted; none when they have been."""
        self._runtime.write(self.volume / "restarting.json", as_json({"readers": list(names)}))

    def record(self, name: str) -> Record | None:
        """An instance as it was last started or applied; None where it is not known."""
        found = _read(self.side(name) / "record.json")
        if not found:
            return None
        spec = InstanceSpec(
            found["identifier"], found["resource_id"], int(found["port"]), found["parameters"]
        )
        return Record(spec, found["limits"], found["good"])

    def set_record(self, record: Record) -> None:
        """Record an instance, and the identifier that its server answers."""
        spec = record.spec
        self._runtime.make_folder(self.side(spec.name))
        # Without a line break: the file is the answer of aurora_db_instance_identifier().
        self._runtime.write(self.side(spec.name) / "identity", spec.identifier)
        text = as_json(
            {
                "identifier": spec.identifier,
                "resource_id": spec.resource_id,
                "port": spec.port,
                "parameters": dict(spec.parameters),
                "limits": dict(record.limits),
                "good": dict(record.good),
            }
        )
        self._runtime.write(self.side(spec.name) / "record.json", text)

    def names(self) -> list[str]:
        """The instances that are known."""
        return sorted(path.parent.name[:-2] for path in self.instances.glob("*.d/record.json"))


def _read(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
