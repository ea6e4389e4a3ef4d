"""Where the log of a dead writer ends is not where everybody has it: ahead, behind, in the middle of a record."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from time import monotonic

import pytest

from aurora_lab.cluster import log_copies, log_ends, readers
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.servers import Servers
from aurora_lab.cluster.types import ClusterError
from small_cluster import SmallCluster, until, wait_until_all_have

COUNT = "SELECT count(*) FROM acknowledged"
INSERT = "INSERT INTO acknowledged VALUES (1)"
CHECKPOINT_BYTES = 120
"""A checkpoint's record in the log, with what fills it up."""
FIRST, LAST = NAMES[:3], NAMES[3:]


def made(cluster: SmallCluster, readers: int = 1) -> SmallCluster:
    """A cluster with the table that the tests write to, and one acknowledged row that everybody has."""
    cluster.start(readers)
    cluster.ask(cluster.one, "CREATE TABLE acknowledged (i int)")
    cluster.ask(cluster.one, INSERT)
    wait_until_all_have(cluster, cluster.one)
    for reader in (cluster.two, cluster.three)[:readers]:
        until(lambda reader=reader: cluster.value(reader, COUNT) == 1, "the reader has the row")
    return cluster


def swap(cluster: SmallCluster) -> None:
    """The nodes that were away come back, and those that were there go."""
    for node in LAST:
        cluster.plane.nodes.fault(node, "kill")
    for node in FIRST:
        cluster.plane.nodes.undo(node)


def all_in_sync(cluster: SmallCluster) -> None:
    """Bring every storage node back."""
    for node in NAMES:
        cluster.plane.nodes.undo(node)

    def in_sync() -> bool:
        cluster.plane.watch.tend(0.0)
        return all(node.state == "in-sync" for node in cluster.plane.watch.status().nodes)

    until(in_sync, "all storage nodes are in sync")


@pytest.mark.parametrize("segments", [0, 1])
def test_a_reader_that_is_ahead_of_the_volume_is_promoted(cluster: SmallCluster, segments: int) -> None:
    made(cluster, readers=2)
    for node in FIRST:
        cluster.plane.nodes.fault(node, "kill")
    with cluster.plane.connect(cluster.one.resource_id, dbname="shop") as administrator:
        for _ in range(20):  # The administrator does not wait for the quorum.
            administrator.execute(INSERT)
        for _ in range(segments):
            administrator.execute("SELECT pg_switch_wal()")
            administrator.execute(INSERT)
    expected = 21 + segments
    until(lambda: cluster.value(cluster.two, COUNT) == expected, "the reader has the rows")
    cluster.plane.kill(cluster.one.resource_id)
    swap(cluster)
    cluster.plane.promote(cluster.two, cluster.one)
    all_in_sync(cluster)
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == expected + 1
    # It recovers from its own log, which has to be without a hole.
    cluster.plane.kill(cluster.two.resource_id)
    cluster.plane.start_writer(cluster.two)
    assert cluster.value(cluster.two, COUNT) == expected + 1
    for reader in (cluster.one, cluster.three):
        cluster.plane.start_reader(reader, cluster.two)
        until(lambda reader=reader: cluster.value(reader, COUNT) == expected + 1, "the reader has all")


def test_log_that_ends_in_the_middle_of_a_record_beyond_a_segment(cluster: SmallCluster) -> None:
    made(cluster)
    cluster.plane.kill(cluster.two.resource_id)
    with cluster.plane.connect(cluster.one.resource_id, dbname="shop") as administrator:
        administrator.execute("SELECT pg_switch_wal()")
        administrator.execute(INSERT)
        ((before,),) = administrator.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchall()
        administrator.execute("SELECT pg_logical_emit_message(true, 'x', repeat('x', 1500000))")
    wait_until_all_have(cluster, cluster.one)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.nodes.stop()
    for node in NAMES:
        copy = cluster.plane.nodes.copy(node)
        beyond = sorted(file for file in copy.iterdir() if file.name[:24] > before)
        assert beyond
        for file in beyond[1:]:
            file.unlink()
        end = beyond[0].rename(copy / f"{beyond[0].name[:24]}.partial")
        with end.open("r+b") as file:
            file.seek(8192)
            file.write(bytes((1 << 20) - 8192))
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, COUNT) == 2
    cluster.ask(cluster.two, INSERT)
    all_in_sync(cluster)
    cluster.plane.start_reader(cluster.one, cluster.two)
    until(lambda: cluster.value(cluster.one, COUNT) == 3, "the reader has all")


def test_log_that_ends_with_a_segment(cluster: SmallCluster) -> None:
    made(cluster)
    with cluster.plane.connect(cluster.one.resource_id, dbname="shop") as administrator:
        administrator.execute("CHECKPOINT")
        administrator.execute(INSERT)
        ((newest,),) = administrator.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchall()
        administrator.execute("SELECT pg_switch_wal()")
    for node in NAMES:
        copy = cluster.plane.nodes.copy(node)
        until(lambda copy=copy: (copy / newest).exists(), f"{node} has finished the segment")
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 3
    all_in_sync(cluster)


@pytest.mark.parametrize("size", [0, 8192, 500_000, 1 << 20])
def test_nodes_killed_while_they_begin_a_segment(cluster: SmallCluster, size: int) -> None:
    made(cluster)
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.nodes.stop()
    for node in NAMES:
        copy = cluster.plane.nodes.copy(node)
        end = log_copies.last(copy)
        assert end is not None
        if not end.complete:
            end.file.rename(copy / end.name)
        begun = f"{end.name[:8]}{int(end.name[8:], 16) + 1:016X}.partial"
        (copy / begun).write_bytes(bytes(size))
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 2
    all_in_sync(cluster)


def test_a_reader_made_while_nobody_has_the_log_can_become_the_writer(cluster: SmallCluster) -> None:
    made(cluster, readers=0)
    for node in FIRST:
        cluster.plane.nodes.fault(node, "kill")
    with cluster.plane.connect(cluster.one.resource_id, dbname="shop") as administrator:
        for _ in range(3):
            administrator.execute(INSERT)
            administrator.execute("SELECT pg_switch_wal()")
    # So that it is made by a base backup, which has no log from before it.
    birth = cluster.plane.layout.birth()
    assert birth is not None
    cluster.plane.layout.set_birth(replace(birth, first_log=""))
    cluster.plane.start_reader(cluster.two, cluster.one)
    cluster.plane.kill(cluster.one.resource_id)
    swap(cluster)
    cluster.plane.promote(cluster.two, cluster.one)
    all_in_sync(cluster)
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 5


def test_a_reader_that_waits_for_a_dead_writer_does_not_hold_up_the_next(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(cluster)
    whole = readers._copy

    def cut_short(servers: Servers, name: str, writer: str) -> None:
        """As if the writer had died while the reader was being copied: it lacks the end of its base backup."""
        whole(servers, name, writer)
        servers.need(writer).freeze()
        data = cluster.plane.layout.data(name)
        label = (data / "backup_label").read_text()
        found = re.search(r"CHECKPOINT LOCATION: [0-9A-F]+/([0-9A-F]+)", label)
        assert found is not None
        offset = int(found[1], 16) % log_ends.SEGMENT_BYTES + CHECKPOINT_BYTES
        newest = log_copies.finished(data / "pg_wal")[-1]
        with newest.open("r+b") as file:
            file.seek(offset)
            file.write(bytes(log_ends.SEGMENT_BYTES - offset))

    monkeypatch.setattr(readers, "_copy", cut_short)
    monkeypatch.setattr(readers, "_copy_template", lambda *_: False)
    said: list[ClusterError] = []

    def start() -> None:
        try:
            cluster.plane.start_reader(cluster.three, cluster.one)
        except ClusterError as error:
            said.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    until(lambda: cluster.plane.running(cluster.three.resource_id), "the reader is being started")
    cluster.plane.kill(cluster.one.resource_id)
    began = monotonic()
    cluster.plane.promote(cluster.two, cluster.one)
    assert monotonic() - began < 20, "it did not wait until the start was given up"
    starting.join(20)
    assert "waits for the next one" in str(said[0])
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 2


def test_a_node_that_missed_timelines_of_which_the_writer_has_no_history(cluster: SmallCluster) -> None:
    made(cluster)
    cluster.plane.nodes.fault("a1", "kill")
    for target, old in ((cluster.two, cluster.one), (cluster.one, cluster.two)):
        cluster.plane.promote(target, old)
        cluster.plane.start_reader(old, target)
    (cluster.plane.layout.data(cluster.one.name) / "pg_wal" / "00000002.history").unlink()
    all_in_sync(cluster)
    cluster.ask(cluster.one, INSERT)
    assert cluster.value(cluster.one, COUNT) == 2
