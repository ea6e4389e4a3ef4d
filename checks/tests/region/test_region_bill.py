"""The bill of a cluster that was really there: its instances' lives, its volume, its storage type."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from fractions import Fraction
from typing import Any

import click.testing
import pytest

from aurora_lab.cli.main import main
from aurora_lab.models.price_book import price_book
from aurora_lab.region import client
from aurora_lab.view.cluster_bill import ClusterBill, cluster_bill
from local_region import LocalRegion, eventually, local_region, unique

SCALE = 60.0
"""A lab minute is a second."""


@pytest.fixture(scope="module")
def region() -> Any:
    """A region of its own, whose clock is fast."""
    with local_region("embedded", scale=SCALE) as found:
        yield found


def billed(region: LocalRegion, name: str) -> ClusterBill:
    """Its bill until now."""
    return cluster_bill(region.home, name, price_book())


def hours(found: ClusterBill) -> dict[str, Fraction]:
    """How many hours of what."""
    return {line.what: line.quantity for line in found.bill.lines if line.section == "compute"}


def test_instances_are_billed_while_they_are_there(region: LocalRegion) -> None:
    name = region.cluster(2, prefix="bill")
    first = billed(region, name)
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-2")
    eventually(lambda: f"{name}-2" not in region.instances(name), "the reader is gone")
    region.rds.modify_db_instance(
        DBInstanceIdentifier=f"{name}-1", DBInstanceClass="db.r6g.xlarge", ApplyImmediately=True
    )
    region.wait_available(name)
    eventually(lambda: "db.r6g.xlarge" in hours(billed(region, name)), "the new class is billed")
    later = billed(region, name)
    assert later.bill.total > first.bill.total
    # The writer's first span and the reader were there for less than ten lab minutes, or a little more.
    assert hours(later)["db.r6g.large"] >= Fraction(20, 60)
    assert hours(billed(region, name))["db.r6g.large"] == hours(later)["db.r6g.large"]
    assert later.metered.scales == (SCALE,)
    shown = later._repr_mimebundle_()
    assert shown["text/html"].startswith("<img")
    assert f"not measured: page reads of {name} (I/Os)" in shown["text/plain"]


def test_the_volume_is_billed_by_what_cloudwatch_shows(region: LocalRegion) -> None:
    name = region.cluster(1, prefix="bill")
    endpoint = region.describe(name)["Endpoint"]

    def gigabytes() -> Fraction:
        volume = billed(region, name).metered.usage.volume
        return volume.points[-2][1] if volume is not None and len(volume.points) > 1 else Fraction(0)

    empty = eventually(gigabytes, "it has been measured")
    region.ask(endpoint, "CREATE TABLE big (b bytea)")
    region.ask(endpoint, "ALTER TABLE big ALTER b SET STORAGE EXTERNAL")
    region.ask(endpoint, "INSERT INTO big SELECT repeat('y', 1 << 24)::bytea")
    eventually(lambda: gigabytes() > empty + Fraction(1, 64), "it has grown by 16 MB")
    assert "page reads of" in " ".join(billed(region, name).bill.not_measured)


def test_a_deleted_cluster_still_has_its_bill(region: LocalRegion) -> None:
    name = region.cluster(1, prefix="bill", StorageType="aurora-iopt1")
    region.rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    region.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    eventually(lambda: name not in {item["id"] for item in _clusters(region)}, "it is gone")
    one, two = billed(region, name), billed(region, name)
    assert set(hours(one)) == {"db.r6g.large, I/O-Optimized"}
    assert one.bill.total == two.bill.total
    assert one.bill.total >= Fraction("0.338") / 6


def test_a_stopped_region_bills_nothing(region: LocalRegion) -> None:
    name = region.cluster(1, prefix="bill")
    client.stop(region.home)
    region.start()
    region.wait_available(name)
    ledger = client.ask(region.home, "ledger")
    assert [scale for _, scale in ledger["scales"]][-3:] == [SCALE, 0, SCALE]
    assert billed(region, name).metered.scales == (SCALE,)


def test_the_command_prices_a_cluster(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_LAB_HOME", str(region.home.folder))
    name = region.cluster(1, prefix=unique("cli")[:10])
    environment = dict(os.environ)
    run = click.testing.CliRunner()
    shown = run.invoke(main, ["bill", name], prog_name="aurora-lab")
    assert shown.exit_code == 0, shown.output
    assert "Hours are of the lab clock, which passes 60 times as fast as yours." in shown.stdout
    assert f"not measured  page reads of {name} (I/Os): not on this bill" in shown.stdout
    last = ["bill", name, "--json", "--last", "0.005"]

    def found() -> Any:
        return json.loads(run.invoke(main, last, prog_name="aurora-lab").stdout)

    assert found()["bills"][0]["hours"] == pytest.approx(0.005)
    # The instance may have become available less than eighteen lab seconds ago.
    eventually(
        lambda: Decimal(found()["bills"][0]["sections"]["compute"]) == Decimal("0.001300"),
        "all of the last 0.005 hours is billed",
    )
    assert found()["scales"] == [SCALE]
    assert dict(os.environ) == environment


def _clusters(region: LocalRegion) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.status(region.home)["clusters"]
    return found
