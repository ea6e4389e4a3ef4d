"""Bytes between two sockets: the thread relay and the pump, each in both of its kinds, and both together."""

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
from aurora_lab.endpoints.relay import Relay
from aurora_lab.endpoints.router import raise_file_limit
from aurora_lab.endpoints.thread_relay import LIMIT, ThreadRelay, splice_works

SMALL = 64 * 1024
"""Bytes that a socket of these tests keeps, so that it is soon full."""


AnyRelay = Relay | Pump | ThreadRelay
RELAYS: dict[str, Callable[[], AnyRelay]] = {
    "threads with splice": lambda: ThreadRelay(splice=True),
    "threads without": lambda: ThreadRelay(splice=False),
    "pump on epoll": lambda: Pump(EpollPoller),
    "pump on selectors": lambda: Pump(SelectorPoller),
    "all": Relay,
}


@dataclass
class Joined:
    """A client and a server, and the relay between them."""

    client: socket.socket
    server: socket.socket
    relay: AnyRelay


def made(name: str) -> AnyRelay:
    """A relay of this name, where the system has it."""
    if "epoll" in name and not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")
    if "with splice" in name and not splice_works():
        pytest.skip("this system has no splice")
    return RELAYS[name]()


@pytest.fixture(params=RELAYS)
def relay(request: pytest.FixtureRequest) -> Iterator[AnyRelay]:
    """Each relay in turn."""
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
def joined(relay: AnyRelay, label: str = "one") -> Iterator[Joined]:
    """A client and a server joined by the relay."""
    client, near = tcp_pair()
    server, far = tcp_pair()
    for end in (near, far):
        end.setblocking(False)
    assert relay.add(near, far, label) is not False
    with client, server:
        yield Joined(client, server, relay)


@pytest.fixture
def pair(relay: AnyRelay) -> Iterator[Joined]:
    """A joined client and server."""
    with joined(relay) as one:
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


def gone(relay: AnyRelay) -> None:
    """Wait until the relay has closed everything."""
    until(lambda: relay.open() == {}, "the connection is closed")


def test_bytes_go_both_ways(pair: Joined) -> None:
    for number in range(50):
        pair.client.sendall(b"question %d" % number)
        assert pair.server.recv(100) == b"question %d" % number
        pair.server.sendall(b"answer %d" % number)
        assert pair.client.recv(100) == b"answer %d" % number
    assert pair.relay.open() == {"one": 1}


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
    gone(pair.relay)


def test_a_slow_client_holds_its_server_back(pair: Joined) -> None:
    sent = fill(pair.server)
    # What the kernel keeps for four sockets (twice what it is asked for, and some more), and one buffer.
    assert sent < BUFFER + 4 * 3 * SMALL
    # The other direction is not held up.
    pair.client.sendall(b"still here")
    assert pair.server.recv(100) == b"still here"
    # And other connections are not.
    with joined(pair.relay) as other:
        other.client.sendall(b"x")
        assert other.server.recv(1) == b"x"
    pair.server.shutdown(socket.SHUT_WR)
    assert len(read_all(pair.client)) == sent


def test_a_blocked_relay_does_not_spin(pair: Joined) -> None:
    fill(pair.server)
    fill(pair.client)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_a_half_closed_connection_goes_on(pair: Joined) -> None:
    pair.client.sendall(b"last question")
    pair.client.shutdown(socket.SHUT_WR)
    assert read_all(pair.server) == b"last question"
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.1, "a stream that has ended is not looked at again and again"
    pair.server.sendall(b"long answer" * 5000)
    pair.server.close()
    assert read_all(pair.client) == b"long answer" * 5000
    gone(pair.relay)


def test_a_client_that_leaves(pair: Joined) -> None:
    pair.client.close()
    assert read_all(pair.server) == b""
    pair.server.close()
    gone(pair.relay)


def test_a_client_that_leaves_while_much_is_sent_to_it(pair: Joined) -> None:
    fill(pair.server)
    pair.client.close()  # with bytes unread: a reset
    with pytest.raises(ConnectionError):
        while True:
            pair.server.send(bytes(65536))
    gone(pair.relay)


def test_a_reset_ends_the_other_side(pair: Joined) -> None:
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pair.server.close()
    with contextlib.suppress(ConnectionError):
        assert pair.client.recv(100) == b""
    gone(pair.relay)


def test_a_servers_last_words_arrive(pair: Joined) -> None:
    """A server that is shut down says why and closes, while the client's question is on its way."""
    pair.server.sendall(b"FATAL: terminating connection")
    pair.server.close()
    with contextlib.suppress(ConnectionError):
        for _ in range(5):
            pair.client.sendall(b"SELECT 1")
    assert pair.client.recv(100) == b"FATAL: terminating connection"


@pytest.mark.parametrize("name", RELAYS)
def test_closing_the_relay_closes_connections(name: str) -> None:
    relay = made(name)
    with joined(relay) as first, joined(relay) as second, joined(relay) as blocked:
        fill(blocked.server)
        first.client.sendall(b"x")
        assert first.server.recv(1) == b"x"
        relay.close()
        for end in (first.client, first.server, second.client, second.server):
            with contextlib.suppress(ConnectionError):
                assert end.recv(1) == b""
    assert relay.open() == {}


@pytest.mark.parametrize("name", ["pump on epoll", "pump on selectors", "all"])
def test_a_thousand_idle_connections(name: str) -> None:
    raise_file_limit()
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed < 5000:
        pytest.skip(f"this user may open only {allowed} files")
    relay = made(name)
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(joined(relay, f"instance-{number % 3}")) for number in range(1000)]
        until(lambda: sum(relay.open().values()) == 1000, "all are open")
        assert set(relay.open()) == {"instance-0", "instance-1", "instance-2"}
        assert threading.active_count() - threads <= 2 * LIMIT
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
    gone(relay)
    relay.close()


def test_room_that_is_left_is_used_again() -> None:
    relay = ThreadRelay(limit=1)
    client, near = tcp_pair()
    with client, near:
        with joined(relay):
            assert not relay.add(near, near, "more")
            assert relay.open() == {"one": 1}
        gone(relay)
        with joined(relay) as again:
            again.client.sendall(b"x")
            assert again.server.recv(1) == b"x"
    relay.close()


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the pump takes the connection."""
    relay = Relay()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with joined(relay) as one:
            one.client.sendall(b"x")
            assert one.server.recv(1) == b"x"
    gone(relay)
    relay.close()


def test_one_thread_of_two_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the connection ends, instead of passing bytes one way only."""
    relay = Relay()
    start, calls = threading.Thread.start, []

    def fail_once(thread: threading.Thread) -> None:
        calls.append(thread)
        if len(calls) == 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_once)
        with joined(relay) as one:
            assert read_all(one.client) == b""
            assert read_all(one.server) == b""
    gone(relay)
    with joined(relay) as another:
        another.client.sendall(b"x")
        assert another.server.recv(1) == b"x"
    relay.close()
