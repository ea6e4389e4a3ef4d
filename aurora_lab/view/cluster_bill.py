"""The bill of a cluster of the running region, as far as the region has measured what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING, Any

from aurora_lab.models.bill import Bill
from aurora_lab.models.billing import bill
from aurora_lab.models.break_even import BreakEven, break_even
from aurora_lab.models.money import shown
from aurora_lab.models.price_book import PriceBook
from aurora_lab.region import client
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, Home
from aurora_lab.region.metered import CloudWatch, Metered, MetricSource, meter
from aurora_lab.view.bill_picture import bill_image

if TYPE_CHECKING:
    from aurora_lab.region.home import RegionInfo


@dataclass(frozen=True, slots=True)
class ClusterBill:
    """A cluster's usage and its price."""

    metered: Metered
    bill: Bill
    break_even: BreakEven

    def __repr__(self) -> str:
        """Its lines, and what it lacks."""
        fine = self.bill.total < 1
        lines = [f"{self.bill.title}, {float(self.bill.hours):.4g} lab hours: {shown(self.bill.total, fine)}"]
        lines += [
            f"  {shown(line.cost, fine)}  {line.what}: {float(line.quantity):.4g} {line.price.unit}"
            f" at ${line.price.price:f} [{line.price.fact}]"
            for line in self.bill.lines
        ]
        lines += [f"  not measured: {missing}" for missing in self.bill.not_measured]
        return "\n".join([*lines, *(f"  {sentence}" for sentence in self.metered.assumed)])

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """In a notebook: the picture, and the lines below it."""
        drawn = bill_image([self.bill], self.break_even)
        # Between two amounts in dollars JupyterLab would see a formula.
        lines = f'<pre class="mathjax_ignore">{escape(repr(self))}</pre>'
        return {"text/plain": repr(self), "text/html": drawn + lines}


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
    for item in client.ask(home, "live")["clusters"]:
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
