"""Lesson 08: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong

_FAIL_OVER = 'rds.failover_db_cluster(DBClusterIdentifier="toll")\nsettle()\n'


def _to(target: str) -> str:
    return f"""
rds.failover_db_cluster(DBClusterIdentifier="toll", TargetDBInstanceIdentifier="{target}")
settle()
"""


def _tier(name: str, tier: int) -> str:
    return f"""
rds.modify_db_instance(DBInstanceIdentifier="{name}", PromotionTier={tier}, ApplyImmediately=True)
settle()
"""


_AS_AT_FIRST = (
    "settle()\n"
    + _tier("toll-2", 1)
    + _tier("toll-3", 0)
    + 'if writer() != "toll-1":'
    + _to("toll-1").replace("\n", "\n    ")
    + "\n"
)

TIERS = {
    "tier-unchanged": Wrong(
        _FAIL_OVER + _to("toll-2"),
        "You have named the target yourself, by day. At night nobody does: then the small one is first again. Give it "
        "a higher tier.",
        _AS_AT_FIRST,
    ),
    "small-one-writes": Wrong(
        _FAIL_OVER + _tier("toll-3", 15),
        "The tier is right, and moves nobody: it counts at the next failover [4.11]. Fail over once more.",
        _AS_AT_FIRST,
    ),
    "not-the-last": Wrong(
        _FAIL_OVER + _tier("toll-2", 0) + _FAIL_OVER,
        "The larger one is ahead now. But if toll-2 fails, toll-3 with tier 0 comes before toll-1. Give toll-3 the "
        "last tier, and toll-2 its tier 1 again.",
        _AS_AT_FIRST,
    ),
}

_PLANNED = 'planned = watch("planned", plain, lambda: rds.failover_db_cluster(DBClusterIdentifier="toll"))\n'
_KILLED = 'killed = watch("killed", plain, kill)\n'
_LONGEST = 'longest = {"planned": gap(planned), "killed": gap(killed)}\n'
_CLOSED = """settle()
ask("delete from payment where gate in ('planned', 'killed')")
"""

GAP = {
    "no-payments": Wrong(
        'planned = watch("planned", plain, rds.failover_db_cluster(DBClusterIdentifier="toll"))\n'
        "settle()\n" + _KILLED + _LONGEST,
        "`watch` opens the gate only with a function for the incident. A call without `lambda:` is made at once, "
        "before anybody watches.",
        _CLOSED,
    ),
    "one-instance": Wrong(
        _PLANNED
        + """
reader = next(name for name in members() if name != writer())
killed = watch("killed", plain, lambda: lab.fault("instance", reader))
"""
        + _LONGEST,
        "No failover: the instance that died was a reader, or the failover came before the watch. Kill `writer()`.",
        _CLOSED,
    ),
    "other-number": Wrong(
        _PLANNED + _KILLED + 'longest = {"planned": planned[-1][0] + 5, "killed": killed[-1][0] + 5}\n',
        "That is how long the gate was watched, also while cars paid. The gap is the longest time between two "
        "payments: `gap(planned)`.",
        _CLOSED,
    ),
}


def _story(line: str) -> str:
    return f"""
story = []
for _, message in log("toll", "db-cluster"):
    {line}
"""


LOG = {
    "end-not-start": Wrong(
        _story(
            'if message.startswith("Completed"):\n        story.append(("0071", message.split()[-1].rstrip(".")))'
        ),
        "0071 is how each failover ends. It does not tell whether it crossed AZs; the id of its start does.",
    ),
    "other-az": Wrong(
        _story(
            'if message.startswith("Started"):\n        story.append(("0073", message.split()[-1].rstrip(".")))'
        ),
        "Not all crossed to another AZ: toll-1 and toll-3 are in the same one. Read the word before `AZ`.",
    ),
    "of-multi-az": Wrong(
        _story(
            'if message.startswith("Completed"):\n        story.append(("0049", message.split()[-1].rstrip(".")))'
        ),
        "0013 and 0049 are events of RDS Multi-AZ; Aurora never sends them [4.19] [7.2]. Take the ids of the "
        "table above.",
    ),
    "restarts": Wrong(
        _story("pass")
        + """
for name in members():
    for _, message in log(name, "db-instance"):
        if "restarted" in message:
            story.append(("0006", name))
""",
        "An instance that restarts was an old writer, or a reader that died: that is no failover. Failovers stand in "
        "the log of the cluster.",
    ),
}


def _settings(more: str) -> str:
    return f"""
memory.clear()
settings = {{"hosts": [WRITER, READER], {more}}}
after = watch("after", lambda: connect(**settings), kill)
print("before", gap(before), "after", gap(after))
"""


_NO_AFTER = "settle()\nask(\"delete from payment where gate = 'after'\")\n"

SETTINGS = {
    "still-remembers": Wrong(
        _settings('"remember": 8, "target_session_attrs": "read-write", "connect_timeout": 2'),
        "It looks for a session that writes, at an address that is out of date. No setting of the session helps "
        "against that: `remember` must be 0.",
        _NO_AFTER,
    ),
    "any-session": Wrong(
        _settings('"remember": 0, "connect_timeout": 2'),
        "The first that answers may be a reader, and the payment is refused as read-only. Set `target_session_attrs` "
        'to `"read-write"`.',
        _NO_AFTER,
    ),
    "no-time-limit": Wrong(
        _settings('"remember": 0, "target_session_attrs": "read-write"'),
        "Here every host answers at once. A machine that has vanished does not, and the client would wait for long "
        "before it tries the next name. Set `connect_timeout`.",
        _NO_AFTER,
    ),
}


def _drive(on_error: str) -> str:
    return f"""
settle()
ask("delete from passage")
session = driver()
session.cursor().execute(NORTH)
for car in range(501, 561):
    if car == 530:
        kill()
    try:
        session.cursor().execute(PASS, [car])
    except FailoverSuccessError as error:
{on_error}
session.close()
"""


_NO_CARS = 'settle()\nask("delete from passage")\n'

DRIVER = {
    "gate-lost": Wrong(
        _drive("        session.cursor().execute(PASS, [car])"),
        "No car is missing. But the new session does not know its gate: what you set in a session must be set again.",
        _NO_CARS,
    ),
    "car-lost": Wrong(
        _drive("        session.cursor().execute(NORTH)"),
        "The statement that met the error was not carried out: send it once more. Before that, tell the new "
        "session its gate.",
        _NO_CARS,
    ),
    "stopped": Wrong(
        _drive("        break"),
        "The driver has a working connection already, and the script stops. Go on with the same `session`.",
        _NO_CARS,
    ),
}

_AS_THE_CRASH_LEFT_IT = "ask(\"delete from ticket where paid = 'later'\")\n"
_LOOK = 'there = [car for (car,) in ask("select car from ticket")]\n'

DOUBT = {
    "twice": Wrong(
        _LOOK
        + "stored = {car: car in there for car in range(601, 605)}\nfor car in stored:\n    pay_later(car)\n",
        "An error does not mean that nothing was done: two of the commits are there. Add only what is missing.",
        _AS_THE_CRASH_LEFT_IT,
    ),
    "missing": Wrong(
        _LOOK + "stored = {car: car in there for car in range(601, 605)}\n",
        "You know now who is missing, and they are still missing. Call `pay_later` for them.",
        _AS_THE_CRASH_LEFT_IT,
    ),
    "other-answer": Wrong(
        "stored = {car: False for car in range(601, 605)}\n"
        + _LOOK
        + "for car in stored:\n    if car not in there:\n        pay_later(car)\n",
        "The table is right. `stored` says what was there before you added anything: ask the table, not the errors.",
        _AS_THE_CRASH_LEFT_IT,
    ),
}


def _day(table: str, take: str) -> str:
    return f"""
TABLE = "create table ledger ({table})"
INSERT = "insert into ledger values (%s, %s, %s) on conflict do nothing"

def take(customer, cents):
    {take}

print(day(TABLE), "rows for", len(DAY_LIST), "payments")
"""


_KEYED = "key uuid primary key, customer text, cents integer"
_ONE_KEY = "key = uuid.uuid4()\n    while not sent(INSERT, key, customer, cents):\n        time.sleep(0.05)"
_NO_DAY = 'settle()\nask("drop table if exists ledger, opened")\n'

RETRY = {
    "no-constraint": Wrong(
        _day("key uuid, customer text, cents integer", _ONE_KEY),
        "The table tells no payment from another: without a key that is `primary key`, or `unique`, there is never a "
        "conflict.",
        _NO_DAY,
    ),
    "another-key": Wrong(
        _day(_KEYED, "while not sent(INSERT, uuid.uuid4(), customer, cents):\n        time.sleep(0.05)"),
        "Each try has a key of its own, so the table takes it for another payment. Make the key once, before the loop.",
        _NO_DAY,
    ),
    "not-sent-again": Wrong(
        _day(_KEYED, "sent(INSERT, uuid.uuid4(), customer, cents)"),
        "Whoever gives up after an error never pays twice, and sometimes not at all. With a key you may send it again.",
        _NO_DAY,
    ),
    "unique-on-the-purchase": Wrong(
        _day(
            "customer text, cents integer, unique (customer, cents)",
            'insert = "insert into ledger values (%s, %s) on conflict do nothing"\n'
            "    while not sent(insert, customer, cents):\n        time.sleep(0.05)",
        ),
        "Two customers have crossed twice, and the table has refused their second payment. Customer and price do not "
        "say which payment it is: a key of its own does.",
        _NO_DAY,
    ),
}


def _alone(rescue: str) -> str:
    return f"""
def rescue():
    lab.fault("az", zone)
    {rescue}

alone, pair = watch("alone", plain, rescue), []
"""


_BY_HAND = _alone('add("toll-4", "us-west-2c")')
_BACK = 'lab.fault("az", zone, "undo")\nsettle()\n'
_PAIR = """
away = instance(writer())["AvailabilityZone"]
pair = watch("pair", plain, lambda: lab.fault("az", away))
"""
_ONE_AGAIN = """
for name in ("us-west-2a", "us-west-2b", "us-west-2c"):
    lab.fault("az", name, "undo")
zone = leave_alone("toll-1")
ask("delete from payment where gate in ('alone', 'pair')")
"""

ALONE = {
    "waited-for-the-az": Wrong(
        _alone('time.sleep(1)\n    lab.fault("az", zone, "undo")'),
        "On AWS you cannot bring an AZ back, and nobody knows how long it takes. Add an instance in another one.",
        _ONE_AGAIN,
    ),
    "same-az": Wrong(
        _alone('add("toll-4", zone)') + _BACK,
        "An instance that is made there must wait until its AZ is back, and the bridge waits with it. Remove toll-4, "
        "and add it in another AZ.",
        _ONE_AGAIN,
    ),
    "no-pair": Wrong(
        _BY_HAND + _BACK,
        "You have saved the bridge. Now see what your second instance is worth: fail the AZ of the new writer, and do "
        "nothing.",
        _ONE_AGAIN,
    ),
    "still-out": Wrong(
        _BY_HAND + _BACK + _PAIR,
        "The bridge is open, on one instance again: the AZ that you took last is still out. Bring it back.",
        _ONE_AGAIN,
    ),
    "other-choice": Wrong(
        _BY_HAND + _BACK + _PAIR + 'lab.fault("az", away, "undo")\ncheapest = {"crash": 2, "az": 2}\n',
        "Look at the plot: which of the two outages was over by itself with one instance, and which needed you?",
        _ONE_AGAIN + "cheapest = None\n",
    ),
}
