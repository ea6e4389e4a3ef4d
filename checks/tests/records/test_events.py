from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from records_region import (
    Client,
    PlainRegion,
    model_text,
    refused,
)

from aurora_lab.region.rds.event_texts import CATEGORIES, EVENTS, MULTI_AZ_EVENTS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


@pytest.fixture
def history(region: PlainRegion) -> PlainRegion:
    """Something happened 15 days, 2 days, 30 minutes and 1 minute ago."""
    for moment, event_id, name in (
        (ago(days=15), "RDS-EVENT-0170", "old"),
        (ago(days=2), "RDS-EVENT-0170", "c1"),
        (ago(minutes=30), "RDS-EVENT-0005", "i1"),
        (ago(minutes=1), "RDS-EVENT-0071", "c1"),
    ):
        event = EVENTS[event_id]
        region.time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = event.text.format(name="i1")
        region.add_event(event.source_type, name, list(event.categories), text, event_id)
    region.time = NOW.isoformat().replace("+00:00", "Z")
    return region


def messages(call: Client, **asked: Any) -> list[str]:
    return [item["Message"] for item in call("DescribeEvents", **asked)["Events"]]


CREATED, INSTANCE, FAILED_OVER = (
    "DB cluster created.",
    "DB instance created.",
    "Completed failover to DB instance: i1.",
)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [INSTANCE, FAILED_OVER]),
        ({"Duration": 5}, [FAILED_OVER]),
        ({"Duration": 20160}, [CREATED, INSTANCE, FAILED_OVER]),
        ({"Duration": 999999}, [CREATED, INSTANCE, FAILED_OVER]),
        ({"StartTime": ago(days=30)}, [CREATED, INSTANCE, FAILED_OVER]),
        ({"StartTime": ago(days=30), "Duration": 1}, [CREATED, INSTANCE, FAILED_OVER]),
        ({"StartTime": "2026-11-23T11:50:00Z"}, [FAILED_OVER]),
        ({"EndTime": ago(minutes=10)}, [INSTANCE]),
        ({"EndTime": ago(minutes=10), "Duration": 5}, []),
        ({"SourceType": "db-cluster"}, [FAILED_OVER]),
        ({"SourceType": "db-cluster", "SourceIdentifier": "C1", "Duration": 4320}, [CREATED, FAILED_OVER]),
        ({"SourceType": "db-instance", "SourceIdentifier": "c1"}, []),
        ({"EventCategories": ["failover", "backup"]}, [FAILED_OVER]),
        ({"EventCategories": ["backup"]}, []),
    ],
)
def test_asking_for_events(call: Client, asked: dict[str, Any], found: list[str]) -> None:
    assert messages(call, **asked) == found


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"SourceIdentifier": "c1"}, "InvalidParameterCombination"),
        ({"StartTime": ago(hours=1), "EndTime": ago(hours=2)}, "InvalidParameterCombination"),
        ({"Duration": 0}, "InvalidParameterValue"),
        ({"Filters": [{"Name": "x", "Values": ["y"]}]}, "InvalidParameterValue"),
    ],
)
def test_wrong_questions_for_events(call: Client, asked: dict[str, Any], code: str) -> None:
    assert refused(call, "DescribeEvents", **asked)[0] == code


def test_the_default_hour_is_the_models(call: Client) -> None:
    assert "Default: 60" in model_text(call, "DescribeEvents", "Duration")


def test_events_are_in_auroras_own_words() -> None:
    """FACTS 3.20, 4.18, 5.20, 7.1–7.5."""
    texts = {event_id.removeprefix("RDS-EVENT-"): event.text for event_id, event in EVENTS.items()}
    assert texts["0069"] == (
        "Cluster failover failed, check the health of your cluster instances and try again."
    )
    assert texts["0070"] == "Promoting previous primary again: {name}."
    assert texts["0071"] == "Completed failover to DB instance: {name}."
    assert texts["0072"] == "Started same AZ failover to DB instance: {name}."
    assert texts["0073"] == "Started cross AZ failover to DB instance: {name}."
    assert texts["0004"] == "DB instance shutdown."
    assert texts["0006"] == "DB instance restarted."
    assert texts["0385"] == "Cluster topology is updated."
    assert texts["0153"] == (
        "DB cluster is being started due to it exceeding the maximum allowed time being stopped."
    )
    assert texts["0370"] == "Initiated pause for the DB instance."
    assert texts["0371"] == "Pause was canceled for the DB instance."
    assert texts["0372"] == "Successfully paused the DB instance."
    assert texts["0373"] == "Initiated resume for the DB instance."
    assert texts["0374"] == "Successfully resumed the DB instance."
    assert texts["0397"].startswith("Aurora finished changing the DNS name")
    assert "0049" not in texts, "an RDS Multi-AZ event, not Aurora's (FACTS 7.2)"
    assert {EVENTS[f"RDS-EVENT-00{n}"].categories for n in (69, 70, 71, 72, 73)} == {("failover",)}


def test_the_events_of_rds_multi_az_are_not_aurora_s() -> None:
    # FACTS 4.19, 7.2.
    texts = {event_id.removeprefix("RDS-EVENT-"): event.text for event_id, event in MULTI_AZ_EVENTS.items()}
    assert texts == {
        "0013": "Multi-AZ instance failover started.",
        "0049": "Multi-AZ instance failover completed.",
        "0050": "Multi-AZ instance activation started.",
        "0051": "Multi-AZ instance activation completed.",
        "0065": "Recovered from partial failover.",
    }
    assert not EVENTS.keys() & MULTI_AZ_EVENTS.keys()


def test_every_event_is_of_a_known_kind(call: Client) -> None:
    sources = call.model.shape_for("SourceType").enum
    for event_id, event in {**EVENTS, **MULTI_AZ_EVENTS}.items():
        assert re.fullmatch(r"RDS-EVENT-\d{4}", event_id)
        assert event.source_type in sources
        assert set(event.categories) <= set(CATEGORIES[event.source_type]), event_id
    assert set(CATEGORIES) <= set(sources)


def test_event_categories(call: Client) -> None:
    every = call("DescribeEventCategories")["EventCategoriesMapList"]
    assert {item["SourceType"] for item in every} == set(CATEGORIES)
    [one] = call("DescribeEventCategories", SourceType="db-cluster")["EventCategoriesMapList"]
    assert "failover" in one["EventCategories"]
    assert refused(call, "DescribeEventCategories", SourceType="planet")[0] == "InvalidParameterValue"
