"""The kinds of things that lessons make on AWS, how each is found by its tags, and how it is deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

TAG_KEY, TAG_VALUE = "made-by", "aurora-lab"
LESSON_KEY, EXPIRES_KEY = "lesson", "expires"
RETAINED: Final[Mapping[str, Any]] = {"Filters": [{"Name": "status", "Values": ["retained"]}]}
MANUAL: Final[Mapping[str, Any]] = {"SnapshotType": "manual"}
ALL: Final[Mapping[str, Any]] = {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": True}


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How the RDS API names one kind of thing."""

    title: str
    describe: str
    key: str
    """Of the list in the answer."""
    name: str
    """What identifies one, in the answer and in the call that deletes it."""
    arn: str
    delete: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of that call."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Of the call that describes them."""
    gone: str = ""
    """botocore's waiter."""
    protected: str = ""
    """The call that takes deletion protection off."""


KINDS: Final = (
    # In the order in which AWS lets them go: an endpoint and an instance before their cluster, what a cluster uses
    # after it. (A read replica may go before or after its source: the source then leaves it a database of its own.)
    Kind(
        "custom endpoint",
        "describe_db_cluster_endpoints",
        "DBClusterEndpoints",
        "DBClusterEndpointIdentifier",
        "DBClusterEndpointArn",
        "delete_db_cluster_endpoint",
    ),
    Kind(
        "DB instance",
        "describe_db_instances",
        "DBInstances",
        "DBInstanceIdentifier",
        "DBInstanceArn",
        "delete_db_instance",
        options=ALL,
        gone="db_instance_deleted",
        protected="modify_db_instance",
    ),
    Kind(
        "DB cluster",
        "describe_db_clusters",
        "DBClusters",
        "DBClusterIdentifier",
        "DBClusterArn",
        "delete_db_cluster",
        options=ALL,
        gone="db_cluster_deleted",
        protected="modify_db_cluster",
    ),
    Kind(
        "cluster snapshot",
        "describe_db_cluster_snapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshotIdentifier",
        "DBClusterSnapshotArn",
        "delete_db_cluster_snapshot",
        asked=MANUAL,
        gone="db_cluster_snapshot_deleted",
    ),
    Kind(
        "DB snapshot",
        "describe_db_snapshots",
        "DBSnapshots",
        "DBSnapshotIdentifier",
        "DBSnapshotArn",
        "delete_db_snapshot",
        asked=MANUAL,
        gone="db_snapshot_deleted",
    ),
    Kind(
        "retained cluster backup",
        "describe_db_cluster_automated_backups",
        "DBClusterAutomatedBackups",
        "DbClusterResourceId",
        "DBClusterAutomatedBackupsArn",
        "delete_db_cluster_automated_backup",
        asked=RETAINED,
    ),
    Kind(
        "retained backup",
        "describe_db_instance_automated_backups",
        "DBInstanceAutomatedBackups",
        "DbiResourceId",
        "DBInstanceAutomatedBackupsArn",
        "delete_db_instance_automated_backup",
        asked=RETAINED,
    ),
    Kind(
        "cluster parameter group",
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroupArn",
        "delete_db_cluster_parameter_group",
    ),
    Kind(
        "parameter group",
        "describe_db_parameter_groups",
        "DBParameterGroups",
        "DBParameterGroupName",
        "DBParameterGroupArn",
        "delete_db_parameter_group",
    ),
    Kind(
        "subnet group",
        "describe_db_subnet_groups",
        "DBSubnetGroups",
        "DBSubnetGroupName",
        "DBSubnetGroupArn",
        "delete_db_subnet_group",
    ),
)
ENDPOINT, INSTANCE, CLUSTER = KINDS[:3]


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing on AWS that is ours."""

    kind: Kind
    name: str
    tags: Mapping[str, str]
    """Of its own; empty where it is ours because its cluster is."""
    status: str
    cluster: str
    """The cluster that it belongs to, or is; empty for other things."""
    protected: bool

    def __str__(self) -> str:
        return f"{self.kind.title} {self.name}"

    @property
    def place(self) -> int:
        """Its turn: the things of one turn are deleted together."""
        return KINDS.index(self.kind)


def find_things(rds: Any, lesson: str | None, skip_unknown: bool = False) -> list[Thing]:
    """What carries our tag (and that of the lesson), in the order in which it can be deleted.

    Also the instances and custom endpoints of such a cluster: without them gone it does not go. With
    `skip_unknown`, kinds that the lab's region does not have are none. Raises ClientError, BotoCoreError.
    """
    described = {kind: list(_described(rds, kind, skip_unknown)) for kind in KINDS}
    clusters = {
        item[CLUSTER.name] for item in described[CLUSTER] if _ours(_tags(item.get("TagList", [])), lesson)
    }
    writers = {
        member["DBInstanceIdentifier"]
        for item in described[CLUSTER]
        for member in item.get("DBClusterMembers", [])
        if member["IsClusterWriter"]
    }
    # A writer that goes before its readers means a failover.
    described[INSTANCE].sort(key=lambda item: item[INSTANCE.name] in writers)
    found = []
    for kind, items in described.items():
        for item in items:
            tags = _tags(_tag_list(rds, kind, item))
            cluster = (
                str(item.get("DBClusterIdentifier") or "") if kind in (ENDPOINT, INSTANCE, CLUSTER) else ""
            )
            ours = _ours(tags, lesson)
            if ours or cluster in clusters:
                found.append(
                    Thing(
                        kind,
                        str(item[kind.name]),
                        tags if ours else {},
                        str(item.get("Status") or item.get("DBInstanceStatus") or ""),
                        cluster,
                        bool(item.get("DeletionProtection")),
                    )
                )
    return found


def _described(rds: Any, kind: Kind, skip_unknown: bool) -> Iterator[dict[str, Any]]:
    try:
        for page in rds.get_paginator(kind.describe).paginate(**kind.asked):
            for item in page[kind.key]:
                # Of a cluster's own endpoints and of AWS's default groups there is nothing to delete.
                if item.get("EndpointType", "CUSTOM") == "CUSTOM" and not _is_default(item, kind):
                    yield item
    except ClientError as error:
        if not (skip_unknown and error.response["Error"]["Code"] == "NotImplemented"):
            raise


def _is_default(item: Mapping[str, Any], kind: Kind) -> bool:
    return kind.title.endswith("group") and str(item[kind.name]).startswith("default")


def _tag_list(rds: Any, kind: Kind, item: Mapping[str, Any]) -> list[dict[str, str]]:
    """Some kinds are described with their tags; for the others there is a call of its own."""
    if "TagList" in item:
        return list(item["TagList"])
    if kind not in WITHOUT_TAGS or kind.arn not in item:
        return []
    try:
        return list(rds.list_tags_for_resource(ResourceName=item[kind.arn])["TagList"])
    except ClientError as error:
        if error.response["Error"]["Code"].endswith(("NotFound", "NotFoundFault")):
            return []  # gone since it was listed
        raise


WITHOUT_TAGS: Final = tuple(kind for kind in KINDS if kind is ENDPOINT or kind.title.endswith("group"))


def _tags(tag_list: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tag_list}


def _ours(tags: Mapping[str, str], lesson: str | None) -> bool:
    return tags.get(TAG_KEY) == TAG_VALUE and lesson in (None, tags.get(LESSON_KEY))
