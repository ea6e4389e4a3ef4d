"""What is wrong with a request's parameters, by the service's model; the protocols put it into words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.model import Shape

Path = tuple[str | int, ...]
"""Names of members and positions in lists, counted from 1."""

ENUM_SHOWN = 40
"""How many allowed values a message names; no AWS message lists hundreds."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    path: Path
    rule: str
    """`required`, `type`, `range`, `length`, `enum`, `pattern`, `union`, `marker`."""
    value: Any = None
    wanted: str = ""
    """What would be right, in words (`type`), as a list (`enum`), or a regular expression (`pattern`)."""
    low: int | None = None
    high: int | None = None


class InvalidInputError(Exception):
    """A request's parameters break the service's model."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems


def validate(parameters: dict[str, Any], shape: Shape | None) -> None:
    """Raises InvalidInputError with all that is wrong."""
    if shape is not None and (problems := tuple(check(shape, parameters, ()))):
        raise InvalidInputError(*problems)


def check(shape: Any, value: Any, path: Path) -> Iterator[Problem]:
    """What is wrong with a value that is already of its shape's type."""
    kind = shape.type_name
    if kind == "structure":
        yield from _check_structure(shape, value, path)
    elif kind == "list":
        yield from _check_size("length", shape, len(value), value, path)
        for position, item in enumerate(value, start=1):
            yield from check(shape.member, item, (*path, position))
    elif kind == "map":
        yield from _check_size("length", shape, len(value), value, path)
        for key, item in value.items():
            yield from check(shape.key, key, (*path, key))
            yield from check(shape.value, item, (*path, key))
    elif kind in ("string", "character"):
        yield from _check_text(shape, value, path)
    elif kind == "blob":
        yield from _check_size("length", shape, len(value), value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _check_size("range", shape, value, value, path)


def _check_structure(shape: Any, value: dict[str, Any], path: Path) -> Iterator[Problem]:
    if shape.is_document_type:
        return
    if shape.is_tagged_union and len(value) != 1:
        yield Problem(path, "union", value, ", ".join(shape.members))
    for name in shape.required_members:
        if name not in value:
            yield Problem((*path, name), "required")
    for name, item in value.items():
        yield from check(shape.members[name], item, (*path, name))


def _check_text(shape: Any, value: str, path: Path) -> Iterator[Problem]:
    if shape.enum and value not in shape.enum:
        yield Problem(path, "enum", value, ", ".join(shape.enum[:ENUM_SHOWN]))
        return
    wrong_size = list(_check_size("length", shape, len(value), value, path))
    yield from wrong_size
    # The length comes first: it bounds what a regular expression may be made to try.
    pattern = shape.metadata.get("pattern")
    if pattern and not wrong_size and not matches(pattern, value):
        yield Problem(path, "pattern", value, pattern)


def _check_size(rule: str, shape: Any, size: float, value: Any, path: Path) -> Iterator[Problem]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    # `not (low <= size)` also refuses NaN.
    if (low is not None and not size >= low) or (high is not None and not size <= high):
        yield Problem(path, rule, value, low=low, high=high)


JAVA_CLASSES = {r"\p{Print}": "[ -~]", r"\p{ASCII}": r"[\x00-\x7f]", r"\p{Alnum}": "[0-9A-Za-z]"}
NESTED_REPETITION = re.compile(r"\(\?:(-\?)(\[[a-zA-Z0-9-]*\])\+\)")
SURROGATE_PAIR = re.compile(r"\\u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of the model, which is written for Java, for Python; None where Python has no such thing.

    `(?:-?[a-z0-9]+)*` tries exponentially many splits of a long text: the inner repetition is made
    possessive, which matches the same texts (a class that has no hyphen ends where the next group starts).
    """
    text = SURROGATE_PAIR.sub(_joined, pattern)
    for java, python in JAVA_CLASSES.items():
        text = text.replace(java, python)
    text = NESTED_REPETITION.sub(_possessive, text)
    try:
        return re.compile(text)
    except re.error:
        return None


def matches(pattern: str, value: str) -> bool:
    """Whether the whole of `value` is what the pattern says; true where Python cannot tell."""
    expression = compiled(pattern)
    return expression is None or expression.fullmatch(value) is not None


def _joined(pair: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in pair.groups())
    return f"\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08x}"


def _possessive(group: re.Match[str]) -> str:
    hyphen, letters = group.groups()
    return group[0] if "-]" in letters or "[-" in letters else f"(?:{hyphen}{letters}++)"
