-- The roles of an Aurora PostgreSQL cluster beside rdsadmin, which initdb has made: the only superuser.

CREATE ROLE rds_superuser;
CREATE ROLE rds_replication;
CREATE ROLE rds_password;
CREATE ROLE rds_iam;
CREATE ROLE rds_ad;
CREATE ROLE rds_extension NOINHERIT;
CREATE ROLE rds_reserved NOINHERIT;
-- Here the readers log in with it, to stream. Its password is made with each cluster volume.
CREATE ROLE rdsrepladmin LOGIN NOINHERIT REPLICATION;

DO $do$
DECLARE
    granted text;
BEGIN
    -- What Aurora's rds_superuser is a member of, as far as this version of PostgreSQL has it.
    FOR granted IN
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('pg_checkpoint', 'pg_create_subscription', 'pg_maintain', 'pg_monitor',
                          'pg_read_all_data', 'pg_signal_backend', 'pg_use_reserved_connections',
                          'pg_write_all_data', 'rds_iam', 'rds_password', 'rds_replication')
    LOOP
        EXECUTE format('GRANT %I TO rds_superuser WITH ADMIN OPTION', granted);
    END LOOP;

    -- What a member may set for its own session although PostgreSQL keeps it for superusers. None of these
    -- leads to a superuser's rights.
    FOR granted IN
        SELECT name FROM pg_settings
        WHERE context = 'superuser'
          AND (name IN ('compute_query_id', 'deadlock_timeout', 'session_replication_role', 'wal_compression')
               OR name ~ '^(log_|track_|pg_stat_statements\.)')
    LOOP
        EXECUTE format('GRANT SET ON PARAMETER %I TO rds_superuser', granted);
    END LOOP;

    -- No parameter group may lock the administrator out or change what it reads.
    IF current_setting('server_version_num')::int >= 170000 THEN
        ALTER ROLE rdsadmin SET transaction_timeout TO 0;
    END IF;
END
$do$;

-- What the lab looks at each second is nothing for a learner's log.
ALTER ROLE rdsadmin SET log_statement TO none;
ALTER ROLE rdsadmin SET log_duration TO off;
ALTER ROLE rdsadmin SET log_min_duration_statement TO -1;
ALTER ROLE rdsadmin SET statement_timeout TO 0;
ALTER ROLE rdsadmin SET lock_timeout TO 0;
ALTER ROLE rdsadmin SET idle_session_timeout TO 0;
ALTER ROLE rdsadmin SET idle_in_transaction_session_timeout TO 0;
ALTER ROLE rdsadmin SET default_transaction_read_only TO off;
ALTER ROLE rdsadmin SET default_transaction_isolation TO 'read committed';
ALTER ROLE rdsadmin SET exit_on_error TO off;
ALTER ROLE rdsadmin SET temp_file_limit TO -1;
ALTER ROLE rdsadmin SET search_path TO "$user", public;
ALTER ROLE rdsadmin SET default_tablespace TO '';
ALTER ROLE rdsadmin SET datestyle TO 'ISO, MDY';
ALTER ROLE rdsadmin SET intervalstyle TO 'postgres';
ALTER ROLE rdsadmin SET timezone TO 'UTC';
ALTER ROLE rdsadmin SET synchronous_commit TO local;
