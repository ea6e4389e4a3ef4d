"""Which parameters really apply to a server of the lab, and with which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from aurora_lab.region.rds.aurora_own_parameters import AURORA_OWN
from aurora_lab.region.rds.aurora_parameters import (
    ENGINE_DEFAULTS,
    KEPT_BY_THE_LAB,
    NOT_MODIFIABLE,
    SYSTEM_DEFAULTS,
)
from aurora_lab.region.rds.common import CatalogueLike
from aurora_lab.region.rds.orderable import GIB, SERVERLESS, instance_class
from aurora_lab.region.rds.parameter_catalogue import BOOLEANS, DATA_TYPES, force_ssl_default
from aurora_lab.region.rds.parameter_formulas import FormulaError, Host, evaluate, is_formula
from aurora_lab.region.store import Document, Store

STANDBY_MINIMUM = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_worker_processes",
)
"""PostgreSQL starts a reader only where each of these is at least what the writer has."""

# Shown in a group, never written to a server: a learner's machine is not Aurora's host.
NEVER_APPLIED = frozenset(
    [
        "client_encoding",
        "lc_messages",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
        "log_destination",
        "log_filename",
        "log_rotation_age",
        "log_rotation_size",
        "max_stack_depth",
        "min_dynamic_shared_memory",
        "remove_temp_files_after_crash",
        "wal_buffers",
    ]
)
APPLIED_ALTHOUGH_FIXED = frozenset({"hot_standby_feedback"})
# Aurora's default would take memory that a learner's machine has not; what a learner sets does apply.
APPLIED_WHEN_SET = frozenset(
    [
        "autovacuum_work_mem",
        "maintenance_work_mem",
        "max_locks_per_transaction",
        "shared_buffers",
        "shared_preload_libraries",
        "track_activity_query_size",
    ]
)
# The most that the lab gives a server, whatever a group says: beyond it the server would not start.
LAB_LIMITS: Final[Mapping[str, int]] = {
    "autovacuum_max_workers": 32,
    "max_connections": 5000,
    "max_files_per_process": 10_000,
    "max_logical_replication_workers": 64,
    "max_parallel_workers": 64,
    "max_prepared_transactions": 1000,
    "max_worker_processes": 64,
    "shared_buffers": 65536,  # of 8 kB
    "track_activity_query_size": 16384,
}
STATISTICS_OF_STEPS = ("log_parser_stats", "log_planner_stats", "log_executor_stats")
"""PostgreSQL does not start with one of these and `log_statement_stats` too."""
LOCK_TABLES = ("max_locks_per_transaction", "max_pred_locks_per_transaction")
LOCKS_BY_DEFAULT = 6400
"""Locks that stock PostgreSQL has room for: 64 for each of 100 connections."""
LOCKS_AT_MOST = 320_000
FEWEST_LOCKS_EACH = 10

# FACTS 5.11: ACUs and connections; between two of the points AWS's figures lie on a line.
SERVERLESS_CONNECTIONS = ((1.0, 189), (4.0, 823), (8.0, 1669), (16.0, 3360), (32.0, 5000))
SERVERLESS_CONNECTIONS_AT_LOW_MINIMUM = 2000
LOW_MINIMUM_ACUS = 0.5

SET_BY_THE_DATA_PLANE = frozenset({"rds.extensions"})


def effective_parameters(
    store: Store, catalogue: CatalogueLike, cluster: Document, instance: Document
) -> dict[str, str]:
    """PostgreSQL's settings that a server of this instance must have, by PostgreSQL's names.

    A value that was set in the instance's DB parameter group goes before one of the cluster's group, and that
    before Aurora's default. Formulas are computed for the instance's class. A value set with `pending-reboot`
    counts from the instance's next start on: `instance["_lab"]["booted_at"]`, where it is kept, says when it
    last started. Left out is what only AWS's hosts can have (see the tables above).
    """
    host = host_of(cluster, instance)
    rows = {row["name"].lower(): row for row in catalogue.settings}
    chosen = user_values(store, cluster, instance)
    result: dict[str, str] = {}
    for name, value in {**_defaults(), **chosen}.items():
        row = rows.get(name)
        if row is None or name in NEVER_APPLIED or (name in APPLIED_WHEN_SET and name not in chosen):
            continue
        resolved = _resolved(row, value, host)
        if resolved is not None:
            result[row["name"]] = resolved
    if "max_connections" not in chosen and instance["DBInstanceClass"] == SERVERLESS:
        result["max_connections"] = str(serverless_connections(cluster))
    _bound_locks(result, chosen)
    if any(result.get(name) == "on" for name in STATISTICS_OF_STEPS):
        result.pop("log_statement_stats", None)
    if BOOLEANS.get(chosen.get("rds.logical_replication", "0").lower()) == "on":
        result["wal_level"] = "logical"
    result |= {
        name: value for name, value in {**_rds_defaults(catalogue), **chosen}.items() if _shown(name, result)
    }
    return result


def force_ssl(store: Store, catalogue: CatalogueLike, cluster: Document) -> bool:
    """Whether connections without TLS are refused: `rds.force_ssl`, on by default from 17 (FACTS 3.27)."""
    values = group_values(store, "DBClusterParameterGroup", cluster["DBClusterParameterGroup"], None)
    return BOOLEANS.get(values.get("rds.force_ssl", force_ssl_default(catalogue)).lower()) == "on"


def raised_to_standby_minimum(
    settings: Mapping[str, str], others: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """`settings` with each of STANDBY_MINIMUM at least what any of the cluster's other servers has."""
    result = dict(settings)
    for name in STANDBY_MINIMUM:
        values = [int(item[name]) for item in (settings, *others) if name in item]
        if values:
            result[name] = str(max(values))
    return result


def waits_for_reboot(store: Store, instance: Document) -> bool:
    """Whether a value in the instance's DB parameter group was set with `pending-reboot` since its start."""
    booted = instance.get("_lab", {}).get("booted_at")
    name = instance["DBParameterGroups"][0]["DBParameterGroupName"]
    now = group_values(store, "DBParameterGroup", name, None)
    return booted is not None and now != group_values(store, "DBParameterGroup", name, booted)


def host_of(cluster: Document, instance: Document) -> Host:
    """The host that formulas are computed for."""
    name = instance["DBInstanceClass"]
    port = cluster.get("Port", 5432)
    if name == SERVERLESS:
        # Static parameters follow the maximum of the range (FACTS 5.11); an ACU is 2 GiB (FACTS 5.1).
        maximum = _capacity(cluster, "MaxCapacity")
        return Host(memory=int(maximum * 2 * GIB), vcpus=max(1, int(maximum // 4)), port=port)
    vcpus, memory = instance_class(name) or (2, 16 * GIB)
    return Host(memory=memory, vcpus=vcpus, port=port)


def serverless_connections(cluster: Document) -> int:
    """`max_connections` of a serverless instance, by the range of ACUs (FACTS 5.11)."""
    maximum = _capacity(cluster, "MaxCapacity")
    points = SERVERLESS_CONNECTIONS
    connections = points[-1][1]
    for (low, few), (high, many) in pairwise(points):
        if maximum <= high:
            share = (max(maximum, low) - low) / (high - low)
            connections = round(few + share * (many - few))
            break
    if _capacity(cluster, "MinCapacity") <= LOW_MINIMUM_ACUS:
        return min(connections, SERVERLESS_CONNECTIONS_AT_LOW_MINIMUM)
    return connections


def user_values(store: Store, cluster: Document, instance: Document) -> dict[str, str]:
    """What the instance's two parameter groups set, as far as it counts since the instance's last start."""
    booted = instance.get("_lab", {}).get("booted_at")
    values = group_values(store, "DBClusterParameterGroup", cluster["DBClusterParameterGroup"], booted)
    for group in instance.get("DBParameterGroups", ()):
        values |= group_values(store, "DBParameterGroup", group["DBParameterGroupName"], booted)
    return values


def group_values(store: Store, kind: str, name: str, booted_at: str | None) -> dict[str, str]:
    """What a group sets: by parameter, the last value that counts for an instance started at `booted_at`.

    With None, the last value of all. A default group, or none of that name, sets nothing.
    """
    document = store.get(kind, name.lower())
    values: dict[str, str] = {}
    for parameter, changes in (document or {}).get("_lab", {}).get("changes", {}).items():
        counting = [
            change
            for change in changes
            if booted_at is None or change["method"] == "immediate" or change["at"] <= booted_at
        ]
        if counting and counting[-1]["value"] is not None:
            values[parameter] = counting[-1]["value"]
    return values


def _defaults() -> dict[str, str]:
    fixed = (NOT_MODIFIABLE | KEPT_BY_THE_LAB) - APPLIED_ALTHOUGH_FIXED
    defaults = {**ENGINE_DEFAULTS, **SYSTEM_DEFAULTS}
    return {name: value for name, value in defaults.items() if name not in fixed}


def _rds_defaults(catalogue: CatalogueLike) -> dict[str, str]:
    defaults = {item.name: item.value for item in AURORA_OWN if item.name not in SET_BY_THE_DATA_PLANE}
    defaults["rds.force_ssl"] = force_ssl_default(catalogue)
    return {name: value for name, value in defaults.items() if value is not None}


def _shown(name: str, settings: Mapping[str, str]) -> bool:
    """Whether a parameter that PostgreSQL does not know can be put into its configuration all the same.

    It keeps any name with a dot, so `SHOW rds.force_ssl` works as on Aurora; those of a library are for when
    it is loaded.
    """
    prefix, dot, _ = name.partition(".")
    libraries = settings.get("shared_preload_libraries", "").replace(" ", "").split(",")
    return bool(dot) and (prefix == "rds" or prefix in libraries)


def _resolved(row: Mapping[str, Any], value: str, host: Host) -> str | None:
    kind = DATA_TYPES[row["vartype"]]
    if kind == "boolean":
        return BOOLEANS.get(value.lower())
    if kind not in ("integer", "float"):
        return value
    try:
        number = float(evaluate(value, host)) if is_formula(value) else float(value)
    except (FormulaError, ValueError):
        return None
    limit = LAB_LIMITS.get(row["name"], float(row["max_val"]))
    number = min(max(number, float(row["min_val"])), limit, float(row["max_val"]))
    return str(int(number)) if kind == "integer" else f"{number:.12g}"


def _bound_locks(result: dict[str, str], chosen: Mapping[str, str]) -> None:
    """Room for locks is connections times locks each: many connections would otherwise fill the memory.

    By default as many locks in all as stock PostgreSQL has, so a learner never has fewer (measured: 1,802
    connections take 55 MB a server with 64 locks each, 17 MB with 10).
    """
    connections = int(result.get("max_connections", "100"))
    for name in LOCK_TABLES:
        wanted = (
            int(result[name]) if name in chosen and name in result else -(-LOCKS_BY_DEFAULT // connections)
        )
        most = max(FEWEST_LOCKS_EACH, LOCKS_AT_MOST // connections)
        each = min(max(wanted, FEWEST_LOCKS_EACH), most)
        result[name] = str(each if name in chosen else min(each, 64))


def _capacity(cluster: Document, name: str) -> float:
    return float(cluster.get("ServerlessV2ScalingConfiguration", {}).get(name, 1.0))
