"""Lesson 03: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong


def _names(writer: str, reader: str, instance: str) -> str:
    return f"""
label = own_name("tickets-1").partition(".")[2]
hosts = {{"writer": f"{writer}", "reader": f"{reader}", "tickets-2": f"{instance}"}}
for host in hosts.values():
    try:
        with psycopg.connect(host=host) as session:
            print(*session.execute("select aurora_db_instance_identifier()").fetchone())
    except psycopg.Error as error:
        print(error)
"""


_WRITER, _READER, _INSTANCE = "tickets.cluster-{label}", "tickets.cluster-ro-{label}", "tickets-2.{label}"

NAMES = {
    "writer-name": Wrong(
        _names("tickets.{label}", _READER, _INSTANCE),
        "`tickets.ID` would be an instance called tickets. An endpoint of the cluster has `cluster-` before the ID.",
    ),
    "reader-name": Wrong(
        _names(_WRITER, "tickets-ro.cluster-{label}", _INSTANCE),
        "That is the writer endpoint of a cluster called tickets-ro. The `ro` stands in its second part: "
        "`cluster-ro-`.",
    ),
    "instance-name": Wrong(
        _names(_WRITER, _READER, "tickets-2.cluster-{label}"),
        "That is the writer endpoint of a cluster called tickets-2. An instance has no `cluster-` in its name.",
    ),
}


def _failover(target: str) -> str:
    return f"""
rds.failover_db_cluster(DBClusterIdentifier="tickets", TargetDBInstanceIdentifier="{target}")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="tickets")
"""


_ALL = """
for number in (1, 2, 3):
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=f"tickets-{number}")
time.sleep(2 * lab.dns_ttl())
"""
_UNSOLD = '!psql -q -h "$WRITER" -c "delete from sold where id > 1"\n'
_BACK = _ALL + _failover("tickets-1") + _ALL + _UNSOLD
_BY_WRITER = 'sell(3, os.environ["WRITER"])\n'

FAILOVER = {
    "no-failover": Wrong(
        _BY_WRITER,
        "A good name, and nothing has happened yet that it would be good for. Fail over to tickets-2 first.",
        _UNSOLD,
    ),
    "other-target": Wrong(
        _failover("tickets-3") + _ALL + "sell(2, host)\n" + _BY_WRITER,
        "Without a target Aurora chooses the reader itself. Fail over once more, to tickets-2, and sell "
        "ticket 3 again.",
        _BACK,
    ),
    "sold-before": Wrong(
        _BY_WRITER + _failover("tickets-2") + _ALL + "sell(2, host)\n",
        "Ticket 3 was sold before the failover, so it shows nothing about the name. Delete it and sell it again.",
        _BACK,
    ),
    "another-instance-name": Wrong(
        _failover("tickets-2") + _ALL + 'sell(2, host)\nhost = own_name("tickets-2")\nsell(3, host)\n',
        "The name of tickets-2 is right until the next failover, and then it breaks in the same way. Delete ticket 3, "
        "and sell it by the name that follows the writer.",
        'host = own_name("tickets-1")\n' + _BACK,
    ),
}


def _asked(fill: str) -> str:
    return f"""
{fill}
answers = [session.execute(WHO).fetchone()[0] for session in pool for _ in range(5)]
for connection in pool:
    connection.close()
"""


POOL = {
    "no-pool": Wrong(
        _asked("pool = []"),
        "An empty pool asks nobody. Append connections to it: `pool.append(psycopg.connect(host=...))`.",
    ),
    "small-pool": Wrong(
        _asked('pool = [psycopg.connect(host=os.environ["READER"]) for _ in range(4)]'),
        "With so few connections it is left to chance whether both readers get one. Open 20.",
    ),
    "not-readers": Wrong(
        _asked('pool = [psycopg.connect(host=os.environ["WRITER"]) for _ in range(20)]'),
        "These connections went through the writer endpoint. Reads belong on readers: use `$READER`.",
    ),
    "by-instance-names": Wrong(
        _asked(
            'pool = [psycopg.connect(host=own_name(name)) for name in ("tickets-1", "tickets-3") for _ in range(10)]'
        ),
        "Evenly spread today. But a reader that is added gets nothing, and one that goes takes its half along. Use "
        "the reader endpoint, and time.",
    ),
}


def _endpoint(name: str, members: str, kind: str = "READER") -> str:
    return f"""
rds.create_db_cluster_endpoint(
    DBClusterIdentifier="tickets", DBClusterEndpointIdentifier="{name}", EndpointType="{kind}", {members}
)
"""


_REPORT = _endpoint("report", 'StaticMembers=["tickets-3"]')
_WEBSITE = _endpoint("website", 'ExcludedMembers=["tickets-3"]')
_NEW = 'add("tickets-4", "us-west-2a")\n'
_VISIT = 'visit(host_of("report"), 2)\nvisit(host_of("website"))\n'
_NO_ENDPOINTS = """
for name in ("report", "website"):
    rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=name)
"""
_NO_NEW = """
rds.delete_db_instance(DBInstanceIdentifier="tickets-4")
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="tickets-4")
"""

GROUPS = {
    "no-new-reader": Wrong(
        _REPORT + _WEBSITE,
        "The endpoints are right. Whether they will be right next year, only a new reader can tell: add tickets-4.",
        _NO_ENDPOINTS,
    ),
    "websites-list": Wrong(
        _REPORT + _endpoint("website", 'StaticMembers=["tickets-1"]') + _NEW,
        "A list of members stays as it is: next year's readers would serve nobody. Delete this endpoint and make it "
        "again with `ExcludedMembers`.",
        _NO_ENDPOINTS + _NO_NEW,
    ),
    "reports-list": Wrong(
        _endpoint("report", 'ExcludedMembers=["tickets-1"]') + _WEBSITE + _NEW,
        "A list of exceptions takes in every reader that is added: the report would land beside the website. Delete "
        "this endpoint and make it again with `StaticMembers`.",
        _NO_ENDPOINTS + _NO_NEW,
    ),
    "shared": Wrong(
        _REPORT
        + _endpoint("website", 'ExcludedMembers=["tickets-1"]')
        + _NEW
        + _VISIT
        + 'rds.modify_db_cluster_endpoint(DBClusterEndpointIdentifier="website", ExcludedMembers=["tickets-3"])\n',
        "The lists are right now, and were others when you visited. Visit both again: `visit(host_of(...))`.",
        _NO_ENDPOINTS + _NO_NEW,
    ),
    "other-type": Wrong(
        _endpoint("report", 'StaticMembers=["tickets-3"]', "ANY") + _WEBSITE + _NEW,
        "An endpoint of the type ANY keeps a member that becomes the writer, and the report would slow down the sale. "
        "Use `rds.modify_db_cluster_endpoint(..., EndpointType=...)`.",
        _NO_ENDPOINTS + _NO_NEW,
    ),
}


def _change(name: str, members: str) -> str:
    return f'rds.modify_db_cluster_endpoint(DBClusterEndpointIdentifier="{name}", {members})\n'


_RUN = '!psql -h "$REPORT" -c "select count(*) from sold"\n'
_AS_BEFORE = _change("report", 'EndpointType="READER", StaticMembers=["tickets-3"]') + _change(
    "website", 'ExcludedMembers=["tickets-3"]'
)

PROMOTED = {
    "on-the-writer": Wrong(
        _change("report", 'EndpointType="ANY"') + "time.sleep(lab.dns_ttl())\n" + _RUN,
        "It runs, on the writer, where all tickets are sold: that is what it should keep away from. Take the type "
        "READER again, and give it a reader.",
        _AS_BEFORE,
    ),
    "one-member": Wrong(
        _change("report", 'StaticMembers=["tickets-2"]')
        + _change("website", 'ExcludedMembers=["tickets-2", "tickets-3"]')
        + _RUN,
        "Until this one is promoted. Then the report stands there as it did tonight: give its group a second member.",
        _AS_BEFORE,
    ),
    "shared-with-the-website": Wrong(
        _change("report", 'StaticMembers=["tickets-2", "tickets-3"]') + _RUN,
        "The report has its two, and the website comes to one of them as well. Put both on the website's list of "
        "exceptions.",
        _AS_BEFORE,
    ),
}

_KEEP = '!psql -q -h "$WRITER" -c "$KEEP"\n'
_HARMLESS = 'PGOPTIONS="-c default_transaction_read_only=on" psql'

JOB = {
    "deleted": Wrong(
        _KEEP + 'job = !psql -h "$READER" -c "$JOB" 2>&1\n',
        "The job did what it says, for the writer was behind the name. Tell the session not to write: "
        "`default_transaction_read_only`.",
    ),
    "not-by-the-reader-endpoint": Wrong(
        _KEEP + f'job = !{_HARMLESS} -h "$WRITER" -c "$JOB" 2>&1\n',
        "Refused, as it should be. But the job comes by the reader endpoint, every night: use `$READER`.",
    ),
    "not-a-setting": Wrong(
        _KEEP + 'job = !PGOPTIONS=default_transaction_read_only=on psql -h "$READER" -c "$JOB" 2>&1\n',
        "PostgreSQL did not even let the job in: it could not read what is in `PGOPTIONS`. Before the setting there "
        'stands `-c`, with a blank after it: `PGOPTIONS="-c name=value"`.',
    ),
    "not-refused": Wrong(
        _KEEP + 'job = !psql -h "$READER" -c "begin; $JOB; rollback" 2>&1\n',
        "The rows are there because you took the change back. A job that nobody remembers will not: PostgreSQL has to "
        "refuse it.",
    ),
}

_RENAMED = """
rds.modify_db_cluster(
    DBClusterIdentifier="tickets", NewDBClusterIdentifier="boxoffice", ApplyImmediately=True
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="boxoffice")
time.sleep(lab.dns_ttl())  # until the old name leads nowhere
"""
_TICKETS_AGAIN = """
!psql -q -h "$WRITER" -c "delete from sold where id = 100"
"""
_NAMED_BACK = """
sold = own_name("tickets-3")
with psycopg.connect(host=sold) as box_office:
    box_office.execute("delete from sold where id = 100")
rds.modify_db_cluster(
    DBClusterIdentifier="boxoffice", NewDBClusterIdentifier="tickets", ApplyImmediately=True
)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="tickets")
"""

RENAME = {
    "no-new-name": Wrong(
        'sell(100, os.environ["WRITER"])\n',
        "The ticket is sold, under the old name. Rename the cluster with `rds.modify_db_cluster`; the check wants "
        "ticket 100 sold after that, so delete it first.",
        _TICKETS_AGAIN,
    ),
    "not-sold": Wrong(
        _RENAMED + 'sell(100, os.environ["WRITER"])\n',
        "The cluster has its new name, and `$WRITER` holds the old one, which leads nowhere. Ask the API for the new "
        "`Endpoint`.",
        _NAMED_BACK,
    ),
    "by-another-name": Wrong(
        _RENAMED + 'sell(100, own_name("tickets-3"))\n',
        "The name of an instance has not changed, and is as good as before: until the next failover. Delete ticket "
        "100, and sell it by the cluster's new endpoint.",
        _NAMED_BACK,
    ),
}
