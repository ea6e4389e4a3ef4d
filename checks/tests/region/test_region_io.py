"""What SQL costs, as lesson 09 shows it: page reads, log writes, and gigabytes that come back or do not."""

from __future__ import annotations

from typing import Any

import psycopg

from aurora_lab.models.billed_io import write_units
from aurora_lab.region import client
from local_region import LocalRegion, eventually

MB = 1_000_000
LOAD = """
    CREATE TABLE parcel AS SELECT n AS id, repeat(md5(n::text), 12) AS note FROM generate_series(1, 50000) AS n
"""
METERS = """
    SELECT (SELECT sum(blks_read)::bigint FROM pg_stat_database WHERE datname = current_database()),
           wal_write, wal_bytes::bigint
    FROM pg_stat_wal
"""


def billed(region: LocalRegion, endpoint: str, *statements: str) -> tuple[int, int]:
    """Page reads and log writes of statements, by the writer's own statistics."""
    with region.connect(endpoint) as session:
        before = _read(session)
        for statement in statements:
            session.execute(statement.encode())
        after = _read(session)
    reads, writes, size = (new - old for new, old in zip(after, before, strict=True))
    return reads, write_units(writes, size)


def _read(session: psycopg.Connection[Any]) -> tuple[int, ...]:
    session.execute("SELECT pg_stat_force_next_flush()")
    (found,) = session.execute(METERS).fetchall()
    return tuple(map(int, found))


def used(region: LocalRegion, name: str) -> int:
    """Bytes of the volume, as they were counted last."""
    (found,) = [item for item in client.status(region.home)["clusters"] if item["id"] == name]
    return int((found["volume"] or {}).get("bytes_used", 0))


def test_the_cache_has_16_mb_whatever_the_class(quick: LocalRegion) -> None:
    name = quick.cluster(instances=1)
    quick.instance(name, f"{name}-2", DBInstanceClass="db.r6g.4xlarge")
    for instance in quick.instances(name).values():
        assert quick.ask(instance["Endpoint"]["Address"], "SHOW shared_buffers") == [("16MB",)]


def test_storage_shrinks_by_drop_and_not_by_delete(quick: LocalRegion) -> None:
    """FACTS 8.35."""
    name = quick.cluster(instances=1)
    endpoint = quick.describe(name)["Endpoint"]
    empty = eventually(lambda: used(quick, name), "it has been counted")
    quick.ask(endpoint, LOAD)
    eventually(lambda: used(quick, name) > empty + 20 * MB, "the table is counted")
    quick.ask(endpoint, "DELETE FROM parcel WHERE id % 10 > 0")
    quick.ask(endpoint, "VACUUM parcel")
    # A count that has this has also seen what the DELETE did, or did not do.
    quick.ask(endpoint, "CREATE TABLE later AS SELECT * FROM parcel")
    quick.ask(
        endpoint, "INSERT INTO later SELECT n, repeat(md5(n::text), 12) FROM generate_series(1, 10000) AS n"
    )
    eventually(lambda: used(quick, name) > empty + 25 * MB, "what was deleted still counts")
    quick.ask(endpoint, "DROP TABLE parcel")
    eventually(lambda: used(quick, name) < empty + 15 * MB, "what was dropped does not")


def test_an_index_that_nobody_needs_is_read_and_written(quick: LocalRegion) -> None:
    """FACTS 8.30, 8.31: its pages must be there when a row is inserted."""
    name = quick.cluster(instances=1)
    endpoint = quick.describe(name)["Endpoint"]
    billed(quick, endpoint, LOAD, "CREATE INDEX parcel_note ON parcel (note)", "VACUUM ANALYZE parcel")
    arrivals = "INSERT INTO parcel SELECT n, repeat(md5(n::text), 12) FROM generate_series({}, {}) AS n"
    with_it = billed(quick, endpoint, arrivals.format(100_000, 100_299))
    billed(quick, endpoint, "DROP INDEX parcel_note")
    without = billed(quick, endpoint, arrivals.format(200_000, 200_299))
    assert with_it[0] >= without[0] + 50
    assert with_it[1] > without[1]


def test_after_a_checkpoint_the_log_has_a_whole_page(quick: LocalRegion) -> None:
    name = quick.cluster(instances=1)
    endpoint = quick.describe(name)["Endpoint"]
    quick.ask(endpoint, "CREATE TABLE counter AS SELECT 0 AS n")
    quick.ask(endpoint, "CHECKPOINT")
    pages = "SELECT wal_fpi FROM pg_stat_wal"
    (before,) = quick.ask(endpoint, pages)[0]
    quick.ask(endpoint, "UPDATE counter SET n = 1")
    eventually(lambda: quick.ask(endpoint, pages)[0][0] > before, "a whole page was written")
