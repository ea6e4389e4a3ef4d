"""What is worth a word between two looks at the region: for whoever does not see the picture change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aurora_lab.view.words import PASSING, SYNC, Status, pointers, state

MOST = 4
"""Sentences at once: more are not listened to."""


Shown = tuple[Sequence[Status], Sequence[Status]]
"""Clusters and databases."""


def changes(before: Shown, after: Shown) -> list[str]:
    """Clauses on what has changed between two looks, the weightiest first."""
    former = {item["id"]: item for item in before[0]}
    found: list[str] = []
    for cluster in after[0]:
        old = former.pop(cluster["id"], None)
        if old is None:
            found.append(f"cluster {cluster['id']} is there")
        else:
            found += _cluster(old, cluster)
    found += [f"cluster {name} is gone" for name in former]
    found += _databases(before[1], after[1])
    left = len(found) - MOST
    return found if left <= 0 else [*found[:MOST], f"and {left} more"]


def _writer(cluster: Status) -> str | None:
    return next((item["id"] for item in cluster["instances"] if item["role"] == "writer"), None)


def _cluster(old: Status, new: Status) -> list[str]:
    found = []
    if _writer(new) != _writer(old):
        found.append(f"{_writer(new) or 'nobody'} is the writer now")
    found += _volume(old.get("volume"), new.get("volume"))
    if old["status"] != new["status"]:
        found.append(f"cluster {new['id']} is {new['status']}")
    found += _instances(old, new)
    led = {pointer.label: set(pointer.to) for pointer in pointers(old)}
    for pointer in pointers(new):
        if pointer.label in led and led[pointer.label] != set(pointer.to):
            found.append(f"the {pointer.label} leads to {pointer.target}")
    return found


def _instances(old: Status, new: Status) -> Iterator[str]:
    former = {item["id"]: item for item in old["instances"]}
    for item in new["instances"]:
        known = former.pop(item["id"], None)
        if known is None or state(known) != state(item):
            yield f"{item['id']} is {state(item)}" + ("" if known else f", a new {item['role']}")
    for name in former:
        yield f"{name} is gone"


def _databases(old: Sequence[Status], new: Sequence[Status]) -> Iterator[str]:
    former = {item["id"]: item for item in old}
    for item in new:
        known = former.pop(item["id"], None)
        if known is None or state(known) != state(item):
            yield f"DB instance {item['id']} is {state(item)}"
        if known is not None and known["az"] != item["az"]:
            yield f"DB instance {item['id']} is in {item['az']} now"
    for name in former:
        yield f"DB instance {name} is gone"


def _volume(old: Status | None, new: Status | None) -> Iterator[str]:
    if not old or not new:
        return
    if old["write_quorum"] != new["write_quorum"]:
        yield (
            "commits go on: the write quorum is back"
            if new["write_quorum"]
            else ("commits wait: there is no write quorum")
        )
    if old["read_quorum"] != new["read_quorum"]:
        yield f"there is {'a' if new['read_quorum'] else 'no'} read quorum"
    # What comes and goes by itself at each start and failover is not worth a word: faults are.
    quiet = {SYNC, *PASSING}
    states = {node["id"]: node["state"] for node in old["nodes"]}
    for node in new["nodes"]:
        known = states.get(node["id"], node["state"])
        if known != node["state"] and not {known, node["state"]} <= quiet:
            yield f"storage node {node['id']} is {node['state']}"
