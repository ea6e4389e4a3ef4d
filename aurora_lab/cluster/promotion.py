"""Promotion: a reader becomes the writer, and no commit that was acknowledged is lost.

The steps, each of which may be done twice; the record in `writer.json` stands from before the first to after
the last, so that a region which dies in between knows what to go on with:

    1. record     the target is to succeed the writer
    2. fence      whoever was, or may have become, the writer is dead (planned: has stopped cleanly)
    3. hand over  the target takes from the dead writer's log every record that it lacks
    4. promote    PostgreSQL replays what was handed over, then opens a new timeline
    5. record     the target is the writer

Why nothing is lost: what the writer acknowledged it had written to its log; the log is still there, because
killing a process takes nothing back that it has written; and the target may not write before it has replayed
the log to its end. Why nothing is written twice: the old writer is dead before the new one opens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from aurora_lab.cluster.configuration import restore_command
from aurora_lab.cluster.layout import Writership
from aurora_lab.cluster.servers import Notes, Servers, wait_until
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotReachableError
from aurora_lab.cluster.volume import log_source

PLANNED_STOP_SECONDS = 5.0
"""How long a writer may take to stop cleanly at a planned failover; then it is killed, which loses nothing."""
PROMOTE_SECONDS = 120.0
"""How long the target may take to replay the log, and to open: some 20 ms if it was not behind."""
_STUCK = 20
"""How often a standby asks for a log file of which it has only a part, ten times a second, until it is lost."""
_SEGMENT = re.compile("[0-9A-F]{24}")
_LOG = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")


def promote(servers: Servers, target: InstanceSpec, old: str | None, *, planned: bool) -> Notes:
    """Make the reader `target` the writer; returns when it accepts writes.

    Raises ClusterError, NotReachableError, ServerStartError.
    """
    name, layout = target.name, servers.layout
    if not layout.data(name).exists():
        raise ClusterError(f"{target.identifier} has no data and cannot be promoted.")
    state = layout.writership()
    if state == Writership(name):
        return _open(servers, target)
    # Whoever holds commits that the target may lack, the latest first.
    previous = [other for other in (state.successor, old, state.writer) if other not in (None, name)]
    holders = list(dict.fromkeys(other for other in previous if other is not None))
    layout.set_writership(Writership(state.writer, name))
    _fence(servers, holders, planned=planned)
    if layout.is_standby(name):
        sources = [log_source(servers, holder) for holder in holders if not _never_wrote(servers, holder)]
        _hand_over_and_promote(servers, target, [source for source in sources if source.is_dir()])
    notes = _open(servers, target)
    record = layout.record(name)
    if record is not None and record.limits:
        layout.set_limits(record.limits)
    layout.set_writership(Writership(name))
    return notes


def hand_over(servers: Servers, name: str, sources: Sequence[Path]) -> None:
    """Have a running standby take its log from `sources`, and from nobody else; returns once it has come to
    the newest timeline there, by way of log that has no gap.

    From then on PostgreSQL itself sees to completeness: a standby that is told to promote first replays all
    that its restore command can still give. But by itself it would neither look for newer timelines then, nor
    mind a gap. A source is a folder of log segments and timeline histories under their full names and sizes
    (a receiver's `.partial` must have lost its suffix), without a gap of its own. The first source that has a
    file wins, so the one that reaches furthest comes first.

    Raises ClusterError where the standby is too far behind, NotReachableError.
    """
    layout = servers.layout
    available = [file.name for source in sources for file in source.iterdir()]
    newest = max((int(file[:8], 16) for file in available if _LOG.fullmatch(file)), default=0)
    oldest = min((file[8:] for file in available if _SEGMENT.fullmatch(file)), default="")
    forget_asked(servers, name)
    # A new name at each try: the command of an earlier one may still be running.
    asked = layout.side(name) / f"asked-{token_hex(4)}"
    servers.runtime.make_folder(asked)
    servers.write_configuration(
        layout.data(name), name, restore_command=restore_command(tuple(sources), asked)
    )
    servers.reload(name)

    def has_come() -> bool:
        for note in asked.iterdir():
            if not _SEGMENT.fullmatch(note.name):
                continue
            if note.name[8:] >= oldest:
                if int(note.name[:8], 16) >= newest:
                    return True
                continue
            own = list((layout.data(name) / "pg_wal").glob(f"*{note.name[8:]}"))
            if note.stat().st_size > (_STUCK if own else 1):
                # It has asked again and again for what nobody has any more, or has only the beginning of.
                raise ClusterError(f"{name} is too far behind to be promoted: log that it lacks is gone.")
        # An earlier try may have told it to promote already; then it asks for nothing any more.
        return not layout.is_standby(name)

    if not wait_until(has_come, PROMOTE_SECONDS):
        raise NotReachableError(f"{name} did not take over the log within {PROMOTE_SECONDS:g} s.")


def forget_asked(servers: Servers, name: str) -> None:
    """Remove the notes of which log files an instance has asked for."""
    for folder in servers.layout.side(name).glob("asked-*"):
        servers.sweep(folder)


def _hand_over_and_promote(servers: Servers, target: InstanceSpec, sources: Sequence[Path]) -> None:
    name = target.name
    if servers.find(name) is None:
        servers.start(target, reader=True)
    # A process of it that hangs would keep it from letting go of the dead writer.
    servers.need(name).thaw()
    servers.settle(name)
    hand_over(servers, name, sources)
    # Refused where an earlier try has got that far.
    with suppress(ClusterError):
        servers.sessions.rows(name, "SELECT pg_promote(false)")


def _fence(servers: Servers, holders: Sequence[str], *, planned: bool) -> None:
    """End everybody who may write. One that hangs is killed: it would answer again when it wakes."""
    for holder in holders:
        if planned:
            servers.stop(holder, "fast", PLANNED_STOP_SECONDS)
        servers.kill(holder)


def _never_wrote(servers: Servers, name: str) -> bool:
    """Whether a fenced instance was a standby to its end: then it has nothing that its writer has not."""
    return servers.layout.is_standby(name)


def _open(servers: Servers, target: InstanceSpec) -> Notes:
    """Wait until the promoted target accepts writes, and have its files say what it is."""
    name = target.name
    if servers.find(name) is None:
        if servers.layout.is_standby(name):
            raise NotReachableError(f"{target.identifier} died while it was being promoted.")
        return servers.start(target, reader=False)
    servers.settle(name)
    if not wait_until(lambda: not servers.in_recovery(name), PROMOTE_SECONDS):
        raise ClusterError(f"{target.identifier} was not promoted within {PROMOTE_SECONDS:g} s.")
    servers.write_configuration(servers.layout.data(name), name)
    servers.reload(name)
    forget_asked(servers, name)
    return ()
