"""`kill -9` of the region's process at random moments: started again, it keeps every promise it made."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from local_region import MASTER, PASSWORD, LocalRegion, eventually, local_region, unique
from test_region_instances import eventually_ask

MOMENTS = int(os.environ.get("AURORA_LAB_KILLS", "12"))
"""How many moments a usual run tries; the issue's fifty are run with AURORA_LAB_KILLS=50."""


def kill(region: LocalRegion) -> None:
    """End the region's process where it stands; its servers go on."""
    process = psutil.Process(region.info.pid)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


class Script:
    """Create, fail over and delete, noting what the region has promised."""

    def __init__(self, region: LocalRegion) -> None:
        self.region = region
        self.name = unique("k")
        self.promised: set[str] = set()
        self.may_be_gone: set[str] = set()

    def run(self) -> None:
        """Until the end, or until the region is gone."""
        rds, name = self.region.rds, self.name
        try:
            rds.create_db_cluster(
                DBClusterIdentifier=name,
                Engine="aurora-postgresql",
                MasterUsername=MASTER,
                MasterUserPassword=PASSWORD,
            )
            self.promised.add(name)
            for number in (1, 2, 3):
                self.region.instance(name, f"{name}-{number}", wait=False)
                self.promised.add(f"{name}-{number}")
            self.region.wait_available(name)
            rds.failover_db_cluster(DBClusterIdentifier=name)
            self.region.wait_available(name)
            self.may_be_gone.add(f"{name}-3")
            rds.delete_db_instance(DBInstanceIdentifier=f"{name}-3")
            self.promised.discard(f"{name}-3")
            eventually(lambda: f"{name}-3" not in self.region.instances(name), "deleted")
        except (ClientError, BotoCoreError, ResponseParserError, OSError, AssertionError):
            pass  # Killed in the middle: what was promised until then counts.


def test_killed_at_random_moments_it_keeps_its_promises() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with local_region() as region:
        for moment in range(MOMENTS):
            script = Script(region)
            working = threading.Thread(target=script.run)
            working.start()
            time.sleep(moments.uniform(0.0, 2.5))  # The moment is the experiment, not a wait for something.
            kill(region)
            working.join(60)
            region.start()
            check(region, script, f"moment {moment}, seed {seed}")
            clean_up(region, script.name)
        assert region.rds.describe_db_clusters()["DBClusters"] == []
        eventually(lambda: no_servers_left(region), "every server of a deleted cluster has ended")


def check(region: LocalRegion, script: Script, what: str) -> None:
    """All that was promised is there, consistent, and serves."""
    if script.name not in script.promised:
        return  # The create call never got its answer: both outcomes are right.
    region.wait_available(script.name)
    have = set(region.instances(script.name))
    wanted = {name for name in script.promised if name != script.name} - script.may_be_gone
    assert wanted <= have, what
    members = region.describe(script.name)["DBClusterMembers"]
    assert sum(item["IsClusterWriter"] for item in members) == (1 if have else 0), what
    shown = region.describe(script.name)
    if not have:
        return
    assert eventually_ask(region, shown["Endpoint"], "SELECT pg_is_in_recovery()") == [(False,)], what
    writer = region.writer(script.name)
    for identifier, item in region.instances(script.name).items():
        asked = eventually_ask(region, item["Endpoint"]["Address"], "SELECT pg_is_in_recovery()")
        assert asked == [(identifier != writer,)], what


def clean_up(region: LocalRegion, name: str) -> None:
    """Delete the cluster and all that is in it."""
    if name not in {item["DBClusterIdentifier"] for item in region.rds.describe_db_clusters()["DBClusters"]}:
        return
    region.wait_available(name)
    for identifier in region.instances(name):
        region.rds.delete_db_instance(DBInstanceIdentifier=identifier)
    region.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    eventually(
        lambda: (
            name
            not in {item["DBClusterIdentifier"] for item in region.rds.describe_db_clusters()["DBClusters"]}
        ),
        f"{name} is deleted",
    )


def no_servers_left(region: LocalRegion) -> bool:
    """No PostgreSQL server with files of this home runs any more."""
    below = str(region.home.data)
    return not [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if below in " ".join(process.info["cmdline"] or ())
    ]


def test_a_region_started_again_takes_over_its_running_servers() -> None:
    with local_region() as region:
        name = region.cluster(instances=2)
        host = region.describe(name)["Endpoint"]
        with region.connect(
            host, hostaddr="127.0.0.1", port=server_port(region, name), sslmode="require"
        ) as direct:
            kill(region)
            region.start()
            region.wait_available(name)
            # The same server process as before: the connection past the router is still open.
            assert direct.execute("SELECT 1").fetchone() == (1,)
        assert eventually_ask(region, host, "SELECT 1") == [(1,)]


def server_port(region: LocalRegion, cluster: str) -> int:
    """The port of the writer's server itself, behind the router."""
    below = str(region.home.data)
    writer = region.instances(cluster)[region.writer(cluster)]["DbiResourceId"].lower()
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if below in line and writer in line:
            for connection in process.net_connections("tcp4"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
    pytest.fail("the writer's server was not found")


def test_stopped_cleanly_it_comes_back_with_everything() -> None:
    with local_region() as region:
        name = region.cluster(instances=2)
        host = region.describe(name)["Endpoint"]
        region.ask(host, "CREATE TABLE kept AS SELECT 5 AS n")
        before = region.info
        from aurora_lab.region import client

        assert client.stop(region.home) is True
        assert client.stop(region.home) is False
        assert no_servers_left(region)
        after = region.start()
        # Where it was, unless somebody else (another run of the tests) listens there by now.
        for host_then, port_then, now in (
            (before.address, before.port, (after.address, after.port)),
            ("127.0.0.1", before.http_port, ("127.0.0.1", after.http_port)),
        ):
            assert now == (host_then, port_then) or listens(host_then, port_then)
        region.wait_available(name)
        assert eventually_ask(region, host, "SELECT n FROM kept") == [(5,)]


def listens(host: str, port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as trial:
        trial.settimeout(5.0)
        return trial.connect_ex((host, port)) == 0


def test_two_starts_at_once_give_one_region() -> None:
    with local_region() as region:
        kill(region)
        found: list[object] = []
        starters = [threading.Thread(target=lambda: found.append(region.start().pid)) for _ in range(4)]
        for each in starters:
            each.start()
        for each in starters:
            each.join(60)
        assert len(found) == 4
        assert len(set(found)) == 1


def test_two_homes_live_side_by_side() -> None:
    with local_region() as one, local_region() as two:
        assert one.info.http_port != two.info.http_port
        assert (one.info.address, one.info.port) != (two.info.address, two.info.port)
        name = one.cluster(instances=1)
        assert two.rds.describe_db_clusters()["DBClusters"] == []
        assert one.ask(one.describe(name)["Endpoint"], "SELECT 1") == [(1,)]
