from __future__ import annotations

import pytest
from records_region import DEFAULT_GROUP, FAMILY, SETTINGS, Client, PlainRegion, refused

from aurora_lab.region.rds.parameters import is_static


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("no_such_thing", "1", "Could not find parameter with name: no_such_thing"),
        ("fsync", "off", "Could not find parameter with name: fsync"),
        ("wal_level", "logical", "Could not find parameter with name: wal_level"),
        ("synchronous_standby_names", "x", "Could not find parameter with name: synchronous_standby_names"),
        ("port", "5433", "The parameter port cannot be modified."),
        ("ssl", "0", "The parameter ssl cannot be modified."),
        ("hba_file", "/tmp/x", "The parameter hba_file cannot be modified."),
        ("rds.extensions", "x", "The parameter rds.extensions cannot be modified."),
        ("work_mem", "63", "Invalid parameter value: 63 for: work_mem allowed values are: 64-2147483647"),
        (
            "work_mem",
            "4MB",
            "Invalid parameter value: 4MB for: work_mem allowed values are: 64-2147483647",
        ),
        (
            "log_connections",
            "maybe",
            "Invalid parameter value: maybe for: log_connections allowed values are: 0,1",
        ),
        (
            "synchronous_commit",
            "remote_apply",
            "Invalid parameter value: remote_apply for: synchronous_commit allowed values are: local,on,off",
        ),
        (
            "shared_preload_libraries",
            "vector",
            "Invalid parameter value: vector for: shared_preload_libraries allowed values are: "
            "auto_explain,pg_prewarm,pg_stat_statements",
        ),
        ("timezone", "Mars/Base", "Invalid parameter value: Mars/Base for: timezone"),
        ("search_path", "a,,b", "Invalid parameter value: a,,b for: search_path"),
        ("datestyle", "ISO, SQL", "Invalid parameter value: ISO, SQL for: datestyle"),
        ("application_name", "a\nport = 1", "Invalid parameter value: a\nport = 1 for: application_name"),
        ("random_page_cost", "nan", "Invalid parameter value: nan for: random_page_cost"),
        ("random_page_cost", "1e999", "Invalid parameter value: 1e999 for: random_page_cost"),
        ("work_mem", "1_000", "Invalid parameter value: 1_000 for: work_mem"),
        ("work_mem", "٣٠٠", "Invalid parameter value: ٣٠٠ for: work_mem"),
        ("work_mem", "{DBInstanceClassMemory/0}", "Invalid parameter value: {DBInstanceClassMemory/0}"),
        ("work_mem", "GREATEST({Foo},1)", "Invalid parameter value: GREATEST({Foo},1)"),
    ],
)
def test_what_cannot_be_set(call: Client, cluster_group: str, name: str, value: str, message: str) -> None:
    parameters = [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}]
    asked = {"DBClusterParameterGroupName": cluster_group, "Parameters": parameters}
    code, status, text = refused(call, "ModifyDBClusterParameterGroup", **asked)
    assert (code, status) == ("InvalidParameterValue", 400)
    assert text.startswith(message)
    assert call.parameters(cluster_group, Source="user") == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("work_mem", "64"),
        ("work_mem", "{DBInstanceClassMemory/1024}"),
        ("autovacuum_vacuum_cost_delay", "-1"),
        ("extra_float_digits", "-15"),
        ("random_page_cost", "1.1"),
        ("log_connections", "on"),
        ("log_connections", "1"),
        ("log_connections", "FALSE"),
        ("log_statement", "ddl"),
        ("default_transaction_isolation", "repeatable read"),
        ("log_filename", "postgresql.log.%Y-%m-%d-%H"),
        ("shared_preload_libraries", "pg_stat_statements,auto_explain"),
        ("timezone", "UTC"),
        ("datestyle", "ISO, DMY"),
        ("search_path", '"$user", public'),
        ("rds.force_ssl", "0"),
        ("rds.global_db_rpo", "20"),
        ("apg_ccm_enabled", "1"),
    ],
)
def test_what_can_be_set(call: Client, cluster_group: str, name: str, value: str) -> None:
    parameters = [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}]
    call("ModifyDBClusterParameterGroup", DBClusterParameterGroupName=cluster_group, Parameters=parameters)
    assert call.parameters(cluster_group, Source="user")[name]["ParameterValue"] == value


def test_engine_defaults_are_the_default_groups_parameters(call: Client) -> None:
    for level, operation in (
        ("Cluster", "DescribeEngineDefaultClusterParameters"),
        ("", "DescribeEngineDefaultParameters"),
    ):
        defaults = call(operation, DBParameterGroupFamily=FAMILY)["EngineDefaults"]
        assert defaults["DBParameterGroupFamily"] == FAMILY
        in_group = call.parameters(DEFAULT_GROUP, level)
        assert [item["ParameterName"] for item in defaults["Parameters"]] == list(in_group)
        assert not any("ApplyMethod" in item for item in defaults["Parameters"])
        assert refused(call, operation, DBParameterGroupFamily="mysql8.0")[0] == "InvalidParameterValue"
    named = [{"Name": "parameter-name", "Values": ["work_mem"]}]
    only = call("DescribeEngineDefaultParameters", DBParameterGroupFamily=FAMILY, Filters=named)
    assert [item["ParameterName"] for item in only["EngineDefaults"]["Parameters"]] == ["work_mem"]


def test_every_parameter_agrees_with_postgresql(call: Client, region: PlainRegion) -> None:
    settings = {row["name"].lower(): row for row in SETTINGS}
    shown = call.parameters(DEFAULT_GROUP)
    assert set(call.parameters(DEFAULT_GROUP, "")) < set(shown)
    for name, item in shown.items():
        assert is_static(region.catalogue, name) == (item["ApplyType"] == "static")
        row = settings.get(name)
        if row is None:
            assert name.split(".")[0] in {"rds", "auto_explain", "pg_stat_statements", "apg_ccm_enabled"} or (
                name.startswith("apg_")
            ), name
            continue
        assert (item["ApplyType"] == "static") == (row["context"] == "postmaster"), name
        if row["vartype"] == "bool":
            assert (item["DataType"], item["AllowedValues"]) == ("boolean", "0,1"), name
        if row["vartype"] == "integer":
            low, high = _bounds(item["AllowedValues"])
            assert int(row["min_val"]) <= low <= high <= int(row["max_val"]), name
        if row["vartype"] == "enum":
            assert set(item["AllowedValues"].split(",")) <= set(row["enumvals"]), name


def test_what_aurora_leaves_out_is_left_out(call: Client) -> None:
    shown = call.parameters(DEFAULT_GROUP)
    storage = [
        name for name in shown if name.startswith(("checkpoint", "archive", "recovery_target", "bgwriter"))
    ]
    assert storage == []
    assert not {"fsync", "full_page_writes", "wal_level", "primary_conninfo", "allow_alter_system"} & set(
        shown
    )


def test_figures_that_lessons_teach(call: Client, region: PlainRegion) -> None:
    shown = call.parameters(DEFAULT_GROUP)
    assert shown["max_connections"]["ParameterValue"] == "LEAST({DBInstanceClassMemory/9531392},5000)"
    assert shown["rds.force_ssl"]["ParameterValue"] == "1"
    assert shown["apg_ccm_enabled"]["DataType"] == "boolean"
    assert "apg_ccm_enabled" not in call.parameters(DEFAULT_GROUP, ""), "a matter of the cluster (FACTS 7.21)"
    region.catalogue.engine_version = "16.14"
    older = call.parameters("default.aurora-postgresql16")
    assert older["rds.force_ssl"]["ParameterValue"] == "0"


def _bounds(text: str) -> tuple[int, int]:
    low, _, high = text[1:].partition("-")
    return int(text[0] + low), int(high)


def test_a_text_that_this_project_does_not_know_is_not_offered(call: Client, region: PlainRegion) -> None:
    """A later PostgreSQL may bring texts that a server must be able to read; a number has its range."""
    text, number = (
        {**row, "name": f"brand_new_{row['vartype']}", "context": "user", "category": "Query Tuning"}
        for row in SETTINGS
        if row["name"] in ("search_path", "work_mem")
    )
    region.catalogue.settings = [*SETTINGS, text, number]
    shown = call.parameters(DEFAULT_GROUP)
    assert "brand_new_string" not in shown
    assert shown["brand_new_integer"]["AllowedValues"] == "64-2147483647"


@pytest.mark.parametrize(
    ("value", "taken"),
    [("all", True), ("receipt, authorization", True), ("1", True), ("", False), ("some", False)],
)
def test_log_connections_of_postgresql_18(
    call: Client, region: PlainRegion, cluster_group: str, value: str, taken: bool
) -> None:
    region.catalogue.settings = [
        {**row, "vartype": "string"} if row["name"] == "log_connections" else row for row in SETTINGS
    ]
    parameters = [{"ParameterName": "log_connections", "ParameterValue": value, "ApplyMethod": "immediate"}]
    asked = {"DBClusterParameterGroupName": cluster_group, "Parameters": parameters}
    if taken:
        call("ModifyDBClusterParameterGroup", **asked)
    else:
        assert refused(call, "ModifyDBClusterParameterGroup", **asked)[0] == "InvalidParameterValue"
