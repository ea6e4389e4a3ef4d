"""The shell in a JupyterLab terminal: the learner's own, with the region's environment set last.

A shell's start-up files may set the PATH anew, so it is not enough that the terminal inherits the
environment: it is set again when those files have been read, from the region as it is then, which may listen
on other ports than when JupyterLab was started.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from aurora_lab.region.environment import program_folders

_HEAD = "# Written by aurora-lab at each start; changes are lost.\n"

_BASHRC = """\
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
"""

_ZSHENV = """\
if [ -f "$AURORA_LAB_ZDOTDIR/.zshenv" ]; then . "$AURORA_LAB_ZDOTDIR/.zshenv"; fi
"""

_ZSHRC = """\
ZDOTDIR="$AURORA_LAB_ZDOTDIR"
unset AURORA_LAB_ZDOTDIR
if [ -f "$ZDOTDIR/.zshrc" ]; then . "$ZDOTDIR/.zshrc"; fi
"""


def write_files(folder: Path) -> None:
    """Write the start-up files that `command` names. Raises OSError."""
    folders = os.pathsep.join(program_folders(None))
    enter = f'export PATH={shlex.quote(folders)}:"$PATH"\neval "$({_env("bash")})"\n'
    shells = _folder(folder)
    shells.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("bashrc", _BASHRC + enter),
        (".zshenv", _ZSHENV),
        (".zshrc", _ZSHRC + enter),
    ):
        (shells / name).write_text(_HEAD + text, encoding="utf-8")


def command(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """The command of a terminal for the learner's shell (`$SHELL`); `folder` is that of `write_files`."""
    shells = _folder(folder)
    if os.name == "nt":
        line = f"{_env('powershell')} | Out-String | Invoke-Expression"
        return ["powershell.exe", "-NoLogo", "-NoExit", "-Command", f"& {line}"]
    shell = environ.get("SHELL") or shutil.which("bash") or "/bin/sh"
    kind = Path(shell).name
    if kind == "bash":
        return [shell, "--rcfile", str(shells / "bashrc"), "-i"]
    if kind == "zsh":
        own = environ.get("ZDOTDIR") or environ.get("HOME") or "/"
        return ["env", f"ZDOTDIR={shells}", f"AURORA_LAB_ZDOTDIR={own}", shell, "-i"]
    if kind == "fish":
        return [shell, "-i", "-C", f"{_env('fish')} | source"]
    return [shell]


def _env(shell: str) -> str:
    """The command that prints the region's environment, with no file of the current folder in its way."""
    words = [sys.executable, "-P", "-m", "aurora_lab.cli", "env", "--shell", shell]
    return " ".join(f"'{word}'" if shell == "powershell" else shlex.quote(word) for word in words)


def _folder(folder: Path) -> Path:
    return folder / "shells"
