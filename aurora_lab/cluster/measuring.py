"""What an instance says of itself; how far a reader is behind, told by when the writer was where it is now."""

from __future__ import annotations

from collections import deque
from time import monotonic

from aurora_lab.cluster.servers import Servers
from aurora_lab.cluster.types import Measurement

_KEPT = 600
MEASURE_SECONDS = 1.0
"""How long a measurement may take on a connection that is open; opening one may take two seconds more."""
_MEASURE = """
    SELECT reader,
           (CASE WHEN reader THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_flush_lsn() END
            - '0/0')::bigint
    FROM (SELECT pg_is_in_recovery() AS reader) AS r
"""
_COUNTS = """
    SELECT (SELECT count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND usename <> 'rdsadmin'),
           (SELECT coalesce(sum(blks_read), 0)::bigint FROM pg_stat_database WHERE datname <> 'rdsadmin'),
           {writes}, wal_bytes::bigint
    FROM pg_stat_wal
"""
_LOG_WRITES = "wal_write"
_LOG_WRITES_SINCE_18 = "(SELECT coalesce(sum(writes), 0)::bigint FROM pg_stat_io WHERE object = 'wal')"


class Lag:
    """When the writer's log was seen to reach which position. Safe to share between threads."""

    def __init__(self) -> None:
        self._written: deque[tuple[float, int]] = deque(maxlen=_KEPT)

    def note(self, lsn: int) -> None:
        """The writer has written so many bytes of log by now."""
        self._written.append((monotonic(), lsn))

    def of(self, lsn: int) -> float:
        """Milliseconds since the writer was first seen beyond `lsn`; 0 where it was not."""
        for at, written in list(self._written):
            if written > lsn:
                return (monotonic() - at) * 1000
        return 0.0

    def forget(self) -> None:
        """Begin anew, with another writer."""
        self._written.clear()


def measure(servers: Servers, lag: Lag, name: str, brief: bool) -> Measurement:
    """Measure an instance. Raises NotReachableError."""
    server = servers.need(name)
    ((reader, lsn),) = servers.sessions.rows(name, _MEASURE, seconds=MEASURE_SECONDS)
    if not reader:
        lag.note(lsn)
    behind = lag.of(lsn) if reader else None
    if brief:
        return Measurement(reader, lsn, behind, 0, 0)
    # The memory first: counting connections makes the administrator's own larger.
    memory, cpu = server.memory(), server.cpu_seconds()
    writes = _LOG_WRITES if servers.template.facts().major < 18 else _LOG_WRITES_SINCE_18
    ((connections, pages, log_writes, log_bytes),) = servers.sessions.rows(
        name, _COUNTS.format(writes=writes), seconds=MEASURE_SECONDS
    )
    return Measurement(reader, lsn, behind, connections, memory, cpu, pages, log_writes, log_bytes)
