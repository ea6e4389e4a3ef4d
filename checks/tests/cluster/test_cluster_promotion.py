"""Promotion: no acknowledged commit is lost, nobody writes beside the writer, readers stay open."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from aurora_lab.cluster import promotion
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotTheWriterError
from small_cluster import SmallCluster, forget_log, on_each_runtime, until


def freeze_receiver(cluster: SmallCluster, reader: InstanceSpec) -> None:
    """Stop the process with which a reader receives the log; where we cannot reach it, cut it off."""
    if cluster.runtime.name != "embedded":
        cut_off(cluster, reader)
        return
    with cluster.plane.connect(reader.resource_id) as administrator:
        ((process,),) = administrator.execute("SELECT pid FROM pg_stat_wal_receiver").fetchall()
    os.kill(process, signal.SIGSTOP)


def cut_off(cluster: SmallCluster, reader: InstanceSpec) -> None:
    """Lead a reader to a writer that does not exist: not even what is on the way reaches it."""
    data = cluster.plane.layout.data(reader.name)
    cluster.plane.servers.write_configuration(data, reader.name, primary="host=127.0.0.1 port=1")
    with cluster.plane.connect(reader.resource_id) as administrator:
        administrator.execute("SELECT pg_reload_conf()")
        receiver = "SELECT pid FROM pg_stat_wal_receiver"
        until(lambda: not administrator.execute(receiver).fetchall(), "the reader is cut off")


def waits_for_quorum(cluster: SmallCluster, writer: InstanceSpec) -> bool:
    """Whether a commit on the writer waits for storage nodes."""
    with cluster.plane.connect(writer.resource_id) as administrator:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        return bool(administrator.execute(waiting).fetchall())


def commit_rows(cluster: SmallCluster, instance: InstanceSpec, count: int) -> None:
    """Commit `count` rows, one by one: each is acknowledged when this returns."""
    with cluster.connect(instance) as writing:
        writing.execute("CREATE TABLE IF NOT EXISTS acknowledged (i int)")
        for number in range(count):
            writing.execute("INSERT INTO acknowledged VALUES (%s)", (number,))


@on_each_runtime
def test_a_reader_that_lags_is_promoted_without_losing_a_commit(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 1)
    until(
        lambda: cluster.value(cluster.two, "SELECT to_regclass('acknowledged') IS NOT NULL"), "has the table"
    )
    for reader in (cluster.two, cluster.three):
        freeze_receiver(cluster, reader)
    commit_rows(cluster, cluster.one, 50)
    assert cluster.value(cluster.two, "SELECT count(*) FROM acknowledged") < 51
    with cluster.connect(cluster.two) as reading:
        cluster.plane.kill(cluster.one.resource_id)
        cluster.plane.promote(cluster.two, cluster.one)
        assert reading.execute("SELECT count(*) FROM acknowledged").fetchone() == (51,)
        reading.execute("INSERT INTO acknowledged VALUES (-1)")
    cluster.plane.follow(cluster.three, cluster.two)
    count = "SELECT count(*) FROM acknowledged"
    until(lambda: cluster.value(cluster.three, count) == 52, "the other reader has all rows")


@on_each_runtime
def test_a_planned_failover_and_back(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 5)
    with cluster.connect(cluster.three) as reading, cluster.connect(cluster.one) as writing:
        cluster.plane.promote(cluster.two, cluster.one, planned=True)
        with pytest.raises(psycopg.OperationalError):
            writing.execute("SELECT 1")
        cluster.plane.follow(cluster.three, cluster.two)
        assert reading.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        made = cluster.plane.layout.data(cluster.one.name)
        before = (made / "PG_VERSION").stat().st_ino
        cluster.plane.start_reader(cluster.one, cluster.two)
        assert (made / "PG_VERSION").stat().st_ino == before, "the old writer was copied, not rewound"
        cluster.plane.promote(cluster.one, cluster.two, planned=True)
        cluster.plane.follow(cluster.three, cluster.one)
        cluster.plane.start_reader(cluster.two, cluster.one)
        commit_rows(cluster, cluster.one, 5)
        count = "SELECT count(*) FROM acknowledged"
        until(
            lambda: reading.execute(count).fetchone() == (10,),
            "the reader that was open all the time has all",
        )
    until(lambda: cluster.value(cluster.two, count) == 10, "the first target reads")


@on_each_runtime
def test_a_frozen_writer_is_fenced_first(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 3)
    frozen = cluster.plane.server(cluster.one.resource_id)
    assert frozen is not None
    cluster.plane.freeze(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    assert not frozen.running()
    assert not cluster.plane.running(cluster.one.resource_id)
    commit_rows(cluster, cluster.two, 3)
    assert cluster.value(cluster.two, "SELECT count(*) FROM acknowledged") == 6


def test_a_backend_that_outlives_its_server_is_fenced_too(cluster: SmallCluster) -> None:
    # Only the main process is killed. A busy backend does not notice, and could still acknowledge a commit.
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 1)
    main = int((cluster.plane.layout.data(cluster.one.name) / "postmaster.pid").read_text().split()[0])
    busy = cluster.connect(cluster.one)
    try:
        (backend,) = busy.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        loop = "DO $$ BEGIN LOOP INSERT INTO acknowledged VALUES (1); COMMIT; END LOOP; END $$"
        busy.pgconn.send_query(loop.encode())
        until(lambda: cluster.value(cluster.one, "SELECT count(*) FROM acknowledged") > 10, "it is busy")
        os.kill(main, signal.SIGKILL)
        cluster.plane.close()
        cluster.plane = cluster.new_plane()
        until(lambda: not cluster.plane.running(cluster.one.resource_id), "the main process has gone")
        assert not ended(backend), "the backend outlives it"
        cluster.plane.promote(cluster.two, cluster.one)
        assert ended(backend)
    finally:
        busy.close()


def ended(process: int) -> bool:
    """Whether a process is gone or only waits to be reaped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_frozen_writer_does_not_hold_up_a_planned_failover(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.freeze(cluster.one.resource_id)
    began = monotonic()
    cluster.plane.promote(cluster.two, cluster.one, planned=True)
    assert monotonic() - began < promotion.PLANNED_STOP_SECONDS
    commit_rows(cluster, cluster.two, 1)


@on_each_runtime
def test_the_old_writer_is_rewound_and_reads(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 10)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    commit_rows(cluster, cluster.two, 10)
    # What the old writer had in its log and nobody else ever saw, as after a partition: it must go.
    log = cluster.plane.layout.data(cluster.one.name)
    kept = (log / "PG_VERSION").stat().st_ino
    cluster.plane.start_reader(cluster.one, cluster.two)
    until(lambda: cluster.value(cluster.one, "SELECT count(*) FROM acknowledged") == 20, "has all rows")
    assert (log / "PG_VERSION").stat().st_ino == kept, "it was copied, not rewound"
    assert cluster.refusal(cluster.one, "INSERT INTO acknowledged VALUES (0)").sqlstate == "25006"


def test_a_rewind_that_cannot_be_done_becomes_a_copy(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 10)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    damaged = cluster.plane.layout.data(cluster.one.name) / "global" / "pg_control"
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    cluster.plane.start_reader(cluster.one, cluster.two)
    assert cluster.value(cluster.one, "SELECT count(*) FROM acknowledged") == 10


def test_a_reader_of_two_writers_ago_takes_over_everything(cluster: SmallCluster) -> None:
    # It never heard of the second writer's timeline, and has to find it in that writer's log.
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 5)
    cut_off(cluster, cluster.three)
    commit_rows(cluster, cluster.one, 5)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    commit_rows(cluster, cluster.two, 5)
    cluster.plane.kill(cluster.two.resource_id)
    cluster.plane.promote(cluster.three, cluster.two)
    commit_rows(cluster, cluster.three, 5)
    assert cluster.value(cluster.three, "SELECT count(*) FROM acknowledged") == 20


def test_a_reader_that_would_lose_commits_is_not_promoted(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cut_off(cluster, cluster.two)
    commit_rows(cluster, cluster.one, 5)
    forget_log(cluster, cluster.one)
    cluster.plane.kill(cluster.one.resource_id)
    with pytest.raises(ClusterError, match="too far behind"):
        cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.start_writer(cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    for instance in (cluster.one, cluster.two):
        assert cluster.value(instance, "SELECT count(*) FROM acknowledged") == 5


def test_promoting_again_changes_nothing(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.start_reader(cluster.one, cluster.two)
    with cluster.connect(cluster.two) as writing, cluster.connect(cluster.one) as reading:
        cluster.plane.promote(cluster.two, cluster.one)
        assert writing.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        assert reading.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def test_a_target_that_does_not_run_is_promoted_all_the_same(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.kill(cluster.two.resource_id)
    commit_rows(cluster, cluster.one, 20)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, "SELECT count(*) FROM acknowledged") == 20


def interrupted_after(cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let a promotion of `two` die after one of its steps."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(promotion, step, die)
        with pytest.raises(KeyboardInterrupt):
            cluster.plane.promote(cluster.two, cluster.one)


def test_another_target_takes_over_from_one_that_was_not_promoted(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 10)
    interrupted_after(cluster, monkeypatch, "_hand_over_and_promote")
    cluster.plane.promote(cluster.three, cluster.one)
    assert cluster.value(cluster.three, "SELECT count(*) FROM acknowledged") == 10
    for reader in (cluster.one, cluster.two):
        cluster.plane.start_reader(reader, cluster.three)
        assert cluster.value(reader, "SELECT count(*) FROM acknowledged") == 10


def test_another_target_takes_over_from_one_that_was_promoted_and_never_opened(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start(readers=2)
    commit_rows(cluster, cluster.one, 10)
    interrupted_after(cluster, monkeypatch, "_open")
    until(lambda: not cluster.value(cluster.two, "SELECT pg_is_in_recovery()"), "is promoted")
    writing = cluster.connect(cluster.two)
    try:
        writing.pgconn.send_query(b"INSERT INTO acknowledged VALUES (-1)")
        until(lambda: waits_for_quorum(cluster, cluster.two), "no storage node follows it: its commit waits")
        with pytest.raises(NotTheWriterError):
            cluster.plane.start_writer(cluster.one)
        cluster.plane.promote(cluster.three, cluster.one)
        acknowledged = "SELECT count(*) FROM acknowledged WHERE i >= 0"
        assert cluster.value(cluster.three, acknowledged) == 10
        cluster.plane.start_reader(cluster.two, cluster.three)
        commit_rows(cluster, cluster.three, 1)
        until(lambda: cluster.value(cluster.two, acknowledged) == 11, "it follows the one that opened")
    finally:
        writing.close()


def test_a_promotion_that_never_happened_can_be_given_up(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 10)
    interrupted_after(cluster, monkeypatch, "_hand_over_and_promote")
    cluster.plane.start_writer(cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.value(cluster.one, "SELECT count(*) FROM acknowledged") == 10
    assert cluster.value(cluster.two, "SELECT pg_is_in_recovery()")


def test_the_writer_starts_where_its_promotion_was_cut_short(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start(readers=1)
    commit_rows(cluster, cluster.one, 10)
    interrupted_after(cluster, monkeypatch, "_hand_over_and_promote")
    cluster.plane.start_writer(cluster.two)
    commit_rows(cluster, cluster.two, 1)
    assert cluster.value(cluster.two, "SELECT count(*) FROM acknowledged") == 11


def test_many_failovers_in_a_row_keep_every_row(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    writer, *others = cluster.one, cluster.two, cluster.three
    for turn in range(4):
        commit_rows(cluster, writer, 5)
        target = others[0]
        cluster.plane.kill(writer.resource_id)
        cluster.plane.promote(target, writer)
        cluster.plane.follow(others[1], target)
        cluster.plane.start_reader(writer, target)
        assert cluster.value(target, "SELECT count(*) FROM acknowledged") == 5 * (turn + 1)
        writer, others = target, [others[1], writer]
