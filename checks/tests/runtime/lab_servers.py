"""Servers for the tests of this folder: made from one template, asked with a plain driver."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from aurora_lab.region.ports import free_server_port
from aurora_lab.runtime.base import Runtime, Server, ServerSpec
from aurora_lab.runtime.containers import ContainerRuntime

USER = "rdsadmin"
INITDB = ("-U", USER, "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions", "--wal-segsize=1")
TRUST = "host all all all trust\nhost replication all all trust\n"
LEARNERS = {"PGPASSWORD": "the-learners", "PGHOSTADDR": "192.0.2.1", "AWS_SECRET_ACCESS_KEY": "the-learners"}
"""Variables of a learner's environment that no server may see."""
CONFIGURATION = "\nmax_wal_size = 64MB\nwal_retrieve_retry_interval = 100ms\nlog_min_messages = info\n"


@dataclass
class Lab:
    """A cluster's folder on one runtime."""

    runtime: Runtime
    root: Path
    template: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def home(self) -> Path:
        """The home that another process gives its runtime to be in the same network."""
        return self.runtime.home if isinstance(self.runtime, ContainerRuntime) else self.root

    def spec(self, name: str, port: int | None = None) -> ServerSpec:
        """The spec of a server that is called so in this test; its data need not be there yet."""
        return ServerSpec(f"t{self.mark}-{name}", self.root, self.root / name, port or free_server_port(()))

    def primary(self, name: str = "a") -> ServerSpec:
        """A data directory of its own, and the spec of its server."""
        spec = self.spec(name)
        self.runtime.copy_tree(self.template, spec.data)
        return spec

    def standby(self, primary: Server, name: str = "b", *options: str) -> ServerSpec:
        """A base backup of `primary`, and the spec of its standby."""
        spec = self.spec(name)
        host, port = primary.peer_address
        target = ("-h", host, "-p", str(port), "-U", USER, "-D", str(spec.data))
        self.runtime.tool(
            self.root, "pg_basebackup", *target, "-R", "--no-sync", "--checkpoint=fast", *options
        )
        return spec


@dataclass(frozen=True)
class Standing:
    """A server that runs, and its cluster's folder."""

    lab: Lab
    server: Server


def connect(server: Server, **options: Any) -> psycopg.Connection[Any]:
    """A session on the server; nothing of the environment is used."""
    host, port = server.address
    return psycopg.connect(
        host=host,
        hostaddr=host,
        port=port,
        user=USER,
        dbname="postgres",
        sslmode="disable",
        connect_timeout=10,
        autocommit=True,
        **options,
    )


def ask(server: Server, query: str) -> Any:
    """The first column of the first row, or None where there is no row."""
    with connect(server) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
