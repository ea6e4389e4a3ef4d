"""`aurora-lab aws`: a real account is reached by these commands only, and what is wrong is one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import click.testing
import pytest
from botocore.stub import Stubber
from stand_in_region import Run

from aurora_lab.cli import aws as commands
from aurora_lab.course.real_aws import RealAws
from lab_surroundings import lab_shell, plain_shell, write_profiles
from no_way_out import no_way_out

LESSON = "%%real_aws 05 | 1 Aurora db.t4g.medium\nmake()"


@pytest.fixture(autouse=True)
def tried() -> Iterator[list[str]]:
    """What a test tried to reach on other machines. Nothing gets there."""
    with no_way_out() as hosts:
        yield hosts


@pytest.fixture(autouse=True)
def lesson(course: Path) -> None:
    """Lesson 05 has an optional cell, lesson 07 has none."""
    path = course / "05_hands_on_psql.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].append({"cell_type": "code", "id": "aws", "metadata": {}, "source": LESSON})
    path.write_text(json.dumps(notebook))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell of its user, without anything of AWS."""
    plain_shell(monkeypatch, tmp_path)
    return tmp_path


def failed(result: click.testing.Result) -> str:
    """The one sentence on standard error."""
    assert result.exit_code != 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("aurora-lab: ")
    return line.removeprefix("aurora-lab: ")


@pytest.mark.parametrize("lab", [True, False], ids=["in a shell of the lab", "in one's own"])
@pytest.mark.parametrize(
    "command", [("check",), ("plan", "05"), ("prices",), ("teardown",), ("teardown", "05", "--yes")]
)
def test_without_credentials_there_is_one_line_and_nothing_is_sent(
    command: tuple[str, ...], lab: bool, run: Run, tmp_path: Path, tried: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        (lab_shell if lab else plain_shell)(patch, tmp_path)
        result = run("aws", *command)
    assert result.exit_code == commands.NO_CREDENTIALS == 3
    assert "default" in failed(result) if lab else "There are no AWS credentials" in failed(result)
    assert tried == []


def test_the_exit_codes_are_documented(run: Run) -> None:
    assert "3 no credentials" in " ".join(run("aws", "--help").output.split())


def test_with_credentials_only_aws_itself_is_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: list[str]
) -> None:
    # In a shell of the lab, whose endpoint and keys are set; and the profile names an endpoint, too.
    lab_shell(monkeypatch, tmp_path)
    write_profiles(tmp_path / ".aws")
    result = run("aws", "check", "--profile", "mine")
    assert result.exit_code == 1
    assert "AWS could not be reached" in failed(result)
    assert set(tried) == {"sts.us-east-1.amazonaws.com"}


def test_other_commands_use_no_account(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: list[str]
) -> None:
    plain_shell(monkeypatch, tmp_path)
    write_profiles(tmp_path / ".aws")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setattr(boto3.Session, "client", lambda *_given, **_named: pytest.fail("a client was made"))
    for command in ("status", "progress", "facts", "env"):
        run(command)
    assert tried == []


@pytest.mark.usefixtures("shell")
def test_plan_says_the_price_before_it_needs_an_account(run: Run) -> None:
    result = run("aws", "plan", "5")
    assert result.exit_code == 3
    assert (
        "1 x Aurora db.t4g.medium: $0.073 an hour (price of us-east-1: [8.13], 2026-03-28)" in result.stdout
    )
    assert "Together $0.07 an hour, at most $0.15 until it expires in 2 h." in result.stdout
    assert "[8.13] db.t4g.medium / .large" in result.stdout


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan", "05", "--budget", "0.1"), "would cost up to $0.15 in 2 h, more than the budget of $0.10"),
        (("plan", "05", "--hours", "48"), "more than the budget of $3.00"),
        (("plan", "05", "--budget", "nan"), "more than the budget"),
        (("plan", "05", "--hours", "0"), "--hours"),
        (("plan", "07"), "Lesson 07 has no cells for a real AWS account."),
        (("plan", "99"), "lesson 99 has no notebook"),
        (("plan", "library"), "'library' is no lesson"),
        (("teardown", "library"), "'library' is no lesson"),
        (("check", "--region", "us-west2"), "did you mean 'us-west-2'?"),
        (("check", "--profile", "nobody"), "nobody"),
        (("check", "--on-lab"), "The region is not running."),
        (("prices", "--on-lab"), "The lab's region has no price list"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    arguments: tuple[str, ...], says: str, run: Run, tried: list[str]
) -> None:
    assert says in failed(run("aws", *arguments))
    assert tried == []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What STS answers the commands. Nothing is sent."""
    account = RealAws(boto3.Session("key", "secret", region_name="us-east-1"))
    sts = boto3.client("sts", "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
    account.__dict__["_client"] = lambda _service: sts

    def opened(_asked: object, **_settings: Any) -> RealAws:
        return account

    monkeypatch.setattr(commands, "open_account", opened)
    with Stubber(sts) as stub:
        yield stub


@pytest.mark.parametrize(
    ("code", "exit_code", "says"),
    [
        ("ExpiredToken", 3, "Your AWS credentials have expired"),
        ("InvalidClientTokenId", 3, "AWS does not accept these credentials"),
        ("AccessDenied", 1, "Your AWS user may not do GetCallerIdentity"),
    ],
)
def test_what_aws_refuses_is_one_sentence(
    code: str, exit_code: int, says: str, run: Run, answers: Stubber
) -> None:
    answers.add_client_error("get_caller_identity", code)
    result = run("aws", "check")
    assert result.exit_code == exit_code
    assert says in failed(result)


def pricing(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """What the price list answers the command. Nothing is sent."""
    account = RealAws(boto3.Session("key", "secret", region_name="us-east-1"))
    client = boto3.client("pricing", "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
    account.__dict__["_client"] = {"pricing": client}.__getitem__
    monkeypatch.setattr(commands, "open_account", lambda _asked: account)
    return Stubber(client)


def test_todays_prices_are_a_book_for_bill(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = {"usagetype": "Aurora:ServerlessV2Usage", "databaseEngine": "Aurora PostgreSQL"}
    dimension = {"unit": "ACU-Hr", "beginRange": "0", "pricePerUnit": {"USD": "0.2000000000"}}
    product = {
        "product": {"attributes": attributes},
        "terms": {"OnDemand": {"term": {"priceDimensions": {"rate": dimension}}}},
        "publicationDate": "2026-12-01T00:00:00Z",
    }
    asked = {
        "ServiceCode": "AmazonRDS",
        "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"}],
    }
    with pricing(monkeypatch) as stub:
        stub.add_response("get_products", {"PriceList": [], "NextToken": "more"}, asked)
        stub.add_response(
            "get_products", {"PriceList": [json.dumps(product)]}, {**asked, "NextToken": "more"}
        )
        printed = run("aws", "prices")
        stub.assert_no_pending_responses()
    assert printed.exit_code == 0
    book, plan = tmp_path / "prices.toml", tmp_path / "plan.toml"
    book.write_text(printed.stdout)
    plan.write_text("[cluster]\nserverless = [ { acu = 0.5 } ]")
    (bill,) = json.loads(run("bill", "--config", str(plan), "--prices", str(book), "--json").stdout)["bills"]
    assert (bill["total"], bill["lines"][0]["date"]) == ("73.00", "2026-12-01")


@pytest.mark.parametrize("products", [[], ["{"]])
def test_a_price_list_without_prices_is_one_sentence(
    products: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pricing(monkeypatch) as stub:
        stub.add_response("get_products", {"PriceList": products})
        result = run("aws", "prices")
    assert "price list" in failed(result)
