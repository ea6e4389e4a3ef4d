"""One region for the tests of this folder, on each runtime that this machine has."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
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


class SharedRegion:
    """A region for many tests. One that cannot be cleaned after a test is ended, and the next test gets another.

    So a test that leaves a region in trouble fails alone, and not together with all that follow it.
    """

    def __init__(self, runtime: str, scale: float = 10.0) -> None:
        self._runtime = runtime
        self._scale = scale
        self._opened = ExitStack()
        self._region: LocalRegion | None = None

    @contextmanager
    def lent(self) -> Iterator[LocalRegion]:
        """The region, for one test; what the test leaves in it is removed."""
        if self._region is None:
            self._region = self._opened.enter_context(local_region(self._runtime, self._scale))
        yield self._region
        try:
            delete_clusters(self._region)
            delete_databases(self._region)
        except BaseException:
            print(self._region.story())
            self.close()
            raise

    def close(self) -> None:
        """End the region."""
        self._region = None
        self._opened.close()


@pytest.fixture(scope="session")
def _embedded_region() -> Iterator[SharedRegion]:
    """The embedded runtime's."""
    shared = SharedRegion("embedded")
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def _containers_region() -> Iterator[SharedRegion]:
    """That of containers; skipped with the reason where there is no engine."""
    try:
        runtime, _ = choose("containers", Path("/nowhere"))
    except RuntimeUnavailableError as error:
        pytest.skip(f"containers cannot run here: {error}")
    runtime.close()
    shared = SharedRegion("containers")
    yield shared
    shared.close()


@pytest.fixture
def embedded_region(_embedded_region: SharedRegion) -> Iterator[LocalRegion]:
    """The region on the embedded runtime; what a test leaves in it is removed."""
    with _embedded_region.lent() as region:
        yield region


@pytest.fixture
def containers_region(_containers_region: SharedRegion) -> Iterator[LocalRegion]:
    """The region on containers; what a test leaves in it is removed."""
    with _containers_region.lent() as region:
        yield region


@pytest.fixture(scope="session")
def _quick_region() -> Iterator[SharedRegion]:
    """That whose clock makes five minutes a second."""
    shared = SharedRegion("embedded", QUICK)
    yield shared
    shared.close()


@pytest.fixture
def quick(_quick_region: SharedRegion) -> Iterator[LocalRegion]:
    """The region in which five minutes take a second; what a test leaves in it is removed."""
    with _quick_region.lent() as region:
        yield region


@pytest.fixture(params=["embedded", pytest.param("containers", marks=pytest.mark.containers)])
def region(request: pytest.FixtureRequest) -> LocalRegion:
    """The region, once on each runtime."""
    found = request.getfixturevalue(f"{request.param}_region")
    assert isinstance(found, LocalRegion)
    return found
