"""The strongest level: a container for each kernel, made of this machine's own files."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from docker.types import Mount  # type: ignore[import-not-found]

from aurora_lab.course import confine
from aurora_lab.course.sandbox import Confined, Job, Limits, SandboxError, ended_by
from aurora_lab.course.spare_user import SpareUser, spare_user
from aurora_lab.course.visible import hidden_folders, visible_paths
from aurora_lab.runtime import engine
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.image import ensure_image
from aurora_lab.runtime.processes import owner_lives, owner_mark

LABEL = "aurora-lab.grading"


class ContainerSandbox:
    """Runs kernels in containers without a network; their doors are opened inside and answered here."""

    level = "container"
    own_network = True
    says = "in a container of its own, without a network other than its region"

    def __init__(self) -> None:
        """Raises RuntimeUnavailableError where no engine of this machine's kind answers."""
        self._client = engine.connect()
        try:
            if not engine.is_native(self._client):
                raise engine.RefusalError("it runs programs of another kind of machine than this one")
            self._image = ensure_image(self._client).identifier
            _sweep(self._client)
        except BaseException:
            self._client.close()
            raise
        self._user: SpareUser | None = spare_user() if os.geteuid() == 0 else None

    def own(self, path: Path) -> None:
        """Give a file or folder to the container's user."""
        if self._user:
            os.chown(path, self._user.uid, self._user.uid, follow_symlinks=False)

    def start(self, job: Job) -> Confined:
        """Start a container. Raises SandboxError."""
        spec = {
            "command": list(job.command),
            "environment": dict(job.environment),
            "folder": str(job.folder),
            "uid": None,
            "doors": [list(door) for door in job.doors],
            "bridge": str(job.bridge),
            "writable": [str(path) for path in job.writable],
            "limits": job.limits.as_dict(count_users=False),
        }
        file = job.private / "inside.json"
        file.write_text(json.dumps(spec))
        file.chmod(0o644)
        program = Path(confine.__file__).resolve()
        mounts = [_mount(path, read_only=True) for path in visible_paths() if not path.is_symlink()]
        mounts += [_mount(path, read_only=False) for path in job.writable]
        mounts.append(Mount("/run/inside.json", str(file), type="bind", read_only=True))
        uid = self._user.uid if self._user else os.geteuid()
        try:
            with engine.answering():
                made = self._client.containers.run(
                    self._image,
                    [sys.executable, "-I", "-S", str(program), "inside", "/run/inside.json"],
                    entrypoint=[],
                    detach=True,
                    user=f"{uid}:{uid if self._user else os.getegid()}",
                    network_mode="none",
                    read_only=True,
                    mounts=mounts,
                    tmpfs={
                        "/tmp": f"mode=1777,size={job.limits.temporary}",
                        **{
                            str(folder): "mode=0755,size=4k,ro"
                            for folder in hidden_folders()
                            if folder.is_dir()
                        },
                    },
                    mem_limit=job.limits.memory,
                    pids_limit=4 * job.limits.processes,
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges", "label=disable"],
                    labels={LABEL: owner_mark()},
                )
        except RuntimeUnavailableError as error:
            raise SandboxError(str(error)) from error
        return _Container(made, job.limits)

    def close(self) -> None:
        """Close the connection to the engine."""
        self._client.close()
        if self._user:
            self._user.release()


class _Container:
    def __init__(self, container: Any, limits: Limits) -> None:
        self._container = container
        self._limits = limits
        self._code: int | None = None

    def alive(self) -> bool:
        if self._code is None:
            try:
                self._container.reload()
            except (engine.NotFoundError, engine.RefusedError):
                self._code = 137
            else:
                state = self._container.attrs["State"]
                if state["Status"] not in ("created", "running"):
                    self._code = confine.TOO_MUCH_MEMORY if state.get("OOMKilled") else int(state["ExitCode"])
        return self._code is None

    def ended_by(self) -> str:
        self.alive()
        return ended_by(self._code, self._limits)

    def end(self) -> None:
        self.alive()
        if self._code is None:
            self._code = 137
        with contextlib.suppress(engine.NotFoundError, engine.RefusedError):
            self._container.remove(force=True)


def _sweep(client: Any) -> None:
    """Remove the containers of graders that were killed: they have ended by themselves, and lie there."""
    with engine.answering():
        for left in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if not owner_lives(left.labels[LABEL]):
                with contextlib.suppress(engine.NotFoundError, engine.RefusedError):
                    left.remove(force=True)


def _mount(path: Path, read_only: bool) -> Any:
    return Mount(str(path), str(path), type="bind", read_only=read_only)
