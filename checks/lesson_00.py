"""Lesson 00, start here: a value, a first cluster, a row in it, and nothing left at the end."""

from __future__ import annotations

import re

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need, need_lines
from aurora_lab.course.region_view import Document, Login, RegionView, SqlError

from . import lesson_00_hints as hints
from . import lesson_00_wrong as wrong

CLUSTER = "first"
INSTANCE = "first-1"
ENGINE = "aurora-postgresql"
LOGIN = Login("me", "first-steps-1", "postgres")
MIN_NOTES = 3


def the_cluster(region: RegionView) -> Document:
    """The lesson's cluster. Raises Mistake where there is none."""
    cluster = region.cluster(CLUSTER)
    if cluster is None:
        raise Mistake(
            "no-cluster",
            f"There is no DB cluster `{CLUSTER}` in the region.",
            f"A cluster named `{CLUSTER}`.",
            "Run your answer cell, and read the last line that it prints.",
        )
    return cluster


def the_instance(region: RegionView) -> Document:
    """The lesson's instance, available. Raises Mistake."""
    the_cluster(region)
    found = region.instances(CLUSTER)
    if not found:
        raise Mistake(
            "no-instance",
            f"`{CLUSTER}` has no DB instance.",
            f"The DB instance `{INSTANCE}` in it.",
            "Nothing has made one yet. Did your answer cell end with an error? Read its last line.",
        )
    if INSTANCE not in found:
        raise Mistake(
            "other-name",
            f"The instances of `{CLUSTER}`: {', '.join(sorted(found))}.",
            f"An instance named `{INSTANCE}`.",
        )
    instance = found[INSTANCE]
    if instance["DBInstanceStatus"] != "available":
        raise Mistake(
            "not-available",
            f"The status of `{INSTANCE}` is {instance['DBInstanceStatus']}.",
            "It is available.",
            "Wait for it, then check again. `aurora-lab events` in a terminal shows what has happened.",
        )
    return instance


@exercise(
    "00.1",
    "Give an answer",
    hints=hints.VERSION,
    wrong=wrong.VERSION,
    variables=("version",),
    prediction=Prediction(
        "abc", "b", "The address is 127.0.0.1: this machine. The keys in this notebook are dummies."
    ),
)
def check_version(region: RegionView, evidence: Evidence) -> Passed:
    """A version of Aurora PostgreSQL that the region offers."""
    version = need(evidence, "version")
    offered = region.engine_versions(ENGINE)
    expected = f"A string, the version that the region offers for {ENGINE}."
    if isinstance(version, list):
        raise Mistake("a-list", f"`version` is a list: {str(version)[:60]}.", expected)
    if not isinstance(version, str):
        raise Mistake("a-number", f"`version` is {str(version)[:60]}, which is not a string.", expected)
    if version.strip() in offered:
        return Passed(f"The region offers {ENGINE} {version.strip()}.")
    if version.strip() in {item.partition(".")[0] for item in offered}:
        raise Mistake("only-major", f"`version` is {version!r}.", expected)
    if not re.fullmatch(r"\d+(\.\d+)+", version.strip()):
        raise Mistake("no-version", f"`version` is {version!r}.", expected)
    raise Mistake(
        "other-version", f"`version` is {version!r}.", expected, "Run the cell above and copy what it prints."
    )


@exercise(
    "00.2",
    "Fix it",
    hints=hints.CLUSTER,
    wrong=wrong.CLUSTER,
    prediction=Prediction("abc", "c", "The API refuses what it does not understand, and says why."),
)
def check_cluster(region: RegionView, _evidence: Evidence) -> Passed:
    """The cluster, with the lesson's user."""
    cluster = the_cluster(region)
    if cluster["MasterUsername"] != LOGIN.user:
        raise Mistake(
            "other-user",
            f"The master user of `{CLUSTER}` is {cluster['MasterUsername']}.",
            f"The master user {LOGIN.user}, as in `$PGUSER`.",
        )
    if cluster["DeletionProtection"]:
        raise Mistake(
            "protected", f"`{CLUSTER}` has deletion protection.", "A cluster that you can remove in 00.6."
        )
    if region.instances(CLUSTER):
        raise Mistake(
            "instance-too",
            f"`{CLUSTER}` has an instance already.",
            "A cluster without any instance, to look at before you go on.",
        )
    return Passed(f"The cluster `{CLUSTER}` is there, with the engine {cluster['Engine']}.")


@exercise(
    "00.3",
    "Add an instance",
    hints=hints.INSTANCE,
    wrong=wrong.INSTANCE,
    prediction=Prediction(
        "abc", "b", "The volume holds data. SQL is computed by an instance, and there is none [1.26]."
    ),
)
def check_instance(region: RegionView, _evidence: Evidence) -> Passed:
    """One available instance of the class asked for, that answers by the writer endpoint."""
    instance = the_instance(region)
    if instance["DBInstanceClass"] != "db.t4g.medium":
        raise Mistake(
            "other-class",
            f"`{INSTANCE}` is of the class {instance['DBInstanceClass']}.",
            "The class db.t4g.medium.",
        )
    more = sorted(set(region.instances(CLUSTER)) - {INSTANCE})
    if more:
        raise Mistake("one-too-many", f"There is also {', '.join(more)}.", f"`{INSTANCE}` alone.")
    return Passed(f"`{INSTANCE}` is available: your cluster can compute now.")


@exercise(
    "00.4",
    "Leave a note",
    hints=hints.NOTES,
    wrong=wrong.NOTES,
    prediction=Prediction("abc", "b", "psql ended without a commit, so PostgreSQL took the row back."),
)
def check_notes(region: RegionView, _evidence: Evidence) -> Passed:
    """Three committed rows in the table."""
    cluster = the_cluster(region)
    the_instance(region)
    try:
        rows = region.ask(cluster["Endpoint"], "select note from notes", LOGIN)
    except SqlError as error:
        if error.sqlstate == "42703":
            raise Mistake(
                "other-column", "`notes` has no column `note`.", "A column named `note`."
            ) from error
        if error.sqlstate != "42P01":
            raise
        raise Mistake(
            "no-table",
            f"The database {LOGIN.database} has no table `notes`.",
            "A table `notes` in it.",
        ) from error
    notes = [row for row in rows if row[0]]
    if not notes:
        raise Mistake("empty", "The table `notes` is there, and empty.", f"At least {MIN_NOTES} notes.")
    if len(notes) < MIN_NOTES:
        raise Mistake("too-few", f"Notes in `notes`: {len(notes)}.", f"At least {MIN_NOTES} notes.")
    return Passed(f"A new connection to the writer endpoint reads {len(notes)} notes.")


@exercise(
    "00.5",
    "Ask it",
    hints=hints.WHO,
    wrong=wrong.WHO,
    variables=("who",),
    prediction=Prediction(
        "abc", "b", "The function names the DB instance that answers, whatever name led you there."
    ),
)
def check_who(region: RegionView, evidence: Evidence) -> Passed:
    """What the instance calls itself."""
    cluster = the_cluster(region)
    lines = need_lines(evidence, "who")
    expected = "One line: the name that the function gives."
    if lines == [INSTANCE]:
        return Passed(f"{INSTANCE} answered, reached by the name of the writer endpoint.")
    if lines == [CLUSTER]:
        raise Mistake("the-cluster", f"`who` is {CLUSTER}, which is the cluster.", expected)
    if lines == [cluster["Endpoint"]]:
        raise Mistake("the-host", "`who` is the host name that you asked for.", expected)
    if INSTANCE in " ".join(lines):
        raise Mistake("more-than-the-name", f"`who` holds {' / '.join(lines)[:120]}.", expected)
    raise Mistake(
        "something-else",
        f"`who` holds {' / '.join(lines)[:120] or 'nothing'}.",
        expected,
        "If it is an error, read what it says: is the cluster there, is its instance available?",
    )


@exercise(
    "00.6",
    "Remove both",
    hints=hints.CLEANING,
    wrong=wrong.CLEANING,
    prediction=Prediction("abc", "b", "A cluster cannot be deleted while it has instances."),
)
def check_cleaning(region: RegionView, _evidence: Evidence) -> Passed:
    """Nothing is left of what was once there."""
    cluster = region.cluster(CLUSTER)
    if cluster is None:
        if not region.events(CLUSTER):
            raise Mistake(
                "never-there",
                f"The region has never had a cluster `{CLUSTER}`.",
                "A cluster that was made and then removed.",
                "Begin with 00.2.",
            )
        return Passed(f"`{INSTANCE}` and `{CLUSTER}` are gone.")
    if cluster["Status"] in ("stopping", "stopped"):
        raise Mistake(
            "stopped", f"The status of `{CLUSTER}` is {cluster['Status']}.", "Neither instance nor cluster."
        )
    left = region.instances(CLUSTER)
    if left:
        raise Mistake(
            "instance-left",
            f"`{', '.join(sorted(left))}` is still there, in `{CLUSTER}`.",
            "Neither instance nor cluster.",
        )
    if cluster["Status"] == "deleting":
        raise Mistake(
            "not-gone-yet", f"`{CLUSTER}` is being deleted.", "It is gone.", "It takes a moment. Check again."
        )
    raise Mistake("cluster-left", f"The cluster `{CLUSTER}` is still there.", "Neither instance nor cluster.")
