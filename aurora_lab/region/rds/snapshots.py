"""The DBClusterSnapshot actions: create, describe, copy, share, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.notices import notify
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.clusters import get_cluster, require_available
from aurora_lab.region.rds.common import filtered
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.snapshot_documents import new_snapshot, show_attributes, show_snapshot
from aurora_lab.region.rds.tags import tags_at_creation, tags_of
from aurora_lab.region.rds.waiting import wait_until_settled
from aurora_lab.region.restorable import new_folder
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.api.context import RequestContext
    from aurora_lab.region.core import Region

QUOTA = 100
"""Manual cluster snapshots a Region (FACTS 11.6)."""
MOST_ACCOUNTS = 20
"""Accounts that a snapshot may be shared with (FACTS 11.6)."""
TYPES = ("automated", "manual", "shared", "public", "awsbackup")

SNAPSHOT_FILTERS: dict[str, Callable[[Document], Any]] = {
    "db-cluster-id": lambda item: [
        item["DBClusterIdentifier"],
        item["DBClusterSnapshotArn"].split(":cluster-snapshot:")[0]
        + f":cluster:{item['DBClusterIdentifier']}",
    ],
    "db-cluster-snapshot-id": lambda item: item["DBClusterSnapshotIdentifier"],
    "snapshot-type": lambda item: item["SnapshotType"],
    "engine": lambda item: item["Engine"],
}


class SnapshotActions:
    """Snapshots of Aurora DB clusters."""

    region: Region

    def create_db_cluster_snapshot(
        self,
        _context: object,
        *,
        DBClusterSnapshotIdentifier: str,
        DBClusterIdentifier: str,
        Tags: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Begin a snapshot: it has everything that was committed before the call."""
        region = self.region
        identifier = checked_name(DBClusterSnapshotIdentifier, "DBClusterSnapshotIdentifier")
        with region.store.transaction():
            cluster = get_cluster(region, DBClusterIdentifier)
            require_available(cluster)
            snapshot = put_manual(region, identifier, cluster, Tags)
        begin(region, snapshot)
        return {"DBClusterSnapshot": show_snapshot(region, snapshot)}

    def describe_db_cluster_snapshots(
        self,
        context: RequestContext,
        *,
        DBClusterIdentifier: str | None = None,
        DBClusterSnapshotIdentifier: str | None = None,
        SnapshotType: str | None = None,
        Filters: list[dict[str, Any]] | None = None,
        DbClusterResourceId: str | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """All snapshots, those of a cluster, or one. Nobody else shares any with this account."""
        region = self.region
        if DBClusterIdentifier is not None and DBClusterSnapshotIdentifier is not None:
            raise rules.combination(
                "DBClusterIdentifier cannot be used together with DBClusterSnapshotIdentifier."
            )
        if SnapshotType not in (None, *TYPES):
            raise rules.invalid(
                f"Invalid snapshot type {SnapshotType}: it must be one of {', '.join(TYPES)}."
            )

        def found() -> list[Document]:
            if DBClusterSnapshotIdentifier is not None:
                items = [get_snapshot(region, DBClusterSnapshotIdentifier)]
            else:
                items = region.store.all("DBClusterSnapshot")
            if DBClusterIdentifier is not None:
                name = DBClusterIdentifier.rsplit(":", maxsplit=1)[-1].lower()
                items = [item for item in items if item["DBClusterIdentifier"] == name]
            if DbClusterResourceId is not None:
                wanted = DbClusterResourceId.lower()
                items = [item for item in items if item["DbClusterResourceId"].lower() == wanted]
            if SnapshotType is not None:
                items = [item for item in items if item["SnapshotType"] == SnapshotType]
            return filtered(items, Filters, SNAPSHOT_FILTERS)

        wait_until_settled(region, context, found, "Status")
        return {"DBClusterSnapshots": [show_snapshot(region, item) for item in found()]}

    def copy_db_cluster_snapshot(
        self,
        _context: object,
        *,
        SourceDBClusterSnapshotIdentifier: str,
        TargetDBClusterSnapshotIdentifier: str,
        KmsKeyId: str | None = None,
        CopyTags: bool = False,
        Tags: list[dict[str, str]] | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """Make a manual snapshot of another, also of an automated one, perhaps under another key (FACTS 11.13)."""
        region = self.region
        identifier = checked_name(TargetDBClusterSnapshotIdentifier, "TargetDBClusterSnapshotIdentifier")
        with region.store.transaction():
            source = get_snapshot(region, SourceDBClusterSnapshotIdentifier)
            _require(source, "available")
            check_new(region, identifier)
            if KmsKeyId and not source["StorageEncrypted"]:
                raise rules.combination(
                    "KmsKeyId cannot be specified when copying an unencrypted DB cluster snapshot."
                )
            copy = {
                **source,
                "DBClusterSnapshotIdentifier": identifier,
                "DBClusterSnapshotArn": region.arn("cluster-snapshot", identifier),
                "SourceDBClusterSnapshotArn": source["DBClusterSnapshotArn"],
                "SnapshotType": "manual",
                "Status": "copying",
                "PercentProgress": 0,
                "_lab": {
                    **source["_lab"],
                    "copy_of": source["DBClusterSnapshotIdentifier"],
                    "folder": new_folder(),
                    "shared_with": [],
                },
            }
            if KmsKeyId:
                copy["KmsKeyId"] = KmsKeyId
            region.store.put("DBClusterSnapshot", identifier, copy)
            tags = Tags or (tags_of(region, source["DBClusterSnapshotArn"]) if CopyTags else None)
            tags_at_creation(region, copy["DBClusterSnapshotArn"], tags)
        region.keeper.wake()
        return {"DBClusterSnapshot": show_snapshot(region, copy)}

    def delete_db_cluster_snapshot(
        self, _context: object, *, DBClusterSnapshotIdentifier: str
    ) -> dict[str, Any]:
        """Remove a manual snapshot; clusters that were restored from it stay as they are."""
        region = self.region
        with region.store.transaction():
            snapshot = get_snapshot(region, DBClusterSnapshotIdentifier)
            identifier = snapshot["DBClusterSnapshotIdentifier"]
            _require(snapshot, "available", "failed")
            if snapshot["SnapshotType"] == "automated":
                raise fault(
                    "InvalidDBClusterSnapshotStateFault",
                    f"The snapshot {identifier} is an automated one: it is deleted with its retention period.",
                )
            if _in_use(region, identifier):
                raise fault(
                    "InvalidDBClusterSnapshotStateFault",
                    f"The snapshot {identifier} is being restored or copied: it cannot be deleted now.",
                )
            shown = show_snapshot(region, snapshot)
            region.store.delete("DBClusterSnapshot", identifier)
            region.store.delete("Tags", snapshot["DBClusterSnapshotArn"])
        # A region that is killed before this removes the folder when it starts again.
        region.runtime.remove_tree(region.keeper.folder(snapshot))
        region.touch()
        return {"DBClusterSnapshot": shown}

    def describe_db_cluster_snapshot_attributes(
        self, _context: object, *, DBClusterSnapshotIdentifier: str
    ) -> dict[str, Any]:
        """Who else may restore a snapshot."""
        snapshot = get_snapshot(self.region, DBClusterSnapshotIdentifier)
        return {"DBClusterSnapshotAttributesResult": show_attributes(snapshot)}

    def modify_db_cluster_snapshot_attribute(
        self,
        _context: object,
        *,
        DBClusterSnapshotIdentifier: str,
        AttributeName: str,
        ValuesToAdd: list[str] | None = None,
        ValuesToRemove: list[str] | None = None,
    ) -> dict[str, Any]:
        """Share a manual snapshot with other accounts (FACTS 11.6); there are none in the lab to use it."""
        region = self.region
        if AttributeName != "restore":
            raise rules.invalid(f"Invalid attribute name {AttributeName}: it must be restore.")
        for account in (*(ValuesToAdd or ()), *(ValuesToRemove or ())):
            if account != "all" and not (len(account) == 12 and account.isdigit()):
                raise rules.invalid(f"Invalid account {account}: 12 digits, or all.")
        with region.store.transaction():
            snapshot = get_snapshot(region, DBClusterSnapshotIdentifier)
            identifier = snapshot["DBClusterSnapshotIdentifier"]
            _require(snapshot, "available")
            if snapshot["SnapshotType"] != "manual":
                raise fault(
                    "InvalidDBClusterSnapshotStateFault",
                    f"The snapshot {identifier} is an automated one: copy it, and share the copy.",
                )
            if ValuesToAdd and str(snapshot.get("KmsKeyId", "")).endswith("alias/aws/rds"):
                raise fault(
                    "InvalidDBClusterSnapshotStateFault",
                    f"The snapshot {identifier} is encrypted with the AWS managed key and cannot be shared.",
                )
            if "all" in (ValuesToAdd or ()) and snapshot["StorageEncrypted"]:
                raise rules.invalid("An encrypted snapshot cannot be public.")
            shared = set(snapshot["_lab"]["shared_with"]) | set(ValuesToAdd or ())
            shared -= set(ValuesToRemove or ())
            if len(shared) > MOST_ACCOUNTS:
                raise fault(
                    "SharedSnapshotQuotaExceededFault",
                    f"A snapshot can be shared with at most {MOST_ACCOUNTS} accounts.",
                )
            snapshot["_lab"]["shared_with"] = sorted(shared)
            region.store.put("DBClusterSnapshot", identifier, snapshot)
        return {"DBClusterSnapshotAttributesResult": show_attributes(snapshot)}


def get_snapshot(region: Region, identifier: str) -> Document:
    """A snapshot by identifier or ARN. Raises DBClusterSnapshotNotFoundFault."""
    name = identifier.rsplit(":cluster-snapshot:", maxsplit=1)[-1].lower()
    snapshot = region.store.get("DBClusterSnapshot", name)
    if snapshot is None:
        raise fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {identifier}")
    return snapshot


def put_manual(
    region: Region, identifier: str, cluster: Document, tags: list[dict[str, str]] | None
) -> Document:
    """Store a manual snapshot that is to be made. Inside a transaction; afterwards `begin` it.

    Raises DBClusterSnapshotAlreadyExistsFault, SnapshotQuotaExceededFault, InvalidParameterValue.
    """
    check_new(region, identifier)
    snapshot = new_snapshot(region, identifier, cluster, "manual")
    snapshot["_lab"]["folder"] = new_folder()
    region.store.put("DBClusterSnapshot", identifier, snapshot)
    if tags is None and cluster["CopyTagsToSnapshot"]:
        tags = tags_of(region, cluster["DBClusterArn"])
    tags_at_creation(region, snapshot["DBClusterSnapshotArn"], tags)
    return snapshot


def begin(region: Region, snapshot: Document) -> None:
    """Have a snapshot made that was stored."""
    notify(region, "RDS-EVENT-0074", snapshot["DBClusterSnapshotIdentifier"])
    region.keeper.wake()


def check_new(region: Region, identifier: str) -> None:
    """Raises DBClusterSnapshotAlreadyExistsFault, SnapshotQuotaExceededFault."""
    if region.store.get("DBClusterSnapshot", identifier):
        raise fault(
            "DBClusterSnapshotAlreadyExistsFault",
            f"Cannot create the cluster snapshot because one with the identifier {identifier} already exists.",
        )
    manual = [item for item in region.store.all("DBClusterSnapshot") if item["SnapshotType"] == "manual"]
    if len(manual) >= QUOTA:
        raise fault(
            "SnapshotQuotaExceededFault",
            f"Cannot create more than {QUOTA} manual cluster snapshots: delete some first.",
        )


def _require(snapshot: Document, *statuses: str) -> None:
    if snapshot["Status"] not in statuses:
        raise fault(
            "InvalidDBClusterSnapshotStateFault",
            f"The snapshot {snapshot['DBClusterSnapshotIdentifier']} is in {snapshot['Status']} state: "
            f"it must be {statuses[0]}.",
        )


def _in_use(region: Region, identifier: str) -> bool:
    restores = [item["_lab"].get("restore") or {} for item in region.store.all("DBCluster")]
    copies = [item for item in region.store.all("DBClusterSnapshot") if item["Status"] == "copying"]
    return any(restore.get("snapshot") == identifier for restore in restores) or any(
        copy["_lab"]["copy_of"] == identifier for copy in copies
    )
