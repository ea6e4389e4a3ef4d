"""A process that has loaded what regions and kernels need, and forks them: each starts in a tenth of the time.

`python -m aurora_lab.course.forkserver SOCKET`, with next to nothing in its environment. It runs no learner's code
and never learns what it is asked: each connection is read by a child, so that no child finds in its memory
what an earlier one was told. A child is asked for by one JSON object a line, with files sent along:

    {"keep": SPEC}                                        a confined kernel; file: for errors
    {"region": […], "environment": {…}, "folder": HOME,   a region; files: for its output, for errors
     "memory": BYTES}

It answers with its process id, and at its end with its exit code, each on a line. A kernel ends when its connection
does, a region with the server, the server with its standard input: whoever grades may be killed, and nothing stays.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_lab.course import confine
from aurora_lab.region.home import Home
from aurora_lab.runtime.base import RuntimeUnavailableError

BACKLOG = 64
LONGEST_REQUEST = 1 << 20
READ_SECONDS = 10.0
NEEDED = (
    *("aurora_lab.region.daemon", "aurora_lab.region.api.app", "aurora_lab.region.api.server"),
    *("aurora_lab.region.lab_api", "aurora_lab.region.rds.provider", "aurora_lab.runtime.embedded"),
    *("aurora_lab.course.lab", "aurora_lab.course.graded_kernel", "aurora_lab.course.paced"),
    *("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "tornado.platform.asyncio"),
    *("IPython.core.debugger", "IPython.extensions.storemagic", "boto3", "psycopg"),
)

Request = dict[str, Any]


class NotSingleError(Exception):
    """What was loaded has started a thread: its copy in a child would stand still for ever."""


def load() -> None:
    """Import what children need, and read what they would each read. Raises NotSingleError."""
    for name in NEEDED:
        importlib.import_module(name)
    from aurora_lab.course.graded_kernel import load_more  # noqa: PLC0415
    from aurora_lab.region.api.codec.select import codec_for  # noqa: PLC0415
    from aurora_lab.runtime.binaries import find_binaries  # noqa: PLC0415

    codec_for("rds")
    with contextlib.suppress(RuntimeUnavailableError):
        find_binaries()
    load_more()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise NotSingleError("what the fork server loads has started a thread")
    gc.collect()
    gc.freeze()  # a collection in a child must not copy all this memory


def serve(listener: socket.socket) -> None:
    """Fork a child for each connection, until standard input ends. In a child: does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    server = os.getpid()
    while True:
        ready, _, _ = select.select([listener, sys.stdin.fileno()], [], [])
        if listener not in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            sys.exit(_child(connection, server))
        connection.close()


def _child(connection: socket.socket, server: int) -> int:
    """Do what the connection asks for; the exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    connection.settimeout(READ_SECONDS)
    _, files, _, _ = socket.recv_fds(connection, 1, 2)
    request = _read(connection)
    connection.settimeout(None)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, file in zip((1, 2) if len(files) == 2 else (2,), files, strict=True):
        os.dup2(file, number)
        os.close(file)
    tempfile.tempdir = None
    _name("aurora-keeper" if "keep" in request else "aurora-region")
    connection.sendall(b"%d\n" % os.getpid())
    code = 1
    try:
        code = _keep(request, connection) if "keep" in request else _region(request, server)
    finally:
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % code)
    return code


def _read(connection: socket.socket) -> Request:
    text = b""
    while not text.endswith(b"\n"):
        piece = connection.recv(1 << 16)
        if not piece or len(text) > LONGEST_REQUEST:
            raise ValueError("the request is not complete")
        text += piece
    return dict(json.loads(text))


def _keep(request: Request, connection: socket.socket) -> int:
    spec: confine.Spec = json.loads(Path(request["keep"]).read_text())
    return confine.keep(spec, connection.fileno(), _as_module(spec["command"]))


def _region(request: Request, server: int) -> int:
    from aurora_lab.region import daemon  # noqa: PLC0415

    _enter(request["environment"])
    os.chdir(request["folder"])
    if request["memory"] and os.geteuid() == 0:
        hold_in_memory(Home(Path(request["folder"])).data, request["memory"])
    _end_with(server)
    return daemon.main(request["region"])


def _end_with(server: int) -> None:
    """Stop this process, cleanly, when `server` has gone: whoever would have stopped it was killed."""
    try:
        gone = os.pidfd_open(server)
    except ProcessLookupError:
        sys.exit(1)
    except OSError:  # a kernel older than 5.3, or one that forbids it
        return

    def watch() -> None:
        select.select([gone], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end-with-server", daemon=True).start()


def hold_in_memory(folder: Path, size: int) -> None:
    """Have a folder in memory, for this process and its children only: it goes with the last of them.

    At most `size` bytes fit, so that nobody's rows fill the machine. Where that is not allowed, it stays on disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        confine.own_mounts()
        confine.mount_memory(str(folder), size)


def _as_module(command: list[str]) -> confine.Run | None:
    """How to run `python -P -m MODULE …` without another Python; None for any other command."""
    if command[:3] != [sys.executable, "-P", "-m"]:
        return None
    name, arguments = command[3], command[4:]

    def run(spec: confine.Spec) -> int:
        _name("aurora-kernel")
        _enter(spec["environment"])
        sys.argv = [name, *arguments]
        return _exit_code(lambda: importlib.import_module(name).main(arguments))

    return run


def _name(name: str) -> None:
    """What `ps` and `top` show of this process; it still has the fork server's command line."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _enter(environment: dict[str, str]) -> None:
    """Have this environment and no other, as if this process had started with it."""
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    time.tzset()


def _exit_code(work: Callable[[], object]) -> int:
    try:
        work()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0


def main() -> int:
    """Listen, load, serve."""
    path = Path(sys.argv[1])
    with socket.socket(socket.AF_UNIX) as listener:
        # Whoever is early waits until all is loaded.
        listener.bind(f"{path}.new")
        listener.listen(BACKLOG)
        Path(f"{path}.new").rename(path)
        load()
        serve(listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
