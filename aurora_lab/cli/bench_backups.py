"""What backups cost: a snapshot, a restore and a clone of a volume with some data in it, in time and in disk."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench

ROWS = 120_000
"""About 100 MB of table and log."""
DEADLINE_SECONDS = 120.0
_LOOK_SECONDS = 0.01
_FILL = f"CREATE TABLE big AS SELECT i, repeat(md5(i::text), 20) AS t FROM generate_series(1, {ROWS}) AS i"


@dataclass(frozen=True, slots=True)
class Backups:
    """Seconds and bytes."""

    volume: int
    """Bytes of the volume's files on this machine."""
    copy: float
    """How long a plain copy of these files takes: the floor."""
    snapshot: float
    snapshot_disk: int
    restore: float
    clone: float
    clone_disk: int
    """What the clone adds on this machine."""
    clone_own: int
    """What its volume counts: the pages in which it differs."""


def measure(bench: Bench) -> Backups:
    """One after the other, on a cluster of one instance."""
    name = bench.cluster(1)
    bench.wait_available(name)
    rds, shown = bench.rds, bench.status(name)
    with bench.connect(shown["endpoint"]) as connection:
        connection.execute(_FILL.encode())
    resource = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["DbClusterResourceId"]
    data = bench.home.data
    volume = data / "clusters" / resource.lower() / "instances"
    # The log is no part of the volume.
    size = _disk(volume) - sum(_disk(log) for log in volume.glob("*/pg_wal"))
    began = monotonic()
    copied = data / "copied"
    shutil.copytree(volume, copied, ignore=shutil.ignore_patterns("pg_wal"), copy_function=shutil.copyfile)
    copy = monotonic() - began
    shutil.rmtree(copied)

    began = monotonic()
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="bench", DBClusterIdentifier=name)
    _until(lambda: rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="bench"), "Snapshots")
    snapshot, snapshot_disk = monotonic() - began, _own_files(bench.home.bucket / "snapshots")

    began = monotonic()
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="bench-restored", SnapshotIdentifier="bench", Engine="aurora-postgresql"
    )
    bench.wait_available("bench-restored")
    restore = monotonic() - began

    began = monotonic()
    rds.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier="bench-clone",
        SourceDBClusterIdentifier=name,
        RestoreType="copy-on-write",
        UseLatestRestorableTime=True,
    )
    bench.wait_available("bench-clone")
    clone = monotonic() - began
    resource = rds.describe_db_clusters(DBClusterIdentifier="bench-clone")["DBClusters"][0][
        "DbClusterResourceId"
    ]
    clone_disk = _disk(data / "clusters" / resource.lower())
    own = int(bench.status("bench-clone")["volume"]["bytes_used"])
    for each in (name, "bench-restored", "bench-clone"):
        bench.delete(each)
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="bench")
    return Backups(size, copy, snapshot, snapshot_disk, restore, clone, clone_disk, own)


def _until(look: Any, kind: str) -> None:
    deadline = monotonic() + DEADLINE_SECONDS
    while look()[f"DBCluster{kind}"][0]["Status"] != "available":
        if monotonic() > deadline:
            raise TimeoutError(f"not available within {DEADLINE_SECONDS:g} s")
        sleep(_LOOK_SECONDS)


def _own_files(folder: Path) -> int:
    """Bytes on the disk of the files that have no other name: what else is there, somebody else has too."""
    states = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(state.st_blocks * 512 for state in states if state.st_nlink == 1)


def _disk(folder: Path) -> int:
    """Bytes on the disk. What files share by reflinks counts for each of them."""
    done = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) * 1024
