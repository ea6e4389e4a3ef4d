"""The project's own rules, held by tests: layers, style, types, file sizes, no addresses of a machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LARGEST_FILE = 400

pytestmark = pytest.mark.house


def tracked(*patterns: str) -> list[Path]:
    """Files of the project: what git knows or, in an unpacked copy without git, what is there."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        files = [ROOT / name for name in listed]
    else:
        files = [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return [path for path in files if path.is_file() and any(path.match(each) for each in patterns)]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["importlinter.cli", "lint_imports"],
    ],
    ids=["lint", "format", "types", "layers"],
)
def test_tools_find_nothing(command: list[str]) -> None:
    if command[0] == "importlinter.cli":
        call = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    else:
        call = [sys.executable, "-m", *command]
    result = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py")
        # A lesson's source is prose for an hour or more, not code.
        if path.parent.name != "solutions"
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LARGEST_FILE
    }
    assert not long, f"split these by what they are about: {long}"


def test_no_registry_and_no_path_of_a_machine_is_named() -> None:
    # Put together here, so that this file does not name what it forbids.
    hosts = "|".join(["pyp" + r"i\.org", "python" + "hosted", r"registry\.npm" + "js", r"deb\.deb" + "ian"])
    pattern = re.compile(rf"{hosts}|/(?:ro" + r"ot|wo" + r"rk)/")
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(
            "*.py", "*.md", "*.toml", "*.ipynb", "*.sh", "*.yml", "*.yaml", "Dockerfile", "run"
        )
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not named
