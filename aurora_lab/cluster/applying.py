"""Parameters of a running instance: judged, written, reloaded."""

from __future__ import annotations

from collections.abc import Mapping

from aurora_lab.cluster.configuration import parameters_text
from aurora_lab.cluster.parameters import accepted
from aurora_lab.cluster.servers import Servers, wait_until
from aurora_lab.cluster.types import InstanceSpec, NotReachableError, ParameterError

RELOAD_SECONDS = 5.0
"""How long a server may take to read its configuration; it takes milliseconds."""
_REFUSED = """
    SELECT f.name, f.error FROM pg_file_settings f LEFT JOIN pg_settings s ON s.name = f.name
    WHERE f.error IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'
"""
"""A value that needs a restart is reported as an error too, and cannot be told from a wrong one."""


def apply(servers: Servers, spec: InstanceSpec) -> frozenset[str]:
    """Write identity and parameters of an instance and reload it; the names that wait for a restart.

    Raises ParameterError, and then no parameter has changed; NotReachableError.
    """
    name, layout = spec.name, servers.layout
    wanted, problems = accepted(servers.template.facts(), spec.parameters)
    if problems:
        raise ParameterError(*next(iter(problems.items())))
    servers.adopt_spec(spec)
    if servers.find(name) is None:
        return frozenset()  # The next start writes them.
    file = layout.parameters(name)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    limits = servers.limits(wanted, reader=layout.is_standby(name))
    servers.runtime.write(file, parameters_text(wanted, limits))
    try:
        _check(servers, name, wanted)
    except ParameterError:
        servers.runtime.write(file, before)
        raise
    servers.write_parameters(name, wanted, limits)
    _reload(servers, name)
    rows = servers.sessions.rows(name, "SELECT name FROM pg_settings WHERE pending_restart")
    return frozenset(row[0] for row in rows)


def _check(servers: Servers, name: str, wanted: Mapping[str, str]) -> None:
    """Have the server read its files without applying them. Raises ParameterError for what it refuses."""
    for parameter, error in servers.sessions.rows(name, _REFUSED):
        if parameter is None:
            raise ParameterError("", f"The parameters of {name} cannot be read: {error}.")
        if parameter in wanted:
            message = f"Parameter {parameter} cannot have the value {wanted[parameter]!r}: {error}."
            raise ParameterError(parameter, message)


def _reload(servers: Servers, name: str) -> None:
    """Reload and wait until it has happened, as seen by the connection that asked for it."""
    with servers.sessions.use(name) as connection:

        def load_time() -> object:
            row = connection.execute("SELECT pg_conf_load_time()").fetchone()
            return row[0] if row else None

        before = load_time()
        connection.execute("SELECT pg_reload_conf()")
        if not wait_until(lambda: load_time() != before, RELOAD_SECONDS):
            raise NotReachableError(f"{name} did not reload its configuration in {RELOAD_SECONDS:g} s.")
