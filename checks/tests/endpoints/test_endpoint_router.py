"""The router before real PostgreSQL servers, with the clients that a learner has."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg import pq
from routed import CUSTOM, EMPTY, ONE, READER, REGION, TWO, WRITER, Routed, Servers, connect, free_port, until

from aurora_lab.endpoints.certificates import Authority
from aurora_lab.endpoints.zone import Target

OTHER_REGION = "shop.cluster-c7tj4example.eu-north-1.rds.amazonaws.com"
CLIENTS = {"one with the servers": None, "Debian's": Path("/usr/lib/postgresql/15/bin/psql")}


@pytest.fixture(params=CLIENTS)
def psql(request: pytest.FixtureRequest, postgresql: Servers) -> Path:
    """Each psql of this machine: the wheel's (libpq 17), and an older one where there is one (libpq 15)."""
    program = CLIENTS[request.param] or postgresql.programs / "psql"
    if not program.exists():
        pytest.skip(f"this machine has no {program}")
    return program


@pytest.mark.parametrize("host", [WRITER, READER, ONE, TWO, WRITER.upper()])
def test_names_lead_to_their_instances(lab: Routed, host: str) -> None:
    assert lab.where(host) == ("two" if host in (READER, TWO) else "one")


def test_psql_with_full_verification(lab: Routed, psql: Path) -> None:
    result = lab.psql(psql, "-h", WRITER, "-c", "SHOW cluster_name")
    assert (result.stdout, result.stderr) == ("one\n", "")
    # Channel binding proves that TLS ends in the server itself.
    result = lab.psql(psql, "-h", READER, "-c", "SHOW cluster_name", PGCHANNELBINDING="require")
    assert (result.stdout, result.stderr) == ("two\n", "")


def test_channel_binding_with_psycopg(lab: Routed) -> None:
    assert lab.where(ONE, channel_binding="require") == "one"


def test_another_authority_is_not_trusted(lab: Routed, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other", REGION)
    other.ensure()
    assert "certificate verify failed" in lab.refusal(WRITER, sslrootcert=str(other.ca_file))


def test_direct_tls(lab: Routed, postgresql: Servers) -> None:
    if pq.version() >= 170000:
        assert lab.where(WRITER, sslnegotiation="direct") == "one"
        assert "could not translate" in lab.refusal(OTHER_REGION, sslnegotiation="direct")
    psql = postgresql.programs / "psql"
    result = lab.psql(psql, "-h", READER, "-c", "SHOW cluster_name", PGSSLNEGOTIATION="direct")
    assert (result.stdout, result.stderr) == ("two\n", "")


def test_a_custom_endpoint_reaches_each_member(lab: Routed) -> None:
    # 40 answers at random of two: one of them missing has a chance of 2 in 10 to the 12.
    assert {lab.where(CUSTOM) for _ in range(40)} == {"one", "two"}


def test_connections_within_a_ttl_reach_one_instance(lab: Routed) -> None:
    lab.ttl = 3600
    assert len({lab.where(CUSTOM) for _ in range(6)}) == 1


def test_an_open_connection_never_moves(lab: Routed, postgresql: Servers) -> None:
    with lab.connect(WRITER) as connection:
        lab.set(WRITER, postgresql.targets[1])
        assert lab.where(WRITER) == "two"
        assert connection.execute("SHOW cluster_name").fetchone() == ("one",)


def test_an_old_answer_leads_to_an_instance_that_is_down(lab: Routed, postgresql: Servers) -> None:
    lab.ttl = 3600
    lab.set(WRITER, Target("shop-old", "127.0.0.1", free_port()))
    message = lab.refusal(WRITER)
    assert 'instance "shop-old" is not accepting connections: connection refused' in message
    assert WRITER in message
    assert "TTL" in message
    lab.set(WRITER, postgresql.targets[0])
    assert 'instance "shop-old"' in lab.refusal(WRITER), "the answer is kept for its TTL"
    lab.resolver.flush()
    assert lab.where(WRITER) == "one"
    assert lab.refused() == {"instance not accepting connections": 2}


def test_a_list_of_hosts_goes_on_after_an_instance_that_is_down(lab: Routed) -> None:
    lab.set(ONE, Target("one", "127.0.0.1", free_port()))
    assert lab.where(f"{ONE},{EMPTY},{TWO}", hostaddr="127.0.0.1,127.0.0.1,127.0.0.1") == "two"


@pytest.mark.parametrize("mode", ["require", "verify-full"])
@pytest.mark.parametrize(
    ("host", "words", "reason"),
    [
        (EMPTY, ["no instance is behind", "create one with create-db-instance"], "nothing behind the name"),
        (WRITER.replace("shop", "shap"), ['translate host name "shap.cluster-', WRITER], "unknown name"),
        (OTHER_REGION, [f'translate host name "{OTHER_REGION}"', WRITER], "unknown name"),
        ("127.0.0.1", ["sni was not received", "describe-db-clusters"], "no server name"),
        ("localhost", ['translate host name "localhost"', "NAME.cluster-ID.REGION", WRITER], "unknown name"),
    ],
)
def test_refusals_are_read_inside_tls(
    lab: Routed, mode: str, host: str, words: list[str], reason: str
) -> None:
    message = lab.refusal(host, sslmode=mode)
    assert "FATAL:" in message
    for word in words:
        assert word in message
    assert lab.refused() == {reason: 1}


def test_refusals_in_psql(lab: Routed, psql: Path) -> None:
    result = lab.psql(psql, "-h", EMPTY, "-c", "SELECT 1")
    assert result.returncode == 2
    assert "no instance is behind" in result.stderr
    # A client that prefers TLS tries without it after a refusal; it reads both.
    result = lab.psql(psql, "-h", EMPTY, "-c", "SELECT 1", PGSSLMODE="prefer")
    assert "no instance is behind" in result.stderr


def test_without_tls(lab: Routed) -> None:
    message = lab.refusal(WRITER, sslmode="disable")
    assert 'no pg_hba.conf entry for host "127.0.0.1", user "teacher", database "postgres"' in message
    assert "no encryption" in message
    assert re.search("HINT: .*sslmode=verify-full", message)
    assert lab.refused() == {"no TLS": 1}
    # Clients that leave the choice to the server find their way.
    assert lab.where(WRITER, sslmode="allow") == "one"
    assert lab.where(WRITER, sslmode="prefer") == "one"


def test_a_gssapi_request_is_declined(lab: Routed) -> None:
    """The opening goes on with SSLRequest on the same connection. (The wheels' clients cannot ask for it.)"""
    with socket.create_connection(("127.0.0.1", lab.port), timeout=10) as raw:
        raw.sendall((8).to_bytes(4, "big") + (1234 << 16 | 5680).to_bytes(4, "big"))
        assert raw.recv(10) == b"N"
        raw.sendall((8).to_bytes(4, "big") + (1234 << 16 | 5679).to_bytes(4, "big"))
        assert raw.recv(10) == b"S"
        context = ssl.create_default_context(cafile=str(lab.authority.ca_file))
        with context.wrap_socket(raw, server_hostname=WRITER) as tls:
            assert tls.version()
        until(lambda: not lab.router.statistics().open, "the connection is closed")


def test_cancel_requests_reach_the_right_server(lab: Routed, psql: Path) -> None:
    """Ctrl-C in psql: a plain CancelRequest, which names no host and goes to every server."""
    with (
        lab.connect(READER) as watcher,
        lab.start_psql(psql, "-h", READER, "-c", "SELECT pg_sleep(60)") as shell,
    ):
        query = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until(lambda: watcher.execute(query).fetchone(), "it sleeps")
        shell.send_signal(signal.SIGINT)
        _, error = shell.communicate(timeout=20)
        assert "canceling statement due to user request" in error


def test_a_cancel_inside_tls(lab: Routed) -> None:
    if pq.version() < 170000:
        pytest.skip("libpq before 17 sends cancel requests without TLS only")
    with lab.connect(ONE) as sleeper:
        timer = threading.Timer(0.2, sleeper.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            sleeper.execute("SELECT pg_sleep(60)")
        timer.join()


def test_a_server_that_ends_a_session_is_heard(lab: Routed) -> None:
    with lab.connect(ONE) as connection, lab.connect(ONE) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.errors.AdminShutdown, match="terminating connection"):
            connection.execute("SELECT 1")


def test_much_data_both_ways(lab: Routed) -> None:
    row, count = b"x" * 999 + b"\n", 20_000
    with lab.connect(ONE) as connection:
        connection.execute("CREATE TEMPORARY TABLE big (line text)")
        with connection.cursor().copy("COPY big FROM STDIN") as copy:
            for _ in range(count // 100):
                copy.write(row * 100)
        total = 0
        with connection.cursor().copy("COPY big TO STDOUT") as copy:
            for part in copy:
                total += len(part)
    assert total == len(row) * count


def test_statistics_count_open_connections(lab: Routed) -> None:
    before = lab.router.statistics().accepted
    with lab.connect(ONE), lab.connect(ONE), lab.connect(TWO):
        assert lab.router.statistics().open == {"one": 2, "two": 1}
    until(lambda: lab.router.statistics().open == {}, "all are closed")
    until(lambda: lab.router.statistics().opening == 0, "none is being opened")
    assert lab.router.statistics().accepted == before + 3


def test_one_more_port(lab: Routed) -> None:
    port = lab.router.listen(0)
    assert lab.router.ports() == (lab.port, port)
    assert lab.router.listen(port) == port
    with connect(TWO, port, lab.authority) as connection:
        assert connection.execute("SHOW cluster_name").fetchone() == ("two",)


def test_close_ends_open_connections(lab: Routed) -> None:
    with lab.connect(ONE) as connection:
        lab.router.close()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_pgbench(lab: Routed, postgresql: Servers) -> None:
    """Eight clients at once, each connecting anew for every transaction."""
    program = shutil.which("pgbench", path=str(postgresql.programs))
    assert program
    result = subprocess.run(
        [program, "-n", "-C", "-c", "8", "-t", "5", "-f", "-", "-h", WRITER],
        input="SELECT 1;",
        env=lab.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "transactions actually processed: 40/40" in result.stdout, result.stderr
