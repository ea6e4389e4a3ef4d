"""What the document of a serverless instance says of its pause.

`_lab.pause` is there from the moment at which a pause is begun to the moment at which the instance has resumed:

    state      `pausing`, `paused` or `resuming`
    at         when it was paused
    asked      when it was asked to resume
    seconds    how long that takes, in seconds of the lab clock (FACTS 5.15)

Moments are in seconds since the epoch. The instance's status is `available` all the while (FACTS 5.16).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import monotonic

from aurora_lab.region.store import Document, Store

PAUSING, PAUSED, RESUMING = "pausing", "paused", "resuming"


def pause_state(instance: Document) -> str | None:
    """`pausing`, `paused`, `resuming`, or None for an instance that is awake."""
    pause = instance.get("_lab", {}).get("pause")
    return str(pause["state"]) if pause else None


def asleep(instance: Document) -> bool:
    """Whether an instance is paused or just being paused: nobody starts its server then."""
    return pause_state(instance) in (PAUSING, PAUSED)


class Sleepers:
    """Which instances a connection has to wait for, and who has asked for one. Safe to share between threads.

    For the router's thread: nothing here waits.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        """`wake(cluster)` is called with the resource id of an instance's cluster when one is asked for."""
        self._wake = wake
        self._asleep: Mapping[str, str] = {}
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._touched: dict[str, float] = {}

    def replace(self, asleep: Mapping[str, str]) -> None:
        """These are asleep now: the resource id of its cluster by each one's identifier."""
        with self._lock:
            self._asleep = dict(asleep)
            self._asked &= set(asleep)

    def ready(self, instance: str) -> bool:
        """Somebody wants to connect to an instance: whether that may go on. If not, the instance is woken."""
        with self._lock:
            self._touched[instance] = monotonic()
            cluster = self._asleep.get(instance)
            if cluster is None:
                return True
            new = instance not in self._asked
            self._asked.add(instance)
        if new:
            self._wake(cluster)
        return False

    def asked(self, instance: str) -> bool:
        """Whether somebody waits, or has waited, for an instance that is asleep."""
        with self._lock:
            return instance in self._asked

    def touched(self, instance: str) -> float:
        """When somebody wanted to connect to an instance last, on the monotonic clock; 0 for never."""
        with self._lock:
            return self._touched.get(instance, 0.0)


def sleepers(store: Store) -> dict[str, str]:
    """The instances that a connection has to wait for, each with the resource id of its cluster."""
    found = [item for item in store.all("DBInstance") if pause_state(item) is not None]
    if not found:
        return {}
    clusters = {item["DBClusterIdentifier"]: item["DbClusterResourceId"] for item in store.all("DBCluster")}
    return {
        item["DBInstanceIdentifier"]: clusters[item["DBClusterIdentifier"]]
        for item in found
        if item["DBClusterIdentifier"] in clusters
    }
