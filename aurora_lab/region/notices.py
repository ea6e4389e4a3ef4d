"""Events, told with AWS's own ids, categories and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_lab.region.rds.event_texts import EVENTS, MULTI_AZ_EVENTS

if TYPE_CHECKING:
    from aurora_lab.region.core import Region


def notify(region: Region, event_id: str, identifier: str, **values: str) -> None:
    """Add the event `event_id` about the resource `identifier` to the event log.

    An event whose text is not known is not made up: nothing is logged for it.
    """
    known = EVENTS.get(event_id) or MULTI_AZ_EVENTS.get(event_id)
    if known is not None:
        message = known.text.format(**values)
        region.add_event(known.source_type, identifier, list(known.categories), message, event_id)
