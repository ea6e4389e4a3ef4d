"""The administrator's connections: with a deadline on every statement, and kept between measurements."""

from __future__ import annotations

import random
import selectors
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from aurora_lab.cluster.types import ClusterError, NotReachableError

RV = TypeVar("RV")

ADMINISTRATOR = "rdsadmin"
ADMIN_DATABASE = "rdsadmin"
"""The administrator's own database, as on Aurora: a learner may drop `postgres`."""
STATEMENT_SECONDS = 10.0
"""Deadline of a statement. A frozen server keeps its connections open and never answers."""
QUIET_PORTS = range(20000, 32000)
"""Below the ports that systems give to outgoing connections."""
CONNECT_SECONDS = 2
"""The shortest that libpq knows."""
APPLICATION = "aurora-lab"
WRONG_PASSWORD = "password authentication failed"
"""What PostgreSQL says to one."""

Address = tuple[str, int]


class AdminConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up when the server does not answer within `seconds`, and is closed then."""

    seconds = STATEMENT_SECONDS

    def wait(self, gen: Generator[int, int, RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run psycopg's wait generator with a deadline. Raises psycopg.OperationalError past it."""
        deadline = monotonic() + (self.seconds if timeout is None else timeout)
        try:
            wanted = next(gen)
            with selectors.DefaultSelector() as selector:
                selector.register(self.pgconn.socket, wanted)
                while True:
                    found = selector.select(min(interval, max(0.0, deadline - monotonic())))
                    ready = found[0][1] if found else 0
                    if not ready and monotonic() > deadline:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(f"no answer within {self.seconds:g} s")
                    previous, wanted = wanted, gen.send(ready)
                    if wanted != previous:
                        selector.modify(self.pgconn.socket, wanted)
        except StopIteration as ended:
            value: RV = ended.value
            return value


def connect(
    address: Address,
    password: str,
    *,
    dbname: str = ADMIN_DATABASE,
    user: str = ADMINISTRATOR,
    sslmode: str = "disable",
    seconds: float = STATEMENT_SECONDS,
) -> AdminConnection:
    """A connection (autocommit) that nothing in this process's environment can lead elsewhere.

    Raises psycopg.Error.
    """
    host, port = address
    options = {
        "host": host,
        "port": str(port),
        "user": user,
        "password": password,
        "dbname": dbname,
        "sslmode": sslmode,
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": APPLICATION,
        # Each of these would otherwise come from a PG* variable that the learner may have set.
        "hostaddr": socket.gethostbyname(host),
        "options": "",
        "gssencmode": "disable",
        "channel_binding": "disable" if sslmode == "disable" else "prefer",
        "target_session_attrs": "any",
        "client_encoding": "utf8",
        "sslrootcert": "",
        "sslnegotiation": "postgres",
        # A stranger that listens on the port of a dead server is not told the password.
        "require_auth": "scram-sha-256",
    }
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    conninfo = make_conninfo(**{name: value for name, value in options.items() if name in known})
    connection = AdminConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    connection.seconds = seconds
    return connection


class Sessions:
    """One kept connection an instance, made again when it was lost. Safe to share between threads."""

    def __init__(self, address_of: Callable[[str], Address | None], password: str) -> None:
        self._address_of = address_of
        self._password = password
        self._guard = threading.Lock()
        self._kept: dict[str, AdminConnection] = {}
        self._locks: dict[str, threading.Lock] = {}

    def open(self, name: str, **options: Any) -> AdminConnection:
        """A connection of its own to an instance. Raises NotReachableError."""
        address = self._address_of(name)
        if address is None:
            raise NotReachableError(f"The server of {name} does not run.")
        try:
            return connect(address, options.pop("password", None) or self._password, **options)
        except psycopg.Error as error:
            raise NotReachableError(f"The server of {name} does not answer ({first_line(error)}).") from error

    @contextmanager
    def use(self, name: str, seconds: float = STATEMENT_SECONDS) -> Iterator[AdminConnection]:
        """The kept connection, for one statement or a few; each has `seconds`.

        Raises NotReachableError where the server does not answer, ClusterError where it refuses a statement.
        """
        with self._lock(name):
            connection = self._kept.pop(name, None)
            try:
                if connection is None or not self._usable(connection, name):
                    connection = self.open(name)
                connection.seconds = seconds
                yield connection
            except psycopg.Error as error:
                lost = connection is None or connection.broken or connection.closed
                if lost:
                    message = f"The server of {name} does not answer ({first_line(error)})."
                    raise NotReachableError(message) from error
                raise ClusterError(f"{name}: {first_line(error)}") from error
            finally:
                if connection is not None and not connection.closed:
                    self._kept[name] = connection

    def rows(self, name: str, sql: str, *parameters: Any, seconds: float = STATEMENT_SECONDS) -> list[Any]:
        """Run one statement and return its rows. Raises NotReachableError, ClusterError."""
        with self.use(name, seconds) as connection:
            cursor = connection.execute(sql.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def drop(self, name: str) -> None:
        """Close the kept connection of an instance whose server ends."""
        with self._lock(name):
            kept = self._kept.pop(name, None)
            if kept is not None:
                with suppress(psycopg.Error):
                    kept.close()

    def close(self) -> None:
        """Close all kept connections."""
        for name in list(self._kept):
            self.drop(name)

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    def _usable(self, connection: AdminConnection, name: str) -> bool:
        """Not closed by either side, and to the server that the instance has now."""
        if connection.closed or connection.broken:
            return False
        # On an idle connection the server has nothing to say but that it ends.
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            silent = not selector.select(0)
        if silent and self._address_of(name) == (connection.info.host, connection.info.port):
            return True
        connection.close()
        return False


def free_port() -> int:
    """A loopback port that nobody uses now, and that no outgoing connection takes by chance."""
    for port in random.sample(QUIET_PORTS, k=200):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise ClusterError(f"No free port from {QUIET_PORTS.start} to {QUIET_PORTS.stop - 1} on 127.0.0.1.")


def verifier(connection: psycopg.Connection[Any], user: str, password: str) -> str:
    """The SCRAM verifier to store for a password, so that no server log ever shows the password."""
    made = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    return made.decode()


def first_line(error: psycopg.Error) -> str:
    """The first line of what the server or libpq said."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
