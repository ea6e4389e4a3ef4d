"""Lesson 01, what Aurora is: a crash, two engines, managed settings, and compute taken away from storage.

The checks of 01.5 to 01.9, with several instances, stand in the file beside this one.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise
from aurora_lab.course.region_view import RegionView, SqlError

from . import lesson_01_hints as hints
from . import lesson_01_wrong as wrong
from .lesson_01_looks import (
    CLUSTER,
    ENDED,
    LOGIN,
    MADE,
    RESTARTED,
    SHUT_DOWN,
    all_of,
    moment,
    names,
    number,
    orders,
    running_writer,
    span,
    the_cluster,
    the_writer,
    told,
)
from .lesson_01_many import check_az, check_copies, check_failover, check_report, check_script

__all__ = ["check_az", "check_copies", "check_failover", "check_report", "check_script"]

FIRST, LAST = 1, 200
DAYS = 7
WINDOW = "mon:03:00-mon:04:00"
CUSTOMERS = {"Ada", "Grace"}


@exercise(
    "01.1",
    "Crash, and count",
    hints=hints.CRASH,
    wrong=wrong.CRASH,
    variables=("wait", "missing"),
    prediction=Prediction(
        "abc",
        "c",
        "Writes go synchronously to storage nodes in three AZs [1.3]. The instance that crashed held nothing else.",
    ),
)
def check_crash(region: RegionView, evidence: Evidence) -> Passed:
    """All orders are there, a crash lies between them, and the learner has counted."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    found = all_of(orders(region, writer, FIRST, LAST), FIRST, LAST)
    since, until = span(found)
    crashes = told(region, "bakery-1", RESTARTED, since=since)
    if told(region, "bakery-1", SHUT_DOWN, since=since):
        raise Mistake(
            "shut-down",
            "The event log says `DB instance shutdown.`: bakery-1 was told, and had time to finish.",
            "A server that is killed while orders come in.",
        )
    if not crashes:
        raise Mistake(
            "no-crash",
            f"Orders {FIRST} to {LAST} are stored, and the event log knows of no restart of bakery-1 since the first.",
            "A crash half way.",
        )
    # The server's own start, where the log tells of it late: orders may have been taken meanwhile.
    ((started,),) = region.sql("bakery-1", "select extract(epoch from pg_postmaster_start_time())::float8")
    back = min([crashes[0], *(at for at in [moment(float(started))] if at > since)])
    if back > until:
        raise Mistake(
            "nobody-waited",
            "bakery-1 was restarted after the last of these orders.",
            "Orders before the crash, and orders after it.",
        )
    missing = number(evidence, "missing")
    if missing != LAST - FIRST + 1 - len(found):
        raise Mistake(
            "other-count",
            f"`missing` is {missing:g}; in the table there are {len(found)} of the {LAST}.",
            "How many of the orders 1 to 200 are not in the table.",
        )
    after = sum(order.at > back for order in found.values())
    return Passed(
        f"{len(found) - after} orders were taken before bakery-1 was back and {after} after, and none of the "
        f"{LAST} is missing. One customer waited {number(evidence, 'wait'):g} s."
    )


@exercise(
    "01.2",
    "Find the mistakes",
    hints=hints.SCRIPT,
    wrong=wrong.SCRIPT,
    prediction=Prediction(
        "abc",
        "b",
        "There are two engines, `aurora-mysql` and `aurora-postgresql` [1.20]. A cluster is made with one of them.",
    ),
)
def check_script_of_mysql(region: RegionView, _evidence: Evidence) -> Passed:
    """The table customers: its id comes by itself, and both rows are in it."""
    writer = running_writer(region, the_cluster(region))
    query = (
        "select column_name, is_identity = 'YES' or column_default like 'nextval%%' from information_schema.columns "
        "where table_schema = 'public' and table_name = %s"
    )
    columns = dict(region.sql(writer, query, "customers", database=LOGIN.database))
    if not columns:
        raise Mistake(
            "no-table",
            f"The database {LOGIN.database} has no table `customers`.",
            "A table `customers` in it.",
        )
    if not {"id", "name"} <= set(columns):
        raise Mistake("other-columns", f"`customers` has {names(columns)}.", "The columns id and name.")
    if not columns["id"]:
        raise Mistake(
            "no-number-by-itself",
            "The column `id` is a plain column.",
            "A column that PostgreSQL fills in by itself.",
        )
    try:
        rows = region.ask(the_cluster(region)["Endpoint"], "select name from customers", LOGIN)
    except SqlError as error:
        raise Mistake(
            "not-readable", f"A new connection as {LOGIN.user} was refused: {error}.", "It can read."
        ) from error
    there = {str(row[0]).strip() for row in rows}
    if not there >= CUSTOMERS:
        raise Mistake("no-rows", f"In `customers` there is: {names(there)}.", f"{names(CUSTOMERS)}.")
    return Passed(f"`customers` numbers its rows by itself, and holds {names(there)}.")


@exercise(
    "01.3",
    "Change what is yours to change",
    hints=hints.SETTINGS,
    wrong=wrong.SETTINGS,
    prediction=Prediction(
        "abc",
        "b",
        "Automated backups are always on in Aurora: 1 to 35 days, and never 0. In RDS 0 is allowed [11.1].",
    ),
)
def check_settings(region: RegionView, _evidence: Evidence) -> Passed:
    """Seven days of backups and a window on Mondays, as the API shows them."""
    cluster = the_cluster(region)
    days, window = cluster["BackupRetentionPeriod"], cluster["PreferredMaintenanceWindow"].lower()
    seen = f"`{CLUSTER}` keeps its backups for {days} day(s); its maintenance window is {window}."
    expected = f"{DAYS} days, and {WINDOW}."
    if days == 1:
        raise Mistake("still-one-day", seen, expected)
    if days != DAYS:
        raise Mistake("other-days", seen, expected)
    if window != WINDOW:
        raise Mistake("other-window", seen, expected)
    return Passed(seen)


@exercise(
    "01.4",
    "Another computer",
    hints=hints.ANOTHER,
    wrong=wrong.ANOTHER,
    prediction=Prediction(
        "abc",
        "c",
        "The data is in the cluster volume, which belongs to the cluster and to no instance [1.1].",
    ),
)
def check_another(region: RegionView, _evidence: Evidence) -> Passed:
    """bakery-2 writes, was made after bakery-1 was gone, and reads what bakery-1 took."""
    cluster = the_cluster(region)
    found = region.instances(CLUSTER)
    if "bakery-1" in found:
        status = found["bakery-1"]["DBInstanceStatus"]
        raise Mistake("still-there", f"`bakery-1` is still there ({status}).", "`bakery-2` alone.")
    gone, made = told(region, "bakery-1", ENDED), told(region, "bakery-2", MADE)
    if not found:
        raise Mistake(
            "no-instance",
            "The cluster has no instance. Its volume is there, and nobody can be asked.",
            "`bakery-2`, in us-west-2b.",
        )
    if "bakery-2" not in found:
        raise Mistake("other-name", f"The instances: {names(found)}.", "`bakery-2`, in us-west-2b.")
    zone = found["bakery-2"]["AvailabilityZone"]
    if zone != "us-west-2b":
        raise Mistake("other-az", f"`bakery-2` is in {zone}.", "It is in us-west-2b.")
    writer = running_writer(region, cluster)
    if gone and made and made[-1] < gone[-1]:
        raise Mistake(
            "never-empty",
            "`bakery-2` was there before `bakery-1` was gone, and took over from it.",
            "A cluster that had no instance at all for a moment.",
        )
    stored = all_of(orders(region, writer, FIRST, LAST), FIRST, LAST)
    taken = sorted({order.by for order in stored.values()})
    return Passed(
        f"{writer} in {zone} shows {len(stored)} orders. They were taken by {names(taken)}, which is gone."
    )
