"""Lesson 02, Aurora vs RDS: a database with a standby, who answers reads, and two ways to fail over.

The checks of 02.4 to 02.6, about what a promotion loses, stand in the file beside this one.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView, SqlError

from . import lesson_02_hints as hints
from . import lesson_02_wrong as wrong
from .lesson_02_looks import (
    AURORA_BEGAN,
    AURORA_DONE,
    COPY,
    LOGIN,
    RDS_BEGAN,
    RDS_DONE,
    SHOP,
    all_orders,
    available,
    connected,
    number,
    the_cluster,
    the_database,
    the_writer,
    told,
)
from .lesson_02_loss import check_choice, check_loss, check_repair

__all__ = ["check_choice", "check_loss", "check_repair"]

GIB = 20
READS = 20
ORDERS = (101, 200)


@exercise(
    "02.1",
    "Make it",
    hints=hints.MAKE,
    wrong=wrong.MAKE,
    variables=("standby",),
    prediction=Prediction(
        "abc",
        "a",
        "One endpoint, which a failover leads to the other machine [4.2]. The standby serves no reads [4.1].",
    ),
)
def check_make(region: RegionView, evidence: Evidence) -> Passed:
    """rds-shop, of the engine postgres, with a standby, whose AZ the learner has found."""
    found = available(the_database(region, SHOP))
    if not found["MultiAZ"]:
        raise Mistake(
            "single-az", f"`{SHOP}` has no standby: MultiAZ is false.", "An instance with a standby."
        )
    if found["AllocatedStorage"] != GIB:
        raise Mistake("other-size", f"It has {found['AllocatedStorage']} GiB.", f"{GIB} GiB.")
    try:
        region.ask(found["Endpoint"]["Address"], "select 1", LOGIN)
    except SqlError as error:
        raise Mistake(
            "no-database",
            f"A connection as {LOGIN.user} to the database {LOGIN.database} was refused: {error}.",
            "It can connect.",
        ) from error
    there = found["SecondaryAvailabilityZone"]
    if need(evidence, "standby") != there:
        raise Mistake(
            "other-az",
            f"`standby` is {str(evidence['standby'])[:60]}; the primary is in {found['AvailabilityZone']}.",
            "The AZ of the other machine.",
        )
    return Passed(
        f"{SHOP} has its primary in {found['AvailabilityZone']}, its standby in {there}, and one name: "
        f"{found['Endpoint']['Address']}."
    )


@exercise(
    "02.2",
    "Measure it",
    hints=hints.READS,
    wrong=wrong.READS,
    variables=("rds_machines", "aurora_machines"),
    prediction=Prediction(
        "abc", "b", "The primary and the read replica [4.5] answer. The standby serves no reads [4.1]."
    ),
)
def check_reads(region: RegionView, evidence: Evidence) -> Passed:
    """A replica of rds-shop in us-west-2c, three names that were asked, and the machines behind them counted."""
    cluster, shop = the_cluster(region), the_database(region, SHOP)
    copy = region.instance(COPY)
    if copy is None:
        raise Mistake("no-replica", f"There is no instance `{COPY}`.", f"A read replica of `{SHOP}`.")
    available(copy)
    if copy.get("ReadReplicaSourceDBInstanceIdentifier") != SHOP:
        raise Mistake("no-copy", f"`{COPY}` is a database of its own.", f"A read replica of `{SHOP}`.")
    if copy["AvailabilityZone"] != "us-west-2c":
        raise Mistake("replica-in-other-az", f"It is in {copy['AvailabilityZone']}.", "It is in us-west-2c.")
    since = copy["InstanceCreateTime"]
    hosts = {
        SHOP: shop["Endpoint"]["Address"],
        COPY: copy["Endpoint"]["Address"],
        "Aurora's reader endpoint": cluster["ReaderEndpoint"],
    }
    asked = {name: connected(region, host, since) for name, host in hosts.items()}
    if few := [name for name, many in asked.items() if many < READS]:
        raise Mistake(
            "not-asked",
            f"Since `{COPY}` was made: "
            + ", ".join(f"{many} × {name}" for name, many in asked.items())
            + ".",
            f"{READS} connections to each. Missing: {', '.join(few)}.",
        )
    machines, readers = number(evidence, "rds_machines"), number(evidence, "aurora_machines")
    if machines != 2:
        raise Mistake(
            "counted-the-standby" if machines == 3 else "other-count",
            f"`rds_machines` is {machines:g}.",
            "How many of primary, standby and replica answer.",
        )
    if readers != len(region.instances("aurora-shop")):
        raise Mistake(
            "aurora-miscounted",
            f"`aurora_machines` is {readers:g}; the cluster has {len(region.instances('aurora-shop'))} instances.",
            "Each instance of the cluster that answers reads, the writer too.",
        )
    return Passed(f"RDS: 2 of 3 machines answer reads. Aurora: {readers:g} of {readers:g}.")


@exercise(
    "02.3",
    "Find the mistakes",
    hints=hints.FAILOVER,
    wrong=wrong.FAILOVER,
    variables=("rds_gap", "aurora_gap"),
    prediction=Prediction(
        "abc",
        "b",
        "The standby has every commit [4.1]. A read replica is another thing, and is not what RDS fails over to [4.7].",
    ),
)
def check_failover(region: RegionView, evidence: Evidence) -> Passed:
    """All orders are in both shops, and each has failed over between its first and its last one."""
    spans = {}
    for name in (SHOP, the_writer(region)):
        found = all_orders(region, name, *ORDERS).values()
        spans[name] = min(found), max(found)
    (since, until), (aurora_since, aurora_until) = spans.values()
    in_rds = told(region, SHOP, RDS_DONE, since)
    in_aurora = told(region, "aurora-shop", AURORA_DONE, aurora_since, "db-cluster")
    expected = "A failover of each shop, half way of its orders."
    if not in_rds and not in_aurora:
        raise Mistake("both-refused", "No shop has failed over since the first order.", expected)
    if not in_rds:
        raise Mistake(
            "only-rebooted", f"`{SHOP}` has not failed over since its first order; Aurora has.", expected
        )
    if not in_aurora:
        raise Mistake("only-rds", f"`{SHOP}` has failed over, the Aurora cluster has not.", expected)
    began = told(region, SHOP, RDS_BEGAN, since)
    aurora_began = told(region, "aurora-shop", AURORA_BEGAN, aurora_since, "db-cluster")
    if began[:1] > [until] or aurora_began[:1] > [aurora_until]:
        raise Mistake("after-closing-time", "A failover began after the last order.", expected)
    available(the_database(region, SHOP))
    return Passed(
        f"{SHOP} failed over to its standby, the till waited {number(evidence, 'rds_gap'):g} s. Aurora failed over to "
        f"{the_writer(region)}, the till waited {number(evidence, 'aurora_gap'):g} s. Each has all "
        f"{ORDERS[1] - ORDERS[0] + 1} orders."
    )
