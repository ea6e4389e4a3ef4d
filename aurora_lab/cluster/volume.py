"""The cluster volume: it exists before the first instance and outlives the last.

It starts as a copy of the template. Roles, passwords and the first database are made by the first writer that
starts on it (`finish_volume`), so that a new cluster costs one start of a server, not two.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic, sleep

import psycopg
from psycopg import sql

from aurora_lab.cluster import connections
from aurora_lab.cluster.configuration import passfile
from aurora_lab.cluster.connections import (
    ADMINISTRATOR,
    WRONG_PASSWORD,
    AdminConnection,
    first_line,
    verifier,
)
from aurora_lab.cluster.layout import STANDBY_SIGNAL, Birth, Writership
from aurora_lab.cluster.servers import POLL_SECONDS, REPLICATION_USER, START_SECONDS, STARTING, Servers
from aurora_lab.cluster.types import ClusterError, Master, NotReachableError, NotTheWriterError

PASSWORD_SECONDS = 5.0
"""How long a change of a password may wait for the write quorum."""
RESERVED = frozenset({ADMINISTRATOR, REPLICATION_USER, "public", "none"})


def create_volume(servers: Servers, master: Master, database: str | None) -> None:
    """Make the seed, a copy of the template, and note what its first writer has to make in it.

    Restartable: until the last rename there is no volume, after it there is.
    """
    layout, runtime = servers.layout, servers.runtime
    if has_volume(servers):
        return
    if master.username.lower() in RESERVED or master.username.lower().startswith(("pg_", "rds")):
        raise ClusterError(f"{master.username!r} is a reserved name and cannot be the master user's.")
    template, facts = servers.template.ensure(), servers.template.facts()
    layout.make()
    servers.install_secrets()
    rubbish = layout.rubbish(layout.seed)
    if rubbish:
        for server in runtime.strays(layout.volume, ()):
            server.kill()
        servers.sweep(*rubbish)
    replication = secrets.token_urlsafe(24)
    # One password a cluster: its readers can never stream from the server of another cluster, which may get
    # the port of a dead one of ours, and which has the same system identifier, coming from the same template.
    runtime.write(layout.passfile, passfile({ADMINISTRATOR: servers.password, REPLICATION_USER: replication}))
    making = layout.new(layout.seed)
    servers.template.copy(making)
    layout.set_birth(Birth(template, facts.first_log, master, database, replication))
    making.rename(layout.seed)


def finish_volume(servers: Servers, writer: str) -> None:
    """Make the cluster's own roles, passwords and first database on the first writer, which runs.

    Nothing happens where they are there. Restartable: the administrator gets the cluster's password in the
    last transaction, so whoever still gets in with the template's has everything to do.

    Raises NotReachableError, ClusterError.
    """
    birth = servers.layout.birth()
    if birth is None or birth.master is None or birth.replication is None:
        return
    connection = _first_connection(servers, writer)
    if connection is not None:
        passwords = {REPLICATION_USER: birth.replication, ADMINISTRATOR: servers.password}
        try:
            with connection:
                _fill(connection, birth.master, birth.database, passwords)
        except psycopg.Error as error:
            raise ClusterError(f"The cluster volume could not be finished: {first_line(error)}.") from error
    servers.layout.set_birth(replace(birth, master=None, database=None, replication=None))


def has_volume(servers: Servers) -> bool:
    """Whether the volume exists: as a seed, or as the data directory of an instance."""
    layout = servers.layout
    return layout.seed.exists() or any(layout.data(name).exists() for name in layout.names())


def take_volume(servers: Servers, name: str) -> None:
    """Give the volume to the instance that is to be the writer.

    Restartable: who the writer is stands in the record before the seed is renamed, and the rename is one step.

    Raises NotTheWriterError where another instance has the data, ClusterError where nobody has.
    """
    layout = servers.layout
    state = layout.writership()
    holder = state.writer
    if state.successor is not None and state.successor != name:
        _give_up_promotion(servers, state.successor)
    if holder is not None and holder != name and layout.data(holder).exists():
        raise NotTheWriterError(f"{name} cannot start as the writer: {holder} is, and has the latest data.")
    if layout.seed.exists():
        # Whatever this instance had before is older than the seed.
        servers.discard(layout.data(name))
        layout.set_writership(Writership(name))
        layout.seed.rename(layout.data(name))
    elif not layout.data(name).exists():
        raise ClusterError(f"There is no cluster volume in {layout.folder}.")
    elif state != Writership(name):
        layout.set_writership(Writership(name))
    (layout.data(name) / STANDBY_SIGNAL).unlink(missing_ok=True)


def keep_volume(servers: Servers, name: str) -> None:
    """Turn the data directory of the last instance into the seed again.

    Restartable: the rename is one step. A seed that is there already is newer and stays.
    """
    layout = servers.layout
    if layout.data(name).exists() and not layout.seed.exists():
        layout.data(name).rename(layout.seed)
    if layout.seed.exists():
        layout.set_writership(Writership())


def set_password(servers: Servers, writer: str, username: str, password: str) -> None:
    """Change a user's password; what the server sees, and may log, is its verifier.

    Returns when a write quorum has it, as with a learner's commit; the administrator's others do not wait.
    Raises NotReachableError where there is no write quorum.
    """
    with servers.sessions.use(writer, PASSWORD_SECONDS) as connection, connection.transaction():
        secret = verifier(connection, username, password)
        connection.execute("SET LOCAL synchronous_commit = on")
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(username), sql.Literal(secret))
        )


def _give_up_promotion(servers: Servers, successor: str) -> None:
    """Make sure that an unfinished promotion never happens. Raises NotTheWriterError where it already has.

    PostgreSQL removes the standby's signal file before it lets a promoted server write; so while the file is
    there, and the server is dead, nobody has written on it.
    """
    layout = servers.layout
    if not layout.data(successor).exists():
        return
    if layout.is_standby(successor):
        servers.kill(successor)
    if not layout.is_standby(successor):
        raise NotTheWriterError(f"{successor} has been promoted: finish its promotion first.")
    layout.set_writership(Writership(layout.writership().writer))


def _first_connection(servers: Servers, writer: str) -> AdminConnection | None:
    """The administrator's connection with the template's password; None where that is no longer the password.

    Raises NotReachableError.
    """
    deadline = monotonic() + START_SECONDS
    while True:
        try:
            return connections.connect(servers.need(writer).address, servers.template.facts().password)
        except psycopg.OperationalError as error:
            if WRONG_PASSWORD in str(error):
                return None
            if monotonic() > deadline or not any(sign in str(error) for sign in STARTING):
                message = f"The server of {writer} does not answer ({first_line(error)})."
                raise NotReachableError(message) from error
        sleep(POLL_SECONDS)


def _fill(
    connection: AdminConnection, master: Master, database: str | None, passwords: Mapping[str, str]
) -> None:
    """The master user (FACTS 3.27 asks TLS of it), the first database, and last the cluster's own passwords."""

    def run(text: str, *names: str, password: str | None = None) -> None:
        values: list[sql.Composable] = [sql.Identifier(name) for name in names]
        if password is not None:
            values.append(sql.Literal(password))
        connection.execute(sql.SQL(text).format(*values))

    owned = ["postgres", "template1"]
    if database is not None and database not in owned:
        owned.append(database)
        # In no transaction, as PostgreSQL wants it; an earlier try may have got as far as here.
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).fetchall()
        if not known:
            run("CREATE DATABASE {}", database)
    with connection.transaction():
        # Of the master's as many rounds as usual; the lab's own passwords are long and random, and need none.
        run(
            "CREATE ROLE {} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity' PASSWORD {}",
            master.username,
            password=verifier(connection, master.username, master.password),
        )
        run("GRANT rds_superuser TO {} WITH ADMIN OPTION", master.username)
        # As on Aurora: the master user owns the databases that a cluster comes with, but for the administrator's.
        for name in owned:
            run("ALTER DATABASE {} OWNER TO {}", name, master.username)
        if connection.info.server_version >= 160000:
            connection.execute("SET LOCAL scram_iterations = 1")
        for user, word in passwords.items():
            run("ALTER ROLE {} PASSWORD {}", user, password=verifier(connection, user, word))
