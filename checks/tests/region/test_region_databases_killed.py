"""`kill -9` of the region at random moments of an RDS DB instance's life: started again, it keeps its promises."""

from __future__ import annotations

import os
import random
import threading
import time

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from aurora_lab.region.client import RegionError
from local_databases import available, host, make, replicate, shown, synchronous
from local_region import LocalRegion, delete_databases, eventually, local_region
from test_region_instances import eventually_ask
from test_region_killed import kill, no_servers_left

MOMENTS = int(os.environ.get("AURORA_LAB_KILLS", "5"))
"""How many moments a usual run tries; more by hand with AURORA_LAB_KILLS=50."""
TABLE = "CREATE TABLE kept (n int PRIMARY KEY)"


class Life:
    """Created with a standby, replicated, written to while it fails over twice, its replica promoted."""

    def __init__(self, region: LocalRegion) -> None:
        self.region = region
        self.name = self.replica = ""
        self.acknowledged: list[int] = []
        self.asked_to_promote = self.promoted = False
        self.over = threading.Event()

    def run(self) -> None:
        """Until the end, or until the region is gone."""
        region, rds = self.region, self.region.rds
        try:
            name = make(region, MultiAZ=True)
            self.name = name
            region.ask(host(region, name), TABLE)
            threading.Thread(target=self.write, args=(host(region, name),), daemon=True).start()
            self.replica = replicate(region, name)
            rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
            available(region, name)
            synchronous(region, name)
            region.fault(name, "kill")
            synchronous(region, name)
            self.asked_to_promote = True
            rds.promote_read_replica(DBInstanceIdentifier=self.replica)
            self.promoted = True
            available(region, self.replica)
        except (ClientError, BotoCoreError, ResponseParserError, OSError, AssertionError, psycopg.Error):
            pass  # Killed in the middle: what was promised until then counts.
        except (RegionError, StopIteration):
            pass
        finally:
            self.over.set()

    def write(self, address: str) -> None:
        """One row after the other, through whatever the name leads to; each number is tried once."""
        number = 0
        while not self.over.is_set():
            try:
                with self.region.connect(address) as connection:
                    while not self.over.is_set():
                        number += 1
                        connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                        self.acknowledged.append(number)
            except psycopg.Error:
                self.over.wait(0.02)


def test_killed_at_random_moments_an_instance_keeps_its_promises() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with local_region() as region:
        for moment in range(MOMENTS):
            life = Life(region)
            living = threading.Thread(target=life.run)
            living.start()
            time.sleep(moments.uniform(0.1, 3.0))  # The moment is the experiment, not a wait for something.
            kill(region)
            living.join(60)
            acknowledged = list(life.acknowledged)
            region.start()
            check(region, life, acknowledged, f"moment {moment}, seed {seed}")
            delete_databases(region)
        assert no_servers_left(region)


def check(region: LocalRegion, life: Life, acknowledged: list[int], what: str) -> None:
    """All that was promised is there and serves; no acknowledged commit is lost; the standby comes back."""
    if not life.name:
        return  # The creation was not confirmed: both outcomes are right.
    available(region, life.name)
    address = host(region, life.name)
    assert eventually_ask(region, address, "SELECT pg_is_in_recovery()") == [(False,)], what
    if acknowledged:
        rows = {row[0] for row in eventually_ask(region, address, "SELECT n FROM kept")}
        missing = set(acknowledged) - rows
        assert not missing, f"{what}: {len(missing)} of {len(acknowledged)} acknowledged commits are lost"
    synchronous(region, life.name)
    if not life.replica:
        return
    if life.promoted:
        eventually(
            lambda: "StatusInfos" not in shown(region, life.replica), f"{what}: the replica has parted"
        )
    available(region, life.replica)
    asked = eventually_ask(region, host(region, life.replica), "SELECT pg_is_in_recovery()")
    if life.promoted or not life.asked_to_promote:  # Asked and not confirmed: both outcomes are right.
        assert asked == [(not life.promoted,)], what
