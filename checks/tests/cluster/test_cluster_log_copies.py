"""Copies of the log as files: which reaches furthest, and what is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_lab.cluster import log_copies
from aurora_lab.runtime.base import Runtime
from small_cluster import SmallCluster, wait_until_all_have


def copied(cluster: SmallCluster, runtime: Runtime, folder: Path, *names: str) -> dict[str, Path]:
    """Copies of what a storage node of a cluster has."""
    found = {}
    for name in names:
        found[name] = folder / name
        runtime.copy_tree(cluster.plane.nodes.copy("a1"), found[name])
    return found


def change(copy: Path, start: int, content: bytes) -> None:
    """Overwrite a part of the last segment of a copy."""
    end = log_copies.last(copy)
    assert end is not None
    with end.file.open("r+b") as file:
        file.seek(start)
        file.write(content)


def filled(copy: Path) -> int:
    """How many bytes of the last segment have been written."""
    end = log_copies.last(copy)
    assert end is not None
    return len(end.file.read_bytes().rstrip(b"\0"))


def test_the_longest_copy_is_the_one_with_the_most_valid_log(cluster: SmallCluster) -> None:
    cluster.start()
    cluster.ask(cluster.one, "CREATE TABLE t AS SELECT generate_series(1, 2000) AS i")
    wait_until_all_have(cluster, cluster.one)
    runtime, folder = cluster.runtime, cluster.folder / "volume"
    copies = copied(cluster, runtime, folder, "whole", "shorter", "stale", "empty")
    size = filled(copies["whole"])
    change(copies["shorter"], size - 3000, bytes(3000))
    # A gap, and behind it more than anybody else has, of an older life.
    change(copies["stale"], size - 3000, bytes(1000))
    change(copies["stale"], size, b"\xaa" * 5000)
    change(copies["empty"], 0, bytes(1 << 20))
    assert log_copies.reach(copies["stale"]) > log_copies.reach(copies["whole"])

    def longest(*names: str) -> str | None:
        return log_copies.longest(runtime, cluster.folder, {name: copies[name] for name in names})

    assert longest(*copies) == "whole"
    assert longest("empty", "shorter") == "shorter"
    assert longest("empty") == "empty"
    assert log_copies.longest(runtime, cluster.folder, {"none": folder / "nothing"}) is None
    assert [file.name for file in folder.glob("check-*")] == []


@pytest.mark.parametrize(
    ("before", "end", "after"),
    [
        (["1.01", "1.02", "1.03p"], "1.05", ["1.01", "1.02", "1.03p"]),
        (["1.01", "1.02", "1.03p"], "1.03", ["1.01", "1.02", "1.03p"]),
        (["1.01", "1.02", "1.03", "1.04p"], "1.02", ["1.01", "1.02p"]),
        (["1.01", "1.02", "1.03", "1.04p"], "2.02", ["1.01", "1.02p"]),
        (["1.01", "1.02p", "2.02", "2.03p", "2.h"], "1.02", ["1.01", "1.02p"]),
        (["1.01", "1.02p", "2.02", "2.03p", "2.h"], "2.03", ["1.01", "1.02p", "2.02", "2.03p", "2.h"]),
    ],
)
def test_what_is_beyond_the_end_is_cut(tmp_path: Path, before: list[str], end: str, after: list[str]) -> None:
    def name(short: str) -> str:
        timeline, _, rest = short.partition(".")
        if rest == "h":
            return f"{int(timeline):08X}.history"
        return f"{int(timeline):08X}{int(rest.rstrip('p')):016X}" + (".partial" if rest.endswith("p") else "")

    for short in before:
        (tmp_path / name(short)).touch()
    removed = log_copies.cut(tmp_path, name(end))
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(map(name, after))
    assert bool(removed) == (before != after)
