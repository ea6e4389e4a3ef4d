"""One region for the tests of this folder, on each runtime that this machine has."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.select import choose
from local_region import QUICK, LocalRegion, delete_clusters, delete_databases, local_region


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the shared region says of itself: its files are gone when the run is over."""
    report = yield
    if call.when == "call" and report.failed and isinstance(item, pytest.Function):
        regions = {id(each): each for each in item.funcargs.values() if isinstance(each, LocalRegion)}
        report.sections += [("the region", region.story()) for region in regions.values()]
    return report


@pytest.fixture(scope="session")
def _embedded_region() -> Iterator[LocalRegion]:
    """A region on the embedded runtime, shared by all tests of a run."""
    with local_region("embedded") as region:
        yield region


@pytest.fixture(scope="session")
def _containers_region() -> Iterator[LocalRegion]:
    """A region on containers; skipped with the reason where there is no engine."""
    try:
        runtime, _ = choose("containers", Path("/nowhere"))
    except RuntimeUnavailableError as error:
        pytest.skip(f"containers cannot run here: {error}")
    runtime.close()
    with local_region("containers") as region:
        yield region


@pytest.fixture
def embedded_region(_embedded_region: LocalRegion) -> Iterator[LocalRegion]:
    """The region on the embedded runtime; what a test leaves in it is removed."""
    yield _embedded_region
    delete_clusters(_embedded_region)
    delete_databases(_embedded_region)


@pytest.fixture
def containers_region(_containers_region: LocalRegion) -> Iterator[LocalRegion]:
    """The region on containers; what a test leaves in it is removed."""
    yield _containers_region
    delete_clusters(_containers_region)
    delete_databases(_containers_region)


@pytest.fixture(scope="session")
def _quick_region() -> Iterator[LocalRegion]:
    """A region whose clock makes five minutes a second, shared by all tests of a run."""
    with local_region("embedded", scale=QUICK) as region:
        yield region


@pytest.fixture
def quick(_quick_region: LocalRegion) -> Iterator[LocalRegion]:
    """The region in which five minutes take a second; what a test leaves in it is removed."""
    yield _quick_region
    delete_clusters(_quick_region)


@pytest.fixture(params=["embedded", pytest.param("containers", marks=pytest.mark.containers)])
def region(request: pytest.FixtureRequest) -> LocalRegion:
    """The region, once on each runtime."""
    found = request.getfixturevalue(f"{request.param}_region")
    assert isinstance(found, LocalRegion)
    return found
