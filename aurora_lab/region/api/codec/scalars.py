"""Single values: numbers, truth values, timestamps and blobs to and from text and JSON."""

from __future__ import annotations

import base64
import binascii
import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from botocore.model import Shape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BITS = {"integer": 31, "long": 63}

INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
FLOAT = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?")

WANTED = {
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a time such as 2030-01-31T12:00:00Z",
    "blob": "data in Base64",
    "string": "a text without NUL characters",
    "character": "a text without NUL characters",
    "structure": "a structure",
    "list": "a list",
    "map": "a map",
}
"""What a value of each type must be, in words."""


class NotOfTypeError(ValueError):
    """A value is not of its shape's type."""


def from_text(shape: Shape, text: str, time_format: str = "iso8601") -> Any:
    """A value from a form field, a header or a part of a path. Raises NotOfTypeError."""
    kind = shape.type_name
    if kind in BITS:
        if not INTEGER.fullmatch(text):
            raise NotOfTypeError
        return whole_number(kind, int(text))
    if kind in ("float", "double"):
        if not FLOAT.fullmatch(text):
            raise NotOfTypeError
        return finite(float(text))
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise NotOfTypeError
        return text.lower() == "true"
    if kind == "timestamp":
        return time_from(text, shape.serialization.get("timestampFormat", time_format))
    if kind == "blob":
        return blob_from(text)
    return plain(text)


def plain(text: str) -> str:
    """`text`, if PostgreSQL and XML can hold it: no NUL, no half of a surrogate pair. Raises NotOfTypeError."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise NotOfTypeError
    return text


def finite(value: float) -> float:
    """`value`, if it is a number that can be compared. Raises NotOfTypeError."""
    if not math.isfinite(value):
        raise NotOfTypeError
    return value


def whole_number(kind: str, value: int) -> int:
    """`value`, if it fits the type. Raises NotOfTypeError."""
    if not -(2 ** BITS[kind]) <= value < 2 ** BITS[kind]:
        raise NotOfTypeError
    return value


def blob_from(text: str) -> bytes:
    """The bytes that Base64 text stands for. Raises NotOfTypeError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotOfTypeError from error


def time_from(value: str | float, time_format: str) -> datetime:
    """A time in UTC, from text or seconds since 1970. Raises NotOfTypeError."""
    try:
        if time_format.lower() == "unixtimestamp":
            return EPOCH + timedelta(microseconds=round(float(value) * 1_000_000))
        if not isinstance(value, str) or len(value) > 64:
            raise NotOfTypeError
        read = parsedate_to_datetime if time_format.lower() == "rfc822" else datetime.fromisoformat
        moment = read(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise NotOfTypeError from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def moment_of(value: Any) -> datetime:
    """A provider's time (a datetime, ISO 8601 text, or seconds since 1970) as a datetime in UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return time_from(value, "iso8601" if isinstance(value, str) else "unixtimestamp")


def time_to(value: Any, time_format: str) -> str | float:
    """A provider's time as a protocol writes it: to the millisecond, as AWS does."""
    moment = moment_of(value)
    if time_format.lower() == "rfc822":
        return format_datetime(moment.replace(microsecond=0), usegmt=True)
    if time_format.lower() == "unixtimestamp":
        seconds = (moment - EPOCH) // timedelta(milliseconds=1) / 1000
        return int(seconds) if seconds == int(seconds) else seconds
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def to_text(shape: Shape, value: Any, time_format: str = "iso8601") -> str:
    """A provider's value as text for XML or a header."""
    kind = shape.type_name
    if kind == "timestamp":
        return str(time_to(value, shape.serialization.get("timestampFormat", time_format)))
    if isinstance(value, (bool, bytes)):
        return blob_to(value) if isinstance(value, bytes) else ("true" if value else "false")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return str(value)


def blob_to(value: bytes | str) -> str:
    """Base64 of a provider's bytes."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode("ascii")
