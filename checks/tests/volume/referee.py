"""A referee in the manner of Jepsen: clients note what they were told, a nemesis breaks things, then it is judged.

no write that was acknowledged is missing
no write appears twice
what was never sent does not appear
in one session on a reader, rows never disappear
in one timeline of the log, one instance acknowledges
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from aurora_lab.cluster.quorum import NAMES
from aurora_lab.region import client
from local_region import LocalRegion, eventually

WRITERS, READERS = 3, 2
_INSERT = """
    INSERT INTO told (n) VALUES (%s)
    RETURNING aurora_db_instance_identifier(), left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""


@dataclass
class History:
    """What clients were told."""

    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    writers: dict[str, set[str]] = field(default_factory=dict)
    """Who acknowledged, by timeline."""
    went_back: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def violations(self, rows: list[int]) -> list[str]:
        """What is wrong, given the rows that are there in the end."""
        there = set(rows)
        found = list(self.went_back)
        if missing := self.acknowledged - there:
            found.append(f"{len(missing)} acknowledged writes are missing, such as {min(missing)}")
        if len(rows) != len(there):
            found.append(f"{len(rows) - len(there)} writes appear twice")
        if invented := there - self.sent:
            found.append(f"{len(invented)} rows were never written, such as {min(invented)}")
        for timeline, names in self.writers.items():
            if len(names) > 1:
                found.append(f"in timeline {timeline} {', '.join(sorted(names))} acknowledged")
        return found


class Clients:
    """Sessions that write and read through the endpoints, and go on whatever happens."""

    def __init__(self, region: LocalRegion, cluster: str) -> None:
        self.history = History()
        self._region = region
        shown = region.describe(cluster)
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        work = [(self._write, shown["Endpoint"])] * WRITERS + [
            (self._read, shown["ReaderEndpoint"])
        ] * READERS
        self._threads = [
            threading.Thread(target=self._go_on, args=(session, host), daemon=True) for session, host in work
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> History:
        """End the sessions; what they were told."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self.history

    def _go_on(self, session: Any, host: str) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(psycopg.Error, AssertionError, OSError):
                # Keepalives as FACTS 7.10 has them, and no patience: a session that hangs is given up.
                connection = self._region.connect(
                    host, connect_timeout=3, tcp_user_timeout=3000, options="-c statement_timeout=10s"
                )
                with contextlib.closing(connection):
                    session(connection)
            self._stop.wait(0.05)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        history = self.history
        while not self._stop.is_set():
            with history.lock:
                number = next(self._numbers)
                history.sent.add(number)
            ((writer, timeline),) = connection.execute(_INSERT, (number,)).fetchall()
            with history.lock:
                history.acknowledged.add(number)
                history.writers.setdefault(timeline, set()).add(writer)

    def _read(self, connection: psycopg.Connection[Any]) -> None:
        seen = 0
        while not self._stop.is_set():
            ((who, count),) = connection.execute(
                "SELECT aurora_db_instance_identifier(), count(*) FROM told"
            ).fetchall()
            if count < seen:
                self.history.went_back.append(f"on {who} {count} rows were read after {seen}")
            seen = count
            self._stop.wait(0.02)


class Nemesis:
    """Breaks things in an order that its seed decides, and brings each back before the next but one."""

    def __init__(self, region: LocalRegion, cluster: str, seed: int) -> None:
        self._region = region
        self._cluster = cluster
        self._random = random.Random(seed)
        self._undo: list[tuple[str, str]] = []
        self.done: list[str] = []

    def strike(self) -> None:
        """One fault, chosen at random: half of them hit the writer."""
        kind = self._random.choice(
            ["writer"] * 4 + ["frozen writer", "reader", "node", "node", "pause", "destroy", "az", "region"]
        )
        if len(self._undo) > 1:
            self.undo()
        if kind == "destroy" and not self._all_in_sync():
            # With a copy lost and others away at the same time there may be no read quorum for ever.
            kind = "node"
        self.done.append(kind)
        if kind == "region":
            process = psutil.Process(self._region.info.pid)
            process.kill()
            process.wait(10)
            self._region.start()
        elif kind in ("writer", "frozen writer", "reader"):
            self._instance(kind)
        elif kind == "az":
            zone = f"{self._region.info.region}{self._random.choice('abc')}"
            self._fault("az", zone, "kill")
            self._undo.append(("az", zone))
        else:
            node = self._random.choice(NAMES)
            self._fault("storage-node", node, {"node": "kill"}.get(kind, kind))
            self._undo.append(("storage-node", node))

    def undo(self) -> None:
        """Bring back all that is down."""
        for kind, name in self._undo:
            self._fault(kind, name, "undo")
        self._undo.clear()

    def pause(self) -> float:
        """Seconds until the next fault."""
        return self._random.uniform(0.1, 1.5)

    def _all_in_sync(self) -> bool:
        (cluster,) = client.status(self._region.home)["clusters"]
        return all(node["state"] == "in-sync" for node in cluster["volume"]["nodes"])

    def _instance(self, kind: str) -> None:
        writer = self._region.writer(self._cluster)
        others = sorted(name for name in self._region.instances(self._cluster) if name != writer)
        name = self._random.choice(others) if kind == "reader" else writer
        self._fault("instance", name, "pause" if kind == "frozen writer" else "kill")

    def _fault(self, kind: str, name: str, action: str) -> None:
        body = {"kind": kind, "name": name, "action": action}
        if kind == "storage-node":
            body["cluster"] = self._cluster
        # What does not run cannot be killed, and what is in an AZ that is out stays out.
        with contextlib.suppress(client.RegionError):
            client.ask(self._region.home, "fault", body)


def play(region: LocalRegion, seed: int, faults: int) -> tuple[History, list[str], list[str]]:
    """So many faults under load; then what clients were told, what was done, and what is wrong."""
    cluster = region.cluster(instances=3)
    endpoint = region.describe(cluster)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE told (n bigint)")
    clients, nemesis = Clients(region, cluster), Nemesis(region, cluster, seed)
    waiting = threading.Event()
    for _ in range(faults):
        waiting.wait(nemesis.pause())  # The moment is the experiment, not a wait for something.
        nemesis.strike()
    nemesis.undo()
    region.wait_available(cluster, 120.0)
    history = clients.stop()
    rows = _rows(region, endpoint)
    return history, nemesis.done, history.violations(rows)


def _rows(region: LocalRegion, endpoint: str) -> list[int]:
    found: list[list[int]] = []

    def read() -> bool:
        try:
            found.append([n for (n,) in region.ask(endpoint, "SELECT n FROM told")])
        except psycopg.Error:
            return False
        return True

    eventually(read, "the cluster answers")
    return found[-1]
