"""The text of a server's configuration files.

A `postgresql.conf` has three parts, and in PostgreSQL the last value of a name wins:

    defaults        what the instance's parameters may change
    parameters      the instance's own, in a file of their own (`parameters.conf`, included)
    ours            what replication, TLS and recovery need, whatever a parameter says

It is all in files, not on the command line: pg_rewind runs the server by itself and sees only the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIMITS = (
    "max_connections",
    "max_worker_processes",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_senders",
)
"""A standby must have each of these at least as high as its primary, or it stops replaying."""

BUILT_IN_LIMITS = {
    "max_connections": 100,
    "max_worker_processes": 8,
    "max_prepared_transactions": 0,
    "max_locks_per_transaction": 64,
    "max_wal_senders": 40,
}
"""What a server has where its parameters say nothing. Fifteen readers, their base backups and six log copies
fit the senders; it is the same on every instance."""

_DEFAULTS = {
    "shared_buffers": "16MB",
    "jit": "off",
    "max_wal_size": "128MB",
    "min_wal_size": "2MB",
    "checkpoint_warning": "0",
    "hot_standby_feedback": "on",
    "max_standby_streaming_delay": "14s",
    "max_standby_archive_delay": "14s",
    "wal_receiver_status_interval": "1s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.english",
}

_OURS = {
    # For pg_rewind, which brings a fenced writer back as a reader.
    "wal_log_hints": "on",
    "full_page_writes": "on",
    "wal_keep_size": "64MB",
    # Every crash that this project stages is one of processes: what a process has written, the operating
    # system keeps, flushed or not. A flush helps only where the machine itself loses power. There a practice
    # cluster may have to be made anew; in exchange each commit, checkpoint and stop is several times faster
    # on a slow disk. The truth of a cluster is its volume, and the storage nodes that make it up do flush.
    "fsync": "off",
    "hot_standby": "on",
    "primary_slot_name": "",
    "wal_receiver_create_temp_slot": "off",
    "wal_sender_timeout": "60s",
    "wal_receiver_timeout": "30s",
    # However many connections a learner opens, the administrator gets in.
    "superuser_reserved_connections": "3",
    "wal_retrieve_retry_interval": "100ms",
    "max_replication_slots": "40",
    "recovery_target_timeline": "latest",
    "restart_after_crash": "on",
    "archive_mode": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "huge_pages": "off",
    "max_wal_senders": str(BUILT_IN_LIMITS["max_wal_senders"]),
    "ssl": "off",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything from which a server's `postgresql.conf` is written."""

    parameters_file: Path | None = None
    """The file with the instance's parameters; it need not exist."""
    preload: str = ""
    """`shared_preload_libraries` where no parameter sets them."""
    extensions: str = ""
    """What `rds.extensions` shows."""
    tls: tuple[Path, Path] | None = None
    """Certificate and key."""
    primary_conninfo: str = ""
    restore_command: str = ""
    synchronous: str = ""
    """Whom a commit waits for: `synchronous_standby_names`."""
    replica_lag_ms: int = 0
    """How long after the writer's commit a reader shows it."""
    major: int = 17

    def text(self) -> str:
        """The content of `postgresql.conf`."""
        defaults = dict(_DEFAULTS)
        if self.preload:
            defaults["shared_preload_libraries"] = self.preload
        ours = dict(_OURS)
        if self.major >= 17:
            ours["allow_alter_system"] = "off"
        if self.extensions:
            ours["rds.extensions"] = self.extensions
        if self.tls is not None:
            ours.update(ssl="on", ssl_cert_file=str(self.tls[0]), ssl_key_file=str(self.tls[1]))
        ours["primary_conninfo"] = self.primary_conninfo
        ours["restore_command"] = self.restore_command
        ours["recovery_min_apply_delay"] = f"{self.replica_lag_ms}ms"
        ours["synchronous_standby_names"] = self.synchronous
        lines = ["# Written by aurora-lab at each start; changes are lost.", *map(_line, defaults.items())]
        if self.parameters_file is not None:
            lines.append(f"include_if_exists {quote(str(self.parameters_file))}")
        return "\n".join([*lines, *map(_line, ours.items())]) + "\n"


def parameters_text(parameters: Mapping[str, str], limits: Mapping[str, int]) -> str:
    """The content of `parameters.conf`: the instance's parameters, with LIMITS as high as they must be."""
    written = {**parameters, **{name: str(value) for name, value in limits.items()}}
    # Less than `replica` would leave the readers behind.
    written["wal_level"] = "logical" if parameters.get("wal_level") == "logical" else "replica"
    written["rds.force_ssl"] = "1" if forces_tls(parameters) else "0"
    return "".join(_line(item) + "\n" for item in sorted(written.items()))


def forces_tls(parameters: Mapping[str, str]) -> bool:
    """`rds.force_ssl`: whether connections without TLS are refused; on by default from 17 (FACTS 3.27)."""
    return is_true(parameters.get("rds.force_ssl", "1"))


def host_based_authentication(*, force_tls: bool) -> str:
    """The content of `pg_hba.conf`: everyone needs a SCRAM password and (with `force_tls`) TLS, as on Aurora.

    `samenet` is every network that the server itself is in: loopback or, in a container, the containers'. The
    administrator and the readers come from there, and spare themselves the TLS; a password they need too.
    Database rdsadmin is the administrator's alone, as on Aurora.
    """
    return "\n".join(
        [
            "# Written by aurora-lab at each start; changes are lost.",
            "host    all          rdsadmin               samenet  scram-sha-256",
            "host    replication  rdsrepladmin           samenet  scram-sha-256",
            "host    all          rdsadmin,rdsrepladmin  all      reject",
            "host    rdsadmin     all                    all      reject",
            f"{'hostssl' if force_tls else 'host   '} all          all                    all      scram-sha-256",
            "",
        ]
    )


def quote(value: str) -> str:
    """A value for a configuration file. Raises ValueError for one that no line can hold."""
    if any(ord(character) < 32 for character in value):
        raise ValueError("a value must not hold line breaks or other control characters")
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def conninfo(**options: str | int | Path) -> str:
    """A connection string for libpq."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace("'", "\\'")

    return " ".join(f"{name}='{escaped(str(value))}'" for name, value in options.items())


def passfile(entries: Mapping[str, str]) -> str:
    """The content of a libpq password file, by user: passwords stay out of settings and command lines."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace(":", "\\:")

    return "".join(f"*:*:*:{escaped(user)}:{escaped(word)}\n" for user, word in entries.items())


LOG_UNREADABLE = 200
"""Exit status of a `restore_command` whose log is there and cannot be had."""


def restore_command(sources: tuple[Path, ...], asked: Path) -> str:
    """A `restore_command` that takes each log file from the first of `sources` that has it.

    Each time it first adds a byte to a file of that name in `asked`, from which the caller sees how far the
    server has come.

    A file that is there and cannot be copied (the disk is full) ends the server: taken for the end of the log,
    it would open without commits that were acknowledged. PostgreSQL goes on after any status up to 125.
    """
    steps = [f"echo >> {shell_quote(asked)}/%f"]
    for source in sources:
        wanted = f"{shell_quote(source)}/%f"
        copied = f'cp {wanted} "%p" && exit 0; test ! -f {wanted} || exit {LOG_UNREADABLE}'
        steps.append(f"if test -f {wanted}; then {copied}; fi")
    return "; ".join([*steps, "exit 1"])


def shell_quote(path: Path) -> str:
    """A path for `sh`, and for the placeholders of restore_command."""
    return "'" + str(path).replace("'", "'\\''").replace("%", "%%") + "'"


def _line(item: tuple[str, str]) -> str:
    return f"{item[0]} = {quote(item[1])}"


def is_true(value: str) -> bool:
    """Whether a parameter's text means on."""
    return value.strip().lower() in {"1", "on", "true", "yes", "t", "y"}


def as_json(value: object) -> str:
    """The JSON in which the plane keeps its own small files."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
