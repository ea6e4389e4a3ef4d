"""Log only against page writes: Table 1 of the 2017 paper (FACTS 2.1, 2.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.write_path import (
    MIB,
    PAPER_IOS,
    PAPER_SECONDS,
    PAPER_TRANSACTIONS,
    Comparison,
    LogOnly,
    PageWrites,
    Workload,
    table_1,
)

AURORAS_RATE = PAPER_TRANSACTIONS["Aurora"] / PAPER_SECONDS


def test_the_papers_own_arithmetic() -> None:
    paper = Comparison(PAPER_IOS["mirrored MySQL"], PAPER_IOS["Aurora"])
    assert paper.at_the_database == pytest.approx(7.79, abs=0.01)
    assert int(paper.at_a_storage_node) == 46
    assert round(PAPER_TRANSACTIONS["Aurora"] / PAPER_TRANSACTIONS["mirrored MySQL"]) == 35


def test_the_model_comes_to_the_papers_figures() -> None:
    model = table_1()
    assert model.page_ios == pytest.approx(PAPER_IOS["mirrored MySQL"], rel=0.03)
    assert model.log_ios == pytest.approx(PAPER_IOS["Aurora"], rel=0.03)
    assert model.at_the_database == pytest.approx(7.79, rel=0.05)
    assert model.at_a_storage_node == pytest.approx(46.7, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_simulation_and_formula_agree(seed: int) -> None:
    assert PageWrites().simulate(seed).total == pytest.approx(PageWrites().ios().total, rel=0.03)
    simulated = LogOnly().simulate(AURORAS_RATE, seed)
    assert simulated.total == pytest.approx(LogOnly().ios(AURORAS_RATE).total, rel=0.06)


def test_the_same_seed_gives_the_same_run() -> None:
    assert PageWrites().simulate(1) == PageWrites().simulate(1) != PageWrites().simulate(2)


@given(st.floats(1, 1e5), st.floats(1.1, 10))
def test_more_load_fills_the_buffers_better(rate: float, times: float) -> None:
    assert LogOnly().ios(rate * times).total < LogOnly().ios(rate).total


def test_a_lonely_transaction_goes_to_all_copies_of_each_group_that_it_changes() -> None:
    one_group = LogOnly(Workload(data_bytes=LogOnly().group_bytes))
    assert one_group.simulate(rate=1, seed=3, seconds=200).total == pytest.approx(6, rel=0.02)


@given(st.floats(1, 1e5))
def test_more_log_saves_page_writes_and_no_log_writes(capacity: float) -> None:
    less, more = (replace(PageWrites(), log_capacity=each * MIB).ios() for each in (capacity, 2 * capacity))
    assert more.pages < less.pages
    assert more.log == less.log


def test_six_copies_cost_less_than_pages() -> None:
    # Even without sharing buffers between as many groups: the pages are what costs.
    pages = PageWrites().ios()
    assert pages.pages > pages.log + pages.binary_log + pages.double_write
    assert LogOnly(copies=6).ios(AURORAS_RATE).total < pages.total
