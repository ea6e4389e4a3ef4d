"""Storage nodes: commits wait for four of six, a volume opens with three, and nobody forgets what was said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aurora_lab.cluster import log_copies
from aurora_lab.cluster.quorum import NAMES, NoReadQuorumError
from aurora_lab.cluster.types import InstanceSpec
from small_cluster import SmallCluster, on_each_runtime, until, wait_until_all_have

COUNT = "SELECT count(*) FROM acknowledged"
INSERT = "INSERT INTO acknowledged VALUES (1)"
FIRST_AZ, OTHERS = NAMES[:2], NAMES[2:]


def made(cluster: SmallCluster, readers: int = 0) -> SmallCluster:
    """A cluster with the table that the tests write to."""
    cluster.start(readers)
    cluster.ask(cluster.one, "CREATE TABLE acknowledged (i int)")
    return cluster


def fault(cluster: SmallCluster, kind: str, *nodes: str) -> None:
    """Do the same to several storage nodes."""
    for node in nodes:
        cluster.plane.nodes.fault(node, kind)


def undo(cluster: SmallCluster, *nodes: str, repair_seconds: float = 0.0) -> list[str]:
    """Bring storage nodes back, and look after them until they are in sync; what was done, in words."""
    for node in nodes:
        cluster.plane.nodes.undo(node)
    notes: list[str] = []

    def in_sync() -> bool:
        notes.extend(cluster.plane.watch.tend(repair_seconds))
        states = {node.name: node.state for node in cluster.plane.watch.status().nodes}
        return all(states[node] == "in-sync" for node in nodes)

    until(in_sync, f"{', '.join(nodes)} are in sync")
    return notes


@contextmanager
def waiting_commit(cluster: SmallCluster, writer: InstanceSpec) -> Iterator[threading.Event]:
    """A commit that waits for its quorum; the event is set when it is acknowledged."""
    done = threading.Event()

    def commit() -> None:
        cluster.ask(writer, INSERT)
        done.set()

    thread = threading.Thread(target=commit, daemon=True)
    thread.start()
    with cluster.plane.connect(writer.resource_id) as administrator:
        waits = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        until(lambda: administrator.execute(waits).fetchall(), "a commit waits for its quorum")
    yield done
    thread.join(20)


@on_each_runtime
@pytest.mark.parametrize("kind", ["kill", "pause"])
def test_an_az_may_go_with_an_az_and_one_more_commits_wait_and_reads_go_on(
    cluster: SmallCluster, kind: str
) -> None:
    made(cluster, readers=1)
    fault(cluster, kind, *FIRST_AZ)
    cluster.ask(cluster.one, INSERT)
    status = cluster.plane.watch.status()
    assert (status.attached, status.write_quorum, status.read_quorum) == (4, True, True) or kind == "pause"
    fault(cluster, kind, OTHERS[0])
    with waiting_commit(cluster, cluster.one) as done:
        for instance in (cluster.one, cluster.two):
            assert cluster.value(instance, COUNT) >= 1
        assert not done.is_set()
        assert not cluster.plane.watch.status().write_quorum
        assert cluster.plane.watch.status().read_quorum
        undo(cluster, FIRST_AZ[0])
        assert done.wait(20), "the waiting commit is acknowledged"
    undo(cluster, FIRST_AZ[1], OTHERS[0])
    assert cluster.value(cluster.one, COUNT) == 2


def test_a_reader_may_show_a_row_whose_commit_still_waits(cluster: SmallCluster) -> None:
    # Not so on Aurora, where a reader stays below the VDL (FACTS 2.38): lesson 04 says so.
    made(cluster, readers=1)
    fault(cluster, "kill", *NAMES[:3])
    with waiting_commit(cluster, cluster.one) as done:
        until(lambda: cluster.value(cluster.two, COUNT) == 1, "the reader shows it")
        assert cluster.value(cluster.one, COUNT) == 0
        assert not done.is_set()
        undo(cluster, *NAMES[:3])
        assert done.wait(20)
    assert cluster.value(cluster.one, COUNT) == 1


@on_each_runtime
def test_a_failover_takes_the_log_from_three_nodes_and_from_nobody_else(cluster: SmallCluster) -> None:
    made(cluster, readers=1)
    cluster.plane.kill(cluster.two.resource_id)
    fault(cluster, "kill", *FIRST_AZ)
    for _ in range(20):
        cluster.ask(cluster.one, INSERT)
    fault(cluster, "destroy", OTHERS[0])
    cluster.plane.kill(cluster.one.resource_id)
    # What the dead writer has in its own folder does not count.
    cluster.runtime.remove_tree(cluster.plane.layout.data(cluster.one.name))
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, COUNT) == 20
    with waiting_commit(cluster, cluster.two) as done:
        assert not done.is_set()
        undo(cluster, *FIRST_AZ, OTHERS[0])
        assert done.wait(20)
    cluster.plane.start_reader(cluster.one, cluster.two)
    until(lambda: cluster.value(cluster.one, COUNT) == 21, "the old writer is back with all rows")


def test_without_a_read_quorum_nobody_opens_the_volume(cluster: SmallCluster) -> None:
    made(cluster, readers=1)
    cluster.ask(cluster.one, INSERT)
    epoch = cluster.plane.watch.status().epoch
    until(lambda: cluster.value(cluster.two, COUNT) == 1, "the reader has the row")
    fault(cluster, "kill", *NAMES[:4])
    cluster.plane.kill(cluster.one.resource_id)
    with pytest.raises(NoReadQuorumError, match="2 of 6 storage nodes answer, and 3 are needed"):
        cluster.plane.promote(cluster.two, cluster.one)
    with pytest.raises(NoReadQuorumError):
        cluster.plane.start_writer(cluster.one)
    assert cluster.value(cluster.two, COUNT) == 1, "the reader reads all the time"
    assert cluster.plane.watch.status().epoch == epoch
    assert not cluster.plane.watch.status().read_quorum
    cluster.plane.nodes.undo(NAMES[0])
    cluster.plane.promote(cluster.two, cluster.one)
    assert cluster.value(cluster.two, COUNT) == 1


def test_a_node_that_lost_its_copy_is_no_witness_until_it_is_rebuilt(cluster: SmallCluster) -> None:
    made(cluster)
    cluster.ask(cluster.one, INSERT)
    fault(cluster, "kill", *NAMES[:3])
    fault(cluster, "destroy", NAMES[3])
    cluster.plane.nodes.undo(NAMES[3])
    cluster.plane.kill(cluster.one.resource_id)
    with pytest.raises(NoReadQuorumError):
        cluster.plane.start_writer(cluster.one)
    cluster.plane.nodes.undo(NAMES[0])
    cluster.plane.start_writer(cluster.one)
    assert any("has been rebuilt from" in note for note in undo(cluster, NAMES[3]))
    assert cluster.value(cluster.one, COUNT) == 1


@on_each_runtime
def test_a_destroyed_node_is_rebuilt_from_its_peers_by_itself(cluster: SmallCluster) -> None:
    made(cluster)
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(3):
            cluster.ask(cluster.one, INSERT)
            administrator.execute("SELECT pg_switch_wal()")
    wait_until_all_have(cluster, cluster.one)
    fault(cluster, "destroy", "b1")
    assert cluster.plane.watch.tend(60.0) == []
    assert log_copies.last(cluster.plane.nodes.copy("b1")) is None
    notes: list[str] = []
    until(lambda: notes.extend(cluster.plane.watch.tend(0.0)) or notes, "it is rebuilt")
    assert notes[0].startswith("Storage node b1 has been rebuilt from ")
    undo(cluster, "b1")
    files = [file.name for file in log_copies.finished(cluster.plane.nodes.copy("b1"))]
    assert files == [file.name for file in log_copies.finished(cluster.plane.nodes.copy("a1"))]


def test_a_ragged_tail_is_cut_before_its_node_follows(cluster: SmallCluster) -> None:
    # A node has log that no quorum ever had, several segments of it; then the volume goes on without.
    made(cluster, readers=1)
    cluster.ask(cluster.one, INSERT)
    until(lambda: cluster.value(cluster.two, COUNT) == 1, "the reader has the row")
    wait_until_all_have(cluster, cluster.one)
    fault(cluster, "kill", *NAMES[1:])
    cluster.plane.kill(cluster.two.resource_id)
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(4):  # The administrator does not wait for the quorum.
            administrator.execute("CREATE TABLE IF NOT EXISTS never_acknowledged (i int)")
            administrator.execute("INSERT INTO never_acknowledged VALUES (1)")
            administrator.execute("SELECT pg_switch_wal()")
    wait_until_all_have(cluster, cluster.one, NAMES[:1])
    far = log_copies.last(cluster.plane.nodes.copy(NAMES[0]))
    fault(cluster, "kill", NAMES[0])
    for node in NAMES[1:]:
        cluster.plane.nodes.undo(node)
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 2
    undo(cluster, NAMES[0])
    end = log_copies.last(cluster.plane.nodes.copy(NAMES[0]))
    assert far is not None
    assert end is not None
    assert end.name[8:] < far.name[8:]
    fault(cluster, "kill", *NAMES[1:3])
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 3, "it counts for the quorum again"


def test_a_paused_node_that_wakes_after_a_failover_follows_the_new_writer(cluster: SmallCluster) -> None:
    made(cluster, readers=1)
    fault(cluster, "pause", *FIRST_AZ)
    cluster.ask(cluster.one, INSERT)
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.ask(cluster.two, INSERT)
    undo(cluster, *FIRST_AZ)
    fault(cluster, "kill", *OTHERS[:2])
    cluster.ask(cluster.two, INSERT)
    assert cluster.value(cluster.two, COUNT) == 3


def test_a_paused_node_does_not_hold_up_a_clean_stop(cluster: SmallCluster) -> None:
    made(cluster)
    fault(cluster, "pause", "a1")
    cluster.ask(cluster.one, INSERT)
    server = cluster.plane.server(cluster.one.resource_id)
    cluster.plane.stop(cluster.one.resource_id)
    assert server is not None
    log = cluster.plane.layout.log(cluster.one.name).read_text()
    assert "database system is shut down" in log, "it was not killed"


def test_the_log_of_the_nodes_is_trimmed(cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aurora_lab.cluster.storage_nodes.KEPT_SEGMENTS", 3)
    made(cluster)
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        for _ in range(6):
            cluster.ask(cluster.one, INSERT)
            administrator.execute("SELECT pg_switch_wal()")
    wait_until_all_have(cluster, cluster.one)
    cluster.plane.watch.tend(0.0)
    for node in NAMES:
        assert len(log_copies.finished(cluster.plane.nodes.copy(node))) == 3
    cluster.plane.kill(cluster.one.resource_id)
    cluster.plane.start_writer(cluster.one)
    assert cluster.value(cluster.one, COUNT) == 6


@on_each_runtime
def test_nodes_that_a_dead_region_left_are_taken_over(cluster: SmallCluster) -> None:
    made(cluster)
    copies = {node: cluster.plane.nodes.copy(node) for node in NAMES}
    # An engine lists a container a moment after it was started.
    until(lambda: set(copies.values()) <= set(cluster.runtime.programs(cluster.folder)), "all nodes run")
    running = cluster.runtime.programs(cluster.folder)
    before = {node: running[copy] for node, copy in copies.items()}
    cluster.plane.close()
    cluster.plane = cluster.new_plane()
    cluster.plane.start_writer(cluster.one)
    cluster.ask(cluster.one, INSERT)
    assert all(program.running() for program in before.values())
    cluster.plane.nodes.stop()
    assert not any(program.running() for program in before.values())
    cluster.plane.start_writer(cluster.one)
    cluster.ask(cluster.one, INSERT)


def test_the_six_nodes_take_little_memory(shared: SmallCluster) -> None:
    nodes = shared.plane.watch.status().nodes
    assert len(nodes) == 6
    assert 0 < sum(node.memory for node in nodes) <= 25 * 2**20


def test_what_the_positions_say(cluster: SmallCluster) -> None:
    made(cluster)
    cluster.ask(cluster.one, INSERT)
    wait_until_all_have(cluster, cluster.one)
    status = cluster.plane.watch.status()
    assert {node.scl for node in status.nodes} == {status.pgcl} == {status.vcl}
    fault(cluster, "kill", *FIRST_AZ)
    cluster.ask(cluster.one, INSERT)
    wait_until_all_have(cluster, cluster.one, OTHERS)
    later = cluster.plane.watch.status()
    scls = {node.name: node.scl for node in later.nodes}
    assert all(scls[node] < later.pgcl for node in FIRST_AZ)
    assert min(scls[node] for node in OTHERS) >= later.pgcl > status.pgcl
    assert later.vdl <= later.vcl
    assert later.vdl > status.vdl


def test_sql_shows_the_nodes_and_the_positions(cluster: SmallCluster) -> None:
    made(cluster, readers=1)
    assert cluster.value(cluster.one, "SELECT count(*) FROM aurora_lab_volume_status()") == 0, (
        "not looked yet"
    )
    cluster.plane.watch.zones = "us-west-2"
    cluster.plane.watch.tend(60.0)
    nodes = "SELECT storage_node, availability_zone, state FROM aurora_lab_storage_nodes()"
    assert cluster.ask(cluster.one, nodes) == [(node, f"us-west-2{node[0]}", "in-sync") for node in NAMES]
    assert cluster.ask(cluster.two, nodes) == cluster.ask(cluster.one, nodes)
    fault(cluster, "kill", *NAMES[:3])
    cluster.plane.watch.tend(60.0)
    status = "SELECT write_quorum, read_quorum, pgcl = vcl, vdl <= vcl, epoch FROM aurora_lab_volume_status()"
    for instance in (cluster.one, cluster.two):
        assert cluster.ask(instance, status) == [(False, True, True, True, 1)]
    undo(cluster, *NAMES[:3])
    cluster.plane.watch.tend(60.0)
    cluster.ask(cluster.one, INSERT)
    durable = """
        SELECT s.durable_lsn, (v.vdl - '0/0')::bigint
        FROM aurora_replica_status() s, aurora_lab_volume_status() v WHERE session_id = 'MASTER_SESSION_ID'
    """
    until(lambda: len(set(cluster.ask(cluster.one, durable)[0])) == 1, "durable_lsn is the VDL")
    builtins = cluster.ask(cluster.one, 'SELECT "Name" FROM aurora_list_builtins()')
    assert not [name for (name,) in builtins if name.startswith("aurora_lab_")]
