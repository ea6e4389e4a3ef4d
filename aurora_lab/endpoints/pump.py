"""The pump: passes bytes between clients and servers, one thread for thousands of open connections.

Theory
======

A connection is two sockets, and a flow for each direction. A flow reads from its source and writes to its
sink at once, in the common case without any change to what is watched:

    source readable --> receive at most BUFFER bytes --> send --> all sent: wait for the next

Rules
-----

1. What the sink does not take is held by the flow, and its source is not read until that is written. So a slow
   client costs one buffer, and the sender feels it through TCP, as without a router.
2. The end of a source's stream is passed on (half-close) once all before it is written. When both flows have
   ended, both sockets are closed.
3. An error of a socket ends the connection. What the broken side had sent before is passed on first: a server
   that is killed or shut down has often said why.
4. A socket that nobody wants to read from or write to is not watched, because a hang-up would make it ready
   for ever.
5. Only the pump's thread touches flows and sockets; others put connections on a queue and wake it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
from collections import Counter
from collections.abc import Callable

from aurora_lab.endpoints.poller import READ, WRITE, Poller, new_poller

BUFFER = 64 * 1024
"""Bytes moved at a time, and the most that a flow holds."""
LAST_WORDS = 64
"""Buffers read at most from a broken socket."""

log = logging.getLogger(__name__)


class Flow:
    """Bytes one way. `back` is the flow the other way; its source is this one's sink."""

    __slots__ = ("back", "ended", "fd", "held", "label", "receive_into", "send", "source", "watched")

    back: Flow

    def __init__(self, source: socket.socket, sink: socket.socket, label: str) -> None:
        self.source = source
        self.label = label
        self.fd = source.fileno()
        self.receive_into = source.recv_into
        self.send = sink.send
        self.held = b""
        """Received, and not yet taken by the sink."""
        self.ended = False
        """The source will give nothing more."""
        self.watched = 0
        """What the poller watches the source for."""

    @property
    def wanted(self) -> int:
        """What the source is to be watched for: reading for this flow, writing for the one back."""
        return (0 if self.ended or self.held else READ) | (WRITE if self.back.held else 0)


class Pump:
    """Moves the bytes of the connections that it is given, until they end or the pump is closed."""

    def __init__(self, poller: Callable[[], Poller] = new_poller) -> None:
        self._poller = poller()
        self._flows: dict[int, Flow] = {}
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._new: queue.SimpleQueue[tuple[socket.socket, socket.socket, str] | None] = queue.SimpleQueue()
        self._waker, self._alarm = socket.socketpair()
        self._waker.setblocking(False)
        self._alarm.setblocking(False)
        self._poller.watch(self._alarm.fileno(), 0, READ)
        self._open: Counter[str] = Counter()
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="aurora-lab-pump", daemon=True)
        self._thread.start()

    def add(self, client: socket.socket, server: socket.socket, label: str) -> None:
        """Take over two connected, non-blocking sockets. `label` is what the connection is counted under."""
        with self._open_lock:
            self._open[label] += 1
        self._new.put((client, server, label))
        self._wake()

    def open(self) -> Counter[str]:
        """The number of open connections under each label."""
        with self._open_lock:
            return +self._open

    def close(self) -> None:
        """Close every connection and end the thread."""
        self._new.put(None)
        self._wake()
        self._thread.join()
        self._waker.close()

    def _wake(self) -> None:
        # A full pipe is as good as a byte more.
        with contextlib.suppress(BlockingIOError):
            self._waker.send(b"\0")

    def _run(self) -> None:
        flows, wait, move, alarm = self._flows, self._poller.wait, self._move, self._alarm.fileno()
        going = True
        while going:
            woken = False
            for fd, events in wait():
                flow = flows.get(fd)
                if flow is None:  # woken; or closed a moment ago, for its other side
                    woken = woken or fd == alarm
                    continue
                try:
                    if events != WRITE:
                        move(flow)
                    # An error is told without the bit that was asked for.
                    if events != READ and flow.back.held and fd in flows:
                        self._flush(flow.back)
                except Exception:
                    # One connection's trouble must not end all others.
                    log.exception("A connection to %s ended by an error of the router.", flow.label)
                    self._close(flow)
            if woken:
                going = self._take_new()
        for flow in list(flows.values()):
            self._close(flow)
        self._poller.close()
        self._alarm.close()

    def _take_new(self) -> bool:
        """Start the connections that were added; False where the pump is to end."""
        with contextlib.suppress(BlockingIOError):
            self._alarm.recv(4096)
        going = True
        with contextlib.suppress(queue.Empty):
            while True:
                new = self._new.get_nowait()
                if new is None:
                    going = False
                else:
                    self._start(*new)
        return going

    def _start(self, client: socket.socket, server: socket.socket, label: str) -> None:
        up, down = Flow(client, server, label), Flow(server, client, label)
        up.back, down.back = down, up
        for flow in (up, down):
            self._flows[flow.fd] = flow
            self._watch(flow)

    def _watch(self, flow: Flow) -> None:
        if (wanted := flow.wanted) != flow.watched:
            self._poller.watch(flow.fd, flow.watched, wanted)
            flow.watched = wanted

    def _move(self, flow: Flow) -> None:
        """Pass on what the source has. This is where the time goes."""
        if flow.ended or flow.held:
            # Ready by an error only; whoever writes to it meets the error.
            return
        try:
            count = flow.receive_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self._close(flow)
            return
        if not count:
            self._end(flow)
            return
        try:
            sent = flow.send(self._view[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break(flow.back)
            return
        if sent != count:
            flow.held = bytes(self._view[sent:count])
            self._watch(flow)
            self._watch(flow.back)

    def _flush(self, flow: Flow) -> None:
        """Write what the flow holds, now that its sink takes more."""
        try:
            flow.held = flow.held[flow.send(flow.held) :]
        except BlockingIOError:
            return
        except OSError:
            self._break(flow.back)
            return
        if not flow.held:
            self._watch(flow)
            self._watch(flow.back)

    def _end(self, flow: Flow) -> None:
        """The source's stream has ended. Nothing is held, for then the source is not read."""
        flow.ended = True
        if flow.back.ended:
            self._close(flow)
            return
        self._watch(flow)
        try:
            flow.back.source.shutdown(socket.SHUT_WR)
        except OSError:
            self._break(flow.back)

    def _break(self, flow: Flow) -> None:
        """The source broke while it was written to: pass on what it had said before, then close."""
        with contextlib.suppress(OSError):  # also where it would block: the other side is not waited for
            if flow.held:
                flow.held = flow.held[flow.send(flow.held) :]
            for _ in range(LAST_WORDS):
                count = flow.receive_into(self._buffer)
                if not count or flow.send(self._view[:count]) != count:
                    break
        self._close(flow)

    def _close(self, flow: Flow) -> None:
        for one in (flow, flow.back):
            if self._flows.pop(one.fd, None) is None:
                return
            if one.watched:
                self._poller.watch(one.fd, one.watched, 0)
            one.source.close()
        with self._open_lock:
            self._open[flow.label] -= 1
