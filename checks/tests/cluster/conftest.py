"""Clusters of the data plane's tests.

`shared` is one cluster with a writer and a reader for all tests that leave it as it is, on each runtime.
`cluster` is a new one for each test, on the embedded runtime or, for a test that is marked `on_each_runtime`,
on each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aurora_lab.runtime.base import Runtime
from small_cluster import RUNTIMES, Ground, SmallCluster, make_ground


@pytest.fixture(scope="session")
def embedded_ground(embedded_runtime: Runtime) -> Iterator[Ground]:
    """What the clusters of the embedded runtime stand on."""
    with make_ground(embedded_runtime) as ground:
        yield ground


@pytest.fixture(scope="session")
def containers_ground(containers_runtime: Runtime) -> Iterator[Ground]:
    """What the clusters of the container runtime stand on."""
    with make_ground(containers_runtime) as ground:
        yield ground


@pytest.fixture(scope="session", params=RUNTIMES)
def ground(request: pytest.FixtureRequest) -> Ground:
    """What clusters stand on, on each runtime."""
    found: Ground = request.getfixturevalue(f"{request.param}_ground")
    return found


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[SmallCluster]:
    """A new cluster: of the embedded runtime, or of each for a test that is marked `on_each_runtime`."""
    kind = getattr(request, "param", "embedded")
    found: Ground = request.getfixturevalue(f"{kind}_ground")
    with found.cluster() as made:
        yield made


@pytest.fixture(scope="session")
def shared(ground: Ground) -> Iterator[SmallCluster]:
    """A cluster with one writer and one reader, for tests that leave it as it is, on each runtime."""
    with ground.cluster() as made:
        yield made.start(readers=1)
