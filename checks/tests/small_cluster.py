"""A cluster of the tests' own: one data plane, its instances, and a learner's connections to them."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aurora_lab.cluster.connections import free_port
from aurora_lab.cluster.plane import ClusterPlane
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import InstanceSpec, Master, TopologyRow
from aurora_lab.runtime.base import Runtime

RUNTIMES = ["embedded", pytest.param("containers", marks=pytest.mark.containers)]
on_each_runtime = pytest.mark.parametrize("cluster", RUNTIMES, indirect=True)
shared_on_each_runtime = pytest.mark.parametrize("shared", RUNTIMES, indirect=True)
"""For tests of what the runtimes do differently: a cluster of containers takes seconds."""
MASTER = Master("teacher", "correct-horse-9")
DATABASE = "shop"


def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Look until it is true and return it; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.005)
    return seen


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


class SmallCluster:
    """Instances `one`, `two` and `three` on one plane. Nothing is started until asked for."""

    def __init__(self, runtime: Runtime, folder: Path, template: Template, tls: tuple[Path, Path]) -> None:
        self.runtime = runtime
        self.folder = folder
        self.template = template
        self.tls = tls
        self.password = secrets.token_urlsafe(24)
        self.one, self.two, self.three = (
            InstanceSpec(name, f"db-{secrets.token_hex(8).upper()}", free_port())
            for name in ("one", "two", "three")
        )
        self.plane = self.new_plane()

    def new_plane(self) -> ClusterPlane:
        """Another plane on the same files, as a region that was started again has."""
        return ClusterPlane(self.runtime, self.folder, self.template, *self.tls, self.password)

    def start(self, readers: int = 0) -> SmallCluster:
        """Make the volume and start `one` as the writer, `two` and `three` as readers; publish them."""
        self.plane.create_volume(MASTER, DATABASE)
        self.plane.start_writer(self.one)
        for reader in (self.two, self.three)[:readers]:
            self.plane.start_reader(reader, self.one)
        self.publish(self.one, *(self.two, self.three)[:readers])
        return self

    def publish(self, writer: InstanceSpec, *readers: InstanceSpec) -> None:
        """Tell every instance who writes and who reads."""
        rows = [TopologyRow(writer.identifier, writer.resource_id, "writer")]
        rows += [TopologyRow(reader.identifier, reader.resource_id, "reader") for reader in readers]
        self.plane.publish(rows)

    def connect(
        self, instance: InstanceSpec, dbname: str = DATABASE, user: str = MASTER.username, **options: Any
    ) -> psycopg.Connection[Any]:
        """Connect as a learner: over TLS, by default as the master user (autocommit)."""
        server = self.plane.server(instance.resource_id)
        assert server is not None, f"{instance.identifier} does not run"
        host, port = server.address
        return psycopg.connect(
            **{
                "host": host,
                "hostaddr": host,
                "port": port,
                "dbname": dbname,
                "user": user,
                "password": MASTER.password,
                "sslmode": "require",
                "connect_timeout": 10,
                "autocommit": True,
                **options,
            }
        )

    def ask(self, instance: InstanceSpec, statement: str, **options: Any) -> list[tuple[Any, ...]]:
        """Connect, run one statement, return its rows."""
        with self.connect(instance, **options) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, instance: InstanceSpec, statement: str, **options: Any) -> Any:
        """The only value of a statement's answer."""
        ((value,),) = self.ask(instance, statement, **options)
        return value

    def refusal(self, instance: InstanceSpec, statement: str, **options: Any) -> psycopg.Error:
        """The error with which a statement is refused."""
        try:
            self.ask(instance, statement, **options)
        except psycopg.Error as error:
            return error
        raise AssertionError(f"{statement} was not refused")

    def with_parameters(self, instance: InstanceSpec, parameters: Mapping[str, str]) -> InstanceSpec:
        """The same instance with other parameters."""
        return replace(instance, parameters=dict(parameters))


def forget_log(cluster: SmallCluster, writer: InstanceSpec) -> None:
    """As if more had been written than is kept: of the log the writer and the volume have only the newest."""
    with cluster.plane.connect(writer.resource_id) as administrator:
        for _ in range(3):
            administrator.execute("SELECT pg_switch_wal()")
            administrator.execute("CHECKPOINT")
        (newest,) = administrator.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone() or ("",)
    wait_until_all_have(cluster, writer)
    folders = [cluster.plane.nodes.copy(node) for node in NAMES]
    for folder in (cluster.plane.layout.data(writer.name) / "pg_wal", *folders):
        for segment in folder.glob("0" * 7 + "?" * 17):
            if segment.name < newest:
                segment.unlink()


def wait_until_all_have(cluster: SmallCluster, writer: InstanceSpec, nodes: Sequence[str] = NAMES) -> None:
    """Until these storage nodes have all that the writer has written so far."""
    with cluster.plane.connect(writer.resource_id) as administrator:
        ((written,),) = administrator.execute(
            "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"
        ).fetchall()

    def have() -> bool:
        attached = cluster.plane.nodes.attached(writer.name)
        return all(attached.get(node, (False, 0))[1] >= written for node in nodes)

    until(have, f"{', '.join(nodes)} have the log")


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that the servers' user can reach, with a short path, in memory where that can be had."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aurora-lab-", dir=base, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@dataclass(frozen=True)
class Ground:
    """What all clusters of one runtime stand on; made once."""

    runtime: Runtime
    folder: Path
    template: Template
    tls: tuple[Path, Path]

    @contextmanager
    def cluster(self) -> Iterator[SmallCluster]:
        """A cluster of which nothing exists yet, and afterwards nothing."""
        folder = self.folder / f"cluster-{secrets.token_hex(4)}"
        cluster = SmallCluster(self.runtime, folder, self.template, self.tls)
        try:
            yield cluster
        finally:
            cluster.plane.delete()


@contextmanager
def make_ground(runtime: Runtime) -> Iterator[Ground]:
    """A folder, a template and a certificate."""
    with reachable_folder() as folder:
        try:
            yield Ground(runtime, folder, Template(runtime, folder / "template"), self_signed(folder))
        finally:
            for server in runtime.strays(folder, ()):
                server.kill()
