"""The region under measurement, driven as a learner drives it."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import Any

import boto3  # type: ignore[import-untyped]
import psycopg
from botocore.config import Config
from jupyter_client.manager import KernelManager

from aurora_lab.cli.bench_servers import median
from aurora_lab.region import client
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home

USER, PASSWORD = "bench", "bench-mark-1"
DEADLINE_SECONDS = 60.0
ROUNDS = 3
REST_SECONDS = 4.0
"""Before a cluster is made: nobody makes them one right after the other, and a region at rest gets ready."""
CHECKS = 15


class Bench:
    """One region of its own, and the clusters that the measurements make in it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._clusters = 0

    def first_start(self) -> float:
        """Seconds to a region on an empty home."""
        return self._start()

    def start_again(self) -> float:
        """Seconds to a region on a home that has had one. Median of three."""
        took = []
        for _ in range(ROUNDS):
            client.stop(self.home)
            took.append(self._start())
        return median(took)

    def _start(self) -> float:
        began = time.perf_counter()
        client.start(self.home, "embedded")
        return time.perf_counter() - began

    @cached_property
    def rds(self) -> Any:
        """A boto3 client, made once: making one takes as long as a server's start."""
        info = self.home.info()
        assert info is not None
        return boto3.client(
            "rds",
            region_name=info.region,
            endpoint_url=info.url,
            aws_access_key_id=DUMMY_KEY,
            aws_secret_access_key=DUMMY_SECRET,
            config=Config(retries={"max_attempts": 1}),
        )

    def connect(self, host: str, **options: Any) -> psycopg.Connection[Any]:
        """Connect by name, with TLS checked, as a learner does."""
        info = self.home.info()
        assert info is not None
        words = {
            "host": host,
            "hostaddr": info.address,
            "port": info.port,
            "user": USER,
            "password": PASSWORD,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(self.home.ca_file),
            "connect_timeout": 5,
            "autocommit": True,
        }
        return psycopg.connect(**{**words, **options})

    def cluster(self, instances: int, size: str = "db.r6g.large") -> str:
        """A new cluster, every instance available, and answering on both endpoints.

        Waited for with boto3's waiters: trying to connect again and again would take the processor from the
        servers that are waited for.
        """
        rds = self.rds
        self._clusters += 1
        name = f"bench{self._clusters}"
        rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername=USER,
            MasterUserPassword=PASSWORD,
        )
        for number in range(instances):
            rds.create_db_instance(
                DBInstanceIdentifier=f"{name}-{number}",
                DBClusterIdentifier=name,
                Engine="aurora-postgresql",
                DBInstanceClass=size,
            )
        waiter = rds.get_waiter("db_instance_available")
        for number in range(instances):
            waiter.wait(DBInstanceIdentifier=f"{name}-{number}")
        shown = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        self._until_answer(shown["Endpoint"], in_recovery=False)
        self._until_answer(shown["ReaderEndpoint"], in_recovery=instances > 1)
        return name

    def _until_answer(self, host: str, *, in_recovery: bool) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                with self.connect(host) as connection:
                    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (in_recovery,):
                        return
            except psycopg.OperationalError:
                pass
            time.sleep(0.005)
        raise TimeoutError(f"{host} does not answer")

    def three_instances(self) -> float:
        """Seconds from the first API call to answers on both endpoints of a cluster of three. Median of three."""
        took = []
        client.ask(self.home, "scale", {"scale": 100})
        for _ in range(ROUNDS):
            time.sleep(REST_SECONDS)
            self.rds.describe_db_clusters()
            began = time.perf_counter()
            name = self.cluster(3)
            took.append(time.perf_counter() - began)
            self.wait_available(name)
            self.delete(name)
        client.ask(self.home, "scale", {"scale": 10})
        return median(took)

    def wait_available(self, name: str) -> None:
        """Until every instance of the cluster is available and its server runs."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            shown = self.status(name)
            if shown["status"] == "available" and all(
                item["status"] == "available" and item["server"] == "running" for item in shown["instances"]
            ):
                return
            time.sleep(0.02)
        raise TimeoutError(f"cluster {name} does not become available")

    def status(self, name: str) -> dict[str, Any]:
        """What the lab says of one cluster."""
        clusters: list[dict[str, Any]] = client.status(self.home)["clusters"]
        return next(item for item in clusters if item["id"] == name)

    def delete(self, name: str) -> None:
        """Remove a cluster with its instances, and wait until it is gone."""
        rds = self.rds
        for item in self.status(name)["instances"]:
            rds.delete_db_instance(DBInstanceIdentifier=item["id"])
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
        rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=name)

    def memory(self, size: str) -> int:
        """Bytes (PSS) of the region's process and three servers of a class, a few seconds after the last work."""
        name = self.cluster(3, size)
        self.wait_available(name)
        time.sleep(3.0)
        status = client.status(self.home)
        servers = sum(item["memory_bytes"] for cluster in status["clusters"] for item in cluster["instances"])
        self.delete(name)
        return int(status["memory_bytes"] + servers)

    def check_in_notebook(self) -> tuple[float, float]:
        """Seconds for an empty cell and for a cell with a check, in a kernel that has run both before."""
        info = self.home.info()
        assert info is not None
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(env={**_plain_environment(), **self.home.environment(info)})
        kernel = manager.blocking_client()
        kernel.start_channels()
        try:
            kernel.wait_for_ready(timeout=DEADLINE_SECONDS)

            def run(code: str) -> float:
                began = time.perf_counter()
                reply = kernel.execute_interactive(code, timeout=DEADLINE_SECONDS, output_hook=lambda _: None)
                took = time.perf_counter() - began
                if reply["content"]["status"] != "ok":
                    raise RuntimeError(f"{code}: {reply['content'].get('evalue')}")
                return took

            run("from aurora_lab import lab")
            check = "lab.check('05.1')"
            run(check)
            return median([run("pass") for _ in range(CHECKS)]), median([run(check) for _ in range(CHECKS)])
        finally:
            kernel.stop_channels()
            manager.shutdown_kernel(now=True)


def _plain_environment() -> dict[str, str]:

    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
