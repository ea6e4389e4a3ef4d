"""The live map with a real region: in a kernel that is busy, and in a terminal."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]
import pytest
from jupyter_client.manager import start_new_kernel

from aurora_lab.region import client
from local_region import LocalRegion, local_region

SECONDS = 60.0
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def region() -> Iterator[LocalRegion]:
    with local_region("embedded") as region:
        yield region


@pytest.fixture(scope="module")
def cluster(region: LocalRegion) -> str:
    return region.cluster(instances=2, prefix="map")


class Screen:
    """A kernel, and what a front end would show of it."""

    def __init__(self, region: LocalRegion, **more: str) -> None:
        environment = {**region.environment(), "AURORA_LAB_HOME": str(region.home.folder), **more}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=environment)
        self.shown: dict[str, dict[str, Any]] = {}
        """By the widget's id, what it shows now."""
        self.outputs: list[dict[str, Any]] = []
        self.busy: set[str] = set()
        self.sent = 0

    def run(self, source: str) -> None:
        """Begin a cell."""
        self.busy.add(self.client.execute(source))

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Take messages until it is true."""
        deadline = time.monotonic() + SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not in time: {what}; {self.told()}"
            try:
                self._take(self.client.get_iopub_msg(timeout=0.1))
            except queue.Empty:
                continue
        return found

    def map(self, source: str = "") -> str:
        """The id of a new map's widget; `source` follows it in its cell, which is not waited for."""
        known = len(self.maps())
        self.run(f"from aurora_lab import lab\ndisplay(lab.map())\n{source}")
        self.until(lambda: len(self.maps()) > known, "the map")
        return str(self.maps()[-1][WIDGET_VIEW]["model_id"])

    def told(self) -> str:
        """What is on the screen, in words."""
        errors = [item.get("traceback") or item.get("text") for item in self.outputs]
        return f"{[[shown['note'], shown['words']] for shown in self.shown.values()]}; {errors}"

    def maps(self) -> list[dict[str, Any]]:
        """The outputs that are live maps, in all their forms."""
        return [item["data"] for item in self.outputs if WIDGET_VIEW in item.get("data", ())]

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            self.busy.discard(message["parent_header"]["msg_id"])
        elif kind in ("display_data", "execute_result", "error", "stream"):
            self.outputs.append(content)
        elif kind in ("comm_open", "comm_msg") and "shown" in content["data"].get("state", {}):
            self.sent += 1
            self.shown[content["comm_id"]] = content["data"]["state"]["shown"]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def screen(region: LocalRegion, cluster: str) -> Iterator[Screen]:  # noqa: ARG001 - there is something to show
    screen = Screen(region)
    yield screen
    screen.close()


def readers_and_writer(region: LocalRegion, cluster: str) -> tuple[str, str]:
    writer = region.writer(cluster)
    return next(name for name in region.instances(cluster) if name != writer), writer


def test_a_map_goes_on_while_a_cell_runs_and_the_former_one_stands_still(
    screen: Screen, region: LocalRegion, cluster: str, tmp_path: Path
) -> None:
    following, writer = readers_and_writer(region, cluster)
    enough = tmp_path / "enough"
    mine = screen.map(
        f"import pathlib, time\nwhile not pathlib.Path({str(enough)!r}).exists(): time.sleep(0.05)"
    )
    bundle = screen.maps()[-1]
    assert {"text/plain", "text/html", WIDGET_VIEW} == set(bundle)
    assert f"the writer endpoint leads to {writer}" in bundle["text/plain"]
    screen.until(lambda: mine in screen.shown, "its state")

    region.rds.failover_db_cluster(DBClusterIdentifier=cluster)
    says = f"the writer endpoint leads to {following}"
    screen.until(lambda: says in screen.shown[mine]["words"], "the failover is on the map")
    told = " ".join(screen.shown[mine]["said"])
    assert f"{following} is the writer now" in told
    assert screen.busy, "the cell has ended: it was to run meanwhile"

    enough.touch()
    newer = screen.map()
    screen.until(lambda: screen.shown[mine]["state"] == "still", "the former stands still")
    assert "This map stands still since " in screen.shown[mine]["note"]
    region.wait_available(cluster)
    former = dict(screen.shown[mine])
    client.ask(region.home, "fault", {"kind": "storage-node", "name": "a1", "action": "kill"})
    screen.until(lambda: "a1 killed" in screen.shown[newer]["words"], "the storage node is on the new map")
    client.ask(region.home, "fault", {"kind": "storage-node", "name": "a1", "action": "undo"})
    assert screen.shown[mine] == former
    assert len(screen.outputs) == 2, "something else than the two maps was shown"


def test_nothing_is_sent_while_nothing_changes_and_a_region_may_go_and_come_back(
    screen: Screen, region: LocalRegion, cluster: str
) -> None:
    region.wait_available(cluster)
    mine = screen.map()
    screen.until(lambda: mine in screen.shown and not screen.busy, "the cell is done")
    try:
        client.stop(region.home)
        screen.until(lambda: screen.shown[mine]["state"] == "away", "the region is gone")
        sent = screen.sent
        screen.run("import threading, time; time.sleep(1.5)")
        screen.until(lambda: not screen.busy, "six looks that find nothing")
        assert screen.sent == sent
    finally:
        region.start()
    screen.until(lambda: screen.shown[mine]["state"] == "live", "the region is back")
    assert screen.shown[mine]["note"] == "This map is live."
    assert not [item for item in screen.outputs if "traceback" in item or item.get("name") == "stderr"]


def test_where_a_notebook_is_built_or_graded_a_map_is_only_drawn(region: LocalRegion, cluster: str) -> None:
    screen = Screen(region, AURORA_LAB_MAP="still")
    try:
        screen.run("from aurora_lab import lab\nlab.map()")
        screen.until(lambda: screen.outputs and not screen.busy, "the map")
        assert set(screen.outputs[-1]["data"]) == {"text/plain", "text/html"}
        assert cluster in screen.outputs[-1]["data"]["text/plain"]
        assert not screen.shown
    finally:
        screen.close()


def terminal(region: LocalRegion, *arguments: str) -> Any:
    environment = {
        **region.environment(),
        "AURORA_LAB_HOME": str(region.home.folder),
        "TERM": "xterm-256color",
    }
    command = ["-m", "aurora_lab.cli", "map", *arguments]
    return pexpect.spawn(
        sys.executable, command, env=environment, encoding="utf-8", dimensions=(60, 140), timeout=SECONDS
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_terminal_follows_a_failover_until_q(region: LocalRegion, cluster: str) -> None:
    region.wait_available(cluster)
    following, writer = readers_and_writer(region, cluster)
    shown = terminal(region, cluster)
    shown.expect_exact(f"──▶ {writer}")
    region.rds.failover_db_cluster(DBClusterIdentifier=cluster)
    shown.expect_exact(f"{following} is the writer now")
    shown.send("q")
    shown.expect_exact("The region goes on as it is.")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == 0

    interrupted = terminal(region)
    interrupted.expect_exact("[q] quit")
    interrupted.sendintr()
    interrupted.expect_exact("The region goes on as it is.")
    interrupted.expect(pexpect.EOF)
    interrupted.close()
    assert interrupted.exitstatus == 0

    once = terminal(region, "--once")
    once.expect(pexpect.EOF)
    once.close()
    assert f"──▶ {following}" in once.before
    assert "[q] quit" not in once.before
    unknown = terminal(region, "no-such")
    unknown.expect_exact(f"There is no cluster no-such in the region. There are: {cluster}.")
