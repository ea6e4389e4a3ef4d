"""How other processes start, stop and ask a region."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Protocol

import psutil

from aurora_lab.region.clock import DEFAULT_SCALE
from aurora_lab.region.home import TOKEN_HEADER, Home, RegionInfo
from aurora_lab.runtime.processes import alive

START_SECONDS = 180.0
STOP_SECONDS = 90.0
ASK_SECONDS = 15.0
ALREADY_RUNNING = 3
"""The exit code of a region whose home is taken."""

Progress = Callable[[str], None]


class RegionProcess(Protocol):
    """A region's process while it starts."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where it says how far it is."""

    def wait(self) -> int | None:
        """Its exit code, once it has ended."""

    def kill(self) -> None:
        """End it."""

    def let_go(self) -> None:
        """It goes on by itself: nothing is to be waited for."""


Launcher = Callable[[Sequence[str], Path, Mapping[str, str], IO[bytes]], RegionProcess]
"""Starts a region's process with the daemon's arguments, in a folder, with an environment; errors go to the file."""


class RegionError(Exception):
    """The region cannot do what was asked; the message is one sentence that says what to do."""


class RegionTroubleError(RegionError):
    """The region runs and is in trouble: its container engine is gone, for instance."""


def running(home: Home) -> RegionInfo | None:
    """The region that runs on this home and answers, or None."""
    info = home.info()
    if info is None or not psutil.pid_exists(info.pid):
        return None
    try:
        _call(info, "status", None, seconds=ASK_SECONDS)
    except RegionTroubleError:
        return info
    except (OSError, ValueError, RegionError):
        return None
    return info


def start(
    home: Home,
    runtime: str = "auto",
    scale: float = DEFAULT_SCALE,
    progress: Progress = lambda _step: None,
    *,
    templates: Path | None = None,
    launcher: Launcher | None = None,
) -> RegionInfo:
    """Start the region if it does not run, and return once it is ready. Raises RegionError.

    `templates` holds the cluster template where others use it, too; see `Region`. `launcher` starts the process.
    """
    deadline = time.monotonic() + START_SECONDS
    try:
        home.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegionError(
            f"The home {home.folder} cannot be made ({error.strerror}). Choose another one with --home."
        ) from error
    while time.monotonic() < deadline:
        info = running(home)
        if info is not None:
            return info
        arguments = ["--home", str(home.folder), "--runtime", runtime, "--scale", str(scale)]
        arguments += ["--templates", str(templates)] if templates else []
        if _launch(home, arguments, launcher or as_program, progress, deadline):
            continue
        # Somebody else is starting (or stopping) the region on this home: wait for what comes of it.
        progress("waiting for a region that is being started")
        time.sleep(0.05)
    raise RegionError(f"The region was not ready after {START_SECONDS:.0f} s; {home.log} says why.")


def stop(home: Home) -> bool:
    """Stop the region and its servers cleanly; False if none ran. Raises RegionError."""
    info = home.info()
    if info is None or running(home) is None:
        return False
    process = psutil.Process(info.pid)
    _call(info, "stop", {})
    deadline = time.monotonic() + STOP_SECONDS
    # Whoever started it may live on and not look after it (a JupyterLab): then it has ended, but its id stays.
    while alive(process):
        if time.monotonic() > deadline:
            raise RegionError(
                f"The region (process {info.pid}) did not stop within {STOP_SECONDS:.0f} s; {home.log} says why."
            )
        time.sleep(0.01)
    with contextlib.suppress(psutil.Error):
        process.wait(0)
    return True


def status(home: Home) -> dict[str, Any]:
    """What the region says of itself. Raises RegionError where none runs."""
    answer = ask(home, "status")
    assert isinstance(answer, dict)
    return answer


LOOK_SECONDS = 2.0
"""How long a look for the live map may take: it answers in milliseconds, or something is wrong."""


def look(home: Home) -> dict[str, Any]:
    """What the live map shows, as the region is now. Raises RegionError where it does not answer soon."""
    answer = ask(home, "live", seconds=LOOK_SECONDS)
    assert isinstance(answer, dict)
    return answer


def ask(home: Home, name: str, body: dict[str, Any] | None = None, seconds: float = 60.0) -> Any:
    """Call the lab interface: look (`body` None) or do. Raises RegionError."""
    info = home.info()
    if info is None:
        raise RegionError("The region is not running. Start it with `aurora-lab start`.")
    try:
        return _call(info, name, body, seconds)
    except (OSError, HTTPException, ValueError) as error:
        raise RegionError("The region does not answer. Start it with `aurora-lab start`.") from error


def _call(info: RegionInfo, name: str, body: dict[str, Any] | None, seconds: float = 60.0) -> Any:
    request = urllib.request.Request(
        f"{info.url}/_lab/{name}",
        data=None if body is None else json.dumps(body).encode(),
        headers={TOKEN_HEADER: info.token or info.fault_key, "Content-Type": "application/json"},
    )
    # No proxy of the learner's stands between two processes of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            try:
                message = json.load(error)["error"]
            except (ValueError, KeyError, TypeError):
                message = f"The region answered with HTTP {error.code}."
        in_trouble = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise (RegionTroubleError if in_trouble else RegionError)(message) from None


class _Program:
    """A region's process as a program of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.stdout, self.wait, self.kill = process.stdout, process.wait, process.kill

    def let_go(self) -> None:
        self._process.returncode = 0


def as_program(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], errors: IO[bytes]
) -> RegionProcess:
    """Start a region's process as a program of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aurora_lab.region.daemon", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
    )
    return _Program(process)


def _launch(
    home: Home, arguments: Sequence[str], launcher: Launcher, progress: Progress, deadline: float
) -> bool:
    """Start the process and follow it until it is ready. False if the home is taken. Raises RegionError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
    # With a memory arena for each of its many threads, glibc would keep several times what is in use.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    try:
        errors = (home.folder / "region.stderr").open("wb")
    except OSError as error:
        raise RegionError(
            f"The home {home.folder} cannot be written ({error.strerror}). Choose another one with --home."
        ) from error
    with errors:
        process = launcher(arguments, home.folder, environment, errors)
    assert process.stdout is not None
    # A region that hangs while it starts must not hang its starter.
    guard = threading.Timer(max(0.0, deadline - time.monotonic()), process.kill)
    guard.start()
    failure: str | None = None
    try:
        with process.stdout as lines:
            for line in lines:
                message = _message(line)
                if "step" in message:
                    progress(message["step"])
                if not message.get("running"):
                    failure = message.get("error", failure)
                if message.get("ready"):
                    process.let_go()
                    return True
    finally:
        guard.cancel()
    if process.wait() == ALREADY_RUNNING:
        return False
    if failure is not None:
        raise RegionError(failure)
    last = ""
    with contextlib.suppress(OSError):
        last = (home.folder / "region.stderr").read_text(errors="replace").strip().rsplit("\n", 1)[-1]
    raise RegionError(
        f"The region ended before it was ready. {last} {home.log} says more.".replace("  ", " ")
    )


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
