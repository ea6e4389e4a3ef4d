"""The servers of an RDS DB instance that is not Aurora's: each has the data on a disk of its own.

It shares with an Aurora cluster how servers are made, started and rewound, and little else:

    the standby     is written to at each commit (synchronous), serves nobody, and is what a failover promotes
                    (FACTS 4.1); nothing is taken from the failed server's disk, which may be gone with its AZ
    a read replica  streams asynchronously and serves reads (FACTS 4.5); promoted, it parts from its source and is
                    a database of its own

A commit waits for the standby exactly while `set_synchronous` says so. It is said once the standby streams, and
taken back when the standby is lost; so a standby may be promoted only while it holds. What it says stands in
`postgresql.auto.conf`, which PostgreSQL reads last.
"""

from __future__ import annotations

from contextlib import suppress

from aurora_lab.cluster.configuration import quote
from aurora_lab.cluster.layout import Writership
from aurora_lab.cluster.no_nodes import NoStorageNodes
from aurora_lab.cluster.plane import ClusterPlane
from aurora_lab.cluster.servers import wait_until
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotReachableError

STOP_SECONDS = 5.0
"""How long a server may take to stop cleanly at a forced failover; then it is killed."""
PROMOTE_SECONDS = 120.0
"""How long a standby may take to replay what it has received, and to open."""
SYNCHRONOUS_SECONDS = 10.0
"""How long a standby that streams may take to count as synchronous; it takes milliseconds."""
_IS_SYNCHRONOUS = """
    SELECT pid FROM pg_stat_replication
    WHERE application_name = %s AND sync_state = 'sync' AND flush_lsn >= %s::pg_lsn
"""
_AURORAS_OWN = (
    "SELECT oid::regprocedure FROM pg_proc "
    r"WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE 'aurora\_%'"
)


class DatabasePlane(ClusterPlane):
    """One RDS database: a primary, perhaps its standby, and its read replicas.

    Idempotent and restartable, as ClusterPlane is.
    """

    nodes_kind = NoStorageNodes
    backs_up = False

    def set_synchronous(self, primary: str, standby: str | None) -> None:
        """Have each commit on `primary` wait for `standby`; with None, for nobody. Resource ids.

        For nobody also before the primary has been started. For a standby, the running primary must agree, and
        the standby must have everything that was committed before: from then on it may be promoted.

        Raises NotReachableError, and then commits do not wait.
        """
        name = primary.lower()
        self._write_own(name, standby)
        if self.servers.find(name) is not None:
            self.servers.reload(name)
        if standby is not None and not self._is_synchronous(name, standby.lower()):
            self.set_synchronous(primary, None)
            raise NotReachableError(f"The standby of {primary} does not stream.")

    def strip(self, primary: str) -> None:
        """Take Aurora's functions out of every database of a new primary: RDS has none of them."""
        with self.connect(primary) as administrator:
            names = [name for (name,) in administrator.execute("SELECT datname FROM pg_database ORDER BY 1")]
            administrator.execute("ALTER DATABASE template0 ALLOW_CONNECTIONS true")
            for name in names:
                with self.connect(primary, dbname=name) as connection:
                    connection.execute("SET allow_system_table_mods = on")
                    for (function,) in connection.execute(_AURORAS_OWN.encode()).fetchall():
                        connection.execute(f"DROP FUNCTION {function} CASCADE".encode())
            administrator.execute("ALTER DATABASE template0 ALLOW_CONNECTIONS false")

    def fail_over(self, standby: InstanceSpec, primary: InstanceSpec, planned: bool) -> None:
        """Promote the synchronous standby; returns when it accepts writes.

        The primary is ended first: cleanly where it is `planned`, so that it has sent all, else at once. It is
        not asked for anything: the standby has every commit that was acknowledged. Raises ClusterError,
        NotReachableError, ServerStartError.
        """
        name, layout, servers = standby.name, self.layout, self.servers
        if not planned and layout.writership() != Writership(name):
            # Before the lock, which a replica that is just being made from it may hold.
            servers.kill(primary.name)
        with self._lock:
            if layout.writership() == Writership(name):
                return
            if not layout.data(name).exists():
                raise ClusterError(f"{name} has no data and cannot be promoted.")
            layout.set_writership(Writership(layout.writership().writer, name))
            if planned:
                servers.stop(primary.name, "fast", STOP_SECONDS)
            servers.kill(primary.name)
            self._become_primary(standby)
            record = layout.record(name)
            if record is not None and record.limits:
                layout.set_limits(record.limits)
            layout.set_writership(Writership(name))

    def split_off(self, replica: InstanceSpec, target: DatabasePlane) -> None:
        """Promote a read replica and move its data to `target`, where it is the primary of its own database.

        Its server is stopped afterwards: it is started again by `target`. Until the last step, a rename, the
        data are here. Raises ClusterError, NotReachableError, ServerStartError.
        """
        name = replica.name
        with self._lock:
            if not target.has_volume():
                self._become_primary(replica)
                self.servers.stop(name)
                self.servers.kill(name)
                runtime, own, other = self.servers.runtime, self.layout, target.layout
                other.make()
                # Its replicas log in with the password that came along in the data.
                runtime.write(other.passfile, own.passfile.read_text(encoding="utf-8"))
                other.set_limits(own.limits().ever)
                own.data(name).rename(other.seed)
        self.remove(replica.resource_id, keep_volume=False)

    def _write_own(self, name: str, standby: str | None) -> None:
        own = {
            "synchronous_standby_names": f'"{standby.lower()}"' if standby else "",
            # By these drivers tell RDS from Aurora.
            "rds.extensions": ", ".join(sorted({*self.servers.template.facts().extensions, "rds_tools"})),
        }
        data = self.layout.data(name)
        file = (data if data.exists() else self.layout.seed) / "postgresql.auto.conf"
        self.servers.runtime.write(file, "".join(f"{key} = {quote(value)}\n" for key, value in own.items()))

    def _is_synchronous(self, primary: str, standby: str) -> bool:
        """Wait until the standby has all that has been committed so far, and commits wait for it."""
        sessions = self.servers.sessions

        def has(position: str) -> bool:
            return bool(sessions.rows(primary, _IS_SYNCHRONOUS, standby, position))

        if not wait_until(lambda: has("0/0"), SYNCHRONOUS_SECONDS):
            return False
        ((position,),) = sessions.rows(primary, "SELECT pg_current_wal_insert_lsn()::text")
        return wait_until(lambda: has(position), SYNCHRONOUS_SECONDS)

    def _become_primary(self, spec: InstanceSpec) -> None:
        """Cut a standby off from whom it follows, and promote it with all that it has received."""
        name, layout, servers = spec.name, self.layout, self.servers
        # Whoever it followed must not keep it waiting, nor the standby that its source has.
        self.set_synchronous(name, None)
        if servers.find(name) is None:
            servers.start(spec, reader=layout.is_standby(name))
        servers.settle(name)
        servers.write_configuration(layout.data(name), name)
        servers.reload(name)
        # Refused where an earlier try has got that far.
        with suppress(ClusterError):
            servers.sessions.rows(name, "SELECT pg_promote(false)")
        if not wait_until(lambda: not servers.in_recovery(name), PROMOTE_SECONDS):
            raise ClusterError(f"{spec.identifier} was not promoted within {PROMOTE_SECONDS:g} s.")
