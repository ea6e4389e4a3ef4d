"""Lesson 08, failover behaviour: who is promoted, the gap, the event log, a client's settings.

The checks of 08.5 to 08.8, on what a client may believe and on an AZ outage, stand in the file beside this one.
"""

from __future__ import annotations

from typing import Any

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need
from aurora_lab.course.region_view import RegionView

from . import lesson_08_hints as hints
from . import lesson_08_wrong as wrong
from .lesson_08_commits import check_alone, check_doubt, check_driver, check_retry
from .lesson_08_looks import CLUSTER, failed_over, failovers, numbers, the_gate, the_writer

__all__ = ["check_alone", "check_doubt", "check_driver", "check_retry"]

SMALL, LARGE = "toll-3", "toll-2"
SLACK_SECONDS = 4.0
"""What a client may need beyond Aurora's own part of a failover, on a busy machine too."""
MULTI_AZ = frozenset({"0013", "0049", "0050", "0051", "0065"})
CLOSE_SECONDS = 0.5


@exercise(
    "08.1",
    "Have it your way",
    hints=hints.TIERS,
    wrong=wrong.TIERS,
    prediction=Prediction(
        "abc", "b", "The lowest tier number goes first; the size only decides within a tier [4.9]."
    ),
)
def check_tiers(region: RegionView, _evidence: Evidence) -> Passed:
    """toll-3 was promoted by its tier, has the last one now, and the larger of the other two writes."""
    writer = the_writer(region)
    promoted = [item.to for item in failovers(region)]
    tiers = {name: int(item["PromotionTier"]) for name, item in region.instances(CLUSTER).items()}
    shown = ", ".join(f"{name} {tier}" for name, tier in sorted(tiers.items()))
    if SMALL not in promoted:
        raise Mistake(
            "no-failover",
            f"`{SMALL}` has never been promoted. The writer is {writer}.",
            "A failover without a target, with the tiers as they were.",
            "Begin with step 1, and see who is promoted.",
        )
    if tiers.get(SMALL) == 0 and all(tier > 0 for name, tier in tiers.items() if name != SMALL):
        raise Mistake("tier-unchanged", f"The tiers: {shown}.", f"`{SMALL}` is promoted last.")
    if any(tiers.get(SMALL, 0) <= tier for name, tier in tiers.items() if name != SMALL):
        raise Mistake(
            "not-the-last", f"The tiers: {shown}.", f"A higher tier for `{SMALL}` than for all others."
        )
    if writer == SMALL:
        raise Mistake(
            "small-one-writes", f"The tiers: {shown}. The writer is {SMALL}.", "Another one writes."
        )
    if writer != LARGE:
        raise Mistake(
            "other-writer",
            f"The tiers: {shown}. The writer is {writer}.",
            f"The larger one writes: {LARGE}.",
            "toll-1 and toll-2 keep the same tier; then the size decides. Then fail over without a target.",
        )
    return Passed(f"The tiers: {shown}. {SMALL} was promoted once; now {LARGE} writes.")


@exercise(
    "08.2",
    "Measure both",
    hints=hints.GAP,
    wrong=wrong.GAP,
    variables=("longest",),
    prediction=Prediction(
        "abc", "c", "At a failover every connection to the old writer is broken, a planned one too [3.19]."
    ),
)
def check_gap(region: RegionView, evidence: Evidence) -> Passed:
    """At both gates cars paid through a failover, and the longest gaps are those that the table shows."""
    gates = {name: failed_over(the_gate(region, name)) for name in ("planned", "killed")}
    told = numbers(evidence, "longest", list(gates))
    for name, gate in gates.items():
        least = gate.gap - max(CLOSE_SECONDS, 0.3 * gate.gap)
        if not least <= told[name] <= gate.most + CLOSE_SECONDS:
            raise Mistake(
                "other-number",
                f"`longest` says {told[name]:g} s for `{name}`. In the table the longest gap is {gate.gap:.2f} s.",
                "The longest time without a payment.",
            )
    return Passed(
        "; ".join(
            f"{name}: from {gate.instances[0]} to {gate.instances[-1]}, {gate.gap:.2f} s without a payment"
            for name, gate in gates.items()
        )
        + "."
    )


@exercise(
    "08.3",
    "Read the log",
    hints=hints.LOG,
    wrong=wrong.LOG,
    variables=("story",),
    prediction=Prediction(
        "abc",
        "b",
        "0071 is Aurora's [7.1]. 0049 is the same of RDS Multi-AZ, never of Aurora [7.2]; 0006 is any restart [7.3].",
    ),
)
def check_log(region: RegionView, evidence: Evidence) -> Passed:
    """Each failover of the log, with the id of its start and the new writer."""
    told = _pairs(need(evidence, "story"))
    found = failovers(region)
    wanted = [("0072" if item.same_az else "0073", item.to) for item in found]
    ids = {number for number, _ in told}
    seen = f"`story` has {len(told)} pairs; the log has {len(wanted)} failovers."
    if not told:
        raise Mistake("no-story", "`story` is empty.", f"{len(wanted)} pairs.", "A pair for each failover.")
    if ids & MULTI_AZ:
        raise Mistake("of-multi-az", f"Ids in `story`: {', '.join(sorted(ids))}.", "Ids of Aurora.")
    if ids & {"0006", "0004", "0385"}:
        raise Mistake("restarts", f"Ids in `story`: {', '.join(sorted(ids))}.", "Failovers only.")
    if "0071" in ids:
        raise Mistake("end-not-start", seen, "The id with which each failover started.")
    if told != wanted and [to for _, to in told] == [to for _, to in wanted]:
        wrong_one = next(item for item, right in zip(told, wanted, strict=True) if item != right)
        raise Mistake(
            "other-az",
            f"The new writers are right; {wrong_one} is not.",
            "Same AZ or cross AZ, as the log says.",
        )
    if told != wanted:
        raise Mistake(
            "other-story",
            seen,
            f"All failovers, oldest first. The first is {wanted[0]}." if wanted else "A failover in the log.",
            "Take every line that begins with `Started`, in its order.",
        )
    same = sum(item.same_az for item in found)
    return Passed(f"{len(found)} failovers, {same} of them within an AZ.")


def _pairs(story: Any) -> list[tuple[str, str]]:
    """The learner's pairs, ids without the words around them. Raises Mistake."""
    if not isinstance(story, list) or not all(isinstance(item, list) and len(item) == 2 for item in story):
        raise Mistake(
            "not-pairs",
            f"`story` is {str(story)[:100]}.",
            'A list of pairs, as ("0073", "toll-2").',
            "One pair for each failover: the id, then the new writer.",
        )
    return [(str(number).removeprefix("RDS-EVENT-").zfill(4), str(to)) for number, to in story]


@exercise(
    "08.4",
    "Mend the settings",
    hints=hints.SETTINGS,
    wrong=wrong.SETTINGS,
    variables=("settings",),
    prediction=Prediction(
        "abc",
        "b",
        "It kept an answer of DNS longer than Aurora says [3.16] [3.17], and so went on to the old writer.",
    ),
)
def check_settings(region: RegionView, evidence: Evidence) -> Passed:
    """After the kill the gate was not long behind Aurora's own part; the settings are those that do it."""
    before, after = the_gate(region, "before"), failed_over(the_gate(region, "after"))
    settings = need(evidence, "settings")
    if not isinstance(settings, dict):
        raise Mistake(
            "not-settings",
            f"`settings` is {str(settings)[:100]}.",
            "A dictionary of settings.",
            "Start from the two that stand in the cell.",
        )
    own = [item for item in failovers(region) if after.held(item.started)]
    if not own:
        raise Mistake(
            "other-failover",
            "No failover began while cars paid at the gate `after`.",
            "The writer is killed while cars pay.",
            "Run your answer cell again.",
        )
    part = (own[-1].completed - own[-1].started).total_seconds()
    if after.gap > part + SLACK_SECONDS or _number(settings.get("remember")) > 1:
        raise Mistake(
            "still-remembers",
            f"Aurora's failover took {part:.1f} s, the gap was {after.gap:.1f} s; `remember` is "
            f"{settings.get('remember')}.",
            "A client that keeps no answer of DNS.",
        )
    if settings.get("target_session_attrs") not in ("read-write", "primary"):
        raise Mistake(
            "any-session",
            f"`target_session_attrs` is {settings.get('target_session_attrs', 'not set')}.",
            "Only sessions that can write.",
        )
    if not 0 < _number(settings.get("connect_timeout")) <= 5:
        raise Mistake(
            "no-time-limit",
            f"`connect_timeout` is {settings.get('connect_timeout', 'not set')}.",
            "A limit of a few seconds to connect.",
        )
    return Passed(
        f"Aurora's failover took {part:.1f} s. The gap was {before.gap:.1f} s before, and is {after.gap:.1f} s now."
    )


def _number(value: Any) -> float:
    """A setting as a number; what is none counts as 0."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
