"""Run by a test: a router in a process that may open very few files."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import sys
import time
from pathlib import Path

from aurora_lab.endpoints.resolver import Resolver
from aurora_lab.endpoints.router import Router
from aurora_lab.endpoints.zone import Zone

logging.disable()
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
router = Router(Resolver(Zone(), lambda: 0.0), list, Path(sys.argv[1]), Path(sys.argv[2]), opening_seconds=30)
port = router.start()


def ask() -> socket.socket:
    """Connect and send what is refused at once."""
    connection = socket.socket()
    connection.settimeout(0.5)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET /")
    return connection


taken: list[socket.socket] = []
with contextlib.suppress(OSError):
    while True:
        taken.append(socket.create_connection(("127.0.0.1", port)))
# No file is left for the router or for this test. One freed is used by the test's own new connection.
taken.pop().close()
with ask() as waiting, contextlib.suppress(TimeoutError):
    assert not waiting.recv(1), "it cannot have been answered"
for connection in taken:
    connection.close()
deadline = time.monotonic() + 10
while True:
    with contextlib.suppress(OSError), ask() as connection:
        if connection.recv(1) == b"E":
            break
    assert time.monotonic() < deadline
router.close()
print("went on")
