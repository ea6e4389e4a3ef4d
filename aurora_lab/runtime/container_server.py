"""One server in a container, spoken to through the engine and, where it is in sight, as a process."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

import psutil

from aurora_lab.runtime import engine, processes
from aurora_lab.runtime.base import ServerSpec
from aurora_lab.runtime.logs import HOST

_STOP_SIGNALS = {"smart": "SIGTERM", "fast": "SIGINT", "immediate": "SIGQUIT"}
_REMOVAL_SECONDS = 10.0
CPU_PERIOD = 100_000
"""Microseconds: the engine's default."""
NANOSECONDS = 1e9
"""In a second: the engine counts CPU in them."""


class ContainerServer:
    """A server that runs in a container."""

    def __init__(self, client: Any, spec: ServerSpec, identifier: str, *, in_sight: bool) -> None:
        self.spec = spec
        self.identifier = identifier
        self._client = client
        self._in_sight = in_sight
        self._process: psutil.Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Loopback: the container's port is published there and nowhere else."""
        return HOST, self.spec.port

    @property
    def peer_address(self) -> tuple[str, int]:
        """The container's name on the home's network, and the same port."""
        return self.spec.name, self.spec.port

    def running(self) -> bool:
        """Whether the container runs (a paused one does). Raises RuntimeUnavailableError."""
        main = self._main()
        if main is not None:
            return processes.alive(main)
        state = self._state()
        if not state.get("Running"):
            return False
        return not self._in_sight or _alive(int(state.get("Pid", 0)))

    def wait(self, seconds: float) -> bool:
        """Wait until the server has ended; return whether it has within `seconds`.

        Watches the process where it is in sight, and asks the engine to tell us where it is not.
        Raises RuntimeUnavailableError.
        """
        main = self._main()
        if main is not None:
            return processes.wait_gone(main, seconds)
        return self._wait_for("not-running", seconds)

    def stop(self, mode: str = "fast", seconds: float = 30.0) -> None:
        """Stop cleanly (`smart`, `fast` or `immediate`); after `seconds`, kill. A frozen one is killed at once.

        Raises ValueError for an unknown mode, RuntimeUnavailableError.
        """
        if mode not in _STOP_SIGNALS:
            raise ValueError(f"unknown stop mode {mode!r}: use smart, fast or immediate")
        if not self._state().get("Paused"):
            self._signal(_STOP_SIGNALS[mode])
            if self.wait(seconds):
                return
        self.kill()

    def kill(self) -> None:
        """End every process of the server at once, frozen or not; return when all are gone.

        The engine takes a moment longer to put the container away. Raises RuntimeUnavailableError.
        """
        main = self._main()
        if main is not None and not self._state().get("Paused") and processes.send([main], signal.SIGKILL):
            ended = True  # the engine would take 0.2 s for it, and a failover waits for this
        else:
            ended = self._kill_through_engine()
        # The main process of a container ends last of all that are in it.
        if not ended or main is None or not processes.wait_gone(main, _REMOVAL_SECONDS):
            self.wait_removed()

    def wait_removed(self) -> None:
        """Wait until the engine has put the container away: its name and its port are free again."""
        self._wait_for("removed", _REMOVAL_SECONDS)

    def freeze(self) -> None:
        """Pause the container. Raises RuntimeUnavailableError."""
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # paused already, or gone
            self._client.api.pause(self.identifier)

    def thaw(self) -> None:
        """Let a paused container go on. Raises RuntimeUnavailableError."""
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # not paused, or gone
            self._client.api.unpause(self.identifier)

    def reload(self) -> None:
        """Have the server read its configuration files again. Raises RuntimeUnavailableError."""
        self._signal("SIGHUP")

    def memory(self) -> int:
        """Bytes of memory: the processes' proportional share, or what the engine counts less its file cache.

        Raises RuntimeUnavailableError.
        """
        main = self._main()
        if main is not None:
            return processes.memory(processes.workers(main))
        counted = self._figures().get("memory_stats", {})
        details = counted.get("stats", {})
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(0, int(counted.get("usage", 0)) - int(cache))

    def cpu_seconds(self) -> float:
        """Seconds of CPU that the container's processes have used. Raises RuntimeUnavailableError."""
        main = self._main()
        if main is not None:
            return processes.cpu_seconds(processes.workers(main))
        used = self._figures().get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0)
        return int(used) / NANOSECONDS

    def limit(self, cpus: float, memory: int) -> bool:
        """Let the container have no more than so many CPUs and bytes of memory; False where it is refused.

        Raises RuntimeUnavailableError.
        """
        with engine.answering():
            try:
                self._client.api.update_container(
                    self.identifier,
                    cpu_period=CPU_PERIOD,
                    cpu_quota=round(cpus * CPU_PERIOD),
                    mem_limit=memory,
                    memswap_limit=memory,
                )
            except engine.RefusedError:  # it has ended, or this engine cannot limit one that runs
                return False
        return True

    def _main(self) -> psutil.Process | None:
        """The server's main process, where the engine's processes are this machine's and in sight."""
        if self._process is None:
            with contextlib.suppress(psutil.Error, ValueError):
                process = psutil.Process(int(self._state().get("Pid", 0)) or -1)
                if processes.data_argument(processes.command_line(process)) == str(self.spec.data):
                    self._process = process
        return self._process

    def _figures(self) -> dict[str, Any]:
        """What the engine counts of the container; empty where that is gone."""
        with engine.answering():
            try:
                return dict(self._client.api.stats(self.identifier, stream=False, one_shot=True))
            except engine.NotFoundError:
                return {}

    def _state(self) -> dict[str, Any]:
        with engine.answering():
            try:
                return dict(self._client.api.inspect_container(self.identifier)["State"])
            except engine.NotFoundError:
                return {}

    def _signal(self, name: str) -> None:
        with engine.answering(), contextlib.suppress(engine.RefusedError):  # it has ended
            self._client.api.kill(self.identifier, name)

    def _kill_through_engine(self) -> bool:
        """Whether the engine has sent the signal; where the server was never started, its container goes."""
        with engine.answering():
            try:
                self._client.api.kill(self.identifier, "SIGKILL")
                return True
            except engine.RefusedError:
                with contextlib.suppress(engine.RefusedError):
                    self._client.api.remove_container(self.identifier, force=True)
                return False

    def _wait_for(self, condition: str, seconds: float) -> bool:
        """Let the engine tell us. It cannot tell apart a long wait and a hang: so ask it first."""
        if not self._state():
            return True
        try:
            self._client.api.wait(self.identifier, timeout=max(0.01, seconds), condition=condition)
        except engine.NotFoundError:
            return True
        except engine.TIMED_OUT:
            with engine.answering():  # a hang is an error, a long wait is not
                self._client.ping()
            return False
        return True


def _alive(pid: int) -> bool:
    try:
        return processes.alive(psutil.Process(pid))
    except (psutil.Error, ValueError):
        return False
