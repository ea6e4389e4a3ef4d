"""What Aurora PostgreSQL says of its parameters beyond what PostgreSQL itself knows of them.

Sources: UG AuroraPostgreSQL.Reference.ParameterGroups (copy of 2026-04-13: which parameters cluster and
instance groups list, and their defaults) and a published output of `describe-db-cluster-parameters` for
Aurora PostgreSQL 14 (types, allowed values, what can be modified). Descriptions are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CLUSTER: Final = frozenset({"cluster"})
BOTH: Final = frozenset({"cluster", "instance"})

# PostgreSQL's server-level parameters that the groups list. The others (checkpoints, archiving, recovery,
# fsync …) are not there, because Aurora's storage takes their place: they cannot be named in a group at all.
LISTED_SERVER_LEVEL: Final = frozenset(
    [
        "authentication_timeout",
        "autovacuum",
        "autovacuum_analyze_scale_factor",
        "autovacuum_analyze_threshold",
        "autovacuum_freeze_max_age",
        "autovacuum_max_workers",
        "autovacuum_multixact_freeze_max_age",
        "autovacuum_naptime",
        "autovacuum_vacuum_cost_delay",
        "autovacuum_vacuum_cost_limit",
        "autovacuum_vacuum_insert_scale_factor",
        "autovacuum_vacuum_insert_threshold",
        "autovacuum_vacuum_scale_factor",
        "autovacuum_vacuum_threshold",
        "autovacuum_work_mem",
        "config_file",
        "data_directory",
        "db_user_namespace",
        "hba_file",
        "hot_standby_feedback",
        "huge_pages",
        "ident_file",
        "krb_caseins_users",
        "listen_addresses",
        "log_autovacuum_min_duration",
        "log_connections",
        "log_destination",
        "log_directory",
        "log_disconnections",
        "log_file_mode",
        "log_filename",
        "log_hostname",
        "log_line_prefix",
        "log_rotation_age",
        "log_rotation_size",
        "log_timezone",
        "log_truncate_on_rotation",
        "logging_collector",
        "max_connections",
        "max_files_per_process",
        "max_locks_per_transaction",
        "max_logical_replication_workers",
        "max_pred_locks_per_page",
        "max_pred_locks_per_relation",
        "max_pred_locks_per_transaction",
        "max_prepared_transactions",
        "max_replication_slots",
        "max_slot_wal_keep_size",
        "max_standby_streaming_delay",
        "max_sync_workers_per_subscription",
        "max_wal_senders",
        "max_worker_processes",
        "min_dynamic_shared_memory",
        "old_snapshot_threshold",
        "port",
        "recovery_init_sync_method",
        "remove_temp_files_after_crash",
        "restart_after_crash",
        "shared_buffers",
        "shared_preload_libraries",
        "ssl",
        "ssl_ca_file",
        "ssl_cert_file",
        "ssl_ciphers",
        "ssl_crl_dir",
        "ssl_key_file",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "stats_temp_directory",
        "superuser_reserved_connections",
        "track_activity_query_size",
        "track_commit_timestamp",
        "wal_buffers",
        "wal_receiver_create_temp_slot",
        "wal_receiver_status_interval",
        "wal_receiver_timeout",
    ]
)

# Parameters of a session that the groups do not list, whole categories of them first.
UNLISTED_CATEGORIES: Final = ("Developer Options", "Write-Ahead Log", "Preset Options", "Customized Options")
LISTED_ALL_THE_SAME: Final = frozenset(
    {"backtrace_functions", "debug_parallel_query", "force_parallel_mode", "synchronous_commit"}
)
LISTED_TEXTS: Final = frozenset(
    [
        "application_name",
        "backtrace_functions",
        "client_encoding",
        "createrole_self_grant",
        "datestyle",
        "default_tablespace",
        "lc_messages",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
        "log_connections",
        "restrict_nonsystem_relation_kind",
        "search_path",
        "temp_tablespaces",
        "timezone",
    ]
)
"""A server does not start with a text that it cannot read: only those are offered that are known here."""
UNLISTED_SESSION_LEVEL: Final = frozenset(
    [
        "allow_alter_system",
        "allow_in_place_tablespaces",
        "default_table_access_method",
        "default_text_search_config",
        "dynamic_library_path",
        "gss_accept_delegation",
        "jit",
        "jit_above_cost",
        "jit_inline_above_cost",
        "jit_optimize_above_cost",
        "local_preload_libraries",
        "lock_timeout",
        "session_preload_libraries",
        "stats_fetch_consistency",
        "tcp_user_timeout",
        "timezone_abbreviations",
        "transaction_deferrable",
        "transaction_isolation",
        "transaction_read_only",
    ]
)

CLUSTER_ONLY: Final = frozenset(
    [
        "array_nulls",
        "backslash_quote",
        "backtrace_functions",
        "client_encoding",
        "compute_query_id",
        "data_directory",
        "datestyle",
        "default_tablespace",
        "default_toast_compression",
        "extra_float_digits",
        "huge_pages",
        "intervalstyle",
        "krb_caseins_users",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
        "log_autovacuum_min_duration",
        "log_transaction_sample_rate",
        "max_logical_replication_workers",
        "max_prepared_transactions",
        "max_replication_slots",
        "max_sync_workers_per_subscription",
        "max_wal_senders",
        "password_encryption",
        "plan_cache_mode",
        "port",
        "recovery_init_sync_method",
        "ssl",
        "ssl_ciphers",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "synchronous_commit",
        "timezone",
        "track_commit_timestamp",
        "track_wal_io_timing",
        "wal_buffers",
        "wal_receiver_create_temp_slot",
        "wal_receiver_timeout",
        "wal_sender_timeout",
    ]
)
CLUSTER_ONLY_PREFIXES: Final = ("autovacuum", "vacuum_")

NOT_MODIFIABLE: Final = frozenset(
    [
        "backtrace_functions",
        "config_file",
        "data_directory",
        "db_user_namespace",
        "effective_io_concurrency",
        "exit_on_error",
        "hba_file",
        "hot_standby_feedback",
        "huge_pages",
        "ident_file",
        "listen_addresses",
        "lo_compat_privileges",
        "log_directory",
        "log_file_mode",
        "log_line_prefix",
        "log_timezone",
        "log_truncate_on_rotation",
        "logging_collector",
        "maintenance_io_concurrency",
        "port",
        "recovery_init_sync_method",
        "restart_after_crash",
        "ssl_ca_file",
        "ssl_cert_file",
        "ssl_crl_dir",
        "ssl_key_file",
        "stats_temp_directory",
        "superuser_reserved_connections",
        "wal_receiver_create_temp_slot",
        "wal_receiver_status_interval",
    ]
)
# On Aurora these can be set. The lab's own replication and endpoints stand on them, so here they cannot.
KEPT_BY_THE_LAB: Final = frozenset(
    [
        "max_replication_slots",
        "max_slot_wal_keep_size",
        "max_wal_senders",
        "ssl",
        "ssl_ciphers",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "wal_receiver_timeout",
        "wal_sender_timeout",
    ]
)

SYSTEM_DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_max_workers": "GREATEST({DBInstanceClassMemory/64371566592},3)",
        "autovacuum_naptime": "5",
        "autovacuum_vacuum_cost_limit": "GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)",
        "autovacuum_vacuum_scale_factor": "0.1",
        "client_encoding": "UTF8",
        "config_file": "/rdsdbdata/config/postgresql.conf",
        "data_directory": "/rdsdbdata/db",
        "effective_cache_size": "SUM({DBInstanceClassMemory/12038},-50003)",
        "hba_file": "/rdsdbdata/config/pg_hba.conf",
        "huge_pages": "on",
        "ident_file": "/rdsdbdata/config/pg_ident.conf",
        "idle_in_transaction_session_timeout": "86400000",
        "krb_caseins_users": "false",
        "listen_addresses": "*",
        "lo_compat_privileges": "0",
        "log_autovacuum_min_duration": "10000",
        "log_destination": "stderr",
        "log_directory": "/rdsdbdata/log/error",
        "log_file_mode": "0644",
        "log_filename": "postgresql.log.%Y-%m-%d-%H%M",
        "log_hostname": "0",
        "log_line_prefix": "%t:%r:%u@%d:[%p]:",
        "log_rotation_age": "60",
        "log_timezone": "UTC",
        "logging_collector": "1",
        "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",  # FACTS 1.25
        "max_replication_slots": "20",
        "max_stack_depth": "6144",
        "max_wal_senders": "10",
        "port": "EndPointPort",
        "shared_buffers": "SUM({DBInstanceClassMemory/12038},-50003)",
        "shared_preload_libraries": "pg_stat_statements",
        "ssl": "1",
        "ssl_ca_file": "/rdsdbdata/rds-metadata/ca-cert.pem",
        "ssl_cert_file": "/rdsdbdata/rds-metadata/server-cert.pem",
        "ssl_crl_dir": "/rdsdbdata/rds-metadata/ssl_crl_dir/",
        "ssl_key_file": "/rdsdbdata/rds-metadata/server-key.pem",
        "superuser_reserved_connections": "3",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "track_activity_query_size": "4096",
        "track_io_timing": "1",
        "vacuum_cost_page_miss": "0",
    }
)
ENGINE_DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "autovacuum_vacuum_cost_delay": "5",
        "autovacuum_vacuum_insert_scale_factor": "0.2",
        "autovacuum_work_mem": "GREATEST({DBInstanceClassMemory/32768},131072)",
        "compute_query_id": "auto",
        "hot_standby_feedback": "on",
        "log_rotation_size": "100000",
        "log_truncate_on_rotation": "0",
        "maintenance_io_concurrency": "1",
        "maintenance_work_mem": "GREATEST({DBInstanceClassMemory/63963136*1024},65536)",
        "max_locks_per_transaction": "64",
        "max_parallel_workers": "GREATEST(${DBInstanceVCPU/2},8)",
        "max_prepared_transactions": "0",
        "max_standby_streaming_delay": "14000",
        "max_sync_workers_per_subscription": "2",
        "max_worker_processes": "GREATEST(${DBInstanceVCPU*2},8)",
        "recovery_init_sync_method": "syncfs",
        "remove_temp_files_after_crash": "0",
        "ssl_min_protocol_version": "TLSv1.2",
        "temp_file_limit": "-1",
        "track_functions": "pl",
        "vacuum_failsafe_age": "1200000000",
        "vacuum_multixact_failsafe_age": "1200000000",
        "wal_receiver_create_temp_slot": "0",
        "wal_receiver_timeout": "30000",
    }
)

# Where Aurora allows less (or other spellings) than PostgreSQL. The libraries are those that the lab has.
ALLOWED_VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "autovacuum_freeze_max_age": "100000000-750000000",
        "client_min_messages": "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error",
        "compute_query_id": "auto,on",
        "default_transaction_isolation": "serializable,repeatable read,read committed,read uncommitted",
        "huge_pages": "on,off",
        "log_destination": "stderr,csvlog",
        "log_filename": ("postgresql.log.%Y-%m-%d,postgresql.log.%Y-%m-%d-%H,postgresql.log.%Y-%m-%d-%H%M"),
        "log_min_messages": "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal",
        "log_rotation_age": "10-1440",
        "log_rotation_size": "50000-1000000",
        "max_connections": "6-262143",
        "max_files_per_process": "74-2147483647",
        "max_standby_streaming_delay": "1000-30000",
        "password_encryption": "md5,scram-sha-256",
        "shared_buffers": "128-1073741823",
        "shared_preload_libraries": "auto_explain,pg_prewarm,pg_stat_statements",
        "synchronous_commit": "local,on,off",
        "vacuum_failsafe_age": "0-1200000000",
        "vacuum_multixact_failsafe_age": "0-1200000000",
        "wal_receiver_timeout": "0-3600000",
        "wal_sender_timeout": "0-3600000",
    }
)
LISTS: Final = frozenset({"shared_preload_libraries"})
"""Parameters whose value is a list of allowed values."""


@dataclass(frozen=True, slots=True)
class AuroraParameter:
    """A parameter that PostgreSQL does not have, or has only with a library."""

    name: str
    kind: str
    """boolean, integer, float, string or list."""
    allowed: str | None
    description: str
    value: str | None = None
    static: bool = False
    source: str = "engine-default"
    levels: frozenset[str] = CLUSTER
    modifiable: bool = True
