"""Storage nodes that a killed region left between the record of a fault and the deed."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from test_cluster_storage_nodes import COUNT, INSERT, NAMES, made, undo

from aurora_lab.cluster import log_copies
from aurora_lab.runtime import processes
from aurora_lab.runtime.programs import LocalProgram, local_programs
from small_cluster import SmallCluster, on_each_runtime, until


def process_of(cluster: SmallCluster, node: str) -> psutil.Process:
    """The process of a storage node, looked up past the plane."""
    copy = str(cluster.plane.nodes.copy(node))
    for pid, command in list(processes.command_lines()):
        if command[1:3] == ["-D", copy] and Path(command[0]).name == "pg_receivewal":
            return psutil.Process(pid)
    raise AssertionError(f"{node} has no process")


def started_again(cluster: SmallCluster) -> None:
    """As after a `kill -9` of the region: another plane on the same files."""
    cluster.plane.close()
    cluster.plane = cluster.new_plane()
    cluster.plane.start_writer(cluster.one)


def die(*_: object, **__: object) -> None:
    """In place of a step, for whoever is killed before it."""
    raise KeyboardInterrupt


@on_each_runtime
def test_an_undo_that_was_cut_short_leaves_no_node_frozen(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(cluster)
    cluster.plane.nodes.fault("a1", "pause")
    with monkeypatch.context() as patch:
        kind = type(cluster.runtime.programs(cluster.folder)[cluster.plane.nodes.copy("a1")])
        patch.setattr(kind, "thaw", die)
        with pytest.raises(KeyboardInterrupt):
            cluster.plane.nodes.undo("a1")
    started_again(cluster)
    # The fault stands, or it does not: then the node must not.
    if "a1" in cluster.plane.nodes.records.faults():
        undo(cluster, "a1")
    cluster.plane.watch.tend(60.0)
    assert not processes.frozen(process_of(cluster, "a1"))
    for node in NAMES[1:3]:
        cluster.plane.nodes.fault(node, "kill")
    cluster.ask(cluster.one, INSERT)
    assert cluster.value(cluster.one, COUNT) == 1, "it counts for the quorum"


def test_a_node_that_was_left_frozen_goes_on(cluster: SmallCluster) -> None:
    made(cluster)
    process_of(cluster, "a1").suspend()
    started_again(cluster)
    cluster.plane.watch.tend(60.0)
    assert not processes.frozen(process_of(cluster, "a1"))


@pytest.mark.parametrize("kind", ["kill", "pause", "cut", "destroy"])
def test_a_fault_that_was_cut_short_is_done(
    cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made(cluster)
    cluster.ask(cluster.one, INSERT)
    with monkeypatch.context() as patch:
        for step in ("kill", "freeze"):
            patch.setattr(LocalProgram, step, die)
        with pytest.raises(KeyboardInterrupt):
            cluster.plane.nodes.fault("b2", kind)
    started_again(cluster)
    cluster.plane.watch.tend(60.0)
    if kind in ("pause", "cut"):
        assert processes.frozen(process_of(cluster, "b2"))
    else:
        assert cluster.plane.nodes.copy("b2") not in local_programs(cluster.folder)
    assert (log_copies.last(cluster.plane.nodes.copy("b2")) is None) == (kind == "destroy")
    undo(cluster, "b2")
    until(lambda: cluster.plane.watch.status().attached == len(NAMES), "all six are in sync")
