"""The cached template: a data directory that every new cluster volume starts as a copy of."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

from aurora_lab.cluster import connections
from aurora_lab.cluster.configuration import (
    BUILT_IN_LIMITS,
    Configuration,
    as_json,
    host_based_authentication,
)
from aurora_lab.cluster.types import ClusterError
from aurora_lab.runtime.base import Runtime, Server, ServerSpec, ServerStartError

Setting = dict[str, Any]
"""A row of pg_settings."""

LAYOUT = 4
"""Raised when the template is made in another way than its texts show."""
LEAST = {
    "max_connections": "20",
    "max_locks_per_transaction": "10",
    "max_wal_senders": "10",
    "max_worker_processes": "4",
}
"""What the template's server has of LIMITS. A reader that starts as a copy must have as much of each as the
template had, or PostgreSQL does not start it."""
PRELOAD = "pg_stat_statements"
"""Aurora loads it by default; here it is loaded where the binaries have it."""
NOT_OFFERED = re.compile(
    r"adminpack|file_fdw|intagg|old_snapshot|pageinspect|pg_surgery|pg_walinspect|xml2|.*pl(python|perl|tcl).*"
)
"""Extensions that Aurora does not offer, or that need a language which is not here."""

_SETTINGS = """
    SELECT name, setting, unit, vartype, context, min_val, max_val, enumvals, short_desc, boot_val, category
    FROM pg_settings ORDER BY name COLLATE "C"
"""
_LIBRARIES = """
    SELECT DISTINCT regexp_replace(file, '\\.[a-z]+$', '')
    FROM pg_ls_dir((SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR')) AS file
"""


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What was learned when the template was made."""

    version: str
    """PostgreSQL's version as `17.10`."""
    preload: str
    """`shared_preload_libraries` by default."""
    extensions: tuple[str, ...]
    """What CREATE EXTENSION may name, sorted."""
    libraries: frozenset[str]
    """What `shared_preload_libraries` may name."""
    settings: tuple[Setting, ...]
    password: str
    """The administrator's password in a fresh copy; each volume gets another one."""
    first_log: str
    """The log file from which a copy goes on, as its name in `pg_wal`."""

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return major(self.version)

    @property
    def offered(self) -> str:
        """The value of `rds.extensions`, by which drivers recognise Aurora."""
        return offered(self.extensions)


class Template:
    """Makes the template once and hands out its folder.

    `folder` is where templates lie; each has a name made from PostgreSQL's version and from everything that
    goes into it, so an update of either makes a new one beside the old.
    """

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder
        self.take: Callable[[Path], bool] = lambda _target: False
        """Gives a copy that was made ahead of time the name it is asked for; see `spares`."""
        self._lock = threading.Lock()
        self._facts: TemplateFacts | None = None

    def ensure(self) -> Path:
        """The template's data directory; made now where there is none yet (about a second).

        Restartable: a template under its final name is complete, everything else is rubbish of a dead attempt.
        Raises ToolError, ServerStartError, ClusterError.
        """
        with self._lock:
            target = self.folder / self._name()
            if not target.is_dir():
                self._make(target)
            return target / "data"

    def copy(self, target: Path) -> None:
        """Make `target`, which must not exist, a copy of the template. Raises ToolError."""
        source = self.ensure()
        if not self.take(target):
            self.runtime.copy_tree(source, target)

    def facts(self) -> TemplateFacts:
        """What was learned when the template was made; it is made now where there is none yet."""
        if self._facts is None:
            data = self.ensure()
            found = json.loads((data.parent / "facts.json").read_text(encoding="utf-8"))
            self._facts = TemplateFacts(
                version=found["version"],
                preload=found["preload"],
                extensions=tuple(found["extensions"]),
                libraries=frozenset(found["libraries"]),
                settings=tuple(found["settings"]),
                password=found["password"],
                first_log=found["first_log"],
            )
        return self._facts

    def settings(self) -> list[Setting]:
        """The rows of pg_settings on a fresh server: name, setting, unit, vartype, context, min_val, max_val,
        enumvals, short_desc, boot_val, category.
        """
        return [dict(row) for row in self.facts().settings]

    def _name(self) -> str:
        version = self.runtime.version()
        ingredients = [
            str(LAYOUT),
            self.runtime.name,
            version,
            sql("roles.sql"),
            sql("functions.sql"),
            Configuration().text(),
            *_initdb(major(version)),
        ]
        digest = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()
        return f"{version}-{digest[:12]}"

    def _make(self, target: Path) -> None:
        runtime = self.runtime
        runtime.make_folder(self.folder)
        rubbish = list(self.folder.glob(f"{target.name}.making-*"))
        if rubbish:
            for server in runtime.strays(self.folder, ()):
                server.kill()
            for folder in rubbish:
                runtime.remove_tree(folder)
        making = self.folder / f"{target.name}.making-{secrets.token_hex(4)}"
        runtime.make_folder(making)
        data = making / "data"
        password = secrets.token_urlsafe(24)
        runtime.write(making / "password", password + "\n")
        options = _initdb(major(runtime.version()))
        runtime.tool(self.folder, "initdb", "-D", str(data), f"--pwfile={making / 'password'}", *options)
        server, preload = self._start(data)
        try:
            facts = _fill(server, password, preload)
        finally:
            server.stop()
        facts["version"] = runtime.version()
        # An engine that is busy may lose what a short command says.
        for _ in range(3):
            control = runtime.tool(self.folder, "pg_controldata", "-D", str(data), env={"LC_ALL": "C"})
            if control:
                break
        facts["first_log"] = control_value(control, "Latest checkpoint's REDO WAL file")
        # Files kept for later use: a copy is smaller without them, and a missing one is seen to be missing.
        for segment in (data / "pg_wal").glob("0*"):
            if segment.name > facts["first_log"]:
                segment.unlink()
        runtime.write(making / "facts.json", as_json(facts))
        server.spec.log.unlink(missing_ok=True)
        (making / "password").unlink()
        making.rename(target)

    def _start(self, data: Path) -> tuple[Server, str]:
        """Start the template's server, with PRELOAD where these binaries have it."""
        runtime = self.runtime
        number = major(runtime.version())
        runtime.write(data / "pg_hba.conf", host_based_authentication(force_tls=True))
        for preload in (PRELOAD, ""):
            runtime.write(data / "postgresql.conf", Configuration(preload=preload, major=number).text())
            name = f"template-{data.parent.name[-8:]}"
            port = connections.free_port()
            spec = ServerSpec(name=name, root=self.folder, data=data, port=port, settings=LEAST)
            try:
                return runtime.start(spec), preload
            except ServerStartError:
                if not preload:
                    raise
        raise AssertionError("not reached")


def sql(name: str) -> str:
    """One of the SQL files beside this module."""
    return files("aurora_lab.cluster").joinpath("sql", name).read_text(encoding="utf-8")


def offered(extensions: Iterable[str]) -> str:
    """The value of `rds.extensions`, by which drivers recognise Aurora."""
    return ", ".join(sorted({*extensions, "aurora_stat_utils"}))


def major(version: str) -> int:
    """The major version of `17.10`, `18beta1` and the like."""
    digits = version.partition(".")[0]
    return int("".join(character for character in digits if character.isdigit())[:2])


def control_value(text: str, name: str) -> str:
    """A value that pg_controldata shows. Raises ClusterError where it shows none of that name."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise ClusterError(f"pg_controldata says nothing of {name!r}.")


def _initdb(number: int) -> list[str]:
    """Options that make a small data directory which sorts and folds case alike on every machine."""
    options = ["--username=rdsadmin", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]
    options += ["--no-instructions", "--no-sync", "--wal-segsize=1"]
    if number >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options


def _fill(server: Server, password: str, preload: str) -> dict[str, Any]:
    """Make roles, functions and the administrator's database; return what the facts file holds."""

    def run(database: str, *statements: str) -> None:
        with connections.connect(server.address, password, dbname=database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    try:
        run(
            "postgres",
            sql("roles.sql"),
            "ALTER ROLE rdsadmin VALID UNTIL 'infinity'",
            "ALTER DATABASE template0 ALLOW_CONNECTIONS true",
        )
        # A database that is made from template0, as pg_restore does, has Aurora's functions too.
        for database in ("template0", "template1", "postgres"):
            run(database, sql("functions.sql"))
        run(
            "postgres",
            "ALTER DATABASE template0 ALLOW_CONNECTIONS false",
            "CREATE DATABASE rdsadmin",
            "REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC",
        )
        # So that the last checkpoint stands at the beginning of a log file, and never reaches into the next.
        run("postgres", "SELECT pg_switch_wal()")
        with connections.connect(server.address, password) as connection:
            available = connection.execute("SELECT name FROM pg_available_extensions ORDER BY 1").fetchall()
            extensions = [name for (name,) in available if not NOT_OFFERED.fullmatch(name)]
            libraries = connection.execute(_LIBRARIES.encode()).fetchall()
            # Every server of the lab has these two; they show among the settings only when they are set.
            for name, value in (("rds.extensions", offered(extensions)), ("rds.force_ssl", "1")):
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            cursor = connection.execute(_SETTINGS.encode())
            names = [column.name for column in cursor.description or ()]
            settings = [dict(zip(names, row, strict=True)) for row in cursor]
            for row in settings:
                if row["name"] in LEAST:  # not what a server of a cluster has
                    row["setting"] = str(BUILT_IN_LIMITS[row["name"]])
    except psycopg.Error as error:
        raise ClusterError(f"The template could not be filled: {error}") from error
    return {
        "preload": preload,
        "extensions": extensions,
        "libraries": sorted(name for (name,) in libraries),
        "settings": settings,
        "password": password,
    }
