"""A waiter asks every 30 seconds; here it is answered as soon as there is something to say.

Only a call that says of itself that a waiter makes it is held back: a learner who describes a cluster by
hand sees `creating` while it is being created.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.waiting import hold
from aurora_lab.region.store import Document
from aurora_lab.region.worker import SETTLED

if TYPE_CHECKING:
    from aurora_lab.region.api.context import RequestContext
    from aurora_lab.region.core import Region

HOLD_SECONDS = 20.0
"""Under the 60 s for which botocore waits for an answer."""


def wait_until_settled(
    region: Region, context: RequestContext, found: Callable[[], list[Document]], status: str
) -> None:
    """Hold a waiter's call until no document that it asks for is in a passing status, 20 s at most."""

    def settled() -> bool:
        try:
            return all(document[status] in SETTLED for document in found())
        except AwsError:
            return True  # It is gone: the call itself will say so.

    hold(context, settled, region.changed, HOLD_SECONDS)
