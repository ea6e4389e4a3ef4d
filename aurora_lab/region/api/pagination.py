"""Pages of long answers: providers return everything, botocore's paginators say where to cut it."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.model import OperationModel

from aurora_lab.region.api.models import paginators, service_model
from aurora_lab.region.api.validation import InvalidInputError, Problem

RDS_LIMITS = (20, 100, 100)
"""The smallest, the largest and the usual page of an RDS operation whose documentation says nothing else."""
OTHER_DEFAULT = 50

TAGS = re.compile(r"<[^>]*>")
LOW = re.compile(r"[Mm]inimum(?: of)? (\d+)")
HIGH = re.compile(r"(?:maximum|exceed) (\d+)")
USUAL = re.compile(r"Default: (\d+)")
BETWEEN = re.compile(r"between 1 and (\d+)")


@dataclass(frozen=True, slots=True)
class Pages:
    """How one operation is paged."""

    operation: str
    marker: str
    """The parameter that says where to go on, `Marker`."""
    limit: str
    """The parameter that says how many, `MaxRecords`; may be empty."""
    next_marker: tuple[str, ...]
    """Where the output says where to go on."""
    items: tuple[str, ...]
    """Where the output's list is."""
    low: int
    high: int
    usual: int

    def window(self, parameters: Mapping[str, Any]) -> tuple[int, int]:
        """First item and number of items asked for. Raises InvalidInputError."""
        size = parameters.get(self.limit, self.usual)
        if not self.low <= size <= self.high:
            raise InvalidInputError(Problem((self.limit,), "range", size, low=self.low, high=self.high))
        marker = parameters.get(self.marker)
        if marker is None:
            return 0, size
        start = self._start(marker)
        if start is None:
            raise InvalidInputError(Problem((self.marker,), "marker", marker))
        return start, size

    def cut(self, output: dict[str, Any], start: int, size: int) -> dict[str, Any]:
        """The page of an output. An output that names its next page already is left alone."""
        holder = _holder(output, self.items)
        items = holder.get(self.items[-1])
        if _holder(output, self.next_marker).get(self.next_marker[-1]) or not isinstance(items, list):
            return output
        if start == 0 and len(items) <= size:
            return output
        page = _put(output, self.items, items[start : start + size])
        if start + size < len(items):
            page = _put(page, self.next_marker, self._marker(start + size))
        return page

    def _marker(self, start: int) -> str:
        text = f"{start}:{self.operation}".encode()
        return base64.urlsafe_b64encode(zlib.crc32(text).to_bytes(4) + text).decode("ascii")

    def _start(self, marker: str) -> int | None:
        try:
            data = base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        start, _, operation = data[4:].partition(b":")
        if data[:4] != zlib.crc32(data[4:]).to_bytes(4) or operation != self.operation.encode():
            return None
        return int(start) if start.isdigit() and len(start) < 10 else None


@lru_cache(maxsize=512)
def pages_of(service: str, operation: str) -> Pages | None:
    """How an operation is paged, or None. Of outputs that are not lists (log files) the provider takes care."""
    model = service_model(service).operation_model(operation)
    known = paginators(service).get(operation)
    if known is None or "more_results" in known:
        known = _unlisted(model) if known is None else None
    if known is None:
        return None
    marker, items = _first(known["input_token"]), _first(known["result_key"])
    limit = known.get("limit_key", "")
    low, high, usual = _limits(service, model, limit)
    output = tuple(_first(known["output_token"]).split("."))
    return Pages(operation, marker, limit, output, tuple(items.split(".")), low, high, usual)


def _unlisted(model: OperationModel) -> dict[str, Any] | None:
    """Some operations have pages but no paginator (DescribeDBShardGroups)."""
    given: Any = model.input_shape.members if model.input_shape else {}
    output: Any = model.output_shape.members if model.output_shape else {}
    lists = [name for name, shape in output.items() if shape.type_name == "list"]
    if {"Marker", "MaxRecords"} <= set(given) and "Marker" in output and len(lists) == 1:
        return {
            "input_token": "Marker",
            "output_token": "Marker",
            "limit_key": "MaxRecords",
            "result_key": lists[0],
        }
    return None


def _limits(service: str, model: OperationModel, limit: str) -> tuple[int, int, int]:
    members: Any = model.input_shape.members if model.input_shape else {}
    if limit not in members:
        return 1, 1 << 30, OTHER_DEFAULT
    shape = members[limit]
    # RDS and Application Auto Scaling state the range in their documentation only.
    text = TAGS.sub("", shape.documentation)
    if service != "rds":
        most = int(between[1]) if (between := BETWEEN.search(text)) else shape.metadata.get("max", 1 << 30)
        return 1, most, min(OTHER_DEFAULT, most)
    found = [expression.search(text) for expression in (LOW, HIGH, USUAL)]
    low, high, usual = (int(f[1]) if f else d for f, d in zip(found, RDS_LIMITS, strict=True))
    return low, high, usual


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else value[0]


def _holder(output: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for step in path[:-1]:
        output = output.get(step) or {}
    return output


def _put(output: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**output, path[0]: value}
    return {**output, path[0]: _put(output.get(path[0]) or {}, path[1:], value)}
