"""Looking after the volume of a running cluster: its nodes are brought back, its positions told."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress

from aurora_lab.cluster.backup import Backup
from aurora_lab.cluster.configuration import as_json
from aurora_lab.cluster.pages import Pages
from aurora_lab.cluster.quorum import VolumeStatus, positions
from aurora_lab.cluster.servers import Servers
from aurora_lab.cluster.storage_nodes import StorageNodes
from aurora_lab.cluster.types import ClusterError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_INSERTED = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"


class VolumeWatch:
    """What is done about once a second while the cluster runs. Safe to call from any thread."""

    def __init__(self, servers: Servers, nodes: StorageNodes, backup: Backup) -> None:
        self._servers = servers
        self._nodes = nodes
        self._backup = backup
        self._boundaries: deque[int] = deque(maxlen=600)
        """Positions at which a log record ended: what the VDL may be."""
        self._published = ""
        self._pages: Pages | None = None
        self._pages_at = -1
        self._used = 0
        self.zones = ""
        """What stands before the letter of an AZ: the name of the AWS Region."""

    def tend(self, repair_seconds: float) -> list[str]:
        """Back up what is new, bring back storage nodes that do not receive, trim the log; what was done, in words.

        `repair_seconds`: after how long a destroyed one is rebuilt. Nothing happens where no writer runs.
        Raises ClusterError, ToolError.
        """
        writer = self.open_writer()
        if writer is None:
            return []
        try:
            self._backup.take(writer)
        except (ClusterError, OSError) as error:
            # Log that is not backed up is kept by the nodes, and copied next time.
            log.info("the backup waits: %s", error)
        notes = self._nodes.tend(writer, repair_seconds, self._backup.archive.has)
        self._publish()
        return notes

    def bytes_used(self) -> tuple[int, int]:
        """Bytes of the volume that it does not share with another, and up to which position they were counted."""
        return self._used, max(self._pages_at, 0)

    def measure_bytes(self) -> None:
        """Count the volume's bytes; nothing is done where nothing has been written since.

        Of a clone whose writer has pages in memory only, these are written out first. Raises ClusterError.
        """
        layout, sessions = self._servers.layout, self._servers.sessions
        writer = self.open_writer()
        data = layout.seed if writer is None else layout.data(writer)
        if writer is not None:
            ((written,),) = sessions.rows(writer, _INSERTED, seconds=LOOK_SECONDS)
            if written == self._pages_at:
                return
            if self._is_clone():
                sessions.rows(writer, "CHECKPOINT", seconds=60.0)
                ((written,),) = sessions.rows(writer, _INSERTED, seconds=LOOK_SECONDS)
        if data.exists():
            used = self._counter().used(data)
            if not data.exists():
                return  # It got another name meanwhile, and only a part was counted.
            self._used = used
        if writer is not None:
            self._pages_at = int(written)

    def status(self, memory: bool = True) -> VolumeStatus:
        """The storage nodes and the log positions now; without `memory`, which costs most of it, that is 0."""
        writer = self.open_writer()
        with suppress(ClusterError):
            if writer is not None:
                # Before the nodes are asked: mostly they have it by then.
                ((inserted,),) = self._servers.sessions.rows(writer, _INSERTED, seconds=LOOK_SECONDS)
                self._boundaries.append(int(inserted))
        nodes = self._nodes.status(writer, memory)
        pgcl, vcl, vdl = positions((node.scl for node in nodes), self._boundaries)
        return VolumeStatus(self._nodes.records.epoch(), nodes, pgcl, vcl, vdl or vcl)

    def _counter(self) -> Pages:
        if self._pages is None:
            self._pages = Pages(self._servers.layout.fork())
        return self._pages

    def _is_clone(self) -> bool:
        return self._counter().shares

    def open_writer(self) -> str | None:
        """The writer, if it runs and nobody is to succeed it."""
        state = self._servers.layout.writership()
        if state.writer is None or state.successor is not None or self._servers.find(state.writer) is None:
            return None
        return state.writer

    def _publish(self) -> None:
        """Replace `storage.json`, which the volume's functions in SQL read on every instance."""
        status = self.status(memory=False)
        rows = [
            {"name": node.name, "zone": f"{self.zones}{node.zone}", "state": node.state, "scl": node.scl}
            for node in status.nodes
        ]
        text = as_json({"epoch": status.epoch, "nodes": rows, "vdl": status.vdl})
        layout = self._servers.layout
        if text != self._published and layout.folder.exists():
            self._servers.runtime.write(layout.folder / "storage.json", text)
            self._published = text
