"""Random values for the shapes of an AWS service's model."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.model import Shape

DEEPEST = 7
"""Levels of nesting; some shapes contain themselves."""

TEXTS = (
    "a",
    "Zoë & <co>",
    "  two  spaces ",
    "100% + =?/#",
    "line\nbreak\tand\rreturn",
    "日本語 😀",
    "'\"",
    "a.b-c_d:e",
)


def full_value(shape: Shape, rng: random.Random, depth: int = 0, *, milliseconds: bool = False) -> Any:
    """A value with every member set, of the right types; it need not keep to lengths and patterns.

    `milliseconds`: no time is finer than that, as in AWS's answers.
    """

    def inner(member: Shape) -> Any:
        return full_value(member, rng, depth + 1, milliseconds=milliseconds)

    kind = shape.type_name
    any_shape: Any = shape
    if kind == "structure":
        if any_shape.is_document_type:
            return {"document": [1, "two", None]}
        members = list(any_shape.members.items())
        if any_shape.is_tagged_union:
            members = [rng.choice(_shallow_first(members) if depth >= DEEPEST - 1 else members)]
        elif depth >= DEEPEST:
            members = [(name, member) for name, member in members if _is_scalar(member)]
        return {name: inner(member) for name, member in members}
    if kind == "list":
        return [] if depth >= DEEPEST else [inner(any_shape.member) for _ in range(rng.randint(1, 3))]
    if kind == "map":
        return {f"{rng.choice(TEXTS[:4])}{n}": inner(any_shape.value) for n in range(rng.randint(1, 3))}
    return scalar(any_shape, rng, milliseconds=milliseconds)


def scalar(shape: Any, rng: random.Random, *, milliseconds: bool = False) -> Any:
    """A single value of a shape's type."""
    kind = shape.type_name
    if kind in ("string", "character"):
        return rng.choice(shape.enum) if shape.enum else rng.choice(TEXTS) + str(rng.randint(0, 99))
    if kind in ("integer", "long"):
        return rng.randint(-(2**31), 2**31 - 1) if kind == "integer" else rng.randint(-(2**63), 2**63 - 1)
    if kind in ("float", "double"):
        return rng.choice([0.5, -1.25, 3.0, 1e-7, 12345.678])
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "blob":
        return rng.randbytes(rng.randint(1, 40))
    if kind == "timestamp":
        moment = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randint(0, 2_000_000_000))
        return moment + timedelta(milliseconds=rng.randint(1, 999) if milliseconds else 0)
    raise AssertionError(f"unknown type {kind}")


def _is_scalar(shape: Shape) -> bool:
    return shape.type_name not in ("structure", "list", "map")


def _shallow_first(members: list[tuple[str, Shape]]) -> list[tuple[str, Shape]]:
    return [item for item in members if _is_scalar(item[1])] or members
