"""A segment: what one storage node keeps of one protection group's log (FACTS 2.21, 2.22, 2.31).

Records arrive in any order, twice, or not at all. Each names the one before it in its group, so a segment
knows by itself up to where it is complete (SCL), and asks its peers for the rest. It has no vote: it takes
every record (FACTS 2.30), but those of a writer that has been replaced: their epoch is stale (FACTS 2.42).
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_lab.models.lsn import Truncation


class StaleEpochError(Exception):
    """A request of a writer that has been replaced. `epoch` is the one that holds now."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"the volume is in epoch {epoch} by now")
        self.epoch = epoch


class UnknownEpochError(Exception):
    """A request of a newer epoch than the segment has heard of: it must learn first what was annulled."""


@dataclass(frozen=True, slots=True)
class Record:
    """One log record, with its links to the ones before it (FACTS 2.21). A link of 0 means: none before."""

    lsn: int
    group: str
    """The protection group of the page that it changes."""
    page: int
    epoch: int
    """The volume epoch in which it was written."""
    volume_previous: int
    """The record before it in the volume: by this chain a recovery sees that nothing is missing."""
    group_previous: int
    """The record before it in the group: by this chain a segment sees its gaps."""
    page_previous: int
    """The record before it for the same page: by this chain a page is made from its log."""
    cpl: bool
    """Whether it ends a mini-transaction: the log may be cut after it (FACTS 2.26)."""


class Segment:
    """One copy of one protection group's log. `name` is for people; `az` the zone that it lies in."""

    def __init__(self, name: str, az: str = "") -> None:
        self.name = name
        self.az = az
        self._records: dict[int, Record] = {}
        self._after: dict[int, int] = {}
        """By the chain: which record follows which."""
        self._scl = 0
        self._truncations: tuple[Truncation, ...] = ()

    @property
    def scl(self) -> int:
        """Complete up to and including this LSN; 0 where it has nothing (FACTS 2.22)."""
        return self._scl

    @property
    def epoch(self) -> int:
        """The volume epoch that it has heard of; 0 before anybody has opened the volume."""
        return self._truncations[-1].epoch if self._truncations else 0

    @property
    def truncations(self) -> tuple[Truncation, ...]:
        """Every range that a recovery has annulled, as far as it has heard, oldest first."""
        return self._truncations

    def receive(self, record: Record, epoch: int) -> int:
        """Take a record from a writer of `epoch`; the answer is the SCL, as in every acknowledgement.

        Taking it twice does nothing. Raises StaleEpochError, UnknownEpochError.
        """
        if epoch < self.epoch:
            raise StaleEpochError(self.epoch)
        if epoch > self.epoch:
            raise UnknownEpochError(f"segment {self.name} has not heard of epoch {epoch}")
        self._keep(record)
        return self._scl

    def learn(self, truncations: tuple[Truncation, ...]) -> None:
        """Hear of recoveries: what they annulled is dropped, and earlier epochs are refused from now on."""
        if len(truncations) <= len(self._truncations):
            return
        self._truncations = truncations
        kept = list(self._records.values())
        self._records, self._after, self._scl = {}, {}, 0
        for record in sorted(kept, key=lambda item: item.lsn):
            self._keep(record)

    def gossip(self, peer: Segment) -> int:
        """Take what the peer is complete with and this one lacks; how many records that were (FACTS 2.58).

        Epochs come along, the newer one wins, so a segment that was away drops what was annulled meanwhile.
        """
        peer.learn(self._truncations)
        self.learn(peer.truncations)
        lacking = [item for item in peer.complete() if item.lsn not in self._records]
        for record in lacking:
            self._keep(record)
        return len(lacking)

    def complete(self) -> list[Record]:
        """Its records up to the SCL, in order."""
        return [self._records[lsn] for lsn in sorted(self._records) if lsn <= self._scl]

    def beyond_a_gap(self) -> list[int]:
        """LSNs that it has but cannot count, because a record before them is missing."""
        return sorted(lsn for lsn in self._records if lsn > self._scl)

    def page(self, page: int, read_point: int) -> list[Record]:
        """The records that make a page as it was at `read_point`, oldest first, by the page's own chain.

        Raises ValueError where the segment is not complete up to there: then another one must be asked
        (FACTS 2.34).
        """
        if read_point > self._scl:
            raise ValueError(f"segment {self.name} is complete to {self._scl} only, not to {read_point}")
        newest = max(
            (lsn for lsn, item in self._records.items() if item.page == page and lsn <= read_point), default=0
        )
        found: list[Record] = []
        while newest:
            found.append(self._records[newest])
            newest = found[-1].page_previous
        return found[::-1]

    def _keep(self, record: Record) -> None:
        if any(each.annuls(record.lsn, record.epoch) for each in self._truncations):
            return
        self._records[record.lsn] = record
        self._after[record.group_previous] = record.lsn
        while (following := self._after.get(self._scl)) is not None:
            self._scl = following
