"""Programs as processes of this machine: found by the folder on their command line, and sent signals."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from aurora_lab.runtime import processes
from aurora_lab.runtime.base import Program, ProgramSpec

PROGRAMS = frozenset({"pg_receivewal"})
"""The tools that work on until they are ended."""
_KILL_SECONDS = 5.0


class LocalProgram:
    """A program whose process is in our sight, in a container or not."""

    def __init__(self, folder: Path, process: psutil.Process) -> None:
        self.folder = folder
        self._process = process

    def running(self) -> bool:
        """Whether it lives (a frozen one does)."""
        return processes.alive(self._process)

    def kill(self) -> None:
        """End it at once, frozen or not; return when it is gone."""
        processes.send([self._process], signal.SIGKILL)
        processes.wait_gone(self._process, _KILL_SECONDS)

    def freeze(self) -> None:
        """Stop it where it stands; its connection stays open."""
        processes.freeze(self._process)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        processes.thaw(self._process)

    def memory(self) -> int:
        """Bytes of memory that it takes (its proportional share)."""
        return processes.memory([self._process])


def arguments(spec: ProgramSpec) -> list[str]:
    """The program's arguments, its folder first."""
    return ["-D", str(spec.folder), *spec.command[1:]]


def folder_argument(command: Sequence[str]) -> Path | None:
    """The folder on the command line of a program; None for any other process."""
    if len(command) < 3 or Path(command[0]).name not in PROGRAMS or command[1] != "-D":
        return None
    return Path(command[2])


def local_programs(below: Path) -> dict[Path, Program]:
    """The running programs in our sight with folders below `below`, by folder."""
    found: dict[Path, Program] = {}
    for pid, command in processes.command_lines():
        folder = folder_argument(command)
        if folder is not None and folder.is_relative_to(below):
            with contextlib.suppress(psutil.Error):
                program = LocalProgram(folder, psutil.Process(pid))
                if program.running():
                    found[folder] = program
    return found
