"""Trouble with the home, the ports and the state: one clear sentence each, and nothing lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aurora_lab.region import client
from aurora_lab.region.client import RegionError
from aurora_lab.region.home import Home
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.select import choose
from local_region import LocalRegion, eventually, local_region, short_folder


def sentence(error: BaseException) -> str:
    """What a learner reads; it is text, not a traceback."""
    text = str(error)
    assert text
    assert "Traceback" not in text
    return text


def test_a_damaged_state_file_is_not_touched() -> None:
    folder = short_folder()
    home = Home(folder / "home")
    try:
        home.folder.mkdir()
        home.state.write_bytes(b"SQLite format 3\0" + b"half-written" * 400)
        before = home.state.read_bytes()
        with pytest.raises(RegionError) as caught:
            client.start(home, "embedded")
        assert "aurora-lab reset" in sentence(caught.value)
        assert home.state.read_bytes() == before
    finally:
        shutil.rmtree(folder)


def test_a_home_that_is_a_file() -> None:
    folder = short_folder()
    try:
        (folder / "home").write_text("not a folder")
        with pytest.raises(RegionError) as caught:
            client.start(Home(folder / "home"), "embedded")
        assert "--home" in sentence(caught.value)
    finally:
        shutil.rmtree(folder)


def test_a_home_that_is_not_writable() -> None:
    folder = short_folder()
    home = folder / "home"
    home.mkdir(mode=0o555)
    program = (
        "import sys; from pathlib import Path; from aurora_lab.region import client; "
        "from aurora_lab.region.home import Home\n"
        "try: client.start(Home(Path(sys.argv[1])), 'embedded')\n"
        "except client.RegionError as error: print(error)"
    )
    as_user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    root = Path(__file__).resolve().parents[3]
    try:
        try:
            subprocess.run(
                [sys.executable, "-c", "import aurora_lab"],
                check=True,
                cwd="/",
                capture_output=True,
                **as_user,
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(
                "another user cannot read this checkout or its Python; an ordinary user's run tests this"
            )
        result = subprocess.run(
            [sys.executable, "-c", program, str(home)],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **as_user,
        )
        assert "--home" in result.stdout, result.stdout + result.stderr
        assert "Traceback" not in result.stdout + result.stderr
    finally:
        shutil.rmtree(folder)


def test_a_disk_that_is_full() -> None:
    """SQLite and PostgreSQL on a disk with no room, which /dev/full cannot show: a tiny tmpfs can."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = short_folder()
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0755", "none", str(small)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(RegionError) as caught:
            client.start(Home(small / "home"), "embedded")
        assert "space" in sentence(caught.value).lower()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
        shutil.rmtree(folder)


def test_a_port_that_is_taken_is_left_to_its_owner(embedded_region: LocalRegion) -> None:
    with socket.socket() as taken:
        taken.bind((embedded_region.info.address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(embedded_region.rds.exceptions.ClientError) as caught:
            embedded_region.cluster(instances=0, Port=port)
        assert f"Port {port} is in use" in str(caught.value)


def test_the_http_port_of_before_is_taken_by_somebody_else() -> None:
    with local_region() as region:
        port = region.info.http_port
        client.stop(region.home)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            assert region.start().http_port != port
            assert region.rds.describe_db_clusters()["DBClusters"] == []


def test_a_stopped_region_says_how_to_start_it() -> None:
    folder = short_folder()
    try:
        with pytest.raises(RegionError) as caught:
            client.status(Home(folder / "home"))
        assert "aurora-lab start" in sentence(caught.value)
    finally:
        shutil.rmtree(folder)


def test_containers_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(RuntimeUnavailableError) as caught:
        choose("containers", Path("/nowhere"))
    assert "embedded" in sentence(caught.value)
    runtime, reason = choose("auto", Path("/nowhere"))
    assert runtime.name == "embedded"
    assert reason
    runtime.close()


def test_a_scale_that_is_out_of_range_is_refused(embedded_region: LocalRegion) -> None:
    for scale in (0, -1, 1001, "fast", None):
        with pytest.raises(RegionError, match="scale"):
            client.ask(embedded_region.home, "scale", {"scale": scale})
    assert client.ask(embedded_region.home, "scale", {"scale": 10})["scale"] == 10


def test_a_lag_that_no_reader_can_have_is_refused(embedded_region: LocalRegion) -> None:
    for lag in (-1, 60_001, 1.5, "long", True, None):
        with pytest.raises(RegionError, match="whole number of milliseconds"):
            client.ask(embedded_region.home, "replica-lag", {"milliseconds": lag})


def test_the_lag_of_the_readers_outlives_the_region() -> None:
    with local_region() as region:
        name = region.cluster(instances=2)
        reader, shown = region.describe(name)["ReaderEndpoint"], "SHOW recovery_min_apply_delay"
        eventually(lambda: region.ask(reader, shown) == [("20ms",)], "the reader lags as on Aurora")
        client.ask(region.home, "replica-lag", {"milliseconds": 700})
        eventually(lambda: region.ask(reader, shown) == [("700ms",)], "the reader takes it up")
        client.stop(region.home)
        region.start()
        region.wait_available(name)
        assert client.status(region.home)["replica_lag_ms"] == 700
        eventually(lambda: region.ask(reader, shown) == [("700ms",)], "it lags again")


def test_the_lab_interface_needs_its_token(embedded_region: LocalRegion) -> None:
    home = Home(embedded_region.home.folder)
    info = embedded_region.info
    stranger = type(info)(**{**{name: getattr(info, name) for name in info.__slots__}, "token": "guess"})
    home.info = lambda: stranger  # type: ignore[method-assign]
    with pytest.raises(RegionError, match="token"):
        client.ask(home, "stop", {})
    assert client.running(embedded_region.home) is not None


def test_who_has_the_fault_key_alone_may_break_things_and_nothing_else(embedded_region: LocalRegion) -> None:
    home = Home(embedded_region.home.folder)
    guest = replace(embedded_region.info, token="")
    home.info = lambda: guest  # type: ignore[method-assign]
    done = {"kind": "az", "name": "us-west-2c"}
    try:
        assert client.ask(home, "fault", {**done, "action": "kill"}) == {**done, "action": "kill"}
    finally:
        assert client.ask(home, "fault", {**done, "action": "undo"}) == {**done, "action": "undo"}
    for name in ("stop", "scale", "sql"):
        with pytest.raises(RegionError, match="token"):
            client.ask(home, name, {})
    home.info = lambda: replace(guest, fault_key="guess")  # type: ignore[method-assign]
    with pytest.raises(RegionError, match="token"):
        client.ask(home, "fault", {**done, "action": "kill"})


def test_an_az_fails_and_comes_back_while_clusters_are_being_deleted(embedded_region: LocalRegion) -> None:
    rds = embedded_region.rds
    names = [embedded_region.cluster(instances=0) for _ in range(3)]
    for name in names:
        embedded_region.instance(name, f"{name}-1", wait=False)
    for name in names:
        embedded_region.wait_available(name)
        rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    asked = {"kind": "az", "name": "us-west-2b"}

    def gone() -> bool:
        """Each call is answered, whatever is left of the clusters by then."""
        for action in ("kill", "undo", "pause", "undo"):
            client.ask(embedded_region.home, "fault", {**asked, "action": action})
        return not rds.describe_db_clusters()["DBClusters"]

    eventually(gone, "the clusters are deleted")
    folders = embedded_region.home.data / "clusters"
    eventually(lambda: not list(folders.iterdir()), "nothing of them is left on the disk")
