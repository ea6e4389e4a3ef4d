"""`aurora-lab bench`: each figure beside its floor, measured in the same run.

Trust the ratios: the figures themselves are this machine's, on this day. A floor is the same work done with as
little as possible: a bare HTTP server, PostgreSQL servers started by hand, a connection past the router.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from aurora_lab.cli import (
    bench_backups,
    bench_databases,
    bench_driver,
    bench_servers,
    bench_sql,
    bench_stock,
    bench_volume,
)
from aurora_lab.cli.bench_region import Bench
from aurora_lab.region import client
from aurora_lab.region.home import Home

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    value: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    limit: str = ""
    """What is promised, in words."""
    kept: bool | None = None
    """Whether the promise was kept in this run; None where there is none."""

    @property
    def ratio(self) -> float | None:
        """Value by floor."""
        return self.value / self.floor if self.floor else None


def run(as_json: bool = False) -> int:
    """Measure everything and print the table. Returns 0 where every promise was kept, else 1."""
    console = Console(stderr=True)
    rows: list[Row] = []
    with _bench() as bench, console.status("") as status:
        for title, measure in MEASUREMENTS:
            status.update(f"measuring: {title}")
            rows.extend(measure(bench))
    if as_json:
        click.echo(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=1))
    else:
        Console().print(_table(rows))
    return 0 if all(row.kept is not False for row in rows) else 1


def _bench() -> AbstractContextManager[Bench]:
    """In memory, where that can be had."""
    return _bench_at("/dev/shm" if Path("/dev/shm").is_dir() else None)


@contextmanager
def _bench_at(base: str | None) -> Iterator[Bench]:
    """A region of its own in a new folder in `base`, or where temporary files go."""
    folder = Path(tempfile.mkdtemp(prefix="aurora-lab-bench-", dir=base))
    folder.chmod(0o755)
    home = Home(folder / "home")
    try:
        yield Bench(home)
    finally:
        client.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _ready(bench: Bench) -> list[Row]:
    floor = bench_servers.http_server_ready()
    first = bench.first_start()
    again = bench.start_again()
    return [
        Row("region ready, first start (makes its template)", first, "s", floor, "idle Python HTTP server"),
        Row("region ready, started again", again, "s", floor, "idle Python HTTP server"),
    ]


def _three_instances(bench: Bench) -> list[Row]:
    floor = bench_servers.three_servers(bench)
    took = bench.three_instances()
    kept = took <= 2 * floor
    what = "cluster of three: all available, both endpoints answer"
    return [Row(what, took, "s", floor, "the same three servers by hand", "at most 2 x", kept)]


def _failover(bench: Bench) -> list[Row]:
    floor = bench_servers.promote(bench)
    rows = []
    for how in ("killed", "planned"):
        gap = bench_sql.write_gap(bench, how)
        what = f"write gap of a plain client, writer {how}"
        rows.append(Row(what, gap, "s", floor, "pg_promote", "at most 1 s", gap <= 1.0))
    for how in ("killed", "planned"):
        gap = bench_driver.driver_gap(bench, how)
        rows.append(Row(f"the same, a client of the AWS driver, writer {how}", gap, "s", floor, "pg_promote"))
    for how in ("killed", "planned"):
        gap = bench_databases.multi_az_gap(bench, how)
        rows.append(Row(f"the same, RDS Multi-AZ, primary {how}", gap, "s", floor, "pg_promote"))
    return rows


def _routed(bench: Bench) -> list[Row]:
    rows = []
    for clients in (1, 8):
        routed, direct = bench_sql.transactions_per_second(bench, clients)
        kept = routed >= 0.7 * direct
        what = f"pgbench -S through the router, {clients} client{'s' if clients > 1 else ''}"
        rows.append(Row(what, routed, "tps", direct, "direct", "at least 0.70", kept))
    return rows


def _volume(_bench: Bench) -> list[Row]:
    """With a region of its own, on a disk."""
    rows = []
    with _bench_at(None) as bench:
        bench.first_start()
        memory = bench_volume.memory_of_nodes(bench) / MEBIBYTE
        for clients, least in ((1, 0.85), (8, 1.0)):
            found = bench_volume.commits_per_second(bench, clients)
            of = f"{clients} client{'s' if clients > 1 else ''}, {bench_volume.disk()}"
            kept = found.quorum >= least * found.local
            stock, stock_local = bench_stock.commits_per_second(bench, clients)
            rows += [
                Row(
                    f"commits, 4 of 6 log copies, {of}",
                    found.quorum,
                    "tps",
                    found.local,
                    "one local flush, six copies attached",
                    f"at least {least:.2f}",
                    kept,
                ),
                Row(
                    "the same, PostgreSQL as it comes",
                    stock,
                    "tps",
                    stock_local,
                    "one local flush, six copies",
                ),
                Row("the same, an AZ away", found.zone_away, "tps", found.quorum, "all six there"),
                Row("the same, a storage node slow", found.slow_node, "tps", found.quorum, "all six fast"),
            ]
    what = "memory of the six storage nodes (PSS)"
    return [*rows, Row(what, memory, "MiB", None, "", "at most 25 MB", memory * MEBIBYTE <= 25e6)]


def _memory(bench: Bench) -> list[Row]:
    """The class decides: a server with the 1,802 connection slots of db.r6g.large takes 15 MiB for them alone."""
    what = "memory of an idle region, three instances (PSS)"
    small = bench.memory("db.t4g.medium") / MEBIBYTE
    large = bench.memory("db.r6g.large") / MEBIBYTE
    return [
        Row(f"{what}, db.t4g.medium", small, "MiB", None, "", "at most 150 MiB", small <= 150),
        Row(f"{what}, db.r6g.large", large, "MiB"),
    ]


def _backups(bench: Bench) -> list[Row]:
    found = bench_backups.measure(bench)
    of = f"a volume of {found.volume / MEBIBYTE:.0f} MiB"
    floor = "a plain copy of its files"
    return [
        Row(f"snapshot of {of}", found.snapshot, "s", found.copy, floor),
        Row("the same, disk", found.snapshot_disk / MEBIBYTE, "MiB"),
        Row(f"restore of {of} from a snapshot", found.restore, "s", found.copy, floor),
        Row(f"clone of {of}", found.clone, "s", found.copy, floor),
        Row("the same, disk of this machine", found.clone_disk / MEBIBYTE, "MiB"),
        Row("the same, as its volume counts", found.clone_own / MEBIBYTE, "MiB"),
    ]


def _check(bench: Bench) -> list[Row]:
    floor, took = bench.check_in_notebook()
    what = "a check in a warm notebook"
    return [Row(what, took, "s", floor, "an empty cell", "at most 0.1 s", took <= 0.1)]


MEASUREMENTS: tuple[tuple[str, Callable[[Bench], list[Row]]], ...] = (
    ("region ready", _ready),
    ("a cluster of three instances", _three_instances),
    ("memory", _memory),
    ("failover", _failover),
    ("router", _routed),
    ("the volume", _volume),
    ("backups", _backups),
    ("a check", _check),
)


def _table(rows: list[Row]) -> Table:
    table = Table(title="aurora-lab bench", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("floor", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("promise")
    for row in rows:
        promise = f"{row.limit} {'kept' if row.kept else 'NOT KEPT'}" if row.limit else ""
        floor = f"{row.floor:.3g} {row.unit} ({row.floor_is})" if row.floor else ""
        ratio = f"{row.ratio:.2f}" if row.ratio else ""
        table.add_row(row.what, f"{_figure(row.value)} {row.unit}", floor, ratio, promise)
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(run("--json" in sys.argv))
