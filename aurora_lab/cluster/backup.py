"""The continuous backup of one cluster's volume, taken from the copies of its storage nodes.

No instance is asked for anything but which node is furthest: the log that is kept is the storage nodes', and a
newer base is made by replaying it, beside the cluster, on a server of its own. A storage node lets go of log
only when it is here (`Archive.has`).

    each second         new log is copied: finished segments once, of the newest what there is of it
    after enough log    a newer base, so that no restore has to replay for long
    what nobody needs   bases and log before the earliest moment of the retention period are removed

Two exceptions ask an instance's disk. What a volume's first writer wrote before the storage nodes followed it is
copied from its folder, once. And where log is missing (all storage nodes were lost) the next base is a base
backup of an instance, a reader if there is one; then nothing earlier can be restored.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, time

from aurora_lab.cluster import log_copies, replay
from aurora_lab.cluster.archive import Archive, Base, number
from aurora_lab.cluster.images import BackupError
from aurora_lab.cluster.log_copies import HISTORY, SEGMENT
from aurora_lab.cluster.node_records import NodeRecords
from aurora_lab.cluster.quorum import READ_QUORUM, NoReadQuorumError
from aurora_lab.cluster.servers import Servers
from aurora_lab.cluster.storage_nodes import StorageNodes
from aurora_lab.cluster.types import ClusterError

BASE_BYTES = 128 << 20
"""How much log there is at most, about, between two bases; replaying it takes a few seconds."""
RETRY_SECONDS = 30.0
"""After how long a base that could not be made is tried again."""

log = logging.getLogger(__name__)


class Backup:
    """Takes the backup of one cluster. Safe to share between threads."""

    def __init__(self, servers: Servers, nodes: StorageNodes, archive: Archive) -> None:
        self.archive = archive
        self._servers = servers
        self._nodes = nodes
        self._taking = threading.RLock()
        """Held while new log is copied: until then what is there may have a gap."""
        self._not_before = 0.0

    @property
    def _records(self) -> NodeRecords:
        return self._nodes.records

    def begin(self) -> None:
        """Note what a new volume is a copy of: the template, which with all log since is a backup already."""
        birth = self._servers.layout.birth()
        if birth is not None and birth.first_log:
            self.archive.begin(Base(str(birth.template), birth.first_log, birth.first_log, time()))

    def take(self, writer: str | None) -> None:
        """Copy what is new; afterwards everything that was acknowledged before the call is in the backup.

        `writer` is the instance that runs as the writer, or None where none does. Raises NoReadQuorumError,
        NotReachableError, OSError.
        """
        with self._taking:
            at = time()
            if not self._records.epoch():
                self.archive.note(at, self._limits())
                return  # No writer has ever opened the volume: it is what it was made from.
            furthest = self._furthest(writer)
            self._servers.runtime.make_folder(self.archive.log)
            # The newest first: when it has begun, all before it are finished.
            end = log_copies.last(furthest)
            if end is not None and not end.complete:
                with suppress(FileNotFoundError):  # just finished
                    self.archive.add_partial(end.name, end.file.read_bytes().rstrip(b"\0"), end.file.stat())
            for node in self._records.answering():
                self._copy_finished(self._nodes.copy(node))
            if self.archive.gap():
                self._fill_gap(writer)
            self.archive.note(at, self._limits())

    def export(self, target: Path, writer: str | None, until: float | None = None) -> None:
        """Make `target` an image of the volume: as it is now or, with `until`, for that moment.

        Seconds since the epoch. Nothing happens where it exists. Raises as `take`, and BackupError.
        """
        if target.exists():
            return
        if until is None or until > self.archive.contents().latest:
            self.take(writer)
        if self._gap():
            self.make_base()
        with self._taking:
            self.archive.export(target, until)

    def tend(self, earliest: float) -> None:
        """Make a newer base where one is due, and remove what no moment from `earliest` on needs.

        Raises ClusterError, ToolError, ServerStartError.
        """
        if not self._servers.layout.folder.exists():
            return
        bases = self.archive.contents().bases
        due = not bases or self.archive.log_bytes(bases[-1].end_log) > BASE_BYTES or self._gap()
        if due and monotonic() > self._not_before and self._records.epoch():
            self._not_before = monotonic() + RETRY_SECONDS
            self.make_base()
            self._not_before = 0.0
        self.archive.prune(earliest)

    def make_base(self) -> None:
        """Make a newer base: of the last one and the log since or, where log is missing, of an instance.

        Raises BackupError, ClusterError, ToolError, ServerStartError.
        """
        layout = self._servers.layout
        self._servers.sweep(*layout.rubbish(layout.volume / "base"))
        if self._gap():
            self._base_of_instance()
        else:
            self._base_of_log()

    # Helpers.

    def _gap(self) -> bool:
        with self._taking:
            return self.archive.gap()

    def _limits(self) -> Mapping[str, int]:
        return self._servers.layout.limits().ever

    def _furthest(self, writer: str | None) -> Path:
        """The copy that has every acknowledged record."""
        if writer is not None:
            attached = {node: flushed for node, (_, flushed) in self._nodes.attached(writer).items()}
            if len(attached) < READ_QUORUM:
                raise NoReadQuorumError(len(attached))
            return self._nodes.copy(max(attached, key=lambda node: attached[node]))
        witnesses = self._records.witnesses()
        if len(witnesses) < READ_QUORUM:
            raise NoReadQuorumError(len(witnesses))
        copies = {node: self._nodes.copy(node) for node in witnesses}
        runtime, root = self._servers.runtime, self._servers.layout.folder
        longest = log_copies.longest(runtime, root, copies)
        return copies[longest or witnesses[0]]

    def _copy_finished(self, copy: Path) -> None:
        """Keep the finished segments and the histories of a storage node."""
        with suppress(FileNotFoundError):  # of a node that is just being rebuilt or trimmed
            for file in sorted(copy.iterdir()):
                if SEGMENT.fullmatch(file.name) or HISTORY.fullmatch(file.name):
                    self.archive.add_segment(file)

    def _fill_gap(self, writer: str | None) -> None:
        """Copy what was written before the storage nodes followed, from the folder of who wrote it."""
        layout, bases = self._servers.layout, self.archive.contents().bases
        have = [number(name) for name in self.archive.segments()]
        end = log_copies.last(self.archive.log)
        if not bases or end is None:
            return
        wanted = set(range(number(bases[-1].first_log), number(end.name))) - set(have)
        folder = (layout.data(writer) if writer is not None else layout.seed) / "pg_wal"
        for file in log_copies.finished(folder):
            if number(file.name) in wanted:
                self.archive.add_segment(file)
                if not file.exists():  # The writer has taken it for new log, perhaps while it was copied.
                    (self.archive.log / file.name).unlink()

    def _base_of_log(self) -> None:
        archive, servers = self.archive, self._servers
        layout, runtime = servers.layout, servers.runtime
        at, base = time(), archive.contents().bases[-1]
        work = layout.new(layout.volume / "base")
        runtime.make_folder(work)
        try:
            image = work / "image"
            with self._taking:
                archive.export(image, None)
            end = log_copies.finished(image / "log")[-1].name
            data = work / "data"
            first_log = replay.forward(servers, image, data, log_copies.start_of(end, 1 << 20))
            self._add(data, Base("", first_log, end, at))
            log.info("a base of the backup was made of %s and the log until %s", base.first_log, end)
        finally:
            runtime.remove_tree(work)

    def _base_of_instance(self) -> None:
        servers = self._servers
        layout = servers.layout
        running = [name for name in layout.names() if servers.find(name) is not None]
        if not running:
            raise BackupError("Log is missing from the backup, and there is no instance to take a base from.")
        source = next((name for name in running if layout.is_standby(name)), running[0])
        work = layout.new(layout.volume / "base")
        try:
            first_log = replay.base_backup(servers, source, work)
            self._add(work, Base("", first_log, first_log, time()), anew=True)
            log.info("a base of the backup was taken from %s, because log before it is missing", source)
        finally:
            servers.runtime.remove_tree(work)

    def _add(self, data: Path, base: Base, *, anew: bool = False) -> None:
        archive, layout = self.archive, self._servers.layout
        with archive.lock:
            if not layout.folder.exists():
                raise ClusterError("The cluster was deleted while a base of its backup was being made.")
            target = archive.new_base()
            archive.runtime.make_folder(target.parent)
            data.rename(target)
            made = Base(str(target), base.first_log, base.end_log, base.at)
            if anew:
                archive.replace_bases(made)
            else:
                archive.add_base(made)
