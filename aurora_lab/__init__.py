"""Learn Amazon Aurora, hands on: a local Aurora region and the curriculum that runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aurora_lab.course.lab import Lab

    lab: Lab


def __getattr__(name: str) -> Lab:
    """`from aurora_lab import lab` makes the notebook's lab; the package itself imports nothing."""
    if name == "lab":
        from aurora_lab.course.lab import connect  # noqa: PLC0415 - the package must stay light

        return connect()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
