"""Run one command confined: the small program that stands between the grader and a learner's kernel.

Started by its path (`python -I -S confine.py keep SPEC`), it uses the standard library only: what runs as root
should be short. Two ways in:

    keep SPEC     outside: the keeper. It ends all that it has started when its standard input closes, when the
                  command ends, or when the processes together take too much.
    inside SPEC   the first process of a container, or of the namespaces that `keep` has made: opens the doors
                  to the region (sockets that the grader answers from outside), starts the command, and counts.

Exit codes 120 to 122 say that too much memory, too many processes or too many files were taken; 128 + N a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]
Run = Callable[[Spec], int]

TOO_MUCH_MEMORY, TOO_MANY_PROCESSES, TOO_MANY_FILES = 120, 121, 122
LOOK_SECONDS = 0.2
FILES_SECONDS = 1.0
END_SECONDS = 5.0
MOST_FILES = 1 << 16
PDEATHSIG, DUMPABLE, NO_NEW_PRIVILEGES, CHILD_SUBREAPER = 1, 4, 38, 36
NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_PID, NEW_NET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def main() -> int:
    """Do as the command line says; return the exit code."""
    with open(sys.argv[2], encoding="utf-8") as file:
        spec: Spec = json.load(file)
    return keep(spec) if sys.argv[1] == "keep" else inside(spec)


# Outside.


def keep(spec: Spec, grader: int = 0, run: Run | None = None) -> int:
    """Start the command, confined, and end all of it when it is time. Returns the command's exit code.

    `grader` is the file that ends with the grader. `run` takes the place of exec: see `_become`.
    """
    _prctl(CHILD_SUBREAPER, 1)
    if spec["namespaces"]:
        _call("unshare", NEW_MOUNTS | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET)
    child = os.fork()
    if child == 0:
        _or_exit(lambda: _first(spec, grader, run))
    try:
        if spec["namespaces"]:
            return _watch(child, {**spec, "writable": []}, list, grader)  # its first process counts
        return _watch(child, spec, lambda: _below(os.getpid()), grader)
    finally:
        _end_all(child, spec)


def _first(spec: Spec, grader: int, run: Run | None) -> int:
    _prctl(PDEATHSIG, signal.SIGKILL)
    if grader > 2:
        os.close(grader)
    if not spec["namespaces"]:
        return _become(spec, run)
    _build_root(spec)
    return inside(spec, run)


def _watch(child: int, spec: Spec, population: Callable[[], list[int]], grader: int) -> int:
    """Wait for the command's end, for too much, or for the end of what comes from the grader: it is gone."""
    waiting = [os.pidfd_open(child)] if hasattr(os, "pidfd_open") else []
    waiting += [grader] if grader >= 0 else []
    next_count = time.monotonic()
    while True:
        ready, _, _ = select.select(waiting, [], [], LOOK_SECONDS)
        for pid, status in iter(_reap, None):
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        if grader in ready:
            return 0
        found = population()
        if len(found) > spec["limits"]["processes"]:
            return TOO_MANY_PROCESSES
        # What processes share counts once; to know that takes longer.
        if all(sum(map(held, found)) > spec["limits"]["memory"] for held in (_resident, _own_share)):
            return TOO_MUCH_MEMORY
        if time.monotonic() >= next_count:
            if keeps_too_much(spec["writable"], spec["limits"]):
                return TOO_MANY_FILES
            next_count = time.monotonic() + FILES_SECONDS


def keeps_too_much(folders: list[str], limits: dict[str, Any]) -> bool:
    """Whether there are more files below `folders`, or more bytes in them, than `limits` allows."""
    left, room, waiting = limits["files"], limits["stored"], list(folders)
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    left -= 1
                    with contextlib.suppress(FileNotFoundError):
                        room -= entry.stat(follow_symlinks=False).st_blocks * 512
                    if left < 0 or room < 0:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError:  # a path too long for this system
            return True
    return False


def _reap() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _end_all(child: int, spec: Spec) -> None:
    """End the command and all that came of it, however fast it multiplies."""
    if spec["namespaces"]:
        _signal(child, signal.SIGKILL)  # the first process of its namespace: all others go with it
    elif spec["uid"] is not None and os.geteuid() == 0:
        if (killer := os.fork()) == 0:
            _or_exit(lambda: _kill_all_of(spec["uid"]))
        os.waitpid(killer, 0)
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        found = _below(os.getpid())
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                _signal(pid, number)
        while _reap():
            pass
        if not found:
            return
        time.sleep(0.005)


def _kill_all_of(uid: int) -> int:
    os.setresuid(uid, uid, uid)
    os.kill(-1, signal.SIGKILL)
    return 0


# Inside.


def inside(spec: Spec, run: Run | None = None) -> int:
    """Open the doors, start the command, count processes and memory. Returns the exit code for all of it."""
    grader = _open_doors(spec["doors"], spec["bridge"]) if spec["doors"] else None
    child = os.fork()
    if child == 0:
        _or_exit(lambda: _become(spec, run))
    return _watch(child, spec, _others, grader.fileno() if grader else -1)


def _open_doors(doors: list[list[Any]], bridge: str) -> socket.socket:
    """Listen where the region would listen, and hand the sockets to the grader, which answers outside.

    Returns the connection to the grader, which stays open as long as it lives.
    """
    sockets = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(any_socket, GET_FLAGS, request))[1]
        if not flags & UP:
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14s", b"lo", flags | UP, b""))
    for address, port in doors:
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((address, port))
        door.listen(128)
        sockets.append(door)
    grader = socket.socket(socket.AF_UNIX)
    grader.connect(bridge)
    socket.send_fds(grader, [b"doors"], [door.fileno() for door in sockets])
    grader.recv(1)
    for door in sockets:
        door.close()
    return grader


def _become(spec: Spec, run: Run | None) -> int:
    """Turn into the command: its limits, its user, its folder, none of our files.

    With `run`, the command's program is loaded already: it is called in this process instead of executed anew.
    """
    os.setsid()
    for name, most in spec["limits"]["each"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (limit, limit))
    if spec["uid"] is not None:
        os.setgroups([])
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    _prctl(NO_NEW_PRIVILEGES, 1)
    os.nice(5)
    os.chdir(spec["folder"])
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, MOST_FILES)
    if run is None:
        os.execve(spec["command"][0], spec["command"], spec["environment"])
    # As after an exec: a process that has changed its user would else be closed to itself, too.
    _prctl(DUMPABLE, 1)
    return run(spec)


def own_mounts() -> None:
    """What this process and its children mount from now on, nobody else sees, and it ends with them. For root."""
    _call("unshare", NEW_MOUNTS)
    _mount("none", "/", flags=RECURSIVE | PRIVATE)


def mount_memory(folder: str, size: int) -> None:
    """Mount a file system in memory, of `size` bytes at most. For root."""
    _mount("tmpfs", folder, "tmpfs", NO_SETUID | NO_DEVICES, f"mode=0700,size={size}")


def _build_root(spec: Spec) -> None:
    """A file system of which only what the command needs is there, nearly all of it read-only."""
    root = spec["root"]
    _mount("none", "/", flags=RECURSIVE | PRIVATE)
    _mount("tmpfs", root, "tmpfs", NO_SETUID | NO_DEVICES, "mode=0755,size=16m")
    for path, size in (("/tmp", spec["limits"]["temporary"]), ("/dev", 1 << 20)):
        os.makedirs(root + path)
        _mount("tmpfs", root + path, "tmpfs", NO_SETUID, f"mode=1777,size={size}")
    for path in spec["visible"]:
        _show(path, root, READ_ONLY | NO_SETUID | NO_DEVICES)
    for path in spec["writable"]:
        _show(path, root, NO_SETUID | NO_DEVICES)
    for path in spec["hidden"]:
        if os.path.isdir(root + path):
            _mount("tmpfs", root + path, "tmpfs", READ_ONLY, "mode=0755,size=4k")
    for name in DEVICES:
        if os.path.exists(f"/dev/{name}"):
            _show(f"/dev/{name}", root, NO_SETUID)
    os.makedirs(f"{root}/dev/shm")
    _mount("tmpfs", f"{root}/dev/shm", "tmpfs", NO_SETUID | NO_DEVICES, "mode=1777,size=64m")
    os.makedirs(f"{root}/dev/pts")
    _mount("devpts", f"{root}/dev/pts", "devpts", NO_SETUID, "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", f"{root}/dev/ptmx")
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    os.makedirs(f"{root}/proc")
    _mount("proc", f"{root}/proc", "proc", NO_SETUID | NO_DEVICES)
    os.chdir(root)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", DETACH)
    os.chdir("/")


def _show(path: str, root: str, flags: int) -> None:
    """Make `path` of the machine appear under the same name."""
    target = root + path
    if os.path.lexists(target):
        if os.path.islink(target) or not os.path.isdir(target):
            return
    elif os.path.islink(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
        return
    elif stat.S_ISDIR(os.stat(path).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(path, target, flags=BIND | RECURSIVE)
    _mount("none", target, flags=BIND | REMOUNT | flags)


# What both use.


def _or_exit(work: Callable[[], int]) -> None:
    """In a child: do it, and never come back into the parent's code."""
    code = 126
    try:
        code = work()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def _others() -> list[int]:
    """All processes in sight but us: in a namespace of our own, those of the command."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != str(os.getpid())]
    except OSError:
        return []


def _below(root: int) -> list[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for pid in _others():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                children.setdefault(int(file.read().rpartition(b")")[2].split()[1]), []).append(pid)
        except (OSError, ValueError, IndexError):
            continue
    found, new = [], [root]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        found += new
    return found


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds by itself: what it shares is not counted."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
        return (int(fields[1]) - int(fields[2])) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def _own_share(pid: int) -> int:
    """Bytes of memory that a process holds, what it shares divided among those who do."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            share = next(line for line in file if line.startswith(b"Pss:"))
        return int(share.split()[1]) * 1024
    except (OSError, ValueError, IndexError, StopIteration):
        return 0


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _call("prctl", option, value, 0, 0, 0)


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)


def _call(name: str, *arguments: Any) -> None:
    """A call of the C library. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if name == "pivot_root":  # has no wrapper there
        numbers = {"x86_64": 155, "aarch64": 41}
        arguments, name = (numbers[os.uname().machine], *arguments), "syscall"
    known = [ctypes.c_ulong(item) if isinstance(item, int) else item for item in arguments]
    if getattr(library, name)(*known) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", str(arguments[1:2]))


if __name__ == "__main__":
    sys.exit(main())
