"""The processes of a PostgreSQL server as the operating system shows them: find, wait, signal, measure, end.

A server is known by its data directory, not by a process id: the main process has `-D DATA` on its command
line and its id in `DATA/postmaster.pid`. Both survive the region that started it, and neither can be mistaken
for a later process that was given the same id.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from aurora_lab.runtime.base import ServerSpec

PROC = Path("/proc")
_ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
"""Waiting to be reaped, and just being reaped."""
_SETTLE_SECONDS = 5.0
"""Longest wait for processes that were sent SIGKILL; the kernel needs milliseconds."""


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a server says of itself in `postmaster.pid`."""

    pid: int
    port: int
    status: str
    """`starting`, `ready`, `standby` (up, but not consistent yet), `stopping`, or empty."""
    segment: int | None = None
    """The identifier of its System V shared memory."""


def read_pid_file(data: Path) -> PidFile | None:
    """Read `postmaster.pid`; None where there is none or it is half written."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        return PidFile(
            pid=abs(int(lines[0])),
            port=int(lines[3]),
            status=lines[7].strip() if len(lines) > 7 else "",
            segment=int(lines[6].split()[1]) if len(lines) > 6 and lines[6].strip() else None,
        )
    except (OSError, ValueError, IndexError):
        return None


def resolved(spec: ServerSpec) -> ServerSpec:
    """The spec without symbolic links in its paths: a server is recognised by its path."""
    return replace(spec, root=spec.root.resolve(), data=spec.data.resolve())


def alive(process: psutil.Process) -> bool:
    """Whether the process runs or is stopped; one that only waits to be reaped does not count."""
    try:
        return process.is_running() and process.status() not in _ENDED
    except psutil.NoSuchProcess:
        return False


def data_argument(command: list[str]) -> str | None:
    """The data directory on the command line of a server's main process; None for any other process."""
    if not command or Path(command[0]).name != "postgres" or "-D" not in command[1:]:
        return None
    at = command.index("-D", 1) + 1
    return command[at] if at < len(command) else None


def setting_argument(command: list[str], name: str) -> str | None:
    """The value of `-c name=value` on a command line."""
    prefix = f"{name}="
    for option, value in itertools.pairwise(command):
        if option == "-c" and value.startswith(prefix):
            return value[len(prefix) :]
    return None


def command_line(process: psutil.Process) -> list[str]:
    """The command line; empty when the process has gone or is another user's."""
    try:
        return process.cmdline()
    except (psutil.Error, OSError):
        return []


def main_process(data: Path) -> psutil.Process | None:
    """The living main process of the server on `data`, or None."""
    found = read_pid_file(data)
    if found is None:
        return None
    try:
        process = psutil.Process(found.pid)
    except psutil.Error:
        return None
    if data_argument(command_line(process)) != str(data) or not alive(process):
        return None
    return process


def main_processes(below: Path) -> Iterator[tuple[psutil.Process, Path]]:
    """The main process and the data directory of each server that runs on files below `below`.

    Also those in containers of this machine, whose processes are in sight.
    """
    for pid, command in command_lines():
        argument = data_argument(command)
        if argument and Path(argument).is_relative_to(below):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if alive(process):
                    yield process, Path(argument)


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """The process id and command line of every process; straight from /proc where there is one, for speed."""
    if sys.platform != "linux":
        for process in psutil.process_iter():
            yield process.pid, command_line(process)
        return
    for folder in os.scandir(PROC):
        if folder.name.isdigit():
            try:
                with open(f"{folder.path}/cmdline", "rb") as file:  # noqa: PTH123
                    line = file.read()
            except OSError:
                continue
            yield int(folder.name), line.decode("utf-8", "surrogateescape").rstrip("\0").split("\0")


def owner_mark() -> str:
    """Names this process among all that this machine will run until it restarts."""
    return f"{_namespace()}:{os.getpid()}:{_started(os.getpid())}"


def owner_lives(mark: str) -> bool:
    """Whether the process that gave this mark still lives. One that is out of our sight is taken to live."""
    namespace, _, rest = mark.partition(":")
    pid, _, started = rest.partition(":")
    return namespace != _namespace() or (pid.isdigit() and _started(int(pid)) == started)


def _namespace() -> str:
    """In which of this machine's process namespaces we are."""
    try:
        return str((PROC / "self" / "ns" / "pid").stat().st_ino)
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process was started; in clock ticks since boot where there is /proc, since a clock may be set."""
    with contextlib.suppress(OSError, IndexError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    with contextlib.suppress(psutil.Error):
        return str(psutil.Process(pid).create_time())
    return ""


def left_tools(below: Path, folder: Path, variable: str) -> list[psutil.Process]:
    """Programs of `folder` that work below `below` and whose owner, named in their environment, is gone."""
    found = []
    for pid, command in command_lines():
        if Path("".join(command[:1])).parent == folder:
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                owner = process.environ().get(variable)
                if Path(process.cwd()).is_relative_to(below) and owner and not owner_lives(owner):
                    found.append(process)
    return found


def family(main: psutil.Process) -> list[psutil.Process]:
    """The process and all below it, the process first."""
    try:
        return [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def workers(main: psutil.Process) -> list[psutil.Process]:
    """The process and its children, for measuring: cheap where the kernel lists them, and not sure to be whole.

    (A server's processes are all children of its main one.)
    """
    try:
        listed = (PROC / str(main.pid) / "task" / str(main.pid) / "children").read_text(encoding="ascii")
    except OSError:  # a kernel without this list, or another system
        return family(main)
    found = [main]
    for pid in listed.split():
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(int(pid)))
    return found


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Seconds of CPU that the processes have used, with those of their children that have ended.

    On macOS and Windows nothing is known of those.
    """
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            ended = getattr(used, "children_user", 0.0) + getattr(used, "children_system", 0.0)
            total += used.user + used.system + ended
    return total


def wait_gone(process: psutil.Process, seconds: float) -> bool:
    """Wait until the process has ended (reaped or not), without polling where the system allows it."""
    deadline = time.monotonic() + seconds
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return True
        except OSError:  # no such call in this sandbox, or too many open files: the slow way below
            pass
        else:
            try:
                if not alive(process):
                    return True
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                return bool(poll.poll(max(0.0, seconds) * 1000))
            finally:
                os.close(descriptor)
    while alive(process):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(min(left, 0.1))
    return True


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> bool:
    """Send a signal to those that still live; return whether we were allowed to."""
    allowed = True
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            allowed = False
    return allowed


def freeze(main: psutil.Process) -> list[psutil.Process]:
    """Stop the process and all below it, wait until they stand, and return them.

    The main process is stopped first so that it starts no new children, then whoever is found, until a look
    finds no new one (a backend may have been about to fork an archive or restore command).
    """
    stopped: dict[int, psutil.Process] = {}
    while new := [process for process in family(main) if process.pid not in stopped]:
        send(new, signal.SIGSTOP)
        _await_standing(new)
        stopped.update((process.pid, process) for process in new)
    return list(stopped.values())


def _await_standing(processes: Iterable[psutil.Process]) -> None:
    """Wait until the processes have stopped or gone: the signal is only a request, and on a loaded machine
    the process goes on for a moment.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    for process in processes:
        while alive(process) and not frozen(process) and time.monotonic() < deadline:
            time.sleep(0.001)


def thaw(main: psutil.Process) -> None:
    """Let a frozen family go on, children first: the main process must not take them for dead."""
    send(reversed(family(main)), signal.SIGCONT)


def frozen(process: psutil.Process) -> bool:
    """Whether the process is stopped."""
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def kill(main: psutil.Process, data: Path) -> None:
    """End a server's processes at once and return when none is left.

    Also ends processes that a main process killed by somebody else left behind (a frozen one cannot notice
    that it is alone, and would keep the next server from starting).
    """
    doomed = freeze(main)
    known = {process.pid for process in doomed}
    doomed += [process for process in _servers_in(data) if process.pid not in known]
    said = read_pid_file(data)
    # The main process last: by it a server is found, should we be killed ourselves in between.
    send(reversed(doomed), signal.SIGKILL)
    deadline = time.monotonic() + _SETTLE_SECONDS
    for process in doomed:
        wait_gone(process, max(0.0, deadline - time.monotonic()))
    if said is not None and said.pid == main.pid:
        _free(said.segment)


def end_servers_on(data: Path, seconds: float = 30.0) -> bool:
    """End whatever works on `data`: no two servers may. Returns whether there was a server.

    A server of the other runtime is stopped cleanly, because PostgreSQL's own lock does not see across a
    container's border: the second would start and ruin the files. Processes that a killed main process left
    are killed.
    """
    mains = [main for main, _ in main_processes(data)]
    for main in mains:
        send([main], signal.SIGINT)
        if frozen(main) or not wait_gone(main, seconds):
            kill(main, data)
    orphans = _servers_in(data)
    send(orphans, signal.SIGKILL)
    for process in orphans:
        wait_gone(process, _SETTLE_SECONDS)
    return bool(mains)


def _servers_in(data: Path) -> list[psutil.Process]:
    """Server processes that work in `data`: a server changes into its data directory as it starts.

    Its children call themselves `postgres: …`.
    """
    found = []
    for pid, command in command_lines():
        if "".join(command[:1]).startswith("postgres: ") or data_argument(command) == str(data):
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                if process.cwd() == str(data):
                    found.append(process)
    return found


def _free(segment: int | None) -> None:
    """Free a killed server's System V segment: its files may be removed next, and then nobody would.

    It is 56 bytes by which a server finds out that another one has its files, but a system has only so
    many of them (macOS: 32). All other shared memory goes with its processes or lies in the data directory.
    """
    if segment is not None:
        ctypes.CDLL(None).shmctl(segment, 0, None)  # IPC_RMID; one that is gone already does no harm


_FIELD = re.compile(r"^(Pss|RssAnon|RssFile|RssShmem):\s+(\d+) kB", re.MULTILINE)


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes of memory that the processes take together.

    The sum of their proportional shares (PSS) where the system lets us read it. Otherwise what is private
    to each, plus the largest share of what they have in common; on macOS the sum of what each has resident.
    """
    proportional = 0
    private = 0
    shared = 0
    for process in processes:
        folder = PROC / str(process.pid)
        try:
            proportional += _fields(folder / "smaps_rollup").get("Pss", 0)
            continue
        except ProcessLookupError:
            continue
        except OSError:
            pass
        try:
            status = _fields(folder / "status")
            private += status.get("RssAnon", 0)
            shared = max(shared, status.get("RssFile", 0) + status.get("RssShmem", 0))
        except OSError:
            with contextlib.suppress(psutil.Error):
                private += process.memory_info().rss
    return proportional + private + shared


def _fields(path: Path) -> dict[str, int]:
    """The memory fields of a file under /proc, in bytes."""
    return {name: int(size) * 1024 for name, size in _FIELD.findall(path.read_text())}
