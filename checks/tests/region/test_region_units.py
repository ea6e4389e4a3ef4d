"""The region's parts that need no server: the state file, the clock, the order of promotion, the provider."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.cli.diagnosis import Level, check_region
from aurora_lab.endpoints.router import PortTakenError
from aurora_lab.endpoints.zone import Record
from aurora_lab.models.promotion import ATTEMPTS_BY_TIER, Candidate, promotion_order
from aurora_lab.region import client, core
from aurora_lab.region.api.dispatch import provider_mistakes
from aurora_lab.region.clock import LabClock
from aurora_lab.region.home import Home, RegionInfo
from aurora_lab.region.ports import SERVER_PORTS, NoPortError, free_server_port, is_free
from aurora_lab.region.rds.provider import RdsProvider
from aurora_lab.region.store import StateError, Store
from aurora_lab.runtime.base import Runtime

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.text("abc", min_size=1, max_size=4),
        st.integers(0, 15),
        st.sampled_from([0, 4 << 30, 16 << 30]),
    ),
    unique_by=lambda each: each.identifier,
)


@given(CANDIDATES)
def test_tier_then_size_decide(candidates: list[Candidate]) -> None:
    order = promotion_order(candidates)
    assert sorted(order, key=lambda each: each.identifier) == sorted(
        candidates, key=lambda each: each.identifier
    )
    for first, second in itertools.pairwise(order):
        assert (first.tier, -first.memory) <= (second.tier, -second.memory)


@given(CANDIDATES)
def test_after_five_failed_attempts_the_tiers_are_ignored(candidates: list[Candidate]) -> None:
    order = promotion_order(candidates, ATTEMPTS_BY_TIER)
    for first, second in itertools.pairwise(order):
        assert first.memory >= second.memory


def test_every_action_of_the_provider_fits_the_model() -> None:
    assert provider_mistakes("rds", RdsProvider) == []


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.put("Thing", "a", {"n": 1})

    def half() -> None:
        with store.transaction():
            store.put("Thing", "a", {"n": 2})
            with store.transaction():
                store.put("Thing", "b", {"n": 3})
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        half()
    assert store.all("Thing") == [{"n": 1}]
    store.close()


def test_what_was_committed_outlives_a_kill(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from aurora_lab.region.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100000):
    with store.transaction():
        store.put("Pair", "left", {"n": number})
        store.put("Pair", "right", {"n": number})
    print(number, flush=True)
"""
    path = tmp_path / "state"
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    stop_at = random.randrange(50, 300)
    last = -1
    with process.stdout as lines:
        for line in lines:
            last = int(line)
            if last == stop_at:
                process.send_signal(signal.SIGKILL)
    process.wait()
    store = Store(path)
    left, right = store.get("Pair", "left"), store.get("Pair", "right")
    assert left == right
    assert left is not None
    assert left["n"] >= last
    store.close()


def test_a_state_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "state"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="newer aurora-lab"):
        Store(path)


@given(st.floats(0.1, 1000), st.floats(0, 1e6))
def test_the_lab_clock_scales_durations(scale: float, lab_seconds: float) -> None:
    assert LabClock(scale).real(lab_seconds) == pytest.approx(lab_seconds / scale)


@pytest.mark.parametrize("scale", [0, -1, 0.05, 1001, float("nan"), float("inf")])
def test_a_scale_out_of_range_is_refused(scale: float) -> None:
    clock = LabClock(10)
    with pytest.raises(ValueError, match="scale"):
        clock.scale = scale
    assert clock.scale == 10


def test_region_json_that_is_half_written_counts_as_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    info = RegionInfo(1, 2, "127.0.0.1", 5432, "token", "us-west-2", "embedded")
    home.write_info(info)
    assert home.info() == info
    assert home.info_file.stat().st_mode & 0o077 == 0
    text = home.info_file.read_text()
    for cut in range(len(text)):
        home.info_file.write_text(text[:cut])
        assert home.info() is None
    home.info_file.write_text(json.dumps({"pid": 1}))
    assert home.info() is None


def test_a_port_in_use_is_not_handed_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not is_free("127.0.0.1", taken.getsockname()[1])
    port = free_server_port(())
    assert is_free("127.0.0.1", port)
    with pytest.raises(NoPortError, match="aurora-lab stop"):
        free_server_port(SERVER_PORTS)


def test_an_address_that_was_taken_meanwhile_is_left_to_its_taker(monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([("127.0.0.1", 5432), ("127.0.0.2", 5432)])
    monkeypatch.setattr(core, "router_address", lambda _preferred: next(found))
    region = core.Region.__new__(core.Region)
    region.router = Mock(start=Mock(side_effect=[PortTakenError("somebody was faster"), 5432]))
    region._listen(None)
    assert region.router_address == ("127.0.0.2", 5432)


@pytest.mark.timeout(20)
def test_who_changes_the_state_and_who_makes_a_worker_do_not_wait_for_each_other(
    tmp_path: Path, embedded_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = core.Region(Home(tmp_path), embedded_runtime, 10.0)
    being_made = threading.Event()

    def make(region: core.Region, *_: object) -> Mock:
        """As a worker is made: by what the state file says."""
        being_made.set()
        region.store.all("DBCluster")
        return Mock(serving=frozenset)

    monkeypatch.setattr(core, "ClusterWorker", make)
    maker = threading.Thread(target=region._worker, args=("cluster-NEW",), daemon=True)
    with region.store.transaction():
        maker.start()
        assert being_made.wait(10.0)
        region.touch()
    maker.join(10.0)
    assert not maker.is_alive()
    region.store.close()


def test_a_slow_thread_does_not_put_back_endpoints_that_are_out_of_date(
    tmp_path: Path, embedded_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = core.Region(Home(tmp_path), embedded_runtime, 10.0)
    new = {"new": Record("new", ())}

    def slow(*_: object) -> dict[str, Record]:
        """Somebody else touches the region, and is done, before this thread is."""
        monkeypatch.setattr(core, "records", lambda *_: new)
        region.touch()
        return {"old": Record("old", ())}

    monkeypatch.setattr(core, "records", slow)
    region.touch()
    assert region.zone.names() == ("new",)
    region.store.close()


def test_a_region_in_trouble_runs_and_says_what_is_wrong(tmp_path: Path) -> None:
    """Its container engine is gone: it can still be asked, and stopped."""

    class InTrouble(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"error": "The container engine is gone."}).encode()
            self.send_response(500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    home = Home(tmp_path)
    with HTTPServer(("127.0.0.1", 0), InTrouble) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        info = RegionInfo(os.getpid(), server.server_port, "127.0.0.1", 1, "", "us-west-2", "containers")
        home.write_info(info)
        assert client.running(home) == info
        with pytest.raises(client.RegionTroubleError, match="engine is gone"):
            client.status(home)
        found = check_region(home)
        assert (found.level, found.advice) == (Level.MISSING, "The container engine is gone.")
        server.shutdown()
