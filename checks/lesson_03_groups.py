"""Lesson 03, the checks on groups of instances: custom endpoints, a promoted member, no reader left, a new name."""

from __future__ import annotations

from aurora_lab.course.exercises import Evidence, Mistake, Passed, Prediction, exercise, need_lines
from aurora_lab.course.region_view import RegionView

from . import lesson_03_hints as hints
from . import lesson_03_wrong as wrong
from .lesson_03_looks import (
    CLUSTER,
    DATABASE,
    behind,
    custom,
    deleted_at,
    failover_to,
    led_to,
    names,
    seller,
    tally,
    the_cluster,
    the_writer,
    visits,
)

REPORTS = "tickets-3"
NEW = "tickets-4"
RENAMED = "boxoffice"
GONE = ("tickets-1", "tickets-2", NEW)


@exercise(
    "03.4",
    "Report and website",
    hints=hints.GROUPS,
    wrong=wrong.GROUPS,
    prediction=Prediction(
        "abc",
        "b",
        "A list of exceptions takes in readers that are added later; a list of members does not [3.15].",
    ),
)
def check_groups(region: RegionView, _evidence: Evidence) -> Passed:
    """The two endpoints with their types and lists, the new reader, and connections to both."""
    cluster = the_cluster(region)
    writer, since = the_writer(cluster), cluster["ClusterCreateTime"]
    report, website = custom(region, "report"), custom(region, "website")
    for name, endpoint in (("report", report), ("website", website)):
        if endpoint["CustomEndpointType"] != "READER":
            raise Mistake(
                "other-type", f"The type of `{name}` is {endpoint['CustomEndpointType']}.", "The type READER."
            )
    if report["StaticMembers"] != [REPORTS]:
        seen = (
            f"the members {names(report['StaticMembers'])}"
            if report["StaticMembers"]
            else f"all readers but {names(report['ExcludedMembers'])}"
        )
        raise Mistake("reports-list", f"`report` leads to {seen}.", f"The list of members [{REPORTS}].")
    if website["ExcludedMembers"] != [REPORTS]:
        seen = names(website["StaticMembers"]) if website["StaticMembers"] else "every reader"
        raise Mistake("websites-list", f"`website` leads to {seen}.", f"The list of exceptions [{REPORTS}].")
    if NEW not in region.instances(CLUSTER):
        raise Mistake("no-new-reader", f"There is no `{NEW}`.", f"The reader `{NEW}`.")
    to_report, to_website = (visits(region, item["Endpoint"], since) for item in (report, website))
    seen = f"The report was led to {tally(to_report)}; the website to {tally(to_website)}."
    if not to_report or not to_website[NEW]:
        raise Mistake(
            "not-visited",
            seen,
            f"Visits to both, and {NEW} among them.",
            "`visit(host_of('website'))` visits. Run it again, after the new reader is available.",
        )
    if set(to_report) & set(to_website) or writer in {*to_report, *to_website}:
        raise Mistake("shared", seen, "No instance serves both.")
    return Passed(seen)


@exercise(
    "03.5",
    "Repair the report",
    hints=hints.PROMOTED,
    wrong=wrong.PROMOTED,
    prediction=Prediction(
        "abc", "b", "An endpoint of the type READER drops a member that becomes the writer [3.15]."
    ),
)
def check_promoted(region: RegionView, _evidence: Evidence) -> Passed:
    """The report has two instances or more of its own, one of them a reader now, and runs."""
    writer = the_writer(the_cluster(region))
    since = failover_to(region, REPORTS)
    if since is None or writer != REPORTS:
        raise Mistake(
            "not-promoted",
            f"The writer is {writer}.",
            f"{REPORTS} was promoted.",
            "Run the cell above first.",
        )
    report, website = custom(region, "report"), custom(region, "website")
    instances = set(region.instances(CLUSTER))
    now, others = behind(report, writer, instances), behind(website, writer, instances)
    if writer in now or report["CustomEndpointType"] != "READER":
        raise Mistake(
            "on-the-writer",
            f"`report` has the type {report['CustomEndpointType']}, and leads to {names(now)}.",
            "It leads to readers only.",
        )
    if not now:
        raise Mistake("nobody-there", "Behind `report` there is no reader.", "A reader behind `report`.")
    group = set(report["StaticMembers"]) & instances or instances - set(report["ExcludedMembers"])
    if len(group) < 2:
        raise Mistake(
            "one-member",
            f"The group of the report is {names(group)}.",
            "A group that outlives one promotion.",
        )
    after = behind(website, "", instances)
    if now & others or group & after:
        raise Mistake(
            "shared-with-the-website",
            f"The group of the report: {names(group)}; of the website: {names(after)}.",
            "Groups that share no instance.",
        )
    if not others:
        raise Mistake(
            "no-website",
            "Behind `website` there is no reader.",
            "A reader for the website too.",
            "The report has taken all of them. Leave some to the website.",
        )
    ran = led_to(region, report["Endpoint"], since)
    if not ran:
        raise Mistake(
            "did-not-run",
            f"`report` leads to {names(now)}, but nobody has come since {REPORTS} was promoted.",
            "A report that runs again.",
            "Run the line below your answer: it asks through `$REPORT`.",
        )
    return Passed(
        f"The report ran on {names(ran)}; its group is {names(group)}. The website has {names(others)}."
    )


@exercise(
    "03.6",
    "Make the job harmless",
    hints=hints.JOB,
    wrong=wrong.JOB,
    variables=("job",),
    prediction=Prediction(
        "abc", "c", "Without a reader the reader endpoint leads to the writer, which writes [3.11]."
    ),
)
def check_job(region: RegionView, evidence: Evidence) -> Passed:
    """The job came through the reader endpoint after the rows were brought back, was refused, and they are there."""
    cluster = the_cluster(region)
    writer = the_writer(cluster)
    left = set(region.instances(CLUSTER)) - {writer}
    if left:
        raise Mistake(
            "readers-left",
            f"Readers that are left: {names(left)}.",
            "Only the writer is left.",
            "Run the cell that removes the readers, and wait for it.",
        )
    text = " ".join(need_lines(evidence, "job"))
    rows = region.sql(
        writer, "select count(*), extract(epoch from min(since))::float8 from kept", database=DATABASE
    )
    kept, since = int(rows[0][0]), rows[0][1]
    if not kept:
        raise Mistake("deleted", f"`kept` is empty. psql printed: {text[:80]}", "All rows of `kept`.")
    if not text:
        raise Mistake("no-job", "`job` is empty.", "What psql printed.", "Run the job, and keep its output.")
    if "invalid command-line argument" in text:
        raise Mistake("not-a-setting", f"psql printed: {text[:160]}", "A session that is read-only.")
    came = [
        item
        for item in region.connections(cluster["ReaderEndpoint"])
        if item.at.timestamp() >= float(since) and item.at > (deleted_at(region, GONE) or item.at)
    ]
    if not came:
        raise Mistake(
            "not-by-the-reader-endpoint",
            "Since the rows were brought back nobody has connected to the reader endpoint.",
            "The job, run through `$READER`.",
        )
    if "read-only transaction" not in text:
        raise Mistake("not-refused", f"psql printed: {text[:160]}", "PostgreSQL refuses to write.")
    return Passed(f"The reader endpoint led the job to {writer}, and it was refused: {kept} rows are kept.")


@exercise(
    "03.7",
    "Rename it",
    hints=hints.RENAME,
    wrong=wrong.RENAME,
    prediction=Prediction(
        "abc", "b", "The endpoints of a cluster hold its name: with another name they change [3.22]."
    ),
)
def check_rename(region: RegionView, _evidence: Evidence) -> Passed:
    """The cluster has its new name, and ticket 100 came by its new endpoint."""
    cluster = region.cluster(RENAMED)
    if cluster is None:
        raise Mistake(
            "no-new-name", f"There is no cluster `{RENAMED}`.", f"The cluster of this lesson, as `{RENAMED}`."
        )
    if region.cluster(CLUSTER) is not None:
        raise Mistake(
            "another-cluster", f"There are both, `{CLUSTER}` and `{RENAMED}`.", "One cluster, renamed."
        )
    writer = the_writer(cluster)
    by = seller(region, writer, 100)
    if by is None:
        raise Mistake("not-sold", "Ticket 100 is not sold.", "Ticket 100, sold by the new name.")
    if not led_to(region, cluster["Endpoint"]):
        raise Mistake(
            "by-another-name",
            f"Ticket 100 is sold. Nobody has connected to {cluster['Endpoint']}.",
            "A sale by the new writer endpoint.",
        )
    return Passed(
        f"{cluster['Endpoint']} led to {by}, which sold ticket 100. The instance has kept its name."
    )
