"""JSON documents of the JSON protocols: values to and from what a shape says they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from aurora_lab.region.api.codec.scalars import (
    BITS,
    WANTED,
    NotOfTypeError,
    blob_from,
    blob_to,
    finite,
    plain,
    time_from,
    time_to,
    whole_number,
)
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.validation import InvalidInputError, Path, Problem

Decoder = Callable[[Any, Any, Path], Any]

DEPTH = 64
"""Levels of nesting, at most; some shapes contain themselves."""


def load(body: bytes) -> Any:
    """A request's body; nothing is an empty object. Raises AwsError where it is no JSON."""
    if not body:
        return {}
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The request's body is not valid JSON in UTF-8.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def decode(shape: Any, value: Any, path: Path = ()) -> Any:
    """A value of a JSON document as its shape's type. Members that are null or unknown are left out.

    Raises InvalidInputError.
    """
    if len(path) > DEPTH:
        raise InvalidInputError(Problem(path[:3], "type", "...", f"nested at most {DEPTH} levels deep"))
    decoder: Decoder = _DECODERS.get(shape.type_name, _text)
    try:
        return decoder(shape, value, path)
    except NotOfTypeError as error:
        raise InvalidInputError(Problem(path, "type", value, WANTED[shape.type_name])) from error


def _structure(shape: Any, value: Any, path: Path) -> Any:
    if shape.is_document_type:
        return value
    if not isinstance(value, dict):
        raise NotOfTypeError
    parsed = {}
    for name, member in shape.members.items():
        item = value.get(member.serialization.get("name", name))
        if item is not None:
            parsed[name] = decode(member, item, (*path, name))
    return parsed


def _list(shape: Any, value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise NotOfTypeError
    return [decode(shape.member, item, (*path, at)) for at, item in enumerate(value, start=1)]


def _map(shape: Any, value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotOfTypeError
    return {
        decode(shape.key, key, (*path, "key")): decode(shape.value, item, (*path, plain(key)))
        for key, item in value.items()
    }


def _integer(shape: Any, value: Any, _path: Path) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotOfTypeError
    return whole_number(shape.type_name, value)


def _float(_shape: Any, value: Any, _path: Path) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise NotOfTypeError
    try:
        return finite(float(value))
    except OverflowError as error:
        raise NotOfTypeError from error


def _boolean(_shape: Any, value: Any, _path: Path) -> bool:
    if not isinstance(value, bool):
        raise NotOfTypeError
    return value


def _timestamp(shape: Any, value: Any, _path: Path) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise NotOfTypeError
    given = shape.serialization.get("timestampFormat")
    return time_from(value, given or ("iso8601" if isinstance(value, str) else "unixtimestamp"))


def _blob(_shape: Any, value: Any, _path: Path) -> bytes:
    return blob_from(_text(_shape, value, _path))


def _text(_shape: Any, value: Any, _path: Path) -> str:
    if not isinstance(value, str):
        raise NotOfTypeError
    return plain(value)


_DECODERS: dict[str, Decoder] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    **dict.fromkeys(BITS, _integer),
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


def encode(shape: Any, value: Any) -> Any:
    """A provider's value as JSON has it. What is None or not in the shape is left out."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return value
        return {
            member.serialization.get("name", name): encode(member, item)
            for name, member in shape.members.items()
            if (item := value.get(name)) is not None
        }
    if kind == "list":
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            raise TypeError(f"{shape.name} must be a list, not {type(value).__name__}")
        return [None if item is None else encode(shape.member, item) for item in value]
    if kind == "map":
        return {key: encode(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return time_to(value, shape.serialization.get("timestampFormat", "unixtimestamp"))
    return blob_to(value) if kind == "blob" else value
