"""Lesson 02, the checks on what a promotion loses: a night with two faults, the repair, and the choice."""

from __future__ import annotations

from datetime import datetime

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView

from . import lesson_02_hints as hints
from . import lesson_02_wrong as wrong
from .lesson_02_looks import (
    AURORA_DONE,
    CLUSTER,
    COPY,
    ENDED,
    SHOP,
    all_orders,
    available,
    names,
    number,
    orders,
    the_cluster,
    the_database,
    the_writer,
    told,
)

NIGHT = (301, 400)
MORNING = (401, 410)
LAST = (601, 800)
COPYS_ZONE = "us-west-2c"
MACHINES = 2
REPORTS = 10


@exercise(
    "02.4",
    "The night",
    hints=hints.LOSS,
    wrong=wrong.LOSS,
    variables=("rds_lost", "aurora_lost"),
    prediction=Prediction(
        "abc",
        "b",
        "A read replica is asynchronous [4.5]: nobody waited for it. In Aurora each write is on storage nodes in "
        "several AZs first [1.3], and a reader takes over without loss [4.7].",
    ),
)
def check_loss(region: RegionView, evidence: Evidence) -> Passed:
    """rds-copy is promoted without what was sold while its AZ was out; Aurora has all; both are counted."""
    writer = the_writer(region)
    stored = all_orders(region, writer, *NIGHT)
    copy = the_database(region, COPY)
    if "ReadReplicaSourceDBInstanceIdentifier" in copy:
        raise Mistake(
            "not-promoted", f"`{COPY}` is still a read replica of `{SHOP}`.", "A database of its own."
        )
    available(copy)
    outs = [moment for moment, zone in _outs(region) if zone == COPYS_ZONE and moment <= min(stored.values())]
    backs = told(region, CLUSTER, f"AZ {COPYS_ZONE} is back", outs[-1], "db-cluster") if outs else []
    expected = f"{COPYS_ZONE} is out while both shops sell the orders 301 to 400."
    if not outs or (backs and backs[0] < max(stored.values())):
        raise Mistake("copy-was-there", f"{COPYS_ZONE} was there while these orders were taken.", expected)
    if not told(region, CLUSTER, AURORA_DONE, min(stored.values()), "db-cluster"):
        raise Mistake(
            "aurora-stayed",
            f"Aurora has not failed over since order {NIGHT[0]}: its writer, {writer}, was in another AZ.",
            "The AZ that fails is that of both writers.",
        )
    there = orders(region, COPY, *NIGHT)
    if there:
        raise Mistake(
            "it-caught-up",
            f"`{COPY}` has {len(there)} of these orders: `{SHOP}` was up when {COPYS_ZONE} came back.",
            f"The AZ of `{SHOP}` fails before {COPYS_ZONE} is back.",
        )
    wanted = NIGHT[1] - NIGHT[0] + 1
    lost, kept = number(evidence, "rds_lost"), number(evidence, "aurora_lost")
    if (lost, kept) != (wanted, 0):
        raise Mistake(
            "other-count",
            f"`rds_lost` is {lost:g} and `aurora_lost` is {kept:g}; stored are {len(there)} and {len(stored)}.",
            f"How many of the {wanted} are not in `{COPY}`, and how many not in Aurora.",
        )
    return Passed(
        f"Of {wanted} confirmed orders {COPY} has {len(there)}, Aurora all {len(stored)}; {writer} writes there now."
    )


def _outs(region: RegionView) -> list[tuple[datetime, str]]:
    """When which AZ was out."""
    return [
        (event["Date"], event["Message"].split()[1])
        for event in region.events(CLUSTER)
        if event["Message"].startswith("AZ ") and " is out" in event["Message"]
    ]


@exercise(
    "02.5",
    "Repair it",
    hints=hints.REPAIR,
    wrong=wrong.REPAIR,
    prediction=Prediction(
        "abc",
        "c",
        "A read replica that has been promoted is an instance of its own. Nothing flows between the two any more.",
    ),
)
def check_repair(region: RegionView, _evidence: Evidence) -> Passed:
    """rds-copy has the lost orders with their own moments, and rds-shop is as it was."""
    shop = available(the_database(region, SHOP))
    evidence = all_orders(region, SHOP, *NIGHT)
    strange = orders(region, SHOP, *MORNING)
    if strange:
        raise Mistake(
            "wrong-way", f"`{SHOP}` has {len(strange)} orders of the morning.", f"`{SHOP}` as it was."
        )
    there = orders(region, COPY, NIGHT[0], MORNING[1])
    lost = [order for order in range(NIGHT[0], MORNING[1] + 1) if order not in there]
    if lost:
        raise Mistake(
            "still-missing",
            f"`{SHOP}` is {shop['DBInstanceStatus']}. `{COPY}` lacks {len(lost)} of the orders 301 to 410.",
            "None is missing.",
        )
    late = [order for order, at in evidence.items() if there[order] != at]
    if late:
        raise Mistake(
            "sold-again",
            f"{len(late)} of them have another moment in `{COPY}` than in `{SHOP}`.",
            "Each order with the moment at which it was taken.",
        )
    return Passed(f"{COPY} has all orders of the night and of the morning; {SHOP} knows none of the morning.")


@exercise(
    "02.6",
    "Prove it",
    hints=hints.CHOICE,
    wrong=wrong.CHOICE,
    variables=("reports", "gap"),
    prediction=Prediction(
        "abc",
        "c",
        "A standby serves no reads [4.1]; a replica is promoted by hand. An Aurora reader does both [4.7].",
    ),
)
def check_choice(region: RegionView, evidence: Evidence) -> Passed:
    """Two instances; one served the reports, and took over when the writer's AZ failed."""
    cluster = the_cluster(region)
    found = region.instances(CLUSTER)
    if len(found) != MACHINES:
        kind = "one-too-many" if len(found) > MACHINES else "one-too-few"
        raise Mistake(kind, f"Instances to pay: {names(found)}.", "Two.")
    writer = the_writer(region)
    stored = all_orders(region, writer, *LAST)
    since, until = min(stored.values()), max(stored.values())
    gone = [at for name in ("aurora-1", "aurora-2", "aurora-3") for at in told(region, name, ENDED, _ever())]
    outs = [(moment, zone) for moment, zone in _outs(region) if moment >= since]
    done = told(region, CLUSTER, AURORA_DONE, since, "db-cluster")
    if not outs or not done:
        seen = (
            f"{outs[-1][1]} failed, and {writer} wrote on." if outs else "No AZ has failed since the first."
        )
        raise Mistake("the-writer-stayed", seen, "The AZ of the writer fails half way.")
    moment, zone = outs[-1]
    if moment > until:
        raise Mistake("after-closing-time", f"{zone} failed after the last order.", "It fails half way.")
    if not told(region, CLUSTER, f"AZ {zone} is back", moment, "db-cluster"):
        raise Mistake("still-out", f"{zone} is still out.", f"{zone} is back.")
    reports = [
        item.instance
        for item in region.connections(cluster["ReaderEndpoint"])
        if max(gone, default=_ever()) <= item.at <= moment
    ]
    need(evidence, "reports")
    if len(reports) < REPORTS:
        raise Mistake(
            "no-reports",
            f"With two instances, {len(reports)} reports came by the reader endpoint before {zone} failed.",
            f"At least {REPORTS}.",
        )
    return Passed(
        f"{names(found)}: {len(reports)} reports on {names(set(reports))}, then {zone} failed, {writer} took over, and "
        f"no order of {len(stored)} is missing. One customer waited {number(evidence, 'gap'):g} s."
    )


def _ever() -> datetime:
    return datetime.fromtimestamp(0).astimezone()
