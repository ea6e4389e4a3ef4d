"""The live map for a terminal: the same as the picture, of rich's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aurora_lab.view import words
from aurora_lab.view.cluster_map import chosen
from aurora_lab.view.frames import LIVE, Frame
from aurora_lab.view.words import READER, WRITER, Status

STYLES = {WRITER: "bold dark_orange", READER: "blue"}
SIGNS = {WRITER: "◆", READER: "○"}
NARROW = 96
"""Characters a line below which the AZs stand below one another."""


def terminal_map(frame: Frame, cluster: str | None, width: int, *, keys: str = "") -> RenderableType:
    """All of a frame; `keys` says how to end it."""
    clusters, databases = chosen(frame.seen, cluster)
    zones = [str(frame.seen["region"]) + letter for letter in "abc"]
    parts: list[RenderableType] = []
    if keys:
        parts.append(Text(f"{frame.note} {keys}", "dim" if frame.state == LIVE else "bold"))
        parts += [Text(line, "bold") for line in frame.said]
    if not clusters and not databases:
        parts.append(Text(words.nothing(cluster)))
    for item in clusters:
        parts += _cluster(item, zones, width)
    if databases:
        parts += [Text("RDS DB instances", "bold"), _databases(databases, zones, width)]
    for title, lines in words.lately(frame.seen):
        parts += [
            Text(title, "bold"),
            *(Text(f"  {line}", no_wrap=True, overflow="ellipsis") for line in lines),
        ]
    return Group(*parts)


def _cluster(cluster: Status, zones: Sequence[str], width: int) -> list[RenderableType]:
    title = Text.assemble(("Cluster ", "bold"), (str(cluster["id"]), "bold"), f": {cluster['status']}")
    leads = Table.grid(padding=(0, 1))
    for pointer in words.pointers(cluster):
        leads.add_row(
            Text(f"  {pointer.label}", STYLES.get(pointer.kind, "magenta")),
            Text(f"──▶ {pointer.target}", STYLES.get(pointer.kind, "magenta")),
        )
    boxes = {zone: [_instance(item) for item in cluster["instances"] if item["az"] == zone] for zone in zones}
    parts: list[RenderableType] = [title, leads, _columns(boxes, width, "no instance")]
    if (volume := cluster.get("volume")) and volume["nodes"]:
        parts.append(_volume(volume, zones, width))
    return parts


def _columns(boxes: dict[str, list[Any]], width: int, nothing: str) -> RenderableType:
    """A panel for each AZ, beside or below one another."""
    panels = [
        Panel(
            Group(*items) if items else Text(nothing, "dim"), title=zone, title_align="left", padding=(0, 1)
        )
        for zone, items in boxes.items()
    ]
    if width < NARROW:
        return Group(*panels)
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return grid


def _instance(item: Status) -> Text:
    role = str(item["role"])
    return _box(
        role, str(item["id"]), [f"{role}, {words.state(item)}", words.hardware(item), words.load(item)]
    )


def _box(role: str, name: str, lines: Sequence[str]) -> Text:
    told = "".join(f"\n  {line}" for line in lines)
    return Text.assemble((f"{SIGNS[role]} {name}", STYLES[role]), told)


def _volume(volume: Status, zones: Sequence[str], width: int) -> RenderableType:
    boxes = {
        zone: [
            Text(f"{_sign(node)} {node['id']} {node['state']}, SCL {words.position(node['scl'])}")
            for node in volume["nodes"]
            if node["az"] == zone
        ]
        for zone in zones
    }
    told = Text(
        f"Cluster volume: {words.healthy(volume)}\n  {words.quorums(volume)}\n  {words.reached(volume)}"
    )
    if not (volume["write_quorum"] and volume["read_quorum"]):
        told.stylize("bold red")
    return Group(told, _columns(boxes, width, "no storage node"))


def _sign(node: Status) -> str:
    return "✓" if node["state"] == words.SYNC else "…" if node["state"] in words.PASSING else "✗"


def _databases(databases: Sequence[Status], zones: Sequence[str], width: int) -> RenderableType:
    boxes: dict[str, list[Any]] = {zone: [] for zone in zones}
    for item in databases:
        led = ", ".join(item.get("leads_to") or ()) or "nothing"
        told = [
            f"{words.database_role(item)}, {words.state(item)}",
            f"own storage, {item.get('class', '')}",
            words.load(item),
            f"endpoint ──▶ {led}",
        ]
        boxes.setdefault(str(item["az"]), []).append(
            _box(READER if item.get("source") else WRITER, str(item["id"]), told)
        )
        if standby := item.get("standby"):
            box = _box(READER, f"standby of {item['id']}", [words.standby_state(standby), "serves nobody"])
            boxes.setdefault(str(standby["az"]), []).append(box)
    return _columns(boxes, width, "no DB instance")
