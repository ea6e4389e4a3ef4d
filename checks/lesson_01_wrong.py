"""Lesson 01: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong


def _psql(statement: str) -> str:
    return f'!psql -q -h "$WRITER" -c "{statement}"\n'


def _count(name: str, statement: str) -> str:
    return f'{name} = !psql -h "$WRITER" -Atc "{statement}"\n'


_NO_ORDERS = _psql("truncate orders")
_MISSING = _count("missing", "select 200 - count(*) from orders where id <= 200")
_PLUG = 'wait = take_orders(1, 200, fault="instance bakery-1")\n'

CRASH = {
    "no-crash": Wrong(
        "wait = take_orders(1, 200)\n" + _MISSING,
        "The shop had a quiet day: nothing was killed. Give `take_orders` the fault too, and empty the table first: "
        "`truncate orders`.",
        _NO_ORDERS,
    ),
    "shut-down": Wrong(
        "wait = take_orders(1, 100)\n"
        'rds.reboot_db_instance(DBInstanceIdentifier="bakery-1")\n'
        'rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="bakery-1")\n'
        "wait = take_orders(101, 200)\n" + _MISSING,
        "A reboot is polite: PostgreSQL writes everything down before it goes. A crash is not. Empty the table with "
        "`truncate orders`, and use the fault of `take_orders`.",
        _NO_ORDERS,
    ),
    "nobody-waited": Wrong(
        'wait = take_orders(1, 200)\nlab.fault("instance", "bakery-1")\ntake_orders(201, 240)\n' + _MISSING,
        "The plug was pulled after closing time. Empty the table with `truncate orders`, and let the crash come half "
        "way: `take_orders` does that.",
        _NO_ORDERS,
    ),
    "other-count": Wrong(
        _PLUG + _count("missing", "select count(*) from orders where id <= 200"),
        "That is how many orders are there. What is asked for is how many are not: subtract from 200.",
        _NO_ORDERS,
    ),
}

_TABLE = "create table customers (id integer generated always as identity primary key, name varchar(40));"
_ROWS = "insert into customers (name) values ('Ada'), ('Grace');"
_NO_CUSTOMERS = _psql("drop table customers")


def _script(text: str) -> str:
    return f'os.environ["SCRIPT"] = """{text}"""\n!psql -h "$WRITER" -c "$SCRIPT"\n'


SCRIPT = {
    "no-table": Wrong(
        _script(_TABLE + _ROWS.replace("customers", "`customers`")),
        "Was one of the two statements still refused? `psql -c` sends both as one transaction: if one fails, the other "
        "is undone, too.",
    ),
    "no-number-by-itself": Wrong(
        _script(
            "create table customers (id integer primary key, name varchar(40));"
            "insert into customers values (1, 'Ada'), (2, 'Grace');"
        ),
        "You have given the numbers by hand. In MySQL `auto_increment` did that; PostgreSQL has `generated always as "
        "identity`. Drop the table and make it again.",
        _NO_CUSTOMERS,
    ),
    "no-rows": Wrong(
        _script(_TABLE),
        "The table is right, and empty. The second statement of the script is missing: its backticks go too.",
        _NO_CUSTOMERS,
    ),
}


def _modify(values: str) -> str:
    return f'rds.modify_db_cluster(DBClusterIdentifier="bakery", {values})\n'


_MONDAYS = 'PreferredMaintenanceWindow="Mon:03:00-Mon:04:00"'
_AS_BEFORE = _modify('BackupRetentionPeriod=1, PreferredMaintenanceWindow="Sat:07:00-Sat:07:30"')

SETTINGS = {
    "still-one-day": Wrong(
        _modify(_MONDAYS),
        "One day is what a cluster gets when nobody says anything [11.1]. Set `BackupRetentionPeriod`.",
        _AS_BEFORE,
    ),
    "other-days": Wrong(
        _modify(f"BackupRetentionPeriod=35, {_MONDAYS}"),
        "That is another number of days than she asked for. Only one day is free in any case [8.36]; how far back "
        "she can go is her decision.",
        _AS_BEFORE,
    ),
    "other-window": Wrong(
        _modify("BackupRetentionPeriod=7"),
        "The backups are as she wants them. But the window for maintenance is still the one that the cluster came "
        "with: set `PreferredMaintenanceWindow` as well.",
        _AS_BEFORE,
    ),
}

_AGAIN_BAKERY_1 = 'add("bakery-1", "us-west-2a")\n'

ANOTHER = {
    "still-there": Wrong(
        'add("bakery-2", "us-west-2b")\n',
        "Beside bakery-1 the new instance is a reader, and nothing has been taken away. Remove both, and begin with "
        "the removal.",
        'remove("bakery-2")\n',
    ),
    "never-empty": Wrong(
        'add("bakery-2", "us-west-2b")\nremove("bakery-1")\n',
        "So the volume was always in somebody's hands. Take the last one away: remove bakery-2, look at the map, "
        "and add it again.",
        _AGAIN_BAKERY_1 + 'remove("bakery-2")\n',
    ),
    "no-instance": Wrong(
        'remove("bakery-1")\n',
        "That is the state to wonder at: a cluster that holds 200 orders, and nobody who could read them. Now add "
        "bakery-2.",
        _AGAIN_BAKERY_1,
    ),
    "other-az": Wrong(
        'remove("bakery-1")\nadd("bakery-2", "us-west-2c")\n',
        "Any AZ would do, since the volume is in all three. But the readers of 01.5 take the other two: remove "
        "bakery-2 and add it in us-west-2b.",
        'remove("bakery-2")\n' + _AGAIN_BAKERY_1,
    ),
}

_NODES = "select count(*) from aurora_lab_storage_nodes()"
_READERS = 'add("bakery-3", "us-west-2c")\nadd("bakery-4", "us-west-2a")\n'
_NO_READERS = 'remove("bakery-3")\nremove("bakery-4")\n'

COPIES = {
    "no-reader": Wrong(
        _count("before", _NODES) + _count("after", _NODES),
        "Both counts are of a cluster with one instance. Add the two readers between them.",
    ),
    "one-reader": Wrong(
        _count("before", _NODES) + 'add("bakery-3", "us-west-2c")\n' + _count("after", _NODES),
        "One reader would tell it too. But later exercises need the second one: add bakery-4, and count again.",
        'remove("bakery-3")\n',
    ),
    "counted-instances": Wrong(
        _count("before", "select count(*) from aurora_replica_status()")
        + _READERS
        + _count("after", "select count(*) from aurora_replica_status()"),
        "`aurora_replica_status()` has a row for each instance. The storage nodes are rows of "
        "`aurora_lab_storage_nodes()`.",
        _NO_READERS,
    ),
}


def _spread(to_write: str, to_read: str) -> str:
    return f"""
to_write, to_read = {to_write}, {to_read}
for number in range(301, 331):
    try:
        with psycopg.connect(host=to_write[number % len(to_write)]) as shop:
            shop.execute(TAKE, [number])
    except psycopg.Error as error:
        print(error)
for _ in range(30):
    with psycopg.connect(host=to_read) as guest:
        guest.execute("select count(*) from orders").fetchone()
"""


_W, _R = 'os.environ["WRITER"]', 'os.environ["READER"]'
_NO_30 = _psql("delete from orders where id between 301 and 330")

SPREAD = {
    "some-refused": Wrong(
        _spread('[item["Endpoint"]["Address"] for item in instances().values()]', _R),
        "What went to a reader was refused with an error, which his script swallows. Only the writer takes orders: "
        "send all of them to the writer endpoint.",
        _NO_30,
    ),
    "none-stored": Wrong(
        _spread(f"[{_R}]", _R),
        "The reader endpoint leads to readers, and readers refuse to write. Orders go to the writer endpoint.",
    ),
    "one-writer-by-name": Wrong(
        _spread('[instances()["bakery-2"]["Endpoint"]["Address"]]', _R),
        "The name of an instance leads to that instance, also when it is gone or has become a reader. The writer "
        "endpoint finds whoever writes. Run the script again with it.",
        _NO_30,
    ),
    "read-from-the-writer": Wrong(
        _spread(f"[{_W}]", _W),
        "The orders are safe, but the guests still stand in the writer's way, and two readers have nothing to do. Let "
        "them read through the reader endpoint.",
        _NO_30,
    ),
    "one-reader-by-name": Wrong(
        _spread(f"[{_W}]", 'instances()["bakery-3"]["Endpoint"]["Address"]'),
        "The name of an instance leads to that instance, also when it is gone or has become the writer. The reader "
        "endpoint finds the readers that there are.",
        _NO_30,
    ),
}

_WHO = _count("who", "select aurora_db_instance_identifier()")
_MISSING_500 = _count("missing", "select 200 - count(*) from orders where id between 501 and 700")
_NO_700 = """
for name in instances():
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
""" + _psql("delete from orders where id > 500")

GAP = {
    "a-reader-died": Wrong(
        _WHO
        + """
reader = next(name for name in instances() if name != who[0])
gap = take_orders(501, 700, fault=f"instance {reader}")
for _ in range(100):
    log = rds.describe_events(SourceType="db-instance", SourceIdentifier=reader)["Events"]
    if log[-1]["Message"] == "DB instance restarted.":
        break
    time.sleep(0.1)
"""
        + _MISSING_500,
        "The shop did not notice. Ask through `$WRITER` who the writer is, empty the table of these orders with "
        "`delete from orders where id > 500`, and kill that one.",
        _NO_700,
    ),
    "no-crash": Wrong(
        "gap = take_orders(501, 700)\n" + _MISSING_500,
        "Nothing was killed. Delete these orders (`delete from orders where id > 500`), and give `take_orders` the "
        "fault too.",
        _NO_700,
    ),
    "nobody-waited": Wrong(
        "gap = take_orders(501, 700)\n" + _WHO + 'lab.fault("instance", who[0])\n'
        "take_orders(701, 740)\n" + _MISSING_500,
        "The writer died after the last of them. Delete the orders (`delete from orders where id > 500`), and let it "
        "die half way.",
        _NO_700,
    ),
    "other-count": Wrong(
        _WHO
        + 'gap = take_orders(501, 700, fault=f"instance {who[0]}")\n'
        + _count("missing", "select count(*) from orders where id between 501 and 700"),
        "You have counted those that are there. Subtract from 200: how many are not?",
        _NO_700,
    ),
}

_PLACES = _WHO + 'zones = {name: item["AvailabilityZone"] for name, item in instances().items()}\n'
_OTHERS = "others = [name for name in zones if name != who[0]]\n"
_FAIL = 'gap = take_orders(801, 1000, fault=f"az {zones[who[0]]}")\n'
_BACK = 'lab.fault("az", zones[who[0]], "undo")\n'
_NO_1000 = """
for name in zones:
    if name not in instances():
        add(name, zones[name])
for name in zones:
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
take_orders(1001, 1001)
""" + _psql("delete from orders where id > 800")

FEWEST = {
    "one-too-many": Wrong(
        _PLACES + _FAIL + _BACK,
        "It held, and she pays for three. Is one reader enough to take over? Remove the other, and try again: "
        "`delete from orders where id > 800` first.",
        _NO_1000,
    ),
    "too-cheap": Wrong(
        _PLACES + _OTHERS + "remove(others[0])\nremove(others[1])\nPATIENCE = 3\n" + _FAIL + _BACK,
        "With the AZ of the only instance, nobody was left to take over, and nothing was started elsewhere [4.12]. Add "
        "a reader in another AZ, and try again.",
        "PATIENCE = 15\n" + _NO_1000,
    ),
    "the-readers-az": Wrong(
        _PLACES
        + _OTHERS
        + "remove(others[0])\n"
        + 'gap = take_orders(801, 1000, fault=f"az {zones[others[1]]}")\n'
        + 'lab.fault("az", zones[others[1]], "undo")\n',
        "That the shop goes on without its reader is no news. Delete the orders again (`delete from orders where "
        "id > 800`) and let the other AZ fail.",
        _NO_1000,
    ),
    "still-out": Wrong(
        _PLACES + _OTHERS + "remove(others[0])\n" + _FAIL,
        "The shop goes on with one instance, and nobody could take over from it. Bring the AZ back: "
        '`lab.fault("az", "us-west-2a", "undo")`, or whichever it is.',
        _BACK + _NO_1000,
    ),
}

_SCALING = _modify('ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 8}')
_ASK = """
os.environ["REPORT"] = instances()["bakery-report"]["Endpoint"]["Address"]
!psql -h "$REPORT" -c "select count(*) from orders"
"""
_NO_REPORT = 'remove("bakery-report")\n'

REPORT = {
    "no-report": Wrong(
        """
try:
    add("bakery-report", "us-west-2a", size="db.serverless")
except rds.exceptions.ClientError as error:
    print(error)
""",
        "Was it refused for want of a range? A serverless instance scales within the range of its cluster: set "
        "`ServerlessV2ScalingConfiguration` first.",
    ),
    "fixed-size": Wrong(
        _SCALING + 'add("bakery-report", "us-west-2a")\n' + _ASK,
        "`add` takes a class of fixed size unless you say otherwise. Remove the instance, and add it with "
        '`size="db.serverless"`.',
        _NO_REPORT,
    ),
    "other-range": Wrong(
        _modify('ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 128}')
        + 'add("bakery-report", "us-west-2a", size="db.serverless")\n'
        + _ASK,
        "The upper end of the range is the ceiling of the bill, for each serverless instance [5.1]. Set it to what she "
        "asked for with `rds.modify_db_cluster`.",
        _NO_REPORT,
    ),
    "not-asked": Wrong(
        _SCALING + 'add("bakery-report", "us-west-2a", size="db.serverless")\n',
        "The instance is there, and idle. Connect to its own host name, and let it count: `psql -h "
        '"$REPORT" ...`.',
        _NO_REPORT,
    ),
}
