"""A JupyterLab as `aurora-lab --no-browser` starts it, and what a browser would ask of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websocket

SECONDS = 90.0


@dataclass
class Lab:
    """A JupyterLab that `aurora-lab --no-browser` started."""

    process: subprocess.Popen[str]
    address: str
    said: Path
    """What it wrote on standard error."""

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]

    @property
    def root(self) -> str:
        return f"http://{urlsplit(self.address).netloc}"

    def ask(self, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """Call the server's REST interface."""
        request = urllib.request.Request(
            f"{self.root}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token if token is None else token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
        return json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a websocket of the server."""
        url = f"ws{self.root.removeprefix('http')}/{path}?token={self.token}"
        return websocket.create_connection(url, timeout=SECONDS)

    def end(self, number: int = signal.SIGINT) -> str:
        """End it as Ctrl-C does; return what it wrote on standard error."""
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        return self.said.read_text()


@contextlib.contextmanager
def opened(folder: Path, environ: dict[str, str], *more: str, user: int | None = None) -> Iterator[Lab]:
    """Run `aurora-lab --no-browser` until the block is left."""
    said = folder / "stderr"
    command = [sys.executable, "-m", "aurora_lab.cli", "--no-browser", *more]
    with said.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
            text=True,
            cwd=folder,
            user=user,
            extra_groups=None if user is None else [],
        )
    assert process.stdout is not None
    guard = threading.Timer(SECONDS, process.kill)
    guard.start()
    try:
        with process.stdout as lines:
            address = next((line.strip() for line in lines), "")
            assert address.startswith("http://127.0.0.1:"), said.read_text()
            guard.cancel()
            yield Lab(process, address, said)
    finally:
        guard.cancel()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(folder: Path) -> dict[str, str]:
    """A learner's environment, with settings that must not get through, in a home folder that is not there."""
    kept = ("AURORA_LAB_HOME", "AURORA_LAB_COURSE", "AURORA_LAB_WORKSPACE", "PATH", "LANG", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(folder / "no such home"),
        "SHELL": shutil.which("bash") or "/bin/sh",
        "AWS_PROFILE": "work",
        "AWS_SECRET_ACCESS_KEY": "a-real-secret",
        "PGSERVICE": "production",
        "JUPYTER_TOKEN": "not-this-one",
        "JUPYTER_NO_CONFIG": "1",
    }


def run_in_kernel(lab: Lab, code: str) -> str:
    """What `code` prints in a new kernel, as a notebook would run it."""
    kernel = lab.ask("api/kernels", {"name": "python3"})
    connection = lab.socket(f"api/kernels/{kernel['id']}/channels")
    request = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}}
    message = {"header": request, "parent_header": {}, "metadata": {}, "content": content}
    connection.send(json.dumps({**message, "channel": "shell", "buffers": []}))
    printed = ""
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            reply = json.loads(connection.recv())
            if reply.get("parent_header", {}).get("msg_id") != request["msg_id"]:
                continue
            if reply["msg_type"] == "stream":
                printed += reply["content"]["text"]
            assert reply["msg_type"] != "error", reply["content"]
            if reply["msg_type"] == "status" and reply["content"]["execution_state"] == "idle":
                return printed
        raise AssertionError(f"the kernel did not answer; it had printed {printed!r}")
    finally:
        connection.close()


def run_in_terminal(lab: Lab, command: str, until: str) -> str:
    """What a terminal shows after `command` was typed, up to `until`."""
    name = lab.ask("api/terminals", {})["name"]
    connection = lab.socket(f"terminals/websocket/{name}")
    connection.send(json.dumps(["set_size", 50, 500]))
    connection.send(json.dumps(["stdin", f"{command}\r"]))
    shown = ""
    deadline = time.monotonic() + SECONDS
    try:
        while until not in shown and time.monotonic() < deadline:
            kind, *text = json.loads(connection.recv())
            shown += "".join(text) if kind == "stdout" else ""
        return shown
    finally:
        connection.close()
