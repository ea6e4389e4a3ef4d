"""Quorum rules: Aurora's numbers, replacements of members, full and tail segments (FACTS 1.4, 1.5, 2.50–2.56)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.models.quorum import (
    AURORA,
    AZ_IS_GONE,
    FULL_AND_TAIL_READ,
    FULL_AND_TAIL_WRITE,
    TWO_OF_THREE,
    AtLeast,
    Both,
    Either,
    Membership,
    Quorum,
    QuorumError,
    always_meet,
)

AZ_OF = {"A": "a", "B": "a", "C": "b", "D": "b", "E": "c", "F": "c"}
ALL = frozenset(AZ_OF)


def test_an_az_lost_leaves_writes_an_az_and_one_more_leaves_reads() -> None:
    group = Membership.of("ABCDEF")
    for zone in "abc":
        left = {name for name, az in AZ_OF.items() if az != zone}
        assert group.write.met_by(left)
        for one_more in left:
            assert not group.write.met_by(left - {one_more})
            assert group.read.met_by(left - {one_more})


def test_two_of_three_does_not_survive_an_az_and_one_more() -> None:
    assert TWO_OF_THREE.can_read(2)
    assert not TWO_OF_THREE.can_read(1)
    assert AURORA.can_read(3)


def test_spare_copies_are_those_of_the_paper() -> None:
    assert (AURORA.spare_for_writes, AURORA.spare_for_reads) == (2, 3)
    assert AZ_IS_GONE.spare_for_writes == 1


@given(st.integers(1, 12), st.integers(0, 13), st.integers(0, 13))
def test_numbers_are_taken_exactly_where_all_quorums_meet(copies: int, write: int, read: int) -> None:
    names = "ABCDEFGHIJKL"[:copies]
    possible = 1 <= write <= copies and 1 <= read <= copies
    safe = possible and all(
        always_meet(AtLeast.among(write, names), AtLeast.among(other, names)) for other in (write, read)
    )
    if safe:
        assert Quorum(copies, write, read).write == write
    else:
        with pytest.raises(QuorumError):
            Quorum(copies, write, read)


def test_a_replacement_is_the_papers_and_can_be_taken_back() -> None:
    settled = Membership.of("ABCDEF", epoch=7)
    step = settled.replacing("F", "G")
    assert step.epoch == 8
    assert step.write == Both(AtLeast.among(4, "ABCDEF"), AtLeast.among(4, "ABCDEG"))
    assert step.read == Either(AtLeast.among(3, "ABCDEF"), AtLeast.among(3, "ABCDEG"))
    # I/O never stops: the four that were never in doubt are enough for both groups.
    assert step.write.met_by("ABCD")
    # Whichever way it ends, what was written meanwhile is found.
    for outcome in (settled, Membership.of("ABCDEG")):
        assert always_meet(step.write, outcome.read)
        assert always_meet(step.write, outcome.write)


def test_a_second_failure_during_a_replacement() -> None:
    twice = Membership.of("ABCDEF").replacing("F", "G").replacing("E", "H")
    expected = [AtLeast.among(4, names) for names in ("ABCDEF", "ABCDEG", "ABCDFH", "ABCDGH")]
    assert twice.write.met_by("ABCD")
    for rule in expected:
        assert always_meet(twice.write, rule)
    for absent in ("ABC", "ABDEG", "ABCEF"):
        assert twice.write.met_by(absent) == all(rule.met_by(absent) for rule in expected)
    assert always_meet(twice.write, twice.write)
    assert always_meet(twice.write, twice.read)


@given(st.sets(st.sampled_from(sorted(ALL | {"G", "H"}))))
def test_the_rule_of_two_replacements_says_what_its_four_parts_say(members: set[str]) -> None:
    twice = Membership.of("ABCDEF").replacing("F", "G").replacing("E", "H")
    parts = [AtLeast.among(4, names).met_by(members) for names in ("ABCDEF", "ABCDEG", "ABCDFH", "ABCDGH")]
    assert twice.write.met_by(members) == all(parts)


def test_full_and_tail_segments_always_meet() -> None:
    assert always_meet(FULL_AND_TAIL_WRITE, FULL_AND_TAIL_WRITE)
    assert always_meet(FULL_AND_TAIL_WRITE, FULL_AND_TAIL_READ)
    assert FULL_AND_TAIL_WRITE.met_by("ABC")
    assert not FULL_AND_TAIL_READ.met_by("DEF")


def test_a_rule_that_is_not_safe_is_seen() -> None:
    assert not always_meet(AtLeast.among(3, "ABCDEF"), AtLeast.among(3, "ABCDEF"))


def test_a_replacement_needs_a_member_and_a_stranger() -> None:
    for failed, new in (("X", "G"), ("F", "A")):
        with pytest.raises(QuorumError):
            Membership.of("ABCDEF").replacing(failed, new)
    with pytest.raises(QuorumError):
        Membership.of("ABCDE")
    with pytest.raises(QuorumError):
        AtLeast.among(7, "ABCDEF")
