"""What the lessons' honesty tables call noted only: it is in the API's answers, and nothing else comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from local_databases import available, host, make, shown
from local_region import LocalRegion, unique

POSTMASTER = "SELECT pg_read_file('postmaster.pid')"
STARTED = "SELECT pg_postmaster_start_time()"


def test_an_instance_class_gives_and_takes_no_processor(embedded_region: LocalRegion) -> None:
    name = embedded_region.cluster(
        instances=0, ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 8}
    )
    for number, size in enumerate(("db.t4g.medium", "db.r6g.16xlarge", "db.serverless")):
        embedded_region.instance(name, f"{name}-{number}", wait=False, DBInstanceClass=size)
    embedded_region.wait_available(name)
    servers = _postmasters(embedded_region.home.data)
    assert len(servers) >= 3
    own = psutil.Process()
    assert {tuple(server.cpu_affinity()) for server in servers} == {tuple(own.cpu_affinity())}
    assert {server.nice() for server in servers} == {own.nice()}


def test_encryption_changes_nothing_on_the_disk(embedded_region: LocalRegion) -> None:
    name = embedded_region.cluster(instances=1, StorageEncrypted=True)
    found = embedded_region.describe(name)
    assert found["StorageEncrypted"] is True
    assert found["KmsKeyId"].startswith("arn:aws:kms:")
    word = unique("readable")
    with embedded_region.connect(found["Endpoint"]) as connection:
        connection.execute("CREATE TABLE diary (line text)")
        connection.execute("INSERT INTO diary VALUES (%s)", (word,))
        connection.execute("CHECKPOINT")
    assert any(word.encode() in file.read_bytes() for file in _pages(embedded_region.home.data))


def test_a_larger_disk_is_a_larger_number(embedded_region: LocalRegion) -> None:
    name = make(embedded_region, AllocatedStorage=20)
    address = host(embedded_region, name)
    before = embedded_region.ask(address, STARTED)
    embedded_region.rds.modify_db_instance(
        DBInstanceIdentifier=name, AllocatedStorage=40_000, ApplyImmediately=True
    )
    available(embedded_region, name)
    assert shown(embedded_region, name)["AllocatedStorage"] == 40_000
    assert embedded_region.ask(address, STARTED) == before
    assert sum(file.stat().st_blocks * 512 for file in _pages(embedded_region.home.data)) < 2**30


def _postmasters(folder: Path) -> list[Any]:
    """The main processes of the servers whose data lie below a folder."""
    pids = [int(file.read_text().split()[0]) for file in folder.rglob("postmaster.pid")]
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def _pages(folder: Path) -> list[Path]:
    """The files in which tables lie."""
    return [file for base in folder.rglob("base") for file in base.rglob("*") if file.is_file()]
