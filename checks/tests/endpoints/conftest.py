"""What the endpoints' tests have in common: a region's certificates, PostgreSQL servers, a router before them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from routed import DNS_ID, REGION, Routed, Servers, routed, servers

from aurora_lab.endpoints.certificates import Authority


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """The certificates of the tests' region."""
    with tempfile.TemporaryDirectory(prefix="al-certificates-") as folder:
        made = Authority(Path(folder), DNS_ID, REGION)
        made.ensure()
        yield made


@pytest.fixture(scope="session")
def postgresql(authority: Authority) -> Iterator[Servers]:
    """Two PostgreSQL servers with TLS, `one` and `two`."""
    with servers(authority) as started:
        yield started


@pytest.fixture
def lab(authority: Authority, postgresql: Servers) -> Iterator[Routed]:
    """A router before both servers, with the names that `routed` says."""
    with routed(authority, postgresql.targets) as made:
        yield made


@pytest.fixture
def doors(authority: Authority) -> Iterator[Routed]:
    """A router with nothing behind it yet, for servers of the test's own; short deadlines."""
    with routed(authority, (), opening_seconds=0.4, server_seconds=0.4) as made:
        yield made
