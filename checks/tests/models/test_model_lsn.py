"""The papers' rules for SCL, PGCL, VCL and VDL, with the papers' own examples (FACTS 2.20–2.43)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.lsn import (
    NoReadQuorumError,
    may_acknowledge,
    may_allocate,
    may_evict,
    may_read,
    pgcl,
    proved,
    truncation,
    vcl,
    vdl,
)
from aurora_lab.models.quorum import AURORA, Quorum
from aurora_lab.models.segment import Segment, StaleEpochError
from aurora_lab.models.volume import BackPressureError, NoWriteQuorumError, Volume, Writer

FIGURE_3 = [(lsn, "PG1" if lsn % 2 else "PG2") for lsn in range(101, 107)]
"""Odd LSNs go to one group, even ones to the other."""
LSNS = st.integers(0, 1000)


def test_figure_3_of_the_2018_paper() -> None:
    # 105 has reached three of the six segments of its group, 106 three of its own.
    groups = {"PG1": pgcl([105, 105, 105, 103, 101, 0]), "PG2": pgcl([106, 106, 106, 104, 104, 102])}
    assert groups == {"PG1": 103, "PG2": 104}
    complete = vcl(FIGURE_3, groups, before=100)
    assert complete == 104
    assert complete != min(groups.values())


def test_a_group_with_nothing_outstanding_does_not_hold_the_volume_back() -> None:
    issued = [(101, "PG1"), (102, "PG2"), (103, "PG2")]
    assert vcl(issued, {"PG1": 101, "PG2": 103}) == 103


def test_the_durable_point_of_the_2017_paper() -> None:
    assert vdl([900, 1000, 1100], 1007) == 1000
    cut = truncation(1000, epoch=4)
    assert cut.annuls(1001, epoch=4)
    assert not cut.annuls(1000, epoch=4)
    assert not cut.annuls(1001, epoch=5)
    assert cut.epoch == 5
    assert cut.next_lsn == 1000 + 10_000_000 + 1


def test_no_lsn_runs_away_from_the_durable_point() -> None:
    assert may_allocate(1_000 + 10_000_000, 1_000)
    assert not may_allocate(1_001 + 10_000_000, 1_000)


def test_reads_go_to_a_segment_that_has_all_and_still_has_it() -> None:
    assert may_read(50, scl=50, lowest_read_point=40)
    assert not may_read(51, scl=50, lowest_read_point=40)
    assert not may_read(39, scl=50, lowest_read_point=40)


def test_a_page_is_evicted_once_its_changes_are_durable() -> None:
    assert may_evict(100, 100)
    assert not may_evict(101, 100)


def test_a_commit_waits_for_the_durable_point() -> None:
    assert may_acknowledge(100, 100)
    assert not may_acknowledge(101, 100)


@given(st.lists(LSNS, min_size=6, max_size=6))
def test_pgcl_is_the_highest_that_four_have_reached(scls: list[int]) -> None:
    reached = pgcl(scls)
    assert sum(scl >= reached for scl in scls) >= 4
    assert not any(sum(scl >= higher for scl in scls) >= 4 for higher in scls if higher > reached)


@given(st.lists(LSNS, min_size=6, max_size=6), st.sets(st.integers(0, 5), min_size=3))
def test_any_three_prove_what_four_have(scls: list[int], answering: set[int]) -> None:
    assert proved(scls[number] for number in answering) >= pgcl(scls)


@given(st.lists(LSNS, max_size=3))
def test_too_few_prove_nothing(scls: list[int]) -> None:
    assert pgcl(scls) == 0
    if len(scls) < 3:
        with pytest.raises(NoReadQuorumError, match="3 are needed"):
            proved(scls)


def test_with_a_write_quorum_of_one_three_prove_too_little() -> None:
    # Why such numbers are refused: the copy that has it need not be among those that answer.
    scls = [107, 0, 0, 0, 0, 0]
    acknowledged = sorted(scls)[-1]
    assert proved(scls[1:4]) < acknowledged
    with pytest.raises(ValueError, match="Vr \\+ Vw"):
        Quorum(6, 1, 3)


@given(
    st.lists(
        st.tuples(st.integers(1, 300), st.sampled_from(["PG1", "PG2", "PG3"])), unique_by=lambda i: i[0]
    ),
    st.fixed_dictionaries({"PG1": LSNS, "PG2": LSNS, "PG3": LSNS}),
)
def test_vcl_is_the_highest_below_which_all_is_covered(
    issued: list[tuple[int, str]], pgcls: dict[str, int]
) -> None:
    complete = vcl(issued, pgcls)
    assert all(lsn <= pgcls[group] for lsn, group in issued if lsn <= complete)
    beyond = [(lsn, group) for lsn, group in issued if lsn > complete]
    if beyond:
        lsn, group = min(beyond)
        assert lsn == complete + 1
        assert lsn > pgcls[group]
    else:
        assert complete == max((lsn for lsn, _ in issued), default=0)


def test_six_is_the_most_that_a_group_has() -> None:
    with pytest.raises(ValueError, match="more than"):
        pgcl(range(7), AURORA)


# The same on segments and a writer.


def send(writer: Writer, record: object, numbers: str) -> None:
    for number in numbers:
        writer.send(record, int(number))  # type: ignore[arg-type]


def test_figure_3_played_on_a_volume() -> None:
    volume = Volume(["PG1", "PG2"])
    writer = Writer(volume)
    first, second, third, fourth, fifth, sixth = (writer.issue(page)[0] for page in (0, 1, 0, 1, 0, 1))
    for record in (first, second, third, fourth):
        send(writer, record, "0123")
    send(writer, fifth, "012")
    send(writer, sixth, "012")
    assert (writer.pgcl("PG1"), writer.pgcl("PG2")) == (third.lsn, fourth.lsn)
    assert writer.vcl == fourth.lsn
    send(writer, sixth, "3")
    assert writer.vcl == fourth.lsn
    send(writer, fifth, "3")
    assert writer.vcl == sixth.lsn


def test_a_segment_is_complete_up_to_its_first_gap() -> None:
    volume = Volume(["PG1"])
    writer = Writer(volume)
    records = [writer.issue(0)[0] for _ in range(5)]
    segment, peer = volume.groups["PG1"][:2]
    for record in (records[3], records[0], records[1], records[0]):
        writer.send(record, 0)
    assert segment.scl == records[1].lsn
    assert segment.beyond_a_gap() == [records[3].lsn]
    for record in records:
        writer.send(record, 1)
    assert segment.gossip(peer) == 2
    assert segment.scl == records[4].lsn


def test_a_page_is_made_from_its_own_chain() -> None:
    volume = Volume(["PG1"], pages=3)
    writer = Writer(volume)
    records = [writer.issue(page)[0] for page in (0, 1, 0, 2, 0)]
    for record in records:
        send(writer, record, "0")
    segment = volume.groups["PG1"][0]
    assert [record.lsn for record in segment.page(0, records[3].lsn)] == [records[0].lsn, records[2].lsn]
    with pytest.raises(ValueError, match="complete to"):
        segment.page(0, records[4].lsn + 1)


def test_a_mini_transaction_over_two_groups_is_durable_as_a_whole() -> None:
    volume = Volume(["PG1", "PG2"])
    writer = Writer(volume)
    left, right = writer.issue(0, 1, commit=True)
    send(writer, left, "0123")
    assert writer.vcl == left.lsn
    assert writer.vdl == 0
    assert writer.acknowledge() == []
    send(writer, right, "2345")
    assert writer.acknowledge() == [right.lsn]
    assert writer.acknowledge() == []


def test_recovery_cuts_the_ragged_edge_and_fences_the_old_writer() -> None:
    volume = Volume(["PG1"])
    old = Writer(volume)
    kept = old.issue(0, commit=True)[0]
    send(old, kept, "0123")
    assert old.acknowledge() == [kept.lsn]
    lost = old.issue(0, commit=True)[0]
    late = old.issue(0)[0]
    send(old, late, "5")
    new = Writer(volume, {"PG1": [0, 1, 2, 3]})
    assert new.recovered == kept.lsn
    assert new.epoch == old.epoch + 1
    with pytest.raises(StaleEpochError) as refused:
        old.send(lost, 0)
    assert refused.value.epoch == new.epoch
    # Two segments have not heard of it: they take the old writer's record, which can never reach four.
    send(old, lost, "45")
    assert old.acknowledge() == []
    fresh = new.issue(0, commit=True)[0]
    assert fresh.lsn > late.lsn
    send(new, fresh, "012345")
    assert new.acknowledge() == [fresh.lsn]
    assert {segment.scl for segment in volume.groups["PG1"] if segment.name != "PG14"} >= {fresh.lsn}
    assert all(lost not in segment.complete() for segment in volume.groups["PG1"])


def test_without_a_write_quorum_a_volume_is_repaired_before_it_opens() -> None:
    volume = Volume(["PG1"])
    writer = Writer(volume)
    record = writer.issue(0, commit=True)[0]
    send(writer, record, "0123")
    writer.acknowledge()
    with pytest.raises(NoReadQuorumError):
        Writer(volume, {"PG1": [3, 4]})
    with pytest.raises(NoWriteQuorumError, match="repair"):
        Writer(volume, {"PG1": [3, 4, 5]})
    assert {segment.epoch for segment in volume.groups["PG1"]} == {1}
    volume.rebuild("PG1", 0, peers=[3, 4, 5])
    assert Writer(volume, {"PG1": [0, 3, 4, 5]}).recovered == record.lsn


def test_a_rebuilt_segment_does_not_count_for_what_its_predecessor_had() -> None:
    volume = Volume(["PG1"])
    writer = Writer(volume)
    record = writer.issue(0, commit=True)[0]
    send(writer, record, "01")
    for number in (0, 1):
        volume.rebuild("PG1", number, peers=[2, 3, 4, 5])
    send(writer, record, "23")
    assert writer.acknowledge() == []
    send(writer, record, "01")
    assert writer.acknowledge() == [record.lsn]


def test_the_writer_waits_at_the_allocation_limit() -> None:
    volume = Volume(["PG1"])
    writer = Writer(volume, limit=3)
    records = [writer.issue(0)[0] for _ in range(3)]
    with pytest.raises(BackPressureError):
        writer.issue(0)
    for record in records:
        send(writer, record, "0123")
    assert writer.issue(0)[0].lsn == 4


def test_segments_lie_two_in_each_of_three_azs() -> None:
    zones = [segment.az for segment in Volume(["PG1"]).groups["PG1"]]
    assert zones == ["a", "a", "b", "b", "c", "c"]
    assert Segment("x").epoch == 0
