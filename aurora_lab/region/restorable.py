"""Which moments of a cluster can be restored (FACTS 11.1, 11.2).

The times are those of the real clock, as everywhere in the API: a client's own clock and `now()` in the database
name the same moments. The days of the retention period are durations, and pass as fast as the lab clock does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aurora_lab.region.clock import timestamp
from aurora_lab.region.identity import random_id
from aurora_lab.region.store import Document, Store

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

DAY_SECONDS = 86_400.0
"""Lab seconds of a day of the retention period, and between two automated snapshots."""
_SHOWN_SECONDS = 0.001
"""The API shows milliseconds."""


def earliest_moment(region: Region, cluster: Document) -> float:
    """When the retention period began, in seconds since the epoch."""
    days = float(cluster["BackupRetentionPeriod"])
    return datetime.now(UTC).timestamp() - region.clock.real(days * DAY_SECONDS)


def window(region: Region, cluster: Document) -> tuple[float, float] | None:
    """The earliest and the latest moment, in seconds since the epoch; None before there is a backup."""
    found = region.worker_of(cluster).plane.backup.archive.window()
    if found is None:
        return None
    earliest = max(found[0], earliest_moment(region, cluster))
    return earliest, max(found[1], earliest)


def restore_window(region: Region, cluster: Document) -> tuple[str, str] | None:
    """EarliestRestorableTime and LatestRestorableTime; None before there is a backup."""
    found = window(region, cluster)
    if found is None:
        return None
    first = datetime.fromtimestamp(found[0] + _SHOWN_SECONDS, UTC)
    return timestamp(first), timestamp(max(first, datetime.fromtimestamp(found[1], UTC)))


def forget_backup(store: Store, resource_id: str) -> None:
    """Remove the records of a cluster's continuous backup and of its automated snapshots, which are part of it."""
    store.delete("DBClusterAutomatedBackup", resource_id)
    for item in store.all("DBClusterSnapshot"):
        if item["DbClusterResourceId"] == resource_id and item["SnapshotType"] == "automated":
            store.delete("DBClusterSnapshot", item["DBClusterSnapshotIdentifier"])
            store.delete("Tags", item["DBClusterSnapshotArn"])


def new_folder() -> str:
    """The name of a folder for a snapshot's image."""
    return f"snapshot-{random_id(26)}".lower()
