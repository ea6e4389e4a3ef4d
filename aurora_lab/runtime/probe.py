"""Whether somebody answers: a PostgreSQL server, or a container engine, asked in its own protocol."""

from __future__ import annotations

import socket
import struct

_PROTOCOL_3 = 196608
_STARTUP = b"user\0postgres\0database\0postgres\0application_name\0aurora-lab-probe\0\0"
_CANNOT_CONNECT_NOW = "57P03"
"""Starting up, shutting down, in recovery: the one refusal that time cures."""


def accepts(host: str, port: int, seconds: float = 1.0) -> bool:
    """Whether the server answers a connection with anything but "not now".

    A demand for a password is a yes, and so is any other refusal: the server is up. It is dropped there.
    """
    packet = struct.pack("!ii", len(_STARTUP) + 8, _PROTOCOL_3) + _STARTUP
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(packet)
            kind, body = _message(connection)
    except (OSError, EOFError):
        return False
    if kind == b"E":
        return sql_state(body) != _CANNOT_CONNECT_NOW
    return kind == b"R"


def greet_engine(path: str, seconds: float) -> None:
    """Have the container engine behind a Unix socket answer a ping, without its client, in a millisecond.

    Raises OSError when it does not, or is something else.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        if not connection.recv(64).startswith(b"HTTP/1."):
            raise ConnectionError("it is not a container engine")


def sql_state(body: bytes) -> str:
    """The SQLSTATE in the body of an ErrorResponse."""
    for part in body.split(b"\0"):
        if part.startswith(b"C"):
            return part[1:].decode("ascii", "replace")
    return ""


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    return head[:1], _exactly(connection, max(0, struct.unpack("!i", head[1:])[0] - 4))


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise EOFError
        received += more
    return received
