"""Bring a region to where a lesson begins: nothing left of what was there, then what the lesson starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError

from aurora_lab.course.exercises import Lesson
from aurora_lab.course.places import CourseError
from aurora_lab.course.runner import Runner

Say = Callable[[str], None]


def clusters(rds: Any) -> list[str]:
    """The identifiers of the region's clusters. Raises CourseError."""
    try:
        return [item["DBClusterIdentifier"] for item in rds.describe_db_clusters()["DBClusters"]]
    except (BotoCoreError, ClientError) as error:
        raise CourseError(f"The region does not say which clusters it has ({error}).") from error


def rds_client() -> Any:
    """A client of the region that this process's environment leads to."""
    return boto3.client("rds")


def remove_clusters(rds: Any, say: Say) -> None:
    """Delete every cluster with its instances and endpoints, and wait until they are gone. Raises CourseError."""
    for name in clusters(rds):
        say(f"Removing the cluster {name} ...")
        try:
            _remove(rds, name)
        except (BotoCoreError, ClientError) as error:
            raise CourseError(
                f"The cluster {name} could not be removed ({error}). Look at `aurora-lab status`, and run the "
                "command again; or begin with a new region: `aurora-lab reset`."
            ) from error


def _remove(rds: Any, name: str) -> None:
    cluster = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    if cluster["Status"] == "stopped":
        rds.start_db_cluster(DBClusterIdentifier=name)
    rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier=name)
    if cluster.get("DeletionProtection"):
        rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    for endpoint in rds.describe_db_cluster_endpoints(DBClusterIdentifier=name)["DBClusterEndpoints"]:
        if endpoint["EndpointType"] == "CUSTOM":
            custom = endpoint["DBClusterEndpointIdentifier"]
            rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=custom)
    # The readers first: a writer that goes while there are readers means a failover.
    members = sorted(cluster["DBClusterMembers"], key=lambda member: member["IsClusterWriter"])
    instances = [member["DBInstanceIdentifier"] for member in members]
    for instance in instances:
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=instance)
        rds.delete_db_instance(DBInstanceIdentifier=instance)
    for instance in instances:
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=instance)
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier=name)


def begin(lesson: Lesson, runner: Runner) -> None:
    """Run the cell that makes what a lesson starts from; most start from nothing. Raises CourseError.

    The runner is ended.
    """
    try:
        good = not lesson.begin or runner.run(lesson.begin)
    finally:
        runner.close()
    if not good:
        raise CourseError(
            f"What lesson {lesson.id} starts from could not be made. Look at `aurora-lab status`, and run the "
            "command again."
        )
