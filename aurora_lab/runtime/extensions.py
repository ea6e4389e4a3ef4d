"""Extensions as on Aurora: the master user, who is no superuser, may create them.

PostgreSQL has a word for that: an extension whose control file says `trusted` may be created by whoever may
create objects in the database, and its objects then belong to the first superuser. Stock control files say so
of some; Aurora lets a member of `rds_superuser` create the ones below too. So the lab says it in its own copy
of PostgreSQL, never in the files that were installed.

Some of these extensions keep functions from everybody but superusers. On Aurora `rds_superuser` has them, so
each of their scripts ends with the grants. They are made while the extension is created: to pg_dump they are
part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ADAPTATION = 1
"""Raised when what is done here changes: a copy of PostgreSQL made otherwise is another copy."""

OFFERED = (
    *(
        "amcheck",
        "autoinc",
        "bloom",
        "dblink",
        "dict_xsyn",
        "earthdistance",
        "insert_username",
        "moddatetime",
    ),
    *("pg_buffercache", "pg_freespacemap", "pg_prewarm", "pg_stat_statements", "pg_visibility", "pgrowlocks"),
    *("pgstattuple", "postgres_fdw", "refint", "sslinfo"),
)
"""What Aurora offers and stock PostgreSQL keeps for superusers."""

_GRANTS = """
DO $rds$
DECLARE
    member record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_superuser') THEN
        RETURN;
    END IF;
    FOR member IN
        SELECT 'FUNCTION ' || p.oid::pg_catalog.regprocedure AS name, 'EXECUTE' AS privilege
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
        JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e' AND e.extname = '{name}'
        WHERE p.prokind = 'f' AND p.proacl IS NOT NULL
          AND NOT pg_catalog.has_function_privilege('rds_superuser', p.oid, 'EXECUTE')
          -- It would log in as the server itself, which may read the lab's passwords.
          AND p.proname <> 'dblink_connect_u'
        UNION ALL
        SELECT pg_catalog.format('FOREIGN DATA WRAPPER %I', w.fdwname), 'USAGE'
        FROM pg_catalog.pg_foreign_data_wrapper w
        JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND d.objid = w.oid
        JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e' AND e.extname = '{name}'
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT %s ON %s TO rds_superuser WITH GRANT OPTION', member.privilege, member.name);
    END LOOP;
END
$rds$;
"""


def offer(tree: Path, names: Iterable[str] = OFFERED) -> list[str]:
    """Let a master user create these extensions of the PostgreSQL in `tree`; the names that were found."""
    found = []
    for name in names:
        for control in tree.rglob(f"extension/{name}.control"):
            found.append(name)
            _append(control, "\n# Added by aurora-lab, in its own copy.\ntrusted = true\n")
            for script in control.parent.glob(f"{name}--*.sql"):
                _append(script, _GRANTS.replace("{name}", name))
    return found


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(text)
