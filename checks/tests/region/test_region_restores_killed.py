"""`kill -9` of the region while it makes snapshots and restores: started again, it finishes what it has promised."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from local_region import LocalRegion, delete_cluster, eventually, local_region, unique
from test_region_instances import eventually_ask
from test_region_killed import kill

MOMENTS = int(os.environ.get("AURORA_LAB_KILLS", "12")) // 4
"""How many moments are tried."""


def test_killed_in_the_middle_it_finishes_its_snapshots_and_restores() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with local_region() as region:
        name = region.cluster(instances=1)
        endpoint = region.describe(name)["Endpoint"]
        region.ask(endpoint, "CREATE TABLE t AS SELECT generate_series(1, 20000) AS i")
        for moment in range(MOMENTS):
            promised: list[str] = []

            def ask_for_much(promised: list[str] = promised) -> None:
                try:
                    made, restored, clone = unique("s"), unique("r"), unique("c")
                    region.rds.create_db_cluster_snapshot(
                        DBClusterSnapshotIdentifier=made, DBClusterIdentifier=name
                    )
                    promised.append(made)
                    latest: dict[str, Any] = {
                        "SourceDBClusterIdentifier": name,
                        "UseLatestRestorableTime": True,
                    }
                    region.rds.restore_db_cluster_to_point_in_time(DBClusterIdentifier=restored, **latest)
                    promised.append(restored)
                    region.rds.restore_db_cluster_to_point_in_time(
                        DBClusterIdentifier=clone, RestoreType="copy-on-write", **latest
                    )
                    promised.append(clone)
                except (ClientError, BotoCoreError, ResponseParserError, OSError):
                    pass  # Killed in the middle: what was promised until then counts.

            working = threading.Thread(target=ask_for_much)
            working.start()
            time.sleep(moments.uniform(0.0, 0.6))  # The moment is the experiment, not a wait for something.
            kill(region)
            working.join(60)
            region.start()
            check(region, promised, f"moment {moment}, seed {seed}")
        # The backup itself has gone on.
        region.wait_available(name)
        region.ask(endpoint, "INSERT INTO t VALUES (0)")
        last = unique("last")
        region.rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=last, SourceDBClusterIdentifier=name, UseLatestRestorableTime=True
        )
        region.wait_available(last)
        region.instance(last, f"{last}-1")
        assert eventually_ask(region, region.describe(last)["Endpoint"], "SELECT count(*) FROM t") == [
            (20001,)
        ]


def check(region: LocalRegion, promised: list[str], what: str) -> None:
    """What was promised is there, and nothing else is left of it."""
    rds, bucket = region.rds, region.home.bucket

    def snapshots() -> dict[str, str]:
        found = rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
        return {item["DBClusterSnapshotIdentifier"]: item["Status"] for item in found}

    eventually(lambda: set(snapshots().values()) <= {"available"}, f"snapshots are made: {what}")
    assert {name for name in promised if name.startswith("s-")} <= set(snapshots()), what
    clusters = [item["DBClusterIdentifier"] for item in rds.describe_db_clusters()["DBClusters"]]
    assert {name for name in promised if not name.startswith("s-")} <= set(clusters), what
    for cluster in clusters:
        region.wait_available(cluster)
        if cluster.startswith(("r-", "c-")) and cluster in promised:
            region.instance(cluster, f"{cluster}-1")
            endpoint = region.describe(cluster)["Endpoint"]
            assert eventually_ask(region, endpoint, "SELECT count(*) FROM t") == [(20000,)], what
    for cluster in clusters:
        if region.describe(cluster)["DBClusterMembers"] == [] or cluster in promised:
            delete_cluster(region, cluster)
            rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=cluster)
    for snapshot in snapshots():
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot)
    left = [str(path) for kind in ("restores", "snapshots") for path in (bucket / kind).glob("*")]
    assert left == [], what
