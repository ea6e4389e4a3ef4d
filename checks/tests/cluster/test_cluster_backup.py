"""The continuous backup of a volume, and volumes that are restored from it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aurora_lab.cluster.archive import number
from aurora_lab.cluster.images import BackupError
from aurora_lab.cluster.types import Source
from small_cluster import (
    DATABASE,
    MASTER,
    Ground,
    SmallCluster,
    forget_log,
    until,
    wait_until_all_have,
)


def restored(ground: Ground, cluster: SmallCluster, image: Path, moment: float | None = None) -> list[int]:
    """What table `t` has in a volume that is restored from an image, and that the volume can be written to."""
    with ground.cluster() as other:
        other.password = cluster.password
        other.plane = other.new_plane()
        other.plane.restore_volume(Source(image, moment), MASTER, DATABASE)
        other.plane.restore_volume(Source(image, moment), MASTER, DATABASE)
        other.plane.start_writer(other.one)
        found = [row[0] for row in other.ask(other.one, "SELECT i FROM t ORDER BY i")]
        other.ask(other.one, "INSERT INTO t VALUES (-1)")
        other.plane.start_reader(other.two, other.one)
        # What was restored has a backup of its own, from the same base on.
        again = other.folder.with_name(f"{other.folder.name}.again")
        other.plane.export(again)
        try:
            with ground.cluster() as third:
                third.password = cluster.password
                third.plane = third.new_plane()
                third.plane.restore_volume(Source(again), MASTER)
                third.plane.start_writer(third.one)
                assert third.value(third.one, "SELECT count(*) FROM t") == len(found) + 1
        finally:
            other.runtime.remove_tree(again)
        return found


def test_a_volume_is_restored_as_it_was_at_any_moment(cluster: SmallCluster, embedded_ground: Ground) -> None:
    cluster.start(readers=1)
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT 1 AS i")
    moment = cluster.value(cluster.one, "SELECT extract(epoch FROM clock_timestamp())::float8")
    cluster.ask(cluster.one, "INSERT INTO t VALUES (2)")
    dropped = cluster.value(cluster.one, "SELECT extract(epoch FROM clock_timestamp())::float8")
    cluster.ask(cluster.one, "DROP TABLE t")
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT 3 AS i")
    images = cluster.folder.with_name(f"{cluster.folder.name}.images")
    try:
        cluster.plane.export(images / "now")
        cluster.plane.export(images / "then", moment)
        assert cluster.plane.backup.archive.contents().latest >= dropped
        # Nothing lives on but what was exported.
        cluster.plane.delete()
        assert restored(embedded_ground, cluster, images / "then", moment) == [1]
        assert restored(embedded_ground, cluster, images / "now", dropped) == [1, 2]
        assert restored(embedded_ground, cluster, images / "now") == [3]
        # Later than all that was ever committed.
        assert restored(embedded_ground, cluster, images / "now", time.time()) == [3]
    finally:
        cluster.runtime.remove_tree(images)


def test_a_failover_does_not_interrupt_the_backup(cluster: SmallCluster, embedded_ground: Ground) -> None:
    cluster.start(readers=1)
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT 1 AS i")
    before = cluster.value(cluster.one, "SELECT extract(epoch FROM clock_timestamp())::float8")
    cluster.ask(cluster.one, "INSERT INTO t VALUES (2)")
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.ask(cluster.two, "INSERT INTO t VALUES (3)")
    image = cluster.folder.with_name(f"{cluster.folder.name}.image")
    try:
        cluster.plane.export(image)
        assert restored(embedded_ground, cluster, image) == [1, 2, 3]
        assert restored(embedded_ground, cluster, image, before) == [1]
    finally:
        cluster.runtime.remove_tree(image)


def test_newer_bases_take_the_place_of_old_log(cluster: SmallCluster, embedded_ground: Ground) -> None:
    cluster.start()
    plane, archive = cluster.plane, cluster.plane.backup.archive
    plane.watch.tend(60.0)
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT generate_series(1, 3000) AS i")
    for _ in range(3):
        with plane.connect(cluster.one.resource_id) as administrator:
            administrator.execute("CHECKPOINT")
            administrator.execute("SELECT pg_switch_wal()")
        cluster.ask(cluster.one, "UPDATE t SET i = i")
    wait_until_all_have(cluster, cluster.one)
    plane.watch.tend(60.0)
    first, _ = archive.window() or (0.0, 0.0)
    assert not archive.gap()
    plane.backup.make_base()
    oldest, newest = archive.contents().bases
    assert oldest.at == first
    assert number(newest.first_log) > number(oldest.first_log)
    cluster.ask(cluster.one, "DELETE FROM t WHERE i > 2")
    image = cluster.folder.with_name(f"{cluster.folder.name}.image")
    try:
        plane.export(image)
        plane.backup.tend(0.0)
        assert len(archive.contents().bases) == 2, "it is still needed"
        rubbish = archive.log / ".segment.new-0000"
        rubbish.touch()
        os.utime(rubbish, (0, 0))
        plane.backup.tend(time.time())
        assert archive.contents().bases == (newest,)
        assert {number(name) for name in archive.segments()} >= {number(newest.first_log)}
        assert min(archive.segments())[8:] == newest.first_log[8:]
        assert [Path(newest.data)] == list((archive.folder / "bases").iterdir())
        assert not rubbish.exists()
        with pytest.raises(BackupError, match="does not reach back"):
            plane.export(image.with_name("never"), first)
        assert restored(embedded_ground, cluster, image) == [1, 2]
    finally:
        cluster.runtime.remove_tree(image)


def test_log_that_is_missing_makes_it_begin_anew(cluster: SmallCluster, embedded_ground: Ground) -> None:
    cluster.start(readers=1)
    archive = cluster.plane.backup.archive
    began = archive.window()
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT 1 AS i")
    # Written and lost again before it was backed up.
    forget_log(cluster, cluster.one)
    cluster.plane.watch.tend(60.0)
    assert archive.gap()
    cluster.plane.backup.tend(0.0)
    assert not archive.gap()
    assert began is not None
    assert (archive.window() or (0.0, 0.0))[0] > began[0]
    cluster.ask(cluster.one, "INSERT INTO t VALUES (2)")
    image = cluster.folder.with_name(f"{cluster.folder.name}.image")
    try:
        cluster.plane.export(image)
        assert restored(embedded_ground, cluster, image) == [1, 2]
    finally:
        cluster.runtime.remove_tree(image)


def test_a_volume_that_nobody_has_opened_can_be_restored(
    cluster: SmallCluster, embedded_ground: Ground
) -> None:
    cluster.plane.create_volume(MASTER, DATABASE)
    image = cluster.folder.with_name(f"{cluster.folder.name}.image")
    try:
        cluster.plane.export(image)
        with embedded_ground.cluster() as other:
            other.password = cluster.password
            other.plane = other.new_plane()
            other.plane.restore_volume(Source(image), MASTER, DATABASE)
            other.plane.start_writer(other.one)
            assert other.value(other.one, "SELECT 1") == 1
    finally:
        cluster.runtime.remove_tree(image)


def test_log_is_kept_by_the_nodes_until_it_is_backed_up(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start()
    monkeypatch.setattr("aurora_lab.cluster.storage_nodes.KEPT_SEGMENTS", 1)
    plane, archive = cluster.plane, cluster.plane.backup.archive
    with plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(4):
            administrator.execute("SELECT pg_switch_wal()")
            administrator.execute("SELECT txid_current()")
    wait_until_all_have(cluster, cluster.one)
    copy = plane.nodes.copy("a1")
    until(
        lambda: len([file for file in copy.iterdir() if len(file.name) == 24]) >= 4, "segments are finished"
    )
    finished = {file.name for file in copy.iterdir() if len(file.name) == 24}
    monkeypatch.setattr(plane.backup, "take", lambda _writer: None)
    plane.watch.tend(60.0)
    assert {file.name for file in copy.iterdir()} >= finished
    monkeypatch.undo()
    monkeypatch.setattr("aurora_lab.cluster.storage_nodes.KEPT_SEGMENTS", 1)
    plane.watch.tend(60.0)
    assert not {file.name for file in copy.iterdir()} >= finished
    assert set(archive.segments()) >= finished


def test_a_restore_from_damaged_log_is_no_restore(cluster: SmallCluster, embedded_ground: Ground) -> None:
    cluster.start()
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(3):
            administrator.execute("SELECT pg_switch_wal()")
            administrator.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS i")
    wait_until_all_have(cluster, cluster.one)
    image = cluster.folder.with_name(f"{cluster.folder.name}.image")
    try:
        cluster.plane.export(image)
        damaged = sorted(file for file in (image / "log").iterdir() if len(file.name) == 24)[-2]
        size = damaged.stat().st_size
        damaged.unlink()  # It is a link.
        damaged.write_bytes(bytes(size))
        with embedded_ground.cluster() as other:
            other.password = cluster.password
            other.plane = other.new_plane()
            with pytest.raises(BackupError, match="is damaged"):
                other.plane.restore_volume(Source(image), MASTER)
            assert not other.plane.has_volume()
    finally:
        cluster.runtime.remove_tree(image)
