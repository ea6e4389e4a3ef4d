"""Readers: made from the writer, brought back after they were something else, and led to a new writer."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep

from aurora_lab.cluster.connections import WRONG_PASSWORD
from aurora_lab.cluster.layout import STANDBY_SIGNAL, Record
from aurora_lab.cluster.log_ends import bring_log
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.servers import POLL_SECONDS, Notes, Servers
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotReachableError, NotTheWriterError
from aurora_lab.runtime.base import ServerStartError, ToolError

log = logging.getLogger(__name__)

STREAM_SECONDS = 8.0
"""How long a reader may take to stream; it takes some 20 ms. After that it is made anew."""
_IS_SENT_TO = (
    "SELECT pid FROM pg_stat_replication WHERE application_name = %s AND state IN ('catchup', 'streaming')"
)
_RECEIVES = """
    SELECT sender_host, sender_port FROM pg_stat_wal_receiver
    WHERE pg_last_wal_replay_lsn() >= %s::pg_lsn
"""
_HOPELESS = re.compile(
    ".*(requested WAL segment .* has already been removed"
    "|forked off current database system timeline"
    "|requested starting point .* is not in this server's history"
    "|is ahead of the WAL flush position"
    "|is behind recovery timeline"
    "|database system identifier differs"
    "|recovery has paused).*"
)
"""What a server logs that can never stream from its writer."""


def start_reader(servers: Servers, spec: InstanceSpec, writer: str) -> Notes:
    """Make an instance a reader that streams from the running writer, whatever it was before.

    Tried in this order, the quickest first: take it as it runs; start what is there; rewind what was a writer;
    copy the template, if the writer still has all its log since; copy the writer.

    Raises ServerStartError, NotReachableError, NotTheWriterError, ToolError.
    """
    name, layout = spec.name, servers.layout
    _check_writer(servers, name, writer)
    servers.adopt_spec(spec)
    servers.sweep(*layout.rubbish(layout.data(name)))
    if servers.find(name) is not None:
        try:
            servers.settle(name)
            if servers.in_recovery(name) and follow_running(servers, spec, writer):
                return ()
        except _WriterGoneError:
            raise
        except NotReachableError as error:
            _require_writer(servers, name, writer, error)  # Else it hangs, or has just ended.
        servers.kill(name)
    if layout.data(name).exists() and not layout.is_standby(name):
        _rewind(servers, name, writer)
    if layout.data(name).exists() or _copy_template(servers, name, writer):
        try:
            return _start_and_stream(servers, spec, writer)
        except _WriterGoneError:
            raise
        except ClusterError as error:
            _require_writer(servers, name, writer, error)
            log.warning("%s It is made anew.", error)
            servers.kill(name)
        except ServerStartError as error:
            if not _port_is_free(spec.port):
                raise
            log.warning("%s It is made anew.", error)
    _copy(servers, name, writer)
    return _start_and_stream(servers, spec, writer)


def follow_running(servers: Servers, spec: InstanceSpec, writer: str) -> bool:
    """Lead a running reader to the writer without a restart; False when it cannot follow like that."""
    name = spec.name
    record = servers.layout.record(name)
    limits = record.limits if record is not None else {}
    floors = servers.layout.limits().now
    if any(limits.get(limit, 0) < value for limit, value in floors.items()):
        return False  # Only a restart can raise them, and until then it would stop replaying.
    said = _Log(servers.layout.log(name))
    primary = servers.primary_conninfo(name, writer)
    # A process of it that hangs would keep it from letting go of the writer that it had.
    servers.need(name).thaw()
    servers.write_configuration(servers.layout.data(name), name, primary=primary)
    servers.reload(name)
    if not _streams_soon(servers, name, writer, said):
        return False
    _let_lag(servers, name, primary)
    return True


def running_readers(servers: Servers) -> list[Record]:
    """The readers whose servers run."""
    layout = servers.layout
    records = [layout.record(name) for name in layout.names() if layout.is_standby(name)]
    return [record for record in records if record is not None and servers.find(record.spec.name) is not None]


def raise_limits(servers: Servers, limits: Mapping[str, int]) -> None:
    """Restart the readers that have less than the writer has or is about to have.

    Restartable: who is to be restarted stands in a file until the last of them has been.
    """
    layout = servers.layout
    low = [
        record.spec.name
        for record in running_readers(servers)
        if any(record.limits.get(name, 0) < value for name, value in limits.items())
    ]
    begun = layout.restarting()
    names = [*begun, *(name for name in low if name not in begun)]
    if not names:
        return
    layout.set_limits(limits)
    layout.set_restarting(names)
    for name in names:
        record = layout.record(name)
        if name in low:
            servers.stop(name)
        if record is not None and layout.is_standby(name) and servers.find(name) is None:
            servers.start(record.spec, reader=True)
    layout.set_restarting([])


def lead(servers: Servers, writer: str) -> None:
    """Tell the running readers where their writer is; those that know it already do not mind."""
    for record in running_readers(servers):
        name = record.spec.name
        primary = servers.primary_conninfo(name, writer)
        servers.write_configuration(servers.layout.data(name), name, primary=primary, lagging=True)
        server = servers.find(name)
        if server is not None:
            server.reload()


def _start_and_stream(servers: Servers, spec: InstanceSpec, writer: str) -> Notes:
    """Start a standby and wait until it streams. Raises ServerStartError, ClusterError."""
    said = _Log(servers.layout.log(spec.name))
    primary = servers.primary_conninfo(spec.name, writer)
    try:
        notes = servers.start(spec, reader=True, primary=primary)
    except ServerStartError as error:
        if servers.find(writer) is not None:
            raise
        # Without it a server may wait for the end of its base backup for ever.
        message = f"The writer {writer} has died: {spec.name} waits for the next one."
        raise _WriterGoneError(message) from error
    if not _streams_soon(servers, spec.name, writer, said):
        raise ClusterError(f"{spec.identifier} has started but does not stream from {writer}.")
    _let_lag(servers, spec.name, primary)
    return notes


def _let_lag(servers: Servers, name: str, primary: str) -> None:
    """From now on a reader lags. Not before it streams: it would wait with the way to another timeline, too."""
    if servers.write_configuration(servers.layout.data(name), name, primary=primary, lagging=True):
        servers.reload(name)


def _streams_soon(servers: Servers, name: str, writer: str, said: _Log) -> bool:
    """Wait until a reader streams from the writer; False when it does not, or says that it never will.

    Raises NotReachableError where one of the two has died meanwhile.
    """
    source = servers.need(writer)
    host, port = source.peer_address
    # One that is new has to have what was there before it.
    try:
        ((reached,),) = servers.sessions.rows(writer, "SELECT pg_current_wal_lsn()::text")
    except NotReachableError as error:
        raise _WriterGoneError(f"The writer {writer} does not answer: {name} waits for it.") from error

    def streams() -> bool:
        # The reader calls it streaming as soon as it has connected; whether the writer agrees, the writer knows.
        if not servers.sessions.rows(writer, _IS_SENT_TO, name):
            return False
        try:
            rows = servers.sessions.rows(name, _RECEIVES, reached)
        except NotReachableError as error:
            if WRONG_PASSWORD not in str(error):
                raise
            return False  # It has not yet replayed the administrator's password.
        return bool(rows) and tuple(rows[0]) == (host, port)

    why = f"not within {STREAM_SECONDS:g} s"
    deadline = monotonic() + STREAM_SECONDS
    while monotonic() < deadline:
        # Seen once is enough: it stops for a moment when it comes to the writer's timeline.
        if streams():
            return True
        if not source.running():
            raise _WriterGoneError(f"The writer {writer} has died: {name} waits for the next one.")
        if hopeless := said.hopeless():
            why = hopeless
            break
        sleep(POLL_SECONDS)
    log.warning("%s does not stream from %s: %s", name, writer, why)
    return False


def _check_writer(servers: Servers, name: str, writer: str) -> None:
    state = servers.layout.writership()
    if state.writer != writer or state.successor is not None or name == writer:
        raise NotTheWriterError(
            f"{name} cannot read from {writer}: the writer is {state.writer or 'nobody'}"
            + (f", and {state.successor} is to become it." if state.successor else ".")
        )
    if servers.in_recovery(writer):
        raise NotTheWriterError(f"{name} cannot read from {writer}, which has not become the writer yet.")


def _require_writer(servers: Servers, name: str, writer: str, error: ClusterError) -> None:
    """Raise _WriterGoneError where the writer does not run: then the reader keeps what it has, and goes on."""
    server = servers.find(writer)
    if server is None or not server.running():
        raise _WriterGoneError(f"The writer {writer} has died: {name} waits for the next one.") from error


def _rewind(servers: Servers, name: str, writer: str) -> None:
    """Turn the data directory of a former writer into a standby's: undo what the new writer has not seen.

    Under another name meanwhile, since a rewind that is cut short leaves rubbish. Where it cannot be done the
    data directory is gone afterwards, and the caller makes a new one.
    """
    layout, runtime = servers.layout, servers.runtime
    # A rewind looks at the new writer's control file, which names the new timeline only after a checkpoint.
    servers.sessions.rows(writer, "CHECKPOINT", seconds=60.0)
    rewinding = layout.new(layout.data(name))
    layout.data(name).rename(rewinding)
    # It is dead, we have seen to that; in a container its process id may be somebody else's by now.
    (rewinding / "postmaster.pid").unlink(missing_ok=True)
    try:
        source = servers.admin_conninfo(writer)
        runtime.tool(layout.folder, "pg_rewind", "--no-sync", "-D", str(rewinding), "--source-server", source)
    except ToolError as error:
        log.warning("%s cannot be rewound and is made anew: %s", name, error)
        runtime.remove_tree(rewinding)
        return
    runtime.write(rewinding / STANDBY_SIGNAL, "")
    rewinding.rename(layout.data(name))


def _copy_template(servers: Servers, name: str, writer: str) -> bool:
    """Make a reader's data directory from what the volume was made from; False where the writer's log since
    then is not complete. In a young cluster that is several times quicker than a base backup. Raises ToolError.
    """
    layout, runtime = servers.layout, servers.runtime
    birth = layout.birth()
    if birth is None or not birth.first_log or not birth.template.is_dir():
        return False
    if not (layout.data(writer) / "pg_wal" / birth.first_log).exists():
        return False
    copying = layout.new(layout.data(name))
    if birth.template == servers.template.ensure():
        servers.template.copy(copying)
    else:
        runtime.copy_tree(birth.template, copying)
    runtime.write(copying / STANDBY_SIGNAL, "")
    copying.rename(layout.data(name))
    return True


def _copy(servers: Servers, name: str, writer: str) -> None:
    """Make a reader's data directory by a base backup of the writer. Raises ToolError.

    What it had stays until the new one is whole: if the writer dies meanwhile, nobody else may have it.
    """
    layout, runtime = servers.layout, servers.runtime
    copying = layout.new(layout.data(name))
    source = servers.primary_conninfo(name, writer)
    options = ["--checkpoint=fast", "--wal-method=stream", "--no-sync", "--no-manifest"]
    try:
        runtime.tool(layout.folder, "pg_basebackup", "-D", str(copying), "-d", source, *options)
        nodes = [layout.volume / "nodes" / node for node in NAMES]
        bring_log(runtime, layout.data(writer) / "pg_wal", copying / "pg_wal", nodes)
        runtime.write(copying / STANDBY_SIGNAL, "")
    except ToolError:
        runtime.remove_tree(copying)
        raise
    data, doomed = layout.data(name), layout.new(layout.data(name))
    if data.exists():
        data.rename(doomed)
    copying.rename(data)
    runtime.remove_tree(doomed)


def _port_is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class _WriterGoneError(NotReachableError):
    """The reader is not to blame: there is nobody to stream from."""


class _Log:
    """What a server writes to its log from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._from = path.stat().st_size
        except OSError:
            self._from = 0

    def hopeless(self) -> str | None:
        """What it says from which follows that it can never stream."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._from)
                found = _HOPELESS.search(file.read().decode("utf-8", "replace"))
        except OSError:
            return None
        return found[0] if found else None
