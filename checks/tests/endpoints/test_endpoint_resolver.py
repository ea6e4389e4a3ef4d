"""The resolver: one answer a TTL, at random among several."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from aurora_lab.endpoints.resolver import SUGGESTIONS, NoTargetError, Resolver, UnknownNameError
from aurora_lab.endpoints.zone import Record, Target, Zone

ONE, TWO, THREE = (Target(name, "127.0.0.1", port) for port, name in enumerate(("one", "two", "three"), 1))


class Lookup:
    """A resolver with a clock of the test's own."""

    def __init__(self, ttl: float = 5.0) -> None:
        self.time, self.ttl = 0.0, ttl
        self.zone = Zone()
        self.resolver = Resolver(self.zone, lambda: self.ttl, random.Random(7), lambda: self.time)

    def set(self, *targets: Target, fallback: str = "") -> None:
        self.zone.replace({"shop": Record("shop", targets, fallback)})

    def answer(self, name: str = "shop") -> str:
        return self.resolver.resolve(name).instance


def test_an_answer_is_kept_for_one_ttl() -> None:
    lookup = Lookup(ttl=5)
    lookup.set(ONE)
    assert lookup.answer() == "one"
    lookup.set(TWO)
    lookup.time = 4.999
    assert lookup.answer() == "one", "stale, as after a failover"
    lookup.time = 5.0
    assert lookup.answer() == "two"
    lookup.time = 9.9
    lookup.set(THREE)
    assert lookup.answer() == "two", "the TTL begins anew with each lookup"


def test_the_ttl_is_asked_at_each_lookup() -> None:
    lookup = Lookup(ttl=5)
    lookup.set(ONE)
    lookup.answer()
    lookup.set(TWO)
    lookup.time, lookup.ttl = 1.0, 0.5
    assert lookup.answer() == "two"


def test_flush_forgets() -> None:
    lookup = Lookup()
    lookup.set(ONE)
    lookup.answer()
    lookup.set(TWO)
    lookup.resolver.flush()
    assert lookup.answer() == "two"


def test_without_a_ttl_each_answer_is_random() -> None:
    lookup = Lookup(ttl=0)
    lookup.set(ONE, TWO, THREE)
    counts = Counter(lookup.answer() for _ in range(3000))
    assert set(counts) == {"one", "two", "three"}
    assert min(counts.values()) > 850, "each about as often as the others"


def test_a_burst_goes_to_one_reader_and_the_next_perhaps_to_another() -> None:
    lookup = Lookup(ttl=5)
    lookup.set(ONE, TWO, THREE)
    bursts = []
    for start in range(30):
        lookup.time = start * 5.0
        burst = {lookup.answer() for _ in range(20)}
        assert len(burst) == 1
        bursts += burst
    assert set(bursts) == {"one", "two", "three"}


def test_upper_case_and_a_final_dot_are_the_same_name() -> None:
    lookup = Lookup(ttl=5)
    lookup.set(ONE, TWO, THREE)
    assert len({lookup.answer(name) for name in ("shop", "SHOP", "Shop.", "shop") for _ in range(5)}) == 1


def test_a_name_without_targets_says_why_and_is_not_remembered() -> None:
    lookup = Lookup()
    lookup.set(fallback="cluster shop is stopped")
    with pytest.raises(NoTargetError, match="cluster shop is stopped"):
        lookup.answer()
    lookup.set(ONE)
    assert lookup.answer() == "one"
    # An answer that was given outlives the target, as in a client's cache.
    lookup.set(fallback="cluster shop is stopped")
    assert lookup.answer() == "one"


def test_an_unknown_name_brings_those_most_like_it() -> None:
    lookup = Lookup()
    names = [f"cluster{number}.example" for number in range(20)] + ["shop.example"]
    lookup.zone.replace({name: Record(name, (ONE,)) for name in names})
    with pytest.raises(UnknownNameError) as caught:
        lookup.answer("SHOPS.example")
    assert caught.value.name == "shops.example"
    assert caught.value.existing[0] == "shop.example"
    assert len(caught.value.existing) == SUGGESTIONS
    lookup.zone.replace({"shops.example": Record("shops.example", (ONE,))})
    assert lookup.answer("shops.example") == "one", "that it was unknown is not remembered"
    lookup.zone.replace({})
    lookup.resolver.flush()
    with pytest.raises(UnknownNameError) as caught:
        lookup.answer("shop")
    assert caught.value.existing == ()


def test_a_deleted_name_lives_on_for_its_ttl() -> None:
    lookup = Lookup(ttl=5)
    lookup.set(ONE)
    lookup.answer()
    lookup.zone.replace({})
    assert lookup.answer() == "one"
    lookup.time = 5.0
    with pytest.raises(UnknownNameError):
        lookup.answer()


def test_threads_share_one_answer() -> None:
    lookup = Lookup(ttl=3600)
    lookup.set(ONE, TWO, THREE)
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(lookup.answer() for _ in range(300))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2400
    assert len(set(seen)) == 1
