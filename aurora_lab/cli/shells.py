"""Environment changes in the words of each shell, quoted so that no value can be taken for a command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

from aurora_lab.region.environment import Change

SHELLS = ("bash", "zsh", "fish", "powershell")

USE = {
    "bash": 'eval "$(aurora-lab env)"',
    "zsh": 'eval "$(aurora-lab env)"',
    "fish": "aurora-lab env | source",
    "powershell": "aurora-lab env | Out-String | Invoke-Expression",
}
"""How a person has the printed lines carried out."""

_PROGRAMS = {
    "bash": "bash",
    "sh": "bash",
    "dash": "bash",
    "ksh": "bash",
    "zsh": "zsh",
    "fish": "fish",
    "pwsh": "powershell",
    "powershell": "powershell",
}


def render(change: Change, shell: str) -> str:
    """Return the lines that make `change` in `shell` (one of SHELLS).

    Each line ends in a semicolon, so that an `eval` whose quotes were forgotten still works.
    """
    lines = [_unset(name, shell) for name in change.unset]
    lines += [_set(name, value, shell) for name, value in change.values.items()]
    return "".join(f"{line};\n" for line in lines)


def detect(ancestors: Iterable[str]) -> str:
    """The shell that a command was typed in, from the names of its ancestors, nearest first."""
    for name in ancestors:
        if shell := _PROGRAMS.get(name.removesuffix(".exe").lstrip("-").lower()):
            return shell
    return "powershell" if os.name == "nt" else "bash"


def ancestors() -> list[str]:
    """The names of the processes above this one, nearest first."""
    import psutil  # noqa: PLC0415 - only `env` without --shell needs it

    try:
        return [process.name() for process in psutil.Process().parents()]
    except psutil.Error:
        return []


def _set(name: str, value: str, shell: str) -> str:
    if shell == "fish":
        if name == "PATH":
            return "set -gx PATH " + " ".join(_fish(folder) for folder in value.split(os.pathsep))
        return f"set -gx {name} {_fish(value)}"
    if shell == "powershell":
        quoted = value.replace("'", "''")
        return f"$env:{name} = '{quoted}'"
    return f"export {name}={shlex.quote(value)}"


def _unset(name: str, shell: str) -> str:
    if shell == "fish":
        return f"set -e {name}"
    if shell == "powershell":
        return f"Remove-Item -ErrorAction SilentlyContinue Env:{name}"
    return f"unset {name}"


def _fish(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
