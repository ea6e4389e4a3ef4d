"""Lesson 02: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong


def _make(more: str) -> str:
    return f"""
rds.create_db_instance(
    DBInstanceIdentifier="rds-shop", Engine="postgres", DBInstanceClass="db.r6g.large",
    AllocatedStorage=20, **LOGIN, {more})
wait_for("rds-shop")
"""


_STANDBY = 'standby = instance("rds-shop")["SecondaryAvailabilityZone"]\n'
_NO_SHOP = 'remove("rds-shop")\n'

MAKE = {
    "single-az": Wrong(
        _make('DBName="shop"') + 'standby = instance("rds-shop")["AvailabilityZone"]\n',
        "One machine, one disk, one AZ: RDS makes no standby unless you ask. Change it: "
        '`rds.modify_db_instance(DBInstanceIdentifier="rds-shop", MultiAZ=True, ApplyImmediately=True)`.',
        _NO_SHOP,
    ),
    "no-database": Wrong(
        _make("MultiAZ=True") + _STANDBY,
        "Without `DBName` the server is there, but no database `shop` in it. Remove rds-shop, and make it again.",
        _NO_SHOP,
    ),
    "other-az": Wrong(
        _make('DBName="shop", MultiAZ=True') + 'standby = instance("rds-shop")["AvailabilityZone"]\n',
        "That is the AZ of the primary. The other machine is in the field `SecondaryAvailabilityZone`.",
        _NO_SHOP,
    ),
}

_REPLICA = """
rds.create_db_instance_read_replica(
    DBInstanceIdentifier="rds-copy", SourceDBInstanceIdentifier="rds-shop",
    AvailabilityZone="{zone}")
wait_for("rds-copy")
"""
_COPY_IN_C = _REPLICA.format(zone="us-west-2c")
_COPYS_NAME = 'instance("rds-copy")["Endpoint"]["Address"]'
_ASK_ALL = f"for host in (SHOP, {_COPYS_NAME}, READERS):\n    print(answers(host))\n"
_NO_COPY = 'remove("rds-copy")\n'

READS = {
    "no-replica": Wrong(
        "print(answers(SHOP), answers(READERS))\nrds_machines, aurora_machines = 1, 2\n",
        "What you measured is right: of the two machines one answers. Now add the third one, the read replica.",
    ),
    "replica-in-other-az": Wrong(
        _REPLICA.format(zone="us-west-2b") + _ASK_ALL + "rds_machines, aurora_machines = 2, 2\n",
        "There it would stand with the standby, and part 4 needs it apart from both. Remove it, and make it again.",
        _NO_COPY,
    ),
    "not-asked": Wrong(
        _COPY_IN_C + "rds_machines, aurora_machines = 2, 2\n",
        "A number that nobody measured. Call `answers` for all three names.",
        _NO_COPY,
    ),
    "counted-the-standby": Wrong(
        _COPY_IN_C + _ASK_ALL + "rds_machines, aurora_machines = 3, 2\n",
        "Three machines there are. But no name leads to the standby: both names that you have asked lead elsewhere.",
        _NO_COPY,
    ),
}

_TAKE = """
rds_gap = take_orders(SHOP, 101, 200, fail_rds)
aurora_gap = take_orders(AURORA, 101, 200, fail_aurora)
"""
_FAIL_RDS = """
fail_rds = partial(
    rds.reboot_db_instance, DBInstanceIdentifier="rds-shop", ForceFailover={force})
"""
_FAIL_AURORA = 'fail_aurora = partial(rds.failover_db_cluster, DBClusterIdentifier="aurora-shop")\n'
_REFUSED_AURORA = """
fail_aurora = partial(
    rds.reboot_db_instance, DBInstanceIdentifier="aurora-1", ForceFailover=True)
"""
_NO_200 = """
wait_for("rds-shop", "rds-copy", "aurora-1", "aurora-2", "aurora-3")
take_orders(SHOP, 1, 1)
take_orders(AURORA, 1, 1)
ask(SHOP, "delete from orders")
ask(AURORA, "delete from orders")
"""

FAILOVER = {
    "both-refused": Wrong(
        'fail_rds = partial(rds.failover_db_cluster, DBClusterIdentifier="rds-shop")\n'
        + _REFUSED_AURORA
        + _TAKE,
        "A call that is refused, or that never comes, is no failover; the till noticed nothing. Read what your cell "
        "printed. As the script stood, each call belonged to the other shop.",
        _NO_200,
    ),
    "only-rebooted": Wrong(
        _FAIL_RDS.format(force=False) + _FAIL_AURORA + _TAKE,
        "A reboot alone starts the same machine again. With `ForceFailover=True` the standby takes over. Mend it, and "
        "run the cell again.",
        _NO_200,
    ),
    "only-rds": Wrong(
        _FAIL_RDS.format(force=True) + _REFUSED_AURORA + _TAKE,
        "Aurora's call was refused: read what your cell printed. A forced failover by reboot is not for Aurora [7.7]: "
        "its call is `failover_db_cluster`. Mend it, and run the cell again.",
        _NO_200,
    ),
    "after-closing-time": Wrong(
        _FAIL_RDS.format(force=True)
        + _FAIL_AURORA
        + "rds_gap = take_orders(SHOP, 101, 200)\naurora_gap = take_orders(AURORA, 101, 200)\n"
        "fail_rds()\nfail_aurora()\n"
        'rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="aurora-shop")\n'
        'wait_for("rds-shop")\n',
        "Nobody was waiting any more. Give the functions to `take_orders`, without brackets: it calls them half way. "
        "Empty the tables first, as her script does.",
        _NO_200,
    ),
}

_C_OUT = 'lab.fault("az", "us-west-2c")\n'
_C_BACK = 'lab.fault("az", "us-west-2c", "undo")\n'
_ZONE_OUT = 'lab.fault("az", zone)\n'
_SELL = "take_orders(SHOP, 301, 400)\ntake_orders(AURORA, 301, 400)\n"
_PROMOTE = 'rds.promote_read_replica(DBInstanceIdentifier="rds-copy")\nwait_for("rds-copy")\n'
_COUNT = "rds_lost, aurora_lost = missing(COPY, 301, 400), missing(AURORA, 301, 400)\n"
_DAY_BEFORE = (
    "zone = evening()\nwhile missing(COPY, 201, 300) != missing(SHOP, 201, 300):\n    time.sleep(0.1)\n"
)

LOSS = {
    "not-promoted": Wrong(
        _C_OUT + _SELL + _ZONE_OUT + _C_BACK + "rds_lost, aurora_lost = 100, missing(AURORA, 301, 400)\n",
        "Aurora has a new writer already, RDS waits for you: a read replica does not take over. Promote it.",
        _DAY_BEFORE,
    ),
    "copy-was-there": Wrong(
        _SELL + _ZONE_OUT + _PROMOTE + _COUNT,
        "The replica was there, and a moment behind at most. For the bad night its AZ must fail before the orders: "
        "`zone = evening()`, then begin with step 1.",
        _DAY_BEFORE,
    ),
    "it-caught-up": Wrong(
        _C_OUT
        + _SELL
        + _C_BACK
        + """
for _ in range(150):
    if missing(COPY, 301, 400) == 0:
        break
    time.sleep(0.1)
"""
        + _ZONE_OUT
        + _PROMOTE
        + _COUNT,
        "The replica came back while its source was still up, and fetched what it lacked. Step 3 comes before step 4. "
        "`zone = evening()`, then begin with step 1.",
        _DAY_BEFORE,
    ),
    "aurora-stayed": Wrong(
        """
other = "aurora-2" if zone == "us-west-2a" else "aurora-1"
rds.failover_db_cluster(DBClusterIdentifier="aurora-shop", TargetDBInstanceIdentifier=other)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="aurora-shop")
time.sleep(lab.dns_ttl())
"""
        + _C_OUT
        + _SELL
        + _ZONE_OUT
        + _C_BACK
        + _PROMOTE
        + _COUNT,
        "Aurora's writer was elsewhere and has lost nothing, so this night was no test of it. "
        "`zone = evening()` puts both writers into one AZ; then begin with step 1.",
        _DAY_BEFORE,
    ),
    "other-count": Wrong(
        _C_OUT
        + _SELL
        + _ZONE_OUT
        + _C_BACK
        + _PROMOTE
        + "rds_lost, aurora_lost = 100 - missing(COPY, 301, 400), 100 - missing(AURORA, 301, 400)\n",
        "That is how many are there. Asked for is how many are not: `missing` says it as it is.",
        _DAY_BEFORE,
    ),
}

_MORNING = 'lab.fault("az", zone, "undo")\nwait_for("rds-shop")\n'
_NO_NIGHT = """
ask(COPY, "delete from orders where id between 301 and 400")
ask(SHOP, "delete from orders where id > 400")
"""

REPAIR = {
    "still-missing": Wrong(
        _MORNING + 'print(missing(SHOP, 301, 410), missing(COPY, 301, 410), "and now I wait")\n',
        "You may wait for long: nothing flows between the two. Read the orders from rds-shop, and insert them.",
        _NO_NIGHT,
    ),
    "sold-again": Wrong(
        _MORNING + "take_orders(COPY, 301, 400)\n",
        "The numbers are there, but not the moments that rds-shop has, to the microsecond. Delete them in rds-copy, "
        "and copy the rows with both columns, as they are.",
        _NO_NIGHT,
    ),
    "wrong-way": Wrong(
        _MORNING
        + """
for row in ask(COPY, "select id, at from orders where id > 400"):
    ask(SHOP, "insert into orders values (%s, %s)", *row)
""",
        "The till sells at rds-copy now: the orders must go there. Delete those from 401 on in rds-shop, and copy "
        "the other way.",
        _NO_NIGHT,
    ),
}

_WHO = """
writer = ask(AURORA, "select aurora_db_instance_identifier()")[0][0]
zones = {name: instance(name)["AvailabilityZone"] for name in ("aurora-1", "aurora-2", "aurora-3")}
others = [name for name in zones if name != writer]
"""
_REMOVE = "remove(others[0])\n"
_REPORTS = "reports = answers(READERS)\n"
_WRITERS_AZ = 'gap = take_orders(AURORA, 601, 800, partial(lab.fault, "az", zones[writer]))\n'
_WRITERS_BACK = 'lab.fault("az", zones[writer], "undo")\n'
_THREE_AGAIN = """
there = [item["DBInstanceIdentifier"] for item in rds.describe_db_instances()["DBInstances"]]
for name in zones:
    if name not in there:
        add(name, zones[name])
wait_for(*zones)
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="aurora-shop")
missing(AURORA, 601, 800)
ask(AURORA, "delete from orders where id > 600")
"""

CHOICE = {
    "one-too-many": Wrong(
        _WHO + _REPORTS + _WRITERS_AZ + _WRITERS_BACK,
        "It holds, with three machines. She pays for two: remove a reader, delete the orders from 601 on in Aurora, "
        "and try again.",
        _THREE_AGAIN,
    ),
    "no-reports": Wrong(
        _WHO + _REMOVE + 'reports = "none"\n' + _WRITERS_AZ + _WRITERS_BACK,
        "It took over; but did it also do its daily work? Delete the orders from 601 on in Aurora, call "
        "`answers(READERS)`, and try again.",
        _THREE_AGAIN,
    ),
    "the-writer-stayed": Wrong(
        _WHO
        + _REMOVE
        + _REPORTS
        + 'gap = take_orders(AURORA, 601, 800, partial(lab.fault, "az", zones[others[1]]))\n'
        + 'lab.fault("az", zones[others[1]], "undo")\n',
        "That the shop sells on without its reader proves little. Delete the orders from 601 on in Aurora, and let "
        "the AZ of the writer fail.",
        _THREE_AGAIN,
    ),
    "still-out": Wrong(
        _WHO + _REMOVE + _REPORTS + _WRITERS_AZ,
        'The shop stands on one leg until you bring the AZ back: `lab.fault("az", ..., "undo")`.',
        _WRITERS_BACK + _THREE_AGAIN,
    ),
}
