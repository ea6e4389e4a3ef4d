"""How far Aurora's readers are behind their writer: one setting of the lab for all clusters of the region.

On Aurora the lag is that of a reader's page cache, usually much less than 100 ms, typically 20 ms or less (FACTS
1.15). A reader here has a server of its own that is only some milliseconds behind. So that the lag can be seen at
all, and made long where a lesson needs it, readers show a commit only so long after it was made. It is in real
milliseconds: the lab clock does not change it. RDS read replicas are as far behind as they happen to be.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from aurora_lab.cluster.types import ClusterError

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

DEFAULT_MS = 20
MOST_MS = 60_000


class ReplicaLagError(Exception):
    """A lag that cannot be; the message says what can."""


def replica_lag(region: Region) -> int:
    """Milliseconds after which a reader shows a commit."""
    return int((region.store.get("Region", "replica-lag") or {}).get("milliseconds", DEFAULT_MS))


def set_replica_lag(region: Region, milliseconds: object) -> int:
    """Set it, now and for all later starts; every reader that runs takes it up. Raises ReplicaLagError."""
    if type(milliseconds) is not int or not 0 <= milliseconds <= MOST_MS:
        raise ReplicaLagError(
            f"The lag of the readers is a whole number of milliseconds from 0 to {MOST_MS}."
        )
    region.store.put("Region", "replica-lag", {"milliseconds": milliseconds})
    for cluster in region.store.all("DBCluster"):
        # A server that does not answer now takes it up when it is next led to its writer.
        with suppress(ClusterError):
            region.worker_of(cluster).plane.set_replica_lag(milliseconds)
    return milliseconds
