"""RDS DB instances of the tests' own, beside the clusters of `local_region`."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

from aurora_lab.region import client
from local_region import MASTER, PASSWORD, LocalRegion, eventually, unique
from test_region_instances import eventually_ask


def make(region: LocalRegion, prefix: str = "db", wait: bool = True, **asked: Any) -> str:
    """Make an instance, by default Single-AZ."""
    name = unique(prefix)
    region.rds.create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "DBInstanceClass": "db.r6g.large",
            "AllocatedStorage": 20,
            "MasterUsername": MASTER,
            "MasterUserPassword": PASSWORD,
            **asked,
        }
    )
    if wait:
        available(region, name)
    return name


def replicate(region: LocalRegion, source: str) -> str:
    """Make a read replica and wait for it."""
    name = unique("rr")
    region.rds.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source)
    available(region, name)
    return name


def shown(region: LocalRegion, name: str) -> dict[str, Any]:
    """The instance as the API shows it."""
    found: dict[str, Any] = region.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def host(region: LocalRegion, name: str) -> str:
    """The instance's name in the zone."""
    return str(shown(region, name)["Endpoint"]["Address"])


def available(region: LocalRegion, name: str) -> None:
    """Until it is."""
    eventually(lambda: shown(region, name)["DBInstanceStatus"] == "available", f"{name} is available")


def status(region: LocalRegion, name: str) -> dict[str, Any]:
    """What the lab's own interface says of it."""
    return next(item for item in client.status(region.home)["databases"] if item["id"] == name)


def synchronous(region: LocalRegion, name: str) -> None:
    """Until commits wait for the standby."""
    eventually(
        lambda: status(region, name)["standby"]["synchronous"], f"the standby of {name} is synchronous"
    )


def seen_from_inside(region: LocalRegion, name: str, sql: str, standby: bool = False) -> list[list[Any]]:
    """What a statement answers to the administrator, on a server that a client may not reach."""
    rows: list[list[Any]] = client.ask(
        region.home, "sql", {"instance": name, "sql": sql, "standby": standby}
    )["rows"]
    return rows


class Writing(threading.Thread):
    """A client that inserts one row after the other through a name, and notes what was acknowledged."""

    def __init__(self, region: LocalRegion, name: str) -> None:
        super().__init__()
        self.region, self.host = region, host(region, name)
        region.ask(self.host, "CREATE TABLE IF NOT EXISTS kept (n int PRIMARY KEY)")
        self.acknowledged: list[int] = []
        self.enough = threading.Event()

    def run(self) -> None:
        """Until its connection is cut."""
        try:
            with self.region.connect(self.host) as connection:
                for number in range(1_000_000):
                    connection.execute("INSERT INTO kept VALUES (%s)", (number,))
                    self.acknowledged.append(number)
                    if number == 50:
                        self.enough.set()
        except psycopg.Error:
            pass  # The server died: that is the experiment.

    def missing(self) -> set[int]:
        """What was acknowledged and is not there."""
        rows = eventually_ask(self.region, self.host, "SELECT n FROM kept")
        return set(self.acknowledged) - {row[0] for row in rows}


def reads(region: LocalRegion, address: str) -> list[tuple[Any, ...]]:
    """What the table has; nothing where it is not there yet."""
    try:
        return region.ask(address, "SELECT n FROM kept")
    except psycopg.errors.UndefinedTable:
        return []
