"""Promotion where a target has no data that it could go on from, and where timelines could be mistaken."""

from __future__ import annotations

import pytest
from test_cluster_promotion import commit_rows, cut_off, interrupted_after

from aurora_lab.cluster import log_copies
from aurora_lab.cluster.layout import STANDBY_SIGNAL
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.types import ClusterError, InstanceSpec
from small_cluster import SmallCluster, on_each_runtime, until, wait_until_all_have

COUNT = "SELECT count(*) FROM acknowledged"
TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"


def timeline(cluster: SmallCluster, writer: InstanceSpec) -> int:
    """In which timeline a writer writes."""
    return int(cluster.value(writer, TIMELINE, user="rdsadmin", password=cluster.password), 16)


def keep_only_in_backup(cluster: SmallCluster) -> None:
    """As if much more had been written: log that is in the backup is gone everywhere else."""
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(3):
            administrator.execute("SELECT pg_switch_wal()")
            administrator.execute("CHECKPOINT")
    wait_until_all_have(cluster, cluster.one)
    cluster.plane.watch.tend(60.0)
    folders = [cluster.plane.nodes.copy(node) for node in NAMES]
    for folder in (cluster.plane.layout.data(cluster.one.name) / "pg_wal", *folders):
        for segment in log_copies.finished(folder):
            if cluster.plane.backup.archive.has(segment):
                segment.unlink()


@on_each_runtime
def test_a_new_instance_opens_the_volume_without_any_other(cluster: SmallCluster) -> None:
    cluster.start()
    commit_rows(cluster, cluster.one, 10)
    cluster.plane.watch.tend(60.0)
    commit_rows(cluster, cluster.one, 10)
    cluster.plane.kill(cluster.one.resource_id)
    # Its machine is in an AZ that is out: what lies there cannot be had.
    cluster.runtime.remove_tree(cluster.plane.layout.data(cluster.one.name))
    cluster.plane.nodes.fault("a1", "kill")
    cluster.plane.nodes.fault("a2", "kill")
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, COUNT) == 20
    commit_rows(cluster, cluster.two, 1)
    cluster.plane.start_reader(cluster.one, cluster.two)
    until(lambda: cluster.value(cluster.one, COUNT) == 21, "the old writer is back with all rows")


def test_a_new_instance_replays_the_log_of_a_writer_that_had_higher_limits(cluster: SmallCluster) -> None:
    cluster.start()
    commit_rows(cluster, cluster.one, 5)
    cluster.plane.watch.tend(60.0)
    # A base of a small writer, then log of a large one, then of a small one again.
    for connections in ("300", "100"):
        cluster.plane.restart(cluster.with_parameters(cluster.one, {"max_connections": connections}))
    commit_rows(cluster, cluster.one, 5)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, COUNT) == 10


def test_a_reader_that_is_too_far_behind_is_made_of_the_volume(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cut_off(cluster, cluster.two)
    commit_rows(cluster, cluster.one, 5)
    keep_only_in_backup(cluster)
    cluster.plane.kill(cluster.one.resource_id)
    with pytest.raises(ClusterError, match="too far behind"):
        cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.promote(cluster.two, cluster.one, afresh=True)
    assert cluster.value(cluster.two, COUNT) == 5
    cluster.plane.start_reader(cluster.one, cluster.two)
    commit_rows(cluster, cluster.two, 1)
    until(lambda: cluster.value(cluster.one, COUNT) == 6, "the old writer is a reader")


def test_no_two_writers_begin_the_same_timeline(cluster: SmallCluster) -> None:
    # `two` opens with three storage nodes only, and nothing of it is acknowledged. Then these go, the others
    # come back, and `three` has never heard of it.
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 5)
    until(lambda: cluster.value(cluster.three, COUNT) == 5, "the other reader has all rows")
    for node in NAMES[:3]:
        cluster.plane.nodes.fault(node, "kill")
    cut_off(cluster, cluster.three)
    cluster.plane.promote(cluster.two, cluster.one)
    assert timeline(cluster, cluster.two) == 2
    with cluster.plane.connect(cluster.two.resource_id) as administrator:
        administrator.execute("CREATE TABLE never_acknowledged (i int)")
    for node in NAMES[3:]:
        cluster.plane.nodes.fault(node, "kill")
    for node in NAMES[:3]:
        cluster.plane.nodes.undo(node)
    cluster.plane.kill(cluster.two.resource_id)
    cluster.plane.promote(cluster.three, cluster.two)
    assert timeline(cluster, cluster.three) == 3
    for node in NAMES[3:]:
        cluster.plane.nodes.undo(node)
    cluster.plane.watch.tend(0.0)
    commit_rows(cluster, cluster.three, 5)
    for reader in (cluster.one, cluster.two):
        cluster.plane.start_reader(reader, cluster.three)
        assert cluster.value(reader, COUNT) == 10


def test_a_successor_that_died_before_it_wrote_its_history_begins_no_timeline_of_another(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 5)
    interrupted_after(cluster, monkeypatch, "_hand_over_and_promote")
    cluster.plane.kill(cluster.two.resource_id)
    # As PostgreSQL leaves it that is killed there: a segment of the new timeline, no signal, and no history yet.
    data = cluster.plane.layout.data(cluster.two.name)
    newest = max(file for file in (data / "pg_wal").iterdir() if file.name.startswith("00000001"))
    (data / "pg_wal" / f"00000002{newest.name[8:]}").write_bytes(newest.read_bytes())
    (data / "pg_wal" / f"00000002{newest.name[8:]}").chmod(0o600)
    (data / STANDBY_SIGNAL).unlink()
    cluster.plane.promote(cluster.two, cluster.one)
    assert timeline(cluster, cluster.two) == 2
    commit_rows(cluster, cluster.two, 5)
    assert cluster.value(cluster.two, COUNT) == 10
