"""Bytes between two sockets: the pump, with each of its pollers."""

from __future__ import annotations

import contextlib
import random
import resource
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from routed import until

from aurora_lab.endpoints.poller import EpollPoller, SelectorPoller
from aurora_lab.endpoints.pump import BUFFER, Pump
from aurora_lab.endpoints.router import raise_file_limit

SMALL = 64 * 1024
"""Bytes that a socket of these tests keeps, so that it is soon full."""


PUMPS: dict[str, Callable[[], Pump]] = {
    "epoll": lambda: Pump(EpollPoller),
    "selectors": lambda: Pump(SelectorPoller),
}


@dataclass
class Joined:
    """A client and a server, and the pump between them."""

    client: socket.socket
    server: socket.socket
    pump: Pump


def made(name: str) -> Pump:
    """A pump with this poller, where the system has it."""
    if name == "epoll" and not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")
    return PUMPS[name]()


@pytest.fixture(params=PUMPS)
def pump(request: pytest.FixtureRequest) -> Iterator[Pump]:
    """Each in turn."""
    chosen = made(request.param)
    yield chosen
    chosen.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection over loopback: real TCP, with half-close and reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for end in (near, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        end.settimeout(10)
    return near, far


@contextlib.contextmanager
def joined(pump: Pump, label: str = "one") -> Iterator[Joined]:
    """A client and a server joined by the pump."""
    client, near = tcp_pair()
    server, far = tcp_pair()
    for end in (near, far):
        end.setblocking(False)
    pump.add(near, far, label)
    with client, server:
        yield Joined(client, server, pump)


@pytest.fixture
def pair(pump: Pump) -> Iterator[Joined]:
    """A joined client and server."""
    with joined(pump) as one:
        yield one


def read_all(end: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    parts = []
    while part := end.recv(65536):
        parts.append(part)
    return b"".join(parts)


def fill(end: socket.socket) -> int:
    """Send until nobody takes more for a while; the number of bytes."""
    end.setblocking(False)
    sent, idle_since = 0, time.monotonic()
    while time.monotonic() - idle_since < 0.2:
        try:
            sent += end.send(bytes(16384))
            idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.005)
    end.settimeout(10)
    return sent


def gone(pump: Pump) -> None:
    """Wait until the pump has closed everything."""
    until(lambda: pump.open() == {}, "the connection is closed")


def test_bytes_go_both_ways(pair: Joined) -> None:
    for number in range(50):
        pair.client.sendall(b"question %d" % number)
        assert pair.server.recv(100) == b"question %d" % number
        pair.server.sendall(b"answer %d" % number)
        assert pair.client.recv(100) == b"answer %d" % number
    assert pair.pump.open() == {"one": 1}


def test_large_streams_both_ways_at_once(pair: Joined) -> None:
    data = random.Random(5).randbytes(3_000_000)
    received: dict[str, bytes] = {}

    def send(end: socket.socket) -> None:
        end.sendall(data)
        end.shutdown(socket.SHUT_WR)

    def receive(name: str, end: socket.socket) -> None:
        received[name] = read_all(end)

    threads = [
        threading.Thread(target=send, args=(pair.client,)),
        threading.Thread(target=send, args=(pair.server,)),
        threading.Thread(target=receive, args=("client", pair.client)),
        threading.Thread(target=receive, args=("server", pair.server)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received == {"client": data, "server": data}
    gone(pair.pump)


def test_a_slow_client_holds_its_server_back(pair: Joined) -> None:
    sent = fill(pair.server)
    # What the kernel keeps for four sockets (twice what it is asked for, and some more), and one buffer.
    assert sent < BUFFER + 4 * 3 * SMALL
    # The other direction is not held up.
    pair.client.sendall(b"still here")
    assert pair.server.recv(100) == b"still here"
    # And other connections are not.
    with joined(pair.pump) as other:
        other.client.sendall(b"x")
        assert other.server.recv(1) == b"x"
    pair.server.shutdown(socket.SHUT_WR)
    assert len(read_all(pair.client)) == sent


def processor_seconds(pump: Pump) -> float:
    """What the pump's thread has used: what others of this process do does not count."""
    assert pump._thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(pump._thread.ident))


def test_a_blocked_relay_does_not_spin(pair: Joined) -> None:
    fill(pair.server)
    fill(pair.client)
    before = processor_seconds(pair.pump)
    time.sleep(0.3)
    assert processor_seconds(pair.pump) - before < 0.1


def test_a_half_closed_connection_goes_on(pair: Joined) -> None:
    pair.client.sendall(b"last question")
    pair.client.shutdown(socket.SHUT_WR)
    assert read_all(pair.server) == b"last question"
    before = processor_seconds(pair.pump)
    time.sleep(0.2)
    assert processor_seconds(pair.pump) - before < 0.1, (
        "a stream that has ended is not looked at again and again"
    )
    pair.server.sendall(b"long answer" * 5000)
    pair.server.close()
    assert read_all(pair.client) == b"long answer" * 5000
    gone(pair.pump)


def test_a_client_that_leaves(pair: Joined) -> None:
    pair.client.close()
    assert read_all(pair.server) == b""
    pair.server.close()
    gone(pair.pump)


def test_a_client_that_leaves_while_much_is_sent_to_it(pair: Joined) -> None:
    fill(pair.server)
    pair.client.close()  # with bytes unread: a reset
    with pytest.raises(ConnectionError):
        while True:
            pair.server.send(bytes(65536))
    gone(pair.pump)


def test_a_reset_ends_the_other_side(pair: Joined) -> None:
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pair.server.close()
    with contextlib.suppress(ConnectionError):
        assert pair.client.recv(100) == b""
    gone(pair.pump)


def test_a_servers_last_words_arrive(pair: Joined) -> None:
    """A server that is shut down says why and closes, while the client's question is on its way."""
    pair.server.sendall(b"FATAL: terminating connection")
    pair.server.close()
    with contextlib.suppress(ConnectionError):
        for _ in range(5):
            pair.client.sendall(b"SELECT 1")
    assert pair.client.recv(100) == b"FATAL: terminating connection"


@pytest.mark.parametrize("name", PUMPS)
def test_closing_the_relay_closes_connections(name: str) -> None:
    pump = made(name)
    with joined(pump) as first, joined(pump) as second, joined(pump) as blocked:
        fill(blocked.server)
        first.client.sendall(b"x")
        assert first.server.recv(1) == b"x"
        pump.close()
        for end in (first.client, first.server, second.client, second.server):
            with contextlib.suppress(ConnectionError):
                assert end.recv(1) == b""
    assert pump.open() == {}


@pytest.mark.parametrize("name", PUMPS)
def test_a_thousand_idle_connections(name: str) -> None:
    raise_file_limit()
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed < 5000:
        pytest.skip(f"this user may open only {allowed} files")
    pump = made(name)
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(joined(pump, f"instance-{number % 3}")) for number in range(1000)]
        until(lambda: sum(pump.open().values()) == 1000, "all are open")
        assert set(pump.open()) == {"instance-0", "instance-1", "instance-2"}
        assert threading.active_count() == threads, "connections cost no threads"
        before = time.process_time()
        for _ in range(200):
            for one in (pairs[0], pairs[500]):
                one.client.sendall(b"x")
                assert one.server.recv(1) == b"x"
        assert time.process_time() - before < 1.0
        for one in pairs:
            one.client.sendall(b"y")
        for one in pairs:
            assert one.server.recv(1) == b"y"
    gone(pump)
    pump.close()
