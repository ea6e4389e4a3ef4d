"""Servers as containers: one for each server, on one network for each home, made with testcontainers."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer

from aurora_lab.runtime import engine, files, image, probe, processes
from aurora_lab.runtime.base import (
    Program,
    ProgramSpec,
    RuntimeUnavailableError,
    Server,
    ServerSpec,
    ServerStartError,
    ToolError,
)
from aurora_lab.runtime.container_server import ContainerServer
from aurora_lab.runtime.logs import HOST, ServerLog, tail, why_it_ended
from aurora_lab.runtime.places import Places
from aurora_lab.runtime.tool_containers import ToolContainers

POLL_SECONDS = 0.01
_LABEL = "aurora-lab."
_SHARED_MEMORY = "256m"
"""/dev/shm in a container: the engine's default of 64 MB is too small for a parallel query."""


class ContainerRuntime(files.ServerFiles):
    """Runs servers and tools in containers that see their cluster's folder under its own absolute path."""

    name = "containers"

    def __init__(self, home: Path, answer_seconds: float = engine.CALL_SECONDS) -> None:
        """Connect to the engine and make the node image if it is missing.

        `answer_seconds`: how long the engine may take for one answer. Raises RuntimeUnavailableError.
        """
        super().__init__(files.ServerUser.current())
        self.home = home.resolve()
        self._client = engine.connect(answer_seconds)
        try:
            self.image = image.ensure_image(self._client)
            self._in_sight = engine.in_sight(self._client)
        except BaseException:
            self._client.close()
            raise
        self._network = f"aurora-lab-{hashlib.sha256(str(self.home).encode()).hexdigest()[:12]}"
        self._tools = ToolContainers(self._client, self.image, self.user, self._network)
        self._places = Places(self._client, self.home, self.image, self.user, self._network)
        self._sweep()

    def version(self) -> str:
        """PostgreSQL's version in the image, as `17.10`. Raises RuntimeUnavailableError."""
        return self.image.version

    def tool(
        self,
        root: Path,
        *command: str,
        env: Mapping[str, str] | None = None,
        seconds: float = 120.0,
    ) -> str:
        """Run a PostgreSQL tool in the home's network; return its standard output.

        Raises ToolError with the tool's last words, also when it takes longer than `seconds` (it is ended);
        RuntimeUnavailableError.
        """
        self._ensure_network()
        return self._tools.run(root.resolve(), command, dict(env or {}), seconds)

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder of server files; a container that has it mounted lets go of it first."""
        self._tools.release(folder.resolve())
        super().remove_tree(folder)

    def start(self, spec: ServerSpec, seconds: float = 60.0) -> ContainerServer:
        """Start a server and return once it accepts connections (a standby: once it is consistent).

        A server of this data directory that runs already is taken as it is. Raises ServerStartError,
        RuntimeUnavailableError.
        """
        spec = processes.resolved(spec)
        deadline = time.monotonic() + seconds
        server = self.find(spec)
        created = None
        while server is None or not self._ready(server):
            if server is None or not server.running():
                if created is not None:
                    created.wait_removed()  # the engine lets go of the port with it
                    raise ServerStartError(why_it_ended(spec))
                # None was found, or one that was just ending: the engine learns of it a moment later.
                processes.end_servers_on(spec.data)
                server = created = self._create(spec, deadline)
            if time.monotonic() > deadline:
                server.kill()
                raise ServerStartError(
                    f"PostgreSQL {spec.name} did not accept connections within {seconds:g} s "
                    f"and was stopped. Its log {spec.log} ends: {tail(spec.log)}"
                )
            time.sleep(POLL_SECONDS)
        return server

    def find(self, spec: ServerSpec) -> ContainerServer | None:
        """The running server of this spec that an earlier region left, or None. Raises RuntimeUnavailableError."""
        spec = processes.resolved(spec)
        for found in self._servers(f"{_LABEL}data={spec.data}"):
            server = self._server_of(found)
            if server.running():
                return server
        return None

    def end(self, spec: ServerSpec) -> None:
        """End whatever works on the spec's data directory at once, also what a killed main process left.

        Raises RuntimeUnavailableError.
        """
        spec = processes.resolved(spec)
        server = self.find(spec)
        if server is not None:
            server.kill()
        processes.end_servers_on(spec.data, seconds=0.0)

    def strays(self, below: Path, known: Collection[str]) -> list[Server]:
        """Running servers with files below `below` whose names are not in `known`.

        Containers of a dead region that never came to run are removed, and tools that it left at work below
        `below` are ended. Raises RuntimeUnavailableError.
        """
        below = below.resolve()
        servers: list[Server] = []
        for found in self._servers(f"{_LABEL}role=server"):
            data = Path(found["Labels"][f"{_LABEL}data"])
            if not data.is_relative_to(below):
                continue
            server = self._server_of(found)
            if not server.running():
                server.kill()
            elif server.spec.name not in known:
                servers.append(server)
        self._tools.end_left(below)
        return servers

    def launch(self, spec: ProgramSpec) -> Program:
        """Start a program and return at once. Raises ToolError, RuntimeUnavailableError."""
        self._ensure_network()
        try:
            ServerLog(spec.log, self.user).close()
        except OSError as error:
            raise ToolError(f"{spec.command[0]} could not be run: {files.plain(str(error))}") from error
        return self._places.launch(spec)

    def programs(self, below: Path) -> dict[Path, Program]:
        """The running programs with folders below `below`, by folder; also those that a dead region left.

        Raises RuntimeUnavailableError.
        """
        return self._places.programs(below.resolve())

    def end_programs(self, below: Path) -> None:
        """End every program with a folder below `below`, with the containers that they ran in.

        Raises RuntimeUnavailableError.
        """
        for program in self.programs(below).values():
            program.kill()
        self._places.end(below.resolve())

    def close(self) -> None:
        """Remove the containers that tools ran in, and the network if no server is on it."""
        with contextlib.suppress(RuntimeUnavailableError):
            self._tools.close()
            self._remove_network()
        self._client.close()

    def _ready(self, server: ContainerServer) -> bool:
        """The pid file is asked first, since reading it costs the server nothing; then the server itself."""
        found = processes.read_pid_file(server.spec.data)
        if found is None or found.status != "ready":
            return False
        return probe.accepts(*server.address)

    def _create(self, spec: ServerSpec, deadline: float) -> ContainerServer:
        """Make and start the container; it need not accept connections yet."""
        self._ensure_network()
        try:
            ServerLog(spec.log, self.user).close()
        except OSError as error:
            raise ServerStartError(
                f"PostgreSQL {spec.name} could not be started: {files.plain(str(error))}."
            ) from error
        while True:
            container = self._describe(spec)
            try:
                with engine.answering():
                    container.start()
                return self._server(spec, container.get_container_id())
            except engine.RefusalError as error:
                said = error.said
                if "is already in use by container" in said and time.monotonic() < deadline:
                    self._clear_name(spec)
                    continue
                self._discard(container)
                if "address already in use" in said or "port is already allocated" in said:
                    raise ServerStartError(why_it_ended(spec)) from error
                raise ServerStartError(
                    f"The container of PostgreSQL {spec.name} could not start: {files.plain(said)}."
                ) from error
            finally:
                # It has a connection of its own; what it started goes on.
                container.get_docker_client().client.close()

    def _describe(self, spec: ServerSpec) -> DockerContainer:
        settings = {
            "listen_addresses": "*",
            "unix_socket_directories": "",
            "cluster_name": spec.name,
            **spec.settings,
        }
        arguments = ["postgres", "-D", str(spec.data), "-p", str(spec.port)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        # The server's output goes to its log beside the data, as it does without containers.
        shell = f"exec {shlex.join(arguments)} >>{shlex.quote(str(spec.log))} 2>&1"
        container = DockerContainer(self.image.identifier, docker_client_kw=engine.options())
        container.with_name(spec.name).with_command(["-c", shell])
        container.with_envs(HOME=str(spec.root), LC_ALL="C")
        # Bound to loopback, which testcontainers' own `with_bind_ports` cannot say.
        ports: dict[str, Any] = container.ports
        ports[f"{spec.port}/tcp"] = (HOST, spec.port)
        return container.with_kwargs(
            entrypoint=["/bin/sh"],
            network=self._network,
            labels={
                f"{_LABEL}role": "server",
                f"{_LABEL}home": str(self.home),
                f"{_LABEL}name": spec.name,
                f"{_LABEL}root": str(spec.root),
                f"{_LABEL}data": str(spec.data),
                f"{_LABEL}port": str(spec.port),
            },
            stop_signal="SIGINT",
            shm_size=_SHARED_MEMORY,
            auto_remove=True,
            **engine.confinement(spec.root, f"{self.user.uid}:{self.user.gid}"),
        )

    def _clear_name(self, spec: ServerSpec) -> None:
        """Wait for a container of this name to go that is just ending, or remove one that will not run."""
        with engine.answering():
            found = self._client.api.containers(all=True, filters={"name": f"^/{spec.name}$"})
        for container in found:
            if container["Labels"].get(f"{_LABEL}data") != str(spec.data):
                raise ServerStartError(
                    f"A container named {spec.name} that is not this server's is in the way. "
                    f"Remove it with `docker rm -f {spec.name}`."
                )
            server = self._server(spec, container["Id"])
            server.kill()
            server.wait_removed()

    def _discard(self, container: DockerContainer) -> None:
        """Remove a container that was made and could not be started."""
        with contextlib.suppress(Exception):
            self._client.api.remove_container(container.get_container_id(), force=True)

    def _servers(self, label: str) -> list[dict[str, Any]]:
        with engine.answering():
            return list(self._client.api.containers(all=True, filters={"label": label}))

    def _sweep(self) -> None:
        """Put away what dead processes of any home have left: tools at work, and networks of homes that are gone."""
        with contextlib.suppress(RuntimeUnavailableError):
            self._tools.end_left(Path("/"))
            with engine.answering():
                networks = self._client.api.networks(filters={"label": f"{_LABEL}home"})
            for network in networks:
                if _gone(network["Labels"][f"{_LABEL}home"]):
                    with engine.answering(), contextlib.suppress(engine.RefusedError):  # servers are on it
                        self._client.api.remove_network(network["Id"])

    def _remove_network(self) -> None:
        """Remove the home's network, unless servers run on it."""
        home = str(self.home)
        ours = [
            self._server_of(found)
            for found in self._servers(f"{_LABEL}role=server")
            if found["Labels"][f"{_LABEL}home"] == home
        ]
        if self._places.any_left() or any(server.running() for server in ours):
            return
        for server in ours:  # those that are just being put away
            server.wait_removed()
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # gone, or another process uses it
            self._client.api.remove_network(self._network)

    def _server_of(self, found: dict[str, Any]) -> ContainerServer:
        """The server of a container in the engine's list."""
        labels = found["Labels"]
        name, port = labels[f"{_LABEL}name"], int(labels[f"{_LABEL}port"])
        spec = ServerSpec(name, Path(labels[f"{_LABEL}root"]), Path(labels[f"{_LABEL}data"]), port)
        return self._server(spec, found["Id"])

    def _server(self, spec: ServerSpec, identifier: str) -> ContainerServer:
        return ContainerServer(self._client, spec, identifier, in_sight=self._in_sight)

    def _ensure_network(self) -> None:
        with engine.answering():
            if self._client.api.networks(names=[f"^{self._network}$"]):
                return
            try:
                self._client.api.create_network(
                    self._network,
                    driver="bridge",
                    check_duplicate=True,
                    labels={f"{_LABEL}home": str(self.home)},
                )
            except engine.RefusedError as error:
                if "already exists" not in engine.reason(error):  # another process of ours was faster
                    raise RuntimeUnavailableError(
                        f"The engine could not make a network: {engine.reason(error)}. {engine.ADVICE}"
                    ) from error


def _gone(folder: str) -> bool:
    """Whether the folder is not there; one that we may not look at may well be."""
    try:
        Path(folder).stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
