"""A region without servers, and a client that holds every answer against the API's model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from records_region import FAMILY, Client, PlainRegion

from aurora_lab.region.store import Store


@pytest.fixture
def region(tmp_path: Path) -> Iterator[PlainRegion]:
    store = Store(tmp_path / "region.sqlite3")
    yield PlainRegion(store)
    store.close()


@pytest.fixture
def call(region: PlainRegion) -> Client:
    return Client(region)


@pytest.fixture
def cluster_group(call: Client) -> str:
    """A cluster parameter group `mine`."""
    call(
        "CreateDBClusterParameterGroup",
        DBClusterParameterGroupName="mine",
        DBParameterGroupFamily=FAMILY,
        Description="of a test",
    )
    return "mine"


@pytest.fixture
def instance_group(call: Client) -> str:
    """A DB parameter group `its`."""
    call(
        "CreateDBParameterGroup",
        DBParameterGroupName="its",
        DBParameterGroupFamily=FAMILY,
        Description="of a test",
    )
    return "its"
