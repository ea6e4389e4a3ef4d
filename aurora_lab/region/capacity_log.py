"""How much capacity each serverless instance has had, in the state file: what the bill is made from.

An instance's curve stands in documents of kind `Capacity`, some hundred points in each, the id of which begins with
the instance's resource id. A point holds until the next one, the last until `until`, which is moved on from time to
time while the instance lives: time in which no region ran is not counted. The oldest documents go when there are too
many; what they amounted to is kept.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from aurora_lab.models.serverless import Point, acu_seconds
from aurora_lab.region.store import Document, Store

KIND = "Capacity"
POINTS_EACH = 200
"""Points in one document."""
DOCUMENTS_KEPT = 100
"""Of an instance."""
WRITE_SECONDS = 10.0
"""Real seconds after which a capacity that has not changed is written down again."""
GAP_SECONDS = 60.0
"""Real seconds without a region after which they do not count."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The capacity of one instance over time."""

    resource: str
    instance: str
    """The instance's identifier."""
    points: tuple[Point, ...]
    until: float
    """How far the last point holds, in seconds since the epoch."""
    forgotten_acu_seconds: float = 0.0
    """What points that are no longer kept amounted to, in ACUs times seconds of the lab clock."""

    def acu_seconds(self, since: float = 0.0, until: float | None = None) -> float:
        """ACUs times seconds of the lab clock, between two moments (real seconds since the epoch)."""
        end = self.until if until is None else min(until, self.until)
        return acu_seconds(self.points, end, since) + (self.forgotten_acu_seconds if since == 0 else 0.0)


class CapacityLog:
    """Writes the curves of one cluster's instances. Safe to share between threads."""

    def __init__(self, store: Store, cluster: str) -> None:
        """`cluster`: its resource id."""
        self._store, self._cluster = store, cluster
        self._lock = threading.Lock()
        self._documents: dict[str, list[str]] = {}
        self._newest: dict[str, Document] = {}
        self._written: dict[str, float] = {}
        """How far the document in the state file goes, by instance."""
        for name, document in _stored(store, cluster):
            self._documents.setdefault(document["resource"], []).append(name)
            self._newest[document["resource"]] = document
            self._written[document["resource"]] = document["until"]

    def last(self, resource: str) -> float | None:
        """The ACUs that an instance had last; None where nothing is known of it."""
        with self._lock:
            newest = self._newest.get(resource)
            return newest["points"][-1][1] if newest is not None else None

    def note(self, resource: str, instance: str, at: float, acus: float, scale: float) -> None:
        """From `at` on the instance has had `acus`, with so many lab seconds in a real one."""
        with self._lock:
            newest = self._newest.get(resource)
            if newest is not None:
                at = max(at, newest["points"][-1][0])
                if at - newest["until"] > GAP_SECONDS and newest["points"][-1][1]:
                    newest["points"].append([newest["until"], 0.0, newest["points"][-1][2]])
                if newest["points"][-1][1:] == [acus, scale]:
                    newest["until"] = max(at, newest["until"])
                    if newest["until"] - self._written[resource] > WRITE_SECONDS:
                        self._put(resource)
                    return
            if newest is None or len(newest["points"]) >= POINTS_EACH:
                newest = self._turn(resource, instance, at)
            newest["points"].append([at, acus, scale])
            newest.update(until=max(at, newest["until"]), instance=instance)
            self._put(resource)

    def end(self, resource: str, at: float) -> None:
        """The instance has nothing any more: its server was stopped, or it is no serverless one."""
        with self._lock:
            newest = self._newest.get(resource)
        if newest is not None:
            self.note(resource, newest["instance"], at, 0.0, newest["points"][-1][2])

    def curves(self) -> list[Curve]:
        """The curves as they are at this moment."""
        with self._lock:
            for resource, newest in self._newest.items():
                if self._store.get(KIND, newest["id"]) is not None:
                    self._put(resource)
        return curves(self._store, self._cluster)

    def _turn(self, resource: str, instance: str, at: float) -> Document:
        """Begin a new document; the one before ends where it begins."""
        names = self._documents.setdefault(resource, [])
        if names:
            self._newest[resource]["until"] = at
            self._put(resource)
        number = int(names[-1].rpartition("/")[2]) + 1 if names else 0
        names.append(f"{resource}/{number:06d}")
        new: Document = {
            "id": names[-1],
            "resource": resource,
            "instance": instance,
            "cluster": self._cluster,
            "points": [],
            "until": at,
        }
        self._newest[resource] = new
        while len(names) > DOCUMENTS_KEPT:
            self._forget(names.pop(0), names[0])
        return new

    def _forget(self, name: str, successor: str) -> None:
        oldest, heir = self._store.get(KIND, name), self._store.get(KIND, successor)
        if oldest is not None and heir is not None:
            heir["forgotten"] = _curve([oldest]).acu_seconds()
            with self._store.transaction():
                self._store.put(KIND, successor, heir)
                self._store.delete(KIND, name)

    def _put(self, resource: str) -> None:
        newest = self._newest[resource]
        self._store.put(KIND, newest["id"], newest)
        self._written[resource] = newest["until"]


def curves(store: Store, cluster: str) -> list[Curve]:
    """The curves of every instance that the cluster (by its resource id) has or had."""
    found: dict[str, list[Document]] = {}
    for _, document in _stored(store, cluster):
        found.setdefault(document["resource"], []).append(document)
    return [_curve(documents) for documents in found.values()]


def forget_curves(store: Store, cluster: str) -> None:
    """Remove all that is known of a cluster that is deleted."""
    for name, _ in _stored(store, cluster):
        store.delete(KIND, name)


def _stored(store: Store, cluster: str) -> list[tuple[str, Document]]:
    """The documents of a cluster with their ids, those of an instance in order of time."""
    found: list[tuple[str, Document]] = [
        (document["id"], document) for document in store.all(KIND) if document["cluster"] == cluster
    ]
    return found


def _curve(documents: list[Document]) -> Curve:
    points = tuple(Point(*point) for document in documents for point in document["points"])
    last = documents[-1]
    forgotten = documents[0].get("forgotten", 0.0)
    return Curve(last["resource"], last["instance"], points, last["until"], forgotten)
