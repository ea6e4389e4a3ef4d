"""What the live map says, in words: for the picture's labels, for terminals and for screen readers. Pure.

`Status` is a part of what the region answers to `GET /_lab/live`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aurora_lab.models.quorum import AURORA

Status = Mapping[str, Any]
WRITER, READER, CUSTOM = "writer", "reader", "custom"
SYNC = "in-sync"
PASSING = frozenset({"idle", "starting", "catching-up"})
"""States of a storage node that is not in sync and has no fault."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """An endpoint, and the instances that it may lead to now."""

    kind: str
    """`writer`, `reader` or `custom`."""
    label: str
    to: tuple[str, ...]

    @property
    def target(self) -> str:
        """Where it leads, in words."""
        return ", ".join(self.to) or "nothing"


def pointers(cluster: Status) -> list[Pointer]:
    """A cluster's endpoints; those of its instances are not among them, because they never move."""
    leads = cluster.get("leads_to") or {}
    return [
        Pointer(WRITER, "writer endpoint", tuple(leads.get(WRITER) or ())),
        Pointer(READER, "reader endpoint", tuple(leads.get(READER) or ())),
        *(
            Pointer(CUSTOM, f"custom: {first_label(item['endpoint'])}", tuple(item.get("leads_to") or ()))
            for item in cluster.get("custom") or ()
        ),
    ]


def first_label(host: object) -> str:
    """A host name up to its first dot."""
    return str(host).partition(".")[0]


def position(lsn: object) -> str:
    """A position in the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}" if isinstance(lsn, int) else "-"


def state(item: Status) -> str:
    """An instance's status; its server's, where the status says nothing of that."""
    server = item.get("server", "running")
    pause = (item.get("serverless") or {}).get("pause")
    if item["status"] == "available" and pause:
        return str(pause)
    if item["status"] == "available" and server != "running":
        return f"server {server}"
    return str(item["status"])


def serves(item: Status) -> bool:
    """Whether an instance is to be counted on now."""
    return state(item) == "available"


def load(item: Status, short: bool = False) -> str:
    """Connections, and the lag where there is one."""
    open_ = int(item.get("connections") or 0)
    said = f"{open_} conn." if short else f"{open_} connection{'' if open_ == 1 else 's'}"
    lag = item.get("lag_ms")
    return said if lag is None or item.get("role") == WRITER else f"{said}, lag {milliseconds(lag)}"


def milliseconds(lag: float) -> str:
    """A duration, no more exactly than it can be read while it changes."""
    if lag >= 10_000:
        return f"{lag / 1000:.0f} s"
    if lag >= 1000:
        return f"{lag / 1000:.1f} s"
    return f"{lag:.0f} ms"


def hardware(item: Status) -> str:
    """Tier and class of a cluster's instance, and what a serverless one has of ACUs."""
    parts = [] if item.get("tier") is None else [f"tier {item['tier']}"]
    acus = (item.get("serverless") or {}).get("acus")
    if acus is not None:
        parts.append(f"serverless {acus:g} ACU{'' if acus == 1 else 's'}")
    elif item.get("class"):
        parts.append(str(item["class"]))
    return ", ".join(parts)


def healthy(volume: Status) -> str:
    """How many storage nodes are in sync, and what that means for commits."""
    nodes = volume["nodes"]
    if nodes and all(node["state"] == "idle" for node in nodes):
        return "no writer runs, the storage nodes keep the log"
    good = sum(node["state"] == SYNC for node in nodes)
    meaning = "commits go on" if volume["write_quorum"] else "commits wait"
    return f"{good} of {len(nodes)} storage nodes in sync, {meaning}"


def quorums(volume: Status) -> str:
    """Both quorums, yes or no."""
    write, read = (
        f"{name} quorum ({needed} of {AURORA.copies}): {'yes' if volume[f'{name}_quorum'] else 'NO'}"
        for name, needed in (("write", AURORA.write), ("read", AURORA.read))
    )
    return f"{write}; {read}"


def reached(volume: Status) -> str:
    """How far the volume is complete and durable (FACTS 2.24, 2.28)."""
    return f"VCL {position(volume['vcl'])}, VDL {position(volume['vdl'])}"


def database_role(item: Status) -> str:
    """What an RDS DB instance is."""
    return f"replica of {item['source']}" if item.get("source") else "primary"


def event_line(event: Status) -> str:
    """An event with its local time."""
    return f"{clock(event['at'])} {event['SourceIdentifier']}: {event['Message']}"


def connection_line(seen: Status) -> str:
    """A connection, the name that it asked for and where it was led."""
    kind = "reader endpoint of " if ".cluster-ro-" in seen["host"] else ""
    kind = kind or ("custom endpoint " if ".cluster-custom-" in seen["host"] else "")
    kind = kind or ("writer endpoint of " if ".cluster-" in seen["host"] else "instance endpoint ")
    return f"{clock(seen['at'])} through the {kind}{first_label(seen['host'])} to {seen['instance']}"


def clock(at: str) -> str:
    """The time of day here, of a time as the API writes it."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")


def nothing(cluster: str | None) -> str:
    """What is said where there is nothing to show."""
    return (
        f"There is no cluster {cluster} in the region." if cluster else "There is no cluster in the region."
    )


def text(seen: Status, clusters: Sequence[Status], databases: Sequence[Status], nothing: str) -> str:
    """All of a map, in lines."""
    parts = [_cluster(item) for item in clusters]
    if databases:
        parts.append(_databases(databases))
    if not parts:
        parts.append([nothing])
    for title, lines in lately(seen):
        parts.append([title, *(f"  {line}" for line in lines)])
    return "\n\n".join("\n".join(part) for part in parts)


def lately(seen: Status, most: int = 5) -> list[tuple[str, list[str]]]:
    """The last events and connections, each with its heading; what there is none of is left out."""
    found = [
        ("Events", [event_line(item) for item in (seen.get("events") or [])[-most:]]),
        ("Newest connections", [connection_line(item) for item in (seen.get("connections") or [])[-most:]]),
    ]
    return [(title, lines) for title, lines in found if lines]


def _cluster(cluster: Status) -> list[str]:
    lines = [f"cluster {cluster['id']}: {cluster['status']}"]
    for item in cluster["instances"]:
        lines.append(
            f"  {item['id']:<20} {item['role']:<7} {item['az']:<12} {state(item)}, {hardware(item)}, {load(item)}"
        )
    if not cluster["instances"]:
        lines.append("  no instance")
    for pointer in pointers(cluster):
        name = pointer.label.replace("custom: ", "custom endpoint ")
        lines.append(f"  the {name} leads to {pointer.target}")
    if cluster["instances"]:
        lines.append("  the endpoint of an instance always leads to that instance")
    if volume := cluster.get("volume"):
        lines += [f"  cluster volume: {healthy(volume)}", f"    {quorums(volume)}; {reached(volume)}"]
        for zone, nodes in by_zone(volume["nodes"]).items():
            said = "; ".join(f"{node['id']} {node['state']}, SCL {position(node['scl'])}" for node in nodes)
            lines.append(f"    {zone}: {said}")
    return lines


def by_zone(items: Iterable[Status]) -> dict[str, list[Status]]:
    """Instances or storage nodes by their AZ, sorted by it."""
    found: dict[str, list[Status]] = {}
    for item in items:
        found.setdefault(str(item["az"]), []).append(item)
    return dict(sorted(found.items()))


def _databases(databases: Sequence[Status]) -> list[str]:
    lines = ["RDS DB instances, each with storage of its own"]
    for item in databases:
        role = database_role(item)
        lines.append(f"  {item['id']:<20} {role:<7} {item['az']:<12} {state(item)}, {load(item)}")
        lines.append(f"    its endpoint leads to {', '.join(item.get('leads_to') or ()) or 'nothing'}")
        if standby := item.get("standby"):
            lines.append(f"    standby in {standby['az']}: {standby_state(standby)}, serves nobody")
    return lines


def standby_state(standby: Status) -> str:
    """How a Multi-AZ instance's standby is doing."""
    if standby.get("server", "running") != "running":
        return f"server {standby['server']}"
    return "synchronous" if standby["synchronous"] else "being made"
