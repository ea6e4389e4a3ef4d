"""`status` and `psql` for RDS DB instances beside Aurora's clusters."""

from __future__ import annotations

import re

import pytest
from stand_in_region import DOMAIN, Run, StandIn, cluster, database, instance

from aurora_lab.cli import connect


@pytest.fixture
def sales(region: StandIn) -> StandIn:
    """A region with a Multi-AZ instance, its read replica, and a cluster."""
    standby = {
        "az": "us-west-2b",
        "synchronous": True,
        "server": "running",
        "lag_ms": 0.0,
        "memory_bytes": 10 * 2**20,
    }
    region.clusters = [cluster("shop", instance("shop-1", "writer"))]
    region.databases = [
        database("sales", multi_az=True, standby=standby),
        database("copy", role="read replica", source="sales", lag_ms=12.0),
        database("young", status="creating", endpoint=None),
    ]
    return region


@pytest.mark.usefixtures("sales")
def test_status_shows_a_standby_without_a_name(run: Run) -> None:
    shown = run("status").stdout
    assert "region 60 MB, servers 88 MB" in shown
    for name in ("sales", "copy"):
        assert f"endpoint  {name}.{DOMAIN}  port 5432" in shown
    lines = shown.splitlines()
    primary, standby, replica = (
        next(line for line in lines if part in line)
        for part in (" primary ", "standby, serves nobody", "replica of sales")
    )
    assert re.search(r"sales +primary +available +us-west-2a +db.r6g.large +running +- +20 MB", primary)
    assert re.search(r"^ +standby, serves nobody +synchronous +us-west-2b .* 0 ms +10 MB", standby)
    assert re.search(r"copy +replica of sales +available .* 12 ms +20 MB", replica)


def test_status_shows_acus_and_says_what_is_not_enforced(run: Run, region: StandIn) -> None:
    awake = {"acus": 4.5, "max": 8.0, "pause": None, "enforced": False}
    paused = {"acus": 0.0, "max": 8.0, "pause": "paused", "enforced": False}
    region.clusters = [
        cluster(
            "shop",
            instance("shop-1", "writer", serverless=awake),
            instance("shop-2", "reader", serverless=paused, server="paused"),
        )
    ]
    shown = run("status").stdout
    assert re.search(r"shop-1 .* running .* 4.5 of 8 ", shown)
    assert re.search(r"shop-2 .* paused .* 0 of 8 ", shown)
    assert "not enforced" in shown
    awake["enforced"] = True
    assert "not enforced" not in run("status").stdout


def test_status_without_a_cluster_shows_the_instances(run: Run, region: StandIn) -> None:
    region.databases = [database("sales")]
    shown = run("status").stdout
    assert "There is no cluster yet" not in shown
    assert f"sales.{DOMAIN}" in shown


@pytest.mark.usefixtures("sales")
def test_psql_reaches_an_instance_by_its_one_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(connect, "_run", lambda command, _environment: became.append(command))
    assert run("psql", "Sales", "--", "-l").exit_code == 0
    assert became[0][1:] == ["-h", f"sales.{DOMAIN}", "-p", "5432", "-U", "owner", "-d", "sales", "-l"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sales", "reader"], "sales is an RDS DB instance and has one endpoint: leave 'reader' out."),
        (["young"], "young has no endpoint yet: it is creating."),
        (["nosuch"], "There is no cluster 'nosuch'. Those there are: shop, sales, copy, young."),
    ],
)
@pytest.mark.usefixtures("sales")
def test_what_cannot_be_reached_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    result = run("psql", *arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
