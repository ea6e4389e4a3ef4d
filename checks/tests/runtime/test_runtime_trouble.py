"""What goes wrong with engines, disks and mixed runtimes ends in one clear sentence, and soon."""

from __future__ import annotations

import os
import select
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_servers import USER, Lab, ask

from aurora_lab.runtime import engine, image, processes
from aurora_lab.runtime import select as selection
from aurora_lab.runtime.base import RuntimeUnavailableError, ServerStartError, ToolError
from aurora_lab.runtime.containers import ContainerRuntime
from aurora_lab.runtime.embedded import EmbeddedRuntime
from aurora_lab.runtime.select import choose


class Relay(socketserver.ThreadingUnixStreamServer):
    """An engine's socket that passes everything on until it hangs."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, *, hangs: bool) -> None:
        super().__init__(str(path), _Passing)
        self.hangs = threading.Event()
        self.ends = threading.Event()
        if hangs:
            self.hangs.set()


class _Passing(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        relay = self.server
        assert isinstance(relay, Relay)
        with socket.socket(socket.AF_UNIX) as behind:
            if not relay.hangs.is_set():
                behind.connect(str(selection.SOCKET))
            while not relay.ends.is_set():
                if relay.hangs.is_set():
                    relay.ends.wait(0.05)
                    continue
                ready, _, _ = select.select([self.request, behind], [], [], 0.05)
                for end in ready:
                    received = end.recv(65536)
                    if not received:
                        return
                    (behind if end is self.request else self.request).sendall(received)


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """What this test's clients take for the engine; it hangs from the start."""
    path = Path(os.path.relpath(tmp_path / "engine.sock"))
    with Relay(path, hangs=True) as server:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'engine.sock'}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.ends.set()
        server.shutdown()
        thread.join(10)


def test_no_engine_is_said_and_auto_goes_on_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")
    with pytest.raises(RuntimeUnavailableError, match=r"^No container engine answers .*--runtime embedded"):
        choose("containers", tmp_path)
    runtime, reason = choose("auto", tmp_path)
    assert (runtime.name, reason) == ("embedded", "embedded: no container engine answers")
    runtime.close()


def test_an_engine_that_hangs_is_given_up_soon(relay: Relay, tmp_path: Path) -> None:
    began = time.monotonic()
    runtime, reason = choose("auto", tmp_path)
    assert (runtime.name, reason) == ("embedded", "embedded: no container engine answers")
    assert time.monotonic() - began < 15, "an engine that hangs holds everything up"
    assert relay.hangs.is_set()
    runtime.close()


def test_neither_binaries_nor_engine_names_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nobody.sock'}")
    monkeypatch.setenv("AURORA_LAB_PG_BIN", str(tmp_path))
    with pytest.raises(RuntimeUnavailableError, match=r"No usable PostgreSQL.*no container engine answers"):
        choose("auto", tmp_path)


def test_an_unknown_runtime_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match="use auto, embedded or containers"):
        choose("cloud", tmp_path)


@pytest.mark.containers
def test_auto_takes_containers_where_the_image_is_and_says_so(
    no_engine: str | None, server_folder: Path
) -> None:
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    runtime, reason = choose("auto", server_folder)
    assert (runtime.name, reason) == ("containers", "containers: an engine answers and has the node image")
    runtime.close()


@pytest.mark.containers
def test_an_engine_without_the_image_is_not_taken_by_auto(
    no_engine: str | None, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    monkeypatch.setattr(image, "REPOSITORY", "aurora-lab/not-made")
    runtime, reason = choose("auto", server_folder)
    assert (runtime.name, reason) == (
        "embedded",
        "embedded: a container engine answers, but has no image aurora-lab/not-made:17",
    )
    runtime.close()


@pytest.mark.containers
def test_the_image_is_made_once_and_has_what_servers_call(no_engine: str | None) -> None:
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    client = engine.connect()
    try:
        before = image.ensure_image(client)
        assert not before.made
        assert image.ensure_image(client) == before
        script = "postgres --version && cp /etc/passwd /tmp/copy && id -un"
        said = client.containers.run(
            before.identifier, ["sh", "-c", script], user="65534:65534", remove=True, network_mode="none"
        )
    finally:
        client.close()
    assert said.decode() == f"postgres (PostgreSQL) {before.version}\nnobody\n"


@pytest.mark.containers
def test_an_engine_that_stops_answering_is_an_error_and_not_a_hang(
    no_engine: str | None, relay: Relay, server_folder: Path, template: Path
) -> None:
    if no_engine or not selection.SOCKET.exists():
        pytest.skip(f"containers cannot run here: {no_engine or 'the engine is not at its usual socket'}")
    relay.hangs.clear()
    runtime = ContainerRuntime(server_folder, answer_seconds=1.0)
    root = server_folder / "cluster"
    runtime.make_folder(root)
    lab = Lab(runtime, root, template)
    runtime.tool(root, "psql", "--version")
    spec = lab.primary()
    relay.hangs.set()
    for act in (
        lambda: runtime.find(spec),
        lambda: runtime.start(spec),
        lambda: runtime.strays(root, ()),
        lambda: runtime.tool(root, "psql", "--version", seconds=1),
    ):
        began = time.monotonic()
        with pytest.raises(RuntimeUnavailableError, match="does not answer"):
            act()
        assert time.monotonic() - began < 15
    relay.hangs.clear()
    assert ask(runtime.start(spec), "SELECT 1") == 1
    for server in runtime.strays(root, ()):
        server.kill()
    runtime.close()


@pytest.mark.containers
@pytest.mark.parametrize("first", ["embedded", "containers"])
def test_a_server_of_the_other_runtime_is_stopped_before_its_data_is_used(
    no_engine: str | None, first: str, server_folder: Path, template: Path
) -> None:
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    embedded, containers = EmbeddedRuntime(), ContainerRuntime(server_folder)
    one, other = (embedded, containers) if first == "embedded" else (containers, embedded)
    root = server_folder / "cluster"
    one.make_folder(root)
    spec = Lab(one, root, template).primary()
    server = one.start(spec)
    if not list(processes.main_processes(root)):
        pytest.skip("the engine's processes are not in sight from here")
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    taken = other.start(spec)
    assert not server.running()
    assert ask(taken, "SELECT answer FROM kept") == 42
    assert len(list(processes.main_processes(root))) == 1
    assert "database system was shut down at" in spec.log.read_text()
    assert "not properly shut down" not in spec.log.read_text()
    taken.kill()
    one.close()
    other.close()


@pytest.fixture
def small_disk(server_folder: Path) -> Iterator[Path]:
    """A file system of 60 MB."""
    place = server_folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=755", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.splitlines()[0]}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_said(small_disk: Path, lab: Lab) -> None:
    root = small_disk / "cluster"
    lab.runtime.make_folder(root)
    lab = Lab(lab.runtime, root, lab.template)
    spec = lab.primary()
    filler = root / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(1 << 20))
    with pytest.raises(ToolError, match=r"could not copy .*The disk is full: free some space"):
        lab.runtime.copy_tree(spec.data, root / "more")
    assert not (root / "more").exists()
    with pytest.raises(ToolError, match=r"initdb failed: .*The disk is full: free some space"):
        lab.runtime.tool(root, "initdb", "-D", str(root / "new"), "-U", USER, "--no-locale")
    with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    with pytest.raises(ServerStartError, match=r"disk is full"):
        lab.runtime.start(spec)
    filler.unlink()
    shutil.rmtree(root / "new", ignore_errors=True)
    assert ask(lab.runtime.start(spec), "SELECT 1") == 1
    for server in lab.runtime.strays(root, ()):
        server.kill()
    lab.runtime.remove_tree(root)
