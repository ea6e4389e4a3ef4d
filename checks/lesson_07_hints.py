"""Lesson 07: hints, from a nudge to nearly the answer."""

from __future__ import annotations

DEAD = [
    "Two calls: which readers, from how many to how many; then by which metric, and to which target.",
    "`TARGET` goes into both calls, with two stars. The metric stands in the policy's configuration, one dictionary "
    "within another.",
    "Nearly all of it:\n"
    "scaling.register_scalable_target(**TARGET, MinCapacity=..., MaxCapacity=...)\n"
    "scaling.put_scaling_policy(**TARGET, PolicyName='connections', PolicyType='TargetTrackingScaling',\n"
    "    TargetTrackingScalingPolicyConfiguration={\n"
    "        'TargetValue': ..., 'PredefinedMetricSpecification': METRIC})\n"
    "board(8)\n"
    "watch(4, minutes=6)\n"
    "state = alarms()['High'][...]",
]

FIRST = [
    "Two readers alone are not enough: whose connections does the metric count, and where are the passengers?",
    "They came when there was no reader, so they sit on the writer, and stay there. `board(0)` sends them home.",
    "Nearly all of it:\n"
    'add("rail-2", "db.t4g.medium")\n'
    "... the other one\n"
    "board(0)\n"
    "board(...)\n"
    "watch(4)\n"
    "made = ...  # all readers, without your two",
]

PORTRAIT = [
    "What have those two in common that yours have not? The cell above prints three things for each.",
    "Their names begin with `application-autoscaling-`, and they have a tag. `TagList` is a list of pairs of `Key` "
    "and `Value`.",
    "Nearly all of it:\n"
    'own = [name for name in readers() if name.startswith("application-...")]\n'
    "one = readers()[own[0]]\n"
    'portrait = {"class": one["DBInstanceClass"], "tier": one[...], "tag": one["TagList"][0][...]}',
]

ALARMS = [
    "All of it is printed above: `Threshold`, and how many periods of how many seconds.",
    "A period is 60 seconds, so `EvaluationPeriods` are the minutes. For the share, divide the low threshold by the "
    "target.",
    "Nearly all of it:\n"
    'high = (alarms()["High"]["Threshold"], alarms()["High"]["EvaluationPeriods"])\n'
    "low = (..., ...)\n"
    "low_of_70 = 70 * low[0] / ...",
]

RENEWAL = [
    "The reader endpoint is asked when a connection is made, and never again. So which connections must be made anew?",
    "`renew()` has two lines: one closes the oldest, and `board(8)` fills up to 8. `len(seats())` says on how many "
    "instances passengers are.",
    "Nearly all of it:\n"
    "def renew():\n"
    "    passengers.pop(0)[0].close()\n"
    "    ...\n"
    "while len(seats()) < ...:\n"
    "    renew()",
]

COOLDOWN = [
    "Two rushes, one soon after the other: the second must find the cooldown of the first.",
    "First the policy with its new cooldown. Then 10 passengers, and wait for the fifth reader. Then 12.",
    "Nearly all of it:\npolicy(ScaleOutCooldown=...)\nboard(10)\nwatch(5)\nboard(...)\nminutes = watch(...)",
]

NIGHT = [
    "`activities()` leaves out what was not done. Which argument shows it?",
    "Take the first item that has `NotScaledReasons`: the newest is first. Then register again, with another "
    "minimum; what you do not name stays.",
    "Nearly all of it:\n"
    "for item in activities(IncludeNotScaledActivities=True):\n"
    '    print(item.get("NotScaledReasons"))\n'
    'reason = "..."  # the newest Code\n'
    "scaling.register_scalable_target(**TARGET, MinCapacity=...)\n"
    "watch(2)\n"
    "left = sorted(readers())",
]

SCRIPT = [
    "The error message names the first mistake; mended, the next run names the second. Then there are no more "
    "errors, and three mistakes.",
    "Look at: the resource (`TARGET` has the right one), the range, what is suspended, the unit of CPU, and "
    "what is disabled.",
    "Nearly all of it: the resource is `cluster:rail`; MinCapacity is 0; `DynamicScalingOutSuspended` must be set to "
    "False, since what you leave out stays as it was; the target is in percent; and `DisableScaleIn` ...",
]
