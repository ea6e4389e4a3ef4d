"""The volume under seeded faults: nothing that was acknowledged is lost. And the referee itself can say no."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from mutants import MUTANTS, mutant_arena

from aurora_lab.cli import torture
from aurora_lab.cli.torture import Verdict, new_table, play, rows_of
from aurora_lab.cli.torture_clients import Clients
from aurora_lab.cli.torture_history import History
from aurora_lab.cli.torture_region import Arena, arena

FAULTS = int(os.environ.get("AURORA_LAB_FAULTS", "8"))
"""Faults in a usual run; by hand AURORA_LAB_FAULTS=1000, with AURORA_LAB_SEED to play one again. Or the command:
`aurora-lab torture`."""
ROUNDS = int(os.environ.get("AURORA_LAB_ROUNDS", "2"))
"""How often everything is killed at once; by hand AURORA_LAB_ROUNDS=10."""
CAUGHT_WITHIN = 100
"""Faults within which a mutant has to be caught."""


@pytest.fixture(scope="module")
def there() -> Iterator[Arena]:
    """One region for the tests that find nothing wrong with it."""
    with arena() as made:
        yield made


@pytest.mark.timeout(300 + 15 * FAULTS)
def test_no_acknowledged_write_is_lost_whatever_fails(there: Arena) -> None:
    seed = int(os.environ.get("AURORA_LAB_SEED", random.randrange(1 << 30)))
    verdict = play(there, seed, lambda verdict: verdict.faults.total() >= FAULTS)
    print(verdict.text(seed))
    assert not verdict.violations, verdict.text(seed)


@pytest.mark.timeout(300 + 60 * ROUNDS)
def test_everything_killed_at_once_under_load(there: Arena) -> None:
    for number in range(ROUNDS):
        endpoint = new_table(there, f"everything_{number}")
        clients = Clients(there, f"everything_{number}")
        there.until(lambda clients=clients: len(clients.history.acknowledged) > 100, "there is load")
        killed = there.kill_everything()
        assert killed > 30, "the region, three servers with their processes, six storage nodes, pumps"
        before = len(clients.history.acknowledged)
        there.start()
        there.until(
            lambda clients=clients, before=before: len(clients.history.acknowledged) > before + 20,
            "clients are served again",
        )
        there.until(there.all_well, "all of it is back")
        history = clients.stop()
        rows = rows_of(there, endpoint, f"everything_{number}")
        print(f"round {number + 1}: {killed} processes killed, {len(history.acknowledged)} acknowledged")
        assert rows is not None
        assert not history.violations(rows)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant: str) -> None:
    seed = int(os.environ.get("AURORA_LAB_SEED", SEEDS[mutant]))
    with arena(mutant_arena(mutant)) as there:
        verdict = play(there, seed, lambda verdict: verdict.faults.total() >= CAUGHT_WITHIN, a_round=2)
    print(verdict.text(seed))
    assert any("acknowledged writes are missing" in each for each in verdict.violations), verdict.text(seed)


SEEDS = {"quorum-of-one": 3, "no-hand-over": 18}
"""With these a mutant is caught early; with any other it takes a little longer."""


def test_the_referee_sees_each_violation() -> None:
    history = History(sent={1, 2, 3}, acknowledged={1, 2}, writers={"00000001": {"one"}})
    assert history.violations([1, 2]) == history.violations([1, 2, 3]) == []
    assert "1 acknowledged writes are missing, such as 2" in history.violations([1])
    assert "1 writes appear twice" in history.violations([1, 2, 2])
    assert "1 rows were never written, such as 4" in history.violations([1, 2, 4])
    history.show("two", 3, 3, 2)
    assert history.violations([1, 2]) == []
    assert history.vanished([1, 2]) == 1
    assert history.vanished([1, 2, 3]) == 0
    history.show("two", 2, 2, 3)
    assert "on two 2 rows were read after 3" in history.violations([1, 2])
    history.writers["00000001"].add("two")
    assert "in timeline 00000001 one, two acknowledged" in history.violations([1, 2])


def test_an_old_writer_that_acknowledges_late_is_seen() -> None:
    history = History()
    history.acknowledge(*_sent(history, "one", "00000001"))
    early = history.send()
    history.acknowledge(*_sent(history, "two", "00000002"))
    history.acknowledge(early[0], "one", "00000001", early[1])
    assert history.violations([1, 2, 3]) == []
    history.acknowledge(*_sent(history, "one", "00000001"))
    (said,) = history.violations([1, 2, 3, 4])
    assert said == "one acknowledged 4 in timeline 00000001, sent after 00000002 had begun"


def _sent(history: History, writer: str, timeline: str) -> tuple[int, str, str, str]:
    number, newest = history.send()
    return number, writer, timeline, newest


@pytest.mark.parametrize(("violations", "code"), [([], 0), (["1 acknowledged writes are missing"], 1)])
def test_the_command_says_what_came_of_it(
    there: Arena, monkeypatch: pytest.MonkeyPatch, violations: list[str], code: int
) -> None:
    def lent(*, memory: bool) -> _Lent:
        assert not memory
        return _Lent(there)

    def played(_arena: Arena, seed: int, *_rest: object) -> Verdict:
        assert seed == 7
        verdict = Verdict(writer_kills=2, sent=30, acknowledged=20, timelines=3, violations=violations)
        verdict.faults.update(["writer", "writer", "az"])
        return verdict

    monkeypatch.setattr(torture, "arena", lent)
    monkeypatch.setattr(torture, "play", played)
    result = CliRunner().invoke(torture.torture_command, ["--seed", "7", "--minutes", "1", "--disk"])
    assert result.exit_code == code
    assert "seed 7: 3 faults, 2 of them took the writer (2 writer, 1 az)" in result.output
    assert "20 of 30 writes were acknowledged, on 3 timelines" in result.output
    assert ("VIOLATION: 1 acknowledged writes are missing" if code else "no violation") in result.output


class _Lent:
    """A region that is not ended by its borrower."""

    def __init__(self, there: Arena) -> None:
        self._there = there

    def __enter__(self) -> Arena:
        return self._there

    def __exit__(self, *_: object) -> None:
        return None
