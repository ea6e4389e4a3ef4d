"""The six storage nodes of a cluster: each receives the log, flushes it, and only then acknowledges it.

A storage node is a `pg_receivewal --synchronous` with a folder of its own. It belongs to the cluster, not to an
instance: it outlives every instance and the region, and follows whoever is the writer. The writer waits with
each commit for four of them (`quorum.SYNCHRONOUS`).

    nodes/a1               the copy of the log that node a1 has
    nodes/a1.log           what its process says
    nodes/a1.json          the epoch that it has heard of, and the writer that it follows
    nodes/epochs.json      the volume's epoch, and where the log ended when each began
    nodes/faults.json      what has been done to which node, until it is undone

The rules:

    opening    whoever opens the volume first fences it: every node that answers stops to receive and takes the
               next epoch. That needs a read quorum. From then on nobody who wrote before can have a commit
               acknowledged: of those that answered, none listens to him, and of the others there are too few.
    truth      the longest copy of those that answer has every acknowledged record (4 + 3 > 6).
    following  a node that has missed an epoch cuts off what it has beyond the end of that time, then follows.
    slots      there are none: a writer keeps the newest 64 MB of its log for a node that was away, and what
               is gone there a node gets from its peers. So no node that stays away can fill the writer's disk.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic, time
from typing import Any

from aurora_lab.cluster import log_copies
from aurora_lab.cluster.configuration import as_json
from aurora_lab.cluster.quorum import FAULTS, NAMES, READ_QUORUM, WRITE_QUORUM, NoReadQuorumError
from aurora_lab.cluster.servers import Servers, wait_until
from aurora_lab.cluster.types import ClusterError, NotReachableError
from aurora_lab.runtime.base import Program, ProgramSpec, ToolError

log = logging.getLogger(__name__)

QUORUM_SECONDS = 20.0
"""How long storage nodes may take until they stand; they take some 60 ms."""
SILENT_SECONDS = 0.6
"""How long a node may run without receiving before it is started again: by itself it would wait for 5 s."""
KEPT_SEGMENTS = 32
"""Finished segments (of 1 MB) that a node keeps at least. A reader that is further behind is made anew."""
_POLL_SECONDS = 0.005
_ATTACHED = """
    SELECT application_name, state = 'streaming', (flush_lsn - '0/0')::bigint FROM pg_stat_replication
    WHERE application_name = ANY(%s) AND usename = 'rdsrepladmin' ORDER BY pid
"""
_HOPELESS = re.compile(
    "has already been removed|is not in this server's history|is ahead of the WAL flush position"
    "|could not determine size|has \\d+ bytes, should be"
)
"""What a node says that can never go on with the copy that it has."""


class StorageNodes:
    """The storage nodes of one cluster. Safe to share between threads; one operation at a time."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._runtime = servers.runtime
        self.folder = servers.layout.volume / "nodes"
        self._lock = threading.RLock()
        self._programs: dict[str, Program] = {}
        self._silent: dict[str, float] = {}
        self._said: dict[str, int] = {}

    def copy(self, node: str) -> Path:
        """The folder with a node's copy of the log."""
        return self.folder / node

    # Opening the volume.

    def fence(self) -> None:
        """Begin the next epoch: no node that answers receives from anybody any more.

        Raises NoReadQuorumError, and then nothing has changed.
        """
        with self._lock:
            answering = self._answering()
            if len(answering) < READ_QUORUM:
                raise NoReadQuorumError(len(answering))
            self._runtime.make_folder(self.folder)
            self._end(answering)
            self._sweep()
            longest = self._longest(answering)
            end = log_copies.last(self.copy(longest)) if longest else None
            state = self._epochs()
            epoch = state["epoch"] + 1
            ends = {**state["ends"], str(epoch): end.name if end else None}
            heard = min(self._node(node).get("epoch", 0) for node in NAMES if node not in answering) if (
                len(answering) < len(NAMES)
            ) else epoch
            ends = {number: name for number, name in ends.items() if int(number) > min(heard, epoch - 1)}
            self._write("epochs", {"epoch": epoch, "ends": ends})
            for node in answering:
                self._write(node, {"epoch": epoch})

    def truth(self) -> Path | None:
        """A folder with every log record that a read quorum proves, under full names; None where there is none.

        To be taken after `fence`, and to be given back with `forget_truth` before anybody follows.
        Raises NoReadQuorumError, ToolError.
        """
        with self._lock:
            answering = self._answering()
            if len(answering) < READ_QUORUM:
                raise NoReadQuorumError(len(answering))
            longest = self._longest(answering)
            if longest is None:
                return None
            target = self.folder / f"hand-over-{token_hex(4)}"
            log_copies.put_together(self._runtime, self.copy(longest), target)
            return target

    def forget_truth(self, folder: Path | None) -> None:
        """Remove a folder that `truth` has made."""
        if folder is not None:
            self._runtime.remove_tree(folder)

    # Following a writer.

    def follow(self, writer: str) -> None:
        """Have every node that answers receive from the running writer; those that do already go on.

        Returns at once; `await_quorum` waits. Raises NotReachableError, ToolError.
        """
        with self._lock:
            self._attach(self._answering(), writer)

    def await_quorum(self, writer: str, seconds: float = QUORUM_SECONDS) -> bool:
        """Wait until the first commit would not hang: until a write quorum stands or, where fewer answer, these.

        False when it took too long. Raises NotReachableError.
        """
        wanted = min(WRITE_QUORUM, len(self._answering()))

        def stands() -> bool:
            return sum(streaming for streaming, _ in self.attached(writer).values()) >= wanted

        return wait_until(stands, seconds, _POLL_SECONDS)

    def attached(self, writer: str) -> dict[str, tuple[bool, int]]:
        """The nodes that are connected to the writer: whether each is in sync, and how far it has flushed.

        Raises NotReachableError.
        """
        rows = self._servers.sessions.rows(writer, _ATTACHED, list(NAMES), seconds=2.0)
        return {name: (bool(streaming), int(flushed or 0)) for name, streaming, flushed in rows}

    def stop(self) -> None:
        """End all nodes' processes; their copies stay."""
        with self._lock:
            self._programs.clear()
            if self.folder.exists():
                self._runtime.end_programs(self.folder)

    # Looking after them.

    def tend(self, writer: str, repair_seconds: float, may_go: Callable[[Path], bool]) -> list[str]:
        """Bring back the nodes that do not receive, rebuild the destroyed, trim the log; what was done, in words.

        `repair_seconds`: after how long a destroyed node is rebuilt by itself (FACTS 1.14). `may_go`: whether a
        finished segment may be removed, which is the place to keep it elsewhere first.

        Raises NotReachableError, ToolError.
        """
        with self._lock:
            notes = []
            faults = self._faults()
            for node, fault in list(faults.items()):
                if fault["fault"] == "destroy" and time() - fault["since"] > repair_seconds:
                    del faults[node]
                    self._write("faults", faults)
            attached = self.attached(writer)
            for node in self._answering():
                if not self._missing(node) and attached.get(node, (False, 0))[0]:
                    self._silent.pop(node, None)
                elif note := self._bring_back(node, writer, attached):
                    notes.append(note)
            self._trim(may_go)
            return notes

    def state(self, node: str) -> str:
        """What has been done to a node (`killed`, `paused` …), or `up`."""
        fault = self._faults().get(node)
        return FAULTS[fault["fault"]] if fault else "up"

    def epoch(self) -> int:
        """The volume's epoch; 0 before the first writer."""
        return int(self._epochs()["epoch"])

    def memory(self, node: str) -> int:
        """Bytes of memory that a node's process takes; 0 where none runs."""
        program = self._find(node)
        return program.memory() if program is not None else 0

    # Faults.

    def fault(self, node: str, kind: str) -> None:
        """Do to a node what a failing machine, network or disk would do; it stays so until it is undone.

        `kill`: its process ends. `pause` and `cut`: it hangs, or nothing reaches it, which looks the same from
        outside. `destroy`: its process and its copy are gone. Raises ClusterError for anything else.
        """
        if kind not in FAULTS or node not in NAMES:
            raise ClusterError(
                f"Storage nodes are {', '.join(NAMES)}; what can be done to them is {', '.join(FAULTS)}."
            )
        with self._lock:
            self._runtime.make_folder(self.folder)
            self._write("faults", {**self._faults(), node: {"fault": kind, "since": time()}})
            program = self._find(node)
            if kind in ("pause", "cut"):
                if program is not None:
                    program.freeze()
                return
            self._end([node])
            if kind == "destroy":
                self._discard(node)

    def undo(self, node: str) -> None:
        """Bring a node back. It follows, catches up or is rebuilt when the nodes are next looked after."""
        with self._lock:
            faults = self._faults()
            if faults.pop(node, None) is None:
                return
            self._write("faults", faults)
            program = self._find(node)
            if program is None:
                return
            if self._node(node).get("epoch") == self.epoch():
                program.thaw()
            else:
                program.kill()  # It would go on with a writer of an earlier epoch.

    # Helpers.

    def _answering(self) -> list[str]:
        faults = self._faults()
        return [node for node in NAMES if node not in faults]

    def _longest(self, nodes: Iterable[str]) -> str | None:
        copies = {node: self.copy(node) for node in nodes}
        return log_copies.longest(self._runtime, self._servers.layout.folder, copies)

    def _attach(self, nodes: Sequence[str], writer: str) -> None:
        """Start the processes of those that do not follow this writer in this epoch."""
        epoch, target = self.epoch(), self._target(writer)
        wanted = {"epoch": epoch, **target}
        new = [node for node in nodes if self._node(node) != wanted or self._missing(node)]
        if not new:
            return
        self._runtime.make_folder(self.folder)
        self._end(new)
        with ThreadPoolExecutor(len(new)) as threads:
            for node, program in threads.map(lambda node: (node, self._launch(node, writer, wanted)), new):
                self._programs[node] = program
                self._silent[node] = monotonic()

    def _launch(self, node: str, writer: str, wanted: dict[str, Any]) -> Program:
        self._runtime.make_folder(self.copy(node))
        self._cut(node)
        self._write(node, wanted)
        spec = ProgramSpec(
            place=f"az-{node[0]}",
            root=self._servers.layout.folder,
            folder=self.copy(node),
            command=(
                "pg_receivewal",
                f"--dbname={self._servers.primary_conninfo(node, writer)}",
                "--synchronous",
                "--no-password",
            ),
        )
        with suppress(OSError):
            self._said[node] = spec.log.stat().st_size
        return self._runtime.launch(spec)

    def _target(self, writer: str) -> dict[str, Any]:
        host, port = self._servers.need(writer).peer_address
        return {"writer": writer, "host": host, "port": port}

    def _cut(self, node: str) -> None:
        """Remove what a node has beyond the end of the epochs that it has missed."""
        heard = self._node(node).get("epoch", 0)
        ends = [name for number, name in self._epochs()["ends"].items() if int(number) > heard and name]
        if ends and (removed := log_copies.cut(self.copy(node), min(ends))):
            log.info("storage node %s: %d files beyond %s annulled", node, removed, min(ends))

    def _bring_back(self, node: str, writer: str, attached: dict[str, tuple[bool, int]]) -> str | None:
        """Start a node that does not receive, with another copy where it cannot go on with its own."""
        copy = self.copy(node)
        rebuilt = None
        if not self._missing(node):
            since = self._silent.setdefault(node, monotonic())
            if monotonic() - since < SILENT_SECONDS:
                return None
            self._end([node])
            if self._hopeless(node):
                self._discard(node)
        if log_copies.last(copy) is None:
            peers = [peer for peer, (streaming, _) in attached.items() if streaming and peer != node]
            rebuilt = self._rebuild(node, peers)
        self._attach([node], writer)
        return rebuilt

    def _rebuild(self, node: str, peers: Sequence[str]) -> str | None:
        """Copy the log from a peer; where no peer has any the node begins where the writer is."""
        counts = {peer: len(log_copies.finished(self.copy(peer))) for peer in peers}
        if not counts:
            return None
        peer = max(counts, key=lambda each: counts[each])
        staging = self.folder / f"hand-over-{token_hex(4)}"
        making = self.folder / f"{node}.new-{token_hex(4)}"
        try:
            log_copies.put_together(self._runtime, self.copy(peer), staging)
            # The segment that the peer is writing now the node receives by itself.
            last = log_copies.last(staging)
            if last is not None:
                last.file.rename(last.file.with_name(last.name + log_copies.PARTIAL))
            self._runtime.copy_tree(staging, making)
            self._runtime.remove_tree(self.copy(node))
            making.rename(self.copy(node))
        except OSError as error:  # The peer has just finished or trimmed a segment.
            raise ToolError(f"storage node {node} could not be rebuilt from {peer}: {error}") from error
        finally:
            self._runtime.remove_tree(staging)
            self._runtime.remove_tree(making)
        self._write(node, {"epoch": self.epoch()})
        return f"Storage node {node} has been rebuilt from {peer}."

    def _hopeless(self, node: str) -> bool:
        """Whether a node has said since its start that it cannot go on with its copy."""
        file = self.copy(node).with_name(node + ".log")
        try:
            with file.open("rb") as said:
                said.seek(self._said.get(node, 0))
                return bool(_HOPELESS.search(said.read().decode("utf-8", "replace")))
        except OSError:
            return False

    def _trim(self, may_go: Callable[[Path], bool]) -> None:
        for node in self._answering():
            for segment in log_copies.finished(self.copy(node))[:-KEPT_SEGMENTS]:
                if not may_go(segment):
                    break
                segment.unlink(missing_ok=True)

    def _find(self, node: str) -> Program | None:
        """The running process of a node, also one that a dead region left."""
        program = self._programs.get(node)
        if program is not None and program.running():
            return program
        self._programs.pop(node, None)
        for folder, found in self._runtime.programs(self.folder).items():
            self._programs[folder.name] = found
        return self._programs.get(node)

    def _missing(self, node: str) -> bool:
        return self._find(node) is None

    def _end(self, nodes: Iterable[str]) -> None:
        """End the processes of nodes, together."""
        doomed = [program for node in nodes if (program := self._find(node)) is not None]
        if doomed:
            with ThreadPoolExecutor(len(doomed)) as threads:
                list(threads.map(lambda program: program.kill(), doomed))
        for node in nodes:
            self._programs.pop(node, None)
            self._silent.pop(node, None)

    def _discard(self, node: str) -> None:
        """Remove a node's copy: first by name, so that nobody ever takes half of one for a copy."""
        if self.copy(node).exists():
            doomed = self.folder / f"{node}.new-{token_hex(4)}"
            self.copy(node).rename(doomed)
            self._runtime.remove_tree(doomed)

    def _sweep(self) -> None:
        """Remove what dead attempts have left."""
        for pattern in ("hand-over-*", "check-*", "*.new-*"):
            for folder in self.folder.glob(pattern):
                self._runtime.remove_tree(folder)

    def _epochs(self) -> dict[str, Any]:
        return self._read("epochs") or {"epoch": 0, "ends": {}}

    def _faults(self) -> dict[str, dict[str, Any]]:
        return self._read("faults")

    def _node(self, node: str) -> dict[str, Any]:
        return self._read(node)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self._runtime.write(self.folder / f"{name}.json", as_json(value))


def settle(nodes: StorageNodes, writer: str) -> None:
    """Have the nodes follow a writer that has just opened, and wait for their quorum. Raises NotReachableError."""
    nodes.follow(writer)
    if not nodes.await_quorum(writer):
        raise NotReachableError(f"The storage nodes did not follow {writer} within {QUORUM_SECONDS:g} s.")
