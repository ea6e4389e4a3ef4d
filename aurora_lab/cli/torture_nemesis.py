"""The nemesis of `aurora-lab torture`: breaks things in an order that its seed decides, and brings them back.

It keeps to what Aurora survives: while anything may be acknowledged, no more than an AZ and one storage node are
away. Within that it is as mean as it can be:

    writer, reader        an instance is killed
    frozen writer         it hangs, so that the region has to find out
    node, pause, destroy  a storage node goes, hangs, or loses its copy
    az                    an AZ goes
    region                the region's process is killed, and started again
    machine               every process is killed at once
    stuck                 readers receive nothing for a while, then the writer is killed: only the volume has all
    one of four           two storage nodes are away; what is acknowledged meanwhile lies on four. Then three of
                          these go and the two come back, the writer is killed: one of three has all
    left behind           an AZ and one more are away: nothing may be acknowledged. Then they come back, the
                          other three go, and the writer is killed
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter

import psutil

from aurora_lab.cli.torture_region import Arena
from aurora_lab.cluster.quorum import NAMES, READ_QUORUM
from aurora_lab.region import client

KINDS = (
    *["writer"] * 5,
    *["frozen writer", "reader", "node", "node", "pause", "destroy", "az", "region", "machine"],
    *["stuck", "stuck", "one of four", "left behind"],
)
WRITER_KILLS = frozenset({"writer", "frozen writer", "stuck", "one of four", "left behind", "machine"})
NODES = {"node": 1, "pause": 1, "az": 2}
"""How many storage nodes a fault takes."""
MOST_AWAY = len(NAMES) - READ_QUORUM
"""An AZ and one more."""
IN_SYNC_SECONDS = 60.0


class Nemesis:
    """Faults by seed. `strike` may raise TimeoutError: what was brought back does not come back."""

    def __init__(self, arena: Arena, seed: int) -> None:
        self._arena = arena
        self._random = random.Random(seed)
        self._undo: list[tuple[str, str]] = []
        self._stuck: list[psutil.Process] = []
        self._moment = threading.Event()
        self.done: Counter[str] = Counter()

    @property
    def writer_kills(self) -> int:
        """How many of the faults took the writer."""
        return sum(self.done[kind] for kind in WRITER_KILLS)

    def wait(self) -> None:
        """Until the next fault. The moment is the experiment, not a wait for something."""
        self._pause(0.1, 1.2)

    def strike(self) -> str:
        """One fault, chosen at random; what it was."""
        kind = self._random.choice(KINDS)
        if len(self._undo) > 1:
            self.undo()
        if kind in ("destroy", "one of four", "left behind"):
            self._all_in_sync()
        elif not self._room(NODES.get(kind, 0)):
            kind = "writer"
        with contextlib.suppress(client.RegionError):
            self._do(kind)
        self.done[kind] += 1
        return kind

    def undo(self) -> None:
        """Bring back all that is down."""
        for process in self._stuck:
            with contextlib.suppress(psutil.Error):
                process.resume()
        self._stuck.clear()
        for kind, name in self._undo:
            self._arena.fault(kind, name, "undo")
        self._undo.clear()

    def _do(self, kind: str) -> None:
        arena = self._arena
        if kind == "region":
            arena.kill_region()
            arena.start()
        elif kind == "machine":
            arena.kill_everything()
            arena.start()
        elif kind in ("writer", "frozen writer", "reader"):
            writer, readers = arena.roles()
            name = self._random.choice(readers) if kind == "reader" else writer
            arena.fault("instance", name, "pause" if kind == "frozen writer" else "kill")
        elif kind == "az":
            self._away("az", f"{arena.info.region}{self._random.choice('abc')}", "kill")
        elif kind == "stuck":
            self._stuck += arena.stick()
            self._pause(0.1, 0.6)
            arena.fault("instance", arena.roles()[0], "kill")
        elif kind in ("one of four", "left behind"):
            self._swap(READ_QUORUM - 1 if kind == "one of four" else READ_QUORUM)
        else:
            self._away("storage-node", self._random.choice(NAMES), "kill" if kind == "node" else kind)

    def _swap(self, count: int) -> None:
        """So many storage nodes are away; then they come back, three others go, and the writer dies."""
        arena = self._arena
        zone = self._random.choice("abc")
        first = [node for node in NAMES if node[0] == zone]
        others = [node for node in NAMES if node[0] != zone]
        self._random.shuffle(others)
        first, others = [*first, *others][:count], [*first, *others][count:]
        for node in first:
            self._away("storage-node", node, "kill")
        self._stuck += arena.stick() if self._random.random() < 0.7 else []
        self._pause(0.2, 0.8)
        writer, _ = arena.roles()
        # It can acknowledge nothing from here on, and the region does not know it yet.
        arena.fault("instance", writer, "pause")
        for node in others[:READ_QUORUM]:
            self._away("storage-node", node, "kill")
            if first:
                back = first.pop()
                arena.fault("storage-node", back, "undo")
                self._undo.remove(("storage-node", back))
        arena.fault("instance", writer, "kill")

    def _away(self, kind: str, name: str, action: str) -> None:
        self._arena.fault(kind, name, action)
        self._undo.append((kind, name))

    def _room(self, count: int) -> bool:
        """Whether so many storage nodes may go."""
        if not count:
            return True
        try:
            return len(self._arena.away()) + count <= MOST_AWAY
        except client.RegionError:
            return False

    def _all_in_sync(self) -> None:
        self.undo()

        def in_sync() -> bool:
            return self._room(MOST_AWAY)

        self._arena.until(in_sync, "every storage node is in sync", IN_SYNC_SECONDS)

    def _pause(self, least: float, most: float) -> None:
        self._moment.wait(self._random.uniform(least, most))
