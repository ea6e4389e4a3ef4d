"""The zone: which instances each endpoint's name leads to, as the authoritative name server says it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aurora_lab.endpoints.names import normal


@dataclass(frozen=True, slots=True)
class Target:
    """One instance that a name may lead to, and where its server listens."""

    instance: str
    host: str
    """An IP address."""
    port: int


@dataclass(frozen=True, slots=True)
class Record:
    """One name of the zone. With several targets, each answer is one of them at random (FACTS 3.10)."""

    name: str
    targets: tuple[Target, ...]
    fallback: str = ""
    """Why nothing is behind the name, where `targets` is empty: a clause for the person who connects, such as
    `cluster shop is stopped`."""


class Zone:
    """The region's names. Safe to share between threads."""

    def __init__(self) -> None:
        self._records: Mapping[str, Record] = {}

    def replace(self, records: Mapping[str, Record]) -> None:
        """Make `records`, by name, the whole zone. A reader sees the old zone or the new, never a mixture."""
        self._records = {normal(name): record for name, record in records.items()}

    def find(self, name: str) -> Record | None:
        """The record of a name in upper or lower case, or None."""
        return self._records.get(normal(name))

    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self._records))
