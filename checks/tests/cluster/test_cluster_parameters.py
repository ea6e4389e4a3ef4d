"""Parameters: applied at once or after a restart, and never so that an instance cannot start."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aurora_lab.cluster.configuration import conninfo, passfile, quote, restore_command
from aurora_lab.cluster.parameters import accepted
from aurora_lab.cluster.types import InstanceSpec, ParameterError
from small_cluster import SmallCluster, on_each_runtime, until


def show(cluster: SmallCluster, instance: InstanceSpec, name: str) -> str:
    """What a new session sees."""
    return str(cluster.value(instance, f"SELECT current_setting('{name}')"))


def test_a_dynamic_parameter_applies_at_once(shared: SmallCluster) -> None:
    for instance in (shared.one, shared.two):
        waiting = shared.plane.apply(shared.with_parameters(instance, {"work_mem": "8192"}))
        assert waiting == frozenset()
        assert show(shared, instance, "work_mem") == "8MB"
        assert shared.plane.apply(instance) == frozenset()
        assert show(shared, instance, "work_mem") == "4MB"


@on_each_runtime
def test_a_static_parameter_waits_for_the_restart(cluster: SmallCluster) -> None:
    cluster.start()
    wanted = cluster.with_parameters(cluster.one, {"max_connections": "77", "work_mem": "8192"})
    assert cluster.plane.apply(wanted) == {"max_connections"}
    assert show(cluster, cluster.one, "max_connections") == "100"
    assert show(cluster, cluster.one, "work_mem") == "8MB"
    assert cluster.plane.restart(wanted) == ()
    assert show(cluster, cluster.one, "max_connections") == "77"
    assert cluster.plane.apply(wanted) == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("work_mem", "1"),
        ("work_mem", "lots"),
        ("work_mem", "1 lightyear"),
        ("max_connections", "0"),
        ("max_connections", "-5"),
        ("jit", "perhaps"),
        ("default_transaction_isolation", "chaotic"),
        ("log_min_messages", "it's"),
        ("timezone", "Middle/Earth"),
        ("search_path", "one\ntwo"),
        ("shared_preload_libraries", "no_such_library"),
        ("session_preload_libraries", "no_such_library"),
        ("DateStyle", "sideways"),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(shared: SmallCluster, name: str, value: str) -> None:
    before = shared.plane.layout.parameters(shared.one.name).read_text()
    bad = shared.with_parameters(shared.one, {"random_page_cost": "9", name: value})
    with pytest.raises(ParameterError) as refused:
        shared.plane.apply(bad)
    assert refused.value.name == name
    assert name in str(refused.value)
    assert shared.plane.layout.parameters(shared.one.name).read_text() == before
    assert show(shared, shared.one, "random_page_cost") == "4"


def test_an_instance_starts_whatever_its_parameters_say(cluster: SmallCluster) -> None:
    cluster.start()
    good = {"random_page_cost": "2"}
    assert cluster.plane.restart(cluster.with_parameters(cluster.one, good)) == ()
    for bad in (
        {"shared_buffers": "100000000"},  # 763 GB
        {"reserved_connections": "90", "max_connections": "80"},
        {"ssl_ciphers": "NO-SUCH-CIPHER"},
        {"work_mem": "lots"},
    ):
        notes = cluster.plane.restart(cluster.with_parameters(cluster.one, {**good, **bad}))
        assert any(name in note for note in notes for name in bad), notes
        assert show(cluster, cluster.one, "random_page_cost") == "2"
    assert cluster.plane.restart(cluster.with_parameters(cluster.one, good)) == ()


def test_names_that_postgresql_does_not_know_are_left_out(cluster: SmallCluster) -> None:
    cluster.start()
    parameters = {"apg_ccm_enabled": "1", "rds.logical_replication": "1", "block_size": "4", "a b": "c"}
    assert cluster.plane.apply(cluster.with_parameters(cluster.one, parameters)) == frozenset()
    assert cluster.plane.restart(cluster.with_parameters(cluster.one, parameters)) == ()
    assert show(cluster, cluster.one, "rds.logical_replication") == "1"


@on_each_runtime
def test_no_parameter_undoes_what_the_cluster_needs(cluster: SmallCluster) -> None:
    needed = {
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_log_hints": "off",
        "full_page_writes": "off",
        "ssl": "off",
        "port": "1",
        "hot_standby": "off",
        "restart_after_crash": "off",
        "listen_addresses": "",
        "synchronous_standby_names": "*",
        "cluster_name": "mine",
        "primary_slot_name": "none_such",
        "recovery_target_time": "2001-01-01",
        "restore_command": "false",
        "archive_mode": "on",
        "data_directory": "/nowhere",
        "superuser_reserved_connections": "0",
        "wal_receiver_timeout": "1",
    }
    cluster.one, cluster.two = (
        replace(instance, parameters=needed) for instance in (cluster.one, cluster.two)
    )
    cluster.start(readers=1)
    assert show(cluster, cluster.one, "wal_level") == "replica"
    assert cluster.value(cluster.two, "SELECT pg_is_in_recovery()")
    cluster.ask(cluster.one, "CREATE TABLE written (i int)")


def test_renaming_an_instance_shows_at_once(cluster: SmallCluster) -> None:
    cluster.start(readers=1)
    cluster.plane.apply(replace(cluster.two, identifier="renamed"))
    assert cluster.value(cluster.two, "SELECT aurora_db_instance_identifier()") == "renamed"
    assert cluster.value(cluster.one, "SELECT aurora_db_instance_identifier()") == "one"


def test_readers_are_raised_before_the_writer(cluster: SmallCluster) -> None:
    cluster.start(readers=2)
    more = cluster.with_parameters(cluster.one, {"max_connections": "200", "max_worker_processes": "12"})
    assert cluster.plane.restart(more) == ()
    for reader in (cluster.two, cluster.three):
        assert show(cluster, reader, "max_connections") == "200"
        assert show(cluster, reader, "max_worker_processes") == "12"
    cluster.ask(cluster.one, "CREATE TABLE after (i int)")
    exists = "SELECT to_regclass('after') IS NOT NULL"
    for reader in (cluster.two, cluster.three):
        until(lambda reader=reader: cluster.value(reader, exists), "replays")


def test_a_reader_follows_a_writer_that_has_more(cluster: SmallCluster) -> None:
    # Of a larger class: as a reader it may have more than its writer, and then it is promoted.
    cluster.two = cluster.with_parameters(cluster.two, {"max_connections": "300"})
    cluster.start(readers=2)
    assert show(cluster, cluster.two, "max_connections") == "300"
    assert show(cluster, cluster.three, "max_connections") == "100"
    cluster.plane.promote(cluster.two, cluster.one)
    cluster.plane.follow(cluster.three, cluster.two)
    cluster.plane.start_reader(cluster.one, cluster.two)
    cluster.ask(cluster.two, "CREATE TABLE after (i int)")
    exists = "SELECT to_regclass('after') IS NOT NULL"
    for reader in (cluster.one, cluster.three):
        until(lambda reader=reader: cluster.value(reader, exists), "replays")
        assert show(cluster, reader, "max_connections") == "300"


def test_lowering_starts_with_the_writer(cluster: SmallCluster) -> None:
    more = {"max_connections": "200"}
    cluster.one, cluster.two = (cluster.with_parameters(each, more) for each in (cluster.one, cluster.two))
    cluster.start(readers=1)
    lower = {"max_connections": "60"}
    cluster.plane.restart(cluster.with_parameters(cluster.two, lower))
    assert show(cluster, cluster.two, "max_connections") == "200"
    cluster.plane.restart(cluster.with_parameters(cluster.one, lower))
    assert show(cluster, cluster.one, "max_connections") == "60"
    cluster.plane.restart(cluster.with_parameters(cluster.two, lower))
    assert show(cluster, cluster.two, "max_connections") in {"60", "200"}
    cluster.ask(cluster.one, "CREATE TABLE after (i int)")
    until(lambda: cluster.value(cluster.two, "SELECT to_regclass('after') IS NOT NULL"), "replays")


def test_force_ssl_can_be_turned_off(shared: SmallCluster) -> None:
    assert "no encryption" in str(shared.refusal(shared.one, "SELECT 1", sslmode="disable"))
    try:
        shared.plane.apply(shared.with_parameters(shared.one, {"rds.force_ssl": "0"}))
        shown = "SELECT current_setting('rds.force_ssl')"
        assert shared.value(shared.one, shown, sslmode="disable") == "0"
    finally:
        shared.plane.apply(shared.one)
    assert "no encryption" in str(shared.refusal(shared.one, "SELECT 1", sslmode="disable"))


def test_odd_values_survive_the_files(shared: SmallCluster) -> None:
    odd = {"search_path": "\"it's\", 'a\\b'", "application_name": "", "log_line_prefix": "%t #'\\ "}
    good, bad = accepted(shared.template.facts(), odd)
    assert (good, bad) == (odd, {})
    try:
        shared.plane.apply(shared.with_parameters(shared.two, odd))
        assert show(shared, shared.two, "search_path") == odd["search_path"]
        assert show(shared, shared.two, "log_line_prefix") == odd["log_line_prefix"]
    finally:
        shared.plane.apply(shared.two)


def test_quoting() -> None:
    assert quote("it's \\ here") == "'it''s \\\\ here'"
    with pytest.raises(ValueError, match="control characters"):
        quote("two\nlines")
    assert conninfo(host="h", password="it's") == "host='h' password='it\\'s'"
    assert passfile({"u:1": "a\\b"}) == "*:*:*:u\\:1:a\\\\b\n"
    command = restore_command((Path("/some where/it's 5%/pg_wal"),), Path("/x/asked"))
    assert "'/some where/it'\\''s 5%%/pg_wal'/%f" in command


def test_log_that_is_there_and_cannot_be_copied_is_not_taken_for_the_end_of_the_log(tmp_path: Path) -> None:
    source, asked, target = tmp_path / "truth", tmp_path / "asked", tmp_path / "pg_wal"
    for folder in (source, asked, target):
        folder.mkdir()
    (source / "here").write_text("log")
    command = restore_command((tmp_path / "gone", source), asked)

    def status(name: str, path: Path) -> int:
        line = command.replace("%f", name).replace("%p", str(path))
        return subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode

    assert status("here", target / "here") == 0
    assert (target / "here").read_text() == "log"
    assert status("not-there", target / "not-there") == 1
    assert status("here", tmp_path / "no-such-folder" / "here") > 125
    assert sorted(file.name for file in asked.iterdir()) == ["here", "not-there"]
