"""What a kernel sees and may do at each level of confinement."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aurora_lab.course.bridge import Bridge
from aurora_lab.course.forked import ALONE
from aurora_lab.course.guest import read_claim
from aurora_lab.course.places import find_places
from aurora_lab.course.sandbox import Job, Limits, Sandbox, SandboxError, choose
from local_region import eventually

SECRET = "do-not-tell"
LOOK = """
import json, os, pathlib, socket, sys
def can(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path).read())
    except OSError:
        return False
def says(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return s.recv(100).decode()
    except OSError as error:
        return type(error).__name__
import aurora_lab.course.lab
seen = {
    "user": os.getuid(),
    "groups": os.getgroups(),
    "environment": sorted(os.environ),
    "processes": len([n for n in os.listdir("/proc") if n.isdigit()]),
    "readable": [path for path in json.loads(sys.argv[2]) if can(path)],
    "region": says(int(sys.argv[3])),
    "other": says(int(sys.argv[4])),
    "capabilities": [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapEff")][0],
}
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
"""


@pytest.fixture(
    params=[
        "limits",
        "user",
        "limits forked",
        "user forked",
        pytest.param("container", marks=pytest.mark.containers),
    ]
)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    level, _, forked = request.param.partition(" ")
    if level == "container" and (why := request.getfixturevalue("no_engine")):
        pytest.skip(f"containers cannot run here: {why}")
    if forked and sys.platform != "linux":
        pytest.skip("there is no fork server here")
    try:
        found = choose(level, request.getfixturevalue("shared") if forked else ALONE)
    except SandboxError as error:
        pytest.skip(f"not possible here: {error}")
    yield found
    found.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    path = Path(tempfile.mkdtemp(prefix="al-box-")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


class Speaker:
    """A server that says one thing to whoever connects."""

    def __init__(self, word: str) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self._word = word.encode()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.sendall(self._word)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def job(sandbox: Sandbox, folder: Path, *command: str, **more: Any) -> Job:
    """A job that may write to `folder/share`."""
    share, private = folder / "share", folder / "private"
    share.mkdir()
    private.mkdir(mode=0o700)
    sandbox.own(share)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(share)}
    return Job(command, environment, share, (share,), private, **more)


def test_a_kernel_sees_its_region_and_little_else(sandbox: Sandbox, folder: Path) -> None:
    (folder / "secret").write_text(SECRET)
    places = find_places()
    hidden = [str(folder / "secret"), str(places.solutions), str(places.check_file("05")), "/etc/shadow"]
    with closing(Speaker("region")) as region, closing(Speaker("other")) as other:
        bridge = Bridge(folder / "b", [("127.0.0.1", region.port)]) if sandbox.own_network else None
        out = folder / "share" / "seen.json"
        command = [
            sys.executable,
            "-c",
            LOOK,
            str(out),
            json.dumps(hidden),
            str(region.port),
            str(other.port),
        ]
        plan = job(
            sandbox,
            folder,
            *command,
            doors=[("127.0.0.1", region.port)],
            bridge=bridge.path if bridge else None,
        )
        if bridge:
            plan = replace(plan, writable=(*plan.writable, bridge.path))
        kernel = sandbox.start(plan)
        try:
            eventually(lambda: not kernel.alive(), "the look is over")
            assert kernel.ended_by() == "It ended itself."
        finally:
            kernel.end()
            if bridge:
                bridge.close()
    seen = json.loads(out.read_text())
    assert seen["region"] == "region"
    assert not {"PYTEST_CURRENT_TEST", "PYTHONPATH"} & set(seen["environment"])
    if sandbox.level == "limits":
        assert (seen["user"], seen["other"]) == (os.getuid(), "other")
        assert "can read what you can read" in sandbox.says
        return
    assert int(seen["capabilities"], 16) == 0
    assert (seen["user"] == os.getuid()) == (os.getuid() != 0)
    if sandbox.own_network:
        assert (seen["readable"], seen["other"]) == ([], "ConnectionRefusedError")
        assert seen["processes"] <= 2


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("x = bytearray(b'1') * (400 << 20); import time; time.sleep(60)", "MiB of memory"),
        (
            "import subprocess\n"
            "while True:\n"
            "    try: subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
            "    except OSError: pass",
            "processes, and all were ended",
        ),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; os._exit(5)", "exit code 5"),
        ("import os, time\nfor n in range(60): os.mkdir(str(n))\ntime.sleep(60)", "more than 50 files"),
    ],
    ids=["memory", "processes", "killed", "exit", "files"],
)
def test_what_ended_a_kernel_is_said(sandbox: Sandbox, folder: Path, script: str, says: str) -> None:
    limits = Limits(memory=256 << 20, processes=30, files=50)
    kernel = sandbox.start(job(sandbox, folder, sys.executable, "-c", script, limits=limits))
    try:
        eventually(lambda: not kernel.alive(), "it has ended")
        assert says in kernel.ended_by()
    finally:
        kernel.end()
        kernel.end()


def test_a_kernel_ends_with_its_grader(sandbox: Sandbox, folder: Path) -> None:
    if not sandbox.own_network:
        pytest.skip("this level has no bridge; its keeper waits for the end of its input")
    with closing(Speaker("region")) as region:
        bridge = Bridge(folder / "b", [("127.0.0.1", region.port)])
        doors = [("127.0.0.1", region.port)]
        plan = job(sandbox, folder, "/bin/sleep", "600", doors=doors, bridge=bridge.path)
        kernel = sandbox.start(replace(plan, writable=(*plan.writable, bridge.path)))
        try:
            eventually(lambda: len(bridge._open) == 2, "the doors are open")
            assert kernel.alive()
            # As the system does when the grader's process is killed.
            bridge.close()
            eventually(lambda: not kernel.alive(), "it has ended")
        finally:
            kernel.end()


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(SandboxError, match="no level 'cellar'"):
        choose("cellar")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can change to another user")
def test_an_ordinary_user_cannot_be_another() -> None:
    with pytest.raises(SandboxError, match="only root"):
        choose("user")


def test_a_claim_is_read_with_care(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "plain").write_text("1")
    (there / "link").symlink_to(there / "plain")
    os.mkfifo(there / "pipe")
    (there / "large").write_bytes(bytes(1_000_001))
    (tmp_path / "way").symlink_to(there)
    found = {
        name: read_claim(tmp_path, ("there", name)) for name in ("plain", "link", "pipe", "large", "none")
    }
    assert found == {"plain": b"1", "link": b"", "pipe": b"", "large": b"", "none": b""}
    assert read_claim(tmp_path, ("way", "plain")) == b""
