"""Promotion: a reader becomes the writer, and no commit that was acknowledged is lost.

The steps, each of which may be done twice; the record in `writer.json` stands from before the first to after
the last, so that a region which dies in between knows what to go on with:

    1. record     the target is to succeed the writer
    2. fence      the storage nodes take the next epoch: nothing the old writer does is acknowledged any more;
                  then it is ended (planned: it stops cleanly first)
    3. hand over  the target receives from nobody any more; then it takes from the volume every log record that a
                  read quorum proves, unless it has all of them
    4. promote    PostgreSQL replays what was handed over, then opens a new timeline
    5. follow     the storage nodes receive from the target, until its commits have their quorum
    6. record     the target is the writer

Why nothing is lost: what the old writer acknowledged four storage nodes had flushed; of the three or more that
answer at least one is among them; and the target may not write before it has replayed the longest copy to its
end. Why nothing is written twice: the old writer cannot reach a quorum any more before the new one opens. What
lies in the dead writer's own folder is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from aurora_lab.cluster import log_ends
from aurora_lab.cluster.configuration import restore_command
from aurora_lab.cluster.layout import Writership
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
    servers: Servers, nodes: StorageNodes, target: InstanceSpec, old: str | None, *, planned: bool
) -> Notes:
    """Make the reader `target` the writer; returns when it accepts writes.

    Raises NoReadQuorumError (nothing has been done then), ClusterError, NotReachableError, ServerStartError.
    """
    name, layout = target.name, servers.layout
    if not layout.data(name).exists():
        raise ClusterError(f"{target.identifier} has no data and cannot be promoted.")
    state = layout.writership()
    if state == Writership(name):
        return _open(servers, nodes, target)
    # Whoever holds commits that the target may lack, the latest first.
    previous = [other for other in (state.successor, old, state.writer) if other not in (None, name)]
    holders = list(dict.fromkeys(other for other in previous if other is not None))
    nodes.require_read_quorum()
    layout.set_writership(Writership(state.writer, name))
    _fence(servers, nodes, holders, planned=planned)
    if layout.is_standby(name):
        truth = nodes.truth()
        _stand_alone(servers, target)
        if truth is not None and _has_all(servers, name, truth):
            truth = None
        # A successor that was promoted, but did not live to be the writer, has begun a timeline: the target goes
        # on from its end, since a second timeline of the same number would be mistaken for it.
        begun = _begun(servers, state.successor if state.successor != name else None)
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
        servers.start(target, reader=True)
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


def _begun(servers: Servers, successor: str | None) -> Path | None:
    """The log of a dead successor that was promoted; None where it was a standby to its end."""
    if successor is None or servers.layout.is_standby(successor):
        return None
    folder = servers.layout.data(successor) / "pg_wal"
    return folder if folder.is_dir() else None


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
