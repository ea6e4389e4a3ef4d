"""The doorway: takes one connection from its first byte to the instance, or refuses it.

    read the opening -> resolve the server name -> connect to the instance -> hand both sockets to the pump
           |                     |                        |
           +---------------------+------------------------+--> refuse: tell the client why, then close

Each connection is one coroutine on plain sockets. A client has `opening_seconds` to say what it wants, and
again to take a refusal; an instance has `server_seconds` to answer. The instance is not given up earlier,
because a server that hangs makes clients hang on AWS as well; but a client that gives up first is noticed.
The time in which an instance gets ready does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aurora_lab.endpoints import refusal
from aurora_lab.endpoints.opening import (
    SSL_REQUEST,
    Answer,
    CancelRequest,
    Event,
    Gone,
    Opening,
    PlainStartup,
    TlsHello,
    Violation,
)
from aurora_lab.endpoints.refusal import Refusal, TlsRefusal
from aurora_lab.endpoints.resolver import NoTargetError, Resolver, UnknownNameError
from aurora_lab.endpoints.zone import Target

PIECE = 16 * 1024
"""Bytes read at a time while a connection opens."""
LINGER_SECONDS = 1.0
"""How long a refused client may take to read and close."""
READY_SECONDS = 0.02
"""Between two looks at an instance that is not ready yet, such as one that was paused."""
CANCEL_SECONDS = 2.0
"""How long an instance may take for a cancel request: with a frozen one, every Ctrl-C would wait."""


class _RefusedError(Exception):
    """The connection is refused. `plain` is what a client reads that is not in TLS."""

    def __init__(self, refused: Refusal, plain: bytes | None = None) -> None:
        super().__init__(refused.message)
        self.refused = refused
        self.plain = refused.encode() if plain is None else plain


class _GoneError(Exception):
    """The client has gone."""


@dataclass(frozen=True, slots=True)
class Doorway:
    """What is needed to open connections. `admit(client, server, instance)` takes the opened one over.

    `ready(instance)` tells whether an instance may be connected to now: until then the client waits.
    `refused(reason)` is told of every refusal. `context_for(server_name)` gives the TLS context in which a
    client is refused.
    """

    resolver: Resolver
    backends: Callable[[], Iterable[tuple[str, int]]]
    context_for: Callable[[str | None], ssl.SSLContext]
    admit: Callable[[socket.socket, socket.socket, str], None]
    ready: Callable[[str], bool]
    refused: Callable[[Refusal], None]
    opening_seconds: float
    server_seconds: float

    async def serve(self, client: socket.socket) -> bool:
        """Open the connection of one client. False: it was refused or went away, and is to be closed."""
        hello: TlsHello | None = None
        try:
            prepare(client)
            event = await self._read_opening(client)
            if isinstance(event, TlsHello):
                hello = event
                server, instance = await self._reach(client, hello)
                self.admit(client, server, instance)
                return True
            if isinstance(event, CancelRequest):
                await self._broadcast(event.packet)
        except _RefusedError as error:
            self.refused(error.refused)
            with contextlib.suppress(OSError):  # TimeoutError is one too
                await self._refuse(client, hello, error)
        except (_GoneError, OSError):
            pass
        return False

    async def _read_opening(self, client: socket.socket) -> Event:
        """The event that ends the opening. Raises _RefusedError."""
        loop = asyncio.get_running_loop()
        opening = Opening()
        event: Event | None = None
        try:
            async with asyncio.timeout(self.opening_seconds):
                while event is None:
                    data = await loop.sock_recv(client, PIECE)
                    if data:
                        opening.receive(data)
                    else:
                        opening.end()
                    event = opening.next_event()
                    if isinstance(event, Answer):
                        await loop.sock_sendall(client, event.data)
                        event = None
        except TimeoutError:
            raise _RefusedError(refusal.too_slow(self.opening_seconds)) from None
        if isinstance(event, Violation):
            alert = refusal.DECODE_ERROR_ALERT if event.tls else None
            raise _RefusedError(refusal.protocol_violation(event), alert)
        if isinstance(event, PlainStartup):
            raise _RefusedError(refusal.no_tls(event, client.getpeername()[0]))
        if isinstance(event, Gone):
            raise _GoneError
        return event

    async def _reach(self, client: socket.socket, hello: TlsHello) -> tuple[socket.socket, str]:
        """A socket to the instance that the server name leads to, the client's hello sent; its name.

        Raises _RefusedError. Is cancelled when the client closes the connection.
        """
        name = hello.server_name
        if name is None:
            raise _RefusedError(refusal.no_server_name())
        try:
            target = self.resolver.resolve(name)
        except UnknownNameError as error:
            raise _RefusedError(refusal.unknown_name(error)) from None
        except NoTargetError as error:
            raise _RefusedError(refusal.no_target(error)) from None
        try:
            server = new_socket(target.host)
        except OSError:
            raise _RefusedError(refusal.too_many()) from None
        try:
            with _cancelled_when_closed(client):
                while not self.ready(target.instance):
                    await asyncio.sleep(READY_SECONDS)
                async with asyncio.timeout(self.server_seconds):
                    await _greet(server, target, hello)
        except BaseException as error:
            server.close()
            if isinstance(error, OSError):  # TimeoutError is one too
                trouble = os.strerror(error.errno).lower() if error.errno else "no answer"
                raise _RefusedError(refusal.not_accepting(name, target, trouble)) from None
            raise
        return server, target.instance

    async def _refuse(self, client: socket.socket, hello: TlsHello | None, error: _RefusedError) -> None:
        """Tell the client why, and wait until it has read it. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.opening_seconds):
            if hello is None:
                await loop.sock_sendall(client, error.plain)
            else:
                tls = TlsRefusal(self.context_for(hello.server_name), error.refused)
                await loop.sock_sendall(client, tls.receive(hello.data))
                while not tls.done:
                    await loop.sock_sendall(client, tls.receive(await loop.sock_recv(client, PIECE)))
        # A socket that is closed with bytes unread resets the connection, and the client may lose the message.
        client.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LINGER_SECONDS):
            while await loop.sock_recv(client, PIECE):
                pass

    async def _broadcast(self, packet: bytes) -> None:
        """Pass a cancel request to every instance: only the one that gave out its key takes it."""
        await asyncio.gather(*(_send_cancel(address, packet) for address in set(self.backends())))


async def _greet(server: socket.socket, target: Target, hello: TlsHello) -> None:
    """Connect to the instance and begin TLS there as the client did here. Raises OSError, _RefusedError."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(server, (target.host, target.port))
    if not hello.direct:
        await loop.sock_sendall(server, SSL_REQUEST)
        answer = await loop.sock_recv(server, 1)
        if answer == b"N":
            raise _RefusedError(refusal.backend_without_tls(target))
        if answer != b"S":
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    await loop.sock_sendall(server, hello.data)


async def _send_cancel(address: tuple[str, int], packet: bytes) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError), new_socket(address[0]) as server:
        async with asyncio.timeout(CANCEL_SECONDS):
            await loop.sock_connect(server, address)
            await loop.sock_sendall(server, packet)
            # The instance closes when it has passed the request on.
            while await loop.sock_recv(server, PIECE):
                pass


@contextlib.contextmanager
def _cancelled_when_closed(client: socket.socket) -> Iterator[None]:
    """Cancel the task inside when the client closes the connection. Nothing of the client's is read."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def look() -> None:
        try:
            closed = not client.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            closed = True
        loop.remove_reader(client)
        if closed and task is not None:
            task.cancel()

    loop.add_reader(client, look)
    try:
        yield
    finally:
        loop.remove_reader(client)


def new_socket(host: str) -> socket.socket:
    """A non-blocking TCP socket for an IP address. Raises OSError where the process is out of files."""
    new = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    prepare(new)
    return new


def prepare(connection: socket.socket) -> None:
    """Set what every socket of the router has."""
    connection.setblocking(False)
    # PostgreSQL and libpq send whole messages; to wait for more would only add to each answer's time.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
