"""Waiting for many sockets: epoll where there is one, and what `selectors` offers elsewhere.

The pump asks tens of thousands of times a second; `selectors` makes an object a socket each time, which costs
as much again as the system call. So epoll is used directly on Linux.
"""

from __future__ import annotations

import select
import selectors
from typing import Protocol

READ = 1
"""The same bit as EPOLLIN and selectors.EVENT_READ."""
WRITE = 4
"""The same bit as EPOLLOUT."""


class Poller(Protocol):
    """Says which sockets are ready, as long as they are (level-triggered)."""

    def watch(self, fd: int, before: int, wanted: int) -> None:
        """Change what `fd` is watched for, bits of READ and WRITE, from `before` to `wanted`.

        0 is not to watch it at all: then not even errors are told.
        """
        ...

    def wait(self) -> list[tuple[int, int]]:
        """Wait until sockets are ready; pairs of fd and bits. An error makes a watched fd ready for all."""
        ...

    def close(self) -> None:
        """Let go of the system's object. The sockets stay open."""
        ...


class EpollPoller:
    """Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # A bound method of the C object: nothing of Python's is between the pump and the system call.
        self.wait = self._epoll.poll
        assert (READ, WRITE) == (select.EPOLLIN, select.EPOLLOUT)

    def watch(self, fd: int, before: int, wanted: int) -> None:
        if not before:
            if wanted:
                self._epoll.register(fd, wanted)
        elif wanted:
            self._epoll.modify(fd, wanted)
        else:
            self._epoll.unregister(fd)

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller:
    """Every other system (kqueue, poll, select)."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, fd: int, before: int, wanted: int) -> None:
        events = (selectors.EVENT_READ if wanted & READ else 0) | (
            selectors.EVENT_WRITE if wanted & WRITE else 0
        )
        if not before:
            if events:
                self._selector.register(fd, events)
        elif events:
            self._selector.modify(fd, events)
        else:
            self._selector.unregister(fd)

    def wait(self) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select()
        ]

    def close(self) -> None:
        self._selector.close()


def new_poller() -> Poller:
    """The best that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
