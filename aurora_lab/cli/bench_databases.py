"""What a client of an RDS Multi-AZ instance feels at a failover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aurora_lab.cli.bench_region import PASSWORD, USER
from aurora_lab.cli.bench_servers import median
from aurora_lab.cli.bench_sql import ROUNDS, gap_of
from aurora_lab.region import client

if TYPE_CHECKING:
    from aurora_lab.cli.bench_region import Bench


def multi_az_gap(bench: Bench, how: str) -> float:
    """Seconds without a successful write when the primary is killed, or failed over on purpose. Median of three.

    The client is the one that measures Aurora's gap.
    """
    gaps = []
    for number in range(ROUNDS):
        name = f"multi-{how}-{number}"
        _make(bench, name)
        gaps.append(_one_gap(bench, name, how))
        bench.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        bench.rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
    return median(gaps)


def _make(bench: Bench, name: str) -> None:
    bench.rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.r6g.large",
        AllocatedStorage=20,
        MasterUsername=USER,
        MasterUserPassword=PASSWORD,
        MultiAZ=True,
    )
    bench.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


def _one_gap(bench: Bench, name: str, how: str) -> float:
    before = _status(bench, name)

    def fail() -> None:
        if how == "killed":
            client.ask(bench.home, "fault", {"instance": name, "action": "kill"})
        else:
            bench.rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)

    def moved() -> bool:
        now = _status(bench, name)
        return bool(now["status"] == "available" and now["server_port"] != before["server_port"])

    return gap_of(bench, before["endpoint"], fail, moved)


def _status(bench: Bench, name: str) -> dict[str, Any]:
    databases: list[dict[str, Any]] = client.status(bench.home)["databases"]
    return next(item for item in databases if item["id"] == name)
