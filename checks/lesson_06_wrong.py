"""Lesson 06: known wrong answers by the name of their mistake."""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong

_GONE = """
rds.delete_db_cluster(DBClusterIdentifier="ferry", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="ferry")
"""

RANGE = {
    "may-pause": Wrong(
        'try_range("ferry", MinCapacity=0, MaxCapacity=16)\n',
        "A minimum of 0 is auto-pause: the first ticket after a quiet hour waits about 15 seconds. The "
        "smallest that never "
        "pauses is one step above.",
        _GONE,
    ),
    "gib-for-acus": Wrong(
        'try_range("ferry", MinCapacity=0.5, MaxCapacity=32)\n',
        "32 ACUs are 64 GiB. The range is in ACUs, of about 2 GiB each.",
        _GONE,
    ),
    "not-the-smallest": Wrong(
        'try_range("ferry", MinCapacity=1, MaxCapacity=16)\n',
        "Capacity goes in steps of 0.5, and 1 is two of them: in quiet hours twice the price.",
        _GONE,
    ),
}

_RUSH = 'began = rush(seconds=3)\ncalm("ferry-1")\n'
_PEAK = 'peak = max(acus for _, acus in curve("ferry-1", began))\n'
_NO_RUSH = 'with psycopg.connect(host=WRITER) as desk:\n    desk.execute("truncate rush")\n'

RUSH = {
    "nobody-came": Wrong(
        "peak, share = 12, 75\n",
        "The figures are not measured: nobody has asked the database yet. `began = rush()` lets passengers come.",
    ),
    "not-the-highest": Wrong(
        _RUSH + 'peak = min(acus for _, acus in curve("ferry-1", began))\nshare = 100 * peak / 16\n',
        "That is the lowest point: what it has when nobody asks. Take the largest of the curve.",
    ),
    "share-of-itself": Wrong(
        _PEAK + "share = 100\n",
        "It was busy, but the metric does not say that. ACUUtilization compares what it has with the most that it may "
        "have, 16 ACUs.",
    ),
    "not-percent": Wrong(
        _PEAK + "share = peak / 16\n",
        "The ratio is right. The metric is in percent: a hundred times as much.",
        _NO_RUSH,
    ),
}

CONNECTIONS = {
    "maximum-too-small": Wrong(
        "give(1, 16)\n",
        "16 ACUs allow for 3,360 connections at most. Look for the first maximum of the table with "
        "4,500 or more.",
    ),
    "maximum-too-large": Wrong(
        "give(1, 64)\n",
        "That is enough, and one mistake in a query can now cost twice as much: the maximum is also the limit of your "
        "bill. A smaller one of the table will do.",
    ),
    "capped": Wrong(
        "give(0.5, 32)\n",
        "With a minimum of 0 or 0.5 there are never more than 2,000, also after a reboot. Give it a larger minimum.",
    ),
    "not-rebooted": Wrong(
        "give(1, 32)\n",
        "The range is right. But the server was started with the old value, and keeps it: reboot it.",
    ),
}

_ADDED = 'add("ferry-3", tier=15)\n'
_GUESS = 'peaks = {"ferry-1": 6, "ferry-2": 6, "ferry-3": 0.5}\n'

TIERS = {
    "both-follow": Wrong(
        'add("ferry-3")\n' + _GUESS,
        "Without a tier it gets 1, so now both follow the writer, and the bill is three times as high. "
        '`add("ferry-3", tier=15)` changes it.',
    ),
    "no-new-rush": Wrong(
        _ADDED + _GUESS,
        "The rush of 06.2 was before the readers came. Let the passengers come once more.",
    ),
    "nobody-follows": Wrong(
        'add("ferry-2", tier=15)\nadd("ferry-3", tier=15)\n' + _GUESS,
        "Now no reader follows: cheap, but after a failover the new writer begins small. `ferry-2` must keep the "
        "default tier, 1.",
        'add("ferry-2", tier=1)',
    ),
    "asked-the-readers": Wrong(
        _ADDED + "began = rush(READER, seconds=1)\n" + _GUESS,
        "These passengers went to a reader, so it grew by its own load. Ask the writer only: `rush()`.",
        "calm(*FLEET)",
    ),
}

PAUSE = {
    "never-pauses": Wrong(
        'said = knock("wrong")\n',
        "It was awake, so of course it answered. With a minimum above 0 it never pauses: `give(0, 16)`, and wait.",
    ),
    "nobody-knocked": Wrong(
        'give(0, 16)\nuntil_asleep(*FLEET)\nsaid = "?"\n',
        "All sleep, and so they will until somebody comes. Knock at the writer endpoint with a wrong password.",
    ),
    "let-in": Wrong(
        "until_asleep(*FLEET)\nsaid = knock()\n",
        "That was the right password, and wakes it, of course. Does the wrong one, too? Wait until all sleep, and "
        "try it.",
    ),
}

AWAKE = {
    "still-open": Wrong(
        'culprit = "tills"\n',
        "You have named it, but its connection is still open. Close it: `tills.close()`. Then wait.",
    ),
    "other-wait": Wrong(
        """
scaling = {"MinCapacity": 0, "MaxCapacity": 16, "SecondsUntilAutoPause": 3600}
rds.modify_db_cluster(DBClusterIdentifier="ferry", ServerlessV2ScalingConfiguration=scaling)
settle()
culprit = "tills"
""",
        "The time until the pause is not the trouble: with an open connection it never begins to run. Set it back to "
        "300, and close the connection.",
        """
scaling = {"MinCapacity": 0, "MaxCapacity": 16, "SecondsUntilAutoPause": 300}
rds.modify_db_cluster(DBClusterIdentifier="ferry", ServerlessV2ScalingConfiguration=scaling)
settle()
""",
    ),
    "other-program": Wrong(
        'culprit = "website"\ntills.close()\nuntil_asleep("ferry-1")\n',
        "That one uses `with`, which closes at its end. Which was there all the time?",
        "tills = Tills()\n",
    ),
}

TIMEOUT = {
    "less-than-a-resume": Wrong(
        "timeout = 10\nmoment = datetime.now(UTC).isoformat()\n",
        "A resume takes about 15 seconds: such a client gives up each time that it finds the cluster paused, and gets "
        "in at a second attempt only.",
    ),
    "not-on-monday": Wrong(
        "timeout = 20\nmoment = datetime.now(UTC).isoformat()\n",
        "That is enough after a night. After more than 24 hours the sleep is deeper, and a resume takes 30 seconds or "
        "more.",
    ),
    "nobody-hung-up": Wrong(
        "timeout = 60\nmoment = datetime.now(UTC).isoformat()\n",
        "The setting is right; the experiment is missing. Knock and go away: `moment = await hang_up()`, and see in "
        "the diary what becomes of it.",
    ),
}


def _days(area: str, cheaper: str = "0.12 * hours[name] < 0.26 * 24") -> str:
    return f"""
def acu_hours(steps, end=24):
    ends = [*[hour for hour, _ in steps[1:]], end]
    widths = [until - hour for (hour, _), until in zip(steps, ends)]
    heights = [acus for _, acus in steps]
    return {area}

hours = {{name: acu_hours(steps) for name, steps in DAYS.items()}}
cheaper = [name for name in DAYS if {cheaper}]
"""


_AREA = "sum(w * h for w, h in zip(widths, heights))"

BILL = {
    "the-peak": Wrong(
        _days("24 * max(heights)"),
        "That is what a machine for the peak costs, day and night. Serverless is billed for each second by what it has "
        "then.",
    ),
    "mean-of-steps": Wrong(
        _days("24 * sum(heights) / len(heights)"),
        "A step of half an hour counts here as much as one of nine hours. Weigh each by how long it lasts.",
    ),
    "without-the-last": Wrong(
        _days("sum(w * h for w, h in zip(widths[:-1], heights))"),
        "The last step is missing: it lasts until hour 24.",
    ),
    "less-than-8-acus": Wrong(
        _days(_AREA, "hours[name] / 24 < 8"),
        "All averages are below 8 ACUs, the size of the instance. But an ACU costs 3.7 times as much as that memory "
        "of an instance: compare dollars.",
    ),
}
