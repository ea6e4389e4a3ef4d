"""Lesson 00: hints, from a nudge to nearly the answer."""

from __future__ import annotations

VERSION = [
    "The version is in what the cell above printed: two numbers with a dot between them.",
    "A string stands in quotes. The three dots `...` only keep the place.",
    'Nearly all of it: `version = "17.` and the rest of what you saw.',
]

CLUSTER = [
    "Run the cell, and read the last line of what it prints: the region says which value it does not understand.",
    "It is the engine. The answer also says which name the engine has.",
    'Change the first line: `os.environ["ENGINE"] = "aurora-..."`, with the name that the answer gave.',
]

INSTANCE = [
    "Four arguments tell everything: what it is called, which cluster it joins, the engine, the class.",
    "The arguments are `DBInstanceIdentifier`, `DBClusterIdentifier`, `Engine` and `DBInstanceClass`.",
    "Nearly all of it:\n"
    'rds.create_db_instance(DBInstanceIdentifier="first-1", DBClusterIdentifier="first", ...)\n'
    'rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="first-1")',
]

NOTES = [
    "Two statements of SQL: one makes the table, one puts rows into it. The cell above shows how psql gets them.",
    "`create table notes (note text)`, and `insert into notes values (...), (...), (...)`. No `begin` is needed.",
    "Nearly all of it:\n"
    "psql -h \"$WRITER\" <<'SQL'\n"
    "create table notes (note text);\n"
    "insert into notes values ('one'), ...;\n"
    "SQL",
]

WHO = [
    "You have called psql before. This time its output goes into a variable.",
    'psql takes the host by `-h "$WRITER"`, and a statement by `-c "..."`. `-At` leaves the table\'s frame away.',
    'Nearly all of it: `who = !psql -h "$WRITER" -Atc "select aurora_db_..."`',
]

CLEANING = [
    "The order matters: what was made last goes first.",
    "`rds.delete_db_instance(...)`, wait, then `rds.delete_db_cluster(...)`, which asks for a final snapshot.",
    "Nearly all of it:\n"
    'rds.delete_db_instance(DBInstanceIdentifier="first-1")\n'
    'rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="first-1")\n'
    'rds.delete_db_cluster(DBClusterIdentifier="first", SkipFinalSnapshot=...)',
]
