"""The router: listens for PostgreSQL's clients and connects each to the instance that its server name means.

TLS is end to end: the router reads the server name in the client's hello and passes all bytes on. A name is
resolved when a connection opens; an open connection stays with its instance (FACTS 3.9, 3.19).

One thread opens connections (asyncio, see `doorway`); another moves the bytes of open ones (see `pump`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aurora_lab.endpoints.doorway import Doorway
from aurora_lab.endpoints.pump import Pump
from aurora_lab.endpoints.refusal import Refusal, refusal_context
from aurora_lab.endpoints.resolver import Resolver

OPENING_SECONDS = 15.0
"""How long a client may take to say what it wants."""
SERVER_SECONDS = 60.0
"""How long an instance may take to answer; PostgreSQL's own limit for a login (authentication_timeout)."""
OPENING_AT_ONCE = 512
"""Connections being opened at the same time; more wait in the system's queue. This bounds memory and files."""
BACKLOG = 1024
OUT_OF_FILES_SECONDS = 0.1
"""How long to wait when the process has no file descriptor left to accept a connection with."""
FILES_WANTED = 65536
"""Files that the process asks to be allowed: an open connection takes two or more."""

log = logging.getLogger(__name__)


class PortTakenError(OSError):
    """The router cannot listen on a port. The message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the router has done since it started."""

    open: Mapping[str, int]
    """Open connections by instance."""
    opening: int
    """Connections that are being opened."""
    accepted: int
    refused: Mapping[str, int]
    """Refused connections by reason, see `refusal.Reason`."""


class Router:
    """Routes PostgreSQL connections by server name.

    `backends()` gives host and port of every instance's server, for cancel requests, which name none.
    `certificate` and `key` are PEM files of a certificate for the endpoints' names, to refuse TLS clients
    with; `context_for(server_name)` may give a context that fits a name better (see `Authority.context_for`).
    `ready(instance)` tells whether a connection to an instance may go on now; else it waits, and asks again.
    `resolver` and the callables are used from the router's own thread.
    """

    def __init__(
        self,
        resolver: Resolver,
        backends: Callable[[], Iterable[tuple[str, int]]],
        certificate: Path,
        key: Path,
        *,
        context_for: Callable[[str | None], ssl.SSLContext] | None = None,
        ready: Callable[[str], bool] = lambda _instance: True,
        opening_seconds: float = OPENING_SECONDS,
        server_seconds: float = SERVER_SECONDS,
    ) -> None:
        self._resolver = resolver
        self._backends = backends
        self._certificate = certificate
        self._key = key
        self._context_for = context_for
        self._ready = ready
        self._opening_seconds = opening_seconds
        self._server_seconds = server_seconds
        self._lock = threading.Lock()
        self._accepted = 0
        self._refused: Counter[str] = Counter()
        self._opening: set[asyncio.Task[bool]] = set()
        self._paused = False
        self._listeners: list[socket.socket] = []
        self._host = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pump: Pump | None = None
        self._doorway: Doorway | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on `host` and `port` (0: any free one); return the port.

        Raises PortTakenError, or OSError where the certificate cannot be read.
        """
        if self._loop is not None:
            raise RuntimeError("The router runs already.")
        default = refusal_context(self._certificate, self._key)
        listener = _listen(host, port)
        raise_file_limit()
        self._host = host
        self._pump = Pump()
        self._doorway = Doorway(
            resolver=self._resolver,
            backends=self._backends,
            context_for=self._context_for or (lambda _name: default),
            admit=self._pump.add,
            ready=self._ready,
            refused=self._count_refused,
            opening_seconds=self._opening_seconds,
            server_seconds=self._server_seconds,
        )
        # Not the default loop: on Windows that one cannot hand its sockets to another thread.
        loop = asyncio.SelectorEventLoop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="aurora-lab-doorway", daemon=True)
        self._thread.start()
        return self._serve(loop, listener)

    def listen(self, port: int) -> int:
        """Listen on one more port of the same host; return the port.

        Raises PortTakenError. A port that the router listens on already is no error.
        """
        if self._loop is None:
            raise RuntimeError("The router does not run.")
        if port and port in self.ports():
            return port
        return self._serve(self._loop, _listen(self._host, port))

    def ports(self) -> tuple[int, ...]:
        """The ports on which the router listens."""
        return tuple(listener.getsockname()[1] for listener in self._listeners)

    def statistics(self) -> Statistics:
        """What the router has done. May be called from any thread, while the router runs."""
        with self._lock:
            accepted, refused = self._accepted, dict(self._refused)
        return Statistics(self._pump.open() if self._pump else {}, len(self._opening), accepted, refused)

    def close(self) -> None:
        """Close every port and connection, and end the threads. A second call does nothing."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None or self._pump is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
        self._pump.close()

    async def _end(self) -> None:
        self._pause()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        tasks = list(self._opening)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serve(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> int:
        port: int = listener.getsockname()[1]
        self._listeners.append(listener)
        loop.call_soon_threadsafe(self._resume)
        return port

    def _resume(self) -> None:
        self._paused = False
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _pause(self) -> None:
        """Take no more connections; they wait in the system's queue."""
        self._paused = True
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if len(self._opening) >= OPENING_AT_ONCE:
            self._pause()
            return
        try:
            client, _ = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                log.warning("No file descriptor is left for a new connection; see `ulimit -n`.")
                self._pause()
                loop.call_later(OUT_OF_FILES_SECONDS, self._resume)
            return
        with self._lock:
            self._accepted += 1
        assert self._doorway is not None
        task = loop.create_task(self._doorway.serve(client))
        # The loop itself keeps only weak references to its tasks.
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, client))

    def _opened(self, client: socket.socket, task: asyncio.Task[bool]) -> None:
        self._opening.discard(task)
        if task.cancelled():
            client.close()
        elif error := task.exception():
            client.close()
            log.error("A connection could not be opened, by an error of the router.", exc_info=error)
        elif not task.result():
            client.close()
        if self._paused and self._loop is not None:
            self._resume()

    def _count_refused(self, refused: Refusal) -> None:
        with self._lock:
            self._refused[refused.reason] += 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        if os.name == "posix":  # elsewhere it would let two processes have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"The router cannot listen on port {port} of {host} ({error.strerror}). "
            "Choose another port, or end the program that has it."
        ) from error
    return listener


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it, at most `FILES_WANTED`."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS allows less than it says
            log.debug("The limit of open files stays at %d.", soft)
