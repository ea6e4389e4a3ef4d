"""A volume of several protection groups and its writer, as the two papers have them (FACTS 2.20 to 2.43).

Nothing here waits and nothing is sent by itself: whoever uses it says which record reaches which segment and
when, which is how lost, late and repeated messages are tried. The writer's rules, in order:

    1. an LSN is handed out by the one writer, never more than LAL above the VDL             (2.10, 2.20)
    2. each acknowledgement brings a segment's SCL; PGCL, VCL and VDL follow from those      (2.22 to 2.28)
    3. a commit is acknowledged once the VDL has come to its record                          (2.29)
    4. a new writer asks a read quorum of every group, keeps the log up to the last CPL that
       has no gap before it, annuls the rest with a new epoch, and goes on above the range   (2.41, 2.42)
    5. it does so only where every group has a write quorum to record the epoch in           (2.42, 2.43)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aurora_lab.models.lsn import (
    ALLOCATION_LIMIT,
    Truncation,
    may_acknowledge,
    may_allocate,
    pgcl,
    proved,
    truncation,
    vcl,
    vdl,
)
from aurora_lab.models.quorum import AURORA, Quorum
from aurora_lab.models.segment import Record, Segment, UnknownEpochError

ZONES = ("a", "b", "c")
"""The AZs over which a group's segments are spread evenly (FACTS 1.4)."""


class NoWriteQuorumError(Exception):
    """Too few segments answer to record a new epoch in: the others must be repaired first (FACTS 2.43)."""


class BackPressureError(Exception):
    """The writer is LAL ahead of what is durable and must wait (FACTS 2.10)."""


class Volume:
    """Protection groups by name, each of V segments; `pages` pages to a group, as pages to 10 GB."""

    def __init__(self, groups: Sequence[str], pages: int = 1, quorum: Quorum = AURORA) -> None:
        self.quorum = quorum
        self.pages = pages
        self.groups: dict[str, list[Segment]] = {
            group: [
                Segment(f"{group}{number}", ZONES[number * len(ZONES) // quorum.copies])
                for number in range(quorum.copies)
            ]
            for group in groups
        }

    def group_of(self, page: int) -> str:
        """The protection group that holds a page. Raises IndexError for a page beyond the volume."""
        return list(self.groups)[page // self.pages]

    def rebuild(self, group: str, number: int, peers: Collection[int]) -> None:
        """Put a new, empty segment in the place of a destroyed one and fill it from its peers (FACTS 1.14)."""
        segments = self.groups[group]
        segments[number] = Segment(segments[number].name, segments[number].az)
        for peer in peers:
            segments[number].gossip(segments[peer])


class Writer:
    """The one writer of a volume, in one epoch. `limit` is LAL."""

    def __init__(
        self,
        volume: Volume,
        answering: Mapping[str, Collection[int]] | None = None,
        limit: int = ALLOCATION_LIMIT,
    ) -> None:
        """Open the volume: recover it from the segments that answer (by group; None = all of them).

        Raises NoReadQuorumError, NoWriteQuorumError, and then nothing has changed.
        """
        self.volume = volume
        self.limit = limit
        chosen = {
            name: [segments[number] for number in sorted(answering[name])] if answering else list(segments)
            for name, segments in volume.groups.items()
        }
        self._truncations, kept = _recover(chosen, volume.quorum, limit)
        self.epoch = self._truncations[-1].epoch
        self.recovered = kept[-1].lsn if kept else 0
        """The VDL that the recovery found: everything up to here is the volume's."""
        self._next = self._truncations[-1].next_lsn
        self._floor = self._next - 1
        """LSNs are handed out up to LAL above this or above the VDL, whichever is higher."""
        self._volume_tail = self.recovered
        self._group_tails = {record.group: record.lsn for record in kept}
        self._page_tails = {record.page: record.lsn for record in kept}
        self._issued: list[Record] = []
        """Those that the volume may not be complete with yet."""
        self._complete = self._durable = self.recovered
        self._scls = {segment: segment.scl for segments in chosen.values() for segment in segments}
        """What each segment has acknowledged. One that was rebuilt is another one, and has not."""
        self._waiting: list[int] = []

    # Writing.

    def issue(self, *pages: int, commit: bool = False) -> list[Record]:
        """Make the records of one mini-transaction, one a page; the last of them is its CPL (FACTS 2.27).

        With `commit` the last one is a commit record too, and waits to be acknowledged. Raises
        BackPressureError, and then nothing has changed.
        """
        if not may_allocate(self._next + len(pages) - 1, max(self.vdl, self._floor), self.limit):
            raise BackPressureError(f"LSN {self._next} is more than {self.limit} above what is durable")
        records = []
        for number, page in enumerate(pages, 1):
            group = self.volume.group_of(page)
            record = Record(
                lsn=self._next,
                group=group,
                page=page,
                epoch=self.epoch,
                volume_previous=self._volume_tail,
                group_previous=self._group_tails.get(group, 0),
                page_previous=self._page_tails.get(page, 0),
                cpl=number == len(pages),
            )
            self._next += 1
            self._volume_tail = self._group_tails[group] = self._page_tails[page] = record.lsn
            records.append(record)
        self._issued.extend(records)
        if commit and records:
            self._waiting.append(records[-1].lsn)
        return records

    def send(self, record: Record, number: int) -> None:
        """Let a record reach one segment of its group, and the acknowledgement come back.

        A segment that has not heard of this epoch hears of it first. Raises StaleEpochError where a newer
        writer has opened the volume.
        """
        segment = self.volume.groups[record.group][number]
        try:
            scl = segment.receive(record, self.epoch)
        except UnknownEpochError:
            segment.learn(self._truncations)
            scl = segment.receive(record, self.epoch)
        self._scls[segment] = scl

    # What is known of it.

    def pgcl(self, group: str) -> int:
        """PGCL of a group, from the SCLs that its segments have acknowledged."""
        scls = [self._scls.get(segment, 0) for segment in self.volume.groups[group]]
        return pgcl(scls, self.volume.quorum)

    @property
    def vcl(self) -> int:
        """VCL of the volume."""
        pgcls = {group: self.pgcl(group) for group in self.volume.groups}
        return vcl(((item.lsn, item.group) for item in self._issued), pgcls, self._complete)

    @property
    def vdl(self) -> int:
        """VDL of the volume."""
        return vdl([self._durable, *(item.lsn for item in self._issued if item.cpl)], self.vcl)

    def acknowledge(self) -> list[int]:
        """The commits that may be acknowledged now and were not before, by LSN (FACTS 2.29)."""
        self._complete, self._durable = self.vcl, self.vdl
        self._issued = [item for item in self._issued if item.lsn > self._complete]
        ready = [lsn for lsn in self._waiting if may_acknowledge(lsn, self._durable)]
        self._waiting = [lsn for lsn in self._waiting if lsn > self._durable]
        return ready


def _recover(
    answering: Mapping[str, list[Segment]], quorum: Quorum, limit: int
) -> tuple[tuple[Truncation, ...], list[Record]]:
    """The truncations with the new one, recorded in the segments that answer, and the records that stay."""
    for group, segments in answering.items():
        proved((segment.scl for segment in segments), quorum)
        if not quorum.can_write(len(segments)):
            raise NoWriteQuorumError(
                f"{len(segments)} segments of {group} answer and {quorum.write} are needed to open it: "
                "repair the others from the read quorum first."
            )
    everybody = [segment for segments in answering.values() for segment in segments]
    known = max((segment.truncations for segment in everybody), key=len)
    for segment in everybody:
        segment.learn(known)
    for segments in answering.values():
        fullest = max(segments, key=lambda item: item.scl)
        for segment in segments:
            segment.gossip(fullest)
    records = {record.lsn: record for segment in everybody for record in segment.complete()}
    kept = _without_gap(records)
    durable = kept[-1].lsn if kept else 0
    if known:
        # LSNs were handed out up to LAL above the VDL or, early in an epoch, above the range that began it.
        begun = truncation(durable, known[-1].epoch, max(0, known[-1].last - durable) + limit)
    else:
        begun = Truncation(1, 0, epoch=1)  # Nobody has ever written: there is nothing to annul.
    truncations = (*known, begun)
    for segment in everybody:
        segment.learn(truncations)
    return truncations, kept


def _without_gap(records: Mapping[int, Record]) -> list[Record]:
    """The records up to the last CPL before the first gap in the volume's chain, in order."""
    chain: list[Record] = []
    whole = 0
    for lsn in sorted(records):
        if records[lsn].volume_previous != (chain[-1].lsn if chain else 0):
            break
        chain.append(records[lsn])
        if records[lsn].cpl:
            whole = len(chain)
    return chain[:whole]
