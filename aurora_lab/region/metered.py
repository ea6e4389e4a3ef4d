"""What a lab cluster did, as the usage that `models.billing` prices: from the region's ledger and metric series.

Metric series come from whoever can give them (`MetricSource`; `CloudWatch` is the one there is). Each metric below is
used as soon as the region publishes it, and until then what it measures is "not measured":

    VolumeBytesUsed             bytes, a level             the volume
    VolumeReadIOPs              I/Os of 5 lab minutes      page reads     (FACTS 8.33)
    VolumeWriteIOPs             I/Os of 5 lab minutes      log writes     (FACTS 8.33)
    BackupRetentionPeriodStorageUsed  bytes, a level       automated backups (FACTS 8.36)
    ServerlessDatabaseCapacity  ACU, a level, an instance  serverless     (FACTS 5.21)

Hours are those of the lab clock since the cluster was made; while the region was stopped none passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from aurora_lab.models.curves import Curve
from aurora_lab.models.extended_support import support_on
from aurora_lab.models.usage import ClusterUsage, Instance, Serverless, Span, Support
from aurora_lab.region.client import RegionError
from aurora_lab.region.clock import timestamp
from aurora_lab.region.metrics import NAMESPACE

GB: Final = 1 << 30
"""Bytes of a GB."""
FIVE_MINUTES: Final = Fraction(5, 60)
SERVERLESS = "db.serverless"
DAY_HOURS: Final = 24
NEVER_MEASURED = ("data transfer between application and database (GB)",)
"""What no metric of the region will show."""
Series = Sequence[tuple[datetime, float]]
"""Moments of the real clock, rising, each with a value."""


class MetricSource(Protocol):
    """Where metric series come from."""

    def series(self, metric: str, dimension: str, value: str, start: datetime, end: datetime) -> Series:
        """The samples of one metric of the namespace AWS/RDS, of one cluster (`DBClusterIdentifier`) or instance
        (`DBInstanceIdentifier`); empty where it is not published."""


class CloudWatch:
    """The region's CloudWatch, by a client of botocore's. It keeps nothing over a restart of the region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def series(self, metric: str, dimension: str, value: str, start: datetime, end: datetime) -> Series:
        """As MetricSource.series. Raises RegionError."""
        try:
            found = self._client.get_metric_statistics(
                Namespace=NAMESPACE,
                MetricName=metric,
                Dimensions=[{"Name": dimension, "Value": value}],
                StartTime=start,
                # Samples of the second that is passing are not left out.
                EndTime=end + timedelta(seconds=1),
                Period=1,
                Statistics=["Average"],
            )
        except (BotoCoreError, ClientError) as error:
            raise RegionError(
                f"The region's CloudWatch did not answer ({error}). See `aurora-lab logs`."
            ) from error
        return sorted((item["Timestamp"], float(item["Average"])) for item in found["Datapoints"])


class LabTime:
    """Turns moments of the real clock into lab hours since `begin`."""

    def __init__(self, scales: Sequence[tuple[str, float]], begin: datetime) -> None:
        self._at = [datetime.fromisoformat(at) for at, _ in scales]
        self._scales = [Fraction(scale) for _, scale in scales]
        self.begin = begin
        self._first = self._passed(begin)

    def hours(self, moment: datetime) -> Fraction:
        """Lab hours from `begin` to `moment`; below 0 before."""
        return self._passed(moment) - self._first

    def scales(self, start: datetime, end: datetime) -> list[float]:
        """Which scales the clock had from `start` to `end`, each once; 0, the region stopped, is none of them."""
        first = max(0, bisect_right(self._at, start) - 1)
        used = self._scales[first : bisect_right(self._at, end)]
        return [float(scale) for scale in dict.fromkeys(used) if scale]

    def _passed(self, moment: datetime) -> Fraction:
        """Lab hours since the first note of the clock's scale."""
        total = Fraction(0)
        for number, (at, scale) in enumerate(zip(self._at, self._scales, strict=True)):
            until = self._at[number + 1] if number + 1 < len(self._at) else moment
            seconds = (min(until, moment) - at) / timedelta(microseconds=1)
            total += max(Fraction(0), Fraction(seconds)) / 1_000_000 * scale / 3600
        return total


@dataclass(frozen=True, slots=True)
class Metered:
    """A cluster's usage, and how it was come by."""

    usage: ClusterUsage
    start: Fraction
    """Lab hours, from when the cluster was made."""
    end: Fraction
    scales: tuple[float, ...]
    """How fast the lab clock went."""
    assumed: tuple[str, ...]
    """What was not seen and was taken to be so, a sentence each."""


class UnknownClusterError(Exception):
    """The region has had no such cluster; the message says which it has had."""


def meter(
    ledger: Mapping[str, Any],
    metrics: MetricSource,
    cluster: str,
    *,
    since: datetime | None = None,
    last_hours: Fraction | None = None,
    bytes_now: int | None = None,
) -> Metered:
    """What a cluster did, from when it was made until now, or until nothing is left of it.

    Only `since` a moment, or only the last lab hours. `bytes_now` is the volume's size, for one whose size nobody
    has published yet. Raises UnknownClusterError.
    """
    now = datetime.fromisoformat(ledger["now"])
    note = _cluster_note(ledger, cluster)
    begin = datetime.fromisoformat(note["start"])
    gone = datetime.fromisoformat(note["end"]) if note["end"] else None
    time = LabTime(ledger["scales"], begin)
    looked = _Looked(metrics, time, begin, gone or now)
    notes = [item for item in ledger["instances"] if item["cluster"] == note["id"]]
    volume = looked.level("VolumeBytesUsed", note["cluster"])
    if volume is None and bytes_now is not None:
        volume = Curve.constant(Fraction(bytes_now, GB))
        looked.assumed.append("No size of the volume was published yet: it is taken to be what it is now.")
    usage = ClusterUsage(
        name=note["cluster"],
        instances=tuple(found for item in notes if (found := _instance(item, time)).spans),
        serverless=tuple(
            Serverless(item["instance"], looked.capacity(item))
            for item in notes
            if any(span["class"] == SERVERLESS for span in item["spans"])
        ),
        io_optimized=Curve.steps(
            (time.hours(datetime.fromisoformat(at)), int(kind == "aurora-iopt1"))
            for at, kind in note["storage"]
        ),
        volume=volume,
        reads=looked.rate("VolumeReadIOPs", "page reads", note["cluster"]),
        writes=looked.rate("VolumeWriteIOPs", "log writes", note["cluster"]),
        backups=looked.level("BackupRetentionPeriodStorageUsed", note["cluster"]),
        retention_days=note["retention_days"],
        snapshots=_snapshots(ledger, note, time, volume),
        support=((Fraction(0), _support(note, now)),),
    )
    usage = replace(usage, not_measured=(*looked.missing, *NEVER_MEASURED))
    end = time.hours(_until(ledger, note, now))
    first = max(Fraction(0), time.hours(since)) if since else Fraction(0)
    if last_hours is not None:
        first = max(first, end - last_hours)
    return Metered(usage, min(first, end), end, tuple(time.scales(begin, gone or now)), tuple(looked.assumed))


def _until(ledger: Mapping[str, Any], note: Mapping[str, Any], now: datetime) -> datetime:
    """When the last of it that is billed was gone: a snapshot outlives its cluster."""
    snapshots = [item["end"] for item in ledger["snapshots"] if item["cluster"] == note["id"]]
    ends = [note["end"], *snapshots]
    return now if None in ends else max(map(datetime.fromisoformat, ends))


def _support(note: Mapping[str, Any], now: datetime) -> Support:
    if note["support"].endswith("-disabled"):
        return Support.NONE
    return support_on(int(note["engine_version"].split(".")[0]), now.astimezone(UTC).date())


class _Looked:
    """The curves of one cluster's metrics; what was assumed for want of samples, and what nobody can assume."""

    def __init__(self, metrics: MetricSource, time: LabTime, begin: datetime, end: datetime) -> None:
        self._metrics, self._time, self._begin, self._end = metrics, time, begin, end
        self.assumed: list[str] = []
        self.missing: list[str] = []

    def level(self, metric: str, cluster: str) -> Curve | None:
        """GB, from samples of bytes; the first is taken to hold from the cluster's start."""
        points = [(hour, value / GB) for hour, value in self._samples(metric, "DBClusterIdentifier", cluster)]
        if not points:
            return None
        self._assume(metric, points[0][0])
        return Curve.steps([(Fraction(0), points[0][1]), *points, (self._time.hours(self._end), 0)])

    def rate(self, metric: str, what: str, cluster: str) -> Curve | None:
        """I/Os an hour, from samples that each count those of the 5 lab minutes before (FACTS 8.33)."""
        points: dict[Fraction, Fraction] = {}
        before, covered = Fraction(0), Fraction(0)
        for hour, count in self._samples(metric, "DBClusterIdentifier", cluster):
            start = max(before, hour - FIVE_MINUTES)
            if start < hour:
                points[start] = count / FIVE_MINUTES
                covered += hour - start
            points[hour] = Fraction(0)
            before = hour
        if not points:
            return None
        self._miss(f"{what} of {cluster}", self._time.hours(self._end) - covered)
        return Curve.steps(points.items())

    def capacity(self, note: Mapping[str, Any]) -> Curve | None:
        """ACU of an instance while it was serverless; in each of its spans, the first sample holds from the start."""
        name, metric = note["instance"], "ServerlessDatabaseCapacity"
        samples = self._samples(metric, "DBInstanceIdentifier", name)
        if not samples:
            return None
        points: list[tuple[Fraction, Fraction]] = []
        for span in note["spans"]:
            if span["class"] != SERVERLESS:
                continue
            start, end = (
                _hour(span["start"], self._time),
                _hour(span["end"] or timestamp(self._end), self._time),
            )
            inside = [(hour, acus) for hour, acus in samples if start <= hour < end]
            if inside:
                self._assume(f"{metric} of {name}", inside[0][0] - start)
                points += [(start, inside[0][1]), *inside]
            else:
                self._miss(f"capacity of {name}", end - start)
            points.append((end, Fraction(0)))
        return Curve.steps(points)

    def _samples(self, metric: str, dimension: str, value: str) -> list[tuple[Fraction, Fraction]]:
        found = self._metrics.series(metric, dimension, value, self._begin, self._end)
        return [(max(Fraction(0), self._time.hours(at)), Fraction(each)) for at, each in found]

    def _assume(self, metric: str, late: Fraction) -> None:
        if late > FIVE_MINUTES:
            self.assumed.append(
                f"{metric} was first seen {float(late) * 60:.0f} lab minutes after the start, and is taken to have "
                "been the same before."
            )

    def _miss(self, what: str, hours: Fraction) -> None:
        if hours > 2 * FIVE_MINUTES:
            self.missing.append(
                f"{what} in {float(hours) * 60:.0f} lab minutes (no instance ran then, or the region did not)"
            )


def _cluster_note(ledger: Mapping[str, Any], cluster: str) -> Mapping[str, Any]:
    """The newest cluster of that name."""
    found = [note for note in ledger["clusters"] if note["cluster"] == cluster.lower()]
    if not found:
        names = ", ".join(sorted({note["cluster"] for note in ledger["clusters"]})) or "none"
        raise UnknownClusterError(
            f"There is, and was, no cluster {cluster} in the region. There are: {names}."
        )
    return max(found, key=lambda note: (note["end"] is None, note["start"]))


def _instance(note: Mapping[str, Any], time: LabTime) -> Instance:
    """Its spans with provisioned classes."""
    spans = [
        Span(_hour(span["start"], time), _hour(span["end"], time) if span["end"] else None, span["class"])
        for span in note["spans"]
        if span["class"] != SERVERLESS
    ]
    return Instance(note["instance"], tuple(spans))


def _snapshots(
    ledger: Mapping[str, Any], cluster: Mapping[str, Any], time: LabTime, volume: Curve | None
) -> Curve | None:
    """Each manual snapshot at the size that the volume had when it was made, from when the retention period has
    left it behind, or the cluster is gone (FACTS 8.36)."""
    total = Curve()
    for note in ledger["snapshots"]:
        if note["cluster"] != cluster["id"]:
            continue
        made = _hour(note["start"], time)
        begin = made + cluster["retention_days"] * DAY_HOURS
        if cluster["end"]:
            begin = min(begin, max(made, _hour(cluster["end"], time)))
        end = _hour(note["end"], time) if note["end"] else None
        if volume is None:
            return None
        total = total.plus(Curve.constant(volume.at(made), begin, end))
    return total


def _hour(at: str, time: LabTime) -> Fraction:
    return time.hours(datetime.fromisoformat(at))
