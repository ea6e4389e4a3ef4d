"""The template: made once, whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from aurora_lab.cluster.template import Template
from small_cluster import Ground


def test_it_is_made_once_and_found_again(ground: Ground) -> None:
    data = ground.template.ensure()
    made = data.stat().st_ctime_ns
    assert Template(ground.runtime, ground.template.folder).ensure() == data
    assert data.stat().st_ctime_ns == made
    assert [path.name for path in ground.template.folder.iterdir()] == [data.parent.name]


def test_two_threads_make_one(ground: Ground) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: ground.template.ensure(), range(4)))) == 1


def test_its_settings_are_postgresql_s_own_rows(ground: Ground) -> None:
    rows = {row["name"]: row for row in ground.template.settings()}
    assert len(rows) > 300
    expected = {"setting", "unit", "vartype", "context", "min_val", "max_val", "enumvals", "short_desc"}
    assert expected | {"name", "boot_val", "category"} == set(rows["work_mem"])
    assert rows["work_mem"]["unit"] == "kB"
    assert rows["max_connections"]["context"] == "postmaster"
    assert "minimal" in rows["wal_level"]["enumvals"]
    assert "aurora_stat_utils" in rows["rds.extensions"]["setting"]
    assert "pg_stat_statements.track" in rows


def test_the_password_it_was_made_with_is_not_readable_by_others(ground: Ground) -> None:
    facts = ground.template.ensure().parent / "facts.json"
    assert facts.stat().st_mode & 0o077 == 0


def test_what_a_dead_attempt_left_is_removed(ground: Ground) -> None:
    name = ground.template.ensure().parent.name
    folder = ground.template.folder.parent / "template-of-a-dead-attempt"
    ground.runtime.make_folder(folder)
    ground.runtime.make_folder(folder / f"{name}.making-0badc0de")
    again = Template(ground.runtime, folder)
    assert again.ensure().is_dir()
    assert [path.name for path in folder.iterdir()] == [name]
