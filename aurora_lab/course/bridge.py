"""The only way out of a submission's network: sockets opened inside it and answered here, outside.

The first process inside listens where the region would listen and hands its sockets over, once, before any of
the learner's code runs. What is accepted on them is passed on to the region, and to nothing else.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

Address = tuple[str, int]

MOST_CONNECTIONS = 200
SECONDS = 30.0
"""How long the first process inside may take to hand its sockets over."""
PIECE = 1 << 16


class Bridge:
    """Waits at `path` for the sockets of one submission; the Nth leads to the Nth of `leads_to`."""

    def __init__(self, path: Path, leads_to: Sequence[Address]) -> None:
        self.path = path
        self._leads_to = tuple(leads_to)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._places = threading.Semaphore(MOST_CONNECTIONS)
        self._closed = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(1)
        self._listener.settimeout(SECONDS)
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            self._closed = True
            left, self._open = self._open, set()
        for item in (self._listener, *left):
            _close(item)

    def _take(self) -> None:
        """Take the sockets, and no second set."""
        with contextlib.suppress(OSError), self._listener:
            # It stays open: by its end those inside learn that the grader is gone, however that came.
            inside = self._keep(self._listener.accept()[0])
            inside.settimeout(SECONDS)
            _, files, _, _ = socket.recv_fds(inside, 16, len(self._leads_to))
            for file, leads_to in zip(files, self._leads_to, strict=True):
                door = self._keep(socket.socket(fileno=file))
                threading.Thread(target=self._answer, args=(door, leads_to), daemon=True).start()
            inside.sendall(b"1")

    def _answer(self, door: socket.socket, leads_to: Address) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                if not self._places.acquire(blocking=False):
                    _close(client)
                    continue
                self._keep(client)
                threading.Thread(target=self._carry, args=(client, leads_to), daemon=True).start()

    def _carry(self, client: socket.socket, leads_to: Address) -> None:
        try:
            with contextlib.suppress(OSError):
                region = self._keep(socket.create_connection(leads_to, timeout=SECONDS))
                for end in (client, region):
                    end.settimeout(None)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_pump, args=(region, client), daemon=True)
                back.start()
                _pump(client, region)
                back.join()
                self._forget(region)
        finally:
            self._forget(client)
            self._places.release()

    def _keep(self, item: socket.socket) -> socket.socket:
        with self._lock:
            if self._closed:
                item.close()
                raise OSError("the bridge is closed")
            self._open.add(item)
        return item

    def _forget(self, item: socket.socket) -> None:
        with self._lock:
            self._open.discard(item)
        item.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until one side ends, and tell the other side."""
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _close(item: socket.socket) -> None:
    # A thread that waits in accept or recv is woken by the shutdown, not by the close.
    with contextlib.suppress(OSError):
        item.shutdown(socket.SHUT_RDWR)
    item.close()
