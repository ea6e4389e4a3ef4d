"""Where copies of the log end, when their writer is dead: what is cut off, what is dropped, who has more.

A log does not end at the same place everywhere. A receiver may have been killed while it began a segment. A
writer may have died in the middle of a record, beyond a segment's end that its storage nodes have finished: the
next one opens before that record, and knows nothing of what lies behind it. And a reader may have replayed what
no read quorum has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from aurora_lab.cluster.log_copies import (
    HISTORY,
    PARTIAL,
    SEGMENT,
    Last,
    cut,
    files,
    finished,
    last,
    last_valid,
    start_of,
)
from aurora_lab.runtime.base import Runtime, ToolError

SEGMENT_BYTES = 1 << 20
"""Of every segment: the template is made so."""
_SAFE_SEGMENTS = 48
"""Of the 64 that a server keeps (`wal_keep_size`)."""
_SWITCH = re.compile(r"^(\d+)\t([0-9A-F]+)/([0-9A-F]+)", re.MULTILINE)


def fit(copy: Path, annulled_from: str | None, writer: Path) -> int:
    """Cut off what a writer, with its log in the folder `writer`, does not know; how many files that were.

    That is what lies beyond the segment `annulled_from`, and on each earlier timeline what lies beyond the point
    where the writer left it. A receiver that has begun a later segment there would ask for the rest of it for ever.
    """
    removed = mend(copy)
    if annulled_from is not None:
        removed += cut(copy, annulled_from)
    kept = {timeline: (position - 1) // SEGMENT_BYTES for timeline, position in _left_at(writer).items()}
    for file in files(copy):
        name = file.name.removesuffix(PARTIAL)
        if SEGMENT.fullmatch(name) and _number(name) > kept.get(int(name[:8], 16), _number(name)):
            file.unlink()
            removed += 1
    end = last(copy)
    if end is not None and end.complete and kept.get(int(end.name[:8], 16)) == _number(end.name):
        # Received once more, it leads on to the next timeline; nobody may begin where an earlier one ends.
        end.file.rename(end.file.with_name(end.name + PARTIAL))
        removed += 1
    return removed


def mend(copy: Path) -> int:
    """Drop a segment that was being made when its receiver was killed; how many files that were.

    A receiver first fills a new file with zeros and only then writes to it: one without its full size has
    nothing in it, but the receiver would refuse to go on.
    """
    short = [file for file in files(copy) if file.suffix == PARTIAL and file.stat().st_size != SEGMENT_BYTES]
    for file in short:
        file.unlink()
    return len(short)


def drop_left_behind(copy: Path) -> None:
    """Drop the unfinished last segments of earlier timelines, once the next timeline's has been finished.

    The timeline that followed begins with the same segment, and has all of it that counts.
    """
    newest = {file.name[8:]: file.name for file in finished(copy)}
    for file in files(copy):
        name = file.name.removesuffix(PARTIAL)
        if file.suffix == PARTIAL and SEGMENT.fullmatch(name) and name < newest.get(name[8:], ""):
            file.unlink(missing_ok=True)


def bring_log(runtime: Runtime, writer: Path, target: Path, copies: Iterable[Path]) -> None:
    """Give a new server, with its log in `target`, the segments before its first that some copy has not finished,
    and the histories of earlier timelines.

    Should it become the writer, the storage nodes will want the rest of them: a base backup alone does not have
    it, and without a write quorum nobody else does. Raises ToolError.
    """
    copies = list(copies)
    behind = [end.name[8:] for copy in copies if (end := last(copy)) is not None]
    first = min((file.name[8:] for file in finished(target)), default="")
    there = finished(writer)
    # The oldest of what a server keeps may be taken for new log at any time.
    wanted = [file for file in there[-_SAFE_SEGMENTS:] if min(behind, default=first) <= file.name[8:] < first]
    newest = max((file.name[:8] for file in there), default="")
    known = {file.name for file in files(target)}
    histories = {file.name: file for folder in (*copies, writer) for file in files(folder)}
    wanted += [
        file
        for name, file in histories.items()
        if HISTORY.fullmatch(name) and name[:8] <= newest and name not in known
    ]
    if not wanted:
        return
    mark = token_hex(4)
    staging, making = target.with_name(f"staging-{mark}"), target.with_name(f"copied-{mark}")
    runtime.make_folder(staging)
    try:
        for file in wanted:
            os.link(file, staging / file.name)
        runtime.copy_tree(staging, making)
        for file in files(making):
            file.rename(target / file.name)
    except OSError as error:
        raise ToolError(f"Log could not be copied from {writer}: {error}") from error
    finally:
        runtime.remove_tree(staging)
        runtime.remove_tree(making)


def covers(runtime: Runtime, root: Path, own: Path, replayed: int, copy: Path) -> bool:
    """Whether a server that receives nothing any more has every whole record of a copy (under full names).

    `own` is its `pg_wal`, `replayed` up to which byte it has replayed. Such a server must not be given the copy:
    it would take the copy's shorter last segment for its own, and miss what it has replayed. Raises ToolError.
    """
    end = last(copy)
    if end is None:
        return True
    start = start_of(end.name, SEGMENT_BYTES)
    mine = Last(end.name, own / end.name)
    if not mine.file.exists():
        later = any(file.name[:8] == end.name[:8] and file.name > end.name for file in finished(own))
        return later and replayed >= start + SEGMENT_BYTES
    with ThreadPoolExecutor(2) as threads:
        theirs, ours = threads.map(lambda each: last_valid(runtime, root, each, copy.parent), (end, mine))
    if theirs == 0:
        # At most the end of one record lies in that segment.
        return replayed > start
    return ours >= theirs


def newest_timeline(folder: Path) -> int:
    """The newest timeline of which a folder has log, or the history; 0 where there is neither."""
    names = (file.name.removesuffix(PARTIAL) for file in files(folder))
    return max(
        (int(name[:8], 16) for name in names if SEGMENT.fullmatch(name) or HISTORY.fullmatch(name)), default=0
    )


def _number(segment: str) -> int:
    """Which segment of the log a name means, whatever its timeline."""
    return start_of(segment, SEGMENT_BYTES) // SEGMENT_BYTES


def _left_at(writer: Path) -> dict[int, int]:
    """Where a server has left each earlier timeline, in bytes of the log, as its newest history says."""
    histories = sorted(file for file in files(writer) if HISTORY.fullmatch(file.name))
    if not histories:
        return {}
    text = ""
    with suppress(OSError):
        text = histories[-1].read_text(encoding="ascii")
    return {
        int(timeline): (int(high, 16) << 32) + int(low, 16) for timeline, high, low in _SWITCH.findall(text)
    }
