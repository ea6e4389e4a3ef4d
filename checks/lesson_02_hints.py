"""Lesson 02: hints, from a nudge to nearly the answer."""

from __future__ import annotations

MAKE = [
    "It is one call, much like the one in `add`; but there is no cluster, and the login goes into this call.",
    "`rds.create_db_instance` takes `DBInstanceIdentifier`, `Engine`, `DBInstanceClass`, `AllocatedStorage`, `DBName`, "
    '`MultiAZ` and `**LOGIN`. Print `instance("rds-shop")`: two of its fields end with `AvailabilityZone`.',
    "Nearly all of it:\n"
    'rds.create_db_instance(DBInstanceIdentifier="rds-shop", Engine="postgres",\n'
    '    DBInstanceClass="db.r6g.large", AllocatedStorage=20, DBName="shop", MultiAZ=..., **LOGIN)\n'
    'wait_for("rds-shop")\n'
    'standby = instance("rds-shop")["Secondary..."]',
]

READS = [
    "First the replica, then three calls of `answers`. Which machine of RDS has no name to call?",
    "The host name of an instance is `instance(name)`, then `Endpoint`, then `Address`. For Aurora ask `READERS`; the "
    "writer reads, too.",
    "Nearly all of it:\n"
    'rds.create_db_instance_read_replica(DBInstanceIdentifier="rds-copy",\n'
    '    SourceDBInstanceIdentifier=..., AvailabilityZone="us-west-2c")\n'
    'wait_for("rds-copy")\n'
    'for host in (SHOP, instance("rds-copy")["Endpoint"]["Address"], READERS):\n'
    "    print(answers(host))\n"
    "rds_machines, aurora_machines = ..., 2",
]

FAILOVER = [
    "Read the two errors. One call looks for a cluster that is none; the other is not for Aurora.",
    "The two calls are in each other's place. The table has which belongs to what, and what each takes.",
    "Nearly all of it:\n"
    'fail_rds = partial(rds.reboot_db_instance, DBInstanceIdentifier="rds-shop", ForceFailover=...)\n'
    'fail_aurora = partial(rds.failover_db_cluster, DBClusterIdentifier="...")',
]

LOSS = [
    "Six steps, in this order. Each is a line or two; the order of 3 and 4 decides what is lost.",
    "For step 3 the variable `zone` is there. After step 5 wait with `wait_for`, then count with `missing`.",
    "Nearly all of it:\n"
    'lab.fault("az", "us-west-2c")\n'
    "take_orders(SHOP, 301, 400)\n"
    "take_orders(AURORA, 301, 400)\n"
    'lab.fault("az", ...)\n'
    'lab.fault("az", "us-west-2c", ...)\n'
    'rds.promote_read_replica(DBInstanceIdentifier="rds-copy")\n'
    'wait_for("rds-copy")\n'
    "rds_lost, aurora_lost = missing(COPY, 301, 400), missing(...)",
]

REPAIR = [
    "Both databases run, and you may connect to both. Read from one, write to the other.",
    "`ask(SHOP, ...)` returns a list of rows, each with an id and a moment. For each row one `insert` in `COPY`, with "
    "two values.",
    "Nearly all of it:\n"
    'lab.fault("az", zone, "undo")\n'
    'wait_for("rds-shop")\n'
    'for order, at in ask(SHOP, "select id, at from orders where id between ..."):\n'
    '    ask(COPY, "insert into orders values (%s, %s)", ...)',
]

CHOICE = [
    "First find out who writes: that one stays. It is also the one whose AZ is to fail.",
    'An Aurora instance tells its name: `ask(AURORA, "select aurora_db_instance_identifier()")`. Its AZ is in '
    '`instance(name)["AvailabilityZone"]`. As in part 3, `take_orders` takes as its last argument what to do half way.',
    "Nearly all of it, if aurora-1 writes and is in us-west-2a:\n"
    'remove("aurora-2")\n'
    "reports = answers(...)\n"
    'gap = take_orders(AURORA, 601, 800, partial(lab.fault, "az", ...))\n'
    'lab.fault("az", "us-west-2a", "undo")',
]
