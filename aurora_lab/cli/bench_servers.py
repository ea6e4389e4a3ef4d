"""The floors: the same work with as little as possible around it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psycopg

from aurora_lab.cluster.template import Template
from aurora_lab.region.ports import free_server_port
from aurora_lab.runtime.base import Runtime, Server, ServerSpec
from aurora_lab.runtime.select import choose

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench

ROUNDS = 3
DEADLINE_SECONDS = 60.0

HTTP_SERVER = """
import http.server, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()
"""

HBA = "host all all samenet scram-sha-256\nhost replication all samenet scram-sha-256\n"


def http_server_ready() -> float:
    """Seconds until a bare Python HTTP server, in a process of its own, says that it listens. Median of three."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", HTTP_SERVER], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        took.append(time.perf_counter() - began)
        process.kill()
        process.wait()
        process.stdout.close()
    return median(took)


class ByHand:
    """A writer and two readers from the region's own template, without a region."""

    def __init__(self, bench: Bench) -> None:
        self.runtime: Runtime
        self.runtime, _ = choose("embedded", bench.home.folder)
        template = Template(self.runtime, bench.home.data / "template")
        self.data = template.ensure()
        self.password = template.facts().password
        self.folder = bench.home.data / "by-hand"
        self.servers: list[Server] = []

    def start(self) -> None:
        """Copy three times, start three servers at once, wait until both readers stream."""
        self.runtime.make_folder(self.folder)
        ports: list[int] = []
        for _ in range(3):
            ports.append(free_server_port(ports))
        specs = [self._spec(number, port, ports[0]) for number, port in enumerate(ports)]
        threads = [threading.Thread(target=self._copy_and_start, args=(spec,)) for spec in specs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.connect(0) as writer:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while time.monotonic() < deadline:
                row = writer.execute(
                    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
                ).fetchone()
                if row == (2,):
                    return
        raise TimeoutError("the readers started by hand do not stream")

    def connect(self, number: int) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to one of the three, past any router."""
        spec = next(server.spec for server in self.servers if server.spec.name.endswith(str(number)))
        return psycopg.connect(
            host="127.0.0.1",
            port=spec.port,
            user="rdsadmin",
            password=self.password,
            dbname="postgres",
            autocommit=True,
        )

    def stop(self) -> None:
        """End the servers and remove their files."""
        for server in self.servers:
            server.kill()
        self.runtime.remove_tree(self.folder)

    def _spec(self, number: int, port: int, writer_port: int) -> ServerSpec:
        settings = {}
        if number:
            words = f"host=127.0.0.1 port={writer_port} user=rdsadmin password={self.password}"
            settings["primary_conninfo"] = f"{words} application_name=reader{number}"
        return ServerSpec(
            name=f"{self.folder.parent.name[:8]}-hand-{number}",
            root=self.folder,
            data=self.folder / f"data{number}",
            port=port,
            settings=settings,
        )

    def _copy_and_start(self, spec: ServerSpec) -> None:
        self.runtime.copy_tree(self.data, spec.data)
        self.runtime.write(spec.data / "pg_hba.conf", HBA)
        if spec.settings:
            self.runtime.write(spec.data / "standby.signal", "")
        self.servers.append(self.runtime.start(spec))


def three_servers(bench: Bench) -> float:
    """Seconds from nothing to three servers by hand, both readers streaming. Median of three."""
    took = []
    for _ in range(ROUNDS):
        hand = ByHand(bench)
        began = time.perf_counter()
        try:
            hand.start()
            for number in (0, 1):
                with hand.connect(number) as connection:
                    connection.execute("SELECT 1")
            took.append(time.perf_counter() - began)
        finally:
            hand.stop()
    return median(took)


def promote(bench: Bench) -> float:
    """Seconds that PostgreSQL's own pg_promote() takes on a reader whose writer was killed. Median of three."""
    took = []
    for _ in range(ROUNDS):
        hand = ByHand(bench)
        try:
            hand.start()
            with hand.connect(1) as connection:
                next(server for server in hand.servers if server.spec.name.endswith("0")).kill()
                began = time.perf_counter()
                connection.execute("SELECT pg_promote()")
                took.append(time.perf_counter() - began)
        finally:
            hand.stop()
    return median(took)


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]
