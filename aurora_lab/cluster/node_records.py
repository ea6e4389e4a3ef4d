"""What is written down about a cluster's storage nodes: small files, replaced by rename."""

from __future__ import annotations

import json
import re
from pathlib import Path
from time import time
from typing import Any

from aurora_lab.cluster.configuration import as_json
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.runtime.base import Runtime

_HOPELESS = re.compile(
    "has already been removed|is not in this server's history|is ahead of the WAL flush position"
    "|could not determine size|has \\d+ bytes, should be|could not open file .*history"
)
"""What a node says that can never go on with the copy that it has."""


class NodeRecords:
    """The files `NODE.json`, `epochs.json`, `faults.json` and `rebuilding.json` in a folder."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._runtime = runtime
        self.folder = folder

    def copy(self, node: str) -> Path:
        """The folder with a node's copy of the log."""
        return self.folder / node

    # Epochs.

    def epoch(self) -> int:
        """The volume's epoch; 0 before the first writer."""
        return int(self._read("epochs").get("epoch", 0))

    def longest(self) -> str | None:
        """Which node had the longest copy when the epoch began."""
        found = self._read("epochs").get("longest")
        return str(found) if found else None

    def begin_epoch(self, answering: list[str], longest: str | None, end: str | None) -> None:
        """Begin the next epoch, of which `answering` hear; until now the log went to the segment `end`."""
        epoch = self.epoch() + 1
        ends = {**self._read("epochs").get("ends", {}), str(epoch): end}
        # What only those need to know that have missed an epoch.
        heard = (self.heard(node) for node in NAMES if node not in answering)
        oldest = min(heard, default=epoch)
        ends = {number: name for number, name in ends.items() if int(number) > oldest}
        self._write("epochs", {"epoch": epoch, "ends": ends, "longest": longest})
        for node in answering:
            self.set_node(node, {"epoch": epoch})

    def annulled_from(self, node: str) -> str | None:
        """The segment beyond which a node's copy is void, because it has missed an epoch; None where it has not."""
        heard = self.heard(node)
        ends = self._read("epochs").get("ends", {})
        return min((name for number, name in ends.items() if int(number) > heard and name), default=None)

    # Nodes.

    def node(self, node: str) -> dict[str, Any]:
        """The epoch that a node has heard of last and, where it follows a writer, that one."""
        return self._read(node)

    def set_node(self, node: str, value: dict[str, Any]) -> None:
        """Record a node."""
        self._write(node, value)

    def heard(self, node: str) -> int:
        """The epoch that a node has heard of last."""
        return int(self._read(node).get("epoch", 0))

    # Faults.

    def faults(self) -> dict[str, str]:
        """What has been done to which node, until it is undone."""
        return {node: fault["fault"] for node, fault in self._read("faults").items()}

    def answering(self) -> list[str]:
        """The nodes to which nothing has been done."""
        faults = self.faults()
        return [node for node in NAMES if node not in faults]

    def witnesses(self) -> list[str]:
        """Of those that answer, the ones that remember all that they have acknowledged."""
        forgetful = self.rebuilding()
        return [node for node in self.answering() if node not in forgetful]

    def set_rebuilding(self, node: str) -> None:
        """Record that a node has lost its copy."""
        self._write("rebuilding", {**self._read("rebuilding"), node: True})

    def rebuilding(self) -> frozenset[str]:
        """The nodes that have lost their copies, and may not have caught up since."""
        return frozenset(self._read("rebuilding"))

    def note_streaming(self, node: str, flushed: int, written: int) -> None:
        """A node streams and has flushed so many bytes of the log; the writer has written so many.

        One that has lost its copy counts again as soon as it has all that was written when it was first seen to
        stream: until then it may lack what it has acknowledged before.
        """
        known = self._read("rebuilding")
        if node not in known:
            return
        if known[node] is True:
            known[node] = written
        elif flushed >= known[node]:
            del known[node]
        self._write("rebuilding", known)

    def set_fault(self, node: str, fault: str | None) -> None:
        """Record what is done to a node now; None when it is undone."""
        known = self._read("faults")
        known.pop(node, None)
        if fault is not None:
            known[node] = {"fault": fault, "since": time()}
        self._write("faults", known)

    def since(self, node: str) -> float:
        """For how many seconds a fault has lasted; 0 where there is none."""
        fault = self._read("faults").get(node)
        return time() - fault["since"] if fault else 0.0

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self._runtime.make_folder(self.folder)
        self._runtime.write(self.folder / f"{name}.json", as_json(value))


def hopeless(file: Path, since: int) -> bool:
    """Whether a node's process has said, from the byte `since` of its log, that it cannot go on with its copy."""
    try:
        with file.open("rb") as said:
            said.seek(since)
            return bool(_HOPELESS.search(said.read().decode("utf-8", "replace")))
    except OSError:
        return False
