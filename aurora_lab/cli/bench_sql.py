"""What a client of a cluster feels: the gap at a failover, and the cost of the router."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from aurora_lab.cli.bench_region import PASSWORD, USER
from aurora_lab.cli.bench_servers import median
from aurora_lab.region import client
from aurora_lab.runtime.binaries import client_bin

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench

ROUNDS = 3
WARM_SECONDS = 1.5
"""Longer than one TTL on the lab clock (0.5 s): a client that has been connected for a while."""
GAP_SECONDS = 30.0
SLICES = 5
SLICE_SECONDS = 3


def write_gap(bench: Bench, how: str) -> float:
    """Seconds without a successful write when the writer is killed, or failed over on purpose. Median of three.

    The client is plain psycopg: one connection, one row a commit; on an error it connects again at once.
    """
    return median_gap(bench, lambda name: _one_gap(bench, name, how))


def median_gap(bench: Bench, one_gap: Callable[[str], float]) -> float:
    """Median of three gaps, each on a new cluster of three, by its name."""
    gaps = []
    for _ in range(ROUNDS):
        name = bench.cluster(3)
        bench.wait_available(name)
        gaps.append(one_gap(name))
        bench.wait_available(name)
        bench.delete(name)
    return median(gaps)


def _one_gap(bench: Bench, name: str, how: str) -> float:
    status = bench.status(name)
    return gap_of(
        bench,
        status["endpoint"],
        lambda: fail_over(bench, name, how),
        lambda: moved(bench, name, status),
    )


def fail_over(bench: Bench, name: str, how: str) -> None:
    """Kill a cluster's writer, or fail it over on purpose."""
    if how == "killed":
        client.ask(bench.home, "fault", {"instance": writer(bench.status(name)), "action": "kill"})
    else:
        bench.rds.failover_db_cluster(DBClusterIdentifier=name)


def moved(bench: Bench, name: str, before: dict[str, Any]) -> bool:
    """Whether a cluster has another writer than it had."""
    return writer(bench.status(name)) != writer(before)


def writer(status: dict[str, Any]) -> str:
    """The identifier of a cluster's writer."""
    return str(next(item["id"] for item in status["instances"] if item["role"] == "writer"))


def gap_of(bench: Bench, host: str, fail: Callable[[], object], moved: Callable[[], bool]) -> float:
    """Seconds without a successful write through `host` when `fail` is called, until `moved` says it is over."""
    with bench.connect(host) as connection:
        connection.execute("CREATE TABLE beats (n int)")
    stop, beats = threading.Event(), [time.perf_counter()]

    def write() -> None:
        while not stop.is_set():
            try:
                with bench.connect(host) as connection:
                    while not stop.is_set():
                        connection.execute("INSERT INTO beats VALUES (1)")
                        beats.append(time.perf_counter())
            except psycopg.OperationalError:
                time.sleep(0.005)
            except psycopg.errors.ReadOnlySqlTransaction:
                pass  # An old answer led to the old writer, which is a reader now: connect again.

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(WARM_SECONDS)
    broken = time.perf_counter()
    fail()
    deadline = time.monotonic() + GAP_SECONDS
    while time.monotonic() < deadline:
        if moved() and beats[-1] > broken + 0.2 and largest(beats, broken) > 0.01:
            time.sleep(0.3)
            break
        time.sleep(0.02)
    stop.set()
    thread.join(GAP_SECONDS)
    return largest(beats, broken)


def largest(beats: list[float], since: float) -> float:
    """The longest time without a beat, from shortly before `since`."""
    recent = [beat for beat in list(beats) if beat > since - 0.5]
    return max((later - earlier for earlier, later in itertools.pairwise(recent)), default=0.0)


def transactions_per_second(bench: Bench, clients: int) -> tuple[float, float]:
    """Medians of `pgbench -S` over TLS through the router and past it, in slices that take turns."""
    name = bench.cluster(1)
    bench.wait_available(name)
    status, info = bench.status(name), bench.home.info()
    assert info is not None
    host = status["endpoint"]
    through, past = (info.address, info.port), ("127.0.0.1", status["instances"][0]["server_port"])
    pgbench(login(bench, host, through), "-i", "-s", "10", "-q")
    routed: list[float] = []
    direct: list[float] = []
    for _ in range(SLICES):
        for address, figures in ((through, routed), (past, direct)):
            options = ("-S", "-c", str(clients))
            where = login(bench, host, address)
            figures.append(rate(pgbench(where, *options, "-T", str(SLICE_SECONDS))))
    bench.delete(name)
    return median(routed), median(direct)


@dataclass(frozen=True, slots=True)
class Login:
    """Where pgbench connects, and as whom."""

    host: str
    port: int
    user: str
    password: str
    more: Mapping[str, str] = field(default_factory=dict)
    """Further `PG…` variables."""


def login(bench: Bench, host: str, address: tuple[str, int]) -> Login:
    """As a learner connects: by name, over TLS that is checked; `address` is the router's or a server's own."""
    tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(bench.home.ca_file)}
    return Login(host, address[1], USER, PASSWORD, {"PGHOSTADDR": address[0], **tls})


def pgbench(where: Login, *options: str) -> str:
    """Run pgbench and return what it prints."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
        "PGPASSWORD": where.password,
        **where.more,
    }
    command = [str(client_bin() / "pgbench"), "-h", where.host, "-p", str(where.port), "-U", where.user]
    result = subprocess.run(
        [*command, *options, "postgres"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"pgbench failed: {result.stderr.strip()}")
    return result.stdout


def rate(text: str) -> float:
    """Transactions per second, in what pgbench prints."""
    found = re.search(r"tps = ([\d.]+) \(without", text)
    assert found, text
    return float(found[1])
