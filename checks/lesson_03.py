"""Lesson 03, cluster and endpoints: names and where they lead. Those of 03.4 to 03.7 are in the file beside this."""

from __future__ import annotations

from collections import Counter

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need, need_lines
from aurora_lab.course.region_view import RegionView

from . import lesson_03_hints as hints
from . import lesson_03_wrong as wrong
from .lesson_03_groups import check_groups, check_job, check_promoted, check_rename
from .lesson_03_looks import failover_to, led_to, names, own_name, seller, tally, the_cluster, the_writer

__all__ = ["check_groups", "check_job", "check_promoted", "check_rename"]

POOL = 20
LEAST_SHARE = 0.15


@exercise(
    "03.1",
    "Three names, three mistakes",
    hints=hints.NAMES,
    wrong=wrong.NAMES,
    variables=("hosts",),
    prediction=Prediction(
        "abc",
        "c",
        "The writer endpoint [3.1], the reader endpoint [3.2], and one endpoint for each of three instances [3.3].",
    ),
)
def check_names(region: RegionView, evidence: Evidence) -> Passed:
    """The three names as the API gives them, and a connection to each."""
    cluster = the_cluster(region)
    hosts = need(evidence, "hosts")
    if not isinstance(hosts, dict):
        raise Mistake(
            "not-a-dictionary", f"`hosts` is {str(hosts)[:80]}.", "Three keys, each with a host name."
        )
    wanted = {
        "writer": cluster["Endpoint"],
        "reader": cluster["ReaderEndpoint"],
        "tickets-2": own_name(region, "tickets-2"),
    }
    for key, host in wanted.items():
        given = str(hosts.get(key, "")).strip().lower()
        if given != host:
            kind = "instance" if key == "tickets-2" else key
            raise Mistake(
                f"{kind}-name",
                f"Under {key} there is {given or 'nothing'}.",
                f"The name of the {kind} endpoint{' of tickets-2' if kind == 'instance' else ''}.",
            )
    silent = [host for host in wanted.values() if not led_to(region, host)]
    if silent:
        raise Mistake(
            "not-tried",
            f"Nobody has connected to {silent[0]}.",
            "A connection to each of the three.",
            "The lower half of the cell connects. Run the whole cell.",
        )
    seen = [f"{key} leads to {names(led_to(region, host))}" for key, host in wanted.items()]
    return Passed(f"{', '.join(seen)}.")


@exercise(
    "03.2",
    "Break it, and repair it",
    hints=hints.FAILOVER,
    wrong=wrong.FAILOVER,
    prediction=Prediction(
        "abc",
        "b",
        "An instance endpoint keeps its name and its instance when the instance changes its role [3.3].",
    ),
)
def check_failover(region: RegionView, _evidence: Evidence) -> Passed:
    """tickets-2 writes by a failover; the old name was tried since; ticket 3 came by the writer endpoint."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    since = failover_to(region, "tickets-2")
    if writer == "tickets-1":
        raise Mistake("no-failover", "The writer is still tickets-1.", "A failover to tickets-2.")
    if writer != "tickets-2" or since is None:
        raise Mistake("other-target", f"The writer is {writer}.", "The writer is tickets-2.")
    by = seller(region, writer, 3)
    if by is None:
        raise Mistake(
            "not-sold",
            "Ticket 3 is not sold.",
            "Ticket 3, sold after the failover.",
            "Was it refused with 25006? Then an old answer of DNS still led to the old writer. Sell it again.",
        )
    if by != writer:
        raise Mistake(
            "sold-before", f"Ticket 3 was sold by {by}.", f"It is sold by {writer}, the new writer."
        )
    if not led_to(region, cluster["Endpoint"], since):
        raise Mistake(
            "another-instance-name",
            f"Ticket 3 was sold by {writer}, and nobody has used the writer endpoint since the failover.",
            "A name that stays right at the next failover too.",
        )
    if not led_to(region, own_name(region, "tickets-1"), since):
        raise Mistake(
            "not-tried",
            "Since the failover nobody has connected by the old setting, the name of tickets-1.",
            "Ticket 2, tried with the old setting.",
            "Run `sell(2, own_name('tickets-1'))`, and read what it says.",
        )
    return Passed(
        f"The name of tickets-1 leads to a reader now. The writer endpoint led to {by}, which sold ticket 3."
    )


@exercise(
    "03.3",
    "A pool on both",
    hints=hints.POOL,
    wrong=wrong.POOL,
    variables=("answers",),
    prediction=Prediction(
        "abc",
        "b",
        "All 20 connect within the 5 seconds of one answer of DNS [3.16], and one answer is one reader [3.10].",
    ),
)
def check_pool(region: RegionView, evidence: Evidence) -> Passed:
    """20 connections by the reader endpoint, both readers among them; and answers in the same proportion."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    answers = Counter(need_lines(evidence, "answers"))
    if not answers:
        raise Mistake(
            "no-pool",
            "`pool` is empty: nobody was asked.",
            f"{POOL} connections in `pool`.",
            "Fill it first.",
        )
    readers = set(region.instances(cluster["DBClusterIdentifier"])) - {writer}
    strange = set(answers) - readers
    if strange:
        raise Mistake("not-readers", f"{names(strange)} answered.", f"Only readers: {names(readers)}.")
    if answers.total() < 5 * POOL:
        raise Mistake(
            "small-pool", f"{answers.total()} questions were answered.", f"{5 * POOL}: 5 on each of {POOL}."
        )
    last = region.connections(cluster["ReaderEndpoint"])[-POOL:]
    by_name = [item.at for name in readers for item in region.connections(own_name(region, name))]
    if not last or max(by_name, default=last[0].at) > last[0].at:
        raise Mistake(
            "by-instance-names",
            "The newest connections came by the names of instances.",
            f"{POOL} connections by the reader endpoint.",
        )
    made = Counter(item.instance for item in last)
    if any(abs(answers[name] / answers.total() - made[name] / POOL) > 0.1 for name in readers):
        raise Mistake(
            "not-these-connections",
            f"The answers: {tally(answers)}. The last {POOL} connections by the reader endpoint: {tally(made)}.",
            f"{POOL} connections by the reader endpoint, one by one, and as many questions on each.",
        )
    if len(answers) < len(readers) or min(answers.values()) < LEAST_SHARE * answers.total():
        raise Mistake(
            "one-reader-works",
            f"The answers: {tally(answers)}.",
            f"At least {LEAST_SHARE:.0%} for each reader.",
            "Too many connections used the same answer of DNS. Wait `lab.dns_ttl()` seconds between two of them.",
        )
    return Passed(
        f"{POOL} connections were led to {tally(made)}; so {answers.total()} questions: {tally(answers)}."
    )
