"""Lesson 05, hands-on with psql: what each exercise must have left in the region and its databases.

The checks of 05.6 to 05.10, on endpoints, stand in the file beside this one.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need_lines
from aurora_lab.course.region_view import RegionView

from . import lesson_05_hints as hints
from . import lesson_05_wrong as wrong
from .lesson_05_endpoints import (
    check_cleaning,
    check_connections,
    check_custom,
    check_failover,
    check_no_reader,
)
from .lesson_05_looks import (
    CLUSTER,
    LOGIN,
    ask,
    books,
    columns_of_books,
    led_to,
    names,
    require_available,
    rollbacks,
    the_cluster,
    the_writer,
    writers_of,
)

__all__ = ["check_cleaning", "check_connections", "check_custom", "check_failover", "check_no_reader"]

ENGINE = "aurora-postgresql"
READERS = {"library-2", "library-3"}
MIN_BOOKS = 3


@exercise(
    "05.1",
    "Create the cluster",
    hints=hints.CLUSTER,
    wrong=wrong.CLUSTER,
    prediction=Prediction(
        "abc", "a", "A cluster that the API makes is empty: you add the instances yourself [1.26]."
    ),
)
def check_cluster(region: RegionView, _evidence: Evidence) -> Passed:
    """An empty cluster with the right engine, user and database."""
    cluster = the_cluster(region)
    if cluster["Engine"] != ENGINE:
        raise Mistake("other-engine", f"`{CLUSTER}` has the engine {cluster['Engine']}.", f"{ENGINE}.")
    if cluster["MasterUsername"] != LOGIN.user:
        raise Mistake(
            "other-user",
            f"The master user of `{CLUSTER}` is {cluster['MasterUsername']}.",
            f"The master user {LOGIN.user}.",
        )
    if cluster.get("DatabaseName") != LOGIN.database:
        name = cluster.get("DatabaseName")
        raise Mistake(
            "no-database",
            f"`{CLUSTER}` was made with the database {name}."
            if name
            else f"`{CLUSTER}` was made without one.",
            f"A database named {LOGIN.database}.",
        )
    require_available(cluster["Status"], f"cluster `{CLUSTER}`")
    members = [member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"]]
    if members:
        raise Mistake(
            "instance-too",
            f"`{CLUSTER}` has an instance already: {', '.join(members)}.",
            "A cluster without any instance, to look at before you go on.",
        )
    return Passed(f"`{CLUSTER}` is available. Its list of members is empty.")


@exercise(
    "05.2",
    "Add an instance",
    hints=hints.INSTANCE,
    wrong=wrong.INSTANCE,
    prediction=Prediction(
        "abc", "b", "A cluster has one writer; the first instance is it. All others become readers [1.1]."
    ),
)
def check_instance(region: RegionView, _evidence: Evidence) -> Passed:
    """One instance: library-1, of the class asked for, available, the writer."""
    cluster = the_cluster(region)
    found = region.instances(CLUSTER)
    if not found:
        raise Mistake("no-instance", f"`{CLUSTER}` has no DB instance.", "The instance `library-1` in it.")
    if "library-1" not in found:
        raise Mistake(
            "other-name", f"The instances of `{CLUSTER}`: {names(found)}.", "An instance named `library-1`."
        )
    instance = found["library-1"]
    if instance["DBInstanceClass"] != "db.r6g.large":
        raise Mistake(
            "other-class",
            f"`library-1` is of the class {instance['DBInstanceClass']}.",
            "The class db.r6g.large.",
        )
    if instance["AvailabilityZone"] != "us-west-2a":
        raise Mistake(
            "other-az", f"`library-1` is in {instance['AvailabilityZone']}.", "It is in us-west-2a."
        )
    require_available(instance["DBInstanceStatus"], "`library-1`")
    writer = the_writer(cluster)
    return Passed(f"`library-1` is available in us-west-2a, and the cluster names {writer} as its writer.")


@exercise(
    "05.3",
    "A table with rows",
    hints=hints.TABLE,
    wrong=wrong.TABLE,
    prediction=Prediction(
        "abc",
        "b",
        "From Aurora PostgreSQL 17 on, `rds.force_ssl` is 1 by default: no connection without encryption [3.27].",
    ),
)
def check_table(region: RegionView, _evidence: Evidence) -> Passed:
    """The table, its columns, its rows, and that the lesson's login gets in with verify-full."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    columns = columns_of_books(region, writer, LOGIN.database)
    if not columns:
        if columns_of_books(region, writer, "postgres"):
            raise Mistake(
                "other-database",
                "The table `books` is in the database postgres.",
                f"It is in the database {LOGIN.database}.",
            )
        raise Mistake(
            "no-table",
            f"The database {LOGIN.database} has no table `books`.",
            "A table `books` in it.",
            "What you make in a transaction that is not committed is gone when psql ends.",
        )
    missing = {"id", "title", "year", "written_by"} - set(columns)
    if missing:
        raise Mistake("other-columns", f"`books` has {names(columns)}.", "id, title, year, written_by.")
    if "aurora_db_instance_identifier" not in (columns["written_by"] or ""):
        raise Mistake(
            "no-default",
            f"The default of `written_by` is {columns['written_by'] or 'not set'}.",
            "Its default is the function aurora_db_instance_identifier().",
        )
    rows = region.sql(writer, "select title, written_by from books", database=LOGIN.database)
    if len(rows) < MIN_BOOKS:
        raise Mistake("too-few-rows", f"Rows in `books`: {len(rows)}.", f"At least {MIN_BOOKS} books.")
    strange = sorted({str(by) for _title, by in rows} - set(region.instances(CLUSTER)))
    if strange:
        raise Mistake(
            "written-by-hand",
            f"`written_by` holds {', '.join(strange)}.",
            "The name of the instance that wrote the row, filled in by the default.",
        )
    seen = ask(region, cluster["Endpoint"], "select count(*) from books")
    return Passed(
        f"A verify-full connection to the writer endpoint counts {seen} books, written by {writer}."
    )


@exercise(
    "05.4",
    "Add two readers",
    hints=hints.READERS,
    wrong=wrong.READERS,
    prediction=Prediction(
        "abc", "c", "A reader reads the same volume: nothing is copied, whatever the size [4.7]."
    ),
)
def check_readers(region: RegionView, _evidence: Evidence) -> Passed:
    """Two readers, three AZs, and the writer's rows on both."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    found = region.instances(CLUSTER)
    readers = set(found) - {writer}
    if not readers:
        raise Mistake("no-reader", f"`{CLUSTER}` has no reader.", "Two readers: `library-2` and `library-3`.")
    if not readers >= READERS:
        kind = "one-reader" if readers < READERS else "other-names"
        raise Mistake(kind, f"The readers of `{CLUSTER}`: {names(readers)}.", "`library-2` and `library-3`.")
    zones = {name: found[name]["AvailabilityZone"] for name in sorted({writer, *READERS})}
    seen = ", ".join(f"{name} in {zone}" for name, zone in zones.items())
    if any(zones[name] == zones[writer] for name in READERS):
        raise Mistake("beside-the-writer", seen + ".", "No reader in the writer's AZ.")
    if len(set(zones.values())) < len(zones):
        raise Mistake("in-one-az", seen + ".", "Each instance in an AZ of its own.")
    classes = {item["DBInstanceClass"] for item in found.values()}
    if len(classes) > 1:
        raise Mistake("other-class", f"The classes are {names(classes)}.", "All of the writer's class.")
    for name in sorted(READERS):
        require_available(found[name]["DBInstanceStatus"], f"`{name}`")
    on_writer = books(region, writer)
    for name in sorted(READERS):
        if books(region, name) != on_writer:
            raise Mistake(
                "behind", f"`{name}` does not show all books yet.", "The writer's rows on each reader."
            )
    return Passed(f"{seen}. All three show the same {sum(on_writer.values())} books.")


@exercise(
    "05.5",
    "Get refused",
    hints=hints.REFUSAL,
    wrong=wrong.REFUSAL,
    variables=["refusal"],
    prediction=Prediction(
        "abc",
        "b",
        "A reader's transactions are read-only [7.12]. The error is PostgreSQL's own: 25006. Nothing is passed on.",
    ),
)
def check_refusal(region: RegionView, evidence: Evidence) -> Passed:
    """Error 25006 from a reader that really rolled something back, and no new book."""
    text = " ".join(need_lines(evidence, "refusal"))
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    if not text:
        raise Mistake(
            "no-answer", "`refusal` is empty.", "`refusal` holds what psql printed.", "Run your answer cell."
        )
    if writers_of(region, writer, "Ulysses"):
        raise Mistake(
            "through-the-writer",
            f"The book is in the table, written by {writer}.",
            "An insert that is refused.",
        )
    if "25006" not in text:
        if "read-only transaction" in text:
            raise Mistake("no-code", f"psql printed: {text}", "The same, with the error's code.")
        raise Mistake("no-refusal", f"psql printed: {text}", "The error of an insert on a reader.")
    named = [name for name in sorted(set(region.instances(CLUSTER)) - {writer}) if name in text.split()]
    if len(named) != 1:
        raise Mistake(
            "which-instance", f"psql printed: {text}", "The name of the reader, asked in the same psql call."
        )
    if not led_to(region, cluster["ReaderEndpoint"])[named[0]] or not rollbacks(region, named[0]):
        raise Mistake(
            "not-asked",
            f"`refusal` names {named[0]}, but no insert was refused there on a connection to the reader endpoint.",
            "An insert that really went through the reader endpoint.",
        )
    return Passed(f"{named[0]} refused the insert with 25006, and `books` has no new row.")
