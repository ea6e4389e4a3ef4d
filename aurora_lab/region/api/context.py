"""What a provider learns about a request besides its parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aurora_lab.region.api.waiting import Holds

METRICS = re.compile(r"(?:^|\s)m/([A-Za-z0-9,+/-]+)")
WAITER_METRIC = "B"
"""What every AWS SDK that counts its features calls a waiter (botocore's `useragent` module names them)."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request to one operation."""

    service: str
    """By botocore's name: `rds`."""
    region: str
    account: str
    operation: str
    """As in the model: `DescribeDBClusters`."""
    request_id: str = ""
    user_agent: str = ""
    waiter: bool = False
    """Whether a waiter of an SDK or of the AWS CLI asks, and not a person."""
    holds: Holds = field(default_factory=Holds, repr=False, compare=False)


def is_waiter(user_agent: str) -> bool:
    """Whether the User-Agent says that a waiter calls: the features used stand in it as `m/B,E,b`."""
    found = METRICS.search(user_agent)
    return found is not None and WAITER_METRIC in found[1].split(",")
