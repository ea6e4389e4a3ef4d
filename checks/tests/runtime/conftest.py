"""A cluster's folder on each runtime, with a template that is made once in a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_servers import CONFIGURATION, INITDB, LEARNERS, TRUST, Lab, Standing

from aurora_lab.runtime.base import Runtime
from aurora_lab.runtime.embedded import EmbeddedRuntime
from server_place import server_place


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A data directory that lets anybody in from this machine."""
    runtime = EmbeddedRuntime()
    with tempfile.TemporaryDirectory(prefix="al-template-") as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "made"
        data = root / "data"
        runtime.make_folder(root)
        runtime.tool(root, "initdb", "-D", str(data), *INITDB)
        runtime.write(data / "pg_hba.conf", TRUST)
        configuration = data / "postgresql.conf"
        runtime.write(configuration, configuration.read_text() + CONFIGURATION)
        yield data


@pytest.fixture
def lab(runtime: Runtime, server_folder: Path, template: Path) -> Iterator[Lab]:
    """A cluster's folder without servers."""
    with make_lab(runtime, server_folder, template) as made:
        yield made


@pytest.fixture(scope="session")
def embedded_standing(embedded_runtime: Runtime, template: Path) -> Iterator[Standing]:
    """A server of the embedded runtime that stands for the whole run."""
    with make_standing(embedded_runtime, template) as made:
        yield made


@pytest.fixture(scope="session")
def containers_standing(containers_runtime: Runtime, template: Path) -> Iterator[Standing]:
    """A server of the container runtime that stands for the whole run."""
    with make_standing(containers_runtime, template) as made:
        yield made


@pytest.fixture(params=["embedded", pytest.param("containers", marks=pytest.mark.containers)])
def standing(request: pytest.FixtureRequest) -> Standing:
    """A running server for tests that leave it as it is, on each runtime."""
    found = request.getfixturevalue(f"{request.param}_standing")
    assert isinstance(found, Standing)
    return found


@contextmanager
def make_lab(runtime: Runtime, folder: Path, template: Path) -> Iterator[Lab]:
    root = folder / "cluster"
    runtime.make_folder(root)
    yield Lab(runtime, root, template)
    for server in runtime.strays(root, ()):
        server.kill()
    runtime.remove_tree(root)


@contextmanager
def make_standing(runtime: Runtime, template: Path) -> Iterator[Standing]:
    with (
        server_place() as folder,
        make_lab(runtime, folder, template) as lab,
        pytest.MonkeyPatch.context() as patch,
    ):
        # What a learner has in the environment when the region starts a server.
        for name, value in LEARNERS.items():
            patch.setenv(name, value)
        server = lab.runtime.start(lab.primary())
        patch.undo()
        yield Standing(lab, server)
