"""Copies of the log as they lie in folders: how far each reaches, which is the longest, how a tail is cut.

A copy is what pg_receivewal writes: finished segments under their full names, the one that is being written
with `.partial` behind its name, and the histories of the timelines. A segment that is being written has its
full size from the beginning: how far it is filled only its content says. Names of 24 hexadecimal digits sort
as the log goes: eight of the timeline, sixteen of the segment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from aurora_lab.runtime.base import Runtime, ToolError

SEGMENT = re.compile("[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
PARTIAL = ".partial"
_LAST_RECORD = re.compile("error in WAL record at ([0-9A-F]+)/([0-9A-F]+)")
_NO_RECORD = ("could not find a valid record", "invalid WAL segment size")
"""What PostgreSQL says of a segment without a whole record, and of one that has just been begun."""
_COMPLETE = 1 << 64
"""Beyond any position: a segment that is valid to its end."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last segment of a copy."""

    name: str
    """24 hexadecimal digits."""
    file: Path

    @property
    def complete(self) -> bool:
        """Whether it has been finished."""
        return self.file.suffix != PARTIAL


def last(folder: Path) -> Last | None:
    """The last segment in a folder, on the newest timeline; None where there is none."""
    found = [Last(file.name.removesuffix(PARTIAL), file) for file in files(folder)]
    found = [each for each in found if SEGMENT.fullmatch(each.name)]
    return max(found, key=lambda each: (each.name, each.complete), default=None)


def finished(folder: Path) -> list[Path]:
    """The finished segments, oldest first."""
    return sorted(file for file in files(folder) if SEGMENT.fullmatch(file.name))


def reach(folder: Path) -> int:
    """Up to which byte of the log a copy is filled, as its files show it; 0 for an empty one."""
    found = last(folder)
    if found is None:
        return 0
    try:
        size = found.file.stat().st_size
        filled = size if found.complete else len(found.file.read_bytes().rstrip(b"\0"))
    except OSError:  # just renamed
        return 0
    # Records begin at multiples of eight.
    return start_of(found.name, size) + min(size, (filled + 7) & ~7)


def start_of(segment: str, size: int) -> int:
    """The position at which a segment begins; `size` in bytes."""
    return (int(segment[8:16], 16) << 32) + int(segment[16:24], 16) * size


def longest(runtime: Runtime, root: Path, copies: Mapping[str, Path]) -> str | None:
    """Which of several copies reaches furthest, by name; None where there is no log at all.

    Of copies that end in the same segment, PostgreSQL itself says which has more valid records: what lies
    behind the last valid one may be the rest of an older life. Raises ToolError.
    """
    ends = {name: found for name, folder in copies.items() if (found := last(folder)) is not None}
    if not ends:
        return None
    furthest = max(end.name for end in ends.values())
    ends = {name: end for name, end in ends.items() if end.name == furthest}
    for name, end in ends.items():
        if end.complete:
            return name
    different: dict[bytes, str] = {}
    for name, end in ends.items():
        different.setdefault(end.file.read_bytes(), name)
    names = list(different.values())
    if len(names) == 1:
        return names[0]
    with ThreadPoolExecutor(len(names)) as threads:
        valid = threads.map(lambda name: last_valid(runtime, root, ends[name], copies[name].parent), names)
    # With no record that begins there, one may still end there: whoever has more bytes has it.
    filled = [len(ends[name].file.read_bytes().rstrip(b"\0")) for name in names]
    return max(zip(valid, filled, names, strict=True))[2]


def put_together(runtime: Runtime, copy: Path, target: Path) -> None:
    """Make a folder in which a server finds the whole of a copy under full names, without a second copy of it.

    Nothing may write to the copy meanwhile.
    """
    end = last(copy)
    runtime.make_folder(target)
    for file in files(copy):
        if SEGMENT.fullmatch(file.name) or HISTORY.fullmatch(file.name):
            os.link(file, target / file.name)
    if end is not None and not end.complete:
        os.link(end.file, target / end.name)


def trim(folder: Path, kept: int, may_go: Callable[[Path], bool]) -> None:
    """Remove finished segments, the oldest first, but for the newest `kept` and for what may not go yet."""
    for segment in finished(folder)[:-kept]:
        if not may_go(segment):
            break
        segment.unlink(missing_ok=True)


def rebuild(runtime: Runtime, peer: Path, target: Path) -> None:
    """Make `target` a copy of a peer's, whatever it was. The peer may go on receiving. Raises ToolError."""
    mark = token_hex(4)
    staging, making = target.with_name(f"staging-{mark}"), target.with_name(f"{target.name}.new-{mark}")
    try:
        put_together(runtime, peer, staging)
        # The segment that the peer is writing now is received from the writer, from its beginning.
        if (end := last(staging)) is not None:
            end.file.rename(staging / (end.name + PARTIAL))
        runtime.copy_tree(staging, making)
        runtime.remove_tree(target)
        making.rename(target)
    except OSError as error:  # The peer has just finished or trimmed a segment.
        raise ToolError(f"{target.name} could not be rebuilt from {peer.name}: {error}") from error
    finally:
        runtime.remove_tree(staging)
        runtime.remove_tree(making)


def cut(folder: Path, end: str) -> int:
    """Remove from a copy what lies beyond the segment `end`, and reopen that; how many files that were.

    The log beyond was never acknowledged, and those who have gone on since do not know it: the copy would ask
    for more of it for ever. The segment itself is received again from its beginning.
    """
    removed = 0
    for file in files(folder):
        name = file.name.removesuffix(PARTIAL)
        if HISTORY.fullmatch(name):
            beyond = name[:8] > end[:8]
        elif SEGMENT.fullmatch(name):
            beyond = name[:8] > end[:8] or name[8:] > end[8:]
            if not beyond and name[8:] == end[8:] and name == file.name:
                file.rename(file.with_name(name + PARTIAL))
                removed += 1
        else:
            beyond = False
        if beyond:
            file.unlink()
            removed += 1
    return removed


def files(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where there is none."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def last_valid(runtime: Runtime, root: Path, end: Last, beside: Path) -> int:
    """Where the last valid record of a segment begins; 0 where none begins in it, more than any where it is full.

    `beside`: where a folder may be made for a moment. Raises ToolError.
    """
    # The tool wants the full name; a folder of its own, since several are looked at at once.
    folder = beside / f"check-{token_hex(4)}"
    runtime.make_folder(folder)
    try:
        os.link(end.file, folder / end.name)
        runtime.tool(root, "pg_waldump", "--quiet", f"--path={folder}", end.name)
        return _COMPLETE
    except ToolError as error:
        if any(sign in str(error) for sign in _NO_RECORD):
            return 0
        found = _LAST_RECORD.search(str(error))
        if found is None:
            # Never take a copy for shorter than it is because a tool was not heard.
            raise
        return (int(found[1], 16) << 32) + int(found[2], 16)
    finally:
        runtime.remove_tree(folder)
