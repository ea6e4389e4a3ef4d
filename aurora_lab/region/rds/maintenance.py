"""Pending maintenance: there is none, for nobody patches the lab's servers behind a learner's back."""

from __future__ import annotations

from typing import Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import Filters, RegionLike, bad_value, filtered
from aurora_lab.region.rds.tags import resource_exists
from aurora_lab.region.store import Document

ACTIONS = ("ca-certificate-rotation", "db-upgrade", "hardware-maintenance", "os-upgrade", "system-update")
OPT_IN_TYPES = ("immediate", "next-maintenance", "undo-opt-in")


class MaintenanceActions:
    """DescribePendingMaintenanceActions and ApplyPendingMaintenanceAction."""

    region: RegionLike

    def describe_pending_maintenance_actions(
        self,
        _context: object,
        *,
        ResourceIdentifier: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """An empty list. Raises ResourceNotFoundFault, InvalidParameterValue."""
        filtered([], Filters, {"db-cluster-id": _nothing, "db-instance-id": _nothing})
        if ResourceIdentifier is not None:
            self._check_exists(ResourceIdentifier)
        return {"PendingMaintenanceActions": []}

    def apply_pending_maintenance_action(
        self, _context: object, *, ResourceIdentifier: str, ApplyAction: str, OptInType: str
    ) -> Document:
        """Raises InvalidParameterValue and, as nothing is ever pending, ResourceNotFoundFault."""
        if ApplyAction not in ACTIONS:
            raise bad_value(f"Invalid value {ApplyAction} for parameter ApplyAction: {' | '.join(ACTIONS)}")
        if OptInType not in OPT_IN_TYPES:
            raise bad_value(f"Invalid value {OptInType} for parameter OptInType: {' | '.join(OPT_IN_TYPES)}")
        self._check_exists(ResourceIdentifier)
        raise fault(
            "ResourceNotFoundFault",
            f"No {ApplyAction} maintenance action is pending for {ResourceIdentifier}.",
        )

    def _check_exists(self, arn: str) -> None:
        if not resource_exists(self.region, arn):
            raise fault("ResourceNotFoundFault", f"The resource {arn} was not found.")


def _nothing(_item: Document) -> list[str]:
    return []
