"""Who becomes the writer: Aurora's order of promotion (FACTS 4.9, 4.10).

1. The reader with the lowest promotion tier goes first.
2. Within a tier, the largest instance goes first.
3. What is still equal is decided arbitrarily; here by identifier, so that a run can be repeated.
4. After five failed attempts in that order the tiers are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ATTEMPTS_BY_TIER = 5
"""Failed attempts after which the tiers no longer count (FACTS 4.10)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reader that could be promoted."""

    identifier: str
    tier: int
    memory: int
    """Bytes of memory of its instance class: its size."""


def promotion_order(candidates: Iterable[Candidate], failed_attempts: int = 0) -> list[Candidate]:
    """The candidates, the first to be promoted first."""
    tiers_count = failed_attempts < ATTEMPTS_BY_TIER
    return sorted(
        candidates,
        key=lambda candidate: (candidate.tier if tiers_count else 0, -candidate.memory, candidate.identifier),
    )
