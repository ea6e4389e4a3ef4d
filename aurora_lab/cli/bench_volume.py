"""What the volume costs: commits with a 4-of-6 quorum, with an AZ away, with a slow storage node, and its memory.

On a disk, unlike the rest of the benchmark: in memory a flush costs nothing, and flushes are what is compared.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import psutil

from aurora_lab.cli.bench_servers import median
from aurora_lab.cli.bench_sql import Login, login, pgbench, rate
from aurora_lab.cluster.connections import connect
from aurora_lab.region import client
from aurora_lab.region.identity import load_identity
from aurora_lab.region.store import Store

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench

SLICES = 8
SLICE_SECONDS = 2
SYNC_SECONDS = 60.0
AWAY = ("b1", "b2")
"""The storage nodes of one AZ."""
SLOW = "c1"
STANDS_SECONDS, GOES_SECONDS = 0.2, 0.05
"""A slow node: four fifths of the time it stands still."""
LOCAL = "fsync = on\nsynchronous_standby_names = ''\n"
"""The writer flushes its own log and waits for nobody; the storage nodes receive as before."""


@dataclass(frozen=True, slots=True)
class Commits:
    """Commits per second with the same six log copies on the same disk, in slices that took turns."""

    quorum: float
    local: float
    zone_away: float
    slow_node: float


def commits_per_second(bench: Bench, clients: int) -> Commits:
    """Medians of `pgbench -N` (one small transaction a commit) past the router."""
    name = bench.cluster(1)
    bench.wait_available(name)
    status = bench.status(name)
    run = _Runs(bench, status["endpoint"], int(status["instances"][0]["server_port"]), clients)
    _in_sync(bench, name)
    modes: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "quorum": nullcontext,
        "local": run.local_flush,
        "zone_away": lambda: _away(bench, name),
        "slow_node": lambda: _slow(bench, name),
    }
    found: dict[str, list[float]] = {mode: [] for mode in modes}
    order = list(modes)
    for _ in range(SLICES):
        for mode in order:
            with modes[mode]():
                found[mode].append(run.once())
            _in_sync(bench, name)
        # What a slice leaves behind (dirty pages, a checkpoint to come) falls on the next one: there and back.
        order.reverse()
    bench.delete(name)
    return Commits(**{mode: median(figures) for mode, figures in found.items()})


def make_tables(where: Login) -> None:
    """What `commits` works on."""
    pgbench(where, "-i", "-s", "10", "-q")


def commits(where: Login, clients: int) -> float:
    """Commits per second of one slice."""
    return rate(pgbench(where, "-N", "-c", str(clients), "-T", str(SLICE_SECONDS)))


def disk() -> str:
    """The kind of file system that the commits were measured on."""
    folder = Path(tempfile.gettempdir()).resolve()
    mounts = [item for item in psutil.disk_partitions(all=True) if folder.is_relative_to(item.mountpoint)]
    return max(mounts, key=lambda item: len(item.mountpoint)).fstype if mounts else "unknown"


def memory_of_nodes(bench: Bench) -> int:
    """Bytes (PSS) of the six storage nodes of an idle cluster."""
    name = bench.cluster(1)
    bench.wait_available(name)
    _in_sync(bench, name)
    found = sum(int(node["memory_bytes"]) for node in _nodes(bench, name))
    bench.delete(name)
    return found


class _Runs:
    """pgbench against one writer, past the router."""

    def __init__(self, bench: Bench, host: str, port: int, clients: int) -> None:
        self._login = login(bench, host, ("127.0.0.1", port))
        self._clients = clients
        with closing(Store(bench.home.state)) as store:
            password = load_identity(store).superuser_password
        self._administrator = connect(("127.0.0.1", port), password)
        ((file,),) = self._administrator.execute("SHOW config_file").fetchall()
        self._configuration = Path(file)
        make_tables(self._login)

    def once(self) -> float:
        """Commits per second of one slice."""
        return commits(self._login, self._clients)

    @contextmanager
    def local_flush(self) -> Iterator[None]:
        """The writer as it would be without a volume."""
        before = self._configuration.read_text(encoding="utf-8")
        self._configure(before + LOCAL, "on")
        try:
            yield
        finally:
            self._configure(before, "off")

    def _configure(self, text: str, fsync: str) -> None:
        self._configuration.write_text(text, encoding="utf-8")
        self._administrator.execute("SELECT pg_reload_conf()")
        until(
            lambda: self._administrator.execute("SHOW fsync").fetchone() == (fsync,),
            f"the writer does not take fsync = {fsync}",
        )


@contextmanager
def _away(bench: Bench, cluster: str) -> Iterator[None]:
    for node in AWAY:
        _fault(bench, cluster, node, "kill")
    try:
        yield
    finally:
        for node in AWAY:
            _fault(bench, cluster, node, "undo")


@contextmanager
def _slow(bench: Bench, cluster: str) -> Iterator[None]:
    done = threading.Event()

    def hold_up() -> None:
        while not done.wait(GOES_SECONDS):
            _fault(bench, cluster, SLOW, "pause")
            done.wait(STANDS_SECONDS)
            _fault(bench, cluster, SLOW, "undo")

    thread = threading.Thread(target=hold_up)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _fault(bench: Bench, cluster: str, node: str, action: str) -> None:
    body = {"kind": "storage-node", "name": node, "action": action, "cluster": cluster}
    client.ask(bench.home, "fault", body)


def _nodes(bench: Bench, cluster: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = bench.status(cluster)["volume"]["nodes"]
    return nodes


def _in_sync(bench: Bench, cluster: str) -> None:
    until(
        lambda: all(node["state"] == "in-sync" for node in _nodes(bench, cluster)),
        "the storage nodes do not come back",
    )


def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition. Raises TimeoutError, which says `otherwise`."""
    deadline = monotonic() + SYNC_SECONDS
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(otherwise)
        sleep(0.02)
