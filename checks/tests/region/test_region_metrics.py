"""CloudWatch shows what real servers do: CPU, connections, lag, and the I/O that is billed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aurora_lab.region import client
from local_region import LocalRegion, eventually


def points(region: LocalRegion, metric: str, statistic: str, **dimensions: str) -> list[float]:
    """The values of a metric in the last minutes, a point for each real second."""
    now = datetime.now(UTC)
    found = region.boto("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=1,
        Statistics=[statistic],
    )["Datapoints"]
    return [float(point[statistic]) for point in sorted(found, key=lambda point: point["Timestamp"])]


BURN = """
    DO $$ DECLARE began timestamptz := clock_timestamp(); n bigint := 0;
    BEGIN WHILE clock_timestamp() < began + interval '0.4 s' LOOP n := n + 1; END LOOP; END $$
"""


def test_instances_and_the_volume_are_measured(quick: LocalRegion) -> None:
    region = quick
    name = region.cluster(instances=2)
    writer, reader = f"{name}-1", f"{name}-2"
    endpoint = region.describe(name)["Endpoint"]

    def busiest(**dimensions: str) -> float:
        return max(points(region, "CPUUtilization", "Maximum", **dimensions), default=0.0)

    def connections(**dimensions: str) -> list[float]:
        return points(region, "DatabaseConnections", "Maximum", **dimensions)

    with region.connect(endpoint) as held, region.connect(endpoint):

        def burn() -> float:
            held.execute(BURN)
            return busiest(DBInstanceIdentifier=writer)

        eventually(lambda: burn() > 5, "the writer's CPU is seen")
        assert busiest(DBClusterIdentifier=name, Role="WRITER") > 5
        eventually(lambda: connections(DBInstanceIdentifier=writer)[-1:] == [2.0], "and its connections")
        assert max(connections(DBClusterIdentifier=name, Role="READER")) == 0
    eventually(lambda: connections(DBInstanceIdentifier=writer)[-1:] == [0.0], "they are gone")
    assert points(region, "AuroraReplicaLag", "Maximum", DBInstanceIdentifier=reader)
    assert not points(region, "AuroraReplicaLag", "Maximum", DBInstanceIdentifier=writer)


def test_io_is_counted_as_it_is_billed(quick: LocalRegion) -> None:
    """FACTS 8.30, 8.31, 8.33: pages that were not in memory, and log in units of 4 KB."""
    region = quick
    name = region.cluster(instances=1)
    endpoint = region.describe(name)["Endpoint"]

    def billed(which: str) -> int:
        (cluster,) = [each for each in client.status(region.home)["clusters"] if each["id"] == name]
        return int((cluster["volume"] or {}).get(f"billed_{which}", 0))

    eventually(lambda: points(region, "VolumeWriteIOPs", "Sum", DBClusterIdentifier=name), "it is counted")
    writes = billed("writes")
    region.ask(endpoint, "CREATE TABLE big (i int, filling text)")
    with region.connect(endpoint) as connection:
        for number in range(200):
            connection.execute("INSERT INTO big VALUES (%s, '')", (number,))
    eventually(lambda: billed("writes") >= writes + 200, "each small commit is a unit of its own")

    writes = billed("writes")
    wal = "SELECT wal_bytes FROM pg_stat_wal"
    (before,) = region.ask(endpoint, wal)[0]
    region.ask(endpoint, "INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 40000) AS i")
    (after,) = eventually(
        lambda: [row for row in region.ask(endpoint, wal) if row[0] > before + 15_000_000], "log"
    )[0]
    eventually(lambda: billed("writes") >= writes + (after - before) // 4096, "long log is counted in 4 KB")

    reads = billed("reads")
    pages = 40000 // 15
    region.ask(endpoint, "SELECT sum(length(filling)) FROM big")
    eventually(lambda: billed("reads") > reads + pages * 0.4, "what did not fit the memory was read")
    total = billed("writes")
    eventually(
        lambda: sum(points(region, "VolumeWriteIOPs", "Sum", DBClusterIdentifier=name)) >= total * 0.9,
        "CloudWatch has what was billed",
    )

    client.stop(region.home)
    region.start()
    assert billed("writes") >= total, "a restart of the region loses nothing of it"
