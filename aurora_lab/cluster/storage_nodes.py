"""The six storage nodes of a cluster: each receives the log, flushes it, and only then acknowledges it.

A storage node is a `pg_receivewal --synchronous` with a folder of its own. It belongs to the cluster, not to an
instance: it outlives every instance and the region, and follows whoever is the writer. The writer waits with
each commit for four of them (`quorum.SYNCHRONOUS`).

    nodes/a1               the copy of the log that node a1 has
    nodes/a1.log           what its process says
    nodes/a1.json          the epoch that it has heard of, and the writer that it follows
    nodes/epochs.json      the volume's epoch, and where the log ended when each began
    nodes/faults.json      what has been done to which node, until it is undone
    nodes/rebuilding.json  who has lost its copy, and has not caught up since

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

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any

from aurora_lab.cluster import log_copies, log_ends
from aurora_lab.cluster.layout import Writership
from aurora_lab.cluster.node_programs import NodePrograms
from aurora_lab.cluster.node_records import NodeRecords, hopeless
from aurora_lab.cluster.quorum import (
    FAULTS,
    NAMES,
    READ_QUORUM,
    SYNCHRONOUS,
    WRITE_QUORUM,
    NodeStatus,
    NoReadQuorumError,
)
from aurora_lab.cluster.servers import Servers, wait_until
from aurora_lab.cluster.types import ClusterError
from aurora_lab.runtime.base import Program, ProgramSpec

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
_WRITTEN = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"
_LET_GO = "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = ANY(%s)"


class StorageNodes:
    """The storage nodes of one cluster. Safe to share between threads; one operation at a time."""

    synchronous = SYNCHRONOUS
    """`synchronous_standby_names` of every instance."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._runtime = servers.runtime
        self.folder = servers.layout.volume / "nodes"
        self.records = NodeRecords(self._runtime, self.folder)
        self._lock = threading.RLock()
        self._programs = NodePrograms(self._runtime, self.records)
        self._silent: dict[str, float] = {}
        self._said: dict[str, int] = {}

    def copy(self, node: str) -> Path:
        """The folder with a node's copy of the log."""
        return self.records.copy(node)

    # Opening the volume.

    def require_read_quorum(self) -> None:
        """Raise NoReadQuorumError where too few nodes answer to open the volume."""
        witnesses = len(self.records.witnesses())
        if witnesses < READ_QUORUM:
            raise NoReadQuorumError(witnesses)

    def fence(self) -> None:
        """Begin the next epoch: no node that answers receives from anybody any more.

        Raises NoReadQuorumError, and then nothing has changed.
        """
        with self._lock:
            self.require_read_quorum()
            answering = self.records.answering()
            self._runtime.make_folder(self.folder)
            self._end(answering)
            self._sweep(answering)
            longest = self._longest(self.records.witnesses())
            end = log_copies.last(self.copy(longest)) if longest else None
            self.records.begin_epoch(answering, longest, end.name if end else None)

    def truth(self) -> Path | None:
        """A folder with every log record that a read quorum proves, under full names; None where there is none.

        To be taken after `fence`, and to be given back with `forget_truth` once the writer has opened: a target
        that was told to promote goes on reading it, whatever becomes of us. Raises NoReadQuorumError, ToolError.
        """
        with self._lock:
            self.require_read_quorum()
            witnesses = self.records.witnesses()
            longest = self.records.longest()
            if longest not in witnesses or log_copies.last(self.copy(longest)) is None:
                longest = self._longest(witnesses)
            if longest is None:
                return None
            target = self.folder / f"truth-{token_hex(4)}"
            log_copies.put_together(self._runtime, self.copy(longest), target)
            return target

    def forget_truth(self) -> None:
        """Remove the folders that `truth` has made."""
        for folder in self.folder.glob("truth-*"):
            self._runtime.remove_tree(folder)

    # Following a writer.

    def follow(self, writer: str) -> None:
        """Have every node that answers receive from the running writer; those that do already go on.

        One that has lost its copy gets another first, when the nodes are looked after. Returns at once;
        `await_quorum` waits. Raises NotReachableError, ToolError.
        """
        with self._lock:
            self._attach(self.records.witnesses(), writer)

    def await_quorum(self, writer: str, seconds: float = QUORUM_SECONDS) -> bool:
        """Wait until the first commit would not hang: until a write quorum stands or, where fewer answer, these.

        False when it took too long. Raises NotReachableError.
        """
        looked = monotonic()

        def stands() -> bool:
            nonlocal looked
            # Some may go, and others come back, while we wait.
            if monotonic() - looked > SILENT_SECONDS:
                self.follow(writer)
                looked = monotonic()
            wanted = min(WRITE_QUORUM, len(self.records.witnesses()))
            return sum(streaming for streaming, _ in self.attached(writer).values()) >= wanted

        return wait_until(stands, seconds, _POLL_SECONDS)

    def attached(self, writer: str) -> dict[str, tuple[bool, int]]:
        """The nodes that are connected to the writer: whether each is in sync, and how far it has flushed.

        Raises NotReachableError.
        """
        rows = self._servers.sessions.rows(writer, _ATTACHED, list(NAMES), seconds=2.0)
        return {name: (bool(streaming), int(flushed or 0)) for name, streaming, flushed in rows}

    def release(self, writer: str) -> None:
        """Cut the writer's connections to nodes that hang: a clean stop would wait for them."""
        hanging = list(self.records.faults())
        if hanging:
            with suppress(ClusterError):
                self._servers.sessions.rows(writer, _LET_GO, hanging, seconds=2.0)

    def stop(self) -> None:
        """End all nodes' processes; their copies stay."""
        with self._lock:
            self._programs.forget()
            self._runtime.end_programs(self._servers.layout.folder)

    # Looking after them.

    def tend(self, writer: str, repair_seconds: float, may_go: Callable[[Path], bool]) -> list[str]:
        """Bring back the nodes that do not receive, rebuild the destroyed, trim the log; what was done, in words.

        `repair_seconds`: after how long a destroyed node is rebuilt by itself (FACTS 1.14). `may_go`: whether a
        finished segment may be removed, which is the place to keep it elsewhere first.

        Raises NotReachableError, ToolError.
        """
        epoch = self.records.epoch()
        # Not under the lock: a failover must not wait for a writer that hangs.
        attached = self.attached(writer)
        ((written,),) = self._servers.sessions.rows(writer, _WRITTEN, seconds=2.0)
        with self._lock:
            if self.records.epoch() != epoch or self._servers.layout.writership() != Writership(writer):
                return []
            notes = []
            for node, fault in self.records.faults().items():
                if fault != "destroy":
                    continue
                if self.copy(node).exists():  # Whoever did it was killed in the middle.
                    self._end([node])
                    self._discard(node)
                if self.records.since(node) > repair_seconds:
                    self.records.set_fault(node, None)
            answering = self.records.answering()
            running = self._programs.running(answering)
            for node in answering:
                streaming, flushed = attached.get(node, (False, 0))
                if node in running and streaming:
                    self._silent.pop(node, None)
                    self.records.note_streaming(node, flushed, int(written))
                elif note := self._bring_back(node, writer, node in running, attached):
                    notes.append(note)
            for node in self.records.answering():
                log_copies.trim(self.copy(node), KEPT_SEGMENTS, may_go)
                log_ends.drop_left_behind(self.copy(node))
            return notes

    def status(self, writer: str | None, memory: bool = True) -> tuple[NodeStatus, ...]:
        """Each node now; `writer` is the one that runs, or None. Without `memory`, that is not measured (0)."""
        faults, rebuilding = self.records.faults(), self.records.rebuilding()
        attached: dict[str, tuple[bool, int]] = {}
        if writer is not None:
            with suppress(ClusterError):
                attached = self.attached(writer)
        found = []
        for node in NAMES:
            fault = faults.get(node)
            streaming, flushed = attached.get(node, (None, 0))
            if fault is not None:
                state = FAULTS[fault]
            elif streaming is None:
                state = "idle" if writer is None else "starting"
            else:
                state = "in-sync" if streaming and node not in rebuilding else "catching-up"
            scl = flushed or log_copies.reach(self.copy(node))
            found.append(NodeStatus(node, node[0], state, scl, self.memory(node) if memory else 0))
        return tuple(found)

    def memory(self, node: str) -> int:
        """Bytes of memory that a node's process takes; 0 where none runs."""
        program = self._programs.running([node]).get(node)
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
            self.records.set_fault(node, kind)
            program = self._programs.running([node]).get(node)
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
            if node not in self.records.faults():
                return
            program = self._programs.running([node]).get(node)
            if program is not None:
                if self.records.heard(node) == self.records.epoch():
                    program.thaw()
                else:
                    program.kill()  # It would go on with a writer of an earlier epoch.
            # Last: without the record nobody would look for a process that still stands.
            self.records.set_fault(node, None)

    # Helpers.

    def _longest(self, nodes: Iterable[str]) -> str | None:
        copies = {node: self.copy(node) for node in nodes}
        return log_copies.longest(self._runtime, self._servers.layout.folder, copies)

    def _attach(self, nodes: Sequence[str], writer: str) -> None:
        """Start the processes of those that do not follow this writer in this epoch."""
        host, port = self._servers.need(writer).peer_address
        wanted = {"epoch": self.records.epoch(), "writer": writer, "host": host, "port": port}
        running = self._programs.running(nodes)
        new = [node for node in nodes if node not in running or self.records.node(node) != wanted]
        if not new:
            return
        self._runtime.make_folder(self.folder)
        self._end(new)
        with ThreadPoolExecutor(len(new)) as threads:
            for node, program in threads.map(lambda node: (node, self._launch(node, writer, wanted)), new):
                self._programs.note(node, program)
                self._silent[node] = monotonic()

    def _launch(self, node: str, writer: str, wanted: dict[str, Any]) -> Program:
        self._runtime.make_folder(self.copy(node))
        self._cut(node, writer)
        self.records.set_node(node, wanted)
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

    def _cut(self, node: str, writer: str) -> None:
        """Remove what a node has beyond the end of the epochs that it has missed, and of the writer's timelines."""
        log_of_writer = self._servers.layout.data(writer) / "pg_wal"
        if removed := log_ends.fit(self.copy(node), self.records.annulled_from(node), log_of_writer):
            log.info("storage node %s: %d files that %s does not know annulled", node, removed, writer)

    def _bring_back(
        self, node: str, writer: str, runs: bool, attached: dict[str, tuple[bool, int]]
    ) -> str | None:
        """Start a node that does not receive, with another copy where it cannot go on with its own."""
        copy = self.copy(node)
        rebuilt = None
        if runs:
            since = self._silent.setdefault(node, monotonic())
            if monotonic() - since < SILENT_SECONDS:
                return None
            self._end([node])
            if hopeless(self.copy(node).with_name(f"{node}.log"), self._said.get(node, 0)):
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
        log_copies.rebuild(self._runtime, self.copy(peer), self.copy(node))
        self.records.set_node(node, {"epoch": self.records.epoch()})
        return f"Storage node {node} has been rebuilt from {peer}."

    def _end(self, nodes: Iterable[str]) -> None:
        """End the processes of nodes, together."""
        nodes = list(nodes)
        self._programs.end(nodes)
        for node in nodes:
            self._silent.pop(node, None)

    def _discard(self, node: str) -> None:
        """Remove a node's copy: first by name, so that nobody ever takes half of one for a copy.

        Until it has caught up with the writer it does not count for the read quorum: it may have been one of
        only four that had an acknowledged record.
        """
        self.records.set_rebuilding(node)
        if self.copy(node).exists():
            doomed = self.folder / f"{node}.new-{token_hex(4)}"
            self.copy(node).rename(doomed)
            self._runtime.remove_tree(doomed)

    def _sweep(self, nodes: Iterable[str]) -> None:
        """Remove what dead attempts have left; but not what a target may still be reading."""
        for node in nodes:
            log_ends.mend(self.copy(node))
        for pattern in ("staging-*", "check-*", "*.new-*"):
            for folder in self.folder.glob(pattern):
                self._runtime.remove_tree(folder)
