"""Ports are found, not fixed, so that several regions can run side by side."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
from collections.abc import Collection

POSTGRESQL_PORT = 5432
SERVER_PORTS = range(20000, 32000)
"""Below the range from which operating systems hand out ports by themselves."""
ADDRESSES_TRIED = 32


class NoPortError(Exception):
    """No port is free. The message says where one was looked for."""


def is_free(host: str, port: int) -> bool:
    """Whether a listener could be opened on `host`:`port` now."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
        return True
    return False


def free_server_port(taken: Collection[int]) -> int:
    """A port of this machine for one PostgreSQL server. Raises NoPortError."""
    # Not cryptography: spread so that regions side by side seldom try the same one.
    for port in random.sample(SERVER_PORTS, k=min(500, len(SERVER_PORTS))):
        if port not in taken and is_free("127.0.0.1", port):
            return port
    raise NoPortError(
        f"No free port from {SERVER_PORTS.start} to {SERVER_PORTS.stop - 1} on 127.0.0.1: "
        "stop a region that you no longer need (`aurora-lab stop`)."
    )


def router_address(preferred: tuple[str, int] | None = None) -> tuple[str, int]:
    """Loopback address and port for the endpoint router: with port 5432 wherever that can be had.

    PostgreSQL's own port (FACTS 3.8) makes every command that works on AWS work here. Linux answers on all of
    127.0.0.0/8, so a second region takes the next address; elsewhere, and where a server listens on all
    addresses, another port of 127.0.0.1 has to do. Raises NoPortError.
    """
    candidates = [preferred] if preferred else []
    last = ADDRESSES_TRIED if sys.platform == "linux" else 1
    candidates += [(f"127.0.0.{number}", POSTGRESQL_PORT) for number in range(1, last + 1)]
    for host, port in candidates:
        if is_free(host, port):
            return host, port
    return "127.0.0.1", free_server_port(())
