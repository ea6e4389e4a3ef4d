"""A volume under lost, late and repeated messages, destroyed segments and new writers that the old do not know.

After each step: of every acknowledged commit enough segments have the record, and each new writer has found it.
Some rules are then broken on purpose, and the storm must see it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from aurora_lab.models import segment as segment_module
from aurora_lab.models import volume as volume_module
from aurora_lab.models.lsn import NoReadQuorumError, Truncation
from aurora_lab.models.segment import Record, Segment, StaleEpochError
from aurora_lab.models.volume import BackPressureError, NoWriteQuorumError, Volume, Writer

GROUPS = ("PG1", "PG2")
PAGES = 2
LIMIT = 40
STEPS = 80
SEEDS = range(300)


class LostError(Exception):
    """The storm has found a commit that was acknowledged and is not there, or two writers."""


class Storm:
    """At each step something reaches somebody, somebody dies, or somebody else becomes the writer."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.volume = Volume(GROUPS, pages=PAGES)
        self.writers = [Writer(self.volume, limit=LIMIT)]
        self.in_flight: list[tuple[Writer, Record]] = []
        self.acknowledged: dict[int, str] = {}
        """LSN and group of every acknowledged commit."""
        self.destroyed: dict[str, set[int]] = {group: set() for group in GROUPS}

    def run(self) -> None:
        """All steps. Raises LostError."""
        actions: dict[Callable[[], None], int] = {
            self.issue: 6,
            self.deliver: 6,
            self.deliver_something_old: 2,
            self.gossip: 1,
            self.acknowledge: 4,
            self.destroy: 1,
            self.repair: 1,
            self.open_anew: 2,
        }
        for _ in range(STEPS):
            (action,) = self.random.choices(list(actions), list(actions.values()))
            action()
            self.look()

    def issue(self) -> None:
        """A writer makes a mini-transaction; often the newest does, sometimes one that was replaced."""
        writer = self.random.choice([*self.writers[-3:], *3 * [self.writers[-1]]])
        pages = [self.random.randrange(len(GROUPS) * PAGES) for _ in range(self.random.randint(1, 4))]
        try:
            records = writer.issue(*pages, commit=self.random.random() < 0.7)
        except BackPressureError:
            return
        self.in_flight.extend((writer, record) for record in records)

    def deliver(self) -> None:
        """The latest records reach most of the segments."""
        chance = self.random.choice([0.5, 0.8, 0.95, 1.0])
        for writer, record in self.in_flight[-self.random.randint(1, 20) :]:
            for number in sorted(self._alive(record.group)):
                if self.random.random() < chance:
                    self._send(writer, record, number)

    def deliver_something_old(self) -> None:
        """A record of any writer reaches a segment late, or once more."""
        if self.in_flight:
            writer, record = self.random.choice(self.in_flight)
            self._send(writer, record, self.random.choice(sorted(self._alive(record.group))))

    def gossip(self) -> None:
        """A segment asks another one."""
        group = self.random.choice(GROUPS)
        one, other = self.random.sample(sorted(self._alive(group)), 2)
        self.volume.groups[group][one].gossip(self.volume.groups[group][other])

    def acknowledge(self) -> None:
        """Writers, also replaced ones, tell their clients what they believe to be durable."""
        for writer, successor in zip(self.writers, [*self.writers[1:], None], strict=True):
            for lsn in writer.acknowledge():
                # One that was replaced may still tell what was durable before; the next writer has found it.
                if successor is not None and lsn > successor.recovered:
                    raise LostError(f"{lsn} was acknowledged in epoch {writer.epoch}, which was over")
                self.acknowledged[lsn] = next(
                    record.group for _, record in self.in_flight if record.lsn == lsn
                )

    def destroy(self) -> None:
        """A segment is lost for good; no more of them than may be while writes go on."""
        group = self.random.choice(GROUPS)
        if len(self.destroyed[group]) < self.volume.quorum.spare_for_writes:
            self.destroyed[group].add(self.random.choice(sorted(self._alive(group))))

    def repair(self) -> None:
        """Destroyed segments are rebuilt from the others."""
        group = self.random.choice(GROUPS)
        while self.destroyed[group]:
            number = min(self.destroyed[group])
            self.volume.rebuild(group, number, self._alive(group))
            self.destroyed[group].discard(number)

    def open_anew(self) -> None:
        """A new writer opens the volume from some of the segments; the old one does not know."""
        answering = {
            group: self._alive(group) - set(self.random.sample(range(6), self.random.randint(0, 3)))
            for group in GROUPS
        }
        epochs = self._epochs()
        try:
            writer = Writer(self.volume, answering, LIMIT)
        except (NoReadQuorumError, NoWriteQuorumError):
            assert self._epochs() == epochs
            return
        if writer.epoch <= self.writers[-1].epoch:
            raise LostError(f"two writers in epoch {writer.epoch}")
        if writer.recovered < max(self.acknowledged, default=0):
            raise LostError(f"recovered to {writer.recovered}, acknowledged {max(self.acknowledged)}")
        self.writers.append(writer)
        truncations = self.volume.groups[GROUPS[0]][min(answering[GROUPS[0]])].truncations
        valid = {
            record.lsn
            for _, record in self.in_flight
            if record.lsn <= writer.recovered
            and not any(each.annuls(record.lsn, record.epoch) for each in truncations)
        }
        found = {
            record.lsn
            for group in GROUPS
            for number in answering[group]
            for record in self.volume.groups[group][number].complete()
        }
        if valid != found:
            raise LostError(f"recovered to {writer.recovered} with a gap: {sorted(valid ^ found)}")

    def look(self) -> None:
        """Of every acknowledged commit a write quorum has the record, less what was destroyed since."""
        for group in GROUPS:
            held = [
                {record.lsn for record in self.volume.groups[group][number].complete()}
                for number in self._alive(group)
            ]
            enough = self.volume.quorum.write - len(self.destroyed[group])
            for lsn, where in self.acknowledged.items():
                if where == group and sum(lsn in lsns for lsns in held) < enough:
                    raise LostError(f"{lsn} of {group} is on fewer than {enough} segments")

    def _send(self, writer: Writer, record: Record, number: int) -> None:
        try:
            writer.send(record, number)
        except StaleEpochError as error:
            assert error.epoch > writer.epoch

    def _alive(self, group: str) -> set[int]:
        return set(range(6)) - self.destroyed[group]

    def _epochs(self) -> list[int]:
        return [segment.epoch for segments in self.volume.groups.values() for segment in segments]


def test_nothing_acknowledged_is_lost() -> None:
    acknowledged = openings = 0
    for seed in SEEDS:
        storm = Storm(seed)
        try:
            storm.run()
        except LostError as error:
            pytest.fail(f"seed {seed}: {error}")
        acknowledged += len(storm.acknowledged)
        openings += len(storm.writers) - 1
    # The storm is one: it has acknowledged and opened a lot.
    assert acknowledged > 1000
    assert openings > 200


def _three_are_enough(scls: object, quorum: object) -> int:
    del quorum
    return sorted(scls, reverse=True)[2]  # type: ignore[call-overload, no-any-return]


def _forgets_the_quorum(self: Writer, group: str) -> int:
    return max(self._scls.get(item, 0) for item in self.volume.groups[group])


def _without_fence(self: Segment, record: Record, epoch: int) -> int:
    del epoch
    self._keep(record)
    return self.scl


def _never(self: Truncation, lsn: int, epoch: int) -> bool:
    del self, lsn, epoch
    return False


def _with_gaps(records: dict[int, Record]) -> list[Record]:
    last = max((lsn for lsn, record in records.items() if record.cpl), default=0)
    return [records[lsn] for lsn in sorted(records) if lsn <= last]


BROKEN: dict[str, tuple[object, str, object]] = {
    "three of six make a PGCL": (volume_module, "pgcl", _three_are_enough),
    "one segment makes a PGCL": (Writer, "pgcl", _forgets_the_quorum),
    "the VCL is the highest PGCL": (volume_module, "vcl", lambda _issued, pgcls, _: max(pgcls.values())),
    "a stale epoch is not refused": (segment_module.Segment, "receive", _without_fence),
    "nothing is annulled": (Truncation, "annuls", _never),
    "a gap in the volume is overlooked": (volume_module, "_without_gap", _with_gaps),
    "the new writer forgets the log": (volume_module, "_without_gap", lambda _records: []),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_the_storm_sees_a_broken_rule(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement = BROKEN[rule]
    monkeypatch.setattr(owner, name, replacement)
    with pytest.raises((LostError, AssertionError)):
        for seed in SEEDS:
            Storm(seed).run()
