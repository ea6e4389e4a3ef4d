"""The cluster volume seen from outside: an AZ that goes, too few copies, and everything killed at once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from datetime import datetime
from typing import Any

import psutil
import psycopg
import pytest

from aurora_lab.region import client
from local_region import LocalRegion, eventually, local_region
from test_region_failover import messages
from test_region_instances import eventually_ask

ROUNDS = int(os.environ.get("AURORA_LAB_BLACKOUTS", "2"))
"""How often everything is killed in a usual run; the issue's ten are run with AURORA_LAB_BLACKOUTS=10."""


def fault(region: LocalRegion, kind: str, name: str, action: str, **more: str) -> None:
    """Break something, or bring it back."""
    client.ask(region.home, "fault", {"kind": kind, "name": name, "action": action, **more})


def volume(region: LocalRegion, cluster: str) -> dict[str, object]:
    """What the lab says of a cluster's volume."""
    (found,) = [item for item in client.status(region.home)["clusters"] if item["id"] == cluster]
    shown: dict[str, object] = found["volume"]
    return shown


def spread(region: LocalRegion) -> str:
    """A cluster with an instance in each AZ; NAME-1, the writer, in the first."""
    name = region.cluster(instances=0)
    for number, letter in ((1, "a"), (2, "b"), (3, "c")):
        zone = f"{region.info.region}{letter}"
        region.instance(name, f"{name}-{number}", wait=number != 2, AvailabilityZone=zone)
    region.wait_available(name)
    return name


def test_an_az_with_the_writer_goes_and_comes_back(region: LocalRegion) -> None:
    name = spread(region)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept AS SELECT 1 AS n")
    writer = region.writer(name)
    zone = region.instances(name)[writer]["AvailabilityZone"]
    fault(region, "az", zone, "kill")
    try:
        eventually(lambda: region.writer(name) != writer, "a reader in another AZ is the writer")
        assert eventually_ask(region, endpoint, "INSERT INTO kept VALUES (2) RETURNING n") == [(2,)]
        assert region.instances(name)[writer]["DBInstanceStatus"] != "available"
        one_more = "b1" if zone[-1] != "b" else "c1"
        fault(region, "storage-node", one_more, "kill", cluster=name)
        with contextlib.closing(region.connect(endpoint)) as connection:
            connection.pgconn.send_query(b"INSERT INTO kept VALUES (3)")
            eventually(lambda: not volume(region, name)["write_quorum"], "the write quorum is gone")
            assert region.ask(region.describe(name)["ReaderEndpoint"], "SELECT count(*) FROM kept")
            connection.pgconn.consume_input()
            assert connection.pgconn.is_busy(), "the commit waits"
            fault(region, "storage-node", one_more, "undo", cluster=name)

            def answered() -> bool:
                connection.pgconn.consume_input()
                return not connection.pgconn.is_busy()

            eventually(answered, "the waiting commit is acknowledged")
    finally:
        fault(region, "az", zone, "undo")
    region.wait_available(name)
    old = region.instances(name)[writer]["Endpoint"]["Address"]
    eventually(lambda: eventually_ask(region, old, "SELECT count(*) FROM kept") == [(3,)], "it has all rows")
    assert f"AZ {zone} is out (killed)." in messages(region, name)
    eventually(lambda: all(node["state"] == "in-sync" for node in volume(region, name)["nodes"]), "six nodes")


def test_without_a_read_quorum_the_cluster_says_so_and_readers_serve(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    shown = region.describe(name)
    region.ask(shown["Endpoint"], "CREATE TABLE kept AS SELECT 1 AS n")
    reader = region.instances(name)[f"{name}-2"]["Endpoint"]["Address"]
    eventually(
        lambda: (
            eventually_ask(region, reader, "SELECT count(*) FROM pg_class WHERE relname = 'kept'") == [(1,)]
        ),
        "replicated",
    )
    for node in ("a1", "a2", "b1", "b2"):
        fault(region, "storage-node", node, "kill", cluster=name)
    fault(region, "instance", f"{name}-1", "kill")
    said = "The cluster volume has no read quorum: 2 of 6 storage nodes answer"
    eventually(lambda: any(message.startswith(said) for message in messages(region, name)), "it says so")
    assert region.ask(reader, "SELECT n FROM kept") == [(1,)]
    assert region.describe(name)["Status"] == "failing-over"
    fault(region, "storage-node", "a1", "undo", cluster=name)
    eventually(lambda: region.writer(name) == f"{name}-2", "with three of six it opens")
    fault(region, "storage-node", "a2", "undo", cluster=name)
    assert eventually_ask(region, shown["Endpoint"], "INSERT INTO kept VALUES (2) RETURNING n") == [(2,)]
    assert len([message for message in messages(region, name) if message.startswith(said)]) == 1


def test_the_loss_of_a_copy_is_noticed_after_ten_seconds_of_the_labs_clock(
    embedded_region: LocalRegion,
) -> None:
    region = embedded_region
    name = region.cluster(instances=1)

    def told(words: str) -> list[datetime]:
        events = region.rds.describe_events(SourceType="db-cluster", SourceIdentifier=name)["Events"]
        return [event["Date"] for event in events if words in event["Message"]]

    fault(region, "storage-node", "b1", "destroy", cluster=name)
    (rebuilt,) = eventually(lambda: told("Storage node b1 has been rebuilt from "), "it is rebuilt")
    (lost,) = told("Storage node b1 has been destroyed.")
    # The event log has milliseconds, and the loss is noted a moment before it is told.
    assert (rebuilt - lost).total_seconds() > 10 / region.scale - 0.2


def test_a_crash_of_the_engine_is_over_within_moments(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["Endpoint"]
    region.ask(endpoint, "CREATE TABLE kept AS SELECT 1 AS n")
    with pytest.raises(psycopg.OperationalError):
        region.ask(endpoint, "SELECT aurora_inject_crash('instance')")
    assert eventually_ask(region, endpoint, "INSERT INTO kept VALUES (2) RETURNING n") == [(2,)]


class Load:
    """Writers that note what was acknowledged, and go on whatever happens."""

    def __init__(self, region: LocalRegion, host: str) -> None:
        self._region = region
        self._host = host
        self._stop = threading.Event()
        self.acknowledged: set[int] = set()
        self._next = iter(range(1, 1 << 30))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _write(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(psycopg.Error, AssertionError, OSError):
                self._write_on(self._region.connect(self._host, connect_timeout=3))
            self._stop.wait(0.05)

    def _write_on(self, connection: psycopg.Connection[Any]) -> None:
        with contextlib.closing(connection):
            while not self._stop.is_set():
                with self._lock:
                    number = next(self._next)
                connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                with self._lock:
                    self.acknowledged.add(number)

    def stop(self) -> None:
        """Let them end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def kill_everything(region: LocalRegion) -> None:
    """`kill -9` of the region, and of every process of its servers and storage nodes, at once."""
    below = str(region.home.data)
    doomed = []
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error, OSError):
            line = " ".join(process.info["cmdline"] or ())
            if below in line or (line.startswith("postgres: ") and process.cwd().startswith(below)):
                doomed.append(process)
    doomed.append(psutil.Process(region.info.pid))
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=20)


def test_everything_killed_at_once_under_load_comes_back_with_every_acknowledged_write() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with local_region() as region:
        name = region.cluster(instances=3)
        endpoint = region.describe(name)["Endpoint"]
        region.ask(endpoint, "CREATE TABLE kept (n int PRIMARY KEY)")
        for turn in range(ROUNDS):
            load = Load(region, endpoint)
            before = len(load.acknowledged)
            eventually(
                lambda load=load, before=before: len(load.acknowledged) > before + 50, "commits are made"
            )
            time.sleep(moments.uniform(0.0, 1.0))  # The moment is the experiment, not a wait for something.
            kill_everything(region)
            load.stop()
            region.start()
            region.wait_available(name)
            rows = {row[0] for row in eventually_ask(region, endpoint, "SELECT n FROM kept")}
            missing = load.acknowledged - rows
            assert not missing, f"turn {turn}, seed {seed}: {len(missing)} of {len(load.acknowledged)} lost"
            region.ask(endpoint, "DELETE FROM kept")
