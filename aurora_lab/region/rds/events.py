"""DescribeEvents and DescribeEventCategories: the region's event log, as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aurora_lab.region.rds.common import Filters, RegionLike, bad_combination, bad_value, no_filters
from aurora_lab.region.rds.event_texts import CATEGORIES
from aurora_lab.region.store import Document

DEFAULT_DURATION = timedelta(minutes=60)
"""API `DescribeEvents.Duration`."""
KEPT = timedelta(days=14)
"""How far back events can be asked for (API `DescribeEvents`)."""
SHOWN = ("SourceIdentifier", "SourceType", "Message", "EventCategories", "SourceArn")


class EventActions:
    """What has happened in this region."""

    region: RegionLike

    def describe_events(
        self,
        _context: object,
        *,
        SourceIdentifier: str | None = None,
        SourceType: str | None = None,
        StartTime: datetime | str | None = None,
        EndTime: datetime | str | None = None,
        Duration: int | None = None,
        EventCategories: Sequence[str] | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """The last hour, unless times are given; oldest first.

        Raises InvalidParameterCombination (an identifier without its type, an end before the start) and
        InvalidParameterValue.
        """
        no_filters(Filters)
        if SourceIdentifier is not None and SourceType is None:
            raise bad_combination("SourceType must be specified when SourceIdentifier is specified.")
        start, end = self._interval(StartTime, EndTime, Duration)
        events = [
            {**{name: event[name] for name in SHOWN}, "Date": event["at"]}
            for event in self.region.store.events()
            if start <= _moment(event["at"]) <= end
            and SourceType in (None, event["SourceType"])
            and (SourceIdentifier is None or event["SourceIdentifier"] == SourceIdentifier.lower())
            and (not EventCategories or set(EventCategories) & set(event["EventCategories"]))
        ]
        return {"Events": events}

    def describe_event_categories(
        self,
        _context: object,
        *,
        SourceType: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """The categories of each source type of Aurora's. Raises InvalidParameterValue."""
        no_filters(Filters)
        if SourceType is not None and SourceType not in CATEGORIES:
            raise bad_value(
                f"Invalid value {SourceType} for parameter SourceType: it must be one of "
                f"{', '.join(sorted(CATEGORIES))}."
            )
        return {
            "EventCategoriesMapList": [
                {"SourceType": source, "EventCategories": list(categories)}
                for source, categories in CATEGORIES.items()
                if SourceType in (None, source)
            ]
        }

    def _interval(
        self, start: datetime | str | None, end: datetime | str | None, minutes: int | None
    ) -> tuple[datetime, datetime]:
        if minutes is not None and minutes < 1:
            raise bad_value(f"Invalid value {minutes} for parameter Duration: it must be at least 1 minute.")
        now = _moment(self.region.now())
        last = _moment(end) if end is not None else now
        # The duration counts back from the end, and only where no start is given.
        length = min(timedelta(minutes=minutes), KEPT) if minutes is not None else DEFAULT_DURATION
        first = _moment(start) if start is not None else last - length
        if first > last:
            raise bad_combination("StartTime must be earlier than EndTime.")
        return max(first, now - KEPT), last


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
