"""Ask the fork server (`forkserver.py`) for children; start one, and make what many gradings share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from aurora_lab.cluster.template import Template
from aurora_lab.cluster.types import ClusterError
from aurora_lab.region import client
from aurora_lab.runtime.base import RuntimeUnavailableError, ServerStartError, ToolError
from aurora_lab.runtime.select import choose

PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What children cannot be given later: it holds from Python's start on."""
REGION_BYTES = 2 << 30
"""What a graded region's servers may hold, where it is held in memory. Lesson 09, which loads a table several times
over, needs half of it while its volume's base is made anew; with 1 GiB it once in three ran out of space."""
ROOM_BYTES = 4 * REGION_BYTES
"""Memory that must be free for that."""
START_SECONDS = 60.0
END_SECONDS = 10.0


class NoServerError(Exception):
    """The fork server is not there, or did not do what it was asked for."""


class Child:
    """A child of the fork server. It may be looked at and ended by one thread at a time."""

    def __init__(self, server: Path, request: Mapping[str, Any], files: Sequence[int]) -> None:
        """Ask for it, and return when it has begun. Raises NoServerError."""
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.settimeout(START_SECONDS)
        self._said = b""
        self._code: int | None = None
        try:
            self._connection.connect(str(server))
            socket.send_fds(self._connection, [b"1"], list(files))
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            self.pid = self._line()
        except (OSError, ValueError) as error:
            self._connection.close()
            raise NoServerError(str(error)) from error

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._await(0.0)

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, once it has ended, or None after `seconds`."""
        return self._await(seconds)

    def hang_up(self) -> None:
        """Let it see that we have gone: a kernel ends by that."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def let_go(self) -> None:
        """Close the connection, whose end a region does not look at."""
        self._connection.close()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _await(self, seconds: float | None) -> int | None:
        if self._code is None:
            self._connection.settimeout(seconds)
            try:
                self._code = self._line()
            except (BlockingIOError, TimeoutError):
                return None
            except (OSError, ValueError):  # it could not say
                self._code = -signal.SIGKILL
            self._connection.close()
        return self._code

    def _line(self) -> int:
        while b"\n" not in self._said:
            piece = self._connection.recv(32)
            if not piece:
                raise ValueError("the fork server's child has gone")
            self._said += piece
        line, _, self._said = self._said.partition(b"\n")
        return int(line)


class ForkedRegion:
    """A region's process that has just been forked."""

    def __init__(self, child: Child, stdout: IO[bytes]) -> None:
        self.stdout = stdout
        self.wait, self.kill, self.let_go = child.wait, child.kill, child.let_go


@dataclass(frozen=True, slots=True)
class Shared:
    """What many gradings share. Where a part is missing, each makes its own."""

    templates: Path | None = None
    """The folder with the cluster template."""
    server: Path | None = None
    """The fork server's socket."""

    def launcher(self) -> client.Launcher | None:
        """How to start a region's process; None: as usual."""
        return self._launch if self.server else None

    def keep(self, spec: Path, errors: IO[bytes]) -> Child | None:
        """Start a confined kernel; None where it has to be started as usual."""
        with contextlib.suppress(NoServerError):
            return Child(self.server, {"keep": str(spec)}, (errors.fileno(),)) if self.server else None
        return None

    def _launch(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], errors: IO[bytes]
    ) -> client.RegionProcess:
        assert self.server is not None
        request = {
            "region": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "memory": REGION_BYTES if psutil.virtual_memory().available > ROOM_BYTES else 0,
        }
        reading, writing = os.pipe()
        try:
            child = Child(self.server, request, (writing, errors.fileno()))
        except NoServerError:
            os.close(reading)
            return client.as_program(arguments, folder, environment, errors)
        finally:
            os.close(writing)
        return ForkedRegion(child, os.fdopen(reading, "rb"))


ALONE = Shared()


@contextmanager
def sharing(runtime: str) -> Iterator[Shared]:
    """Make what gradings share; each part only where that is possible. It goes at the end."""
    with tempfile.TemporaryDirectory(prefix="aurora-lab-class-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The servers' user walks through it to the template when we are root.
        folder.chmod(0o755)
        with _fork_server(folder / "own") as server:
            yield Shared(_template(folder / "templates", runtime), server)


def _template(folder: Path, runtime: str) -> Path | None:
    try:
        found, _ = choose(runtime, folder)
        try:
            Template(found, folder).ensure()
        finally:
            found.close()
    except (RuntimeUnavailableError, ToolError, ServerStartError, ClusterError, OSError):
        return None  # each region finds out for itself, and says why
    return folder


@contextmanager
def _fork_server(folder: Path) -> Iterator[Path | None]:
    """Start the fork server; it makes itself ready while we go on. None where there is no fork that is safe."""
    if sys.platform != "linux":
        yield None
        return
    folder.mkdir(mode=0o700)
    path = folder / "socket"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aurora_lab.course.forkserver", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            # What would hold from Python's start on, or glibc's; nothing that a submission must not find.
            env={
                "MALLOC_ARENA_MAX": "2",
                "HOME": str(folder),
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            },
            start_new_session=True,
        )
    with process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not path.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            yield path if path.exists() else None
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
