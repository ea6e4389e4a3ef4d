"""A volume from an image: all of it, or as it was at a moment (FACTS 11.2, 11.3)."""

from __future__ import annotations

import secrets
from pathlib import Path
from time import time

from psycopg import sql

from aurora_lab.cluster import log_copies, pages, replay
from aurora_lab.cluster.archive import Archive, forks
from aurora_lab.cluster.configuration import passfile
from aurora_lab.cluster.connections import ADMINISTRATOR, verifier
from aurora_lab.cluster.images import BackupError, image_of
from aurora_lab.cluster.layout import Birth
from aurora_lab.cluster.servers import REPLICATION_USER, Servers
from aurora_lab.cluster.types import ClusterError, Master, Source
from aurora_lab.cluster.volume import has_volume


def restore_volume(
    servers: Servers, archive: Archive, source: Source, master: Master, database: str | None
) -> None:
    """Make the seed from an image. `master` and `database` are made only where the image is older than they.

    Restartable: until the last rename there is no volume, after it there is. The backup of the new volume
    begins with the same base and log, so it costs nothing.

    Raises BackupError, ServerStartError, ToolError, ClusterError.
    """
    layout, runtime = servers.layout, servers.runtime
    if has_volume(servers):
        return
    layout.make()
    servers.install_secrets()
    for server in runtime.strays(layout.volume, ()):
        server.kill()
    servers.sweep(*layout.all_rubbish())
    replication = secrets.token_urlsafe(24)
    runtime.write(layout.passfile, passfile({ADMINISTRATOR: servers.password, REPLICATION_USER: replication}))
    making = layout.new(layout.seed)
    server = replay.restore(servers, source.image, making, source.until)
    try:
        got_in = replay.administrator(servers, server)
        if got_in is None:
            raise ClusterError("The restored volume does not let the administrator in.")
        connection, finished = got_in
        with connection:
            if finished:
                # One password a cluster, also for a clone: see `create_volume`.
                secret = verifier(connection, REPLICATION_USER, replication)
                command = sql.SQL("ALTER ROLE {} PASSWORD {}")
                connection.execute(command.format(sql.Identifier(REPLICATION_USER), sql.Literal(secret)))
    finally:
        server.stop("fast")
        server.kill()
    own_log, end = making / "pg_wal", replay.redo_log(servers, making)
    if source.until is None:
        _check_complete(source.image / "log", own_log / f"{end[:8]}.history")
    archive.adopt(source.image, own_log, end, time())
    # What was replayed, and files for log to come: nobody needs them any more, and they may be most of it.
    for segment in log_copies.finished(own_log):
        if segment.name != end:
            segment.unlink()
    layout.set_limits(image_of(source.image).limits)
    template = servers.template.ensure()
    if finished:
        layout.set_birth(Birth(template, ""))
    else:
        layout.set_birth(Birth(template, "", master, database, replication))
    if source.clone:
        layout.set_fork(pages.fingerprint(making))
    servers.sweep(making.with_name(f"{making.name}.wal"), making.with_name(f"{making.name}.log"))
    making.rename(layout.seed)


def _check_complete(log: Path, history: Path) -> None:
    """Raise BackupError where the replay has ended before the newest finished segment, of its newest timeline."""
    newest = max((file.name for file in log_copies.finished(log)), default=None)
    if newest is None:
        return
    size = (log / newest).stat().st_size
    reached = max(forks(history).values())
    if reached < log_copies.start_of(newest, size):
        raise BackupError(f"The log of the backup is damaged: its replay ends before segment {newest}.")
