from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from records_region import DEFAULT_GROUP, SETTINGS, Client, PlainRegion, a_cluster, an_instance

from aurora_lab.region.rds.orderable import instance_class, instance_classes
from aurora_lab.region.rds.parameter_catalogue import parameters
from aurora_lab.region.rds.parameters import (
    effective_parameters,
    force_ssl,
    raised_to_standby_minimum,
    waits_for_reboot,
)
from aurora_lab.region.store import Document
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import find_binaries

Settings = dict[str, str]
NAMES = {row["name"] for row in SETTINGS}


@pytest.fixture
def settings(region: PlainRegion) -> Callable[..., Settings]:
    """The settings of a server of cluster c1, with both parameter groups of the tests."""

    def of(cluster: Document | None = None, **instance: Any) -> Settings:
        cluster = cluster or a_cluster(region, DBClusterParameterGroup="mine")
        document = an_instance(region, group="its", **instance)
        return effective_parameters(region.store, region.catalogue, cluster, document)

    return of


def set_values(call: Client, level: str, name: str, method: str = "pending-reboot", **values: str) -> None:
    listed = [
        {"ParameterName": key.replace("__", "."), "ParameterValue": value, "ApplyMethod": method}
        for key, value in values.items()
    ]
    call(f"ModifyDB{level}ParameterGroup", **{f"DB{level}ParameterGroupName": name}, Parameters=listed)


def test_auroras_defaults_apply(settings: Callable[..., Settings]) -> None:
    found = settings()
    assert found["max_connections"] == "1802", "16 GiB / 9531392 (FACTS 1.25)"
    assert found["max_standby_streaming_delay"] == "14000"
    assert found["idle_in_transaction_session_timeout"] == "86400000"
    assert found["track_io_timing"] == "on"
    assert found["TimeZone"] == "UTC"
    assert found["rds.force_ssl"] == "1"


def test_a_server_gets_only_what_it_has(settings: Callable[..., Settings]) -> None:
    plain = {name for name in settings() if "." not in name}
    assert plain <= NAMES
    kept = {
        "port",
        "listen_addresses",
        "ssl",
        "hba_file",
        "data_directory",
        "fsync",
        "shared_buffers",
        "huge_pages",
    }
    assert not plain & kept, "the lab sets these itself"
    assert not any(value.startswith("/rdsdbdata") for value in settings().values())


@pytest.mark.parametrize("level", ["Cluster", ""], ids=["cluster", "instance"])
def test_what_a_user_sets_applies(
    call: Client, cluster_group: str, instance_group: str, settings: Callable[..., Settings], level: str
) -> None:
    group = cluster_group if level else instance_group
    set_values(call, level, group, work_mem="8192", geqo="0", max_connections="77", random_page_cost="1.10")
    found = settings()
    assert (found["work_mem"], found["geqo"], found["max_connections"]) == ("8192", "off", "77")
    assert found["random_page_cost"] == "1.1"


def test_the_instances_group_goes_first(
    call: Client, cluster_group: str, instance_group: str, settings: Callable[..., Settings]
) -> None:
    set_values(call, "Cluster", cluster_group, work_mem="1000", statement_timeout="5000")
    set_values(call, "", instance_group, work_mem="2000")
    found = settings()
    assert (found["work_mem"], found["statement_timeout"]) == ("2000", "5000")


def test_a_formula_is_computed_for_the_class(
    call: Client, cluster_group: str, instance_group: str, settings: Callable[..., Settings]
) -> None:
    set_values(call, "Cluster", cluster_group, work_mem="{DBInstanceClassMemory/4194304}")
    assert instance_group
    assert settings(DBInstanceClass="db.t4g.medium")["work_mem"] == "1024"
    assert settings(DBInstanceClass="db.r6g.large")["work_mem"] == "4096"
    assert settings(DBInstanceClass="db.t4g.medium")["max_connections"] == "450"


@pytest.mark.parametrize(
    ("minimum", "maximum", "connections"),
    [
        (1, 1, 189),
        (1, 4, 823),
        (1, 8, 1669),
        (1, 16, 3360),
        (1, 32, 5000),
        (1, 256, 5000),
        (0, 1, 189),
        (0, 4, 823),
        (0, 16, 2000),
        (0.5, 64, 2000),
    ],
)
def test_a_serverless_instance_follows_its_maximum(
    region: PlainRegion,
    settings: Callable[..., Settings],
    minimum: float,
    maximum: float,
    connections: int,
) -> None:
    """FACTS 5.11."""
    capacity = {"MinCapacity": minimum, "MaxCapacity": maximum}
    cluster = a_cluster(region, ServerlessV2ScalingConfiguration=capacity)
    assert settings(cluster, DBInstanceClass="db.serverless")["max_connections"] == str(connections)


def test_a_dynamic_value_set_for_the_next_reboot_waits(
    call: Client, region: PlainRegion, instance_group: str, settings: Callable[..., Settings]
) -> None:
    before, now, later = (f"2026-11-23T12:0{minute}:00.000Z" for minute in (0, 1, 2))
    instance = an_instance(region, group=instance_group)
    region.time = before
    set_values(call, "", instance_group, "immediate", work_mem="1000")
    region.time = later
    set_values(call, "", instance_group, work_mem="2000")
    assert settings(_lab={"booted_at": now})["work_mem"] == "1000"
    assert settings(_lab={"booted_at": "2026-11-23T12:03:00.000Z"})["work_mem"] == "2000"
    assert settings(_lab={})["work_mem"] == "2000"

    assert waits_for_reboot(region.store, {**instance, "_lab": {"booted_at": now}})
    assert not waits_for_reboot(region.store, {**instance, "_lab": {"booted_at": later}})
    assert not waits_for_reboot(region.store, instance)


def test_a_value_taken_back_applies_no_longer(
    call: Client, cluster_group: str, instance_group: str, settings: Callable[..., Settings]
) -> None:
    set_values(call, "Cluster", cluster_group, max_standby_streaming_delay="30000", work_mem="1000")
    assert settings()["max_standby_streaming_delay"] == "30000"
    call("ResetDBClusterParameterGroup", DBClusterParameterGroupName=cluster_group, ResetAllParameters=True)
    assert settings()["max_standby_streaming_delay"] == "14000"
    assert "work_mem" not in settings()
    assert instance_group


def test_logical_replication_is_really_turned_on(
    call: Client, cluster_group: str, settings: Callable[..., Settings]
) -> None:
    assert "wal_level" not in settings()
    set_values(call, "Cluster", cluster_group, rds__logical_replication="1")
    assert settings()["wal_level"] == "logical"


def test_tls_is_forced_from_17_on(call: Client, region: PlainRegion, cluster_group: str) -> None:
    """FACTS 3.27."""
    cluster = a_cluster(region, DBClusterParameterGroup=cluster_group)
    assert force_ssl(region.store, region.catalogue, cluster)
    region.catalogue.engine_version = "16.14"
    assert not force_ssl(region.store, region.catalogue, cluster)
    region.catalogue.engine_version = "17.10"
    set_values(call, "Cluster", cluster_group, rds__force_ssl="off")
    assert not force_ssl(region.store, region.catalogue, cluster)


def test_a_librarys_parameters_come_with_the_library(
    call: Client, cluster_group: str, settings: Callable[..., Settings]
) -> None:
    set_values(call, "Cluster", cluster_group, auto_explain__log_min_duration="100")
    assert "auto_explain.log_min_duration" not in settings()
    set_values(call, "Cluster", cluster_group, shared_preload_libraries="pg_stat_statements, auto_explain")
    assert settings()["auto_explain.log_min_duration"] == "100"


def test_many_connections_do_not_fill_the_memory_with_locks(
    call: Client, cluster_group: str, settings: Callable[..., Settings]
) -> None:
    locks = {name: settings(DBInstanceClass=name) for name in ("db.t4g.medium", "db.r8g.48xlarge")}
    for found in locks.values():
        each = int(found["max_locks_per_transaction"])
        assert each * int(found["max_connections"]) >= 6400, "as many in all as stock PostgreSQL has"
        assert each == int(found["max_pred_locks_per_transaction"])
    assert locks["db.r8g.48xlarge"]["max_locks_per_transaction"] == "10"
    set_values(call, "Cluster", cluster_group, max_locks_per_transaction="128", max_connections="100")
    assert settings()["max_locks_per_transaction"] == "128"


def test_a_reader_has_at_least_what_its_writer_has() -> None:
    writer = {"max_connections": "1802", "max_worker_processes": "8", "work_mem": "1"}
    reader = {"max_connections": "450", "max_worker_processes": "16", "work_mem": "2"}
    assert raised_to_standby_minimum(reader, [writer]) == {
        "max_connections": "1802",
        "max_worker_processes": "16",
        "work_mem": "2",
    }


def test_every_class_has_a_size(region: PlainRegion, settings: Callable[..., Settings]) -> None:
    cluster = a_cluster(region, ServerlessV2ScalingConfiguration={"MinCapacity": 1.0, "MaxCapacity": 2.0})
    for name in instance_classes():
        assert instance_class(name) is not None
        assert 6 <= int(settings(cluster, DBInstanceClass=name)["max_connections"]) <= 5000
    assert instance_class("db.m5.large") is None
    assert instance_class("db.r6g.large") == (2, 16 << 30)


def test_a_group_that_is_gone_sets_nothing(region: PlainRegion, settings: Callable[..., Settings]) -> None:
    cluster = a_cluster(region, DBClusterParameterGroup="gone")
    assert settings(cluster) == settings(a_cluster(region, DBClusterParameterGroup=DEFAULT_GROUP))


def extremes(call: Client, which: str) -> dict[str, str]:
    """For each parameter that can be set, its least or greatest value, or its first or last text."""
    chosen = {}
    for name, parameter in parameters(call.region.catalogue, "cluster").items():
        if not parameter.modifiable:
            continue
        texts = parameter.allowed_texts
        bound = parameter.minimum if which == "least" else parameter.maximum
        if parameter.kind == "boolean":
            chosen[name] = "0" if which == "least" else "1"
        elif parameter.kind == "integer" and bound is not None:
            chosen[name] = str(int(bound))
        elif parameter.kind == "float" and bound is not None:
            chosen[name] = f"{bound:.6g}"
        elif texts:
            chosen[name] = texts[0] if which == "least" else texts[-1]
    return chosen


@pytest.mark.parametrize("which", ["least", "greatest"])
def test_postgresql_takes_whatever_a_group_takes(
    call: Client, cluster_group: str, settings: Callable[..., Settings], tmp_path: Path, which: str
) -> None:
    """All parameters at their least, then at their greatest: a real server reads the configuration."""
    try:
        binaries = find_binaries()
    except RuntimeUnavailableError as error:
        pytest.skip(f"no PostgreSQL binaries here: {error}")
    if binaries.major != 17:
        pytest.skip(
            f"the settings of these tests are PostgreSQL 17's, the binaries here are {binaries.version}"
        )
    chosen = extremes(call, which)
    assert len(chosen) > 200
    items = list(chosen.items())
    for begin in range(0, len(items), 20):
        set_values(call, "Cluster", cluster_group, **dict(items[begin : begin + 20]))
    found = settings()
    assert found.keys() >= {"work_mem", "geqo", "synchronous_commit", "random_page_cost", "max_connections"}
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in found.items()]
    (tmp_path / "postgresql.conf").write_text("".join(lines), encoding="utf-8")
    result = subprocess.run(
        [binaries.path("postgres"), "-C", "work_mem", "-D", str(tmp_path)],
        env={**binaries.environment, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == found["work_mem"]
