"""Quorums: how many of a protection group's copies must answer (FACTS 1.4, 1.5), and sets of such rules.

A write counts once Vw of V copies have it; a read asks Vr of them. Two rules make that safe:

    Vr + Vw > V     every read quorum meets every write quorum, so what was written is found
    Vw > V / 2      every two write quorums meet, so that two writes cannot pass each other by

While members are replaced, and where the copies are of two kinds, one number is not enough: then a quorum is
an expression of `AtLeast`, `Both` and `Either`, and the same two rules are asked of the expressions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol


class QuorumError(ValueError):
    """A quorum that would lose or overlook writes, or numbers that make none. The message says which."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """V copies, of which a write needs Vw and a read Vr. Raises QuorumError for numbers that are not safe."""

    copies: int
    """V."""
    write: int
    """Vw."""
    read: int
    """Vr."""

    def __post_init__(self) -> None:
        if not (1 <= self.write <= self.copies and 1 <= self.read <= self.copies):
            raise QuorumError(f"{self}: Vw and Vr must be from 1 to V.")
        if self.read + self.write <= self.copies:
            raise QuorumError(f"{self}: Vr + Vw must be more than V, or a read can miss what was written.")
        if 2 * self.write <= self.copies:
            raise QuorumError(f"{self}: Vw must be more than V / 2, or two writes can miss each other.")

    def __str__(self) -> str:
        return f"V={self.copies} Vw={self.write} Vr={self.read}"

    def can_write(self, answering: int) -> bool:
        """Whether so many copies make a write quorum."""
        return answering >= self.write

    def can_read(self, answering: int) -> bool:
        """Whether so many copies make a read quorum: also what a repair of the others needs (FACTS 1.5)."""
        return answering >= self.read

    @property
    def spare_for_writes(self) -> int:
        """How many copies may be gone while writes go on: any two of Aurora's six (FACTS 1.5)."""
        return self.copies - self.write

    @property
    def spare_for_reads(self) -> int:
        """How many copies may be gone before data can be lost: three of Aurora's six (FACTS 1.5)."""
        return self.copies - self.read


AURORA = Quorum(copies=6, write=4, read=3)
"""Aurora's own, two copies in each of three AZs (FACTS 1.4)."""
TWO_OF_THREE = Quorum(copies=3, write=2, read=2)
"""What many systems have, one copy in each of three AZs: an AZ and one more copy is one too many."""
AZ_IS_GONE = Quorum(copies=4, write=3, read=2)
"""What Aurora can change to while an AZ is gone for long (FACTS 2.54)."""


class QuorumSet(Protocol):
    """A rule that a set of members meets or not. More members never meet less."""

    def met_by(self, members: Collection[str]) -> bool:
        """Whether these members are enough."""
        ...

    def members(self) -> frozenset[str]:
        """Every member that the rule names."""
        ...


@dataclass(frozen=True, slots=True)
class AtLeast:
    """So many of these members, as `4/6 of ABCDEF`."""

    needed: int
    of: frozenset[str]

    @classmethod
    def among(cls, needed: int, names: str) -> AtLeast:
        """Of members that are called by one letter each. Raises QuorumError where there are too few."""
        found = cls(needed, frozenset(names))
        if not 1 <= needed <= len(found.of):
            raise QuorumError(f"{needed} of {len(found.of)} members is no quorum.")
        return found

    def met_by(self, members: Collection[str]) -> bool:
        """Whether enough of them are there."""
        return len(self.of.intersection(members)) >= self.needed

    def members(self) -> frozenset[str]:
        """Those it counts."""
        return self.of


@dataclass(frozen=True, slots=True)
class Both:
    """Two rules at once."""

    first: QuorumSet
    second: QuorumSet

    def met_by(self, members: Collection[str]) -> bool:
        """Whether each of the two is met."""
        return self.first.met_by(members) and self.second.met_by(members)

    def members(self) -> frozenset[str]:
        """Those that either rule names."""
        return self.first.members() | self.second.members()


@dataclass(frozen=True, slots=True)
class Either:
    """One of two rules."""

    first: QuorumSet
    second: QuorumSet

    def met_by(self, members: Collection[str]) -> bool:
        """Whether one of the two is met."""
        return self.first.met_by(members) or self.second.met_by(members)

    def members(self) -> frozenset[str]:
        """Those that either rule names."""
        return self.first.members() | self.second.members()


@dataclass(frozen=True, slots=True)
class Membership:
    """What a protection group asks of writes and reads in one membership epoch (FACTS 2.50)."""

    epoch: int
    write: QuorumSet
    read: QuorumSet

    @classmethod
    def of(cls, names: str, epoch: int = 1, quorum: Quorum = AURORA) -> Membership:
        """A settled group: members that are called by one letter each. Raises QuorumError."""
        if len(set(names)) != quorum.copies:
            raise QuorumError(f"{names} are not the {quorum.copies} members of {quorum}.")
        write, read = AtLeast.among(quorum.write, names), AtLeast.among(quorum.read, names)
        return cls(epoch, write, read)

    def replacing(self, failed: str, new: str) -> Membership:
        """The next epoch, in which `new` is to take the place of `failed` and either may still be the one.

        Writes must do for both groups, reads for one of them; so I/O goes on, and the step can be taken back
        (FACTS 2.51). Done again for another member, the write rule is that of FACTS 2.52. Raises QuorumError.
        """
        known = self.write.members() | self.read.members()
        if failed not in known or new in known:
            raise QuorumError(f"{failed} must be a member and {new} must not.")
        write, read = (_with(rule, failed, new) for rule in (self.write, self.read))
        return Membership(self.epoch + 1, Both(self.write, write), Either(self.read, read))


FULL_AND_TAIL_WRITE = Either(AtLeast.among(4, "ABCDEF"), AtLeast.among(3, "ABC"))
FULL_AND_TAIL_READ = Both(AtLeast.among(3, "ABCDEF"), AtLeast.among(1, "ABC"))
"""With three full segments (A, B, C) and three that have only the log: 4/6 of any or 3/3 of the full ones to
write, 3/6 of any and 1/3 of the full ones to read (FACTS 2.55, 2.56)."""


def always_meet(one: QuorumSet, other: QuorumSet) -> bool:
    """Whether every set that meets `one` shares a member with every set that meets `other`.

    That is `Vr + Vw > V` for expressions. It looks at every subset: up to some sixteen members.
    """
    everybody = one.members() | other.members()
    return not any(one.met_by(subset) and other.met_by(everybody - subset) for subset in _subsets(everybody))


def _subsets(members: frozenset[str]) -> Iterator[frozenset[str]]:
    for size in range(len(members) + 1):
        for chosen in combinations(sorted(members), size):
            yield frozenset(chosen)


def _with(rule: QuorumSet, failed: str, new: str) -> QuorumSet:
    """The same rule with another member in a member's place."""
    if isinstance(rule, AtLeast):
        return AtLeast(rule.needed, frozenset(new if name == failed else name for name in rule.of))
    if isinstance(rule, Both):
        return Both(_with(rule.first, failed, new), _with(rule.second, failed, new))
    if isinstance(rule, Either):
        return Either(_with(rule.first, failed, new), _with(rule.second, failed, new))
    raise QuorumError(f"{type(rule).__name__} is not a rule whose members can be replaced.")
