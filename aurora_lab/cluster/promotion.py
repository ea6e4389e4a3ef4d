"""Promotion: a reader becomes the writer, and no commit that was acknowledged is lost.

The steps, each of which may be done twice; the record in `writer.json` stands from before the first to after
the last, so that a region which dies in between knows what to go on with:

    1. record     the target is to succeed the writer
    2. fence      the storage nodes take the next epoch: nothing the old writer does is acknowledged any more;
                  then it is ended (planned: it stops cleanly first)
    3. hand over  the target receives from nobody any more; then it takes from the volume every log record that a
                  read quorum proves, unless it has all of them. A target without data is made of the volume first
    4. promote    PostgreSQL replays what was handed over, then opens a new timeline
    5. follow     the storage nodes receive from the target, until its commits have their quorum
    6. record     the target is the writer

Why nothing is lost: what the old writer acknowledged four storage nodes had flushed; of the three or more that
answer at least one is among them; and the target may not write before it has replayed the longest copy to its
end. Why nothing is written twice: the old writer cannot reach a quorum any more before the new one opens. What
lies in the dead writer's own folder is not asked for, but for a timeline that nobody else knows.

Why no two timelines have the same number: PostgreSQL takes the first number of which it finds no history, in the
target's own log or in what is handed over to it. Two servers would begin the same one if the second had never
heard of the first one's. Four storage nodes follow a writer before it has anything acknowledged, and take its
history before its log; so of the three that answer at the next promotion one knows the number, *if anything was
acknowledged in it*. It need not be so where the writer opened with three storage nodes, or died before any
followed: then others may answer next time, and the target may have been nobody's reader since. What it began
would be mistaken for the first one's by all that followed that (a rewind compares numbers), so a target that does
not know the newest timeline of a dead writer, or successor, goes on from the end of it. By induction every
timeline is known to the next. Two promotions at once there are not: one at a time has the plane's lock, and
whoever comes second finds the successor of the first in `writer.json`, and ends it before it looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from aurora_lab.cluster import log_copies, log_ends, rebuilding
from aurora_lab.cluster.backup import Backup
from aurora_lab.cluster.configuration import restore_command
from aurora_lab.cluster.layout import STANDBY_SIGNAL, Writership
from aurora_lab.cluster.servers import Notes, Servers, wait_until
from aurora_lab.cluster.storage_nodes import QUORUM_SECONDS, StorageNodes
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotReachableError

PLANNED_STOP_SECONDS = 5.0
"""How long a writer may take to stop cleanly at a planned failover; then it is killed, which loses nothing."""
PROMOTE_SECONDS = 120.0
"""How long the target may take to replay the log, and to open: some 20 ms if it was not behind."""
_STUCK = 20
"""How often a standby asks for a log file of which it has only a part, ten times a second, until it is lost."""
_SEGMENT = re.compile("[0-9A-F]{24}")
_LOG = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")


def promote(
    servers: Servers,
    nodes: StorageNodes,
    backup: Backup,
    target: InstanceSpec,
    old: str | None,
    *,
    planned: bool,
    afresh: bool = False,
) -> Notes:
    """Make the reader `target` the writer; returns when it accepts writes.

    One that has no data gets them of the volume; with `afresh`, also one that has.

    Raises NoReadQuorumError (nothing has been done then), ClusterError, NotReachableError, ServerStartError.
    """
    name, layout = target.name, servers.layout
    state = layout.writership()
    if state == Writership(name):
        return _open(servers, nodes, target)
    # Whoever holds commits that the target may lack, the latest first.
    previous = [other for other in (state.successor, old, state.writer) if other not in (None, name)]
    holders = list(dict.fromkeys(other for other in previous if other is not None))
    nodes.require_read_quorum()
    layout.set_writership(Writership(state.writer, name))
    _fence(servers, nodes, holders, planned=planned)
    if state.successor is not None:
        _put_back(servers, state.successor)
    if not layout.data(name).exists() or (afresh and layout.is_standby(name)):
        servers.adopt_spec(target)
        rebuilding.make_standby(servers, backup, name)
    if layout.is_standby(name):
        truth = nodes.truth()
        _stand_alone(servers, target)
        if truth is not None and _has_all(servers, name, truth):
            truth = None
        begun = _begun(servers, holders, [layout.data(name) / "pg_wal", *([truth] if truth else [])])
        _hand_over_and_promote(servers, target, [source for source in (truth, begun) if source])
    notes = _open(servers, nodes, target)
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


def settle(nodes: StorageNodes, writer: str) -> None:
    """Have the nodes follow a writer that has just opened, and wait for their quorum. Raises NotReachableError."""
    nodes.follow(writer)
    if not nodes.await_quorum(writer):
        raise NotReachableError(f"The storage nodes did not follow {writer} within {QUORUM_SECONDS:g} s.")


def forget_asked(servers: Servers, name: str) -> None:
    """Remove the notes of which log files an instance has asked for."""
    for folder in servers.layout.side(name).glob("asked-*"):
        servers.sweep(folder)


def _stand_alone(servers: Servers, target: InstanceSpec) -> None:
    """Have the target run, and receive nothing from anybody any more: from now on its own log is what it is."""
    name = target.name
    if servers.find(name) is None:
        rebuilding.start(servers, target)
    # This lets it go on where it hangs: a process of it would keep it from letting go of the dead writer.
    servers.settle(name)
    # Not where an earlier try has begun to hand over: a target that was told to promote still needs all of it.
    if servers.sessions.rows(name, "SELECT WHERE current_setting('primary_conninfo') <> ''"):
        servers.write_configuration(servers.layout.data(name), name)
        servers.reload(name)
    receives = "SELECT FROM pg_stat_wal_receiver"
    if not wait_until(lambda: not servers.sessions.rows(name, receives), PROMOTE_SECONDS):
        raise NotReachableError(f"{name} did not let go of the dead writer within {PROMOTE_SECONDS:g} s.")


def _has_all(servers: Servers, name: str, truth: Path) -> bool:
    """Whether the target has all that a read quorum proves, and maybe more."""
    ((replayed,),) = servers.sessions.rows(name, "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint")
    own = servers.layout.data(name) / "pg_wal"
    return log_ends.covers(servers.runtime, servers.layout.folder, own, int(replayed or 0), truth)


def _hand_over_and_promote(servers: Servers, target: InstanceSpec, sources: Sequence[Path]) -> None:
    name = target.name
    hand_over(servers, name, sources)
    # Refused where an earlier try has got that far.
    with suppress(ClusterError):
        servers.sessions.rows(name, "SELECT pg_promote(false)")


def _fence(servers: Servers, nodes: StorageNodes, holders: Sequence[str], *, planned: bool) -> None:
    """Take the volume from everybody who may write, then end them: one that hangs would answer when it wakes."""
    if planned:
        for holder in holders:
            nodes.release(holder)
            servers.stop(holder, "fast", PLANNED_STOP_SECONDS)
    nodes.fence()
    for holder in holders:
        servers.kill(holder)


def _begun(servers: Servers, holders: Sequence[str], known: Sequence[Path]) -> Path | None:
    """The log of a dead writer, or successor, that has begun a timeline of which `known` tell nothing."""
    newest = max(log_ends.newest_timeline(folder) for folder in known)
    for holder in holders:
        folder = servers.layout.data(holder) / "pg_wal"
        if not servers.layout.is_standby(holder) and log_ends.newest_timeline(folder) > newest:
            return folder
    return None


def _put_back(servers: Servers, name: str) -> None:
    """Have a dead successor be a standby again if it was killed between the last two steps of its promotion.

    PostgreSQL removes the signal of a standby just before it writes the history of the new timeline. Whoever dies
    in between has written nothing, and by itself would go on in the old timeline, as if it had been its writer.
    """
    layout = servers.layout
    end = log_copies.last(layout.data(name) / "pg_wal")
    if end is None or layout.is_standby(name) or servers.find(name) is not None or int(end.name[:8], 16) == 1:
        return
    if not (end.file.with_name(f"{end.name[:8]}.history")).exists():
        servers.runtime.write(layout.data(name) / STANDBY_SIGNAL, "")


def _open(servers: Servers, nodes: StorageNodes, target: InstanceSpec) -> Notes:
    """Wait until the promoted target accepts writes with a quorum, and have its files say what it is."""
    name = target.name
    if servers.find(name) is None:
        if servers.layout.is_standby(name):
            raise NotReachableError(f"{target.identifier} died while it was being promoted.")
        notes = servers.start(target, reader=False)
        nodes.forget_truth()
        settle(nodes, name)
        return notes
    servers.settle(name)
    if not wait_until(lambda: not servers.in_recovery(name), PROMOTE_SECONDS):
        raise ClusterError(f"{target.identifier} was not promoted within {PROMOTE_SECONDS:g} s.")
    nodes.forget_truth()
    nodes.follow(name)
    servers.write_configuration(servers.layout.data(name), name)
    servers.reload(name)
    forget_asked(servers, name)
    settle(nodes, name)
    return ()
