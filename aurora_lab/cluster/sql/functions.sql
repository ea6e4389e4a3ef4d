-- Aurora's own functions and views, run as superuser in every database that there is.
--
-- They live in pg_catalog, as on Aurora, so that they are found with any search_path and so that pg_dump leaves
-- them out. Nothing is granted or revoked on them: pg_dump would write that down.
--
-- What differs from instance to instance cannot be in the database, which all instances share. It lies in
-- small files, which the region replaces by rename and a server reads relative to its data directory:
--     ../../topology.json           who the writer is, and who the readers are
--     ../../storage.json            the storage nodes, and how far the log of each reaches
--     ../<cluster_name>.d/identity  the identifier of this instance
-- A user can change neither, and cannot set cluster_name, so no session can be made to show another name.

SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.aurora_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT current_setting('server_version') || '.1' $$;

CREATE OR REPLACE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        pg_read_file('../' || current_setting('cluster_name') || '.d/identity', 0, 128, true),
        current_setting('cluster_name'))
$$;

-- The storage nodes are the lab's own matter: on Aurora nobody sees them. On the writer the positions are those
-- of now; a reader shows what the region has measured last.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_lab_storage_nodes(
    OUT storage_node text,
    OUT availability_zone text,
    OUT state text,
    OUT scl pg_lsn
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER ROWS 6
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.name, n.zone,
           CASE WHEN r.state = 'streaming' AND n.state IN ('starting', 'catching-up', 'idle') THEN 'in-sync'
                ELSE n.state END,
           greatest('0/0'::pg_lsn + n.scl, r.flush_lsn)
    FROM jsonb_to_recordset(
        coalesce(nullif(pg_read_file('../../storage.json', 0, 1048576, true), ''), '{}')::jsonb -> 'nodes'
    ) AS n (name text, zone text, state text, scl numeric)
    LEFT JOIN LATERAL (
        SELECT * FROM pg_stat_replication r WHERE r.application_name = n.name ORDER BY r.pid DESC LIMIT 1
    ) r ON NOT pg_is_in_recovery()
    ORDER BY n.name
$$;

-- The volume is one protection group: its VCL is the PGCL, the highest position that four of six have reached.
-- The VDL is the end of the last record up to there.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_lab_volume_status(
    OUT epoch bigint,
    OUT pgcl pg_lsn,
    OUT vcl pg_lsn,
    OUT vdl pg_lsn,
    OUT write_quorum boolean,
    OUT read_quorum boolean
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    WITH published AS (
        SELECT nullif(pg_read_file('../../storage.json', 0, 1048576, true), '')::jsonb AS volume
    ), inserted AS MATERIALIZED (
        -- Before the nodes are asked: mostly they have it by then.
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END AS position
    ), nodes AS MATERIALIZED (
        SELECT n.* FROM inserted CROSS JOIN LATERAL aurora_lab_storage_nodes() n
        WHERE inserted.position IS NOT NULL OR pg_is_in_recovery()
    ), complete AS (
        SELECT (SELECT scl FROM nodes ORDER BY scl DESC OFFSET 3 LIMIT 1) AS vcl,
               count(*) FILTER (WHERE state = 'in-sync') AS in_sync,
               count(*) FILTER (WHERE state NOT IN ('killed', 'paused', 'cut', 'destroyed')) AS answering
        FROM nodes
    )
    SELECT (p.volume ->> 'epoch')::bigint, c.vcl, c.vcl,
           CASE WHEN i.position <= c.vcl THEN i.position
                ELSE least('0/0'::pg_lsn + (p.volume ->> 'vdl')::numeric, c.vcl) END,
           c.in_sync >= 4, c.answering >= 3
    FROM published p, inserted i, complete c
    WHERE p.volume IS NOT NULL
$$;

-- The names and the order of the columns are documented, their SQL types are not (FACTS 7.30, 7.32). These are
-- what tools in the wild read. Columns that the documentation calls "not used" are NULL.
-- An instance knows itself and, as the writer, each reader that streams from it. Of the others it shows its own
-- position in the log. A lag is what the region has measured last (lag_ms) or, where the writer knows of a worse
-- one, that: a reader by itself cannot tell a long silence of the writer from a long delay.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_replica_status(
    OUT server_id text,
    OUT session_id text,
    OUT durable_lsn bigint,
    OUT highest_lsn_rcvd bigint,
    OUT current_read_lsn bigint,
    OUT cur_replay_latency_in_usec bigint,
    OUT active_txns bigint,
    OUT is_current boolean,
    OUT last_transport_error integer,
    OUT last_error_timestamp timestamptz,
    OUT last_update_timestamp timestamptz,
    OUT feedback_xmin bigint,
    OUT feedback_epoch bigint,
    OUT replica_lag_in_msec double precision,
    OUT log_stream_speed_in_kib_per_second double precision,
    OUT log_buffer_sequence_number bigint,
    OUT oldest_read_view_trx_id bigint,
    OUT oldest_read_view_lsn bigint,
    OUT pending_read_ios bigint,
    OUT read_ios bigint,
    OUT iops bigint,
    OUT cpu double precision
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER ROWS 16
SET search_path = pg_catalog, pg_temp
AS $$
    WITH published AS MATERIALIZED (
        SELECT *
        FROM jsonb_to_recordset(
            coalesce(nullif(pg_read_file('../../topology.json', 0, 1048576, true), ''), '[]')::jsonb
        ) AS t (server_id text, resource_id text, role text, session_id text, lag_ms double precision)
    ), own AS MATERIALIZED (
        SELECT current_setting('cluster_name') AS resource_id,
               reader,
               (CASE WHEN reader THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint
                   AS received,
               (CASE WHEN reader THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint
                   AS applied,
               (SELECT count(*) FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid())
                   AS transactions,
               (SELECT sum(blks_read)::bigint FROM pg_stat_database) AS reads
        FROM (SELECT pg_is_in_recovery() AS reader) AS r
    ), durable AS MATERIALIZED (
        SELECT CASE WHEN NOT o.reader THEN (SELECT (vdl - '0/0')::bigint FROM aurora_lab_volume_status()) END AS position
        FROM own o
    ), instance AS (
        SELECT p.server_id, p.resource_id, p.role = 'writer' AS writer, p.session_id, p.lag_ms FROM published p
        UNION ALL
        -- An instance that nobody has published yet knows at least itself.
        SELECT aurora_db_instance_identifier(), o.resource_id, NOT o.reader, NULL, NULL FROM own o
        WHERE NOT EXISTS (SELECT FROM published p WHERE p.resource_id = o.resource_id)
    ), seen AS (
        SELECT i.*, o.reader AS on_reader, o.received, o.applied, o.transactions, o.reads,
               i.resource_id = o.resource_id AS here,
               (s.flush_lsn - '0/0')::bigint AS flushed,
               (s.replay_lsn - '0/0')::bigint AS replayed,
               s.backend_xmin,
               coalesce(greatest(extract(epoch FROM s.replay_lag) * 1000, i.lag_ms), 0) AS lag
        FROM instance i
        CROSS JOIN own o
        LEFT JOIN LATERAL (
            SELECT * FROM pg_stat_replication r WHERE r.application_name = i.resource_id ORDER BY r.pid DESC LIMIT 1
        ) s ON NOT o.reader
    )
    SELECT server_id,
           CASE WHEN writer THEN 'MASTER_SESSION_ID'
                ELSE coalesce(nullif(session_id, ''), md5(resource_id)::uuid::text) END,
           coalesce(least(applied, durable.position), applied),
           CASE WHEN NOT writer THEN coalesce(flushed, received) END,
           coalesce(replayed, applied),
           CASE WHEN writer THEN NULL ELSE (lag * 1000)::bigint END,
           CASE WHEN here THEN transactions ELSE 0 END,
           NULL::boolean,
           0,
           NULL::timestamptz,
           CASE WHEN here THEN NULL ELSE clock_timestamp() END,
           CASE WHEN NOT writer THEN coalesce(backend_xmin::text::bigint, 0) END,
           CASE WHEN NOT writer THEN 0::bigint END,
           CASE WHEN NOT writer THEN round(lag::numeric, 3)::double precision END,
           CASE WHEN NOT writer THEN 0::double precision END,
           0::bigint,
           NULL::bigint,
           coalesce(replayed, applied),
           0::bigint,
           CASE WHEN here THEN reads ELSE 0 END,
           NULL::bigint,
           0::double precision
    FROM seen CROSS JOIN durable
    ORDER BY NOT writer, server_id
$$;

-- A cluster that belongs to no global database has no rows here.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_global_db_status(
    OUT aws_region text,
    OUT highest_lsn_written bigint,
    OUT durability_lag_in_msec bigint,
    OUT rpo_lag_in_msec bigint,
    OUT last_lag_calculation_time timestamptz,
    OUT feedback_epoch bigint,
    OUT feedback_xmin bigint
) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::timestamptz, NULL::bigint, NULL::bigint
    WHERE false
$$;

CREATE OR REPLACE FUNCTION pg_catalog.aurora_global_db_instance_status(
    OUT server_id text,
    OUT session_id text,
    OUT aws_region text,
    OUT durable_lsn bigint,
    OUT highest_lsn_rcvd bigint,
    OUT feedback_epoch bigint,
    OUT feedback_xmin bigint,
    OUT oldest_read_view_lsn bigint,
    OUT visibility_lag_in_msec double precision
) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
           NULL::double precision
    WHERE false
$$;

-- Cluster cache management is not built: nothing is ever sent.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_ccm_status(
    OUT buffers_sent_last_minute bigint,
    OUT buffers_found_last_minute bigint,
    OUT buffers_sent_last_scan bigint,
    OUT buffers_found_last_scan bigint,
    OUT buffers_sent_current_scan bigint,
    OUT buffers_found_current_scan bigint,
    OUT current_scan_progress bigint
) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
$$;

CREATE OR REPLACE FUNCTION pg_catalog.aurora_list_builtins(
    OUT "Name" text,
    OUT "Result data type" text,
    OUT "Argument data types" text,
    OUT "Type" text,
    OUT "Volatility" text,
    OUT "Parallel" text,
    OUT "Security" text,
    OUT "Description" text
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT proname::text,
           pg_get_function_result(oid),
           pg_get_function_arguments(oid),
           'func',
           CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
           CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
           CASE WHEN prosecdef THEN 'definer' ELSE 'invoker' END,
           obj_description(oid, 'pg_proc')
    FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND starts_with(proname, 'aurora_')
      AND NOT starts_with(proname, 'aurora_lab_')
    ORDER BY proname
$$;

-- A crash is first answered by a restart in place, not by a failover (FACTS 4.14): the function kills its own
-- server process, and PostgreSQL then ends all others, recovers from its log and goes on. The kinds differ on
-- Aurora in what crashes beside the database; their names are case-insensitive.
CREATE OR REPLACE FUNCTION pg_catalog.aurora_inject_crash(crash_type text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF lower(crash_type) IS NULL OR lower(crash_type) NOT IN ('instance', 'dispatcher', 'node') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid crash type: %s', coalesce(quote_literal(crash_type), 'NULL')),
            HINT = 'A crash type is ''instance'', ''dispatcher'' or ''node''.';
    END IF;
    IF NOT pg_has_role(session_user, 'rds_superuser', 'MEMBER') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for function aurora_inject_crash',
            HINT = 'Members of rds_superuser, such as the master user, may crash an instance.';
    END IF;
    COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';
    PERFORM pg_sleep(5);
    RETURN 'the instance did not crash';
END
$$;

COMMENT ON FUNCTION pg_catalog.aurora_lab_storage_nodes() IS 'The storage nodes of the lab, and how far each is';
COMMENT ON FUNCTION pg_catalog.aurora_lab_volume_status() IS 'PGCL, VCL and VDL of the cluster volume of the lab';
COMMENT ON FUNCTION pg_catalog.aurora_version() IS 'Amazon Aurora PostgreSQL-Compatible Edition version string';
COMMENT ON FUNCTION pg_catalog.aurora_db_instance_identifier() IS 'Identifier of the DB instance of this session';
COMMENT ON FUNCTION pg_catalog.aurora_replica_status() IS 'Status of the writer and of every reader of the cluster';
COMMENT ON FUNCTION pg_catalog.aurora_global_db_status() IS 'Lag of each cluster of the global database';
COMMENT ON FUNCTION pg_catalog.aurora_global_db_instance_status() IS 'Lag of each instance of the global database';
COMMENT ON FUNCTION pg_catalog.aurora_ccm_status() IS 'Statistics of cluster cache management';
COMMENT ON FUNCTION pg_catalog.aurora_list_builtins() IS 'All Aurora built-in functions';
COMMENT ON FUNCTION pg_catalog.aurora_inject_crash(text) IS 'Crashes the instance, as a test';

-- Aurora's drivers recognise it by the row rds.extensions. PostgreSQL never shows settings that no loaded
-- library has defined, so these are added by hand.
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
    SELECT * FROM pg_show_all_settings() AS a
    UNION ALL
    SELECT own.name,
           current_setting(own.name, true),
           NULL::text,
           'Customized Options'::text,
           own.description,
           NULL::text,
           own.context,
           own.type,
           'configuration file'::text,
           NULL::text,
           NULL::text,
           NULL::text[],
           own.default_value,
           current_setting(own.name, true),
           NULL::text,
           NULL::integer,
           false
    FROM (VALUES
        ('rds.extensions', 'List of extensions provided by RDS', 'postmaster', 'string', NULL),
        ('rds.force_ssl', 'Force SSL connections.', 'sighup', 'bool', '1')
    ) AS own (name, description, context, type, default_value)
    WHERE current_setting(own.name, true) IS NOT NULL;

RESET allow_system_table_mods;
