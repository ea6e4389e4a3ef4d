"""Run by a test, in a process of its own: a router that may open no more files, and then may again."""

from __future__ import annotations

import logging
import resource
import socket
import sys
import threading
from pathlib import Path

from aurora_lab.endpoints.resolver import Resolver
from aurora_lab.endpoints.router import Router
from aurora_lab.endpoints.zone import Zone

warned = threading.Event()


class Listener(logging.Handler):
    """Waits for the router's warning."""

    def emit(self, record: logging.LogRecord) -> None:
        if "file descriptor" in record.getMessage():
            warned.set()


logging.getLogger().addHandler(Listener())
router = Router(Resolver(Zone(), lambda: 0.0), list, Path(sys.argv[1]), Path(sys.argv[2]))
port = router.start()
allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
with socket.socket() as client:
    # What is open stays open; the router cannot accept.
    resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno(), allowed[1]))
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /")
    assert warned.wait(10), "the router says that it is out of files"
    resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert client.recv(1) == b"E", "the client that waited is answered"
router.close()
print("went on")
