"""Lesson 06: what pauses, what wakes it, what keeps it awake, how long a client waits; and the bill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView
from aurora_lab.models.curves import Curve
from aurora_lab.models.price_book import price_book

from . import lesson_06_hints as hints
from . import lesson_06_wrong as wrong
from .lesson_06_looks import (
    WRITER,
    instance,
    knocked,
    number,
    numbers,
    resumes,
    rows,
    sleeps,
    the_cluster,
    the_range,
)

DEFAULT_PAUSE = 300
"""Seconds (FACTS 5.14)."""
CULPRIT = "tills"
SETTINGS = (5, 10, 20, 60)
RESUME, DEEP_RESUME = 15, 30
"""Seconds (FACTS 5.15)."""
DAYS: dict[str, tuple[tuple[float, float], ...]] = {
    "office": ((0, 0.5), (8, 8), (17, 0.5)),
    "night batch": ((0, 0.5), (2, 8), (4, 0.5)),
    "always 2": ((0, 2),),
    "always 2.5": ((0, 2.5),),
    "sleeps": ((0, 0), (10, 8), (16, 0)),
    "ferry": ((0, 0.5), (6, 2), (7, 6), (7.5, 1), (12, 6), (13, 1), (18, 0.5)),
}


@exercise(
    "06.5",
    "Put it to sleep, and knock",
    hints=hints.PAUSE,
    wrong=wrong.PAUSE,
    variables=("said",),
    prediction=Prediction(
        "abc",
        "b",
        "Any connection attempt wakes it, even one with a wrong password [5.17]: only the instance can check it.",
    ),
)
def check_pause(region: RegionView, evidence: Evidence) -> Passed:
    """The writer was paused, and a client with a wrong password has woken it."""
    cluster = the_cluster(region)
    low, _ = the_range(cluster)
    instance(region, WRITER)
    if low > 0:
        raise Mistake("never-pauses", f"The minimum is {low:g} ACUs.", "A cluster that pauses.")
    found = resumes(region, WRITER)
    if not found:
        state = "is paused" if sleeps(region, WRITER) else "has not been paused yet"
        raise Mistake("nobody-knocked", f"`{WRITER}` {state}.", "It pauses, and somebody wakes it.")
    if not any(knocked(region, cluster, item) for item in found):
        raise Mistake(
            "woken-by-a-change",
            f"`{WRITER}` has resumed, but nobody had connected.",
            "A client wakes it.",
            "Many changes wake a cluster, too, and then it stays up for 20 minutes or more [5.17]. Wait until "
            "all sleep again.",
        )
    said = str(need(evidence, "said"))
    if "password authentication failed" not in said:
        raise Mistake("let-in", f"The answer was: {said}", "The answer to a wrong password.")
    took = (found[-1].awake - found[-1].asked).total_seconds()
    return Passed(f"`{WRITER}` slept, and resumed in {took:.1f} s to say: {said}.")


@exercise(
    "06.6",
    "Let it sleep",
    hints=hints.AWAKE,
    wrong=wrong.AWAKE,
    variables=("culprit",),
    prediction=Prediction(
        "abc", "b", "Any open user connection prevents the pause, also an idle one [5.18]."
    ),
)
def check_awake(region: RegionView, evidence: Evidence) -> Passed:
    """The connection that kept the writer awake is gone, and it is paused."""
    cluster = the_cluster(region)
    wait = cluster.get("ServerlessV2ScalingConfiguration", {}).get("SecondsUntilAutoPause")
    if wait is None:
        raise Mistake(
            "minimum-above-0",
            "The minimum is above 0: it never pauses.",
            "A minimum of 0.",
            "`give(0, 16)` was right.",
        )
    if wait != DEFAULT_PAUSE:
        raise Mistake("other-wait", f"It pauses after {wait} seconds.", f"After {DEFAULT_PAUSE} seconds.")
    culprit = str(need(evidence, "culprit")).strip().lower()
    if culprit != CULPRIT:
        raise Mistake("other-program", f"`culprit` is {culprit}.", "Who kept it awake.")
    if not sleeps(region, WRITER):
        found = rows(
            region,
            "select coalesce(nullif(application_name, ''), 'a client without a name') from pg_stat_activity"
            " where backend_type = 'client backend' and usename = 'purser' order by 1",
        )
        names = ", ".join(str(name) for (name,) in found)
        if names:
            raise Mistake("still-open", f"`{WRITER}` is awake. Connected: {names}.", "It is paused.")
        raise Mistake(
            "not-yet",
            f"`{WRITER}` is awake, and nobody is connected.",
            "It is paused.",
            'It takes 300 seconds of AWS without a connection. `until_asleep("ferry-1")` waits for it.',
        )
    return Passed(f"Without the connection of the {CULPRIT}, `{WRITER}` is paused.")


@exercise(
    "06.7",
    "How patient must a client be?",
    hints=hints.TIMEOUT,
    wrong=wrong.TIMEOUT,
    variables=("moment", "timeout"),
    prediction=Prediction(
        "abc",
        "b",
        "The attempt has woken it [5.17]; whether the client still waits makes no difference to the resume.",
    ),
)
def check_timeout(region: RegionView, evidence: Evidence) -> Passed:
    """The writer resumed for somebody who did not wait; and a timeout for a pause of more than a day."""
    the_cluster(region)
    timeout = number(evidence, "timeout")
    seen = f"`timeout` is {timeout:g} seconds."
    if timeout not in SETTINGS:
        raise Mistake("no-setting", seen, "One of SETTINGS.", f"One of {', '.join(map(str, SETTINGS))}.")
    if timeout < RESUME:
        raise Mistake("less-than-a-resume", seen, "The first attempt gets through on Monday.")
    if timeout <= DEEP_RESUME:
        raise Mistake("not-on-monday", seen, "The first attempt gets through on Monday.")
    moment = _moment(evidence)
    since = [item for item in resumes(region, WRITER) if item.asked >= moment - timedelta(seconds=1)]
    if not since:
        raise Mistake(
            "nobody-hung-up", f"`{WRITER}` has not resumed since.", "It resumes, though the client has gone."
        )
    took = (since[0].awake - since[0].asked).total_seconds()
    return Passed(
        f"`{WRITER}` was asked, and resumed in {took:.1f} s, whoever waited. {timeout:g} seconds are enough also "
        f"after a day, where it takes {DEEP_RESUME} or more."
    )


def _moment(evidence: Evidence) -> datetime:
    value = need(evidence, "moment")
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        raise Mistake(
            "no-moment",
            f"`moment` holds {str(value)[:100]}.",
            "What `hang_up` returns.",
            "It is `moment = await hang_up()`, with `await`.",
        ) from None


@exercise(
    "06.8",
    "Compute the area",
    hints=hints.BILL,
    wrong=wrong.BILL,
    variables=("hours", "cheaper"),
    prediction=Prediction(
        "abc",
        "b",
        "The average is 3.3 ACUs, 41 % of the 8 that a db.r6g.large has in memory. Serverless wins under 27 % [5.24].",
    ),
)
def check_bill(_region: RegionView, evidence: Evidence) -> Passed:
    """The area of each day, and which of them are cheaper than a db.r6g.large."""
    hours = numbers(evidence, "hours", tuple(DAYS))
    areas = {name: float(Curve.steps(steps).integral(0, 24)) for name, steps in DAYS.items()}
    off = [name for name in DAYS if abs(hours[name] - areas[name]) > 0.01]
    if off:
        values = {name: [acus for _, acus in steps] for name, steps in DAYS.items()}
        rules = {
            "the-peak": {name: 24 * max(found) for name, found in values.items()},
            "mean-of-steps": {name: 24 * sum(found) / len(found) for name, found in values.items()},
            "without-the-last": {
                name: areas[name] - (24 - steps[-1][0]) * steps[-1][1] for name, steps in DAYS.items()
            },
        }
        seen = f"`{off[0]}` has {hours[off[0]]:g} ACU-hours, you say."
        for name, rule in rules.items():
            if all(abs(hours[day] - rule[day]) < 0.01 for day in DAYS):
                raise Mistake(name, seen, "The area below the steps.")
        raise Mistake(
            "other-area",
            seen,
            "The area below the steps.",
            "Each step has a width, until the next one or hour 24, and a height. Add width times height.",
        )
    book = price_book()
    fixed = 24 * float(book.get("instance.db.r6g.large").price)
    acu = float(book.get("acu.standard").price)
    given = evidence.get("cheaper")
    chosen = {str(name) for name in given} if isinstance(given, list) else set()
    right = {name for name in DAYS if acu * areas[name] < fixed}
    told = f"You chose {', '.join(sorted(chosen)) or 'none'}."
    if chosen == {name for name in DAYS if areas[name] / 24 < 8}:
        raise Mistake("less-than-8-acus", told, f"The days that cost less than {fixed:.2f} dollars.")
    if chosen != right:
        raise Mistake(
            "other-days",
            told,
            f"The days that cost less than {fixed:.2f} dollars.",
            "Multiply each day's ACU-hours with 0.12, and compare with 24 times 0.26.",
        )
    costs = ", ".join(f"{name} {acu * area:.2f}" for name, area in areas.items())
    return Passed(f"In dollars: {costs}; a `db.r6g.large` {fixed:.2f}.")
