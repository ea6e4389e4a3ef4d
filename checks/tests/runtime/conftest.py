"""A cluster's folder on each runtime, with a template that is made once in a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_servers import CONFIGURATION, INITDB, TRUST, Lab

from aurora_lab.runtime.base import Runtime
from aurora_lab.runtime.embedded import EmbeddedRuntime


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
    root = server_folder / "cluster"
    runtime.make_folder(root)
    yield Lab(runtime, root, template)
    for server in runtime.strays(root, ()):
        server.kill()
    runtime.remove_tree(root)
