from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aurora_lab.cli.shells import SHELLS, detect, render
from aurora_lab.region.environment import Change

NASTY = {
    "A_QUOTES": """it's "so" `quoted` $HOME $(id) \\ \\' !x""",
    "A_NEWLINE": "one\ntwo",
    "A_SPACES": "  two  spaces ; and & more | * ? ~ # %PATH% ",
    "A_EMPTY": "",
    "A_LETTERS": "Zürich – 東京",
}
PROGRAMS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "pwsh"}


def evaluated(shell: str, lines: str, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a real shell after it has carried out `lines`."""
    program = shutil.which(PROGRAMS[shell])
    if program is None:
        pytest.skip(f"{PROGRAMS[shell]} is not installed here")
    call = {
        "bash": [program, "--norc", "-c", 'eval "$1"; env -0', "-"],
        "zsh": [program, "-f", "-c", 'eval "$1"; env -0', "-"],
        "fish": [program, "-N", "-c", 'echo "$argv[1]" | source; env -0'],
        "powershell": [program, "-NoProfile", "-Command", "$args[0] | Invoke-Expression; env -0"],
    }[shell]
    done = subprocess.run([*call, lines], env=environ, capture_output=True, check=True, timeout=60)
    pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_gets_every_value_as_it_is(shell: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(tmp_path / "a 'b' $c"), "/usr/bin", "/bin"])
    change = Change({**NASTY, "PATH": path}, ("GONE", "NEVER_THERE"))
    before = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GONE": "x", "STAYS": "y"}
    after = evaluated(shell, render(change, shell), before)
    assert {name: after.get(name) for name in NASTY} == NASTY
    assert after["PATH"] == path
    assert after["STAYS"] == "y"
    assert "GONE" not in after


def test_an_eval_without_quotes_works_for_plain_values() -> None:
    lines = render(Change({"ONE": "1", "TWO": "two"}, ("GONE",)), "bash")
    done = subprocess.run(
        ["bash", "--norc", "-c", 'eval $1; echo "$ONE $TWO ${GONE-gone}"', "-", lines],
        env={"PATH": os.environ["PATH"], "GONE": "x"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "1 two gone\n"


@pytest.mark.parametrize(
    ("above", "shell"),
    [
        (["uv", "zsh", "tmux", "bash"], "zsh"),
        (["-bash"], "bash"),
        (["python3.12", "pwsh.exe"], "powershell"),
        (["fish"], "fish"),
        (["sh", "make"], "bash"),
    ],
)
def test_the_shell_is_the_nearest_one_above(above: list[str], shell: str) -> None:
    assert detect(above) == shell
