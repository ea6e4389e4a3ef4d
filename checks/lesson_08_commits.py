"""Lesson 08, the checks on what a client may believe: the driver, commits in doubt, retries; an AZ outage."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView

from . import lesson_08_hints as hints
from . import lesson_08_wrong as wrong
from .lesson_08_looks import (
    CLUSTER,
    Gate,
    failed_over,
    failovers,
    is_back,
    names,
    numbers,
    outages,
    rows,
    the_gate,
    the_writer,
)

CARS = range(501, 561)
DOUBTED = range(601, 605)
DAY = Counter(f"customer-{number}" for number in range(1, 29) if number not in (11, 21))
DAY.update(["customer-10", "customer-20"])
CENTS = 250
LONE = "toll-1"
PATIENCE_SECONDS = 30.0


@exercise(
    "08.5",
    "Find the mistakes",
    hints=hints.DRIVER,
    wrong=wrong.DRIVER,
    prediction=Prediction(
        "abc",
        "c",
        "The driver has put a new connection in place, without the settings of the session, and says so by an "
        "error [7.15].",
    ),
)
def check_driver(region: RegionView, _evidence: Evidence) -> Passed:
    """All cars passed by two instances, and each passage knows its gate."""
    found = rows(
        region,
        "select car, coalesce(gate, ''), taken_by from passage where car between %s and %s",
        CARS[0],
        CARS[-1],
    )
    by = {str(row[2]) for row in found}
    missing = sorted(set(CARS) - {int(row[0]) for row in found})
    nameless = sorted(int(row[0]) for row in found if row[1] != "north")
    if not found:
        raise Mistake("no-cars", "Nobody has passed.", f"{len(CARS)} cars.", "Run your answer cell.")
    if len(missing) > 1:
        raise Mistake("stopped", f"{len(missing)} cars are missing, from {missing[0]} on.", "All 60 cars.")
    if missing:
        raise Mistake("car-lost", f"Car {missing[0]} is missing.", "All 60 cars.")
    if nameless:
        raise Mistake(
            "gate-lost", f"{len(nameless)} passages have no gate, from {nameless[0]} on.", "All by north."
        )
    if len(by) < 2:
        raise Mistake(
            "no-failover",
            f"All were taken by {names(by)}.",
            "A writer that is killed before car 530.",
            "Leave the call of `kill()` where it is.",
        )
    return Passed(f"{len(found)} cars by the north gate, taken by {names(by)}; none is missing.")


@exercise(
    "08.6",
    "Find out, then finish",
    hints=hints.DOUBT,
    wrong=wrong.DOUBT,
    variables=("stored",),
    prediction=Prediction(
        "abc",
        "c",
        "Two commits were on storage nodes, the other two had not been sent. The client saw the same of all four.",
    ),
)
def check_doubt(region: RegionView, evidence: Evidence) -> Passed:
    """Each of the four is there once; what was stored by the interrupted commits is known."""
    found = [(int(car), str(paid)) for car, paid in rows(region, "select car, paid from ticket")]
    count = Counter(car for car, _ in found)
    twice = [str(car) for car in DOUBTED if count[car] > 1]
    missing = [str(car) for car in DOUBTED if not count[car]]
    kept = {str(car) for car, paid in found if paid == "at the gate"}
    told = need(evidence, "stored")
    if twice:
        raise Mistake("twice", f"Twice in `ticket`: {names(twice)}.", "Each of the four once.")
    if missing:
        raise Mistake("missing", f"Not in `ticket`: {names(missing)}.", "Each of the four once.")
    if not isinstance(told, dict) or {key for key, value in told.items() if value is True} != kept:
        raise Mistake(
            "other-answer",
            f"`stored` is {str(told)[:100]}. The interrupted commits have stored {names(kept)}.",
            "What was there before you added anything.",
        )
    return Passed(
        f"{names(kept)} had been committed, without an answer; the other two not. Now each is there once."
    )


@exercise(
    "08.7",
    "Find the mistake, and mend it",
    hints=hints.RETRY,
    wrong=wrong.RETRY,
    prediction=Prediction(
        "abc",
        "c",
        "The commit of payment 6 is there, and its answer was lost. So it is sent once more, and stored once more.",
    ),
)
def check_retry(region: RegionView, _evidence: Evidence) -> Passed:
    """Each payment of the day is there once, through two failovers, and the table itself refuses a second."""
    ((opened,),) = rows(region, "select extract(epoch from at)::float8 from opened") or [(0.0,)]
    since = datetime.fromtimestamp(float(opened)).astimezone()
    broken = [item for item in failovers(region) if item.completed > since]
    found = Counter(
        str(customer) for (customer,) in rows(region, "select customer from ledger where cents = %s", CENTS)
    )
    more, lacking = found - DAY, DAY - found
    unique = _unique(region)
    seen = f"{found.total()} rows for {DAY.total()} payments."
    if len(broken) < 2:
        raise Mistake(
            "not-broken",
            f"{len(broken)} failovers since the day began.",
            "A day with two.",
            "Run the last line of the cell: `day(TABLE)`.",
        )
    if any(columns <= {"customer", "cents"} for columns in unique) and lacking:
        raise Mistake("unique-on-the-purchase", f"{seen} Missing: {names(lacking)}.", "Each payment once.")
    if lacking:
        raise Mistake("not-sent-again", f"{seen} Missing: {names(lacking)}.", "Each payment once.")
    if not unique:
        raise Mistake(
            "no-constraint",
            f"{seen} Twice: {names(more)}. `ledger` has no primary key and no unique column.",
            "A table that refuses a second row with the same key.",
        )
    if more:
        raise Mistake("another-key", f"{seen} Twice: {names(more)}.", "Each payment once.")
    return Passed(f"{seen} {len(broken)} failovers, none is missing, none is there twice.")


def _unique(region: RegionView) -> list[set[str]]:
    """The columns of each unique index of the ledger."""
    found = rows(
        region,
        """select i.indexrelid::text, a.attname::text from pg_index i
           join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
           where i.indrelid = 'ledger'::regclass and i.indisunique""",
    )
    indexes: dict[str, set[str]] = {}
    for index, column in found:
        indexes.setdefault(str(index), set()).add(str(column))
    return list(indexes.values())


@exercise(
    "08.8",
    "Be the one who acts",
    hints=hints.ALONE,
    wrong=wrong.ALONE,
    variables=("cheapest",),
    prediction=Prediction(
        "abc",
        "b",
        "Aurora makes the instance anew in the same AZ only. If that is out, you make one elsewhere; the data is "
        "there [4.12].",
    ),
)
def check_alone(region: RegionView, evidence: Evidence) -> Passed:
    """A new instance in another AZ took over by hand; with two, the next outage needed nobody. The choice fits."""
    _writer_is_there(region)
    alone = the_gate(region, "alone")
    moment, zone = _outage(region, alone)
    if len(alone.instances) < 2:
        raise _nobody(region, alone, moment, zone)
    new = alone.instances[-1]
    pair = _the_pair(region)
    second, other = _outage(region, pair)
    failed_over(pair)
    for since, name in ((moment, zone), (second, other)):
        if not is_back(region, name, since):
            raise Mistake("still-out", f"{name} is still out.", "Both AZs are back.")
    crash = the_gate(region, "restart")
    wanted = {"crash": 1 if crash.gap <= PATIENCE_SECONDS else 2, "az": 2}
    told = numbers(evidence, "cheapest", list(wanted))
    if told != wanted:
        raise Mistake(
            "other-choice",
            f"`cheapest` is {evidence['cheapest']}. Alone: {crash.gap:.1f} s after the crash; after the outage of an "
            f"AZ nothing, until you added {new}.",
            f"The fewest instances for {PATIENCE_SECONDS:g} s, without a hand.",
        )
    return Passed(
        f"{zone} failed with {alone.instances[0]}: {alone.gap:.1f} s, until {new} was there. {other} failed with "
        f"{pair.instances[0]}: {pair.gap:.1f} s, and {pair.instances[-1]} took over by itself."
    )


def _writer_is_there(region: RegionView) -> None:
    """Nobody answers while the AZ of the writer is out, and nobody else can take over."""
    writer = the_writer(region)
    zone = region.instances(CLUSTER)[writer]["AvailabilityZone"]
    moments = [moment for moment, name in outages(region) if name == zone]
    if moments and not is_back(region, zone, moments[-1]):
        raise Mistake(
            "nobody-there",
            f"The writer is {writer}, in {zone}, which is out.",
            "A writer in an AZ that is there.",
            f'Bring it back, `lab.fault("az", "{zone}", "undo")`, wait with `settle()`, and begin the exercise again.',
        )


def _outage(region: RegionView, gate: Gate) -> tuple[datetime, str]:
    """The AZ that failed while a gate was open; also where nobody could pay any more afterwards."""
    found = [item for item in outages(region) if item[0] >= gate.at[0]]
    if not found:
        raise Mistake(
            "no-outage",
            f"No AZ has failed since the first car paid at the gate `{gate.name}`.",
            "An AZ that fails while cars pay.",
            "`lab.fault` belongs into the function that `watch` calls.",
        )
    return found[0]


def _nobody(region: RegionView, gate: Gate, moment: datetime, zone: str) -> Mistake:
    """Why the gate stayed with its only instance."""
    made = [
        item
        for name, item in region.instances(CLUSTER).items()
        if name != LONE and item["AvailabilityZone"] == zone
    ]
    if made:
        return Mistake(
            "same-az",
            f"`{made[0]['DBInstanceIdentifier']}` is in {zone}, the AZ that was out.",
            "An instance in an AZ that is there.",
        )
    if is_back(region, zone, moment, gate.at[-1]):
        return Mistake(
            "waited-for-the-az",
            f"{gate.instances[0]} took all payments: they went on when {zone} was back.",
            "A new instance in another AZ, while this one is out.",
        )
    return Mistake(
        "nobody-acted",
        f"{zone} failed, and nobody has taken a payment since.",
        "A new instance in another AZ.",
        "Aurora makes none there by itself: `add` one in `rescue`.",
    )


def _the_pair(region: RegionView) -> Gate:
    try:
        return the_gate(region, "pair")
    except Mistake as mistake:
        raise Mistake("no-pair", mistake.seen, "The second outage, with two instances.") from mistake
