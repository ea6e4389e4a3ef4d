"""The thread relay: two threads for an open connection, each passing bytes one way.

Theory
======

A thread waits inside the system call until its source has something, and passes that to the sink: two system
calls for a message, where an event loop needs three. On Linux the calls are `splice`, and the bytes never come
to Python; elsewhere `recv_into` and `sendall`. And the system's scheduler gives a waiting thread of its own
the processor sooner than one thread that works for all, which counts for most where the processors are busy.

It is the fastest of the ways that were measured (see `relay`). But threads are not for thousands: beyond
`LIMIT` connections others have to take the rest.

Rules
-----

1. A thread never holds more than one buffer, and reads nothing before that is written: a slow client is felt
   by its server through TCP, as without a router.
2. At the end of its source's stream a thread ends its sink's (half-close), and is done.
3. A thread whose sink breaks is done: the thread the other way still reads what that side had said before.
4. A thread whose source breaks shuts its sink down both ways, which wakes the other thread.
5. The last of the two closes both sockets.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import Counter
from dataclasses import dataclass

LIMIT = 64
"""Connections at the same time. Each has two threads and, with pipes, six open files."""
BUFFER = 64 * 1024
"""Bytes moved at a time with `splice`: what a pipe of Linux holds."""
PLAIN_BUFFER = 32 * 1024
"""Bytes moved at a time without."""

Pipe = tuple[int, int]


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    label: str
    threads: tuple[threading.Thread, ...] = ()
    going: int = 2


class ThreadRelay:
    """Moves the bytes of at most `limit` connections, until they end or it is closed.

    `splice` chooses the way; by default it is used where it works.
    """

    def __init__(self, limit: int = LIMIT, splice: bool | None = None) -> None:
        self._limit = limit
        self._splice = splice_works() if splice is None else splice
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()

    def add(self, client: socket.socket, server: socket.socket, label: str) -> bool:
        """Take over two connected sockets. False: there is no room, and they stay the caller's."""
        with self._lock:
            if len(self._connections) >= self._limit:
                return False
            connection = _Connection(client, server, label)
            self._connections.add(connection)
        pipes: list[Pipe] = []
        try:
            if self._splice:
                pipes.append(os.pipe())
                pipes.append(os.pipe())
            self._start(connection, pipes or [None, None])
        except (OSError, RuntimeError):  # no file or no thread is left
            for pipe in pipes:
                _close(pipe)
            with self._lock:
                self._connections.discard(connection)
            return False
        return True

    def open(self) -> Counter[str]:
        """The number of open connections under each label."""
        with self._lock:
            return Counter(connection.label for connection in self._connections)

    def close(self) -> None:
        """Close every connection and wait for the threads. Nothing may be added meanwhile."""
        with self._lock:
            connections = list(self._connections)
            for connection in connections:
                _shut_down(connection.client)
                _shut_down(connection.server)
        for connection in connections:
            for thread in connection.threads:
                thread.join()

    def _start(self, connection: _Connection, pipes: list[Pipe] | list[None]) -> None:
        """Start both threads. Raises RuntimeError where the first cannot be."""
        up = self._thread(connection, connection.client, connection.server, pipes[0])
        down = self._thread(connection, connection.server, connection.client, pipes[1])
        connection.client.setblocking(True)
        connection.server.setblocking(True)
        connection.threads = (up, down)
        up.start()
        try:
            down.start()
        except RuntimeError:
            # The first thread may have read already, so nobody else can take the connection: it ends.
            connection.threads = (up,)
            _shut_down(connection.client)
            _shut_down(connection.server)
            _close(pipes[1])
            self._done(connection)

    def _thread(
        self, connection: _Connection, source: socket.socket, sink: socket.socket, pipe: Pipe | None
    ) -> threading.Thread:
        return threading.Thread(
            target=self._run, args=(connection, source, sink, pipe), name="aurora-lab-relay", daemon=True
        )

    def _run(
        self, connection: _Connection, source: socket.socket, sink: socket.socket, pipe: Pipe | None
    ) -> None:
        try:
            if pipe:
                _carry_by_pipe(source, sink, pipe)
            else:
                _carry(source, sink)
        finally:
            _close(pipe)
            self._done(connection)

    def _done(self, connection: _Connection) -> None:
        """One thread is done; the last one closes."""
        with self._lock:
            connection.going -= 1
            if not connection.going:
                self._connections.discard(connection)
                connection.client.close()
                connection.server.close()


def _carry_by_pipe(source: socket.socket, sink: socket.socket, pipe: Pipe) -> None:
    """Pass bytes on until the source ends or one side breaks."""
    reading, writing = pipe
    inlet, outlet, splice = source.fileno(), sink.fileno(), os.splice
    while True:
        try:
            count = splice(inlet, writing, BUFFER)
        except OSError:
            _shut_down(sink)
            return
        if not count:
            _end_stream(sink)
            return
        try:
            while count:
                count -= splice(reading, outlet, count)
        except OSError:
            return


def _carry(source: socket.socket, sink: socket.socket) -> None:
    """The same without `splice`."""
    buffer = memoryview(bytearray(PLAIN_BUFFER))
    while True:
        try:
            count = source.recv_into(buffer)
        except OSError:
            _shut_down(sink)
            return
        if not count:
            _end_stream(sink)
            return
        try:
            sink.sendall(buffer[:count])
        except OSError:
            return


def splice_works() -> bool:
    """Whether this system moves bytes from a socket to a pipe and on; some that say they are Linux do not."""
    if not hasattr(os, "splice"):
        return False
    near, far = socket.socketpair()
    pipe = os.pipe()
    try:
        with near, far:
            near.send(b"x")
            return os.splice(far.fileno(), pipe[1], 1) == os.splice(pipe[0], far.fileno(), 1) == 1
    except OSError:
        return False
    finally:
        _close(pipe)


def _end_stream(sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _shut_down(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _close(pipe: Pipe | None) -> None:
    for end in pipe or ():
        os.close(end)
