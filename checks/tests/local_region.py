"""A region of the tests' own: started as a learner's is, driven by the real clients."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import boto3
import psutil
import psycopg
from botocore.config import Config

from aurora_lab.region import client
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home, RegionInfo
from aurora_lab.runtime.select import choose

T = TypeVar("T")

PASSWORD = "correct-horse-9"
MASTER = "teacher"
DEADLINE = 60.0
QUICK = 300.0
"""A pace of the lab clock with which five minutes take a second."""


def eventually(look: Callable[[], T], what: str, seconds: float = DEADLINE) -> T:
    """Look until it is true, and return it; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {seen!r}")
        time.sleep(0.02)


def unique(prefix: str) -> str:
    """An identifier that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class LocalRegion:
    """A running region, and what a learner's clients would do with it."""

    def __init__(self, folder: Path, runtime: str = "embedded", scale: float = 10.0) -> None:
        self.home = Home(folder)
        self.runtime = runtime
        self.scale = scale

    def start(self) -> RegionInfo:
        """Start it if it does not run."""
        self.__dict__.pop("rds", None)
        return client.start(self.home, self.runtime, self.scale)

    @property
    def info(self) -> RegionInfo:
        """What it says of itself."""
        info = self.home.info()
        assert info is not None, "the region is not running"
        return info

    @cached_property
    def rds(self) -> Any:
        """A boto3 client for RDS."""
        return self.boto("rds")

    def boto(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            region_name=self.info.region,
            endpoint_url=self.info.url,
            aws_access_key_id=DUMMY_KEY,
            aws_secret_access_key=DUMMY_SECRET,
            config=Config(retries={"max_attempts": 1}, read_timeout=60),
        )

    def environment(self) -> dict[str, str]:
        """The environment of a shell after `eval "$(aurora-lab env)"`."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
        return {**plain, **self.home.environment(self.info), "PGPASSWORD": PASSWORD}

    def cluster(self, instances: int = 1, prefix: str = "c", **asked: Any) -> str:
        """Make a cluster with instances NAME-1, NAME-2 …, wait for it, return its identifier."""
        name = unique(prefix)
        self.rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername=MASTER,
            MasterUserPassword=PASSWORD,
            **asked,
        )
        for number in range(1, instances + 1):
            self.instance(name, f"{name}-{number}", wait=False)
        self.wait_available(name)
        return name

    def instance(self, cluster: str, name: str, wait: bool = True, **asked: Any) -> None:
        """Add an instance."""
        self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=cluster,
            Engine="aurora-postgresql",
            DBInstanceClass=asked.pop("DBInstanceClass", "db.r6g.large"),
            **asked,
        )
        if wait:
            self.wait_available(cluster)

    def describe(self, cluster: str) -> dict[str, Any]:
        """The cluster as the API shows it."""
        found: dict[str, Any] = self.rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]
        return found

    def instances(self, cluster: str) -> dict[str, dict[str, Any]]:
        """The cluster's instances as the API shows them."""
        filters = [{"Name": "db-cluster-id", "Values": [cluster]}]
        found = self.rds.describe_db_instances(Filters=filters)["DBInstances"]
        return {item["DBInstanceIdentifier"]: item for item in found}

    def writer(self, cluster: str) -> str:
        """The writer's identifier."""
        found = [m for m in self.describe(cluster)["DBClusterMembers"] if m["IsClusterWriter"]]
        return str(found[0]["DBInstanceIdentifier"])

    def wait_available(self, cluster: str, seconds: float = DEADLINE) -> None:
        """Until the cluster and all of its instances are available."""

        def available() -> bool:
            return self.describe(cluster)["Status"] == "available" and all(
                item["DBInstanceStatus"] == "available" for item in self.instances(cluster).values()
            )

        eventually(available, f"cluster {cluster} is available", seconds)

    def connect(self, host: str, **options: Any) -> psycopg.Connection[Any]:
        """Connect as a learner does: by name, with TLS checked against the lab's CA."""
        parameters = {
            "host": host,
            "hostaddr": self.info.address,
            "port": self.info.port,
            "user": MASTER,
            "password": PASSWORD,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(self.home.ca_file),
            "connect_timeout": 10,
            "autocommit": True,
            **options,
        }
        return psycopg.connect(**parameters)

    def ask(self, host: str, sql: str, **options: Any) -> list[tuple[Any, ...]]:
        """Connect, run one statement, return its rows."""
        with self.connect(host, **options) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def refusal(self, host: str, **options: Any) -> str:
        """What a connection is refused with; empty where it is not."""
        try:
            self.ask(host, "SELECT 1", **options)
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    def story(self) -> str:
        """What there is to say about a region that has disappointed a test."""
        try:
            state = json.dumps(client.status(self.home), indent=1)
        except client.RegionError as error:
            state = str(error)
        try:
            log = self.home.log.read_text(encoding="utf-8", errors="replace")[-STORY_CHARACTERS:]
        except OSError as error:
            log = str(error)
        return f"{state}\n{log}\n{self._stacks()}"

    def _stacks(self) -> str:
        """What each thread of the region is doing."""
        written = self.home.folder / "region.stderr"
        try:
            before = written.stat().st_size
            os.kill(self.info.pid, signal.SIGUSR1)
            eventually(lambda: written.stat().st_size > before, "the stacks are written", 2.0)
            return written.read_text(errors="replace")[before:]
        except (OSError, AssertionError) as error:
            return f"(no stacks: {error})"

    def fault(self, instance: str, action: str) -> None:
        """kill, freeze or thaw the server of an instance."""
        client.ask(self.home, "fault", {"instance": instance, "action": action})


def delete_clusters(region: LocalRegion) -> None:
    """Remove every cluster, so that the next test finds the quotas and the machine free."""
    for cluster in region.rds.describe_db_clusters()["DBClusters"]:
        if cluster["Status"] != "deleting":
            delete_cluster(region, cluster["DBClusterIdentifier"])


def delete_cluster(region: LocalRegion, name: str) -> None:
    """Delete a cluster and its instances, whatever they are doing; what follows need not be waited for."""
    rds = region.rds
    eventually(lambda: region.describe(name)["Status"] in ("available", "stopped"), f"{name} is at rest")
    if region.describe(name)["Status"] == "stopped":
        rds.start_db_cluster(DBClusterIdentifier=name)
    region.wait_available(name)
    if region.describe(name)["DeletionProtection"]:
        rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False)
    if instances := region.instances(name):
        writer = region.writer(name)
        # The readers first: a writer that goes while there are readers means a failover.
        for identifier in sorted(instances, key=lambda each: each == writer):
            rds.delete_db_instance(DBInstanceIdentifier=identifier)
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def delete_databases(region: LocalRegion) -> None:
    """Remove every RDS DB instance, whatever it is doing, and see that it is gone."""
    rds = region.rds

    def left() -> list[dict[str, Any]]:
        return [item for item in rds.describe_db_instances()["DBInstances"] if item["Engine"] == "postgres"]

    def deleted() -> bool:
        """What is at rest is told to go; a step of the region may be quicker, and is waited for again."""
        for item in left():
            name = item["DBInstanceIdentifier"]
            if item["DBInstanceStatus"] not in ("available", "stopped"):
                continue
            with suppress(rds.exceptions.InvalidDBInstanceStateFault):
                if item["DeletionProtection"]:
                    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
                rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        return not left()

    eventually(deleted, "the RDS DB instances are deleted")


def short_folder() -> Path:
    """A folder that any user can reach, with a short path, in memory where that can be had."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="aurora-lab-test-", dir=base))
    folder.chmod(0o755)
    return folder


STORY_CHARACTERS = 20_000
"""Of a region's log, at a failure."""


@contextmanager
def local_region(runtime: str = "embedded", scale: float = 10.0) -> Iterator[LocalRegion]:
    """A region with a home of its own, gone afterwards with everything it had."""
    folder = short_folder()
    region = LocalRegion(folder / "home", runtime, scale)
    try:
        region.start()
        yield region
    except BaseException:
        print(region.story())
        raise
    finally:
        try:
            client.stop(region.home)
        except client.RegionError:
            _kill(region)
            raise
        finally:
            shutil.rmtree(region.home.data, ignore_errors=True)
            shutil.rmtree(folder)


def _kill(region: LocalRegion) -> None:
    """End a region that does not stop, and its servers: nothing of it may be left beside the next."""
    with suppress(psutil.Error):
        psutil.Process(region.info.pid).kill()
    runtime, _ = choose(region.runtime, region.home.folder)
    for server in runtime.strays(region.home.data, ()):
        server.kill()
    runtime.close()
