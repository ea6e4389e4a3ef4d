"""All RDS actions that this region implements, as one provider for the API's front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_lab.region.rds.account import AccountActions
from aurora_lab.region.rds.certificates import CertificateActions
from aurora_lab.region.rds.cluster_deletion import ClusterDeletionActions
from aurora_lab.region.rds.cluster_endpoints import ClusterEndpointActions
from aurora_lab.region.rds.clusters import ClusterActions
from aurora_lab.region.rds.database_actions import DatabaseActions
from aurora_lab.region.rds.database_offer import OfferActions
from aurora_lab.region.rds.engines import EngineActions
from aurora_lab.region.rds.events import EventActions
from aurora_lab.region.rds.maintenance import MaintenanceActions
from aurora_lab.region.rds.parameters import ParameterActions
from aurora_lab.region.rds.restores import RestoreActions
from aurora_lab.region.rds.snapshots import SnapshotActions
from aurora_lab.region.rds.subnets import SubnetGroupActions
from aurora_lab.region.rds.tags import TagActions

if TYPE_CHECKING:
    from aurora_lab.region.core import Region


class RdsProvider(
    ClusterActions,
    ClusterDeletionActions,
    SnapshotActions,
    RestoreActions,
    DatabaseActions,
    ClusterEndpointActions,
    ParameterActions,
    EngineActions,
    OfferActions,
    SubnetGroupActions,
    TagActions,
    EventActions,
    CertificateActions,
    AccountActions,
    MaintenanceActions,
):
    """One method for each operation; one that has no method is answered as not implemented."""

    region: Region

    def __init__(self, region: Region) -> None:
        self.region = region
