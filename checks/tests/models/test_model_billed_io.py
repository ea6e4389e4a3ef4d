"""How I/O is counted for the bill: the fact table's examples, and what must hold for any load."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.billed_io import LOG_UNIT_BYTES, write_units


@pytest.mark.parametrize(
    ("writes", "log_bytes", "billed"),
    [
        (1, 1024, 1),  # a record of 1,024 bytes alone
        (1, 4097, 2),  # one of more than a unit
        (1, 50 + 3000, 1),  # two small ones that are written together
        (2, 50 + 3000, 2),  # the same, one after the other
        (0, 0, 0),
        (3, 0, 0),  # nothing of a record was written
    ],
)
def test_the_guides_examples(writes: int, log_bytes: int, billed: int) -> None:
    """FACTS 8.31."""
    assert write_units(writes, log_bytes) == billed


@given(st.lists(st.integers(1, 100_000), max_size=20))
def test_never_less_than_the_writes_nor_than_the_bytes_nor_more_than_both(sizes: list[int]) -> None:
    exact = sum(-(-size // LOG_UNIT_BYTES) for size in sizes)
    counted = write_units(len(sizes), sum(sizes))
    assert max(len(sizes), sum(sizes) / LOG_UNIT_BYTES) <= counted <= exact


def test_negative_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        write_units(-1, 0)
