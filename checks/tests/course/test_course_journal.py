"""The router's journal: which name was asked for, and where it led."""

from __future__ import annotations

from aurora_lab.endpoints.zone import Record, Target, Zone
from aurora_lab.region.journal import Journal, NotingResolver

WRITER, READER = "c.cluster-x.us-west-2.rds.amazonaws.com", "c.cluster-ro-x.us-west-2.rds.amazonaws.com"


def test_every_answer_is_noted_with_its_name() -> None:
    zone, journal = Zone(), Journal()
    one, two = Target("one", "127.0.0.1", 1), Target("two", "127.0.0.1", 2)
    zone.replace({WRITER: Record(WRITER, (one,)), READER: Record(READER, (two,))})
    resolver = NotingResolver(journal, zone, lambda: 60.0)
    for name in (WRITER, READER, READER.upper()):
        resolver.resolve(name)
    assert [(item["host"], item["instance"]) for item in journal.connections()] == [
        (WRITER, "one"),
        (READER, "two"),
        (READER, "two"),
    ]
    assert [item["instance"] for item in journal.connections(READER)] == ["two", "two"]
    assert journal.connections("other") == []


def test_only_the_newest_are_kept() -> None:
    journal = Journal(kept=2)
    for number in range(5):
        journal.note(WRITER, str(number))
    assert [item["instance"] for item in journal.connections(WRITER)] == ["3", "4"]


def test_the_newest_are_of_names_that_are_still_there() -> None:
    journal = Journal()
    for number in range(3):
        journal.note("gone", f"old-{number}")
        journal.note(WRITER, str(number))
    assert [item["instance"] for item in journal.newest(2, lambda name: name != "gone")] == ["1", "2"]
    assert [item["instance"] for item in journal.newest(2)] == ["old-2", "2"]
