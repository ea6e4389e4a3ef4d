"""Lesson 05, the checks on endpoints: who answers, a custom endpoint, failover, no reader, and the end."""

from __future__ import annotations

from collections import Counter

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need_lines
from aurora_lab.course.region_view import RegionView

from . import lesson_05_hints as hints
from . import lesson_05_wrong as wrong
from .lesson_05_looks import (
    CLUSTER,
    LOGIN,
    ask,
    deleted_at,
    led_to,
    names,
    tally,
    the_cluster,
    the_writer,
    writers_of,
)

MIN_CONNECTIONS = 10


@exercise(
    "05.6",
    "Count who answers",
    hints=hints.CONNECTIONS,
    wrong=wrong.CONNECTIONS,
    variables=["from_writer", "from_reader"],
    prediction=Prediction(
        "abc",
        "b",
        "While an answer of DNS lives, new connections go where it points. A session never moves [3.9] [3.16].",
    ),
)
def check_connections(region: RegionView, evidence: Evidence) -> Passed:
    """Ten connections to each endpoint, as many as the router saw, and both readers among the answers."""
    from_writer, from_reader = (
        Counter(need_lines(evidence, name)) for name in ("from_writer", "from_reader")
    )
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    readers = set(region.instances(CLUSTER)) - {writer}
    for name, count in (("from_writer", from_writer), ("from_reader", from_reader)):
        if count.total() < MIN_CONNECTIONS:
            raise Mistake(
                "too-few",
                f"Answers in `{name}`: {count.total()}.",
                f"At least {MIN_CONNECTIONS} from each endpoint.",
            )
        if strange := set(count) - {writer, *readers}:
            raise Mistake("not-names", f"`{name}` holds {names(strange)}.", "Names of instances only.")
    if set(from_writer) != {writer}:
        raise Mistake(
            "not-the-writer-endpoint",
            f"`from_writer` holds {tally(from_writer)}.",
            f"Only {writer}: the writer endpoint leads nowhere else.",
        )
    if writer in from_reader:
        raise Mistake(
            "not-the-reader-endpoint",
            f"`from_reader` holds {tally(from_reader)}.",
            f"Only readers: {names(readers)}.",
        )
    made = led_to(region, cluster["ReaderEndpoint"])
    if any(from_reader[name] > made[name] for name in from_reader):
        raise Mistake(
            "queries-not-connections",
            f"`from_reader` holds {tally(from_reader)}, but the reader endpoint led only so many connections "
            f"there: {tally(made)}.",
            "One new connection for each answer.",
        )
    if from_writer[writer] > led_to(region, cluster["Endpoint"])[writer]:
        raise Mistake(
            "queries-not-connections",
            "There were fewer connections to the writer endpoint than answers in `from_writer`.",
            "One new connection for each answer.",
        )
    if set(from_reader) != readers:
        raise Mistake(
            "one-answer-of-dns",
            f"`from_reader` holds {tally(from_reader)}.",
            f"Both readers: {names(readers)}.",
            "All your connections used one answer of DNS. Sleep `$DNS_TTL` seconds between two of them.",
        )
    return Passed(f"Writer endpoint: {tally(from_writer)}. Reader endpoint: {tally(from_reader)}.")


@exercise("05.7", "A custom endpoint", hints=hints.CUSTOM, wrong=wrong.CUSTOM)
def check_custom(region: RegionView, _evidence: Evidence) -> Passed:
    """A READER endpoint whose list of members is library-3, and that leads there."""
    the_cluster(region)
    found = {item.get("DBClusterEndpointIdentifier"): item for item in region.endpoints(CLUSTER)}
    endpoint = found.get("library-reports")
    if endpoint is None:
        raise Mistake(
            "no-endpoint",
            f"`{CLUSTER}` has no endpoint `library-reports`.",
            "A custom endpoint of this name.",
        )
    if endpoint["CustomEndpointType"] != "READER":
        raise Mistake(
            "other-type",
            f"Its type is {endpoint['CustomEndpointType']}.",
            "The type READER: reports only read.",
        )
    if endpoint["ExcludedMembers"]:
        raise Mistake(
            "list-of-exceptions",
            f"It leads to all readers but {names(endpoint['ExcludedMembers'])}.",
            "A list of members that holds `library-3`.",
        )
    if endpoint["StaticMembers"] != ["library-3"]:
        seen = names(endpoint["StaticMembers"]) or "nobody: every reader is behind it"
        raise Mistake("other-members", f"Its list of members holds {seen}.", "`library-3`, and nothing else.")
    answered = ask(region, endpoint["Endpoint"], "select aurora_db_instance_identifier()")
    if answered != "library-3":
        raise Mistake("other-instance", f"{answered} answers behind it.", "`library-3` answers.")
    return Passed(f"{endpoint['Endpoint']} leads to {answered}.")


@exercise(
    "05.8",
    "Fail over, and write again",
    hints=hints.FAILOVER,
    wrong=wrong.FAILOVER,
    prediction=Prediction(
        "abc",
        "b",
        "The writer endpoint follows the writer [3.1]. But open connections are cut, and DNS never moves one [3.19].",
    ),
)
def check_failover(region: RegionView, _evidence: Evidence) -> Passed:
    """library-2 is the writer by a failover, and wrote the new row."""
    cluster = the_cluster(region)
    done = "Completed failover to DB instance: "
    targets = [event["Message"].removeprefix(done).rstrip(".") for event in region.events(CLUSTER)]
    if cluster["Status"] == "failing-over":
        raise Mistake("not-available", "The cluster is failing over.", "It is available.", "Wait a moment.")
    writer = the_writer(cluster)
    if writer == "library-1" or (writer == "library-2" and "library-2" not in targets):
        raise Mistake(
            "no-failover", f"The writer is {writer}, without a failover.", "A failover to `library-2`."
        )
    if writer != "library-2":
        raise Mistake("other-target", f"The writer is {writer}.", "The writer is `library-2`.")
    by = writers_of(region, writer, "After the failover")
    if not by:
        raise Mistake(
            "no-row", "No book is titled `After the failover`.", "One more book, written through `$WRITER`."
        )
    if "library-2" not in by:
        raise Mistake(
            "written-before", f"`After the failover` was written by {names(by)}.", "Written by `library-2`."
        )
    before = region.sql(
        writer, "select count(*) from books where written_by = 'library-1'", database=LOGIN.database
    )
    return Passed(
        f"library-2 is the writer and wrote the new row. The {before[0][0]} rows that library-1 wrote are there."
    )


@exercise(
    "05.9",
    "Write through the reader endpoint",
    hints=hints.NO_READER,
    wrong=wrong.NO_READER,
    prediction=Prediction(
        "abc", "c", "Without a reader the reader endpoint leads to the writer, and writes succeed [3.11]."
    ),
)
def check_no_reader(region: RegionView, _evidence: Evidence) -> Passed:
    """Only the writer is left, and the row came over the reader endpoint after that."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    found = region.instances(CLUSTER)
    readers = set(found) - {writer}
    if readers:
        kind = "readers-left" if readers >= {"library-1", "library-3"} else "one-reader-left"
        raise Mistake(kind, f"Readers that are left: {names(readers)}.", "Only the writer is left.")
    by = writers_of(region, writer, "Through the reader endpoint")
    if not by:
        raise Mistake(
            "no-row", "No book is titled `Through the reader endpoint`.", "One more book, by `$READER`."
        )
    since = deleted_at(region, "library-1", "library-3")
    if not led_to(region, cluster["ReaderEndpoint"], since)[writer]:
        raise Mistake(
            "through-the-writer",
            "The row is there, but nobody has connected to the reader endpoint since the readers are gone.",
            "A row that came over the reader endpoint.",
        )
    return Passed(f"Only {writer} is left. The reader endpoint led to it, and it took the row.")


@exercise("05.10", "Remove everything", hints=hints.CLEANING, wrong=wrong.CLEANING)
def check_cleaning(region: RegionView, _evidence: Evidence) -> Passed:
    """The cluster was there, and is not any more; nor is anything of it."""
    cluster = region.cluster(CLUSTER)
    messages = " ".join(event["Message"] for event in region.events(CLUSTER)).lower()
    if cluster is None:
        if "deleted" not in messages or deleted_at(region, "library-2") is None:
            raise Mistake(
                "no-cluster",
                f"There is no cluster `{CLUSTER}`, and the event log knows of no `library-2` that was deleted.",
                "The cluster of 05.1 to 05.9, removed.",
                "Do the exercises before this one first.",
            )
        return Passed(f"The event log says that `{CLUSTER}` was deleted. Nothing of it is left.")
    if cluster["Status"] == "deleting":
        raise Mistake("still-deleting", "The cluster is being deleted.", "It is gone.", "Wait a moment.")
    left = region.instances(CLUSTER)
    if left:
        raise Mistake("instances-left", f"`{CLUSTER}` still has {names(left)}.", "No instance is left.")
    custom = [item for item in region.endpoints(CLUSTER) if item["EndpointType"] == "CUSTOM"]
    if custom:
        raise Mistake("endpoint-left", "The cluster and `library-reports` are still there.", "Both are gone.")
    raise Mistake("cluster-left", f"`{CLUSTER}` is still there, without instances.", "The cluster is gone.")
