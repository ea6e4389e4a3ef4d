"""Who may do what: the master user has much, but never what a superuser has."""

from __future__ import annotations

import socket
import ssl
import struct

import psycopg
import pytest

from small_cluster import DATABASE, MASTER, SmallCluster, shared_on_each_runtime

DENIED = "42501"


def test_the_master_user_is_no_superuser(shared: SmallCluster) -> None:
    ((superuser, create_role, create_db, login, replication, bypass, until),) = shared.ask(
        shared.one,
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, "
        "rolvaliduntil::text FROM pg_roles WHERE rolname = current_user",
    )
    assert (superuser, replication, bypass) == (False, False, False)
    assert (create_role, create_db, login, until) == (True, True, True, "infinity")
    assert shared.value(shared.one, "SELECT pg_has_role('rds_superuser', 'MEMBER')")
    superusers = shared.ask(shared.one, "SELECT rolname FROM pg_roles WHERE rolsuper")
    assert superusers == [("rdsadmin",)]


def test_rds_superuser_is_a_member_of_what_it_is_on_aurora(shared: SmallCluster) -> None:
    rows = shared.ask(
        shared.one,
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'rds_superuser'::regrole AND admin_option",
    )
    expected = {"pg_monitor", "pg_signal_backend", "pg_read_all_data", "pg_write_all_data"}
    assert expected | {"rds_password", "rds_replication"} <= {name for (name,) in rows}
    major = int(shared.runtime.version().split(".")[0])
    assert ("pg_checkpoint" in {name for (name,) in rows}) == (major >= 15)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE teacher SUPERUSER",
        "CREATE ROLE another SUPERUSER",
        "CREATE ROLE another REPLICATION",
        "CREATE ROLE another BYPASSRLS",
        "GRANT rdsadmin TO teacher",
        "SET ROLE rdsadmin",
        "SET SESSION AUTHORIZATION rdsadmin",
        "ALTER ROLE rdsadmin PASSWORD 'mine'",
        "ALTER ROLE rdsrepladmin PASSWORD 'mine'",
        "ALTER ROLE rdsadmin SET search_path TO 'mine'",
        "DROP ROLE rdsadmin",
        "GRANT pg_read_server_files TO teacher",
        "GRANT pg_write_server_files TO teacher",
        "GRANT pg_execute_server_program TO teacher",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/out'",
        "CREATE TABLE IF NOT EXISTS x (t text); COPY x FROM '/etc/passwd'",
        "COPY pg_class FROM PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "ALTER SYSTEM SET work_mem = '8MB'",
        "SELECT pg_reload_conf()",
        "SELECT pg_promote()",
        "SELECT pg_switch_wal()",
        "SELECT pg_create_physical_replication_slot('x')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/x', 'f'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'now'",
        "CREATE OR REPLACE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
        "DROP FUNCTION pg_catalog.aurora_replica_status()",
        "UPDATE pg_catalog.pg_authid SET rolsuper = true",
        "SET allow_system_table_mods = on",
        "SET session_preload_libraries = 'x'",
        "SET dynamic_library_path = '/tmp'",
        "LOAD '/tmp/x.so'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rdsadmin'",
        "DROP DATABASE rdsadmin",
        "SELECT * FROM pg_hba_file_rules",
        "SELECT * FROM pg_file_settings",
    ],
)
def test_what_the_master_user_is_refused(shared: SmallCluster, statement: str) -> None:
    with shared.plane.connect(shared.one.resource_id):  # so that there is an administrator's session to end
        for text in statement.split("; ")[:-1]:
            shared.ask(shared.one, text)
        refused = shared.refusal(shared.one, statement.rsplit("; ", maxsplit=1)[-1])
    assert refused.sqlstate in {DENIED, "42704", "0LP01", "0A000"}, refused


def test_no_role_of_the_master_users_becomes_a_superuser(shared: SmallCluster) -> None:
    shared.ask(shared.one, "DROP ROLE IF EXISTS helper")
    shared.ask(shared.one, "CREATE ROLE helper LOGIN CREATEROLE PASSWORD 'correct-horse-9'")
    shared.ask(shared.one, "GRANT rds_superuser TO helper")
    refused = shared.refusal(shared.one, "ALTER ROLE helper SUPERUSER", user="helper")
    assert refused.sqlstate == DENIED
    shared.ask(shared.one, "DROP ROLE helper")


def test_what_the_master_user_may_do(shared: SmallCluster) -> None:
    with shared.connect(shared.one) as master:
        master.execute("DROP ROLE IF EXISTS reporter")
        master.execute("CREATE ROLE reporter LOGIN PASSWORD 'correct-horse-9'")
        master.execute("GRANT rds_iam TO reporter")
        master.execute("REVOKE rds_iam FROM reporter")
        master.execute("GRANT pg_read_all_data TO reporter")
        master.execute("CHECKPOINT")
        master.execute("SET session_replication_role = replica")
        master.execute("SET log_min_duration_statement = 0")
        assert master.execute("SELECT count(*) > 0 FROM pg_ls_waldir()").fetchone() == (True,)
        assert master.execute("SHOW data_directory").fetchone() is not None
        with shared.connect(shared.one, user="reporter") as reporter:
            (victim,) = reporter.execute("SELECT pg_backend_pid()").fetchone() or (0,)
            assert master.execute("SELECT pg_terminate_backend(%s, 2000)", (victim,)).fetchone() == (True,)
            with pytest.raises(psycopg.OperationalError):
                reporter.execute("SELECT 1")
        master.execute("DROP ROLE reporter")


def test_no_setting_shows_a_password(shared: SmallCluster) -> None:
    for instance in (shared.one, shared.two):
        shown = shared.ask(instance, "SELECT name, setting FROM pg_settings")
        assert len(shown) > 300
        secret = shared.plane.layout.passfile.read_text()
        words = {line.rsplit(":", 1)[1] for line in secret.splitlines()}
        assert not [name for name, value in shown if any(word in (value or "") for word in words)]
    receiver = shared.ask(shared.two, "SELECT conninfo FROM pg_stat_wal_receiver")
    assert not [text for (text,) in receiver if any(word in text for word in words)]


def test_the_files_with_secrets_are_for_the_servers_alone(shared: SmallCluster) -> None:
    for path in (shared.plane.layout.passfile, shared.plane.layout.key):
        assert path.stat().st_mode & 0o077 == 0


def test_passwords_are_stored_as_scram(shared: SmallCluster) -> None:
    with shared.plane.connect(shared.one.resource_id) as administrator:
        rows = administrator.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin"
        ).fetchall()
    assert {name for name, _ in rows} >= {"rdsadmin", "rdsrepladmin", MASTER.username}
    assert all(stored.startswith("SCRAM-SHA-256$") for _, stored in rows)
    assert dict(rows)[MASTER.username].startswith("SCRAM-SHA-256$4096:")


@shared_on_each_runtime
@pytest.mark.parametrize("instance", ["one", "two"])
def test_without_tls_nobody_gets_in(shared: SmallCluster, instance: str) -> None:
    refused = shared.refusal(getattr(shared, instance), "SELECT 1", sslmode="disable")
    assert "no pg_hba.conf entry" in str(refused)
    assert "no encryption" in str(refused)


@shared_on_each_runtime
@pytest.mark.parametrize("instance", ["one", "two"])
def test_the_servers_certificate_is_the_one_given(shared: SmallCluster, instance: str) -> None:
    server = shared.plane.server(getattr(shared, instance).resource_id)
    assert server is not None
    with socket.create_connection(server.address, timeout=10) as raw:
        raw.sendall(struct.pack("!ii", 8, 80877103))
        assert raw.recv(1) == b"S"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(raw) as encrypted:
            shown = encrypted.getpeercert(binary_form=True)
    assert ssl.DER_cert_to_PEM_cert(shown or b"").split() == shared.tls[0].read_text().split()


@shared_on_each_runtime
def test_the_administrators_database_and_role_are_closed_to_others(shared: SmallCluster) -> None:
    assert "rejects connection" in str(shared.refusal(shared.one, "SELECT 1", dbname="rdsadmin"))
    wrong = shared.refusal(shared.one, "SELECT 1", user="rdsadmin", sslmode="disable")
    assert "password authentication failed" in str(wrong)


def test_a_password_can_be_changed_and_is_never_logged(cluster: SmallCluster) -> None:
    cluster.start()
    with cluster.plane.connect(cluster.one.resource_id) as administrator:
        administrator.execute("ALTER ROLE rdsadmin RESET log_statement")  # so that there would be something
    cluster.plane.apply(cluster.with_parameters(cluster.one, {"log_statement": "all"}))
    cluster.plane.servers.sessions.close()
    cluster.plane.set_password(cluster.one.resource_id, MASTER.username, "another-horse-10")
    assert "authentication failed" in str(cluster.refusal(cluster.one, "SELECT 1"))
    assert cluster.value(cluster.one, "SELECT 1", password="another-horse-10") == 1
    log = cluster.plane.layout.log(cluster.one.name).read_text(errors="replace")
    assert "ALTER ROLE" in log
    assert "another-horse-10" not in log


def test_the_labs_own_statements_are_not_logged(cluster: SmallCluster) -> None:
    cluster.start()
    cluster.plane.apply(cluster.with_parameters(cluster.one, {"log_statement": "all"}))
    cluster.plane.servers.sessions.close()
    cluster.plane.measure(cluster.one.resource_id)
    cluster.ask(cluster.one, "SELECT 'a statement of the learner'")
    log = cluster.plane.layout.log(cluster.one.name).read_text(errors="replace")
    assert "a statement of the learner" in log
    assert "pg_is_in_recovery" not in log


def test_a_dropped_postgres_database_does_not_lock_the_lab_out(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.measure(cluster.two.resource_id)
    cluster.ask(cluster.one, "DROP DATABASE postgres")
    assert cluster.plane.measure(cluster.one.resource_id).in_recovery is False
    assert cluster.plane.measure(cluster.two.resource_id).in_recovery is True
    cluster.plane.promote(cluster.two, cluster.one, planned=True)
    assert cluster.value(cluster.two, "SELECT 1", dbname=DATABASE) == 1


def test_parameters_of_a_learner_do_not_stop_the_administrator(cluster: SmallCluster) -> None:
    odd = {
        "statement_timeout": "1",
        "default_transaction_read_only": "on",
        "exit_on_error": "on",
        "idle_session_timeout": "1",
        "lock_timeout": "1",
        "DateStyle": "German",
        "search_path": "nowhere",
    }
    cluster.start(readers=1)
    for instance in (cluster.one, cluster.two):
        cluster.plane.apply(cluster.with_parameters(instance, odd))
    cluster.plane.set_password(cluster.one.resource_id, MASTER.username, MASTER.password)
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.start_reader(cluster.with_parameters(cluster.one, odd), cluster.two)
    assert cluster.plane.measure(cluster.one.resource_id).in_recovery
