"""A server's log, and what it tells about a server that would not start."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

from aurora_lab.runtime import files
from aurora_lab.runtime.base import ServerSpec

HOST = "127.0.0.1"
"""Servers are reached over loopback and from nowhere else."""
_LEAST_SPACE = 256 * 1024
"""With less than this left on the disk a server cannot start."""
_LIMIT = 16 * 1024 * 1024
"""A log longer than this is set aside (one is kept) when its server starts."""


class ServerLog:
    """A server's log, open for appending and owned by the servers' user."""

    def __init__(self, path: Path, user: files.ServerUser) -> None:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > _LIMIT:
                path.replace(path.with_name(path.name + ".1"))
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        user.own(self.descriptor)

    def close(self) -> None:
        """Close our end; the server has its own."""
        os.close(self.descriptor)


def tail(log: Path, lines: int = 6) -> str:
    """The last lines of a log, as one line."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "(no log)"
    return " / ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip()) or "(empty)"


def port_taken(port: int) -> bool:
    """Whether another program holds the port on loopback."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return True
    return False


def why_it_ended(spec: ServerSpec) -> str:
    """One sentence on a server that ended as it started."""
    if port_taken(spec.port):
        return (
            f"PostgreSQL {spec.name} could not start: port {spec.port} of {HOST} is taken by another "
            "program. Stop that program, or let the region choose another port."
        )
    if _disk_full(spec.data):  # then the log may not say so
        return f"PostgreSQL {spec.name} could not start: the disk is full. Free some space below {spec.root}."
    end = files.plain(tail(spec.log))
    return f"PostgreSQL {spec.name} ended as it started. Its log {spec.log} ends: {end}"


def _disk_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LEAST_SPACE
    except OSError:
        return False


def last_words(text: str) -> str:
    """The last lines of what a tool said, as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-4:]) or "it said nothing"
