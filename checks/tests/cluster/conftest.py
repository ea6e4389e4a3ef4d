"""Clusters of the data plane's tests.

`shared` is one cluster with a writer and a reader for all tests that leave it as it is; `cluster` is a new one
for each test. Both are of the embedded runtime or, for a test that is marked `on_each_runtime` (or
`shared_on_each_runtime`), of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aurora_lab.runtime.base import Runtime
from small_cluster import Ground, SmallCluster, make_ground


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


@pytest.fixture(scope="session")
def embedded_shared(embedded_ground: Ground) -> Iterator[SmallCluster]:
    """The shared cluster of the embedded runtime."""
    with embedded_ground.cluster() as made:
        yield made.start(readers=1)


@pytest.fixture(scope="session")
def containers_shared(containers_ground: Ground) -> Iterator[SmallCluster]:
    """The shared cluster of the container runtime."""
    with containers_ground.cluster() as made:
        yield made.start(readers=1)


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> SmallCluster:
    """A cluster with one writer and one reader, for tests that leave it as it is."""
    found: SmallCluster = request.getfixturevalue(f"{getattr(request, 'param', 'embedded')}_shared")
    return found


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[SmallCluster]:
    """A cluster of which nothing exists yet."""
    found: Ground = request.getfixturevalue(f"{getattr(request, 'param', 'embedded')}_ground")
    with found.cluster() as made:
        yield made
