"""Replaying log on a base, by a server that nobody else reaches: how volumes are restored and bases made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import psycopg

from aurora_lab.cluster import connections, log_copies
from aurora_lab.cluster.configuration import LOG_UNREADABLE, conninfo, shell_quote
from aurora_lab.cluster.connections import WRONG_PASSWORD, AdminConnection
from aurora_lab.cluster.images import image_of
from aurora_lab.cluster.layout import STANDBY_SIGNAL
from aurora_lab.cluster.servers import REPLICATION_USER, Servers, wait_until
from aurora_lab.cluster.template import control_value
from aurora_lab.cluster.types import ClusterError
from aurora_lab.runtime.base import Server, ServerSpec, ServerStartError

REPLAY_SECONDS = 600.0
"""How long a replay may take: a second or so for 128 MB of log."""
RECOVERY_SIGNAL = "recovery.signal"
_NOT_REACHED = "recovery ended before configured recovery target was reached"
_START = re.compile(r"START WAL LOCATION: .*\(file ([0-9A-F]{24})\)")


def restore(servers: Servers, image: Path, data: Path, until: float | None) -> Server:
    """Make `data`, which must not exist, the volume of an image, and open it on a timeline of its own.

    With `until` (seconds since the epoch), what was committed later is not in it. The server runs; nobody else
    knows of it. Raises BackupError, ServerStartError, ToolError.
    """
    settings = {
        # Nobody reads while it replays, so it does not matter what limits the writer had.
        "hot_standby": "off",
        "recovery_target_action": "promote",
        "synchronous_standby_names": "",
    }
    if until is not None:
        settings["recovery_target_time"] = datetime.fromtimestamp(until, UTC).isoformat(" ")
    spec = _prepare(servers, image, data, RECOVERY_SIGNAL, settings)
    try:
        return servers.runtime.start(spec, REPLAY_SECONDS)
    except ServerStartError:
        if until is None or _NOT_REACHED not in _said(spec):
            raise
    # Nothing was committed after that moment: then it is the end of the log that is meant.
    return servers.runtime.start(_spec(servers, data, {**spec.settings, "recovery_target_time": ""}))


def forward(servers: Servers, image: Path, data: Path, position: int) -> str:
    """Make `data`, which must not exist, the base of an image with its log replayed at least to `position`.

    Returns the segment in which replay on it has to begin. Raises ServerStartError, ToolError, ClusterError.
    """
    runtime = servers.runtime
    settings = {"hot_standby": "on", "synchronous_standby_names": ""}
    spec = _prepare(servers, image, data, STANDBY_SIGNAL, settings)
    server = runtime.start(spec, REPLAY_SECONDS)
    try:

        def replayed() -> bool:
            if not server.running():
                raise ClusterError("The server that makes a base of the backup has ended.")
            connection = administrator(servers, server)
            if connection is None:
                return False
            with connection[0] as session:
                row = session.execute("SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint").fetchone()
            return row is not None and row[0] is not None and row[0] >= position

        if not wait_until(replayed, REPLAY_SECONDS, 0.05):
            raise ClusterError(f"A base of the backup was not made within {REPLAY_SECONDS:g} s.")
    finally:
        server.stop("fast")
        server.kill()
    (data / STANDBY_SIGNAL).unlink(missing_ok=True)
    return redo_log(servers, data)


def redo_log(servers: Servers, data: Path) -> str:
    """The segment in which the last checkpoint begins; in a primary that was stopped cleanly, its log's end.

    Raises ToolError, ClusterError.
    """
    control = servers.runtime.tool(
        servers.layout.folder, "pg_controldata", "-D", str(data), env={"LC_ALL": "C"}
    )
    return control_value(control, "Latest checkpoint's REDO WAL file")


def base_backup(servers: Servers, instance: str, data: Path) -> str:
    """Make `data` a base backup of a running instance; the segment in which replay on it has to begin.

    Raises ToolError, NotReachableError, ClusterError.
    """
    host, port = servers.need(instance).peer_address
    source = conninfo(
        host=host,
        port=port,
        user=REPLICATION_USER,
        passfile=servers.layout.passfile,
        application_name="backup",
        sslmode="disable",
        gssencmode="disable",
    )
    options = ["--checkpoint=fast", "--wal-method=none", "--no-sync", "--no-manifest"]
    servers.runtime.tool(servers.layout.folder, "pg_basebackup", "-D", str(data), "-d", source, *options)
    found = _START.search((data / "backup_label").read_text(encoding="utf-8"))
    if found is None:
        raise ClusterError(f"The base backup of {instance} does not say where its log begins.")
    return found[1]


def administrator(servers: Servers, server: Server) -> tuple[AdminConnection, bool] | None:
    """A connection to a server on a copy, and whether its volume is finished; None while nobody gets in.

    An unfinished one has the template's password still: its first writer had not made the cluster's own.
    """
    for password, finished in ((servers.password, True), (servers.template.facts().password, False)):
        try:
            return connections.connect(server.address, password), finished
        except psycopg.OperationalError as error:
            if WRONG_PASSWORD not in str(error):
                return None
    return None


def _prepare(
    servers: Servers, image: Path, data: Path, signal: str, settings: Mapping[str, str]
) -> ServerSpec:
    """Copy the base, lay its log beside it, and say where it is."""
    runtime = servers.runtime
    found = image_of(image)
    log = data.with_name(f"{data.name}.wal")
    runtime.remove_tree(log)
    log_copies.put_together(runtime, image / "log", log)
    runtime.copy_tree(image / "base", data)
    for name in (STANDBY_SIGNAL, RECOVERY_SIGNAL, "postmaster.pid"):
        (data / name).unlink(missing_ok=True)
    wanted = f"{shell_quote(log)}/%f"
    # Any failure but the first ends the replay: PostgreSQL would take a full disk for the end of the log.
    command = f'test -f {wanted} || exit 1; cp {wanted} "%p" || exit {LOG_UNREADABLE}'
    servers.write_configuration(data, restore_command=command)
    runtime.write(data / signal, "")
    limits = {name: str(value) for name, value in found.limits.items()}
    return _spec(servers, data, {**limits, **settings})


def _spec(servers: Servers, data: Path, settings: Mapping[str, str]) -> ServerSpec:
    name = f"replay-{token_hex(6)}"
    port = connections.free_port()
    return ServerSpec(name, servers.layout.folder, data, port, settings)


def _said(spec: ServerSpec) -> str:
    try:
        return spec.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
