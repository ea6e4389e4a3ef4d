"""Lesson 07: known wrong answers by the name of their mistake.

Each is the answer cell as a learner might write it, what to tell that learner, and for the tests the way back.
"""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong


def _begin(minimum: int = 0, value: float = 2, metric: str = "DatabaseConnections") -> str:
    return f"""
scaling.register_scalable_target(**TARGET, MinCapacity={minimum}, MaxCapacity=6)
scaling.put_scaling_policy(
    **TARGET,
    PolicyName="connections",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={{
        "TargetValue": {value},
        "PredefinedMetricSpecification": {{"PredefinedMetricType": "RDSReaderAverage{metric}"}},
    }},
)
"""


_NO_READERS = """
board(0)
for name in readers():
    rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name)
"""
_UNREGISTERED = "scaling.deregister_scalable_target(**TARGET)\n"

DEAD = {
    "minimum-of-one": Wrong(
        _begin(minimum=1) + "while not readers():\n    time.sleep(0.2)\n",
        "With a minimum of 1 a reader is made, whether somebody comes or not. This part shows what a "
        "minimum of 0 does: remove the reader and register with MinCapacity=0.",
        _UNREGISTERED + _NO_READERS,
    ),
    "other-metric": Wrong(
        _begin(metric="CPUUtilization"),
        "That policy looks at the readers' CPU. Passengers who hold a connection and do nothing are not seen by "
        "it: track the connections.",
        _UNREGISTERED,
    ),
    "other-target": Wrong(
        _begin(value=8),
        "The target is for each reader, not for all together: 2 connections a reader, and as many readers as that "
        "takes.",
        _UNREGISTERED,
    ),
    "other-state": Wrong(
        _begin() + 'board(8)\nstate = "OK"\n',
        "OK would mean that the average was measured and is low enough. Here nothing is measured at all: ask "
        "CloudWatch for the state, as the last step says.",
        "board(0)\n" + _UNREGISTERED,
    ),
}

_BY_HAND = 'add("rail-2", "db.t4g.medium")\nadd("rail-3", "db.t4g.medium")\n'

FIRST = {
    "still-at-the-writer": Wrong(
        _BY_HAND + "made = len(readers()) - 2\n",
        "The readers are there, and idle: the passengers came before them and sit on the writer, where nobody "
        "counts them. Send them home and let them come again, then watch.",
        _NO_READERS,
    ),
    "by-the-minimum": Wrong(
        _BY_HAND
        + "scaling.register_scalable_target(**TARGET, MinCapacity=4, MaxCapacity=6)\nwatch(4)\nmade = 2\n",
        "A minimum makes readers too, load or no load, day and night. Set it to 0 again, delete those two, and let "
        "the policy do it.",
        "scaling.register_scalable_target(**TARGET, MinCapacity=0)\n" + _NO_READERS,
    ),
    "other-number": Wrong(
        _BY_HAND + "board(0)\nboard(8)\nwatch(4)\nmade = 4\n",
        "Four is how many there are. Two of them are yours, and they count in the average: auto scaling made the rest.",
        _NO_READERS,
    ),
}

_PORTRAIT = """
one = readers()[max(readers(), key=lambda name: readers()[name]["PromotionTier"])]
portrait = {"class": one["DBInstanceClass"], "tier": one["PromotionTier"], "tag": one["TagList"][0]["Key"]}
"""
_OWN = 'own = [name for name in readers() if name.startswith("application-autoscaling-")]\n'

PORTRAIT = {
    "all-readers": Wrong(
        "own = list(readers())\n" + _PORTRAIT,
        "These are all readers. Two of them you have made by hand, and they have neither the prefix nor the tag.",
    ),
    "by-hand": Wrong(
        'own = ["rail-2", "rail-3"]\n' + _PORTRAIT,
        "Those are the two that you have made. The others have names that nobody would give by hand.",
    ),
    "other-portrait": Wrong(
        _OWN
        + 'portrait = {"class": "db.t4g.medium", "tier": 1, "tag": "application-autoscaling:resourceId"}\n',
        "Your own readers are like that, by the class that you gave and the default tier. Look at one that "
        "auto scaling "
        "made: it is like the writer, and its tier is the last.",
    ),
    "other-tag": Wrong(
        _OWN + _PORTRAIT.replace('["TagList"][0]["Key"]', '["TagList"]'),
        "Class and tier are right. `TagList` is a list, each item with a `Key` and a `Value`: take the `Key` of the "
        "only one, as it is.",
    ),
}

ALARMS = {
    "swapped": Wrong(
        "high, low, low_of_70 = (1.8, 15), (2, 3), 63\n",
        "The other way round: the high alarm rings above its threshold, and soon; the low one below, and late.",
    ),
    "in-seconds": Wrong(
        "high, low, low_of_70 = (2, 180), (1.8, 900), 63\n",
        "Those are seconds. One period is 60 of them, so the number of periods is the number of minutes.",
    ),
    "other-share": Wrong(
        "high, low, low_of_70 = (2, 3), (1.8, 15), 70 - 0.2\n",
        "The distance is not always 0.2, it is a share: a tenth of the target, here 0.2 of 2. Take the same share of "
        "70.",
    ),
}

_MOVED = """
leaving = next(rider for rider in passengers if rider[1].startswith({source!r}))
passengers.remove(leaving)
leaving[0].close()
name = max(name for name in readers() if name.startswith({target!r}))
session = psycopg.connect(host=readers()[name]["Endpoint"]["Address"], autocommit=True)
passengers.append((session, name))
"""
_MADE, _BY_YOU = "application-autoscaling-", "rail-"

RENEWAL = {
    "still-there": Wrong(
        "print(seats())\n",
        "Waiting does not help: no connection ever moves by itself. Each has to be closed and made again.",
    ),
    # Before those whose way back goes through the reader endpoint: it may lead to any reader.
    "one-is-empty": Wrong(
        _MOVED.format(source=_BY_YOU, target=_MADE),
        "One passenger has moved, and there are two new readers. Each of them needs at least one: go on, until no "
        "reader has 0.",
        _MOVED.format(source=_MADE, target=_BY_YOU),
    ),
    "fewer": Wrong(
        "for _ in range(4):\n    passengers.pop(0)[0].close()\n",
        "You have closed connections, and nobody has come in their place. After each one that you close, let one "
        "come again: `board(8)`.",
        "board(8)\n",
    ),
    "at-the-writer": Wrong(
        """
passengers.pop(0)[0].close()
session = psycopg.connect(host=cluster["Endpoint"], autocommit=True)
passengers.append((session, "rail-1"))
""",
        "That connection was made to the cluster endpoint, which leads to the writer. Readers are found by the "
        "reader endpoint, as `board` does it.",
        "passengers.pop()[0].close()\nboard(8)\n",
    ),
}

COOLDOWN = {
    "other-cooldown": Wrong(
        "policy(ScaleInCooldown=36000)\nminutes = 4\n",
        "That is the cooldown after readers were removed. The one after readers were added is ScaleOutCooldown.",
        "policy()\n",
    ),
    "not-measured": Wrong(
        "policy(ScaleOutCooldown=36000)\nminutes = 600\n",
        "Ten hours is what the cooldown says, not what you have measured. Have both rushes, and keep what the "
        "second watch returns.",
        "policy()\n",
    ),
    "nobody-came": Wrong(
        "policy(ScaleOutCooldown=36000)\nminutes = watch(5)\n",
        "The fifth reader begins the cooldown. What you want to know comes now: two more passengers, while it runs.",
        "policy()\n",
    ),
}

_HELD_AGAIN = """
scaling.register_scalable_target(**TARGET, MinCapacity=4, MaxCapacity=6)
policy()
begun = time.monotonic()
while alarms()["Low"]["StateValue"] != "ALARM" and time.monotonic() < begun + 24:
    time.sleep(0.3)
"""

NIGHT = {
    "still-held": Wrong(
        'reason, left = "AlreadyAtMinCapacity", sorted(readers())\n',
        "You know the reason, and it still holds: as long as the minimum is 4, four readers stay, whoever made "
        "them. Set it to 0.",
    ),
    "other-reason": Wrong(
        'reason, left = "AlreadyAtDesiredCapacity", sorted(readers())\n',
        "That would mean that as many are wanted as there are. Fewer are wanted, and something forbids it: read "
        "the code of the newest activity that did nothing.",
    ),
    "more-than-the-code": Wrong(
        "newest = activities(IncludeNotScaledActivities=True)[0]\n"
        'reason, left = newest["NotScaledReasons"], sorted(readers())\n',
        "The code is in it, with more beside it: take the first of the list, and of that its `Code`.",
    ),
    "deregistered": Wrong(
        'reason = "AlreadyAtMinCapacity"\n' + _UNREGISTERED + "left = sorted(readers())\n",
        "Here, whoever deregisters keeps the readers that were made, and pays for them: nobody is left to remove them. "
        "Register again, with MinCapacity=0 and MaxCapacity=6, put the policy again, and wait for the low alarm.",
        _HELD_AGAIN,
    ),
}


def _script(value: float = 60, *, suspended: bool = False, never_in: bool = False) -> str:
    return f"""
scaling.register_scalable_target(
    **TARGET, MinCapacity=0, MaxCapacity=3, SuspendedState={{"DynamicScalingOutSuspended": {suspended}}}
)
scaling.put_scaling_policy(
    **TARGET,
    PolicyName="cpu",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={{
        "TargetValue": {value},
        "PredefinedMetricSpecification": {{"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}},
        "DisableScaleIn": {never_in},
    }},
)
"""


_NO_CPU_POLICY = """
scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")
scaling.register_scalable_target(
    **TARGET, MaxCapacity=6, SuspendedState={"DynamicScalingOutSuspended": False}
)
"""

SCRIPT = {
    "suspended": Wrong(
        _script(suspended=True),
        "The alarm may ring as it likes: while scaling out is suspended, nothing is added, and no error says so. "
        "Set it to False; to leave it out changes nothing.",
        _NO_CPU_POLICY,
    ),
    "a-fraction": Wrong(
        _script(0.6),
        "CPU is measured in percent, so this asks for readers that are 99.4 % idle, and that means the maximum for "
        "ever. Sixty percent is 60.",
        _NO_CPU_POLICY,
    ),
    "never-in": Wrong(
        _script(never_in=True),
        "With DisableScaleIn the fleet only ever grows: after each rush the new readers stay, and are paid for. "
        "Set it to False.",
        _NO_CPU_POLICY,
    ),
}
