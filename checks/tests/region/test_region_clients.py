"""The clients that a learner has: AWS CLI, boto3, psql and the AWS driver, none of them told of the lab."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local_region import MASTER, PASSWORD, LocalRegion, eventually, unique

AWS = str(Path(sys.executable).with_name("aws"))


def aws(region: LocalRegion, *arguments: str) -> Any:
    """The AWS CLI, as typed; its JSON answer."""
    result = subprocess.run(
        [AWS, "rds", *arguments],
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


class Driver:
    """The AWS Advanced Python Wrapper over psycopg, in a process of its own."""

    def __init__(self, region: LocalRegion, host: str, plugins: str | None = None) -> None:
        options: dict[str, Any] = {
            "host": host,
            "hostaddr": region.info.address,
            "port": region.info.port,
            "user": MASTER,
            "password": PASSWORD,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(region.home.ca_file),
            "failover_timeout_sec": 30,
            "autocommit": True,
        }
        if plugins:
            options["plugins"] = plugins
        program = Path(__file__).with_name("driver_client.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._tell(options) == {"row": "connected"}

    def _tell(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, sql: str) -> Any:
        """The first row of a statement, or the name of the error that the driver raised."""
        answer = self._tell({"ask": sql})
        return answer.get("error") or answer["row"]

    def read_only(self, read_only: bool) -> None:
        """Set the connection's mode."""
        assert self._tell({"read_only": read_only}) == {"row": None}

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


WHERE = "SELECT aurora_db_instance_identifier()"


@pytest.mark.parametrize("how", ["killed", "planned"])
def test_the_aws_driver_survives_a_failover(embedded_region: LocalRegion, how: str) -> None:
    region = embedded_region
    name = region.cluster(instances=3)
    driver = Driver(region, region.describe(name)["Endpoint"])
    try:
        region.ask(region.describe(name)["Endpoint"], "CREATE TABLE kept AS SELECT 1 AS n")
        assert driver.ask(WHERE) == [f"{name}-1"]
        if how == "killed":
            region.fault(f"{name}-1", "kill")
        else:
            region.rds.failover_db_cluster(DBClusterIdentifier=name)
        seen: list[Any] = []

        def failed_over() -> bool:
            seen.append(driver.ask(WHERE))
            return isinstance(seen[-1], list) and seen[-1] != [f"{name}-1"]

        eventually(failed_over, "the same connection leads to the new writer", 30.0)
        assert "FailoverSuccessError" in seen, "the driver says that it has failed over"
        assert {each for each in seen if isinstance(each, str)} == {"FailoverSuccessError"}
        assert driver.ask("INSERT INTO kept SELECT 2 RETURNING n") == [2]
    finally:
        driver.close()
    region.wait_available(name)


def test_the_aws_driver_splits_reads_from_writes(embedded_region: LocalRegion) -> None:
    region = embedded_region
    name = region.cluster(instances=2)
    endpoint = region.describe(name)["Endpoint"]
    driver = Driver(region, endpoint, "read_write_splitting,failover_v2,host_monitoring_v2")
    try:
        assert driver.ask(WHERE) == [f"{name}-1"]
        driver.read_only(True)
        assert driver.ask(WHERE) == [f"{name}-2"]
        driver.read_only(False)
        assert driver.ask(WHERE) == [f"{name}-1"]
    finally:
        driver.close()


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

    client = threading.Thread(target=write)
    client.start()
    eventually(lambda: len(beats) > 20, "writing")
    region.fault(f"{name}-1", "kill")
    killed = time.monotonic()
    eventually(lambda: failures, "the client notices")
    eventually(
        lambda: beats[-1] > killed + 0.001 and region.writer(name) == f"{name}-2", "writing again", 20.0
    )
    stop.set()
    client.join(20)
    assert not client.is_alive()
    count = region.ask(region.describe(name)["Endpoint"], "SELECT count(*) FROM beats")[0][0]
    assert count >= len(beats), "every acknowledged row is there"
