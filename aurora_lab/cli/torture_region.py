"""The region that `aurora-lab torture` breaks: its own, in a temporary folder, and ended with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import psutil
import psycopg
from botocore.config import Config

from aurora_lab.region import client
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home, RegionInfo
from aurora_lab.runtime.processes import command_line, command_lines, main_processes, wait_gone

USER, PASSWORD = "torture", "rack-and-screw-1"
CLUSTER, INSTANCES = "tortured", 3
SCALE = 30.0
READY_SECONDS = 120.0
"""How long the cluster may take until all of it is back, once nothing is broken any more."""


class Arena:
    """One region, one cluster of three instances, and every way to hurt them."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.kept = False
        """Whether the files stay when it ends, for somebody to look at."""

    # The region.

    def start(self) -> None:
        """Start the region if it does not run."""
        client.start(self.home, "embedded", SCALE)

    @property
    def info(self) -> RegionInfo:
        """What the region says of itself. Raises OSError where it says nothing."""
        info = self.home.info()
        if info is None:
            raise OSError("the region is not there")
        return info

    def make_cluster(self) -> None:
        """Make the cluster, and return when it is available."""
        info = self.info
        rds = boto3.client(
            "rds",
            region_name=info.region,
            endpoint_url=info.url,
            aws_access_key_id=DUMMY_KEY,
            aws_secret_access_key=DUMMY_SECRET,
            config=Config(retries={"max_attempts": 1}),
        )
        engine = {"DBClusterIdentifier": CLUSTER, "Engine": "aurora-postgresql"}
        rds.create_db_cluster(**engine, MasterUsername=USER, MasterUserPassword=PASSWORD)
        for number in range(1, INSTANCES + 1):
            name = f"{CLUSTER}-{number}"
            rds.create_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t4g.medium", **engine)
        self.until(self.all_well, "the cluster is available")

    def cluster(self) -> dict[str, Any]:
        """What the lab says of the cluster. Raises RegionError."""
        (found,) = client.status(self.home)["clusters"]
        assert isinstance(found, dict)
        return found

    def all_well(self) -> bool:
        """Whether everything runs, and every storage node is in sync."""
        try:
            shown = self.cluster()
        except client.RegionError:
            return False
        return (
            shown["status"] == "available"
            and all(
                item["status"] == "available" and item["server"] == "running" for item in shown["instances"]
            )
            and not self.away(shown)
        )

    def away(self, shown: dict[str, Any] | None = None) -> list[str]:
        """The storage nodes that are not in sync. Raises RegionError."""
        nodes = (shown or self.cluster())["volume"]["nodes"]
        return [node["id"] for node in nodes if node["state"] != "in-sync"]

    def roles(self) -> tuple[str, list[str]]:
        """The writer, and the readers. Raises RegionError."""
        instances = self.cluster()["instances"]
        writer = next(item["id"] for item in instances if item["role"] == "writer")
        return writer, sorted(item["id"] for item in instances if item["id"] != writer)

    def connect(self, endpoint: str, **options: Any) -> psycopg.Connection[Any]:
        """Connect by name, with TLS checked; a session that hangs is given up (FACTS 7.10). Raises OSError too."""
        info = self.info
        return psycopg.connect(
            **{
                "host": endpoint,
                "hostaddr": info.address,
                "port": info.port,
                "user": USER,
                "password": PASSWORD,
                "dbname": "postgres",
                "sslmode": "verify-full",
                "sslrootcert": str(self.home.ca_file),
                "connect_timeout": 3,
                "tcp_user_timeout": 3000,
                "autocommit": True,
                **options,
            }
        )

    def until(self, condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
        """Look until it is true. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:g} s: {what}")
            time.sleep(0.05)

    # Ways to hurt it.

    def fault(self, kind: str, name: str, action: str) -> None:
        """Do or undo a fault; nothing happens where there is nothing to break or to bring back."""
        body = {"kind": kind, "name": name, "action": action}
        if kind == "storage-node":
            body["cluster"] = CLUSTER
        with contextlib.suppress(client.RegionError):
            client.ask(self.home, "fault", body)

    def kill_region(self) -> None:
        """End the region's process; everything else goes on."""
        process = psutil.Process(self.info.pid)
        process.kill()
        wait_gone(process, 10.0)

    def kill_everything(self) -> int:
        """End every process of the region at once, as a machine that loses its power; how many those were."""
        region = psutil.Process(self.info.pid)
        doomed = [region, *region.children(recursive=True), *self._below()]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in doomed:
            wait_gone(process, 10.0)
        return len({process.pid for process in doomed})

    def receivers(self) -> list[psutil.Process]:
        """The processes with which the readers receive the log."""
        found = []
        for main, _ in main_processes(self.home.data):
            with contextlib.suppress(psutil.Error):
                found += [each for each in main.children() if "walreceiver" in " ".join(command_line(each))]
        return found

    def stick(self) -> list[psutil.Process]:
        """Stop the readers from receiving: what is on the way to them never arrives. Who has been stopped."""
        found = self.receivers()
        # The second waits until the process goes on, and ends it before it takes what has come meanwhile.
        for number in (signal.SIGSTOP, signal.SIGTERM):
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
        return found

    def _below(self) -> list[psutil.Process]:
        """Processes that work in the home, or on files in it."""
        below = (str(self.home.data.resolve()), str(self.home.folder.resolve()))
        found = []
        for pid, command in command_lines():
            if pid == os.getpid():
                continue
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                if any(folder in word for folder in below for word in (*command, process.cwd())):
                    found.append(process)
        return found


@contextmanager
def arena(kind: Callable[[Path], Arena] = Arena, *, memory: bool = True) -> Iterator[Arena]:
    """A region of its own with its cluster; gone afterwards. In memory where that can be had."""
    base = "/dev/shm" if memory and Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="aurora-lab-torture-", dir=base))
    folder.chmod(0o755)
    made = kind(folder / "home")
    try:
        made.start()
        made.make_cluster()
        yield made
    finally:
        with contextlib.suppress(client.RegionError, OSError, psutil.Error):
            client.stop(made.home)
        with contextlib.suppress(OSError, psutil.Error):
            made.kill_everything()
        if not made.kept:
            shutil.rmtree(made.home.data, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
