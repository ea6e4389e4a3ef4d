"""An instance's data out of the volume alone: for when no instance runs of which they could be copied.

The base of the continuous backup, and the log since, which is the storage nodes'. No instance's folder is asked:
the machine with it may be in an AZ that is out (FACTS 4.12).
"""

from __future__ import annotations

from aurora_lab.cluster import log_copies
from aurora_lab.cluster.backup import Backup
from aurora_lab.cluster.connections import WRONG_PASSWORD
from aurora_lab.cluster.layout import STANDBY_SIGNAL
from aurora_lab.cluster.replay import RECOVERY_SIGNAL, REPLAY_SECONDS
from aurora_lab.cluster.servers import Servers, wait_until
from aurora_lab.cluster.types import InstanceSpec, NotReachableError
from aurora_lab.runtime.base import ToolError


def make_standby(servers: Servers, backup: Backup, name: str) -> None:
    """Make an instance's data directory a standby's that has everything that was ever acknowledged.

    What it had before is discarded. To be called after the volume was fenced. Restartable: until the last step,
    a rename, there is none. Raises BackupError, NoReadQuorumError, NotReachableError, ToolError.
    """
    layout, runtime = servers.layout, servers.runtime
    servers.sweep(*layout.rubbish(layout.data(name)))
    work = layout.new(layout.data(name))
    image, whole, log, data = (work / part for part in ("image", "whole", "log", "data"))
    runtime.make_folder(work)
    try:
        backup.export(image, None)
        # Copied, since a server takes its own old log for new.
        log_copies.put_together(runtime, image / "log", whole)
        runtime.copy_tree(whole, log)
        runtime.copy_tree(image / "base", data)
        for file in log_copies.files(log):
            file.replace(data / "pg_wal" / file.name)
        for rest in (RECOVERY_SIGNAL, "postmaster.pid"):
            (data / rest).unlink(missing_ok=True)
        runtime.write(data / STANDBY_SIGNAL, "")
        servers.kill(name)
        servers.discard(layout.data(name))
        data.rename(layout.data(name))
    except OSError as error:
        raise ToolError(f"{name} could not be made of the volume: {error}") from error
    finally:
        runtime.remove_tree(work)


def start(servers: Servers, spec: InstanceSpec) -> None:
    """Start a standby without a writer, and return when the administrator gets in.

    One that has just been made has the password of the template, until it has replayed the cluster's own. Raises
    NotReachableError, ServerStartError.
    """
    servers.start(spec, reader=True)

    def lets_in() -> bool:
        try:
            servers.in_recovery(spec.name)
        except NotReachableError as error:
            if WRONG_PASSWORD not in str(error):
                raise
            return False
        return True

    if not wait_until(lets_in, REPLAY_SECONDS, 0.05):
        raise NotReachableError(f"{spec.identifier} did not replay its log within {REPLAY_SECONDS:g} s.")
