"""Lesson 04: known wrong answers by the name of their mistake."""

from __future__ import annotations

from aurora_lab.course.exercises import Wrong


def _psql(statement: str) -> str:
    return f'!psql -q -h "$WRITER" -c "{statement}"\n'


_OUT = 'lab.fault("az", "us-west-2c")\n'
_KILL, _BACK = 'lab.fault("storage-node", "a2")\n', 'lab.fault("storage-node", "a2", "undo")\n'
_FIRST = "first = Commit(1)\nfirst.look()\n"
_NO_FIRST = "mend()\n" + _psql("delete from measurements where number = 1")

AZ = {
    "sent-before": Wrong(
        _FIRST + _OUT,
        "Six nodes were there when you sent it. Send measurement 1 again, now that the AZ is out.",
        _NO_FIRST,
    ),
    "one-node": Wrong(
        'lab.fault("storage-node", "c1")\n' + _FIRST,
        "One node is half an AZ. The fault of the kind `az` takes both, and would take the instances in it, too.",
        _NO_FIRST,
    ),
    "other-az": Wrong(
        'lab.fault("az", "us-west-2b")\n' + _FIRST,
        "In that AZ there is an instance as well. `mend()` brings all back; then take out `us-west-2c`, where only "
        "storage nodes are.",
        _NO_FIRST,
    ),
    "back-already": Wrong(
        _OUT + _FIRST + 'lab.fault("az", "us-west-2c", "undo")\n',
        "You have cleaned up too early. Take the AZ out once more, and send measurement 1 again.",
        _NO_FIRST,
    ),
}

_SECOND = "second = Commit(2)\nsecond.look(1)\n"
_READ = '!psql -h "$WRITER" -c "$READ"\n!psql -h "$READER" -c "$READ"\n'
_NO_SECOND = "mend()\nsecond.look(10)\n" + _psql("delete from measurements where number = 2") + _OUT

ONE_MORE = {
    "four-were-left": Wrong(
        _SECOND + _KILL + _READ + _BACK,
        "Four are a write quorum: it needs no node more. Begin anew: `mend()`, take the AZ out, kill `a2`, and send "
        "measurement 2 again.",
        _NO_SECOND,
    ),
    "nobody-read": Wrong(
        _KILL + _SECOND + _BACK + "second.look(10)\n" + _READ,
        "That reads work when all is well is no news. Kill `a2` again, send measurement 2, and read before you bring "
        "the node back.",
        _NO_SECOND,
    ),
    "the-whole-az": Wrong(
        _KILL + _SECOND + _READ + 'lab.fault("az", "us-west-2c", "undo")\nsecond.look(10)\n' + _BACK,
        "That works, and is more than was needed: for a fourth copy one node is enough, and `a2` is not in the AZ that "
        "is out. Take the AZ out again, and repeat it with `a2`.",
        _NO_SECOND,
    ),
    "still-waits": Wrong(
        _KILL + _SECOND + _READ,
        "Three copies are too few, and measurement 2 would wait for ever. Bring one storage node back; `a2` can be, "
        "while `c1` and `c2` are in an AZ that is out.",
        _NO_SECOND,
    ),
}

_WELL = 'well = pace("well", 1)\n'
_ONE = 'with slow("b1"):\n    one_slow = pace("one_slow", 1)\n'
_PAUSE = 'lab.fault("storage-node", "{}", "pause")\n'
_THIN = 'with slow("b1"):\n    no_spare = pace("no_spare", 1)\n'
_TWO = _PAUSE.format("c1") + _PAUSE.format("c2")
_NO_RUNS = "mend()\n" + _psql("truncate pace")

SLOW = {
    "no-run": Wrong(
        _WELL + _ONE,
        "A run is missing. Each has its own name, which `pace` writes into its rows: `well`, `one_slow`, `no_spare`.",
        _NO_RUNS,
    ),
    "nothing-slow": Wrong(
        _WELL + 'one_slow = pace("one_slow", 1)\n' + _TWO + _THIN + "mend()\n",
        "In that run `b1` answered like the others, so it tells nothing about a slow node. Put that run under "
        '`with slow("b1"):`, indented.',
        _NO_RUNS,
    ),
    "still-a-spare": Wrong(
        _WELL + _ONE + _PAUSE.format("c1") + _THIN + "mend()\n",
        "Besides `b1` there were four quick nodes, and four are enough. Pause both `c1` and `c2` for the third run.",
        _NO_RUNS,
    ),
    "left-hanging": Wrong(
        _WELL + _ONE + _TWO + _THIN,
        "The runs are done, and two nodes still hang: one more failure, and all commits wait. `mend()` brings them "
        "back.",
        _NO_RUNS,
    ),
}


def _pgcl(result: str) -> str:
    return f"""
def pgcl(scls):
    return {result}

mine = pgcl([scl for _, _, scl in ask(os.environ["NODES"])])
others = [pgcl(each) for each in SETS]
"""


PGCL = {
    "the-lowest": Wrong(
        _pgcl("min(scls)"),
        "That is what all six have. To wait for all six would make every commit as slow as the slowest node; four are "
        "enough.",
    ),
    "the-highest": Wrong(
        _pgcl("max(scls)"),
        "That far only one node may have come. Lose that one, and a confirmed commit would be gone.",
    ),
    "only-three": Wrong(
        _pgcl("sorted(scls)[3]"),
        "Counted from the small end, the fourth is the third largest: only three nodes have come that far. Count from "
        "the large end.",
    ),
}

_VCL = """
def vcl(issued, pgcls):
    for lsn, group in issued:
        if lsn > pgcls[group]:
            return lsn - 1
    return lsn
"""
_VDL = """
def vdl(cpls, complete):
    return max([cpl for cpl in cpls if cpl <= complete], default=0)
"""
_APPLY = "\nvcls, vdls = [vcl(*case) for case in CASES], [vdl(*case) for case in CUTS]\n"

RULES = {
    "the-minimum": Wrong(
        "def vcl(issued, pgcls):\n    return min(pgcls.values())\n" + _VDL + _APPLY,
        "That is the script's own mistake. In the first case record 104 is safe, and so is everything below; in the "
        "second, a group without work holds back the volume.",
    ),
    "the-maximum": Wrong(
        "def vcl(issued, pgcls):\n    return max(pgcls.values())\n" + _VDL + _APPLY,
        "In the third case record 2 has no quorum, and you call the log complete up to 4. A gap is a gap, however far "
        "another group has come.",
    ),
    "one-too-far": Wrong(
        _VCL.replace("lsn - 1", "lsn") + _VDL + _APPLY,
        "You return the first record that is *not* covered. The log is complete up to the LSN before it.",
    ),
    "above-the-vcl": Wrong(
        _VCL + "def vdl(cpls, complete):\n    return max(cpls)\n" + _APPLY,
        "1100 is above 1007: what lies between is not complete, and a commit there could still be lost. Take only CPLs "
        "up to the VCL.",
    ),
    "strictly-below": Wrong(
        _VCL + _VDL.replace("<=", "<") + _APPLY,
        "The VCL is inclusive: a CPL that is exactly there counts. Compare with `<=`.",
    ),
}


def _good(rule: str) -> str:
    return f"""
CANDIDATES = [(3, 2, 2), (3, 3, 1), (6, 4, 2), (6, 4, 3), (6, 4, 4), (6, 5, 2), (9, 5, 5), (9, 6, 4), (12, 6, 7)]

def good(v, vw, vr):
    left = v - v // 3
    return {rule}

kept = [each for each in CANDIDATES if good(*each)]
"""


CANDIDATES = {
    "reads-miss-writes": Wrong(
        _good("vw > v / 2 and left >= vw and left - 1 >= vr"),
        "With 4 and 2 of six, a read can ask just the two copies that a write has left out. Rule 1 forbids that.",
    ),
    "writes-miss-writes": Wrong(
        _good("vr + vw > v and left >= vw and left - 1 >= vr"),
        "With 6 of twelve, two writes can go to two halves that know nothing of each other. Rule 2 forbids that.",
    ),
    "no-writes-without-an-az": Wrong(
        _good("vr + vw > v and vw > v / 2 and left - 1 >= vr"),
        "You have kept candidates that cannot write when an AZ is out: compare `left` with `vw`, rule 3.",
    ),
    "no-reads-at-an-az-and-one": Wrong(
        _good("vr + vw > v and vw > v / 2 and left >= vw"),
        "You have kept 2 of three: with an AZ and one more copy lost, one is left, and nobody can read. Compare "
        "`left - 1` with `vr`, rule 4.",
    ),
    "more-than-enough": Wrong(
        _good("vr + vw > v and vw > v / 2 and left > vw and left - 1 >= vr"),
        "Enough is as many as are needed, and no more: four left are enough for a write of four. Rules 3 and 4 take "
        "`>=`.",
    ),
}

_DESTROY = """
lab.fault("storage-node", "b1", "destroy")
while (seconds := repair_time("b1")) is None:
    time.sleep(0.1)
"""

REPAIR = {
    "killed-only": Wrong(
        'lab.fault("storage-node", "b1")\nlab.fault("storage-node", "b1", "undo")\nseconds, segment = 1.0, 10\n',
        'A node that was killed still has its copy, and only catches up. With the action `"destroy"` the copy is gone.',
        "mend()\n",
    ),
    "other-time": Wrong(
        _DESTROY + "seconds, segment = seconds + 10, 10\n",
        "That is not what the event log says. 10 s is the paper's figure for 10 GB; here there are other disks and "
        "less data. Keep what `repair_time` returns.",
    ),
    "the-largest": Wrong(
        'seconds = repair_time("b1")\nsegment = max(sizes)\n',
        "A segment of that size takes hours to repair, and all that time one copy is missing. Look at the plot: it is "
        "far above the line.",
    ),
    "the-smallest": Wrong(
        'seconds = repair_time("b1")\nsegment = min(sizes)\n',
        "The risk is under the limit, but a larger one is as well. Ten times as many segments are ten times as much to "
        "look after: take the largest that is safe enough.",
    ),
}


def _ratios(at_database: str = "7.4 / 0.95", at_a_node: str = "7.4 / (0.95 / 6)", most: str = "46") -> str:
    return f"faster = 27_378_000 / 780_000\nat_database = {at_database}\nat_a_node = {at_a_node}\nmost = {most}\n"


TABLE_1 = {
    "upside-down": Wrong(
        _ratios(at_database="0.95 / 7.4"),
        "How many times fewer is asked: the larger figure divided by the smaller one, so that the result is above 1.",
    ),
    "divided": Wrong(
        _ratios(at_a_node="7.4 / 0.95 / 6"),
        "One node gets a sixth of what leaves the database: that makes its share smaller and the ratio larger. Divide "
        "0.95 by 6 first.",
    ),
    "one-too-many": Wrong(
        _ratios(most="min(n for n in range(1, 100) if LogOnly(copies=n).ios(RATE).total >= 7.4)"),
        "That is the first that sends 7.4 or more. The last that sends less is the one before it.",
    ),
}


def _price(dollars: str) -> str:
    return f"before = after = used()\ndollars = {dollars}\n"


BILL = {
    "six-times": Wrong(
        _price("6 * 100 * 0.10"),
        "That would be six copies. Only one is billed; and even inside there are six of the log only, not of the "
        "pages.",
    ),
    "three-times": Wrong(
        _price("3 * 100 * 0.10"),
        "Pages may be kept three times, but that is AWS's matter: what you pay for is one copy.",
    ),
    "not-loaded": Wrong(
        _price("100 * 0.10"),
        "The price is right. But nothing has been loaded, so nothing has been measured: run `$LOAD` with psql, and "
        "wait for the metric.",
    ),
}
