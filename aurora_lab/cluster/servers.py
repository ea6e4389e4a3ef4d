"""The servers of one cluster: found, configured, started and stopped, whatever their role is."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

from aurora_lab.cluster.configuration import (
    Configuration,
    conninfo,
    forces_tls,
    host_based_authentication,
    parameters_text,
)
from aurora_lab.cluster.connections import ADMIN_DATABASE, ADMINISTRATOR, Address, Sessions
from aurora_lab.cluster.layout import Layout, Record
from aurora_lab.cluster.parameters import accepted, limits_of
from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import ClusterError, InstanceSpec, NotReachableError
from aurora_lab.runtime.base import Runtime, Server, ServerSpec, ServerStartError

Notes = tuple[str, ...]
"""Sentences for the event log, for instance that a parameter was not applied; empty when all is well."""

POLL_SECONDS = 0.003
"""Between two looks at something that a server does within milliseconds."""
STOP_SECONDS = 10.0
"""How long a clean stop may take. A writer waits for its readers to have its log, also for one that hangs."""
REPLICATION_USER = "rdsrepladmin"
_UNHURRIED = "-c idle_session_timeout=0 -c statement_timeout=0 -c lock_timeout=0"
"""A parameter group must not end replication; the settings of a role do not reach such connections."""
START_SECONDS = 30.0
"""How long a server that runs already may take to accept connections."""
STARTING = ("starting up", "not yet accepting connections", "not accepting connections", "refused")
"""What a server that will soon answer says; one that hangs says nothing."""
_HOPELESS_START_SECONDS = 30.0
"""A start that fails after longer than this did not fail for a parameter's sake."""
_TOO_LOW = "insufficient parameter settings"


class Servers:
    """What the operations on a cluster share."""

    def __init__(
        self,
        runtime: Runtime,
        layout: Layout,
        template: Template,
        tls: tuple[Path, Path],
        password: str,
    ) -> None:
        self.runtime = runtime
        self.layout = layout
        self.template = template
        self.password = password
        self.sessions = Sessions(self.address, password)
        self.synchronous = ""
        """Whom a commit waits for: `synchronous_standby_names`."""
        self.replica_lag_ms = 0
        """How long after the writer's commit a reader shows it, at least."""
        self._tls = tls
        self._guard = threading.Lock()
        self._found: dict[str, Server] = {}

    # Finding.

    def find(self, name: str) -> Server | None:
        """The running server of an instance, also one that a dead region left."""
        with self._guard:
            server = self._found.get(name)
            if server is not None and server.running():
                return server
            record = self.layout.record(name)
            found = self.runtime.find(self._server_spec(record.spec)) if record is not None else None
            if found is not None:
                self._found[name] = found
            return found

    def need(self, name: str) -> Server:
        """The running server of an instance. Raises NotReachableError."""
        server = self.find(name)
        if server is None:
            raise NotReachableError(f"The server of {name} does not run.")
        return server

    def settle(self, name: str) -> None:
        """Wait until a server that somebody else has just started accepts connections.

        Whoever is killed while it ends a server leaves one that stands frozen: it is let go on. Raises
        NotReachableError where it hangs, has ended, or takes too long.
        """
        self.need(name).thaw()

        def answers() -> bool:
            try:
                self.in_recovery(name)
            except NotReachableError as error:
                if not any(sign in str(error) for sign in STARTING):
                    raise
                return False
            return True

        if not wait_until(answers, START_SECONDS):
            raise NotReachableError(f"The server of {name} has not started within {START_SECONDS:g} s.")

    def address(self, name: str) -> Address | None:
        """Where this process reaches an instance's server."""
        server = self.find(name)
        return server.address if server is not None else None

    def in_recovery(self, name: str, seconds: float = 2.0) -> bool:
        """Whether a running server is a reader now. Raises NotReachableError."""
        ((answer,),) = self.sessions.rows(name, "SELECT pg_is_in_recovery()", seconds=seconds)
        return bool(answer)

    # Configuring.

    def install_secrets(self) -> None:
        """Copy certificate and key to where the servers may read them: they want the key for themselves."""
        layout = self.layout
        for source, target in zip(self._tls, (layout.certificate, layout.key), strict=True):
            text = source.read_text(encoding="ascii")
            if not target.exists() or target.read_text(encoding="ascii") != text:
                self.runtime.write(target, text)

    def write_configuration(
        self,
        data: Path,
        name: str = "",
        *,
        primary: str = "",
        restore_command: str = "",
        lagging: bool = False,
    ) -> bool:
        """Write `postgresql.conf`: of a standby with `primary`, or with the command that gets its log.

        `lagging`: it shows a commit only after the lag that readers have. Returns whether it said something
        else before.
        """
        facts = self.template.facts()
        configuration = Configuration(
            parameters_file=self.layout.parameters(name) if name else None,
            preload=facts.preload,
            extensions=facts.offered,
            tls=(self.layout.certificate, self.layout.key),
            primary_conninfo=primary,
            restore_command=restore_command,
            synchronous=self.synchronous,
            replica_lag_ms=self.replica_lag_ms if lagging else 0,
            major=facts.major,
        )
        file, text = data / "postgresql.conf", configuration.text()
        if file.exists() and file.read_text(encoding="utf-8", errors="replace") == text:
            return False
        self.runtime.write(file, text)
        return True

    def write_parameters(self, name: str, parameters: Mapping[str, str], limits: Mapping[str, int]) -> None:
        """Write what the instance's parameters decide: who needs TLS, and everything else."""
        self.runtime.write(self.layout.parameters(name), parameters_text(parameters, limits))
        access = host_based_authentication(force_tls=forces_tls(parameters))
        self.runtime.write(self.layout.data(name) / "pg_hba.conf", access)

    def limits(self, parameters: Mapping[str, str], *, reader: bool) -> dict[str, int]:
        """LIMITS for an instance with these parameters; a reader's are at least the writer's."""
        own = limits_of(parameters)
        return _highest(own, self.layout.limits().now) if reader else own

    def primary_conninfo(self, reader: str, writer: str) -> str:
        """How a reader reaches its writer. The password lies in a file: a learner may see this setting."""
        host, port = self.need(writer).peer_address
        return conninfo(
            host=host,
            port=port,
            user=REPLICATION_USER,
            passfile=self.layout.passfile,
            application_name=reader,
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=3,
            options=_UNHURRIED,
        )

    def admin_conninfo(self, name: str) -> str:
        """How a tool beside the servers reaches one of them as the administrator."""
        host, port = self.need(name).peer_address
        return conninfo(
            host=host,
            port=port,
            user=ADMINISTRATOR,
            dbname=ADMIN_DATABASE,
            passfile=self.layout.passfile,
            sslmode="disable",
            gssencmode="disable",
        )

    def reload(self, name: str) -> None:
        """Have a running server read its configuration; by SQL where it answers, which is faster."""
        try:
            self.sessions.rows(name, "SELECT pg_reload_conf()", seconds=2.0)
        except ClusterError:
            self.need(name).reload()

    # Starting and stopping.

    def adopt_spec(self, spec: InstanceSpec) -> Record:
        """Record what the region wants of an instance; what is known of its past stays."""
        known = self.layout.record(spec.name)
        record = Record(spec) if known is None else replace(known, spec=spec)
        self.layout.set_record(record)
        return record

    def start(
        self,
        spec: InstanceSpec,
        *,
        reader: bool,
        primary: str = "",
        restore_command: str = "",
    ) -> Notes:
        """Start an instance's server with its parameters or, where it does not start with them, with those
        it last started with, or with none. Returns when it accepts connections.

        Raises ServerStartError.
        """
        self.install_secrets()
        record = self.adopt_spec(spec)
        wanted, problems = accepted(self.template.facts(), spec.parameters)
        notes = list(problems.values())
        failure: ServerStartError | None = None
        candidates = [wanted]
        for candidate in (dict(record.good), {}):
            if candidate not in candidates:
                candidates.append(candidate)
        for parameters in candidates:
            began = monotonic()
            try:
                limits = self._start_with(
                    spec, parameters, reader=reader, primary=primary, restore_command=restore_command
                )
            except ServerStartError as error:
                failure = failure or error
                if monotonic() - began > _HOPELESS_START_SECONDS:
                    break
                continue
            if failure is not None:
                notes.append(_not_applied(spec, wanted, parameters, failure))
            self.layout.set_record(Record(spec, limits, parameters))
            return tuple(notes)
        assert failure is not None, "there is always a candidate"
        raise failure

    def stop(self, name: str, mode: str = "fast", seconds: float = STOP_SECONDS) -> None:
        """Stop an instance's server; nothing happens where none runs."""
        self.sessions.drop(name)
        server = self.find(name)
        if server is not None:
            server.stop(mode, seconds)

    def kill(self, name: str) -> None:
        """End every process of an instance's server at once.

        Also where its main process is dead already: a backend that is busy outlives it, and could go on to
        acknowledge a commit.
        """
        record = self.layout.record(name)
        if record is not None:
            self.runtime.end(self._server_spec(record.spec))
        self.sessions.drop(name)

    # Files.

    def discard(self, folder: Path) -> None:
        """Remove a data directory: first by name, so that nobody ever finds half of it under its own."""
        if folder.exists():
            doomed = self.layout.new(folder)
            folder.rename(doomed)
            self.runtime.remove_tree(doomed)

    def sweep(self, *rubbish: Path) -> None:
        """Remove what dead attempts have left: data directories, and logs of servers on them."""
        for path in rubbish:
            # A tool that outlived its region may still be writing there; next time it will be gone.
            with suppress(OSError):
                if path.is_dir():
                    self.runtime.remove_tree(path)
                else:
                    path.unlink()

    def _start_with(
        self,
        spec: InstanceSpec,
        parameters: Mapping[str, str],
        *,
        reader: bool,
        primary: str,
        restore_command: str,
    ) -> dict[str, int]:
        """One try. A reader's limits are raised to the writer's or, where its own past asks for more (the
        writer had more when this reader's log was written), to the highest ever.

        One that streams from nobody has them at once: it replays old log, and PostgreSQL would let
        connections in first and stop replaying only when it comes to a writer that had more.
        """
        name = spec.name
        tries = [self.limits(parameters, reader=reader)]
        if reader:
            highest = _highest(tries[0], self.layout.limits().ever)
            tries = [*tries, highest] if primary else [highest]
        self.write_configuration(
            self.layout.data(name), name, primary=primary, restore_command=restore_command
        )
        for number, limits in enumerate(tries, 1):
            self.write_parameters(name, parameters, limits)
            try:
                server = self.runtime.start(self._server_spec(spec))
            except ServerStartError as error:
                if _TOO_LOW not in str(error) or number == len(tries):
                    raise
                continue
            with self._guard:
                self._found[name] = server
            return limits
        raise AssertionError("not reached")

    def _server_spec(self, spec: InstanceSpec) -> ServerSpec:
        layout = self.layout
        return ServerSpec(name=spec.name, root=layout.folder, data=layout.data(spec.name), port=spec.port)


def wait_until(condition: Callable[[], bool], seconds: float, poll: float = POLL_SECONDS) -> bool:
    """Look until it is true; False when `seconds` have passed."""
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(poll)
    return True


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(value, other[name]) for name, value in one.items()}


def _not_applied(
    spec: InstanceSpec, wanted: Mapping[str, str], used: Mapping[str, str], failure: ServerStartError
) -> str:
    differing = sorted(name for name in {*wanted, *used} if wanted.get(name) != used.get(name))
    reason = re.search(r"FATAL:\s*([^/]+)", str(failure))
    return (
        f"{spec.identifier} did not start with its parameters and was started without the changes to "
        f"{', '.join(differing)}. PostgreSQL said: {(reason[1] if reason else str(failure)).strip()}"
    )
