"""Being here, it lets every test import the helpers that lie beside it; and gives tests servers to run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_lab.runtime.base import Runtime, RuntimeUnavailableError
from aurora_lab.runtime.select import choose
from server_place import server_place


def pytest_configure() -> None:
    """A script's job in the background ignores Ctrl-C, and so would the programs that the tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder with a short path that the servers' user can reach, on memory-backed disk where it fits.

    Afterwards it is gone, and so is every server that still runs on files in it.
    """
    with server_place() as folder:
        yield folder


@pytest.fixture(scope="session")
def no_engine() -> str | None:
    """Why no container can run here; None where one can. Makes the node image where it is missing."""
    try:
        runtime, _ = choose("containers", Path("/nowhere"))
    except RuntimeUnavailableError as error:
        return str(error)
    runtime.close()
    return None


@pytest.fixture(scope="session")
def embedded_runtime() -> Iterator[Runtime]:
    """The embedded runtime, one for a run."""
    chosen, _ = choose("embedded", Path("/nowhere"))
    yield chosen
    chosen.close()


@pytest.fixture(scope="session")
def containers_runtime(no_engine: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The container runtime, one for a run; skipped with the reason where there is no engine."""
    if no_engine:
        pytest.skip(f"containers cannot run here: {no_engine}")
    chosen, _ = choose("containers", tmp_path_factory.mktemp("home"))
    yield chosen
    chosen.close()


@pytest.fixture(params=["embedded", pytest.param("containers", marks=pytest.mark.containers)])
def runtime(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[Runtime]:
    """Each runtime in turn; what it runs below `server_folder` ends with the test."""
    chosen: Runtime = request.getfixturevalue(f"{request.param}_runtime")
    yield chosen
    for server in chosen.strays(server_folder, ()):
        server.kill()
