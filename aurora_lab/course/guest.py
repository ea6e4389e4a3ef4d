"""A submission's place in a region: what its kernel gets to see of the region's home, and what it may write.

A guest's home looks like the region's, with three differences: it holds no token, no key and no state; its
checks answer "noted", since the grader decides outside; and what is written there is a claim, to be read with
care.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sysconfig
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aurora_lab.course import aws_server, confine
from aurora_lab.course.bridge import Bridge
from aurora_lab.course.exercises import Exercise, Lesson
from aurora_lab.course.forked import PASSED_ON
from aurora_lab.course.fresh import FreshRegion
from aurora_lab.course.guest_desk import desk_file
from aurora_lab.course.kernel import (
    LONGEST_SOCKET_PATH,
    GradingKernel,
    kernel_command,
    write_connection,
)
from aurora_lab.course.sandbox import LIMITS, Job, Limits, Sandbox
from aurora_lab.course.surroundings import tools_folder
from aurora_lab.region.environment import enter
from aurora_lab.region.home import Home
from aurora_lab.view.live_map import VARIABLE

LARGEST_RECORD = 1_000_000
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class Guest:
    """The place of one submission. Each kernel that it starts sees the same folders."""

    def __init__(
        self, region: FreshRegion, sandbox: Sandbox, lesson: Lesson, limits: Limits = LIMITS
    ) -> None:
        self.region = region
        self._limits = limits
        self.sandbox = sandbox
        self._lesson = lesson
        self._kernels = 0
        self._private = Path(tempfile.mkdtemp(prefix="notes-", dir=region.folder))
        self.share = region.folder / "share"
        self.home = Home(self.share / "home")
        self.work = self.share / "work"
        self._make_home()

    def kernel(self) -> GradingKernel:
        """Start a kernel. Raises KernelDiedError, SandboxError.

        One that follows upon another finds its files, unless they are more than are allowed: then it finds none.
        """
        self._kernels += 1
        if confine.keeps_too_much([str(self.share)], self._limits.as_dict(count_users=False)):
            shutil.rmtree(self.share, ignore_errors=True)
            self._make_home()
        folder = self.region.folder / f"k{self._kernels}"
        if len(str(folder)) > LONGEST_SOCKET_PATH:
            folder = Path(tempfile.mkdtemp(prefix="aurora-lab-", dir="/tmp"))
        folder.mkdir(exist_ok=True, mode=0o700)
        connection = write_connection(folder)
        (folder / "bin").mkdir()
        aws_server.install(folder / "bin", folder / "aws", Path(sysconfig.get_path("scripts")) / "aws")
        bridge = self._bridge(folder / "b") if self.sandbox.own_network else None
        for path in (folder, connection):
            self.sandbox.own(path)
        job = Job(
            command=kernel_command(connection, folder / "aws"),
            environment=self._environment(folder / "bin"),
            folder=self.work,
            writable=(self.share, folder),
            private=self._private,
            doors=self._doors(),
            bridge=bridge.path if bridge else None,
            limits=self._limits,
        )
        known = json.loads(connection.read_text())
        confined = _Cleaned(self.sandbox.start(job), bridge, folder)
        return GradingKernel(confined, known)

    def evidence(self, exercise: str) -> dict[str, Any]:
        """What the notebook claims for an exercise. Nothing, where its record is not one."""
        text = read_claim(self.share, ("home", "course", f"lesson-{self._lesson.id}.json"))
        try:
            found = json.loads(text)
            evidence = found[exercise]["evidence"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        return evidence if isinstance(evidence, dict) else {}

    def close(self) -> None:
        """Remove what belongs to this place alone."""
        shutil.rmtree(self._private, ignore_errors=True)

    def _make_home(self) -> None:
        desk = desk_file(self.home)
        for folder in (self.share, self.home.folder, self.home.certificates, desk.parent, self.work):
            folder.mkdir(mode=0o700)
        # Process 1 is there in whatever namespace somebody looks whether the region runs.
        self.home.write_info(replace(self.region.info, token="", pid=1))
        shutil.copyfile(self.region.home.ca_file, self.home.ca_file)
        (self.home.folder / "aws-config").touch()
        desk.write_text(json.dumps({"exercises": [_known(item) for item in self._lesson.exercises.values()]}))
        for path in (self.share, *self.share.rglob("*")):
            self.sandbox.own(path)

    def _doors(self) -> list[tuple[str, int]]:
        info = self.region.info
        return [("127.0.0.1", info.http_port), (info.address, info.port)]

    def _bridge(self, path: Path) -> Bridge:
        return Bridge(path, self._doors())

    def _environment(self, programs: Path) -> dict[str, str]:
        """Nothing of the grader's own environment but its language."""
        plain = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        plain |= {"PATH": SYSTEM_PATH, "HOME": str(self.work), "USER": "learner", "LOGNAME": "learner"}
        inside = enter(self.home, self.region.info, tools_folder(), plain, remember=False).apply(plain)
        inside["PATH"] = f"{programs}{os.pathsep}{inside['PATH']}"
        return {
            **inside,
            "IPYTHONDIR": str(self.share / "ipython"),
            "PYTHONDONTWRITEBYTECODE": "1",
            VARIABLE: "still",
        }


class _Cleaned:
    """A kernel, and what was made for it alone."""

    def __init__(self, confined: Any, bridge: Bridge | None, folder: Path) -> None:
        self._confined = confined
        self._bridge = bridge
        self._folder = folder

    def alive(self) -> bool:
        return bool(self._confined.alive())

    def ended_by(self) -> str:
        return str(self._confined.ended_by())

    def end(self) -> None:
        self._confined.end()
        if self._bridge:
            self._bridge.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _known(exercise: Exercise) -> dict[str, Any]:
    prediction = exercise.prediction
    return {
        "id": exercise.id,
        "title": exercise.title,
        "variables": list(exercise.variables),
        "hints": 0,
        "points": exercise.points,
        "letters": prediction.letters if prediction else "",
        "right": "",
        "why": "",
    }


def read_claim(root: Path, parts: Iterable[str]) -> bytes:
    """A file below a folder that somebody else may change at any moment; empty where it is not a plain, small one.

    No link is followed, and nothing is waited for.
    """
    *folders, name = parts
    with contextlib.ExitStack() as stack:
        try:
            here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            stack.callback(os.close, here)
            for folder in folders:
                here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                stack.callback(os.close, here)
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
            stack.callback(os.close, file)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return b""
            text = os.read(file, LARGEST_RECORD + 1)
        except OSError:
            return b""
    return text if len(text) <= LARGEST_RECORD else b""
