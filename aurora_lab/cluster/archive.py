"""Where a cluster's continuous backup lies: base images of the volume, and all log since (FACTS 11.1, 11.2).

The folder stands for Aurora's own bucket in S3. As on AWS it is none of the account's buckets, so no S3 client
lists it. It is files and not objects of the mounted S3 because that one (moto) keeps its objects in memory, and
a backup has to outlive the region's process.

    log/SEGMENT             log, as storage nodes have finished it; copied once and never changed again
    log/SEGMENT.partial     what there is of the newest segment; replaced by rename as it grows
    log/TIMELINE.history    where each timeline began
    bases/NAME              a data directory on which nobody ever runs; the first base is the template
    backup.json             the bases, and up to which moment everything that was committed is here

What is under its final name is complete; names with `.new-` in them are rubbish of a dead attempt.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any

from aurora_lab.cluster import log_copies
from aurora_lab.cluster.configuration import BUILT_IN_LIMITS, as_json
from aurora_lab.cluster.images import BackupError, Image, copy_file, image_of, link_tree, make_image, own
from aurora_lab.cluster.log_copies import HISTORY, PARTIAL, SEGMENT
from aurora_lab.runtime.base import Runtime

MOST_LOG_BYTES = 1 << 30
"""How much log is kept at most; with more, the oldest moments can no longer be restored."""

MOST_BASES = 4
"""How many bases are kept at most; each may be as large as the volume. The template is one for nothing."""
RUBBISH_SECONDS = 600.0
NOTE_SECONDS = 10.0
"""How often it is written down up to when there is log, while there is nothing else to write."""


@dataclass(frozen=True, slots=True)
class Base:
    """A data directory that any moment from `at` on can be reached from, with the log since `first_log`."""

    data: str
    first_log: str
    """The segment in which replay begins."""
    end_log: str
    """The newest segment that is in it."""
    at: float
    """Seconds since the epoch; nothing in it was committed later."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup has."""

    bases: tuple[Base, ...] = ()
    """Oldest first."""
    latest: float = 0.0
    """Seconds since the epoch: what was acknowledged until then is here."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """The highest LIMITS of any writer: replay needs as much."""


class Archive:
    """One backup. Safe to share between threads; one process at a time."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder
        self.log = folder / "log"
        self.lock = threading.RLock()
        self._contents: Contents | None = None
        self._written = 0.0

    # What there is.

    def contents(self) -> Contents:
        """The bases, and up to when there is log."""
        with self.lock:
            if self._contents is None:
                self._contents = _read(self.folder / "backup.json")
            return self._contents

    def window(self) -> tuple[float, float] | None:
        """The earliest and the latest moment that can be restored; None where there is no base."""
        found = self.contents()
        if not found.bases:
            return None
        return found.bases[0].at, max(found.latest, found.bases[0].at)

    def has(self, segment: Path) -> bool:
        """Whether a finished segment is here."""
        return (self.log / segment.name).exists()

    def segments(self) -> list[str]:
        """The names of the finished segments, oldest first."""
        return [file.name for file in log_copies.finished(self.log)]

    def gap(self) -> bool:
        """Whether log is missing between the newest base and the newest segment, or there is no base."""
        bases = self.contents().bases
        if not bases:
            return True
        first = number(bases[-1].first_log)
        have = {number(name) for name in self.segments()}
        end = log_copies.last(self.log)
        if end is None:
            return False  # Nothing has been written on it yet.
        have.add(number(end.name))
        return any(each not in have for each in range(first, max(have) + 1))

    def log_bytes(self, since: str = "") -> int:
        """How much finished log there is beyond the segment `since`."""
        sizes = (size_of(self.log / name) for name in self.segments() if name[8:] > since[8:])
        return sum(sizes)

    # Adding.

    def begin(self, base: Base) -> None:
        """Make an empty backup with its first base."""
        with self.lock:
            if not self.contents().bases:
                self.runtime.make_folder(self.log)
                self._write(Contents((base,), base.at))

    def add_segment(self, source: Path) -> None:
        """Keep a finished segment, or the history of a timeline."""
        target = self.log / source.name
        if not target.exists():
            copy_file(source, target)

    def add_partial(self, name: str, content: bytes, owner: os.stat_result) -> None:
        """Keep what there is of the newest segment; `owner` also says how long a segment is."""
        with self.lock:
            if (self.log / name).exists():
                return
            target = self.log / f"{name}{PARTIAL}"
            if not target.exists() or target.read_bytes().rstrip(b"\0") != content:
                making = target.with_name(f".{name}.new-{token_hex(4)}")
                making.touch(mode=0o600)
                making.write_bytes(content)
                os.truncate(making, owner.st_size)
                own(making, owner)
                making.replace(target)
            for file in self.log.glob(f"*{PARTIAL}"):
                if file != target and (file.name < target.name or self.has(file.with_suffix(""))):
                    file.unlink(missing_ok=True)

    def note(self, latest: float, limits: Mapping[str, int]) -> None:
        """Everything that was acknowledged until `latest` is here now."""
        with self.lock:
            known = self.contents()
            after = replace(known, latest=max(latest, known.latest), limits=dict(limits))
            # In the file it may be a little older: whoever reads it next has less to offer, not more.
            self._contents = after
            if after.limits != known.limits or latest - self._written > NOTE_SECONDS:
                self._write(after)

    def add_base(self, base: Base) -> None:
        """Have replays begin at a newer base; of too many the one goes that saves the least replaying."""
        with self.lock:
            bases = [*self.contents().bases, base]
            while len(bases) > MOST_BASES:
                middle = range(1, len(bases) - 1)
                del bases[min(middle, key=lambda each: _between(bases[each - 1], bases[each + 1]))]
            self._write(replace(self.contents(), bases=tuple(bases)))

    def new_base(self) -> Path:
        """A name for a base's data directory."""
        return self.folder / "bases" / token_hex(6)

    def replace_bases(self, base: Base) -> None:
        """Begin anew with a base where log before it is missing: nothing earlier can be restored."""
        with self.lock:
            self._write(replace(self.contents(), bases=(base,), latest=base.at))

    # Removing.

    def prune(self, earliest: float) -> None:
        """Remove what no moment from `earliest` on needs, and the oldest of what is more than may be kept."""
        with self.lock:
            found = self.contents()
            bases = list(found.bases)
            while len(bases) > 1 and (
                bases[1].at <= earliest or self.log_bytes(before(bases[0].first_log)) > MOST_LOG_BYTES
            ):
                del bases[0]
                if bases[0].at > earliest:
                    self._forget(bases[0].first_log)
            if len(bases) < len(found.bases):
                self._write(replace(found, bases=tuple(bases)))
            if bases:
                self._forget(bases[0].first_log)
            kept = {base.data for base in bases}
            for folder in self.folder.glob("bases/*"):
                if str(folder) not in kept:
                    self.runtime.remove_tree(folder)
            for file in self.log.glob(".*.new-*"):
                # A copy takes milliseconds: whoever made this one is dead.
                if time() - file.stat().st_mtime > RUBBISH_SECONDS:
                    file.unlink(missing_ok=True)

    def delete(self) -> None:
        """Remove the backup; images that were made from it stay."""
        with self.lock:
            self._contents = None
            self.runtime.remove_tree(self.folder)

    # Images.

    def export(self, target: Path, until: float | None) -> None:
        """Make `target` an image for the moment `until`, or for the latest; nothing happens where it exists.

        Raises BackupError where nothing from that time is kept.
        """
        with self.lock:
            if target.exists():
                return
            bases = [base for base in self.contents().bases if until is None or base.at <= until]
            if not bases:
                raise BackupError("The backup does not reach back to that time.")
            base = bases[-1]
            limits = {**BUILT_IN_LIMITS, **self.contents().limits}
            image = Image(base.first_log, base.end_log, limits)
            make_image(self.runtime, Path(base.data), self.log, image, target)

    def adopt(self, image: Path, own_log: Path, end: str, at: float) -> None:
        """Begin the backup of a volume that was restored from an image: by the same way it can be made again.

        `own_log` is the `pg_wal` of the restored volume, which has begun a timeline of its own; it ends in the
        segment `end`.
        """
        self.delete()
        self.runtime.make_folder(self.log)
        self.runtime.make_folder(self.folder / "bases")
        link_tree(image / "base", data := self.new_base())
        found = image_of(image)
        newest = end[:8]
        ends = forks(own_log / f"{newest}.history")
        end_log = found.end_log
        for file in sorted((image / "log").iterdir()):
            name = file.name.removesuffix(PARTIAL)
            if SEGMENT.fullmatch(name):
                if log_copies.start_of(name, file.stat().st_size) > ends.get(int(name[:8], 16), -1):
                    continue
                end_log = max(end_log, name, key=lambda each: each[8:])
            elif not HISTORY.fullmatch(name) or int(name[:8], 16) not in ends:
                continue
            os.link(file, self.log / file.name)
        for file in log_copies.finished(own_log):
            if file.name[:8] == newest and file.name < end:
                copy_file(file, self.log / file.name)
        copy_file(own_log / end, self.log / f"{end}{PARTIAL}")
        copy_file(own_log / f"{newest}.history", self.log / f"{newest}.history")
        self._write(Contents((Base(str(data), found.first_log, end_log, at),), at, found.limits))

    # Helpers.

    def _forget(self, first_log: str) -> None:
        """Remove the log before a segment."""
        for name in self.segments():
            if name[8:] < first_log[8:]:
                (self.log / name).unlink(missing_ok=True)

    def _write(self, contents: Contents) -> None:
        self.runtime.make_folder(self.folder)
        value = {
            "bases": [asdict(base) for base in contents.bases],
            "latest": contents.latest,
            "limits": dict(contents.limits),
        }
        self.runtime.write(self.folder / "backup.json", as_json(value))
        self._contents = contents
        self._written = contents.latest


def number(segment: str, size: int = 1 << 20) -> int:
    """Which segment of the log it is, whatever its timeline; `size` in bytes (the lab's log has 1 MB)."""
    return log_copies.start_of(segment, size) // size


def before(segment: str) -> str:
    """A name that sorts just before a segment's."""
    return f"{segment[:8]}{int(segment[8:], 16) - 1:016X}"


def size_of(file: Path) -> int:
    """Bytes; 0 for a file that is gone."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def forks(history: Path) -> dict[int, int]:
    """At which position each earlier timeline ends, by a timeline's history file."""
    past = [line.split() for line in history.read_text(encoding="ascii").splitlines() if line.strip()]
    return {int(line[0]): _position(line[1]) for line in past if line[0].isdigit()}


def _between(one: Base, other: Base) -> int:
    """How many segments of log lie between the ends of two bases."""
    return number(other.end_log) - number(one.end_log)


def _position(text: str) -> int:
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _read(file: Path) -> Contents:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Contents()
    return Contents(tuple(Base(**base) for base in found["bases"]), found["latest"], found["limits"])
