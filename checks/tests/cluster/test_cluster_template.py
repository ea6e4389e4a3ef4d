"""The template: made once, whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from aurora_lab.cluster.template import Template
from small_cluster import Ground


def test_it_is_made_once_and_found_again(embedded_ground: Ground) -> None:
    data = embedded_ground.template.ensure()
    made = data.stat().st_ctime_ns
    assert Template(embedded_ground.runtime, embedded_ground.template.folder).ensure() == data
    assert data.stat().st_ctime_ns == made
    assert [path.name for path in embedded_ground.template.folder.iterdir()] == [data.parent.name]


def test_two_threads_make_one(embedded_ground: Ground) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: embedded_ground.template.ensure(), range(4)))) == 1


def test_its_settings_are_postgresql_s_own_rows(embedded_ground: Ground) -> None:
    rows = {row["name"]: row for row in embedded_ground.template.settings()}
    assert len(rows) > 300
    expected = {"setting", "unit", "vartype", "context", "min_val", "max_val", "enumvals", "short_desc"}
    assert expected | {"name", "boot_val", "category"} == set(rows["work_mem"])
    assert rows["work_mem"]["unit"] == "kB"
    assert rows["max_connections"]["context"] == "postmaster"
    assert "minimal" in rows["wal_level"]["enumvals"]
    assert "aurora_stat_utils" in rows["rds.extensions"]["setting"]
    assert "pg_stat_statements.track" in rows


def test_the_password_it_was_made_with_is_not_readable_by_others(embedded_ground: Ground) -> None:
    facts = embedded_ground.template.ensure().parent / "facts.json"
    assert facts.stat().st_mode & 0o077 == 0


def test_what_a_dead_attempt_left_is_removed(embedded_ground: Ground) -> None:
    name = embedded_ground.template.ensure().parent.name
    folder = embedded_ground.template.folder.parent / "template-of-a-dead-attempt"
    embedded_ground.runtime.make_folder(folder)
    embedded_ground.runtime.make_folder(folder / f"{name}.making-0badc0de")
    again = Template(embedded_ground.runtime, folder)
    assert again.ensure().is_dir()
    assert [path.name for path in folder.iterdir()] == [name]
