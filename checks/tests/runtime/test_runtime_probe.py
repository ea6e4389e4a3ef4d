"""Whether a server accepts connections is read from its first answer, without a password."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from aurora_lab.region.ports import free_server_port
from aurora_lab.runtime import probe


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that reads a startup message and gives this answer; yields its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                size, protocol = struct.unpack("!ii", connection.recv(8, socket.MSG_WAITALL))
                assert protocol == 3 << 16
                words = connection.recv(size - 8, socket.MSG_WAITALL).split(b"\0")
                assert words[0] == b"user"
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def refusal(state: str) -> bytes:
    body = b"SFATAL\0VFATAL\0C" + state.encode() + b"\0Mwhat it says\0\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


@pytest.mark.parametrize(
    ("answer", "accepts"),
    [
        (b"R" + struct.pack("!ii", 8, 0), True),
        (b"R" + struct.pack("!ii", 23, 10) + b"SCRAM-SHA-256\0\0", True),
        (refusal("28000"), True),
        (refusal("53300"), True),
        (refusal("3D000"), True),
        (refusal("57P03"), False),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"R\0\0", False),
        (b"", False),
    ],
    ids=[
        "trusted",
        "password",
        "not-allowed",
        "full",
        "no-database",
        "starting",
        "http",
        "cut-short",
        "closed",
    ],
)
def test_the_first_answer_decides(answer: bytes, accepts: bool) -> None:
    with answering(lambda connection: connection.sendall(answer)) as port:
        assert probe.accepts("127.0.0.1", port, 5.0) is accepts


def test_an_answer_in_pieces_is_put_together() -> None:
    def slowly(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in refusal("28000"):
            connection.sendall(bytes([byte]))

    with answering(slowly) as port:
        assert probe.accepts("127.0.0.1", port, 5.0)


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    done = threading.Event()
    with answering(lambda _: done.wait(10) and None) as port:
        began = time.monotonic()
        assert not probe.accepts("127.0.0.1", port, 0.2)
        assert time.monotonic() - began < 5
        done.set()


def test_nobody_there_is_no() -> None:
    assert not probe.accepts("127.0.0.1", free_server_port(()), 1.0)
