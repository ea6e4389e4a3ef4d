# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   aurora_lab:
#     lesson: "07"
#     title: Auto-scaling readers
#     minutes: 40
#     objectives:
#       - set up target tracking for the readers of a cluster, and say why it needs a reader to start with
#       - predict how many readers it makes, what they are like, and which of them it removes
#       - read its two alarms, and find out why it does nothing
#       - get connections onto a new reader, which do not go there by themselves
#     when_late: Leave out 07.4 and 07.6. The rest does not need them.
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] picture="07_the_loop.png"
# ## Readers that come and go
#
# <img src="attachment:07_the_loop.png" width="760" alt="A loop: readers report their connections; the average is
# compared with a target by two alarms; a policy adds readers or removes them">
#
# A railway's timetable is read from Aurora's readers. In the morning everybody looks, at night nobody. **Application Auto
# Scaling** adds readers and removes them, so that the average of a metric stays near a **target** [6.1] [6.4].
#
# You give it a load, real connections, and measure what it does. Several of its habits surprise people.

# %%
import os
import time
from collections import Counter
from itertools import pairwise

import boto3
import matplotlib.pyplot as plt
import psycopg

from aurora_lab import lab

os.environ.update(PGUSER="announcer", PGPASSWORD="mind-the-gap-7", PGDATABASE="rail")
rds = boto3.client("rds")
scaling = boto3.client("application-autoscaling")
cloudwatch = boto3.client("cloudwatch")

# %% [markdown]
# The alarms of this lesson count in minutes. So let the lab's clock run faster: a second here is a minute on AWS. (The
# last cells set it back.)

# %%
lab.clock(60)

# %%
MINUTE = max(1, lab.minute())  # that of an alarm takes a second at least
print(f"A minute of the alarms takes {MINUTE:.1f} s.")


# %% [markdown]
# The cluster, with a writer and no reader.


# %%
def add(name, size):
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass=size,
        DBClusterIdentifier="rail",
        Engine="aurora-postgresql",
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)


rds.create_db_cluster(
    DBClusterIdentifier="rail",
    Engine="aurora-postgresql",
    DatabaseName="rail",
    MasterUsername="announcer",
    MasterUserPassword="mind-the-gap-7",
)
add("rail-1", "db.t4g.large")
cluster = rds.describe_db_clusters(DBClusterIdentifier="rail")["DBClusters"][0]
READER = cluster["ReaderEndpoint"]

# %% [markdown]
# The load: `board(8)` has 8 passengers, each with a connection of its own to the **reader endpoint**; `board(0)` sends all
# home. `seats()` says on which instance they are.

# %%
passengers = []  # pairs of a connection and the instance that it leads to


def board(count):
    while len(passengers) > count:
        passengers.pop()[0].close()
    while len(passengers) < count:
        session = psycopg.connect(host=READER, autocommit=True)
        where = session.execute("select aurora_db_instance_identifier()").fetchone()[0]
        passengers.append((session, where))
        time.sleep(lab.dns_ttl())  # the next one asks DNS anew


def seats():
    return Counter(where for _, where in passengers)


# %% [markdown]
# And four ways to look: the readers that are available, the activities of auto scaling (newest first), its alarms, and
# `watch(4)`: it waits until there are four readers, draws what happened, and returns the minute of the
# last change.

# %%
METRIC = {"PredefinedMetricType": "RDSReaderAverageDatabaseConnections"}
TARGET = {
    "ServiceNamespace": "rds",
    "ResourceId": "cluster:rail",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}


def readers():
    ours = [{"Name": "db-cluster-id", "Values": ["rail"]}]
    found = rds.describe_db_instances(Filters=ours)["DBInstances"]
    there = [item for item in found if item["DBInstanceStatus"] == "available"]
    by_name = {item["DBInstanceIdentifier"]: item for item in there}
    return {name: by_name[name] for name in sorted(by_name) if name != "rail-1"}


# %%
def activities(**more):
    return scaling.describe_scaling_activities(**TARGET, **more)["ScalingActivities"]


def alarms():
    prefix = "TargetTracking-cluster:rail-Alarm"
    found = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    ours = [item for item in found if item["MetricName"] == "DatabaseConnections"]
    return {"High" if "-AlarmHigh-" in item["AlarmName"] else "Low": item for item in ours}


# %%
def watch(number, minutes=20):
    """Wait for so many readers; draw; return the minute of the last change."""
    begun, seen, calm = time.monotonic(), [], 0
    while calm < 4:
        there, states = readers(), [item["StatusCode"] for item in activities()]
        under_way = "InProgress" in states or "Pending" in states
        reached = len(there) == number and not under_way
        riding = sum(seats()[name] for name in there)
        average = riding / len(there) if there else float("nan")
        ringing = [side for side, item in alarms().items() if item["StateValue"] == "ALARM"]
        minute = (time.monotonic() - begun) / MINUTE
        seen.append((minute, len(there), average, ringing))
        calm = calm + 1 if reached else 0
        if minute > minutes or minute * MINUTE > 25:
            break
        time.sleep(0.3)
    draw(*zip(*seen, strict=True))
    changed = [after[0] for before, after in pairwise(seen) if before[1] != after[1]]
    print(len(there), "readers; changes after", [round(at, 1) for at in changed], "minutes")
    if not calm:
        print(f"Not {number} after {minute:.0f} minutes: not yet, or never.")
    return round(changed[-1], 1) if changed else 0


# %%
ALARMS = {"High": (-1, "tab:red"), "Low": (-2, "tab:purple")}


def draw(minutes, counts, averages, ringing):
    _, axes = plt.subplots(figsize=(9, 3), layout="tight")
    axes.step(minutes, counts, where="post", c="tab:green", lw=2.5, label="readers")
    axes.plot(minutes, averages, "o-", c="tab:blue", ms=3, label="connections a reader")
    axes.axhline(2, c="tab:gray", ls="--", label="target")
    for side, (row, colour) in ALARMS.items():
        found = [at for at, sides in zip(minutes, ringing, strict=True) if side in sides]
        axes.scatter(found, [row] * len(found), c=colour, marker="s", s=16)
    rows = {"low alarm": -2, "high alarm": -1} | {n: n for n in range(0, 9, 2)}
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set(xlabel="minutes", xlim=(0, max(8, *minutes) + 0.2), ylim=(-2.7, 10.5))
    axes.legend(loc="upper right", ncols=3)
    plt.show()


# %% [markdown]
# ## 1 · A policy, and no reader
#
# It takes two calls [6.1]. The first says what is scaled, and in which range: from 0 to 15 [6.2]. The second says by
# which metric and to which target.
#
# **Predict.** The cluster has a writer and no reader. The range is 0 to 6, the target 2 connections a reader. Then
# 8 passengers come. How many readers will there be?
#
# - **a** 4
# - **b** 3: the writer takes two passengers itself
# - **c** none

# %% predict="07.1"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("07.1", choice)

# %% [markdown]
# ### 07.1 Register, and wait
#
# `TARGET`, above, names the readers, and `METRIC` their average of connections [6.3].
#
# 1. `scaling.register_scalable_target(**TARGET, ...)`, with `MinCapacity` 0 and `MaxCapacity` 6.
# 2. `scaling.put_scaling_policy(...)`, with `**TARGET` and
#    - `PolicyName="connections"`, `PolicyType="TargetTrackingScaling"`
#    - a dictionary as `TargetTrackingScalingPolicyConfiguration`: in it `"TargetValue": 2` and
#      `"PredefinedMetricSpecification": METRIC`
# 3. `board(8)`, then `watch(4, minutes=6)`: it gives up after six minutes.
# 4. Put the state of the high alarm into `state`: `alarms()["High"]["StateValue"]`.

# %% exercise="07.1"
state = ...
### BEGIN SOLUTION
scaling.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=6)
scaling.put_scaling_policy(
    **TARGET,
    PolicyName="connections",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 2,
        "PredefinedMetricSpecification": METRIC,
    },
)
board(8)
watch(4, minutes=6)
state = alarms()["High"]["StateValue"]
### END SOLUTION
print(state, seats())

# %% check="07.1"
lab.check("07.1")

# %% [markdown]
# A **dead policy**. Without a reader the reader endpoint leads to the writer [3.11]. The metric is the average over the
# **readers**: of none there is no average, the alarm has no data, and nothing ever happens, however many come [6.5].
# Nobody is scaled for the writer's load [6.6].
#
# No error, no event. With a minimum of 1 the lab makes a reader at once.

# %% [markdown] tags=["instructor"]
# **07.1, 6 minutes.** Ask how one would notice this on AWS: by an alarm that stays in INSUFFICIENT_DATA. A cluster that
# "has auto scaling" and a minimum of 0 is worth a look.

# %% [markdown]
# ## 2 · The first by hand
#
# Two small readers by hand, then. How many does auto scaling want? As many as bring the average to the target:
#
# > wanted = readers × average ÷ target, rounded up
#
# (We found no formula of AWS's. This one is the lab's.)
#
# **Predict.** `rail-2` and `rail-3` are there, and 8 passengers on them; the target is 2. How many readers does auto
# scaling **make**?
#
# - **a** 4: one for every two passengers
# - **b** 3
# - **c** 2

# %% predict="07.2"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("07.2", choice)

# %% [markdown]
# ### 07.2 Repair it, and count
#
# 1. Add `rail-2` and `rail-3`, both `"db.t4g.medium"`: `add(name, size)`.
# 2. Where are the passengers? `print(seats())`. No DNS moves an open connection [3.19]: send them home, and let 8
#    come again.
# 3. `watch(4)`.
# 4. Put into `made` how many readers auto scaling has made.

# %% exercise="07.2"
made = ...
### BEGIN SOLUTION
add("rail-2", "db.t4g.medium")
add("rail-3", "db.t4g.medium")
board(0)
board(8)
watch(4)
made = len(readers()) - 2
### END SOLUTION
print(made, sorted(readers()))

# %% check="07.2"
lab.check("07.2")

# %% [markdown]
# The average is over **all** readers, hand-made ones included [6.4]: 8 on two readers are 4 each; 2 × 4 ÷ 2 = 4 are
# wanted, and two were there.
#
# On AWS a new reader takes minutes [6.11], and until then the old ones carry the load alone.
#
# ## 3 · What are they like?
#
# **Predict.** The writer is a `db.t4g.large`, your readers are `db.t4g.medium`. What are the new ones?
#
# - **a** `db.t4g.medium`, as the other readers
# - **b** `db.t4g.large`, as the writer
# - **c** the smallest class there is

# %% predict="07.3"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("07.3", choice)

# %% [markdown]
# ### 07.3 Tell them apart
#
# Each item of `readers()` is what `describe_db_instances` says: among it `DBInstanceClass`, `PromotionTier`, `TagList`.
#
# 1. `own`: the names of the readers that auto scaling has made.
# 2. `portrait`: what they are like, as `{"class": ..., "tier": ..., "tag": ...}`. `tag` is the **key** of the tag that
#    auto scaling put on them.

# %%
for name, item in readers().items():
    print(name, item["DBInstanceClass"], item["PromotionTier"], item["TagList"], "\n")

# %% exercise="07.3"
own, portrait = ..., ...
### BEGIN SOLUTION
own = [name for name in readers() if name.startswith("application-autoscaling-")]
one = readers()[own[0]]
portrait = {
    "class": one["DBInstanceClass"],
    "tier": one["PromotionTier"],
    "tag": one["TagList"][0]["Key"],
}
### END SOLUTION
print(own, portrait)

# %% check="07.3"
lab.check("07.3")

# %% [markdown]
# The writer's class, tier 15, the last to be promoted, and a tag that names the cluster [6.7]. So a large writer
# with small readers gets **large** readers, at the writer's price. Of your custom endpoints they join only those with
# an exclusion list [6.12].
#
# ## 4 · Two alarms
#
# Each policy has two CloudWatch alarms, which the service makes: the high one leads to more readers, the low one to
# fewer [6.10].
#
# **Predict.** The target is 2. Passengers leave, and the average stays at 1.9, well below it. What happens?
#
# - **a** a reader is removed after 3 minutes
# - **b** a reader is removed after 15 minutes
# - **c** nothing

# %% predict="07.4"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("07.4", choice)

# %%
for side, alarm in alarms().items():
    print(side, alarm["AlarmName"])
    for key in ("Threshold", "EvaluationPeriods", "Period", "StateValue"):
        print("   ", key, alarm[key])

# %% [markdown]
# ### 07.4 Read them
#
# From the two alarms above:
#
# 1. `high` and `low`: each a pair of the threshold and the **minutes** for which it must be crossed, as `(2, 7)`.
# 2. A colleague tracks CPU, with a target of 70 %. Put the threshold of **that** policy's low alarm into `low_of_70`: the
#    same share of the target as here.

# %% exercise="07.4"
high, low, low_of_70 = ..., ..., ...
### BEGIN SOLUTION
found = alarms()
high = found["High"]["Threshold"], found["High"]["EvaluationPeriods"]
low = found["Low"]["Threshold"], found["Low"]["EvaluationPeriods"]
low_of_70 = 70 * low[0] / high[0]
### END SOLUTION
print(high, low, low_of_70)

# %% check="07.4"
lab.check("07.4")

# %% [markdown]
# Quick to add, slow to remove, between the two nothing happens: so the fleet does not
# flutter. These numbers have been observed by people, the high side for Aurora and the low side on other services.
# AWS does not promise them, and warns not to edit the alarms [6.10].
#
# ## 5 · Who moves to the new readers?
#
# Four readers, an average of 2: auto scaling is content.
#
# **Predict.** Where are the 8 passengers now?
#
# - **a** two on each reader
# - **b** all on `rail-2` and `rail-3`
# - **c** most on the new ones, which had room

# %% predict="07.5"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("07.5", choice)

# %% [markdown]
# ### 07.5 Bring them there
#
# 1. Look: `seats()`.
# 2. No setting of Aurora moves a connection. The client has to renew it. Write `renew()`: close the **oldest** connection,
#    `passengers.pop(0)[0].close()`, and let one come again.
# 3. Renew, one at a time, until each of the four readers has a passenger. There must be 8 again at the end.

# %% exercise="07.5"
print("before", seats())


def renew(): ...


### BEGIN SOLUTION
def renew():
    passengers.pop(0)[0].close()
    board(8)


while len(seats()) < 4:
    renew()
### END SOLUTION
print("after ", seats())

# %% check="07.5"
lab.check("07.5")

# %% [markdown]
# Old connections stay where they are [6.11]. The average was 2 with eight passengers on two readers and none on the
# others: the **average** cannot see it. Whoever keeps connections in a pool for ever pays for new readers that nobody
# uses.
#
# So let the pool end a connection after a while: most have a setting for it (`max_lifetime` in psycopg's). The reader
# endpoint then spreads the new ones over all readers [3.10].

# %% [markdown] tags=["instructor"]
# **07.5, 7 minutes.** The most expensive surprise of this lesson. Ask for the pool of their own application, and how
# long a connection lives in it.

# %% [markdown]
# ## 6 · Cooldown
#
# After a scale-out a policy waits, 300 s unless you say otherwise [6.9]: the new readers should take effect first. A
# tool for the next step: `policy(...)` puts your policy again, with what you add.


# %%
def policy(**more):
    kind = {"PolicyName": "connections", "PolicyType": "TargetTrackingScaling"}
    tracking = {"TargetValue": 2, "PredefinedMetricSpecification": METRIC} | more
    kind["TargetTrackingScalingPolicyConfiguration"] = tracking
    scaling.put_scaling_policy(**TARGET, **kind)


# %% [markdown]
# Two more passengers come, and a fifth reader is made.

# %%
board(10)
watch(5)

# %% [markdown]
# **Predict.** Now you set this cooldown to **ten hours**, and two more come. When is there a sixth reader?
#
# - **a** ten hours later
# - **b** a few minutes later
# - **c** never: the maximum counts for one cooldown

# %% predict="07.6"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("07.6", choice)

# %% [markdown]
# ### 07.6 A larger need
#
# 1. `policy(ScaleOutCooldown=36000)`. The unit is seconds; it counts from the end of the last scale-out.
# 2. Twelve passengers, and `minutes = watch(6)`.
#
# After a long break, begin part 6 again, with `board(8)` and `watch(4)` first.

# %% exercise="07.6"
minutes = ...
### BEGIN SOLUTION
policy(ScaleOutCooldown=36000)
board(12)
minutes = watch(6)
### END SOLUTION
print(minutes, "minutes")

# %% check="07.6"
lab.check("07.6")

# %% [markdown]
# During the cooldown a **larger** need still goes through: more than the last scale-out was for [6.9]. What waits is the
# same need once more. So with a load that grows the fleet grows too, however long the cooldown.
#
# ## 7 · Night
#
# Everybody goes home. A colleague has "made it safe" today: the minimum is 4. The low alarm takes 15 minutes [6.10], so
# after 12 nothing has happened yet. The cell after it watches on.

# %%
policy()
scaling.register_scalable_target(**TARGET, MinCapacity=4, MaxCapacity=6)
board(0)
watch(4, minutes=12)

# %%
watch(4)

# %%
for _ in range(60):  # until it has looked once more
    if activities(IncludeNotScaledActivities=True)[0] != activities()[0]:
        break
    time.sleep(0.3)

# %% [markdown]
# Fifteen minutes, then two readers went at once. The low alarm still rings, and nothing happens any more.
#
# **Predict.** You set the minimum to 0. Nobody is connected. How many readers stay?
#
# - **a** none
# - **b** 1: the last one never goes
# - **c** 2

# %% predict="07.7"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION
lab.predict("07.7", choice)

# %% [markdown]
# ### 07.7 Ask why, then let go
#
# 1. `activities()` shows what was done. With `IncludeNotScaledActivities=True` it also shows what was **not** done, each
#    with `NotScaledReasons`, a list. Put the `Code` of the newest one into `reason`.
# 2. Set the minimum to 0, and leave the maximum.
# 3. `watch` with the number that you expect. Nothing is removed any more? Put the names of the readers that stay into
#    `left`.

# %% exercise="07.7"
reason, left = ..., ...
### BEGIN SOLUTION
newest = activities(IncludeNotScaledActivities=True)[0]
reason = newest["NotScaledReasons"][0]["Code"]
scaling.register_scalable_target(**TARGET, MinCapacity=0)
watch(2)
left = sorted(readers())
### END SOLUTION
print(reason, left)

# %% check="07.7"
lab.check("07.7")

# %% [markdown]
# It removes **only readers that it made** [6.8]. What you add by hand, also "just for today", stays until you remove it,
# and is paid for.
#
# | it removes nothing, because | look at |
# |---|---|
# | the minimum is reached | `NotScaledReasons` |
# | the low alarm does not ring yet: here 15 minutes [6.10] | `describe_alarms` |
# | a cooldown, 300 s after the last removal [6.9] | the end of the last activity |
# | `DisableScaleIn`, or it is suspended [6.9] | the policy, the target |
# | the cluster is not `available` [6.6] | `describe_db_clusters` |

# %% [markdown]
# ## 8 · A second policy
#
# A colleague wants the readers' CPU to be tracked too:
#
# - from 0 to 3 readers
# - 60 % of CPU, on average over the readers
# - it adds and removes by itself
#
# The script of 07.8 has **five** mistakes.
#
# **Predict.** How many of them does the API refuse?
#
# - **a** all five
# - **b** two
# - **c** none

# %% predict="07.8"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION
lab.predict("07.8", choice)

# %% [markdown]
# ### 07.8 Find the mistakes
#
# Run it; read the error; mend it; run it again. When it runs through, the others are left: read each line, and
# compare it with what is wanted.

# %%
CPU = {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}


def apply(range_of_readers, tracking):
    try:
        scaling.register_scalable_target(**range_of_readers)
        scaling.put_scaling_policy(
            **TARGET,
            **{"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"},
            TargetTrackingScalingPolicyConfiguration=tracking,
        )
        print("Both calls were accepted.")
    except scaling.exceptions.ClientError as error:
        print(error)


# %% exercise="07.8"
range_of_readers = {
    "ServiceNamespace": "rds",
    "ResourceId": "rail",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
    "MinCapacity": 4,
    "MaxCapacity": 3,
    "SuspendedState": {"DynamicScalingOutSuspended": True},
}
tracking = {
    "TargetValue": 0.6,
    "PredefinedMetricSpecification": CPU,
    "DisableScaleIn": True,
}
### BEGIN SOLUTION
range_of_readers["ResourceId"] = "cluster:rail"
range_of_readers["MinCapacity"] = 0
range_of_readers["SuspendedState"] = {"DynamicScalingOutSuspended": False}
tracking["TargetValue"] = 60
tracking["DisableScaleIn"] = False
### END SOLUTION
apply(range_of_readers, tracking)

# %% check="07.8"
lab.check("07.8")

# %% [markdown]
# The API refuses what cannot be. A target of 0.6 **percent** can be: it asks for the maximum for ever. So can a target
# that is suspended, and a policy that never removes.
#
# In the lab, with two policies, one that asks for more readers is enough; to remove some, both must agree.
#
# ## What to take home
#
# | habit | so |
# |---|---|
# | no reader, no metric | keep one reader of your own |
# | the average of all readers | hand-made ones count, a hot one is not seen |
# | new ones are like the writer, tier 15 | look at the price |
# | connections stay | let the pool renew them |
# | it removes only its own | remove yours yourself |
#
# ## Clean up

# %%
board(0)
scaling.deregister_scalable_target(**TARGET)
ours = [{"Name": "db-cluster-id", "Values": ["rail"]}]
while there := rds.describe_db_instances(Filters=ours)["DBInstances"]:
    for item in there:  # also a reader that is still being made; the writer last
        name, last = item["DBInstanceIdentifier"], len(there) == 1
        if item["DBInstanceStatus"] == "available" and (name != "rail-1" or last):
            rds.delete_db_instance(DBInstanceIdentifier=name)
    time.sleep(0.2)
rds.delete_db_cluster(DBClusterIdentifier="rail", SkipFinalSnapshot=True)
rds.get_waiter("db_cluster_deleted").wait(DBClusterIdentifier="rail")
lab.clock(10)

# %%
lab.progress()

# %% [markdown]
# ## What was real
#
# | real here | simulated here | only on AWS |
# |---|---|---|
# | connections, which the readers' servers count | a minute passes in a second | minutes until a new reader is there [6.11] |
# | no reader, no metric, no readers | the alarms: the lab judges them | the alarms' numbers are not promised [6.10] |
# | readers that are made and removed, their class, tier and tag | how many: a formula of the lab's | we found no formula |
# | old connections stay, new ones find new readers | an instance class: all are as fast as the machine | a larger reader carries more |
# | the API, its errors, its reasons for doing nothing | words of an activity: after other services' | Aurora's own words |

# %% [markdown]
# ## One more question
#
# At the rush your cluster had a writer and six readers: two of tier 1, four of tier 15. Then the writer dies. Who takes
# over, what do the passengers see, and which of their bookings are lost? In lesson 08 you kill writers, and look.
