"""The processes of a cluster's storage nodes: found, also those that a dead region left, and ended.

A region may be killed between the record of a fault and the deed. So whoever finds a process that he has not
started himself first makes it what the record says: it goes on, stands still, or ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from aurora_lab.cluster.node_records import NodeRecords
from aurora_lab.runtime.base import Program, Runtime

STANDING = frozenset({"pause", "cut"})
"""Faults with which a process lives on, and does nothing."""


class NodePrograms:
    """The running processes, by node. Safe to share between threads."""

    def __init__(self, runtime: Runtime, records: NodeRecords) -> None:
        self._runtime = runtime
        self._records = records
        self._known: dict[str, Program] = {}

    def note(self, node: str, program: Program) -> None:
        """A node's process has been started."""
        self._known[node] = program

    def running(self, nodes: Iterable[str]) -> dict[str, Program]:
        """The running processes of nodes."""
        nodes = list(nodes)
        for node in nodes:
            # Also asked without a lock: what was there may be gone at the next look.
            if (known := self._known.get(node)) is not None and not known.running():
                self._known.pop(node, None)
        if any(node not in self._known for node in nodes):
            for folder, found in self._runtime.programs(self._records.folder).items():
                if folder.name not in self._known and self._take_over(folder.name, found):
                    self._known.setdefault(folder.name, found)
        return {node: known for node in nodes if (known := self._known.get(node)) is not None}

    def end(self, nodes: Iterable[str]) -> None:
        """End the processes of nodes, together."""
        nodes = list(nodes)
        doomed = list(self.running(nodes).values())
        if doomed:
            with ThreadPoolExecutor(len(doomed)) as threads:
                list(threads.map(lambda program: program.kill(), doomed))
        for node in nodes:
            self._known.pop(node, None)

    def forget(self) -> None:
        """Somebody else has ended them all."""
        self._known.clear()

    def _take_over(self, node: str, program: Program) -> bool:
        """Make a process that was found what the record says of its node; whether it lives."""
        fault = self._records.faults().get(node)
        if fault is None:
            program.thaw()
        elif fault in STANDING:
            program.freeze()
        else:
            program.kill()
        return fault is None or fault in STANDING
