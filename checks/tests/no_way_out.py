"""A guard for tests of what could reach a real account: this process reaches nothing but this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES_HERE = ("localhost", "")


@contextmanager
def no_way_out() -> Iterator[list[str]]:
    """Refuse each name and address of other machines, and note it: code may swallow the refusal."""
    tried: list[str] = []

    def refuse(host: object) -> None:
        if not _is_here(host):
            tried.append(str(host))
            raise socket.gaierror(f"the test holds back {host}")

    def looked_up(real: Callable[..., Any]) -> Callable[..., Any]:
        def look(host: object, *rest: Any, **more: Any) -> Any:
            refuse(host)
            return real(host, *rest, **more)

        return look

    def reached(name: str) -> Callable[..., Any]:
        real = getattr(socket.socket, name)

        def reach(self: socket.socket, *given: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                refuse(given[-1][0])
            return real(self, *given)

        return reach

    with pytest.MonkeyPatch.context() as patch:
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
            patch.setattr(socket, name, looked_up(getattr(socket, name)))
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, reached(name))
        yield tried


def _is_here(host: object) -> bool:
    if host is None or host in NAMES_HERE:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False
