"""The AWS CLI, loaded once and forked for each call: `aws` answers in a tenth of a second instead of half a one.

It is the AWS CLI's own code that runs, in a process of its own for each call, with the caller's arguments,
environment, folder, files and signals. `aws_client.py` is the program that stands in the place of `aws`; it goes
to the CLI itself where this server is not there, or is not fit for a call. The server belongs to one user: who
may reach its socket is decided by the folder that the socket lies in.
"""

from __future__ import annotations

import contextlib
import functools
import locale
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

BACKLOG = 64
LONGEST_REQUEST = 4 << 20
READ_SECONDS = 5.0
LONGEST_FIRST_LINE = 200
"""Of a script: some systems cut it off there."""
LENGTH_BYTES = 12
SETTINGS = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
FILES = 4
"""Input, output, errors, and the folder that the caller is in."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, as the caller made it."""

    mask: int
    arguments: list[str]
    environment: dict[str, str]

    @classmethod
    def read(cls, connection: socket.socket) -> Request:
        """What the client has sent: a length, then fields between zero bytes. Raises OSError, ValueError."""
        size = int(_exactly(connection, LENGTH_BYTES))
        if not 0 < size <= LONGEST_REQUEST:
            raise ValueError("no client sends so much")
        mask, count, *fields = _exactly(connection, size).split(b"\0")
        settings = (item.partition(b"=") for item in fields[int(count) :])
        return cls(
            int(mask),
            [os.fsdecode(item) for item in fields[: int(count)]],
            {os.fsdecode(name): os.fsdecode(value) for name, _, value in settings},
        )


@dataclass(frozen=True, slots=True)
class Cli:
    """The AWS CLI's modules. It carries a botocore of its own, which must not meet the one that boto3 uses."""

    modules: dict[str, ModuleType]
    finders: list[Any]
    driver: Any
    """What a call begins with where no settings are on file, made once; it has RDS's model in memory."""

    def run(self, environment: Mapping[str, str]) -> int:
        """Make this process the AWS CLI's, and run it. Returns the exit code."""
        _take_out()
        sys.modules.update(self.modules)
        sys.meta_path[:] = self.finders
        # What the CLI sets when it is imported.
        os.environ["AWS_DATA_PATH"] = str(Path(str(sys.modules["awscli"].__file__)).parent / "data")
        program: Any = sys.modules["awscli.clidriver"]
        if _no_settings(environment):
            program.create_clidriver = lambda: self.driver
        return int(program.main())


@functools.cache
def load() -> Cli:
    """Import the AWS CLI and read what a call for RDS reads; for the rest, nothing has changed then."""
    others, finders, environment = _take_out(), list(sys.meta_path), dict(os.environ)
    os.environ.update(dict.fromkeys(SETTINGS, os.devnull))  # nobody's settings
    try:
        from awscli import clidriver  # type: ignore[import-untyped] # noqa: PLC0415

        driver = clidriver.create_clidriver()
        driver._get_command_table()
        loader = driver.session.get_component("data_loader")
        loader.load_data_with_path("endpoints")
        for kind in ("service-2", "waiters-2", "paginators-1", "endpoint-rule-set-1"):
            loader.load_service_model("rds", kind)
        return Cli(_take_out(), list(sys.meta_path), driver)
    finally:
        _take_out()
        sys.modules.update(others)
        sys.meta_path[:] = finders
        os.environ.clear()
        os.environ.update(environment)


def _no_settings(environment: Mapping[str, str]) -> bool:
    """Whether the AWS CLI finds its files of settings empty or missing, as in the lab."""
    files = [Path(environment.get(name, "")) for name in SETTINGS]
    if any(name in environment for name in PROFILES) or not all(name in environment for name in SETTINGS):
        return False
    return not any(file.exists() and file.stat().st_size for file in files)


def _take_out() -> dict[str, ModuleType]:
    """Let nobody find the modules that the AWS CLI has of its own."""
    names = [
        name
        for name in sys.modules
        if name.partition(".")[0] in ("awscli", "botocore", "s3transfer", "boto3")
    ]
    return {name: sys.modules.pop(name) for name in names}


def install(folder: Path, socket_file: Path, aws: Path) -> None:
    """Write the program `aws` into a folder: it asks the server, and else runs the AWS CLI at `aws`."""
    first = f"#!{sys.executable} -IS"
    if len(first) > LONGEST_FIRST_LINE or " " in sys.executable or not aws.exists():
        return
    text = resources.files("aurora_lab.course").joinpath("aws_client.py").read_text(encoding="utf-8")
    program = folder / "aws"
    last = f"main({str(socket_file)!r}, {str(aws)!r})"
    program.write_text(f"{first}\n{text}\n\n{last}\n", encoding="utf-8")
    program.chmod(0o755)


def main(path: str) -> None:
    """Serve at `path`, as a process in a session of its own: until it is ended, or the socket cannot be made."""
    if not hasattr(os, "pidfd_open"):  # on Linux only
        return
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(BACKLOG)
        _serve(listener)


def _serve(listener: socket.socket) -> None:
    """Each call has a connection and a process; its end is told to the first, its signals to the second."""
    connections: dict[socket.socket, int] = {}
    ends: dict[int, socket.socket] = {}
    while True:
        waiting: list[socket.socket | int] = [listener, *connections, *ends]
        ready, _, _ = select.select(waiting, [], [])
        for item in ready:
            if item is listener:
                load()
                connection, _ = listener.accept()
                with contextlib.suppress(OSError, ValueError):
                    pid = _begin(connection, [listener, *connections], list(ends))
                    end = os.pidfd_open(pid)
                    connections[connection], ends[end] = pid, connection
                    continue
                connection.close()
            elif isinstance(item, int):
                connection = ends.pop(item)
                os.close(item)
                _finish(connection, connections.pop(connection))
            elif item in connections:
                _pass_on(item, connections[item])


def _begin(connection: socket.socket, others: list[socket.socket], files: list[int]) -> int:
    """Start the process of a call; its id. Raises OSError, ValueError."""
    connection.settimeout(READ_SECONDS)
    _, given, _, _ = socket.recv_fds(connection, 1, FILES)
    try:
        if len(given) != FILES:
            raise ValueError("some files are missing")
        request = Request.read(connection)
        # From here on the call is made here, or fails: never twice.
        connection.sendall(b"+")
        connection.settimeout(None)
        pid = os.fork()
        if pid == 0:
            for other in (*others, connection):
                other.close()
            for file in files:
                os.close(file)
            _call(request, given)
    finally:
        for file in given:
            os.close(file)
    return pid


def _exactly(connection: socket.socket, size: int) -> bytes:
    text = b""
    while len(text) < size:
        piece = connection.recv(size - len(text))
        if not piece:
            raise ValueError("the caller has gone")
        text += piece
    return text


def _call(request: Request, given: list[int]) -> None:
    """Be the AWS CLI. Does not return."""
    code = 255
    try:
        code = _aws(request, given)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _aws(request: Request, given: list[int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(given[:3]):
        os.dup2(file, number)
    os.fchdir(given[3])
    os.umask(request.mask)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    tempfile.tempdir = None
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("aws")
    sys.argv = ["aws", *request.arguments]
    _open_streams()
    return load().run(request.environment)


def _open_streams() -> None:
    """Make the standard streams for their new files, as Python does when it starts."""
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    plain = locale.setlocale(locale.LC_CTYPE) in ("C", "POSIX")
    encoding = "utf-8" if plain else locale.nl_langinfo(locale.CODESET)
    errors = "surrogateescape" if plain else "strict"
    sys.stdin = os.fdopen(0, "r", encoding=encoding, errors=errors, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding=encoding, errors=errors, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)


def _pass_on(connection: socket.socket, pid: int) -> None:
    """Signals that the caller was sent; a caller that has gone takes its call with it."""
    try:
        numbers = connection.recv(16)
    except OSError:
        numbers = b""
    for number in numbers or bytes([signal.SIGKILL]):
        with contextlib.suppress(OSError, ValueError):
            os.kill(pid, number)


def _finish(connection: socket.socket, pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    connection.close()
