"""The papers' rules for log positions: from what each segment has to what the volume may say is durable.

    SCL   of one segment: complete up to here, by its chain (FACTS 2.22)      `segment.Segment`
    PGCL  of one protection group: a write quorum of its segments is complete up to here (FACTS 2.23)
    VCL   of the volume: every record up to here has met the quorum of its own group (FACTS 2.24, 2.25)
    CPL   a record that ends a mini-transaction: the log may be cut after it (FACTS 2.26)
    VDL   of the volume: the highest CPL that is not above the VCL (FACTS 2.28)

Each is an inclusive upper bound: "complete up to and including this LSN". The rules only compare LSNs, so they
hold for the papers' consecutive numbers and for PostgreSQL's byte positions alike.

A volume of PostgreSQL's log is one protection group. There VCL is PGCL, each record ends a mini-transaction,
and VDL is the end of the last whole record up to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aurora_lab.models.quorum import AURORA, Quorum

ALLOCATION_LIMIT = 10_000_000
"""LAL: no LSN is handed out that is further than this above the VDL (FACTS 2.10)."""


class NoReadQuorumError(Exception):
    """Too few copies answer to say how far the log went. The message gives the numbers."""


def pgcl(scls: Iterable[int], quorum: Quorum = AURORA) -> int:
    """The protection group's complete LSN: the Vw-th largest SCL of its segments (FACTS 2.23).

    `scls` holds one value for each segment that is known; one that has never answered may be left out, and
    counts as having nothing. 0 where fewer than Vw are known: nothing is proved.
    """
    ordered = sorted(scls, reverse=True)
    if len(ordered) > quorum.copies:
        raise ValueError(f"{len(ordered)} segments are more than {quorum} has.")
    return ordered[quorum.write - 1] if len(ordered) >= quorum.write else 0


def vcl(issued: Iterable[tuple[int, str]], pgcls: Mapping[str, int], before: int = 0) -> int:
    """The volume's complete LSN: below the lowest record that its own group does not cover yet.

    `issued` are the records that the writer has handed out, LSN and group, in any order; those that an earlier
    VCL (`before`) covers may be left out. Not the lowest of the PGCLs: a group that has nothing outstanding
    must not hold the volume back (FACTS 2.25). Nor the highest: a gap is a gap.
    """
    last, waiting = before, None
    for lsn, group in issued:
        last = max(last, lsn)
        if lsn > pgcls.get(group, 0) and (waiting is None or lsn < waiting):
            waiting = lsn
    return last if waiting is None else max(before, waiting - 1)


def vdl(cpls: Iterable[int], complete: int) -> int:
    """The volume's durable LSN: the highest CPL up to the VCL `complete`; 0 where there is none (FACTS 2.28)."""
    return max((cpl for cpl in cpls if cpl <= complete), default=0)


def may_acknowledge(commit_lsn: int, durable: int) -> bool:
    """Whether a commit may be acknowledged: the VDL has come to its record (FACTS 2.29)."""
    return commit_lsn <= durable


def may_allocate(lsn: int, durable: int, limit: int = ALLOCATION_LIMIT) -> bool:
    """Whether the writer may hand out an LSN now; if not it waits for the VDL to follow (FACTS 2.10)."""
    return lsn <= durable + limit


def may_read(read_point: int, scl: int, lowest_read_point: int) -> bool:
    """Whether a segment may answer a read: from PGMRPL to its own SCL (FACTS 2.34, 2.36)."""
    return lowest_read_point <= read_point <= scl


def may_evict(page_lsn: int, durable: int) -> bool:
    """Whether a changed page may be dropped from the cache: all its changes are durable (FACTS 2.35).

    The 2017 paper's sentence has the inequality the other way round; its own explanation needs this one.
    """
    return page_lsn <= durable


def proved(answering: Iterable[int], quorum: Quorum = AURORA) -> int:
    """How far a protection group's log reaches, as a read quorum of it proves (FACTS 2.41).

    `answering` are the SCLs of the segments that answer, at least Vr of them. The highest counts: a record
    that was acknowledged is on Vw segments, and so on at least one of any Vr. What is above the last
    acknowledged record may be there too; it does no harm, because from here on it is everybody's.

    Raises NoReadQuorumError, and then nobody may open the volume.
    """
    known = list(answering)
    if not quorum.can_read(len(known)):
        raise NoReadQuorumError(
            f"{len(known)} of {quorum.copies} copies of the log answer; {quorum.read} are needed to know "
            "what was acknowledged."
        )
    return max(known)


@dataclass(frozen=True, slots=True)
class Truncation:
    """What a recovery annuls: every record with first ≤ LSN ≤ last that was written in an earlier epoch."""

    first: int
    last: int
    epoch: int
    """The volume epoch that the recovery begins. Requests of earlier ones are refused (FACTS 2.42)."""

    def annuls(self, lsn: int, epoch: int) -> bool:
        """Whether a record that was written in `epoch` is void."""
        return epoch < self.epoch and self.first <= lsn <= self.last

    @property
    def next_lsn(self) -> int:
        """The first LSN of the new epoch: above the range, so that a late record of the old is never taken
        for one of the new (FACTS 2.41)."""
        return self.last + 1


def truncation(durable: int, epoch: int, limit: int = ALLOCATION_LIMIT) -> Truncation:
    """The range that a recovery annuls: from above the VDL to the last LSN that could have been handed out.

    `epoch` is the volume's until now. That nothing can be above the range is what the allocation limit is for.
    """
    return Truncation(durable + 1, durable + limit, epoch + 1)
