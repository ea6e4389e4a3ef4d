"""What is billed of clusters, written down while it happens: also of what is deleted later.

    noted                    when
    an instance's spans      from `available` on, as long as class and cluster stay; none while stopped or deleted
    a cluster's storage type at each change; its retention period; when it was made and deleted
    a manual snapshot        from when it was made until it is deleted
    the lab clock            its scale at each change; 0 while the region is stopped

Each note is part of the transaction that it is about, so a killed region has noted what it did. Times are those of
the real clock; `metered` turns them into lab hours. After a kill, the time until the next start counts as running.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_lab.region.clock import timestamp
from aurora_lab.region.store import Document, Store, Watcher

KIND = "Ledger"
CLOCK = "clock"
NOT_BILLED = frozenset({"creating", "stopped", "deleting", "failed"})
"""The statuses in which an instance is not there to be used. (What AWS charges of `creating` is in no fact.)"""


class Ledger:
    """Watches a region's documents. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: dict[str, Watcher] = {
            "DBCluster": self._cluster,
            "DBInstance": self._instance,
            "DBClusterSnapshot": self._snapshot,
        }
        for kind, watcher in self._watchers.items():
            store.watch(kind, watcher)

    def begin(self, scale: float) -> None:
        """The region starts, with a lab clock of this scale. What it has from before there was a ledger is noted."""
        self.clock(scale)
        for kind, watcher in self._watchers.items():
            for document in self._store.all(kind):
                with self._store.transaction():
                    watcher(document[f"{kind}Identifier"], document)

    def clock(self, scale: float) -> None:
        """From now on so many lab seconds pass in a real one; 0: none."""
        with self._store.transaction():
            note = self._store.get(KIND, CLOCK) or {"kind": CLOCK, "scales": []}
            if not note["scales"] or note["scales"][-1][1] != scale:
                note["scales"].append([timestamp(), scale])
                self._store.put(KIND, CLOCK, note)

    def show(self) -> dict[str, Any]:
        """All that was noted, and the moment."""
        notes: dict[str, list[Document]] = {"instance": [], "cluster": [], "snapshot": [], CLOCK: []}
        for note in self._store.all(KIND):
            notes[note["kind"]].append(note)
        scales = notes[CLOCK][0]["scales"] if notes[CLOCK] else []
        return {
            "now": timestamp(),
            "scales": scales,
            "instances": notes["instance"],
            "clusters": notes["cluster"],
            "snapshots": notes["snapshot"],
        }

    def _instance(self, identifier: str, instance: Document | None) -> None:
        """An instance of RDS is not noted: it belongs to no cluster."""
        if instance is None:
            for note in self._store.all(KIND):
                if note["kind"] == "instance" and note["instance"] == identifier:
                    self._end(note)
            return
        cluster = self._store.get("DBCluster", instance.get("DBClusterIdentifier") or "")
        if cluster is None:
            return
        resource = instance["DbiResourceId"]
        note = self._store.get(KIND, resource) or {
            "kind": "instance",
            "id": resource,
            "cluster": cluster["DbClusterResourceId"],
            "spans": [],
        }
        before = dict(note, spans=[dict(span) for span in note["spans"]])
        note["instance"] = identifier
        size = None if instance["DBInstanceStatus"] in NOT_BILLED else instance["DBInstanceClass"]
        spans = note["spans"]
        is_open = bool(spans) and spans[-1]["end"] is None
        if not is_open or spans[-1]["class"] != size:
            if is_open:
                spans[-1]["end"] = timestamp()
            if size is not None:
                spans.append({"start": timestamp(), "end": None, "class": size})
        if note != before:
            self._store.put(KIND, resource, note)

    def _end(self, note: Document) -> None:
        if note["spans"] and note["spans"][-1]["end"] is None:
            note["spans"][-1]["end"] = timestamp()
            self._store.put(KIND, note["id"], note)

    def _cluster(self, identifier: str, cluster: Document | None) -> None:
        if cluster is None:
            for note in self._store.all(KIND):
                if note["kind"] == "cluster" and note["cluster"] == identifier and note["end"] is None:
                    self._store.put(KIND, note["id"], {**note, "end": timestamp()})
            return
        resource, storage = cluster["DbClusterResourceId"], cluster.get("StorageType", "aurora")
        note = self._store.get(KIND, resource) or {
            "kind": "cluster",
            "id": resource,
            "start": timestamp(),
            "end": None,
            "storage": [],
        }
        before = dict(note, storage=list(note["storage"]))
        note.update(_of_cluster(identifier, cluster))
        if not note["storage"] or note["storage"][-1][1] != storage:
            note["storage"].append([timestamp(), storage])
        if note != before:
            self._store.put(KIND, resource, note)

    def _snapshot(self, identifier: str, snapshot: Document | None) -> None:
        key = f"snapshot {identifier}"
        note = self._store.get(KIND, key)
        if snapshot is None:
            if note is not None:
                # Another one may have the same name later.
                kept = {**note, "id": f"{key} {note['start']}", "end": timestamp()}
                self._store.delete(KIND, key)
                self._store.put(KIND, kept["id"], kept)
            return
        if note is None and snapshot["SnapshotType"] == "manual" and snapshot["Status"] == "available":
            self._store.put(
                KIND,
                key,
                {
                    "kind": "snapshot",
                    "id": key,
                    "snapshot": identifier,
                    "cluster": snapshot["DbClusterResourceId"],
                    "start": timestamp(),
                    "end": None,
                },
            )


def _of_cluster(identifier: str, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What is noted of a cluster as it is now."""
    return {
        "cluster": identifier,
        "retention_days": cluster["BackupRetentionPeriod"],
        "engine_version": cluster["EngineVersion"],
        "support": cluster["EngineLifecycleSupport"],
    }
