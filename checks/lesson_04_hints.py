"""Lesson 04: hints, from a nudge to nearly the answer."""

from __future__ import annotations

AZ = [
    "First break it, then commit. The order matters.",
    '`lab.fault("az", ...)` takes the name of the AZ. `Commit(1)` sends the measurement; keep it in `first`.',
    'Nearly all of it:\nlab.fault("az", "us-west-2c")\nfirst = Commit(...)\nfirst....',
]

ONE_MORE = [
    "While measurement 2 waits, the notebook does not: `look()` comes back after two seconds. So you can do the next "
    "step in the same cell.",
    'Reads are `!psql -h "$WRITER" -c "$READ"`, and the same with `$READER`. To bring a node back is a fault too, with '
    'a third argument: `lab.fault("storage-node", "a2", "undo")`.',
    "Nearly all of it:\n"
    'lab.fault("storage-node", "a2")\n'
    "second = Commit(2)\n"
    "second.look()\n"
    '!psql -h "$WRITER" -c "$READ"\n'
    "... the same through the reader endpoint\n"
    'lab.fault("storage-node", "a2", ...)\n'
    "second.look(10)",
]

SLOW = [
    "Three times the same measurement, each with other nodes at hand. Only what stands under `with` has a slow node.",
    'The second run is two lines: `with slow("b1"):` and, indented, `one_slow = pace("one_slow")`. For the third, two '
    "nodes are paused before, and `mend()` comes after.",
    "Nearly all of it:\n"
    'well = pace("well")\n'
    'with slow("b1"):\n'
    '    one_slow = pace("one_slow")\n'
    'lab.fault("storage-node", "c1", "pause")\n'
    "... and c2\n"
    'with slow("b1"):\n'
    '    no_spare = pace("...")\n'
    "mend()",
]

PGCL = [
    "Write six positions on paper, the largest first. Up to which of them have four nodes come?",
    "`sorted(scls, reverse=True)` puts the largest first. Python counts from 0.",
    "Nearly all of it: `return sorted(scls, reverse=True)[...]`, where the dots are the place of the fourth.",
]

RULES = [
    "Begin with VCL, and work the third case on paper: A has all of its records, B has none of its own. Up to where is "
    "nothing missing?",
    "Go through `issued` in order. At the first record whose LSN is above `pgcls[group]`, the log is complete up to "
    "the LSN before. For VDL, leave out the CPLs above `complete` before you take the largest.",
    "Nearly all of it:\n"
    "for lsn, group in issued:\n"
    "    if lsn > pgcls[group]:\n"
    "        return ...\n"
    "return lsn\n"
    "and: return max([cpl for cpl in cpls if ...], default=0)",
]

CANDIDATES = [
    "Each rule is one comparison. How many copies are left without an AZ, when each AZ has a third of them?",
    "`left = v - v // 3`. Rule 3 compares `left` with `vw`, rule 4 compares `left - 1` with `vr`. Join all four with "
    "`and`.",
    "Nearly all of it:\nleft = v - v // 3\nreturn vr + vw > v and vw > v / 2 and left >= ... and ... >= vr",
]

REPAIR = [
    "The repair begins by itself. What you do is to ask again and again until it is done.",
    "A loop asks: as long as `seconds` is None, sleep a little, and call `repair_time` again. For the size, print "
    "`risk(size)` for each of `sizes`, or read the plot.",
    "Nearly all of it:\n"
    'lab.fault("storage-node", "b1", ...)\n'
    "seconds = None\n"
    "while seconds is None:\n"
    "    time.sleep(0.1)\n"
    '    seconds = repair_time("...")\n'
    "segment = max(size for size in sizes if risk(size) < ...)",
]

TABLE_1 = [
    "`faster` comes from the first column, the others from the second. Which of two figures is the larger?",
    "At the database it is 7.4 to 0.95. One storage node gets a sixth of the 0.95. For `most`, begin with 6 copies and "
    "take more, until the total is 7.4 or above.",
    "Nearly all of it:\n"
    "faster = 27_378_000 / ...\n"
    "at_database = 7.4 / ...\n"
    "at_a_node = 7.4 / (0.95 / ...)\n"
    "most = max(n for n in range(1, 100) if LogOnly(copies=n).ios(RATE).total < ...)",
]

BILL = [
    "CloudWatch is not the database: what you load shows in it only with the next value.",
    "A loop waits: as long as `after` is not well above `before`, sleep a little and call `used()` again. How many of "
    "the copies are billed, the question above has told.",
    "Nearly all of it:\n"
    "before = after = used()\n"
    '!psql -q -h "$WRITER" -c "$LOAD"\n'
    "while after < before + 15:\n"
    "    time.sleep(1)\n"
    "    after = ...\n"
    "dollars = 100 * ...",
]
