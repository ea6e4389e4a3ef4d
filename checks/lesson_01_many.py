"""Lesson 01, the checks with several instances: copies, one writer, failover, an AZ that fails, a serverless reader."""

from __future__ import annotations

from datetime import datetime

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise
from aurora_lab.course.region_view import Document, RegionView

from . import lesson_01_hints as hints
from . import lesson_01_wrong as wrong
from .lesson_01_looks import (
    CLUSTER,
    ENDED,
    LOGIN,
    RESTARTED,
    Order,
    all_of,
    by_instance,
    connections,
    failovers,
    names,
    number,
    orders,
    running_writer,
    span,
    tally,
    the_cluster,
    the_writer,
    told,
)

COPIES = 6
READERS = {"bakery-3": "us-west-2c", "bakery-4": "us-west-2a"}
SCRIPTS_ORDERS = (301, 330)
GUESTS = 30
CRASH_ORDERS = (501, 700)
AZ_ORDERS = (801, 1000)
RANGE = (0.5, 8.0)


@exercise(
    "01.5",
    "Measure it",
    hints=hints.COPIES,
    wrong=wrong.COPIES,
    variables=("before", "after"),
    prediction=Prediction(
        "abc",
        "b",
        "Six copies, two in each of three AZs [1.4]; their number does not depend on the instances [1.2].",
    ),
)
def check_copies(region: RegionView, evidence: Evidence) -> Passed:
    """Two readers in two other AZs, six log copies all the same, and counted before and after."""
    writer = running_writer(region, the_cluster(region))
    found = region.instances(CLUSTER)
    readers = set(found) - {writer}
    if not readers:
        raise Mistake("no-reader", f"`{writer}` is alone.", "Two readers beside it.")
    if readers != set(READERS):
        kind = "one-reader" if readers < set(READERS) else "other-names"
        raise Mistake(kind, f"The readers: {names(readers)}.", f"{names(READERS)}.")
    zones = {name: found[name]["AvailabilityZone"] for name in READERS}
    if zones != READERS:
        seen = ", ".join(f"{name} in {zone}" for name, zone in zones.items())
        raise Mistake("other-azs", f"{seen}.", "bakery-3 in us-west-2c, bakery-4 in us-west-2a.")
    nodes = region.sql(
        writer, "select availability_zone from aurora_lab_storage_nodes()", database=LOGIN.database
    )
    before, after = number(evidence, "before"), number(evidence, "after")
    if (before, after) == (1, 3):
        raise Mistake("counted-instances", "`before` is 1 and `after` is 3.", "The number of log copies.")
    if (before, after) != (COPIES, len(nodes)):
        raise Mistake(
            "other-count",
            f"`before` is {before:g} and `after` is {after:g}; now there are {len(nodes)} storage nodes.",
            "What psql counts before the readers are added, and after.",
        )
    return Passed(
        f"{len(nodes)} copies in {len({zone for (zone,) in nodes})} AZs, with one instance and with {len(found)}."
    )


@exercise(
    "01.6",
    "Mend his script",
    hints=hints.SPREAD,
    wrong=wrong.SPREAD,
    prediction=Prediction(
        "abc", "b", "Only the writer writes. The two readers refuse, and what is refused is stored nowhere."
    ),
)
def check_script(region: RegionView, _evidence: Evidence) -> Passed:
    """All orders of the script are stored, and its guests were led to readers by the reader endpoint."""
    cluster = the_cluster(region)
    writer = running_writer(region, cluster)
    first, last = SCRIPTS_ORDERS
    found = orders(region, writer, first, last)
    if len(found) < last - first + 1:
        kind = "none-stored" if not found else "some-refused"
        raise Mistake(
            kind, f"Of the orders {first} to {last}, {len(found)} are stored.", f"All {last - first + 1}."
        )
    since = span(found)[0]
    # The connection that brought the first order came before it.
    if connections(region, cluster["Endpoint"], since).total() < last - first:
        raise Mistake(
            "one-writer-by-name",
            f"All orders are stored, and fewer than {last - first + 1} connections came by the writer endpoint.",
            "Each order by the writer endpoint.",
        )
    led = connections(region, cluster["ReaderEndpoint"], since)
    if led.total() < GUESTS:
        raise _not_by_the_endpoint(region, cluster, writer, since, led.total())
    if led[writer] == led.total():
        raise Mistake(
            "no-reader-left", f"The reader endpoint led to {writer}, the writer.", "A cluster with readers."
        )
    return Passed(
        f"{writer} took all {len(found)} orders. The reader endpoint led its guests to readers: {tally(led)}."
    )


def _not_by_the_endpoint(
    region: RegionView, cluster: Document, writer: str, since: datetime, led: int
) -> Mistake:
    """Where the guests went who did not come by the reader endpoint."""
    expected = f"{GUESTS} connections by the reader endpoint."
    hosts = {
        name: item["Endpoint"]["Address"]
        for name, item in region.instances(CLUSTER).items()
        if name != writer
    }
    for name, host in hosts.items():
        if connections(region, host, since).total() >= GUESTS:
            return Mistake("one-reader-by-name", f"All guests went to {name}, by its own name.", expected)
    many = connections(region, cluster["Endpoint"], since).total()
    return Mistake(
        "read-from-the-writer",
        f"All orders are stored. {led} connections came by the reader endpoint, and {many} by the writer endpoint.",
        expected,
    )


@exercise(
    "01.7",
    "Measure the gap",
    hints=hints.GAP,
    wrong=wrong.GAP,
    variables=("gap", "missing"),
    prediction=Prediction(
        "abc",
        "b",
        "Readers follow asynchronously, writes to the storage do not [1.3]. The promoted reader has the volume [2.40].",
    ),
)
def check_failover(region: RegionView, evidence: Evidence) -> Passed:
    """All orders are there, and two writers took them, with a failover in between."""
    writer = the_writer(the_cluster(region))
    found = all_of(orders(region, writer, *CRASH_ORDERS), *CRASH_ORDERS)
    since = span(found)[0]
    done = failovers(region, since)
    if not done:
        crashed = [name for name in region.instances(CLUSTER) if told(region, name, RESTARTED, since=since)]
        if crashed:
            raise Mistake(
                "a-reader-died",
                f"{names(crashed)} was killed and started again. The writer was not touched.",
                "The writer dies while it takes orders.",
            )
        raise Mistake(
            "no-crash", f"All orders were taken by {by_instance(found)}.", "The writer dies half way."
        )
    target = done[-1][1]
    if len({order.by for order in found.values()}) < 2:
        raise Mistake(
            "nobody-waited",
            f"{target} became the writer, but all orders were taken by {by_instance(found)}.",
            "Orders before the failover, and orders after it.",
        )
    if number(evidence, "missing") != 0:
        raise Mistake(
            "other-count",
            f"`missing` is {number(evidence, 'missing'):g}; the table has all of them.",
            "How many of the orders 501 to 700 are not in the table.",
        )
    return Passed(
        f"{by_instance(found)}. {target} took over, no order is missing, and one customer waited "
        f"{number(evidence, 'gap'):g} s."
    )


@exercise(
    "01.8",
    "Prove it",
    hints=hints.FEWEST,
    wrong=wrong.FEWEST,
    variables=("gap",),
    prediction=Prediction(
        "abc",
        "b",
        "Without a reader Aurora makes the instance again in the same AZ; is that AZ out, you must act [4.12]. One "
        "reader in another AZ is enough [4.16].",
    ),
)
def check_az(region: RegionView, evidence: Evidence) -> Passed:
    """Two instances in two AZs; the writer's AZ failed after the third went, and orders went on."""
    cluster = the_cluster(region)
    found = region.instances(CLUSTER)
    zones = {name: item["AvailabilityZone"] for name, item in found.items()}
    seen = ", ".join(f"{name} in {zone}" for name, zone in sorted(zones.items()))
    if len(found) > 2:
        raise Mistake("one-too-many", f"Instances that are paid for: {seen}.", "As few as will do.")
    if len(found) < 2:
        raise Mistake(
            "too-cheap", f"Instances: {seen or 'none'}.", "As few as go on selling when an AZ fails."
        )
    if len(set(zones.values())) < 2:
        raise Mistake("in-one-az", f"{seen}.", "Instances that do not fail together.")
    writer = running_writer(region, cluster)
    gone = [moment for name in ("bakery-2", *READERS) for moment in told(region, name, ENDED)]
    since = max(gone, default=cluster["ClusterCreateTime"])
    zone, out, back = _outage(region, since)
    stored = all_of(orders(region, writer, *AZ_ORDERS), *AZ_ORDERS)
    during = {number: order for number, order in stored.items() if out <= order.at <= back}
    if not failovers(region, out):
        raise Mistake(
            "the-readers-az", f"{zone} failed, and {writer} wrote on.", "The AZ of the writer fails."
        )
    if not _by(during, writer):
        raise Mistake(
            "nobody-sold", f"No order was taken while {zone} was out.", "Orders while the AZ is out."
        )
    return Passed(
        f"{seen}. {zone} failed, {writer} took over and sold {len(_by(during, writer))} orders before it was back. "
        f"One customer waited {number(evidence, 'gap'):g} s."
    )


def _outage(region: RegionView, since: datetime) -> tuple[str, datetime, datetime]:
    """The last AZ that was out, from when to when. Raises Mistake."""
    events = [
        (event["Date"], event["Message"])
        for event in region.events(CLUSTER)
        if event["Message"].startswith("AZ ") and event["Date"] >= since
    ]
    outs = [(moment, message.split()[1]) for moment, message in events if " is out" in message]
    if not outs:
        raise Mistake(
            "not-tried",
            "Since the cluster is this small no AZ has failed.",
            "An AZ that fails while orders come in.",
        )
    out, zone = outs[-1]
    backs = [moment for moment, message in events if message == f"AZ {zone} is back." and moment >= out]
    if not backs:
        raise Mistake("still-out", f"{zone} is still out.", f"{zone} is back.")
    return zone, out, backs[-1]


def _by(found: dict[int, Order], writer: str) -> dict[int, Order]:
    return {number: order for number, order in found.items() if order.by == writer}


@exercise(
    "01.9",
    "A reader of another kind",
    hints=hints.REPORT,
    wrong=wrong.REPORT,
    prediction=Prediction(
        "abc",
        "c",
        "Serverless v2 is an instance class with a range that is set for the cluster [5.1]. Nothing moves.",
    ),
)
def check_report(region: RegionView, _evidence: Evidence) -> Passed:
    """A db.serverless reader in the same cluster, of the range asked for, that was asked by its own name."""
    cluster = the_cluster(region)
    found = region.instances(CLUSTER)
    report = found.get("bakery-report")
    range_ = cluster.get("ServerlessV2ScalingConfiguration") or {}
    if report is None:
        raise Mistake(
            "no-report",
            f"The instances: {names(found)}. The range of the cluster: {'none' if not range_ else 'set'}.",
            "An instance `bakery-report` too.",
        )
    if report["DBInstanceClass"] != "db.serverless":
        raise Mistake(
            "fixed-size",
            f"`bakery-report` is of the class {report['DBInstanceClass']}.",
            "The class db.serverless.",
        )
    lowest, highest = range_.get("MinCapacity"), range_.get("MaxCapacity")
    if (lowest, highest) != RANGE:
        raise Mistake("other-range", f"The range is {lowest:g} to {highest:g} ACU.", "0.5 to 8 ACU.")
    if report["DBInstanceStatus"] != "available":
        raise Mistake(
            "not-available",
            f"`bakery-report` is {report['DBInstanceStatus']}.",
            "It is available.",
            "Wait a moment, then check again.",
        )
    if not connections(region, report["Endpoint"]["Address"], report["InstanceCreateTime"]):
        raise Mistake(
            "not-asked",
            f"Nobody has connected to {report['Endpoint']['Address']}.",
            "A query on bakery-report itself.",
        )
    writer = running_writer(region, cluster)
    here, there = orders(region, "bakery-report", 1, 2000), orders(region, writer, 1, 2000)
    if len(here) != len(there):
        raise Mistake("behind", f"`bakery-report` shows {len(here)} orders of {len(there)}.", "All of them.")
    return Passed(
        f"bakery-report, of the class db.serverless, shows all {len(here)} orders beside {writer} of the class "
        f"{found[writer]['DBInstanceClass']}."
    )
