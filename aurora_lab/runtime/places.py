"""Where programs run beside containers: one waiting container for each place (an AZ) of a cluster.

A container for each program would take a third of a second each; a call in one that waits takes a fifteenth.
A program whose process is in our sight is sent signals by ourselves; otherwise a shell in its container does it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from testcontainers.core.container import DockerContainer

from aurora_lab.runtime import engine, files, programs
from aurora_lab.runtime.base import Program, ProgramSpec, RuntimeUnavailableError, ToolError
from aurora_lab.runtime.image import NodeImage

_LABEL = "aurora-lab."
_START_SECONDS = 10.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.005
_FIND = """
for process in /proc/[0-9]*; do
    if tr '\\0' '\\n' <$process/cmdline 2>/dev/null | grep -qxF -- {folder}; then
        case $(sed 's/.*) //' $process/stat) in Z*) ;; *) {action};; esac
    fi
done
"""
"""Does something to the process that has the folder on its command line, unless it only waits to be reaped."""


@dataclass(frozen=True, slots=True)
class _Who:
    """As whom, and from what, containers are made."""

    home: Path
    image: NodeImage
    user: files.ServerUser
    network: str


class DistantProgram:
    """A program in a container whose processes are out of our sight."""

    def __init__(self, client: Any, container: str, user: files.ServerUser, folder: Path) -> None:
        self.folder = folder
        self._client = client
        self._container = container
        self._user = user

    def running(self) -> bool:
        """Whether it lives (a frozen one does). Raises RuntimeUnavailableError."""
        return "found" in self._do("echo found")

    def kill(self) -> None:
        """End it at once, frozen or not; return when it is gone. Raises RuntimeUnavailableError."""
        deadline = time.monotonic() + _KILL_SECONDS
        while "found" in self._do("echo found; kill -KILL ${process#/proc/}"):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)

    def freeze(self) -> None:
        """Stop it where it stands. Raises RuntimeUnavailableError."""
        self._do("kill -STOP ${process#/proc/}")

    def thaw(self) -> None:
        """Let a frozen one go on. Raises RuntimeUnavailableError."""
        self._do("kill -CONT ${process#/proc/}")

    def memory(self) -> int:
        """0: its share cannot be seen from here."""
        return 0

    def _do(self, action: str) -> str:
        script = _FIND.format(folder=shlex.quote(str(self.folder)), action=action)
        try:
            return _run(self._client, self._container, self._user, ["sh", "-c", script])
        except engine.RefusalError:  # its container has gone, and it with it
            return ""


class Places:
    """The containers of one runtime's places."""

    def __init__(
        self, client: Any, home: Path, image: NodeImage, user: files.ServerUser, network: str
    ) -> None:
        self._client = client
        self._who = _Who(home, image, user, network)
        self._in_sight = engine.in_sight(client)
        self._known: dict[tuple[Path, str], str] = {}
        self._lock = threading.Lock()
        self._making: dict[tuple[Path, str], threading.Lock] = {}

    def launch(self, spec: ProgramSpec) -> Program:
        """Start a program in its place's container. Raises ToolError, RuntimeUnavailableError."""
        arguments = shlex.join([spec.command[0], *programs.arguments(spec)])
        shell = f"exec {arguments} >>{shlex.quote(str(spec.log))} 2>&1"
        for attempt in (1, 2):
            container = self._container(spec.root, spec.place)
            try:
                pid = self._start(container, spec, ["sh", "-c", shell])
                break
            except engine.RefusalError as error:
                # Somebody has removed or stopped it: make another, once.
                self._forget(spec.root, spec.place)
                if attempt == 2:
                    raise ToolError(f"{spec.command[0]} could not be run: {error.said}") from error
        if self._in_sight:
            with contextlib.suppress(psutil.Error):
                return programs.LocalProgram(spec.folder, psutil.Process(pid))
        return DistantProgram(self._client, container, self._who.user, spec.folder)

    def programs(self, below: Path) -> dict[Path, Program]:
        """The running programs with folders below `below`, by folder. Raises RuntimeUnavailableError."""
        if self._in_sight:
            return programs.local_programs(below)
        found: dict[Path, Program] = {}
        for container in self._containers():
            if Path(container["Labels"][f"{_LABEL}root"]).is_relative_to(below):
                shown = _run(self._client, container["Id"], self._who.user, ["sh", "-c", _LIST])
                for line in shown.splitlines():
                    folder = programs.folder_argument(line.split("\t"))
                    if folder is not None and folder.is_relative_to(below):
                        found[folder] = DistantProgram(self._client, container["Id"], self._who.user, folder)
        return found

    def end(self, below: Path) -> None:
        """Remove the containers of the places of clusters below `below`. Raises RuntimeUnavailableError."""
        with self._lock:
            for root, place in [key for key in self._known if key[0].is_relative_to(below)]:
                del self._known[root, place]
        for container in self._containers():
            if Path(container["Labels"][f"{_LABEL}root"]).is_relative_to(below):
                self._remove(container["Id"])

    def any_left(self) -> bool:
        """Whether programs of our home have containers. Raises RuntimeUnavailableError."""
        home = str(self._who.home)
        return any(container["Labels"].get(f"{_LABEL}home") == home for container in self._containers())

    def _containers(self) -> list[dict[str, Any]]:
        with engine.answering():
            return list(self._client.api.containers(all=True, filters={"label": f"{_LABEL}role=place"}))

    def _start(self, container: str, spec: ProgramSpec, command: list[str]) -> int:
        user = self._who.user
        with engine.answering():
            call = self._client.api.exec_create(
                container,
                command,
                user=f"{user.uid}:{user.gid}",
                environment={"HOME": str(spec.root), "LC_ALL": "C"},
                workdir=str(spec.root),
            )
            self._client.api.exec_start(call["Id"], detach=True)
            deadline = time.monotonic() + _START_SECONDS
            while True:
                state = self._client.api.exec_inspect(call["Id"])
                if state["Pid"] or not state["Running"] or time.monotonic() > deadline:
                    return int(state["Pid"] or 0)
                time.sleep(_POLL_SECONDS)

    def _container(self, root: Path, place: str) -> str:
        """The container of a place, made where there is none. Raises RuntimeUnavailableError."""
        with self._lock:
            making = self._making.setdefault((root, place), threading.Lock())
        with making:
            known = self._known.get((root, place))
            if known is None:
                known = self._known[root, place] = self._create(root, place)
            return known

    def _forget(self, root: Path, place: str) -> None:
        with self._lock:
            self._known.pop((root, place), None)

    def _create(self, root: Path, place: str) -> str:
        name = f"aurora-lab-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}-{place}"
        who = self._who
        for attempt in (1, 2):
            container = DockerContainer(who.image.identifier, docker_client_kw=engine.options())
            container.with_name(name).with_command(["-c", "exec sleep infinity"])
            container.with_kwargs(
                entrypoint=["/bin/sh"],
                network=who.network,
                labels={
                    f"{_LABEL}role": "place",
                    f"{_LABEL}home": str(who.home),
                    f"{_LABEL}root": str(root),
                    f"{_LABEL}place": place,
                },
                auto_remove=True,
                stop_signal="SIGKILL",
                **engine.confinement(root, f"{who.user.uid}:{who.user.gid}"),
            )
            try:
                with engine.answering():
                    container.start()
                    return str(container.get_container_id())
            except engine.RefusalError as error:
                if "is already in use by container" not in error.said or attempt == 2:
                    raise
                # Of a dead region: what it holds is taken over, unless it does not run.
                if found := self._left(name, root):
                    return found
            finally:
                container.get_docker_client().client.close()
        raise AssertionError("not reached")

    def _left(self, name: str, root: Path) -> str | None:
        """The running container of that name, if it is this cluster's; one that will not run is removed."""
        with engine.answering():
            found = self._client.api.containers(all=True, filters={"name": f"^/{name}$"})
        for container in found:
            if container["Labels"].get(f"{_LABEL}root") != str(root):
                raise RuntimeUnavailableError(
                    f"A container named {name} that is not this cluster's is in the way. "
                    f"Remove it with `docker rm -f {name}`."
                )
            if container["State"] == "running":
                return str(container["Id"])
            self._remove(container["Id"])
        return None

    def _remove(self, identifier: str) -> None:
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # gone, or going
            self._client.api.remove_container(identifier, force=True)


_LIST = """
for process in /proc/[0-9]*; do
    tr '\\0' '\\t' <$process/cmdline 2>/dev/null && echo
done
"""


def _run(client: Any, container: str, user: files.ServerUser, command: list[str]) -> str:
    """Run a short command in a container and return what it says. Raises RuntimeUnavailableError."""
    with engine.answering():
        call = client.api.exec_create(container, command, user=f"{user.uid}:{user.gid}")
        output: bytes = client.api.exec_start(call["Id"])
    return output.decode("utf-8", "replace")
