"""A caller is killed at any moment of any operation; the same call again ends in the same good state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from aurora_lab.cluster.types import InstanceSpec
from doomed import Callers
from small_cluster import DATABASE, MASTER, SmallCluster, on_each_runtime, until


class Life:
    """A cluster's life in which the caller of every operation is killed once before it is called again."""

    def __init__(self, cluster: SmallCluster, callers: Callers, seed: int) -> None:
        self.cluster = cluster
        self.callers = callers
        self.random = random.Random(seed)
        self.rows = 0
        self.cut_short = 0

    def twice(self, method: str, *specs: InstanceSpec, expected: float, **options: Any) -> None:
        """Call, kill the caller within the `expected` seconds; take over as a new region would; call again."""
        delay = self.random.uniform(0, expected)
        self.cut_short += not self.callers.call(method, *specs, kill_after=delay, **options)
        self.cluster.plane.close()
        self.cluster.plane = self.cluster.new_plane()
        if self.random.random() < 0.5:
            self.cluster.plane.adopt()
        if method == "create_volume":
            self.cluster.plane.create_volume(MASTER, DATABASE)
        elif method == "remove":
            self.cluster.plane.remove(specs[0].resource_id, **options)
        else:
            getattr(self.cluster.plane, method)(*specs, **options)

    def commit(self, instance: InstanceSpec, count: int = 5) -> None:
        """Commit rows, each acknowledged."""
        with self.cluster.connect(instance) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (i int)")
            for _ in range(count):
                connection.execute("INSERT INTO acknowledged VALUES (1)")
                self.rows += 1

    def check(self, writer: InstanceSpec, *readers: InstanceSpec) -> None:
        """The writer has every row and writes; each reader gets them all and refuses to write."""
        count = "SELECT count(*) FROM acknowledged"
        assert self.cluster.value(writer, count) == self.rows
        self.commit(writer, 1)
        for reader in readers:
            until(
                lambda reader=reader: self.cluster.value(reader, count) == self.rows,
                "the reader has all rows",
            )
            assert self.cluster.refusal(reader, "DELETE FROM acknowledged").sqlstate == "25006"
        left = self.cluster.runtime.strays(self.cluster.folder, self.cluster.plane.layout.names())
        assert left == []

    def live(self) -> None:
        """All operations, in an order in which they happen."""
        cluster = self.cluster
        one, two, three = cluster.one, cluster.two, cluster.three
        self.twice("create_volume", database=DATABASE, expected=0.3)
        self.twice("start_writer", one, expected=0.1)
        self.commit(one)
        self.twice("start_reader", two, one, expected=0.3)
        self.check(one, two)
        self.twice("start_reader", three, one, expected=0.3)
        self.twice("promote", two, one, planned=True, expected=0.2)
        self.twice("follow", three, two, expected=0.06)
        self.check(two, three)
        self.twice("start_reader", one, two, expected=0.2)
        self.check(two, one, three)
        cluster.plane.kill(two.resource_id)
        self.twice("promote", three, two, expected=0.1)
        self.commit(three)
        self.twice("follow", one, three, expected=0.06)
        self.twice("start_reader", two, three, expected=0.3)
        self.check(three, one, two)
        raised = cluster.with_parameters(three, {"max_connections": "150"})
        self.twice("apply", raised, expected=0.05)
        self.twice("restart", raised, expected=0.3)
        assert cluster.value(three, "SHOW max_connections") == "150"
        self.check(three, one, two)
        self.twice("remove", one, keep_volume=False, expected=0.1)
        self.twice("remove", two, keep_volume=False, expected=0.1)
        self.check(three)
        self.twice("remove", three, keep_volume=True, expected=0.1)
        assert cluster.plane.has_volume()
        self.twice("start_writer", one, expected=0.1)
        self.check(one)
        self.twice("delete", expected=0.1)
        assert not cluster.folder.exists()
        assert cluster.runtime.strays(cluster.folder, ()) == []


@pytest.fixture
def callers(cluster: SmallCluster) -> Iterator[Callers]:
    """Callers that can be killed."""
    cluster.template.ensure()
    with Callers(cluster) as made:
        yield made


@on_each_runtime
def test_every_operation_survives_the_death_of_its_caller(cluster: SmallCluster, callers: Callers) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    life = Life(cluster, callers, seed)
    began = monotonic()
    life.live()
    print(f"{life.cut_short} calls cut short in {monotonic() - began:.1f} s")


def test_a_caller_that_is_not_killed_leaves_servers_that_are_taken_over(
    cluster: SmallCluster, callers: Callers
) -> None:
    assert callers.call("create_volume", database=DATABASE)
    assert callers.call("start_writer", cluster.one)
    assert callers.call("start_reader", cluster.two, cluster.one)
    assert sorted(cluster.plane.adopt()) == sorted([cluster.one.resource_id, cluster.two.resource_id])
    with cluster.connect(cluster.one) as connection:
        cluster.plane.start_writer(cluster.one)
        cluster.plane.start_reader(cluster.two, cluster.one)
        assert connection.execute("SELECT 1").fetchone() == (1,)


@on_each_runtime
def test_servers_that_a_killed_caller_left_frozen_go_on(cluster: SmallCluster) -> None:
    # Whoever ends a server stops its processes first, and may itself be killed before the next signal.
    cluster.plane.create_volume(MASTER, DATABASE)
    cluster.plane.start_writer(cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    for instance in (cluster.one, cluster.two):
        cluster.plane.freeze(instance.resource_id)
    cluster.plane.close()
    cluster.plane = cluster.new_plane()
    cluster.plane.start_writer(cluster.one)
    cluster.plane.start_reader(cluster.two, cluster.one)
    assert cluster.value(cluster.one, "SELECT pg_is_in_recovery()") is False
    assert cluster.value(cluster.two, "SELECT pg_is_in_recovery()") is True
