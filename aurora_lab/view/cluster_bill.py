"""The bill of a cluster of the running region, as far as the region has measured what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from aurora_lab.models.bill import Bill
from aurora_lab.models.billing import bill
from aurora_lab.models.break_even import BreakEven, break_even
from aurora_lab.models.price_book import PriceBook
from aurora_lab.region import client
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home
from aurora_lab.region.metered import CloudWatch, Metered, MetricSource, meter

if TYPE_CHECKING:
    from aurora_lab.region.home import RegionInfo


@dataclass(frozen=True, slots=True)
class ClusterBill:
    """A cluster's usage and its price."""

    metered: Metered
    bill: Bill
    break_even: BreakEven


def cluster_bill(
    home: Home,
    cluster: str,
    book: PriceBook,
    *,
    metrics: MetricSource | None = None,
    since: datetime | None = None,
    last_hours: Fraction | None = None,
) -> ClusterBill:
    """Price what a cluster has done, also one that is deleted, at `book`'s prices.

    `since` a moment of the real clock, or its last lab hours. `metrics` are the region's CloudWatch unless given.
    Raises RegionError, UnknownClusterError, PriceBookError.
    """
    ledger = client.ask(home, "ledger")
    if metrics is None:
        info = home.info()
        assert info is not None, "it has just answered"
        metrics = CloudWatch(_cloudwatch(info))
    metered = meter(
        ledger, metrics, cluster, since=since, last_hours=last_hours, bytes_now=_bytes_now(home, cluster)
    )
    parts = (book, metered.usage, metered.start, metered.end)
    return ClusterBill(metered, bill(*parts), break_even(*parts))


def _bytes_now(home: Home, cluster: str) -> int | None:
    for item in client.look(home)["clusters"]:
        if item["id"] == cluster.lower() and (volume := item.get("volume")):
            # 0: it has not been counted yet.
            return int(volume["bytes_used"]) or None
    return None


def _cloudwatch(info: RegionInfo) -> Any:
    import botocore.session  # noqa: PLC0415 - it takes its time
    from botocore.config import Config  # noqa: PLC0415

    return botocore.session.Session().create_client(
        "cloudwatch",
        region_name=info.region,
        endpoint_url=info.url,
        aws_access_key_id=DUMMY_KEY,
        aws_secret_access_key=DUMMY_SECRET,
        config=Config(proxies={}),
    )
