"""The checks of `doctor`: each looks at one thing, changes nothing, and says what to do."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import aurora_lab
from aurora_lab.cli import context, jupyter
from aurora_lab.cli.workspace import default_workspace
from aurora_lab.region import client
from aurora_lab.region.environment import ELSEWHERE, PROXIES, inside, program_folders
from aurora_lab.region.home import Home
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import find_binaries

AWS_CLI = (1, 46)
AWS_CLI_2 = (2, 13)
"""The first AWS CLI v2 that obeys AWS_ENDPOINT_URL."""
GIGABYTE = 2**30
LITTLE_MEMORY = 600 * 2**20
"""Bytes: below this JupyterLab, the region and three instances start to swap."""


class Level(StrEnum):
    """How a finding bears on the lab."""

    GOOD = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    name: str
    level: Level
    found: str
    advice: str = ""


def diagnose(home: Home, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything that the lab needs or can use."""
    looks: tuple[Callable[[], Finding], ...] = (
        check_python,
        lambda: check_postgresql(home),
        lambda: check_containers(home),
        check_jupyterlab,
        lambda: check_aws(environ),
        check_psql,
        lambda: check_home(home),
        lambda: check_disk(home),
        check_memory,
        check_ports,
        lambda: check_region(home),
        lambda: check_clock(home, datetime.now(UTC)),
        lambda: check_browser(environ),
        lambda: check_environment(environ),
    )
    return [_safely(look) for look in looks]


def check_python(found: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Whether this Python is one that the lab is made for."""
    text = f"Python {found[0]}.{found[1]} in {sys.prefix}"
    if (3, 11) <= found < (3, 14):
        return Finding("Python", Level.GOOD, text)
    return Finding(
        "Python", Level.MISSING, text, "Use Python 3.11, 3.12 or 3.13: `uv run --python 3.12 aurora-lab`."
    )


def check_postgresql(home: Home) -> Finding:
    """Whether servers can be run as processes of this machine."""
    try:
        binaries = find_binaries()
    except RuntimeUnavailableError as error:
        return Finding("PostgreSQL", Level.MISSING, str(error), _containers_instead(home))
    return Finding("PostgreSQL", Level.GOOD, f"{binaries.version} from {binaries.source}")


def check_containers(home: Home) -> Finding:
    """Whether servers can be run as containers. Nothing needs them."""
    usable, why = _containers(home)
    if usable:
        return Finding("Docker", Level.GOOD, why)
    return Finding("Docker", Level.NOTE, why, "The lab does not need Docker: it runs PostgreSQL by itself.")


def check_jupyterlab() -> Finding:
    """Whether lessons can be opened."""
    try:
        return Finding("JupyterLab", Level.GOOD, version("jupyterlab"))
    except PackageNotFoundError:
        return Finding(
            "JupyterLab", Level.MISSING, "not installed", "Install it with `pip install jupyterlab`."
        )


def check_aws(environ: Mapping[str, str]) -> Finding:
    """Whether the `aws` that a person gets obeys the region's endpoint."""
    ours = shutil.which("aws", path=os.pathsep.join(program_folders(None)))
    typed = shutil.which("aws", path=environ.get("PATH", ""))
    if ours is None and typed is None:
        return Finding(
            "AWS CLI", Level.NOTE, "not found", "Install it with `pip install 'awscli>=1.46'`, or use boto3."
        )
    known = _aws_version(ours or typed or "")
    text = f"{_dotted(known)} ({ours or typed})"
    if not _obeys(known):
        return Finding(
            "AWS CLI",
            Level.NOTE,
            f"{text} does not obey AWS_ENDPOINT_URL",
            "Commands could reach real AWS. Install a newer one: `pip install 'awscli>=1.46'`.",
        )
    if ours and typed and Path(typed) != Path(ours) and not inside(environ):
        return Finding(
            "AWS CLI",
            Level.NOTE,
            f"{text}; in this shell `aws` means another one, {typed}",
            'Run eval "$(aurora-lab env)" in this shell: it puts the lab\'s first, and leads it to the region.',
        )
    return Finding("AWS CLI", Level.GOOD, text)


def check_psql() -> Finding:
    """Whether psql runs."""
    tools = context.tools()
    if tools is None:
        return Finding("psql", Level.NOTE, "not found", "It comes with PostgreSQL; see that row.")
    said = _run(str(tools / "psql"), "--version")
    if "PostgreSQL" not in said:
        return Finding(
            "psql", Level.NOTE, f"{tools / 'psql'} does not run", "Lessons can use psycopg instead."
        )
    return Finding("psql", Level.GOOD, f"{said} ({tools / 'psql'})")


def check_home(home: Home) -> Finding:
    """Whether the region's folder can be written."""
    at = _existing(home.folder)
    try:
        with tempfile.TemporaryFile(dir=at):
            return Finding("Home", Level.GOOD, str(home.folder))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return Finding(
            "Home", Level.MISSING, f"{home.folder} cannot be written ({why})", "Choose another with --home."
        )


def check_disk(home: Home) -> Finding:
    """Whether the disks of the home and of the workspace have room."""
    folders = {"region": _existing(home.data), "notebooks": _existing(default_workspace())}
    free = {name: shutil.disk_usage(folder).free for name, folder in folders.items()}
    text = ", ".join(f"{size / GIGABYTE:.1f} GB for the {name}" for name, size in free.items())
    if free["region"] < context.ROOM:
        return Finding(
            "Disk", Level.MISSING, text, "Free 200 MB, or choose a home on another disk with --home."
        )
    if min(free.values()) < GIGABYTE:
        return Finding(
            "Disk", Level.NOTE, text, "A cluster takes about 30 MB an instance, and grows with its data."
        )
    return Finding("Disk", Level.GOOD, text)


def check_memory(available: int | None = None) -> Finding:
    """Whether there is memory for a region with a few instances."""
    left = psutil.virtual_memory().available if available is None else available
    text = f"{left / GIGABYTE:.1f} GB available"
    if left < LITTLE_MEMORY:
        return Finding("Memory", Level.NOTE, text, "Close other programs: the lab and a browser want 1 GB.")
    return Finding("Memory", Level.GOOD, text)


def check_ports() -> Finding:
    """Whether loopback ports can be listened on, and PostgreSQL's own is free."""
    try:
        _listen(0)
    except OSError as error:
        return Finding(
            "Ports",
            Level.MISSING,
            f"no port of 127.0.0.1 can be listened on ({(error.strerror or '').lower()})",
            "A firewall or a sandbox forbids it. Allow it, or use another machine.",
        )
    try:
        _listen(5432)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Finding(
                "Ports", Level.GOOD, "127.0.0.1:5432 is in use; a region that starts takes another one"
            )
    return Finding("Ports", Level.GOOD, "127.0.0.1 can be listened on")


def check_region(home: Home) -> Finding:
    """Whether the region runs."""
    info = client.running(home)
    if info is None:
        return Finding(
            "Region", Level.NOTE, "not running", "Start it with `aurora-lab start`, or open a lesson."
        )
    try:
        client.status(home)
    except client.RegionError as error:
        return Finding("Region", Level.MISSING, f"it runs at {info.url}, and is in trouble", str(error))
    return Finding("Region", Level.GOOD, f"{info.region} at {info.url}, {info.runtime} runtime")


def check_clock(home: Home, now: datetime) -> Finding:
    """Whether this machine's clock can be right: certificates have dates."""
    installed = datetime.fromtimestamp(Path(aurora_lab.__file__).stat().st_mtime, UTC)
    marks = [installed]
    if home.ca_file.exists():
        marks.append(datetime.fromtimestamp(home.ca_file.stat().st_mtime, UTC))
    text = f"{now:%Y-%m-%d %H:%M} UTC"
    if (now - max(marks)).total_seconds() < -60:
        return Finding(
            "Clock",
            Level.NOTE,
            f"{text}, which is before the lab was installed",
            "Set it: TLS needs the right date.",
        )
    return Finding("Clock", Level.GOOD, text)


def check_browser(environ: Mapping[str, str]) -> Finding:
    """Whether a browser with windows can be opened."""
    advice = "Run `aurora-lab --no-browser` and open the address that it prints."
    if not jupyter.wants_browser(environ):
        return Finding("Browser", Level.NOTE, "no desktop was found here", advice)
    try:
        return Finding("Browser", Level.GOOD, getattr(webbrowser.get(), "name", "found"))
    except webbrowser.Error:
        return Finding("Browser", Level.NOTE, "none was found", advice)


def check_environment(environ: Mapping[str, str]) -> Finding:
    """Whether this shell leads to the region, or elsewhere."""
    if inside(environ):
        return Finding("Shell", Level.GOOD, "it leads to the region")
    names = sorted(
        name
        for name in environ
        if name in {*ELSEWHERE, *PROXIES} or name.startswith(("AWS_ENDPOINT_URL", "AWS_ACC"))
    )
    others = f"; {', '.join(names)} may lead elsewhere" if names else ""
    return Finding(
        "Shell",
        Level.NOTE,
        f"it does not lead to the region{others}",
        'To lead it there: eval "$(aurora-lab env)"',
    )


def _safely(look: Callable[[], Finding]) -> Finding:
    """A check that fails is a finding too: the doctor tells all that can be told."""
    try:
        return look()
    except Exception as error:
        return Finding("(check)", Level.NOTE, f"one check failed: {type(error).__name__}: {error}")


def _containers(home: Home) -> tuple[bool, str]:
    """Whether the region would run on containers by itself, and why or why not. No image is made."""
    from aurora_lab.runtime.select import choose  # noqa: PLC0415 - asks the engine

    try:
        runtime, reason = choose("auto", home.folder)
    except RuntimeUnavailableError as error:
        return False, str(error)
    runtime.close()
    return runtime.name == "containers", reason.partition(": ")[2]


def _containers_instead(home: Home) -> str:
    return "Containers can be used instead: --runtime containers." if _containers(home)[0] else ""


def _aws_version(program: str) -> tuple[int, ...]:
    found = re.search(r"aws-cli/(\d+)\.(\d+)\.(\d+)", _run(program, "--version"))
    return tuple(int(part) for part in found.groups()) if found else ()


def _obeys(known: tuple[int, ...]) -> bool:
    return known[:2] >= (AWS_CLI_2 if known[:1] == (2,) else AWS_CLI)


def _dotted(known: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in known) or "an unknown version"


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip()


def _listen(port: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())
