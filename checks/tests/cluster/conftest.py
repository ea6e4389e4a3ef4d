"""Clusters of the data plane's tests, on each runtime that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_lab.cluster.template import Template
from aurora_lab.runtime.base import Runtime
from small_cluster import SmallCluster, reachable_folder, self_signed, small_cluster


@pytest.fixture(scope="session", params=["embedded", "containers"])
def runtime(request):
    from aurora_lab.runtime.select import choose

    with reachable_folder() as folder:
        from aurora_lab.runtime.base import RuntimeUnavailableError

        try:
            found, _ = choose(request.param, folder)
        except RuntimeUnavailableError as error:
            pytest.skip(str(error))
        yield found
        found.close()


@pytest.fixture(scope="session")
def home(runtime: Runtime) -> Iterator[Path]:
    """A folder for all clusters of a runtime."""
    with reachable_folder() as folder:
        yield folder
        for server in runtime.strays(folder, ()):
            server.kill()


@pytest.fixture(scope="session")
def tls(home: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    return self_signed(home)


@pytest.fixture(scope="session")
def template(runtime: Runtime, home: Path) -> Template:
    """The template, made once for all tests."""
    return Template(runtime, home / "template")


@pytest.fixture
def cluster(
    runtime: Runtime, template: Template, home: Path, tls: tuple[Path, Path]
) -> Iterator[SmallCluster]:
    """A cluster of which nothing exists yet."""
    with small_cluster(runtime, template, home, tls) as made:
        yield made


@pytest.fixture(scope="session")
def shared(
    runtime: Runtime, template: Template, home: Path, tls: tuple[Path, Path]
) -> Iterator[SmallCluster]:
    """A cluster with one writer and one reader, for tests that leave it as it is."""
    with small_cluster(runtime, template, home, tls) as made:
        yield made.start(readers=1)
