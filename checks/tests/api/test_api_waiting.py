"""Held answers: a waiter hears at once what has changed, and the server never runs out of threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aurora_lab.region.api.context import RequestContext
from aurora_lab.region.api.server import THREADS
from aurora_lab.region.api.waiting import LOOK_SECONDS, Holds, hold
from stub_region import WAITER_AGENT, post, serving

ASK = "Action=DescribeDBClusters&Version=2014-10-31"


def context(*, waiter: bool = True, holds: Holds | None = None) -> RequestContext:
    return RequestContext(
        "rds", "us-west-2", "123456789012", "DescribeDBClusters", waiter=waiter, holds=holds or Holds()
    )


def test_nobody_but_a_waiter_is_held() -> None:
    asked: list[int] = []
    began = time.monotonic()
    assert hold(context(waiter=False), lambda: bool(asked.append(1)), threading.Condition(), 5.0) is False
    assert time.monotonic() - began < 1.0


def test_what_is_settled_is_answered_at_once() -> None:
    assert hold(context(), lambda: True, threading.Condition(), 5.0) is True


def test_a_deadline_ends_it() -> None:
    began = time.monotonic()
    assert hold(context(), lambda: False, threading.Condition(), 0.3) is False
    assert 0.25 < time.monotonic() - began < 3.0


def test_a_change_that_nobody_announces_is_seen() -> None:
    until = time.monotonic() + 2 * LOOK_SECONDS
    assert hold(context(), lambda: time.monotonic() > until, threading.Condition(), 10.0) is True
    assert time.monotonic() - until < 5.0


def test_the_condition_is_free_while_it_is_asked() -> None:
    """Whoever notifies may hold the state file's lock, for which `settled` waits: both must get on."""
    state, changed = threading.Lock(), threading.Condition()
    done = threading.Event()

    def settled() -> bool:
        with state:
            return done.is_set()

    def change() -> None:
        with state:
            time.sleep(0.05)
            done.set()
            with changed:
                changed.notify_all()

    threading.Timer(0.05, change).start()
    assert hold(context(), settled, changed, 10.0) is True


def test_only_so_many_are_held() -> None:
    holds = Holds(1)
    with holds.place() as first, holds.place() as second:
        assert (first, second) == (True, False)
        began = time.monotonic()
        assert hold(context(holds=holds), lambda: False, threading.Condition(), 5.0) is False
        assert time.monotonic() - began < 1.0
    with holds.place() as again:
        assert again


def test_closing_lets_go() -> None:
    holds = Holds()
    threading.Timer(0.2, holds.close).start()
    began = time.monotonic()
    assert hold(context(holds=holds), lambda: False, threading.Condition(), 20.0) is False
    assert time.monotonic() - began < 5.0


class Held:
    """Holds every waiter's answer until it is released."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.released = False
        self.asked = threading.Semaphore(0)

    def describe_db_clusters(self, context: RequestContext) -> dict[str, Any]:
        self.asked.release()
        settled = hold(context, lambda: self.released, self.changed, 20.0)
        return {"DBClusters": [{"Status": "available" if settled else "creating"}]}

    def release(self) -> None:
        self.released = True
        with self.changed:
            self.changed.notify_all()


@pytest.mark.parametrize("waiters", [30, 2 * THREADS])
def test_held_answers_leave_room_for_others(waiters: int) -> None:
    held = Held()
    with serving({"rds": held}) as server, ThreadPoolExecutor(waiters) as pool:
        answers = [pool.submit(post, server.port, ASK, WAITER_AGENT) for _ in range(waiters)]
        for _ in range(waiters):
            assert held.asked.acquire(timeout=20)
        began = time.monotonic()
        for _ in range(20):
            assert b"creating" in post(server.port, ASK)[1]
        assert time.monotonic() - began < 5.0
        held.release()
        found = [future.result(timeout=20) for future in answers]
    assert {status for status, _ in found} == {200}
    settled = sum(b"available" in body for _, body in found)
    # All of 30 are held; of too many the rest is answered with what there is, and asks again.
    assert settled == waiters if waiters == 30 else 30 <= settled < waiters


def test_a_server_that_closes_answers_whom_it_holds() -> None:
    held = Held()
    with ThreadPoolExecutor(1) as pool:
        with serving({"rds": held}) as server:
            answer = pool.submit(post, server.port, ASK, WAITER_AGENT)
            assert held.asked.acquire(timeout=20)
        status, body = answer.result(timeout=10)
    assert status == 200
    assert b"creating" in body
