"""`aurora-lab torture`: a cluster is broken on purpose for as long as one likes, and nothing may be lost.

In the manner of Jepsen: clients note what they were told (`torture_clients`), a nemesis breaks things
(`torture_nemesis`), and after each round everything is brought back and judged (`torture_history`). A cluster
that does not come back is a violation too.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import click
import psycopg
from psycopg import sql
from rich.console import Console

from aurora_lab.cli.torture_clients import Clients
from aurora_lab.cli.torture_nemesis import Nemesis
from aurora_lab.cli.torture_region import Arena, arena
from aurora_lab.region import client
from aurora_lab.region.home import Home, default_home

ROUND = 50
"""Faults between two judgements."""
DEFAULT_FAULTS = 100


@dataclass
class Verdict:
    """What came of it."""

    faults: Counter[str] = field(default_factory=Counter)
    writer_kills: int = 0
    sent: int = 0
    acknowledged: int = 0
    timelines: int = 0
    vanished: int = 0
    """Rows that a reader showed and that never were acknowledged, and are gone: no violation."""
    violations: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether somebody did not want to wait: the last round was not judged."""

    def text(self, seed: int) -> str:
        """All of it in a few lines."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.faults.most_common())
        lines = [
            f"seed {seed}: {self.faults.total()} faults, {self.writer_kills} of them took the writer ({kinds})",
            f"{self.acknowledged} of {self.sent} writes were acknowledged, on {self.timelines} timelines",
        ]
        if self.vanished:
            lines.append(f"{self.vanished} unacknowledged rows were seen on a reader, and then gone")
        if self.interrupted:
            lines.append("interrupted: the faults since the last judgement do not count")
        lines += [f"VIOLATION: {each}" for each in self.violations] or ["no violation"]
        return "\n".join(lines)


def play(
    there: Arena,
    seed: int,
    enough: Callable[[Verdict], bool],
    progress: Callable[[Verdict], None] = lambda _verdict: None,
    *,
    a_round: int = ROUND,
) -> Verdict:
    """Break the cluster until there is enough, or something is wrong; it is judged after `a_round` faults each."""
    verdict, nemesis, number = Verdict(), Nemesis(there, seed), 0
    try:
        while not verdict.violations and not (number and enough(verdict)):
            number += 1
            _round(
                there,
                f"told_{number}",
                verdict,
                nemesis,
                lambda: _faults(nemesis, verdict, a_round, enough, progress),
            )
    except KeyboardInterrupt:
        verdict.interrupted = True
    return verdict


def new_table(there: Arena, table: str) -> str:
    """Make a table for clients; the endpoint at which it was made."""
    endpoint = str(there.cluster()["endpoint"])
    with there.connect(endpoint) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} (n bigint)").format(sql.Identifier(table)))
    return endpoint


def _faults(
    nemesis: Nemesis,
    verdict: Verdict,
    most: int,
    enough: Callable[[Verdict], bool],
    progress: Callable[[Verdict], None],
) -> None:
    for _ in range(most):
        nemesis.wait()
        nemesis.strike()
        verdict.faults, verdict.writer_kills = nemesis.done, nemesis.writer_kills
        progress(verdict)
        if enough(verdict):
            break


def _round(there: Arena, table: str, verdict: Verdict, nemesis: Nemesis, faults: Callable[[], None]) -> None:
    endpoint = new_table(there, table)
    clients = Clients(there, table)
    try:
        faults()
        nemesis.undo()
        there.until(there.all_well, "everything is available again, once nothing is broken any more")
    except (TimeoutError, client.RegionError) as error:
        verdict.violations.append(str(error))
    history = clients.stop()
    verdict.sent += len(history.sent)
    verdict.acknowledged += len(history.acknowledged)
    verdict.timelines += len(history.writers)
    rows = rows_of(there, endpoint, table)
    if rows is None:
        verdict.violations.append("the cluster does not answer")
        return
    verdict.vanished += history.vanished(rows)
    verdict.violations += history.violations(rows)
    if not history.acknowledged:
        verdict.violations.append("nothing was acknowledged")


def rows_of(there: Arena, endpoint: str, table: str) -> list[int] | None:
    """What is in the table in the end; None where nobody says."""
    found: list[list[int]] = []

    def read() -> bool:
        try:
            with there.connect(endpoint) as connection:
                query = sql.SQL("SELECT n FROM {}").format(sql.Identifier(table))
                found.append([n for (n,) in connection.execute(query)])
        except (psycopg.Error, OSError):
            return False
        return True

    try:
        there.until(read, "the cluster answers", 60.0)
    except TimeoutError:
        return None
    return found[-1]


@click.command("torture")
@click.option("--seed", type=int, help="Play the same faults again (default: another each time).")
@click.option("--minutes", type=click.FloatRange(0.1), help="How long.")
@click.option("--faults", type=click.IntRange(1), help=f"How many faults (default {DEFAULT_FAULTS}).")
@click.option("--disk", is_flag=True, help="On disk, where flushes take time; not in memory.")
@click.option("--keep", is_flag=True, help="Keep the region's folder where something is wrong.")
def torture_command(
    seed: int | None, minutes: float | None, faults: int | None, disk: bool, keep: bool
) -> None:
    """Break a cluster under load, again and again, and see that nothing that was acknowledged is lost.

    It works on a region of its own in a temporary folder, and ends it; yours is not touched. The seed decides
    what is broken and when. The exit code is 1 where something was lost, or the cluster did not come back.
    """
    seed = random.SystemRandom().randrange(1 << 30) if seed is None else seed
    faults = DEFAULT_FAULTS if faults is None and minutes is None else faults
    console = Console(stderr=True)
    if client.running(Home(default_home())) is not None:
        console.print("Your own region runs too. It is not touched, but both share this machine.")
    with console.status(f"seed {seed}: making a cluster") as status, arena(memory=not disk) as there:
        ends = time.monotonic() + 60 * minutes if minutes is not None else None

        def enough(verdict: Verdict) -> bool:
            late = ends is not None and time.monotonic() > ends
            return late or (faults is not None and verdict.faults.total() >= faults)

        def progress(verdict: Verdict) -> None:
            status.update(
                f"seed {seed}: {verdict.faults.total()} faults, {verdict.writer_kills} took the writer, "
                f"{verdict.acknowledged} writes judged"
            )

        verdict = play(there, seed, enough, progress)
        there.kept = keep and bool(verdict.violations)
        if there.kept:
            console.print(f"The region's files stay in {there.home.folder}.")
    click.echo(verdict.text(seed))
    sys.exit(1 if verdict.violations else 0)
