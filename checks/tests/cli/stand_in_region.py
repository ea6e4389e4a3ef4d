"""Something that answers as a region's lab interface does, for tests of the command line alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click.testing

from aurora_lab.region.home import Home, RegionInfo

Run = Callable[..., click.testing.Result]
"""Runs `aurora-lab` in the test's own process."""

TOKEN = "stand-in-token"
DOMAIN = "cabc123.us-west-2.rds.amazonaws.com"


def instance(name: str, role: str, **more: Any) -> dict[str, Any]:
    """An instance as `/_lab/status` shows it."""
    return {
        "id": name,
        "role": role,
        "status": "available",
        "az": "us-west-2a",
        "tier": 1,
        "class": "db.r6g.large",
        "endpoint": f"{name}.{DOMAIN}",
        "server": "running",
        "lag_ms": None if role == "writer" else 3.2,
        "memory_bytes": 18 * 2**20,
        **more,
    }


def cluster(name: str, *instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A cluster as `/_lab/status` shows it."""
    return {
        "id": name,
        "status": "available",
        "engine_version": "17.10",
        "master_username": "teacher",
        "database": "postgres",
        "endpoint": f"{name}.cluster-{DOMAIN}",
        "reader_endpoint": f"{name}.cluster-ro-{DOMAIN}",
        "port": 5432,
        "custom": [],
        "instances": list(instances),
        **more,
    }


def database(name: str, **more: Any) -> dict[str, Any]:
    """An RDS DB instance as `/_lab/status` shows it."""
    return {
        "id": name,
        "role": "primary",
        "source": None,
        "status": "available",
        "class": "db.r6g.large",
        "az": "us-west-2a",
        "master_username": "owner",
        "database": "sales",
        "endpoint": f"{name}.{DOMAIN}",
        "port": 5432,
        "server": "running",
        "lag_ms": None,
        "memory_bytes": 20 * 2**20,
        **more,
    }


class StandIn:
    """Its answers, which a test may change, and the calls that changed something."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clusters: list[dict[str, Any]] = []
        self.databases: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.ledger: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def answer(self, name: str, body: dict[str, Any] | None) -> Any:
        """What is said to a look (`body` None) or a deed."""
        if body is not None:
            self.calls.append((name, body))
            return body
        if name in ("events", "ledger"):
            return getattr(self, name)
        return {
            "region": "us-west-2",
            "version": "0.1.0",
            "pid": os.getpid(),
            "runtime": "embedded",
            "runtime_reason": "embedded: no container engine answers",
            "postgresql": "17.10",
            "scale": 10.0,
            "replica_lag_ms": 20,
            "clock": "2026-01-02T03:04:05.000Z",
            "address": "127.0.0.1",
            "port": 5499,
            "memory_bytes": 60 * 2**20,
            "clusters": self.clusters,
            "databases": self.databases,
        }


@contextmanager
def stand_in_region(home: Home) -> Iterator[StandIn]:
    """Answer on `home` as a region that runs; its process is this one."""

    class Handler(BaseHTTPRequestHandler):
        def _say(self, body: dict[str, Any] | None) -> None:
            payload = json.dumps(stand_in.answer(self.path.removeprefix("/_lab/"), body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self._say(None)

        def do_POST(self) -> None:
            assert self.headers["X-Aurora-Lab-Token"] == TOKEN
            self._say(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in = StandIn(f"http://127.0.0.1:{server.server_port}")
    home.folder.mkdir(parents=True, exist_ok=True)
    home.write_info(
        RegionInfo(os.getpid(), server.server_port, "127.0.0.1", 5499, TOKEN, "us-west-2", "embedded")
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        home.info_file.unlink(missing_ok=True)
