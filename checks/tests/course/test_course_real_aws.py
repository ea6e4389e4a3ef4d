"""Optional cells on a real account: off until asked for, their price said first, and never over the budget."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from IPython.core.interactiveshell import InteractiveShell

from aurora_lab.course.cards import Mood
from aurora_lab.course.checker import Checker
from aurora_lab.course.facts import facts
from aurora_lab.course.lab import Lab
from aurora_lab.course.places import find_places
from aurora_lab.course.real_account import CredentialsError, RealAwsError
from aurora_lab.course.real_aws import RealAws, RealAwsCells
from aurora_lab.course.real_aws_plan import (
    AURORA,
    MAGIC,
    RDS,
    RDS_STORAGE,
    lesson_plan,
    magic_line,
    read_plan,
)
from aurora_lab.course.source import REAL_AWS, Cell, read_source
from aurora_lab.region.home import Home
from lab_surroundings import lab_shell
from no_way_out import no_way_out

PLAN = "05 | 1 Aurora db.t4g.medium"
PLACES = find_places()


@pytest.fixture(autouse=True)
def sealed() -> Iterator[None]:
    """Nothing leaves this machine, nor is it tried."""
    with no_way_out() as tried:
        yield
    assert tried == []


def account(**settings: Any) -> RealAws:
    """An account that nothing is sent to."""
    session = boto3.Session("key", "secret", region_name=settings.pop("region", "us-east-1"))
    return RealAws(session, **settings)


def optional_cells(lesson: str) -> list[Cell]:
    """The lesson's cells on a real account; the call that allows them is a comment, and not among them."""
    cells = [cell for cell in read_source(PLACES.source(lesson)).cells if cell.role == REAL_AWS]
    return [cell for cell in cells if not cell.source.startswith("# lab.use_real_aws(")]


LESSONS = [number for number in PLACES.numbers() if optional_cells(number)]


def test_cells_do_nothing_until_they_are_asked_for() -> None:
    ran: list[str] = []
    said: list[str] = []
    cells = RealAwsCells(ran.append, said.append)
    cells.cell(PLAN, "spend()")
    cells.cell("", "spend()")
    assert ran == []
    assert len(said) == 2
    assert re.match(
        r"Skipped: .* cost about \$0\.07 an hour \(us-east-1, prices of 2026-03-28\)\. .*lab\.use_real",
        said[0],
    )
    with pytest.raises(RealAwsError, match="use_real_aws"):
        _ = cells.aws


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_cells_of_a_lesson_are_skipped_with_one_line_each(lesson: str) -> None:
    for cell in optional_cells(lesson):
        said: list[str] = []
        ran: list[str] = []
        assert cell.source.startswith(MAGIC)
        RealAwsCells(ran.append, said.append).cell(magic_line(cell.source), cell.source.partition("\n")[2])
        assert (ran, [line[:8] for line in said]) == ([], ["Skipped:"])


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_a_lesson_makes_is_read_from_its_notebook_and_within_the_budget(lesson: str) -> None:
    plan = lesson_plan(PLACES.lesson(lesson))
    assert plan is not None
    assert plan.lesson == lesson
    aws = account()
    aws.begin(plan)
    assert {"Key": "lesson", "Value": lesson} in aws.tags


def test_there_are_such_lessons() -> None:
    assert {"02", "03", "05"} <= set(LESSONS)


def test_the_price_is_said_before_the_cell_runs() -> None:
    happened: list[str] = []
    cells = RealAwsCells(happened.append, happened.append)
    cells.allow(account())
    cells.cell(PLAN, "spend()")
    assert happened.index("spend()") == len(happened) - 1
    assert "  1 x Aurora db.t4g.medium: $0.073 an hour (price of us-east-1: [8.13], 2026-03-28)" in happened
    assert "Together $0.07 an hour, at most $0.15 until it expires in 2 h." in happened[2]


def test_a_cell_that_fails_says_what_is_still_billed() -> None:
    def fail(_source: str) -> None:
        raise KeyboardInterrupt

    cells = RealAwsCells(fail, lambda _sentence: None)
    cells.allow(account())
    with pytest.raises(RealAwsError, match=r"still there, and is billed: .* `aurora-lab aws teardown`"):
        cells.cell(PLAN, "spend()")


def test_in_a_notebook_a_failure_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    cells = RealAwsCells(lambda source: shell.run_cell(source).raise_error(), print)
    cells.allow(account(budget=0.1))
    shell.register_magic_function(cells.cell, magic_kind="cell", magic_name="real_aws")
    result = shell.run_cell(f"%%real_aws {PLAN}\nspend()")
    shown = capsys.readouterr()
    assert isinstance(result.error_in_exec, RealAwsError)
    assert "more than the budget of $0.10, so nothing is made" in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_a_profile_that_is_not_there_is_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab_shell(monkeypatch, tmp_path)
    lab = Lab(Home(tmp_path), dict, Checker(Home(tmp_path)))
    card = lab.use_real_aws("nobody")
    assert (card.mood, "nobody" in card.title) == (Mood.FAIL, True)
    with pytest.raises(RealAwsError, match="use_real_aws"):
        _ = lab.aws


def test_over_the_budget_nothing_runs() -> None:
    ran: list[str] = []
    cells = RealAwsCells(ran.append, lambda _sentence: None)
    cells.allow(account(budget=0.1, hours=2))
    with pytest.raises(
        RealAwsError, match=r"up to \$0\.15 in 2 h, more than the budget of \$0\.10, so nothing"
    ):
        cells.cell(PLAN, "spend()")
    assert ran == []
    with pytest.raises(RealAwsError, match="before its price was said"):
        _ = cells.aws.tags


@pytest.mark.parametrize(("hours", "budget"), [(2.0, math.nan), (math.nan, 3.0), (0.0, 3.0), (-1.0, 3.0)])
def test_a_budget_that_is_no_number_allows_nothing(hours: float, budget: float) -> None:
    with pytest.raises(RealAwsError):
        read_plan(PLAN).check_budget(hours, budget)


def test_what_is_made_is_tagged_with_lesson_and_expiry() -> None:
    aws = account(hours=1.5)
    before = datetime.now(UTC) + timedelta(hours=1.5)
    aws.begin(read_plan(PLAN))
    tags = {tag["Key"]: tag["Value"] for tag in aws.tags}
    assert (tags["made-by"], tags["lesson"]) == ("aurora-lab", "05")
    assert abs((datetime.fromisoformat(tags["expires"]) - before).total_seconds()) < 60


def test_multi_az_is_twice_the_instance_and_twice_the_storage() -> None:
    single, double = (
        read_plan(f"02 | 1 {product} db.t4g.medium 20 GB") for product in ("RDS", "RDS Multi-AZ")
    )
    assert single.hourly == pytest.approx(0.065 + 20 * 0.115 / 730)
    assert double.hourly == pytest.approx(2 * single.hourly)


def test_elsewhere_prices_are_said_to_be_others() -> None:
    assert "[8.25]" in account(region="eu-west-1").price(read_plan(PLAN))[-1]
    assert not any("8.25" in line for line in account().price(read_plan(PLAN)))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0.073 | db.t4g.medium", "is no plan: write it as"),
        ("05", "is no plan"),
        ("05 | a cluster", "is no part of a plan: write it as"),
        ("05 | 1 Aurora db.z9.huge", "know no price of Aurora db.z9.huge: they know db.t4g.medium"),
        ("05 | 1 RDS db.r5.large", "know no price of RDS db.r5.large"),
    ],
)
def test_a_plan_that_cannot_be_priced_makes_nothing(line: str, says: str) -> None:
    cells = RealAwsCells(lambda _source: pytest.fail("it ran"), lambda _sentence: None)
    cells.allow(account())
    with pytest.raises(RealAwsError, match=re.escape(says)):
        cells.cell(line, "spend()")


def figures(row: str) -> set[float]:
    """Every number of a row of the fact table."""
    return {float(found) for found in re.findall(r"\d+\.\d+", facts().get(row).text)}


@pytest.mark.parametrize(("size", "price"), [*AURORA.items(), *RDS.items()])
def test_each_price_stands_in_its_row_with_a_date(size: str, price: tuple[float, str]) -> None:
    dollars, row = price
    family, _, large = size.removeprefix("db.").partition(".")
    assert row.startswith("8.")
    assert family in facts().get(row).text
    assert large in facts().get(row).text
    assert dollars in figures(row)
    assert re.match(r"20\d\d", facts().get(row).date)


def test_the_price_of_storage_and_of_a_second_machine_stand_in_their_rows() -> None:
    assert RDS_STORAGE[0] in figures(RDS_STORAGE[1])
    assert 2 * RDS_STORAGE[0] in figures(RDS_STORAGE[1])
    assert "**Multi-AZ = ×2**" in facts().get("8.22").text
    assert "10-minute minimum" in facts().get("8.34").text.replace("**", "")


def test_versions_are_looked_up() -> None:
    aws = account()
    with Stubber(aws.rds) as stub:
        for engine, version in (("aurora-postgresql", "17.9"), ("postgres", "18.1")):
            stub.add_response(
                "describe_db_engine_versions",
                {"DBEngineVersions": [{"EngineVersion": version}]},
                {"Engine": engine, "DefaultOnly": True},
            )
            assert aws.engine_version(engine) == version
        stub.add_response("describe_db_engine_versions", {"DBEngineVersions": []})
        with pytest.raises(RealAwsError, match="no default version of postgres in us-east-1"):
            aws.engine_version("postgres")


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("AccessDenied", RealAwsError, "may not do DescribeDBClusterEndpoints"),
        ("ExpiredToken", CredentialsError, "have expired"),
    ],
)
def test_what_cannot_be_looked_at_is_not_called_empty(code: str, kind: type[Exception], says: str) -> None:
    aws = account(say=lambda _sentence: pytest.fail("it said that nothing is left"))
    with Stubber(aws.rds) as stub:
        stub.add_client_error("describe_db_cluster_endpoints", code)
        with pytest.raises(kind, match=says):
            aws.remove_everything()


def test_the_notebook_of_a_lesson_that_is_broken_is_named(tmp_path: Path) -> None:
    path = tmp_path / "05_x.ipynb"
    path.write_text("{")
    with pytest.raises(RealAwsError, match=r"05_x\.ipynb cannot be read"):
        lesson_plan(path)
