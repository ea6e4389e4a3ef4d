"""A picture of one cluster: its endpoints, its instances in their AZs, and the volume below them.

`svg` draws what the region's status says (`GET /_lab/status`); `text` says the same in lines. Both are pure.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Status = Mapping[str, Any]

WIDTH = 720
ZONE_TOP, ZONE_HEIGHT = 128, 100
BOX_HEIGHT = 52
WRITER, READER, CUSTOM, GREY = "#c4632b", "#3867b8", "#6b4fa0", "#6b7280"
FONT = "font-family='system-ui, sans-serif'"


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """A drawn cluster. Jupyter shows the picture, a terminal the lines."""

    svg: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        # An image in HTML and not bare SVG, which Jupyter shows only to whoever ran the cell.
        data = base64.b64encode(self.svg.encode()).decode()
        html = f'<img alt="cluster map" width="{WIDTH}" src="data:image/svg+xml;base64,{data}">'
        return {"text/plain": self.text, "text/html": html}


def draw(clusters: Sequence[Status], zones: Sequence[str]) -> ClusterMap:
    """The map of these clusters, one below the other, with a column for each of the region's zones."""
    if not clusters:
        return ClusterMap(_empty(), "There is no cluster in the region.")
    heights = [_height(cluster, zones) for cluster in clusters]
    parts, top = [], 0
    for cluster, height in zip(clusters, heights, strict=True):
        parts.append(f"<g transform='translate(0 {top})'>{_cluster(cluster, zones)}</g>")
        top += height
    return ClusterMap(_document("".join(parts), top), "\n\n".join(_lines(item) for item in clusters))


def _document(body: str, height: int) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' "
        f"height='{height}' role='img'><title>Cluster map</title>"
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#ffffff'/>{body}</svg>"
    )


def _empty() -> str:
    words = _words(WIDTH / 2, 48, "The region is up. There is no cluster in it.", 15, GREY)
    return _document(words, 84)


def _height(cluster: Status, zones: Sequence[str]) -> int:
    return _zone_bottom(cluster, zones) + 76


def _zone_bottom(cluster: Status, zones: Sequence[str]) -> int:
    most = max((len(_in_zone(cluster, zone)) for zone in zones), default=0)
    return ZONE_TOP + max(ZONE_HEIGHT, 36 + most * (BOX_HEIGHT + 10))


def _in_zone(cluster: Status, zone: str) -> list[Status]:
    return [item for item in cluster["instances"] if item["az"] == zone]


def _cluster(cluster: Status, zones: Sequence[str]) -> str:
    bottom = _zone_bottom(cluster, zones)
    column = (WIDTH - 40) / len(zones)
    places: dict[str, tuple[float, float]] = {}
    boxes = ""
    for number, zone in enumerate(zones):
        left = 20 + number * column
        boxes += (
            f"<rect x='{left + 4}' y='{ZONE_TOP}' width='{column - 8}' height='{bottom - ZONE_TOP}' rx='6' "
            "fill='none' stroke='#9ca3af' stroke-dasharray='4 4'/>"
            + _words(left + column / 2, bottom - 8, zone, 12, GREY)
        )
        for level, item in enumerate(_in_zone(cluster, zone)):
            top = ZONE_TOP + 12 + level * (BOX_HEIGHT + 10)
            places[item["id"]] = (left + column / 2, top)
            boxes += _instance(item, left + 14, top, column - 28)
    return (
        _words(WIDTH / 2, 24, f"cluster {cluster['id']}: {cluster['status']}", 15, "#111827", bold=True)
        + _names(cluster, places)
        + boxes
        + _volume(cluster, bottom + 14)
    )


def _instance(item: Status, left: float, top: float, width: float) -> str:
    colour = WRITER if item["role"] == "writer" else READER
    well = item["status"] == "available"
    tier = f", tier {item['tier']}" if item.get("tier") is not None else ""
    dashes = " stroke-dasharray='6 4'"
    detail = f"{item['role']}{tier}" if well else f"{item['role']}, {item['status']}"
    middle = left + width / 2
    # One that is not available is an outline: it is not (yet, or any more) to be counted on.
    fill, words = (colour, "#ffffff") if well else ("#ffffff", colour)
    return (
        f"<rect x='{left}' y='{top}' width='{width}' height='{BOX_HEIGHT}' rx='6' fill='{fill}' "
        f"stroke='{colour}' stroke-width='2'{'' if well else dashes}/>"
        + _words(middle, top + 22, item["id"], 14, words, bold=True)
        + _words(middle, top + 40, detail, 12, words)
    )


def _names(cluster: Status, places: Mapping[str, tuple[float, float]]) -> str:
    """The endpoints in a row, each with lines to the instances that it may lead to."""
    rows = [
        (
            "writer endpoint",
            WRITER,
            [item["id"] for item in cluster["instances"] if item["role"] == "writer"],
        ),
        ("reader endpoint", READER, _behind_reader(cluster)),
        *(
            (f"custom: {_label(item)}", CUSTOM, _behind_custom(cluster, item))
            for item in cluster.get("custom", [])
        ),
    ]
    step = WIDTH / len(rows)
    drawn = ""
    for number, (label, colour, members) in enumerate(rows):
        middle = step * (number + 0.5)
        width = min(step - 16, 200)
        for member in members:
            if member in places:
                x, y = places[member]
                drawn += (
                    f"<path d='M {middle} 76 C {middle} 104, {x} 100, {x} {y}' fill='none' "
                    f"stroke='{colour}' stroke-width='2' stroke-opacity='0.75'/>"
                )
        drawn += (
            f"<rect x='{middle - width / 2}' y='44' width='{width}' height='32' rx='16' fill='#ffffff' "
            f"stroke='{colour}' stroke-width='2'/>" + _words(middle, 65, _fitting(label, width), 13, colour)
        )
    return drawn


def _behind_reader(cluster: Status) -> list[str]:
    """The readers that answer; without one, the writer (FACTS 3.11)."""
    readers = [
        item["id"]
        for item in cluster["instances"]
        if item["role"] == "reader" and item["status"] == "available"
    ]
    return readers or [item["id"] for item in cluster["instances"] if item["role"] == "writer"]


def _behind_custom(cluster: Status, endpoint: Status) -> list[str]:
    """The members of the endpoint's list (or all but its exclusions) that have its type (FACTS 3.15)."""
    roles = {"READER": ["reader"], "WRITER": ["writer"]}.get(endpoint["type"], ["reader", "writer"])
    return [
        item["id"]
        for item in cluster["instances"]
        if item["role"] in roles
        and item["status"] == "available"
        and (
            item["id"] in endpoint["static"] if endpoint["static"] else item["id"] not in endpoint["excluded"]
        )
    ]


def _label(endpoint: Status) -> str:
    return str(endpoint["endpoint"]).partition(".")[0]


def _volume(cluster: Status, top: float) -> str:
    gone = cluster["status"] in ("creating", "deleting")
    return (
        f"<rect x='24' y='{top}' width='{WIDTH - 48}' height='40' rx='20' fill='#e5e7eb' stroke='{GREY}' "
        f"fill-opacity='{0.4 if gone else 1}'/>"
        + _words(WIDTH / 2, top + 25, "cluster volume, spread over the three AZs", 13, "#374151")
    )


def _fitting(label: str, width: float) -> str:
    """The label, or as much of its end as fits: names that belong together begin alike."""
    room = int((width - 16) / 7.2)
    return label if len(label) <= room else f"…{label[len(label) - room + 1 :]}"


def _words(x: float, y: float, text: str, size: int, colour: str, *, bold: bool = False) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x}' y='{y}' {FONT} font-size='{size}'{weight} fill='{colour}' "
        f"text-anchor='middle'>{escape(text)}</text>"
    )


def _lines(cluster: Status) -> str:
    lines = [f"cluster {cluster['id']}: {cluster['status']}"]
    for item in cluster["instances"]:
        lines.append(f"  {item['id']:<20} {item['role']:<7} {item['az']:<12} {item['status']}")
    if not cluster["instances"]:
        lines.append("  no instance")
    reader = ", ".join(_behind_reader(cluster)) or "nothing"
    lines.append(f"  the reader endpoint leads to {reader}")
    for item in cluster.get("custom", []):
        behind = ", ".join(_behind_custom(cluster, item)) or "nothing"
        lines.append(f"  the custom endpoint {_label(item)} leads to {behind}")
    return "\n".join(lines)
