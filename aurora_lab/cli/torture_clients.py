"""The clients of `aurora-lab torture`: sessions that write and read through the endpoints, whatever happens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from aurora_lab.cli.torture_history import History
from aurora_lab.cli.torture_region import Arena

WRITERS, READERS = 3, 2
BULKY = 20
"""Every so many writes one comes with BULK bytes of log: records that are longer than what is flushed at once,
and go over the ends of segments."""
BULK = 300_000
PACE_SECONDS = 0.002
"""Between two writes of a session: the machine is to be busy with faults, not with rows."""
LOOK_SECONDS = 0.1

Session = Callable[[psycopg.Connection[Any]], None]


class Clients:
    """Sessions that go on until they are told to stop. `table` must be there."""

    def __init__(self, arena: Arena, table: str) -> None:
        self.history = History()
        self._arena = arena
        self._table = sql.Identifier(table)
        self._stop = threading.Event()
        shown = arena.cluster()
        work = [(self._write, shown["endpoint"])] * WRITERS + [
            (self._read, shown["reader_endpoint"])
        ] * READERS
        self._threads = [
            threading.Thread(target=self._go_on, args=(session, host), daemon=True) for session, host in work
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> History:
        """End the sessions; what they were told."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self.history

    def _go_on(self, session: Session, host: str) -> None:
        while not self._stop.is_set():
            with (
                contextlib.suppress(psycopg.Error, OSError),
                contextlib.closing(self._arena.connect(host, options="-c statement_timeout=10s")) as open_now,
            ):
                session(open_now)
            self._stop.wait(0.05)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        insert = sql.SQL("""
            INSERT INTO {} (n) VALUES (%s)
            RETURNING aurora_db_instance_identifier(), left(pg_walfile_name(pg_current_wal_lsn()), 8)
        """).format(self._table)
        while not self._stop.wait(PACE_SECONDS):
            number, newest = self.history.send()
            with connection.transaction() if number % BULKY == 0 else contextlib.nullcontext():
                if number % BULKY == 0:
                    connection.execute(
                        "SELECT pg_logical_emit_message(true, 'bulk', repeat('x', %s))", (BULK,)
                    )
                ((writer, timeline),) = connection.execute(insert, (number,)).fetchall()
            self.history.acknowledge(number, writer, timeline, newest)

    def _read(self, connection: psycopg.Connection[Any]) -> None:
        look = sql.SQL("SELECT aurora_db_instance_identifier(), count(*), max(n) FROM {}").format(self._table)
        seen = 0
        while not self._stop.wait(LOOK_SECONDS):
            ((reader, rows, newest),) = connection.execute(look).fetchall()
            self.history.show(reader, newest, rows, seen)
            seen = rows
