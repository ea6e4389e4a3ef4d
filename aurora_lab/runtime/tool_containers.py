"""Where PostgreSQL's tools run beside containers: one waiting container for each cluster's folder.

A container for each call would take a third of a second; a call in one that waits takes a fifteenth.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer

from aurora_lab.runtime import engine, files, processes
from aurora_lab.runtime.base import RuntimeUnavailableError, ToolError
from aurora_lab.runtime.image import NodeImage
from aurora_lab.runtime.logs import last_words

_LABEL = "aurora-lab."
_ENDED = 137
"""Exit code of a command that was sent SIGKILL."""
_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Place:
    """A container that waits for tools to be run in it."""

    identifier: str
    inode: int
    """Of the folder that is mounted: one removed and made anew is another, and the mount is stale."""


class ToolContainers:
    """Runs tools for one runtime."""

    def __init__(self, client: Any, image: NodeImage, user: files.ServerUser, network: str) -> None:
        self._client = client
        self._image = image
        self._user = user
        self._network = network
        self._places: dict[Path, _Place] = {}
        self._lock = threading.Lock()

    def run(self, root: Path, command: Sequence[str], env: dict[str, str], seconds: float) -> str:
        """Run a tool as the servers' user; return its standard output.

        Raises ToolError, RuntimeUnavailableError.
        """
        name = command[0]
        limited = ["timeout", "-s", "KILL", f"{seconds:g}", *command]
        environment = {"HOME": str(root), "LC_ALL": "C", **env}
        for attempt in (1, 2):
            place = self._place(root)
            try:
                with engine.answering():
                    call = self._client.api.exec_create(
                        place.identifier,
                        limited,
                        user=f"{self._user.uid}:{self._user.gid}",
                        environment=environment,
                        workdir=str(root),
                    )
                    output, errors = self._start(call["Id"], seconds)
                    code = self._client.api.exec_inspect(call["Id"])["ExitCode"]
                break
            except engine.RefusalError as error:
                self.release(root)  # somebody else has removed or stopped it: make another, once
                if attempt == 2:
                    raise ToolError(f"{name} could not be run: {error.said}") from error
        if code == _ENDED:
            raise ToolError(f"{name} did not end within {seconds:g} s and was stopped")
        if code:
            raise ToolError(f"{name} failed: {files.plain(last_words(errors or output))}")
        return output

    def release(self, folder: Path) -> None:
        """Remove the containers that have mounted `folder` or a folder below it."""
        with self._lock:
            doomed = [root for root in self._places if root.is_relative_to(folder)]
            places = [self._places.pop(root) for root in doomed]
        for place in places:
            self._remove(place.identifier)

    def end_left(self, below: Path) -> None:
        """End the tools that a dead process left at work below `below`."""
        with engine.answering():
            found = self._client.api.containers(all=True, filters={"label": f"{_LABEL}role=tools"})
        for container in found:
            labels = container["Labels"]
            if Path(labels[f"{_LABEL}root"]).is_relative_to(below) and not processes.owner_lives(
                labels[f"{_LABEL}owner"]
            ):
                self._remove(container["Id"])

    def close(self) -> None:
        """Remove all containers of this runtime's tools."""
        self.release(Path("/"))

    def _start(self, call: str, seconds: float) -> tuple[str, str]:
        """Run the call to its end on a connection that waits as long as the tool may take."""
        client = engine.another(self._client, seconds + _GRACE_SECONDS)
        try:
            output, errors = client.api.exec_start(call, demux=True)
        finally:
            client.close()
        return _text(output), _text(errors)

    def _place(self, root: Path) -> _Place:
        try:
            inode = root.stat().st_ino
        except OSError as error:
            raise ToolError(f"the folder {root} is not there: {error}") from error
        with self._lock:
            place = self._places.get(root)
            if place is not None and place.inode == inode:
                return place
            if place is not None:
                self._remove(place.identifier)
            place = self._places[root] = _Place(self._create(root), inode)
            return place

    def _create(self, root: Path) -> str:
        digest = hashlib.sha256(str(root).encode()).hexdigest()[:12]
        # initdb and the single-user server look the user up by its number: an ordinary user's is not there.
        entry = f"servers:x:{self._user.uid}:{self._user.gid}::/:/bin/sh"
        prepare = (
            f"id -un {self._user.uid} >/dev/null 2>&1 || echo '{entry}' >>/etc/passwd; exec sleep infinity"
        )
        container = DockerContainer(self._image.identifier, docker_client_kw=engine.options())
        container.with_name(f"aurora-lab-tools-{digest}-{secrets.token_hex(3)}").with_command(["-c", prepare])
        container.with_kwargs(
            entrypoint=["/bin/sh"],
            network=self._network,
            labels={
                f"{_LABEL}role": "tools",
                f"{_LABEL}root": str(root),
                f"{_LABEL}owner": processes.owner_mark(),
            },
            auto_remove=True,
            stop_signal="SIGKILL",
            init=False,
            **engine.confinement(root, "0:0"),
        )
        try:
            with engine.answering():
                container.start()
                return container.get_container_id()
        except engine.RefusalError as error:
            said = error.said
            with contextlib.suppress(Exception):
                self._client.api.remove_container(container.get_container_id(), force=True)
            if "bind source path does not exist" in said:
                raise RuntimeUnavailableError(
                    f"The container engine does not see the folder {root}: it runs on another machine, or in "
                    "another container than we do. Use the embedded runtime (`--runtime embedded`)."
                ) from error
            raise RuntimeUnavailableError(f"The container for tools could not start: {said}.") from error
        finally:
            container.get_docker_client().client.close()

    def _remove(self, identifier: str) -> None:
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # gone, or going
            self._client.api.remove_container(identifier, force=True)


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace")
