"""The fact table: every citation leads to a row, and rows that AWS's API model also states agree with it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from click.testing import CliRunner

from aurora_lab.cli.main import main
from aurora_lab.course.facts import CONFIDENCE, UnknownFactError, facts

TOP = Path(__file__).resolve().parents[3]
CITED_IN_CODE = re.compile(r"FACTS (\d+\.\d+(?:[–-]\d+\.\d+)?(?:(?:, | and )\d+\.\d+)*)")
STATED_TWICE = [
    # Row, member of the API model, and the words for the same thing in the row and in the model.
    ("1.20", "CreateDBCluster.Engine", "`aurora-postgresql`", "aurora-postgresql"),
    ("1.20", "CreateDBCluster.Engine", "`aurora-mysql`", "aurora-mysql"),
    ("1.27", "CreateDBCluster.MasterUsername", "1–16 characters", "1 to 16 letters or numbers"),
    ("1.27", "CreateDBCluster.MasterUserPassword", "8–41", "from 8 to 41 characters"),
    ("3.8", "CreateDBCluster.Port", "PostgreSQL 5432", "Aurora PostgreSQL - 5432"),
    ("3.8", "CreateDBCluster.Port", "MySQL 3306", "Aurora MySQL - 3306"),
    ("3.14", "CreateDBClusterEndpoint.EndpointType", "`READER`, `WRITER`, `ANY`", "READER , WRITER , ANY"),
    ("4.3", "CreateDBCluster.StorageType", "`io1`, `io2` or `gp3`", "Multi-AZ DB clusters - io1 | io2 | gp3"),
    ("4.3", "CreateDBCluster.StorageType", "API default `io1`", "aurora Multi-AZ DB clusters - io1"),
    ("4.11", "CreateDBInstance.PromotionTier", "valid 0–15", "Valid Values: 0 - 15"),
    ("4.11", "CreateDBInstance.PromotionTier", "= **1**", "Default: 1"),
    ("5.1", "ServerlessV2ScalingConfiguration.MaxCapacity", "Steps of **0.5**", "half-step increments"),
    ("5.14", "ServerlessV2ScalingConfiguration.SecondsUntilAutoPause", "300–86,400", "300 seconds"),
    ("5.14", "ServerlessV2ScalingConfiguration.SecondsUntilAutoPause", "300–86,400", "86,400 seconds"),
    (
        "5.14",
        "ServerlessV2ScalingConfiguration.SecondsUntilAutoPause",
        "default 300",
        "default is 300 seconds",
    ),
    ("11.1", "CreateDBCluster.BackupRetentionPeriod", "1–35 days", "from 1 to 35"),
    ("11.1", "CreateDBCluster.BackupRetentionPeriod", "default **1**", "Default: 1"),
    ("11.10", "CreateDBCluster.BacktrackWindow", "259,200 s", "259,200 (72 hours)"),
]


@cache
def model() -> dict[str, Any]:
    """The RDS API as botocore has it."""
    found: dict[str, Any] = Loader().load_service_model("rds", "service-2")
    return found


def said_of(member: str) -> str:
    """What the model says of a member of an operation's input, or of a shape."""
    owner, name = member.split(".")
    operations, shapes = model()["operations"], model()["shapes"]
    shape = operations[owner]["input"]["shape"] if owner in operations else owner
    text = re.sub(r"<[^>]+>", " ", shapes[shape]["members"][name]["documentation"])
    return " ".join(text.split())


@pytest.mark.parametrize(("number", "member", "row", "api"), STATED_TWICE)
def test_the_api_model_says_the_same(number: str, member: str, row: str, api: str) -> None:
    assert row in facts().get(number).text
    assert api in said_of(member)


def test_every_figure_of_a_cited_row_that_the_api_model_states_is_compared() -> None:
    cited = {
        number
        for lesson in (TOP / "solutions").glob("*.py")
        for number in re.findall(r"\[(\d+\.\d+)\]", lesson.read_text(encoding="utf-8"))
    }
    names = re.compile(r"API `(\w+\.)?(\w+)`")
    with_figures = set()
    for fact in (facts().get(number) for number in cited):
        found = names.search(fact.source)
        # A row that names a member of the model, and has a figure, or that names none.
        if found and re.search(r"(?<![.\w`])\d", fact.text) and found[2] not in model()["operations"]:
            with_figures.add(fact.number)
    assert with_figures <= {number for number, *_ in STATED_TWICE}


def test_every_citation_in_the_code_leads_to_a_row() -> None:
    files = [*TOP.glob("aurora_lab/**/*.py"), *TOP.glob("aurora_lab/**/*.sql"), *TOP.glob("checks/*.py")]
    found = 0
    for file in files:
        for group in CITED_IN_CODE.findall(file.read_text(encoding="utf-8")):
            for number in re.findall(r"\d+\.\d+", group):
                found += 1
                facts().get(number)
    assert found > 100, "citations are found at all"


def test_every_row_is_whole() -> None:
    table = facts()
    assert len(table.rows) > 300
    for fact in table.rows.values():
        assert fact.text, fact
        assert fact.section, fact
        assert fact.confidence in {"", *CONFIDENCE} or fact.confidence[0] in CONFIDENCE, fact


def test_a_row_is_shown_with_its_source_and_what_the_source_is() -> None:
    shown = CliRunner().invoke(main, ["facts", "4.9"], prog_name="aurora-lab").stdout
    assert "[4.9]" in shown
    assert "lowest tier number" in shown
    assert "source:     UG `Concepts.AuroraHighAvailability`" in shown
    assert "Amazon Aurora User Guide" in shown
    assert "2026-04-13" in shown


def test_rows_are_found_by_words_and_the_sections_are_listed() -> None:
    run = CliRunner()
    shown = run.invoke(main, ["facts", "Reader", "endpoint", "QUERIES"], prog_name="aurora-lab").stdout
    assert "3.9" in shown
    assert "Endpoints, DNS, TLS" in run.invoke(main, ["facts"], prog_name="aurora-lab").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["3.99"], "There is no fact 3.99: section 3 has 3.1 to 3.30."),
        (["99.1"], "There is no fact 99.1: the sections are 1 to 15."),
        (["3"], "'3' is not the number of a fact. Write it as 3.11."),
        (["no", "such", "wörds"], "No fact has all of these words: no such wörds."),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(words: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["facts", *words], prog_name="aurora-lab")
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_a_number_in_brackets_is_understood() -> None:
    assert facts().get("[3.9]").number == "3.9"
    with pytest.raises(UnknownFactError, match="Write it as"):
        facts().get("3.9.1")
