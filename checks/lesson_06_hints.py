"""Lesson 06: hints, from a nudge to nearly the answer."""

from __future__ import annotations

RANGE = [
    "Three wishes, two numbers: what it may shrink to, and what it may grow to. Only one minimum lets it pause.",
    "An ACU has about 2 GiB. The smallest minimum of a cluster that never pauses is the smallest step there is.",
    'Nearly all of it: `try_range("ferry", MinCapacity=0.5, MaxCapacity=...)`, where the dots are 32 GiB in ACUs.',
]

RUSH = [
    "`curve` returns pairs: when, and how many ACUs. The peak is the largest of the second ones.",
    "ACUUtilization compares with the maximum of the range, which is 16. At half of it, the metric shows 50.",
    "Nearly all of it:\n"
    "began = rush()\n"
    'calm("ferry-1")\n'
    'peak = max(acus for _, acus in curve("ferry-1", ...))\n'
    "share = 100 * peak / ...",
]

CONNECTIONS = [
    "Look at the table: which maximum is the first with 4,500 or more? Then see what `limit()` makes of it.",
    "With a minimum of 0 or 0.5 it stays at 2,000. A step of the range is half an ACU: which one comes "
    "next? And nothing changes without a reboot.",
    "Nearly all of it:\ngive(1, ...)\nreboot()",
]

TIERS = [
    "`add` gives an instance that is there another tier. `calm` after the rush: CloudWatch is a minute late.",
    "`rush()` asks the writer. A dictionary of three: `{name: ... for name in FLEET}`, each as `peak` in 06.2.",
    "Nearly all of it:\n"
    'add("ferry-3", tier=...)\n'
    "began = rush()\n"
    "calm(*FLEET)\n"
    "peaks = {name: max(acus for _, acus in curve(name, ...)) for name in FLEET}",
]

PAUSE = [
    "First the range, then patience, then the snapshot, then the knock. Whoever connects in between begins the five "
    "minutes anew.",
    "A minimum of 0 lets it pause. `until_asleep(*FLEET)` comes back when all three are paused.",
    "Nearly all of it:\n"
    "give(0, 16)\n"
    "until_asleep(*FLEET)\n"
    '... the snapshot "night"\n'
    'said = knock("...")\n'
    "diary(*FLEET)",
]

AWAKE = [
    "Who is in the list of connections, besides you? And which of the three programs never closes what it opened?",
    "`with psycopg.connect(...)` closes at its end. One program has no `with`. Its object has a method to close.",
    'Nearly all of it:\nculprit = "..."\ntills.close()\nuntil_asleep(...)',
]

TIMEOUT = [
    "Two numbers of the text: how long a resume takes, and how long after a weekend.",
    "After more than 24 hours it takes 30 seconds or more: the setting must be above 30. `hang_up` needs `await`.",
    "Nearly all of it:\n"
    'until_asleep("ferry-1")\n'
    "moment = await hang_up()\n"
    "time.sleep(2 * MINUTE)\n"
    'diary("ferry-1")\n'
    "knock()\n"
    "timeout = ...  # the first of SETTINGS above 30",
]

BILL = [
    "Draw a day on paper. Each step is a rectangle: how high, and from when until when?",
    "The steps end where the next ones begin; the last ends at 24. For `cheaper`: 0.12 times the hours against 0.26 "
    "times 24.",
    "Nearly all of it:\n"
    "ends = [*[hour for hour, _ in steps[1:]], end]\n"
    "return sum(... for (hour, acus), until in zip(steps, ends))\n"
    "and: cheaper = [name for name in DAYS if 0.12 * hours[name] < ...]",
]
