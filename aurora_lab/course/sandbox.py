"""Where a learner's code runs while it is graded: one small interface, three levels.

    container  a container for each submission: nothing of this machine but what a kernel needs, read-only; no
               network but the region's doors; limits of the engine.
    user       as a user that nobody else is, with limits; where root may make namespaces, with the same view of
               files and network as in a container.
    limits     as ourselves, with limits only: an honest learner's mistakes end in seconds, but a dishonest one
               could read what we can read.

`choose` takes the strongest that works here, and the sandbox says which it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aurora_lab.course import confine
from aurora_lab.course.forked import ALONE, Shared
from aurora_lab.course.spare_user import SpareUser, spare_user
from aurora_lab.course.visible import hidden_folders, visible_paths
from aurora_lab.runtime.base import RuntimeUnavailableError

LEVELS = ("container", "user", "limits")
MEBIBYTE = 1 << 20
END_SECONDS = 10.0


class SandboxError(Exception):
    """A level that was asked for is not possible here; the message says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may take."""

    memory: int = 2048 * MEBIBYTE
    """Bytes, of all its processes together."""
    processes: int = 100
    temporary: int = 256 * MEBIBYTE
    """Bytes of memory-backed files."""
    address_space: int = 6144 * MEBIBYTE
    """Bytes of one process: a kernel with its libraries reserves far more than it uses."""
    file: int = 256 * MEBIBYTE
    """Bytes of one file."""
    files: int = 10_000
    """Files and folders that it may keep."""
    stored: int = 512 * MEBIBYTE
    """Bytes in them all."""
    cpu_seconds: int = 600
    """Of one process."""

    def as_dict(self, count_users: bool) -> dict[str, Any]:
        """For `confine`. `count_users`: the user is nobody else's, so that its processes can be limited."""
        each = {"AS": self.address_space, "FSIZE": self.file, "CPU": self.cpu_seconds, "CORE": 0}
        if count_users:
            each["NPROC"] = 4 * self.processes  # it counts threads
        return {
            "memory": self.memory,
            "processes": self.processes,
            "temporary": self.temporary,
            "files": self.files,
            "stored": self.stored,
            "each": each,
        }


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Job:
    """One kernel to run."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    """Where it starts."""
    writable: Sequence[Path]
    """The folders that it may write to; they belong to its user already."""
    private: Path
    """A folder for our own notes, which it never sees."""
    doors: Sequence[tuple[str, int]] = ()
    """Where the region listens. In a network of its own the first process opens these, and hands them to `bridge`."""
    bridge: Path | None = None
    limits: Limits = LIMITS


class Confined(Protocol):
    """A kernel that runs."""

    def alive(self) -> bool:
        """Whether it does."""

    def ended_by(self) -> str:
        """What ended it, in a few words; empty where that is not known or it still runs."""

    def end(self) -> None:
        """End it and everything that it has started. May be called twice."""


class Sandbox(Protocol):
    """Starts kernels of one submission."""

    level: str
    says: str
    """One sentence: what this level is, and what it does not keep out."""
    own_network: bool
    """Whether the region is reached over a bridge only."""

    def own(self, path: Path) -> None:
        """Give a file or folder to the kernel's user."""

    def start(self, job: Job) -> Confined:
        """Start a kernel. Raises SandboxError."""

    def close(self) -> None:
        """Let go of what the sandbox itself holds."""


def ended_by(code: int | None, limits: Limits) -> str:
    """What an exit code of `confine` means."""
    if code is None:
        return ""
    known = {
        confine.TOO_MUCH_MEMORY: f"It took more than {limits.memory // MEBIBYTE} MiB of memory and was ended.",
        confine.TOO_MANY_PROCESSES: f"It started more than {limits.processes} processes, and all were ended.",
        confine.TOO_MANY_FILES: (
            f"It kept more than {limits.files} files, or more than {limits.stored // MEBIBYTE} MiB in files, "
            "and was ended."
        ),
        0: "It ended itself.",
    }
    if code > 128 and code - 128 in set(signal.Signals):
        return f"It was ended by {signal.Signals(code - 128).name}."
    return known.get(code, f"It ended itself with the exit code {code}.")


class Keeper(Protocol):
    """The process above a kernel."""

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""

    def hang_up(self) -> None:
        """Let it see that the grader has gone: it ends the kernel, and itself."""

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, or None if it has not ended after `seconds`."""

    def kill(self) -> None:
        """End it at once."""


class _Program:
    """A keeper that was started as a program of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.poll = process.poll
        self.kill = process.kill

    def hang_up(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def wait(self, seconds: float | None = None) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode


class _Kept:
    """A kernel below a keeper process."""

    def __init__(self, keeper: Keeper, limits: Limits) -> None:
        self._keeper = keeper
        self._limits = limits

    def alive(self) -> bool:
        return self._keeper.poll() is None

    def ended_by(self) -> str:
        return ended_by(self._keeper.poll(), self._limits)

    def end(self) -> None:
        self._keeper.hang_up()
        if self._keeper.wait(END_SECONDS) is None:
            self._keeper.kill()
            self._keeper.wait()


class KeptSandbox:
    """The levels `user` and `limits`: a keeper process on this machine."""

    def __init__(self, user: SpareUser | None, namespaces: bool, shared: Shared = ALONE) -> None:
        self._user = user
        self._shared = shared
        self._namespaces = namespaces
        self.own_network = namespaces
        self.level = "user" if user else "limits"
        if user and namespaces:
            self.says = "as another user, in namespaces of its own, without a network other than its region"
        elif user:
            self.says = (
                "as another user with limits; this machine allows no namespaces, so that files which everybody "
                "may read, and the network, are open to it"
            )
        else:
            self.says = (
                "as you, with limits only: a submission can read what you can read, the checks and solutions "
                "too (a container engine, or root, would keep it apart)"
            )

    def own(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.uid, self._user.uid, follow_symlinks=False)

    def start(self, job: Job) -> Confined:
        root = job.private / "root"
        root.mkdir(exist_ok=True)
        uid = self._user.uid if self._user else None
        spec = {
            "command": list(job.command),
            "environment": dict(job.environment),
            "folder": str(job.folder),
            "namespaces": self._namespaces,
            "root": str(root),
            "visible": [str(path) for path in visible_paths()],
            "hidden": [str(path) for path in hidden_folders()],
            "writable": [str(path) for path in job.writable],
            "uid": uid,
            "gid": uid,
            "doors": [list(door) for door in job.doors] if self._namespaces else [],
            "bridge": str(job.bridge),
            "limits": job.limits.as_dict(count_users=self._user is not None),
        }
        return _Kept(_keeper(spec, job.private, self._shared), job.limits)

    def close(self) -> None:
        if self._user:
            self._user.release()


def _keeper(spec: Mapping[str, Any], private: Path, shared: Shared) -> Keeper:
    file = private / "keeper.json"
    file.write_text(json.dumps(spec))
    with (private / "keeper.log").open("ab") as log:
        child = shared.keep(file, log)
        if child is not None:
            return child
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", confine.__file__, "keep", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            # An interrupt of the grader is the grader's to answer.
            start_new_session=True,
            env={},
        )
    return _Program(process)


def choose(asked: str = "auto", shared: Shared = ALONE) -> Sandbox:
    """The sandbox of the level asked for; of the strongest that is possible here for `auto`.

    Kernels are forked from the server in `shared`, where that can be. Raises SandboxError.
    """
    if asked not in ("auto", *LEVELS):
        raise SandboxError(f"There is no level {asked!r} of confinement. There are {', '.join(LEVELS)}.")
    refused = []
    for level in LEVELS if asked == "auto" else (asked,):
        try:
            return _make(level, shared)
        except SandboxError as error:
            refused.append(f"{level}: {error}")
    raise SandboxError("; ".join(refused))


def _make(level: str, shared: Shared) -> Sandbox:
    if os.name != "posix":
        raise SandboxError("Grading needs Linux or macOS. On Windows, use WSL.")
    if level == "limits":
        return KeptSandbox(None, namespaces=False, shared=shared)
    if level == "user":
        if os.geteuid() != 0:
            raise SandboxError("only root can change to another user")
        return _as_another_user(shared)
    from aurora_lab.course.container_sandbox import ContainerSandbox  # noqa: PLC0415 - the engine's client is slow

    try:
        return ContainerSandbox()
    except RuntimeUnavailableError as error:
        raise SandboxError(str(error)) from error


def _as_another_user(shared: Shared) -> Sandbox:
    user = spare_user()
    allowed = sys.platform == "linux" and not _refused(
        ["unshare", "--mount", "--pid", "--net", "--fork", "true"]
    )
    if not allowed and _refused([sys.executable, "-c", "import aurora_lab"], user.uid):
        user.release()
        raise SandboxError(
            f"this machine allows no namespaces, and another user may not read {sys.executable} and aurora-lab"
        )
    return KeptSandbox(user, namespaces=allowed, shared=shared)


def _refused(command: Sequence[str], uid: int | None = None) -> bool:
    try:
        done = subprocess.run(
            command, user=uid, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 0
