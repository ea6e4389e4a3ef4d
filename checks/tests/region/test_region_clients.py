"""The clients that a learner has: AWS CLI, boto3, psql and the AWS driver, none of them told of the lab."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from local_region import MASTER, PASSWORD, LocalRegion, eventually, unique

AWS = str(Path(sys.executable).with_name("aws"))


def aws(region: LocalRegion, *arguments: str, service: str = "rds") -> Any:
    """The AWS CLI, as typed; its JSON answer."""
    result = subprocess.run(
        [AWS, service, *arguments],
        env={**region.environment(), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) if result.stdout else None


def test_the_aws_cli_makes_a_cluster_and_fails_it_over(region: LocalRegion) -> None:
    name = unique("cli")
    aws(
        region,
        "create-db-cluster",
        *("--db-cluster-identifier", name),
        *("--engine", "aurora-postgresql"),
        *("--master-username", MASTER),
        *("--master-user-password", PASSWORD),
    )
    for number in (1, 2, 3):
        aws(
            region,
            "create-db-instance",
            *("--db-instance-identifier", f"{name}-{number}"),
            *("--db-cluster-identifier", name),
            *("--db-instance-class", "db.r6g.large"),
            *("--engine", "aurora-postgresql"),
        )
    for number in (1, 2, 3):
        aws(region, "wait", "db-instance-available", "--db-instance-identifier", f"{name}-{number}")
    shown = aws(region, "describe-db-clusters", "--db-cluster-identifier", name)["DBClusters"][0]
    psql = ["psql", "-h", shown["Endpoint"], "-U", MASTER, "-d", "postgres", "-XAtc"]
    sql = "SELECT aurora_db_instance_identifier(), pg_is_in_recovery()"
    result = subprocess.run(
        [*psql, sql], env=region.environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert (result.stdout.strip(), result.stderr) == (f"{name}-1|f", "")
    aws(
        region,
        "failover-db-cluster",
        *("--db-cluster-identifier", name),
        *("--target-db-instance-identifier", f"{name}-2"),
    )
    eventually(lambda: region.writer(name) == f"{name}-2", "failed over")
    region.wait_available(name)
    answer = aws(
        region,
        "register-scalable-target",
        *("--service-namespace", "rds"),
        *("--resource-id", f"cluster:{name}"),
        *("--scalable-dimension", "rds:cluster:ReadReplicaCount"),
        *("--min-capacity", "1", "--max-capacity", "5"),
        service="application-autoscaling",
    )
    assert answer["ScalableTargetARN"].startswith("arn:aws:application-autoscaling:us-west-2:")


def test_an_error_of_the_aws_cli_reads_as_on_aws(embedded_region: LocalRegion) -> None:
    result = subprocess.run(
        [AWS, "rds", "describe-db-clusters", "--db-cluster-identifier", "nosuch"],
        env={**embedded_region.environment(), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode in (254, 255)  # version 2, version 1
    assert "(DBClusterNotFoundFault) when calling the DescribeDBClusters operation" in result.stderr


def test_a_plain_client_that_tries_again_is_back_within_a_second(embedded_region: LocalRegion) -> None:
    """How long writes stand still for a plain psycopg client; the figure itself is `aurora-lab bench`'s."""
    region = embedded_region
    name = region.cluster(instances=2)
    host = region.describe(name)["Endpoint"]
    region.ask(host, "CREATE TABLE beats (n int)")
    stop, beats, failures = threading.Event(), [], []

    def write() -> None:
        while not stop.is_set():
            try:
                with region.connect(host, connect_timeout=2) as connection:
                    while not stop.is_set():
                        connection.execute("INSERT INTO beats VALUES (1)")
                        beats.append(time.monotonic())
            except Exception as error:
                failures.append(error)
                stop.wait(0.005)

    client = threading.Thread(target=write, daemon=True)
    client.start()
    try:
        eventually(lambda: len(beats) > 20, "writing")
        region.fault(f"{name}-1", "kill")
        killed = time.monotonic()
        eventually(lambda: failures, "the client notices")
        eventually(lambda: region.writer(name) == f"{name}-2", "failed over", 20.0)
        eventually(lambda: beats[-1] > killed + 0.001, "writing again", 20.0)
    finally:
        stop.set()
        client.join(20)
        print(f"{len(beats)} beats, {len(failures)} failures, the last: {failures[-1:]}")
    assert not client.is_alive()
    count = region.ask(region.describe(name)["Endpoint"], "SELECT count(*) FROM beats")[0][0]
    assert count >= len(beats), "every acknowledged row is there"
