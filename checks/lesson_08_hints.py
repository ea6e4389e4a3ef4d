"""Lesson 08: hints, from a nudge to nearly the answer."""

from __future__ import annotations

TIERS = [
    "The lowest number goes first, and 15 is the last. Which of the three tiers has to change for that?",
    "Only that of toll-3. Then two readers with the same tier are left, and the size decides between them.",
    "Nearly all of it:\n"
    'rds.failover_db_cluster(DBClusterIdentifier="toll")\n'
    "settle()\n"
    'rds.modify_db_instance(DBInstanceIdentifier="toll-3", PromotionTier=..., ApplyImmediately=True)\n'
    "settle()\n"
    "... and once more the failover",
]

GAP = [
    "`watch` wants three things: the gate's name in quotes, one function that connects, one that breaks something.",
    "`lambda: rds.failover_db_cluster(...)` is a function. Without `lambda:` the failover happens before the watch. "
    "`plain` and `kill` are functions already: write them without brackets.",
    "Nearly all of it:\n"
    'planned = watch("planned", plain, lambda: rds.failover_db_cluster(DBClusterIdentifier=...))\n'
    'killed = watch("killed", plain, ...)\n'
    'longest = {"planned": gap(planned), "killed": ...}',
]

LOG = [
    "Which lines of the cluster's log tell that something starts? There is one for each failover.",
    "Take each line that begins with `Started`: `same AZ` is 0072, `cross AZ` is 0073, and the last word, without its "
    "dot, is the new writer.",
    "Nearly all of it:\n"
    'for _, message in log("toll", "db-cluster"):\n'
    '    if message.startswith("Started"):\n'
    '        number = "0072" if ... in message else "0073"\n'
    '        story.append((number, message.split()[-1].rstrip(".")))',
]

SETTINGS = [
    "Of the four settings two are missing, one is too large, and `hosts` lacks a name.",
    "Write them into the dictionary; psycopg gets what `connect` does not use itself.",
    "Nearly all of it:\n"
    'settings = {"hosts": [WRITER, READER], "remember": 0,\n'
    '            "target_session_attrs": ..., "connect_timeout": ...}',
]

DRIVER = [
    "The error says two things: the connection has changed, and what you should configure again. What else did not "
    "happen?",
    "The new session does not know its gate, and the statement that met the error was not carried out. Both can be "
    "done on the same `session`, in the `except` part.",
    "Nearly all of it:\n"
    "    except FailoverSuccessError as error:\n"
    "        session.cursor().execute(NORTH)\n"
    "        session.cursor().execute(..., [car])",
]

DOUBT = [
    "What the errors do not tell, the table does.",
    '`ask("select car from ticket")` gives rows of one column, as `[(601,), ...]`. Look first; add afterwards.',
    "Nearly all of it:\n"
    'there = [car for (car,) in ask("select car from ticket")]\n'
    "stored = {car: car in there for car in range(601, 605)}\n"
    "for car in stored:\n"
    "    if ...:\n"
    "        pay_later(car)",
]

RETRY = [
    "How could the table know that the second row is the same payment, and not the customer's second crossing?",
    "By a column `key uuid primary key`. `take` makes the key in its first line, outside of the loop, and sends the "
    "same one at each try.",
    "Nearly all of it:\n"
    'TABLE = "create table ledger (key uuid primary key, customer text, cents integer)"\n'
    "def take(customer, cents):\n"
    "    key = ...\n"
    '    while not sent("insert into ledger values (%s, %s, %s) on conflict ...", key, customer, cents):\n'
    "        time.sleep(0.05)",
]

ALONE = [
    "Which AZs are there, when `us-west-2a` is out? Any of them will do.",
    "`add(name, zone)` makes an instance. It stands in `rescue`, after the fault. The writer's AZ is "
    '`instance(writer())["AvailabilityZone"]`: look it up before you take it away.',
    "Nearly all of it:\n"
    "def rescue():\n"
    '    lab.fault("az", zone)\n'
    '    add("toll-4", ...)\n'
    'alone = watch("alone", plain, rescue)\n'
    'lab.fault("az", zone, "undo")\n'
    "settle()\n"
    'away = instance(writer())["AvailabilityZone"]\n'
    'pair = watch("pair", plain, lambda: lab.fault("az", away))\n'
    "... and bring it back\n"
    'cheapest = {"crash": ..., "az": ...}',
]
