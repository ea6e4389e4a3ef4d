"""The relay: passes the bytes of open connections between clients and servers.

The first `thread_relay.LIMIT` connections get threads of their own, which is fastest; further ones share the
pump, which takes thousands. An open connection stays where it began.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from aurora_lab.endpoints.poller import Poller, new_poller
from aurora_lab.endpoints.pump import Pump
from aurora_lab.endpoints.thread_relay import LIMIT, ThreadRelay


class Relay:
    """Moves the bytes of the connections that it is given, until they end or it is closed."""

    def __init__(self, threaded: int = LIMIT, poller: Callable[[], Poller] = new_poller) -> None:
        self._threads = ThreadRelay(threaded)
        self._pump = Pump(poller)

    def add(self, client: socket.socket, server: socket.socket, label: str) -> None:
        """Take over two connected sockets. `label` is what the connection is counted under."""
        if not self._threads.add(client, server, label):
            client.setblocking(False)
            server.setblocking(False)
            self._pump.add(client, server, label)

    def open(self) -> dict[str, int]:
        """The number of open connections under each label."""
        return dict(self._threads.open() + self._pump.open())

    def close(self) -> None:
        """Close every connection and end the threads. Nothing may be added meanwhile."""
        self._threads.close()
        self._pump.close()
