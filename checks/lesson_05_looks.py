"""Lesson 05: what its checks look at, each look a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from aurora_lab.course.exercises import Mistake
from aurora_lab.course.region_view import Document, Login, RegionView, SqlError

CLUSTER = "library"
LOGIN = Login("librarian", "quiet-please-5", "library")


def the_cluster(region: RegionView) -> Document:
    cluster = region.cluster(CLUSTER)
    if cluster is None:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{CLUSTER}` in the region.",
            f"A cluster named `{CLUSTER}`.",
            "`lab.map()` shows what there is.",
        )
    return cluster


def require_available(status: str, what: str) -> None:
    if status != "available":
        raise Mistake(
            "not-available",
            f"The status of {what} is {status}.",
            "It is available.",
            "Wait for it, then check again.",
        )


def the_writer(cluster: Document) -> str:
    for member in cluster["DBClusterMembers"]:
        if member["IsClusterWriter"]:
            return str(member["DBInstanceIdentifier"])
    raise Mistake("no-writer", f"`{CLUSTER}` has no instance.", "A cluster with a writer.", "See 05.2.")


def columns_of_books(region: RegionView, instance: str, database: str) -> dict[str, str | None]:
    query = (
        "select column_name, column_default from information_schema.columns "
        "where table_schema = 'public' and table_name = 'books'"
    )
    return {str(name): default for name, default in region.sql(instance, query, database=database)}


def books(region: RegionView, instance: str) -> Counter[str]:
    """The titles as a multiset: order says nothing."""
    try:
        return Counter(
            str(row[0]) for row in region.sql(instance, "select title from books", database="library")
        )
    except SqlError as error:
        if error.sqlstate != "42P01":
            raise
        raise Mistake("no-table", f"`{instance}` has no table `books`.", "The table of 05.3.") from error


def writers_of(region: RegionView, instance: str, title: str) -> list[str]:
    """Which instances wrote the books of this title."""
    query = "select written_by from books where lower(trim(title)) = lower(%s)"
    return [str(by) for (by,) in region.sql(instance, query, title, database=LOGIN.database)]


def ask(region: RegionView, host: str, query: str) -> str:
    try:
        return str(region.ask(host, query, LOGIN)[0][0])
    except SqlError as error:
        if error.sqlstate in ("28P01", "28000"):
            raise Mistake(
                "other-password",
                f"The login {LOGIN.user} with the lesson's password is refused.",
                "A cluster whose master password is `$PGPASSWORD`.",
                "Set it: `aws rds modify-db-cluster --db-cluster-identifier library --master-user-password ...`",
            ) from error
        raise


def led_to(region: RegionView, host: str, since: datetime | None = None) -> Counter[str]:
    """How many connections to this host name the router led to each instance, since a moment."""
    return Counter(item.instance for item in region.connections(host) if since is None or item.at >= since)


def deleted_at(region: RegionView, *instances: str) -> datetime | None:
    """When the last of these instances was gone, by the event log."""
    moments = [
        event["Date"]
        for name in instances
        for event in region.events(name, "db-instance")
        if "deleted" in event["Message"].lower()
    ]
    return max(moments, default=None)


def rollbacks(region: RegionView, instance: str) -> int:
    query = "select xact_rollback from pg_stat_database where datname = %s"
    return int(region.sql(instance, query, LOGIN.database)[0][0])


def tally(count: Counter[str]) -> str:
    return ", ".join(f"{number} × {name}" for name, number in sorted(count.items())) or "nothing"


def names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found))
