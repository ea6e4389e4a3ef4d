"""How the router treats servers that misbehave and clients that do: with small servers of the tests' own."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from hellos import CANCEL, SSL_REQUEST, STARTUP, in_records, openssl_hello, record
from routed import EMPTY, ONE, Routed, free_port, until
from test_endpoint_opening_fuzz import damaged

from aurora_lab.endpoints.opening import SSL_REQUEST as TO_SERVER
from aurora_lab.endpoints.router import OPENING_AT_ONCE, PortTakenError, Router
from aurora_lab.endpoints.zone import Target

LIVE_OPENINGS = 500


@contextlib.contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[Target]:
    """A server that treats each connection with `serve`, in one thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.settimeout(10)
                        serve(client)

        thread = Thread(target=run)
        thread.start()
        yield Target("one", "127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextlib.contextmanager
def client(doors: Routed, *send: bytes) -> Iterator[socket.socket]:
    """A connection to the router, these bytes sent."""
    with socket.create_connection(("127.0.0.1", doors.port), timeout=10) as connection:
        for data in send:
            connection.sendall(data)
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_error(data: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse."""
    assert data[:1] == b"E", data
    assert int.from_bytes(data[1:5], "big") == len(data) - 1
    fields = data[5:].rstrip(b"\0").decode().split("\0")
    return {field[0]: field[1:] for field in fields}


def test_a_server_that_does_not_answer(doors: Routed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        doors.set(ONE, Target("one", "127.0.0.1", silent.getsockname()[1]))
        message = doors.refusal(ONE)
    assert 'instance "one" is not accepting connections: no answer' in message


def test_a_client_that_gives_up_first_is_noticed(doors: Routed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        doors.set(ONE, Target("one", "127.0.0.1", silent.getsockname()[1]))
        with client(doors, openssl_hello(ONE)):
            connection, _ = silent.accept()
        with connection:
            # Direct TLS is passed on as it is, and the client is gone before an answer: perhaps before that.
            connection.settimeout(10)
            assert read_all(connection) in (b"", openssl_hello(ONE))
    until(lambda: not doors.router.statistics().opening, "nothing is left")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        doors.set(ONE, Target("one", "127.0.0.1", silent.getsockname()[1]))
        with client(doors, SSL_REQUEST) as leaving:
            assert leaving.recv(1) == b"S"
            leaving.sendall(openssl_hello(ONE))
            connection, _ = silent.accept()
            connection.settimeout(10)
            assert connection.recv(8) == TO_SERVER
        with connection:
            assert read_all(connection) == b""
    assert doors.refused() == {}


@pytest.mark.parametrize(
    ("answer", "words", "reason"),
    [
        (b"N", 'instance "one" does not support TLS', "instance without TLS"),
        (b"", 'instance "one" is not accepting connections: connection reset', "not accepting"),
        (b"E", 'instance "one" is not accepting connections: connection reset', "not accepting"),
    ],
)
def test_a_server_that_declines_tls(doors: Routed, answer: bytes, words: str, reason: str) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(8) == TO_SERVER
        connection.sendall(answer)

    with server(serve) as target:
        doors.set(ONE, target)
        message = doors.refusal(ONE)
    assert words in message
    assert reason in next(iter(doors.refused()))


def test_bytes_after_the_hello_are_not_lost(doors: Routed) -> None:
    """All bytes of the client arrive, in order, also those that it sends before the server has answered."""
    hello, early = in_records(openssl_hello(ONE), 100), b"early"
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(connection.recv(8))
        time.sleep(0.05)
        connection.sendall(b"S")
        data = b""
        while len(data) < len(hello + early):
            data += connection.recv(65536)
        received.append(data)

    with server(serve) as target:
        doors.set(ONE, target)
        with client(doors, SSL_REQUEST) as connection:
            assert connection.recv(1) == b"S"
            connection.sendall(hello)
            time.sleep(0.02)
            connection.sendall(early)
            assert read_all(connection) == b""
    assert received == [TO_SERVER, hello + early]


def test_a_cancel_request_goes_to_every_server_and_waits_for_them(doors: Routed) -> None:
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(connection.recv(100))
        time.sleep(0.05)
        received.append(b"done")

    with server(serve) as one, server(serve) as two:
        doors.set(ONE, one, two, Target("down", "127.0.0.1", free_port()))
        with client(doors, CANCEL) as connection:
            assert read_all(connection) == b""
            assert sorted(received) == [CANCEL, CANCEL, b"done", b"done"]


def test_an_http_client_reads_why(doors: Routed) -> None:
    with client(doors, b"GET / HTTP/1.1\r\n\r\n") as connection:
        error = read_error(read_all(connection))
    assert error["S"] == error["V"] == "FATAL"
    assert error["C"] == "08P01"
    assert error["M"] == "invalid length of startup packet"
    assert "speaks PostgreSQL's protocol" in error["H"]


def test_a_broken_hello_gets_a_tls_alert(doors: Routed) -> None:
    with client(doors, SSL_REQUEST) as connection:
        assert connection.recv(1) == b"S"
        connection.sendall(record(b"\1\0\0\0"))
        assert read_all(connection) == bytes([21, 3, 1, 0, 2, 2, 50])


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0\0", SSL_REQUEST, STARTUP[:20], openssl_hello(ONE)[:50]],
    ids=["nothing", "two-bytes", "ssl-request", "startup", "hello"],
)
def test_a_client_that_does_not_finish_is_closed(doors: Routed, sent: bytes) -> None:
    with client(doors, sent) as connection:
        error = read_error(read_all(connection).removeprefix(b"S"))
        assert error["C"] == "08006"
        assert "was not opened within 0.4 seconds" in error["M"]
    assert doors.refused() == {"opening too slow": 1}


def test_a_client_that_sends_byte_by_byte_is_closed_in_time(doors: Routed) -> None:
    began = time.monotonic()
    with client(doors) as connection, contextlib.suppress(ConnectionError):
        for byte in openssl_hello(ONE):
            connection.sendall(bytes([byte]))
            time.sleep(0.01)
            assert time.monotonic() - began < 5
    until(lambda: doors.refused() == {"opening too slow": 1}, "it is refused")


def test_a_refused_client_that_does_not_go_on_is_closed(doors: Routed) -> None:
    with client(doors, SSL_REQUEST) as connection:
        assert connection.recv(1) == b"S"
        connection.sendall(openssl_hello(EMPTY))
        assert read_all(connection)[0] == 22, "the handshake, and then the end"
    until(lambda: not doors.router.statistics().opening, "nothing is left")


def test_many_slow_clients_do_not_keep_others_out(doors: Routed) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(OPENING_AT_ONCE + 50):
            stack.enter_context(client(doors))
        assert "no instance is behind" in doors.refusal(EMPTY)
        assert doors.router.statistics().opening <= OPENING_AT_ONCE


def test_a_port_that_is_taken(doors: Routed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"cannot listen on port {port} of 127.0.0.1 .*another port"):
            doors.router.listen(port)
    assert doors.router.ports() == (doors.port,)


def test_a_router_that_was_closed(doors: Routed) -> None:
    with client(doors, b"\0") as waiting:
        until(lambda: doors.router.statistics().opening, "it is being opened")
        doors.router.close()
        with contextlib.suppress(ConnectionError):
            assert waiting.recv(1) == b""
    doors.router.close()
    assert doors.router.ports() == ()
    with pytest.raises(RuntimeError):
        doors.router.listen(0)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", doors.port), timeout=10).close()


def test_missing_certificates_are_seen_at_the_start(doors: Routed, tmp_path: Path) -> None:
    router = Router(doors.resolver, list, tmp_path / "server.crt", tmp_path / "server.key")
    with pytest.raises(OSError, match="No such file"):
        router.start()
    router.close()


def test_out_of_file_descriptors(doors: Routed) -> None:
    """In a process of its own: a router that is out of files lets clients wait, and goes on when it may."""
    script = Path(__file__).with_name("out_of_files.py")
    result = subprocess.run(
        [sys.executable, str(script), str(doors.authority.certificate), str(doors.authority.key)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (result.returncode, result.stdout) == (0, "went on\n"), result.stderr


def test_damaged_openings_over_sockets(doors: Routed, caplog: pytest.LogCaptureFixture) -> None:
    """Every one is closed by the router or answered, and the router is as before."""
    seed = int(os.environ.get("AURORA_LAB_FUZZ_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}: AURORA_LAB_FUZZ_SEED={seed} repeats this")
    rng = random.Random(seed)

    def serve(connection: socket.socket) -> None:
        if connection.recv(8) == TO_SERVER:
            connection.sendall(b"S")

    with server(serve) as target:
        doors.set(ONE, target)
        for _ in range(LIVE_OPENINGS):
            with client(doors) as connection, contextlib.suppress(ConnectionError):
                for part in damaged(rng):
                    connection.sendall(part)
                if rng.random() < 0.2:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    continue
                with contextlib.suppress(OSError):  # the router may have closed already
                    connection.shutdown(socket.SHUT_WR)
                answer = read_all(connection)
                assert answer[:1] in (b"", b"S", b"N", b"E", b"\x15", b"\x16"), answer
    until(lambda: not doors.router.statistics().opening, "nothing is left")
    until(lambda: not doors.router.statistics().open, "no connection is left")
    assert "no instance is behind" in doors.refusal(EMPTY)
    assert not caplog.records, "no error of the router itself"
