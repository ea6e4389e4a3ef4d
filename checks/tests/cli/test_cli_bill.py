"""`bill`: plans as table, JSON and picture; each mistake is one sentence. Clusters are in `test_region_bill`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from stand_in_region import Run, StandIn

TWO = """
[cluster]
storage_gb = 150
page_reads = 1_000_000_000
instances = [ { class = "db.r6g.2xlarge", count = 2 } ]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The plan of FACTS 8.38, with a billion page reads."""
    file = tmp_path / "plan.toml"
    file.write_text(TWO)
    return file


def test_a_plan_as_a_table(run: Run, plan: Path) -> None:
    shown = run("bill", "--config", str(plan)).stdout
    assert re.search(
        r"db\.r6g\.2xlarge \(2 instances\) +1,460\.00 +hour +\$1\.038 +\$1,515\.48 +\[8\.16\]", shown
    )
    assert re.search(r"page reads +1,000\.00 +million I/Os +\$0\.2 +\$200\.00 +\[8\.4\]", shown)
    assert re.search(r"total +\$1,730\.48", shown)
    assert re.search(r"compute +█+\S* +87\.6%", shown)
    assert "Both cost the same at 2.36 billion I/Os (900 a second), when I/O is 23.6%" in shown
    assert "Most of that: provisioned compute." in shown
    assert "Here Standard is cheaper, by $272.81." in shown
    assert "Prices of us-east-1, on demand, without tax, read 2026-03…09, 2026-07-28." in shown


def test_a_plan_as_json(run: Run, plan: Path) -> None:
    found = json.loads(run("bill", "--config", str(plan), "--json").stdout)
    (bill,) = found["bills"]
    assert (bill["total"], bill["hours"]) == ("1730.48", 730.0)
    assert sum(float(line["amount"]) for line in bill["lines"]) == pytest.approx(1730.48)
    assert [(line["fact"], line["unit"]) for line in bill["lines"]] == [
        ("8.16", "hour"),
        ("8.1", "GB-month"),
        ("8.4", "million I/Os"),
    ]
    assert found["break_even"]["io_spend"] == "472.81"
    assert found["break_even"]["driver"] == "provisioned compute"
    assert found["break_even"]["io_optimized"] == "2003.29"


def test_a_plan_as_a_picture(run: Run, plan: Path, tmp_path: Path) -> None:
    file = tmp_path / "bill.svg"
    assert f"Drawn: {file}" in run("bill", "--config", str(plan), "--plot", str(file)).stdout
    said = [each.text for each in ElementTree.parse(file).iter() if each.text]
    assert {
        "$1,730.48",
        "Standard",
        "I/O-Optimized",
        "the same at 2.36 billion I/Os",
        "yours: 1 billion",
    } <= set(said)


def test_the_example_is_a_plan_that_can_be_priced(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(run("bill", "--example").stdout)
    shown = run("bill", "--config", str(file)).stdout
    assert "Side by side" in shown
    assert re.search(r"rds +█+\S* +\$363\.00", shown)
    assert "note  [8.3] the price list says 0.16, AWS's usual text 0.156" in shown


def test_a_cheap_plan_is_shown_with_more_places(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("hours = 0.1\n[cluster]\nserverless = [ { acu = 0.5 } ]")
    shown = run("bill", "--config", str(file)).stdout
    assert "6.0 min" in shown
    assert re.search(r"total +\$0\.006000", shown)


def test_another_price_book(run: Run, plan: Path, tmp_path: Path) -> None:
    book = tmp_path / "prices.toml"
    rows = [
        '{ item = "instance.db.r6g.2xlarge", price = 2, unit = "hour", date = "today" }',
        '{ item = "io-optimized.db.r6g.2xlarge", price = 3, unit = "hour", date = "today" }',
        '{ item = "storage.standard", price = 1, unit = "GB-month", date = "today" }',
        '{ item = "storage.io-optimized", price = 1, unit = "GB-month", date = "today" }',
        '{ item = "io.standard", price = 0.5, unit = "million I/Os", date = "today" }',
    ]
    book.write_text(f'region = "eu-west-1"\nprices = [ {", ".join(rows)} ]')
    shown = run("bill", "--config", str(plan), "--prices", str(book)).stdout
    assert re.search(r"total +\$3,570\.00", shown)
    assert "Prices of eu-west-1" in shown
    book.write_text(f'region = "eu-west-1"\nprices = [ {rows[0]} ]')
    result = run("bill", "--config", str(plan), "--prices", str(book))
    assert f"{book} has no price of storage.standard." in one_sentence(result.stderr)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name a CLUSTER, or a plan with --config FILE, or --example."),
        (["shop", "--config", "plan.toml"], "Name a CLUSTER, or a plan"),
        (["--config", "plan.toml", "--last", "1"], "--since and --last are for a CLUSTER"),
        (["shop", "--last", "1", "--since", "2026-12-01"], "Give --since or --last, not both."),
        (["shop", "--last", "0"], "Invalid value for '--last'"),
        (["--config", "nowhere.toml"], "There is no file nowhere.toml. Name one that is there."),
        (["--config", "."], ". is a folder. Name a TOML file."),
        (["--example", "--plot", "bill.png"], "--plot draws SVG: name a file that ends in .svg."),
        (["shop"], "The region is not running. Start it with `aurora-lab start`."),
        (["shop", "--since", "noon"], "'noon' is no time: write --since as 2026-12-01T10:00:00Z."),
    ],
)
def test_each_mistake_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    result = run("bill", *arguments)
    assert result.exit_code == 1
    assert sentence in one_sentence(result.stderr)


def test_files_that_are_no_plans(run: Run, plan: Path, tmp_path: Path) -> None:
    plan.write_text("[cluster]\nstorage_gb = 'many'")
    result = run("bill", "--config", str(plan))
    assert "cluster.storage_gb must be a number from 0 to" in one_sentence(result.stderr)
    plan.write_bytes(b"\xff\xfe\x00")
    assert "is no text" in one_sentence(run("bill", "--config", str(plan)).stderr)
    plan.write_bytes(b"#" * (1 << 21))
    assert "is larger than 1 MB" in one_sentence(run("bill", "--config", str(plan)).stderr)
    plan.write_text(TWO)
    result = run("bill", "--config", str(plan), "--plot", str(tmp_path / "no" / "bill.svg"))
    assert "cannot be written (no such file or directory). Name another file." in one_sentence(result.stderr)


def test_a_cluster_that_there_is_not(run: Run, region: StandIn) -> None:
    region.ledger = {
        "now": "2026-12-01T12:00:00.000Z",
        "scales": [],
        "instances": [],
        "clusters": [{"cluster": "shop", "end": None, "start": ""}],
        "snapshots": [],
    }
    result = run("bill", "nope")
    assert result.exit_code == 1
    assert "There is, and was, no cluster nope in the region. There are: shop." in one_sentence(result.stderr)


def one_sentence(stderr: str) -> str:
    """The sentence, which stands alone."""
    (line,) = stderr.splitlines()
    assert line.startswith("aurora-lab: ")
    return str(line)
