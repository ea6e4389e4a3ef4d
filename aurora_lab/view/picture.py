"""The live map as SVG. Pure: from what the region says to one text.

A role is never told by colour alone: a writer has a diamond, a thick line and the word, a reader a circle, an RDS
standby a square; the lines of the writer endpoint are solid, of the reader endpoint dashed, of custom ones dotted.
Colours of words and of the ground are the notebook's own (JupyterLab's and VS Code's variables); those of lines are
of a middle lightness that stands out from light and from dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from aurora_lab.view import words
from aurora_lab.view.words import CUSTOM, READER, WRITER, Pointer, Status

WIDTH = 820
MARGIN, GAP = 12, 8
PILL_TOP, PILL_HEIGHT = 38, 42
LANE = 9
BOX_HEIGHT, BOX_GAP = 82, 8
NODE_HEIGHT = 42
COLOURS = {WRITER: "#d4682a", READER: "#4a84d8", CUSTOM: "#9a72d8"}
DASHES = {WRITER: "", READER: " stroke-dasharray='7 4'", CUSTOM: " stroke-dasharray='2 3'"}
BAD, PLAIN = "#d64560", "#8a919c"
STANDBY = "standby"
"""Of an RDS Multi-AZ DB instance: serves nobody, so it must not look like a reader."""
Place = tuple[float, float, float, float]
"""Left, top, width and height."""
INK, DIM = "var(--al-ink)", "var(--al-dim)"
GROUND, PANEL = "var(--al-ground)", "var(--al-panel)"
THEME = (
    "--al-ink:var(--jp-ui-font-color1,var(--vscode-editor-foreground,#1f2430));"
    "--al-dim:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#5b6370));"
    "--al-ground:var(--jp-layout-color1,var(--vscode-editor-background,#ffffff));"
    "--al-panel:var(--jp-layout-color2,var(--vscode-editorWidget-background,#eef0f3))"
)
"""JupyterLab's and VS Code's colours; elsewhere, and in the picture that stands still, those of a light page."""


def svg(seen: Status, clusters: Sequence[Status], databases: Sequence[Status], nothing: str) -> str:
    """The whole map: clusters one below the other, then the databases, then what happened last."""
    parts, top = [], 0.0
    for drawn, height in _sections(seen, clusters, databases, nothing):
        parts.append(f"<g transform='translate(0 {top:g})'>{drawn}</g>")
        top += height
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {top:g}' width='{WIDTH}' "
        f"height='{top:g}' role='img' style=\"max-width:100%;height:auto;{THEME}\" "
        "font-family='system-ui, sans-serif'><title>Map of the region</title>"
        f"<rect width='{WIDTH}' height='{top:g}' rx='8' fill='{GROUND}'/>{''.join(parts)}</svg>"
    )


def _sections(
    seen: Status, clusters: Sequence[Status], databases: Sequence[Status], nothing: str
) -> Iterable[tuple[str, float]]:
    """What stands below one another, each with its height."""
    zones = [str(seen["region"]) + letter for letter in "abc"]
    if not clusters and not databases:
        yield _text(WIDTH / 2, 44, nothing, 15, DIM, anchor="middle"), 72
    for cluster in clusters:
        yield _cluster(cluster, zones)
    if databases:
        yield _databases(databases, zones)
    for title, lines in words.lately(seen):
        drawn = _text(MARGIN + 6, 16, title, 13, INK, bold=True)
        for number, line in enumerate(lines):
            drawn += _text(MARGIN + 6, 34 + number * 17, line, 12, DIM, room=WIDTH - 2 * MARGIN - 12)
        yield drawn, 34 + len(lines) * 17


# A cluster.


class _Layout:
    """Where things stand in a cluster's part of the picture."""

    def __init__(self, cluster: Status, zones: Sequence[str]) -> None:
        self.pointers = words.pointers(cluster)
        self.zones = {zone: _in_zone(cluster["instances"], zone) for zone in zones}
        self.column = (WIDTH - 2 * MARGIN) / len(zones)
        self.top = PILL_TOP + PILL_HEIGHT + 14 + 7 * len(self.pointers)
        most = max(map(len, self.zones.values()))
        self.bottom = self.top + 30 + max(1, most) * (BOX_HEIGHT + BOX_GAP)
        self.gutter = 14 + LANE * len(self.pointers)
        self.boxes: dict[str, tuple[float, float]] = {}
        for number, items in enumerate(self.zones.values()):
            for level, item in enumerate(items):
                left = self.zone_left(number) + self.gutter
                self.boxes[item["id"]] = (left, self.top + 28 + level * (BOX_HEIGHT + BOX_GAP))

    @property
    def box_width(self) -> float:
        return self.column - GAP - self.gutter - 10

    def zone_left(self, number: int) -> float:
        return MARGIN + number * self.column + GAP / 2

    def lane(self, left: float, number: int) -> float:
        """Where the line of the endpoint of this number goes down, before the box at `left`."""
        return left - self.gutter + 10 + number * LANE


def _in_zone(items: Iterable[Status], zone: str) -> list[Status]:
    return [item for item in items if item["az"] == zone]


def _cluster(cluster: Status, zones: Sequence[str]) -> tuple[str, float]:
    layout = _Layout(cluster, zones)
    drawn = _text(
        WIDTH / 2, 24, f"cluster {cluster['id']}: {cluster['status']}", 15, INK, bold=True, anchor="middle"
    )
    most = max([10, *(int(item.get("connections") or 0) for item in cluster["instances"])])
    for number, (zone, items) in enumerate(layout.zones.items()):
        drawn += _zone(layout.zone_left(number), layout.top, layout.column - GAP, layout.bottom, zone)
        for item in items:
            drawn += _instance(item, *layout.boxes[item["id"]], layout.box_width, most)
    if not cluster["instances"]:
        drawn += _text(WIDTH / 2, layout.top + 70, "no instance", 13, DIM, anchor="middle")
    # Above all else: where a name leads is what the picture is for.
    for number, pointer in enumerate(layout.pointers):
        drawn += _pointer(layout, number, pointer)
    volume, height = _volume(cluster, layout)
    return drawn + volume, layout.bottom + 8 + height + 14


def _zone(left: float, top: float, width: float, bottom: float, zone: str) -> str:
    return (
        f"<rect x='{left:g}' y='{top:g}' width='{width:g}' height='{bottom - top:g}' rx='6' fill='none' "
        f"stroke='{PLAIN}' stroke-dasharray='1 3'/>"
        + _text(left + width - 8, top + 17, zone, 12, DIM, anchor="end")
    )


def _pointer(layout: _Layout, number: int, pointer: Pointer) -> str:
    """An endpoint with its arrows: down the endpoint's own lane of each AZ, and into each instance there."""
    step = (WIDTH - 2 * MARGIN) / len(layout.pointers)
    middle, width = MARGIN + step * (number + 0.5), min(step - 8, 270)
    colour, dashes = COLOURS[pointer.kind], DASHES[pointer.kind]
    line = f"fill='none' stroke='{colour}' stroke-width='2'{dashes}"
    bus = PILL_TOP + PILL_HEIGHT + 10 + number * 7
    drawn = ""
    trunks: dict[float, float] = {}
    for member in pointer.to:
        if member in layout.boxes:
            left, top = layout.boxes[member]
            lane, into = layout.lane(left, number), top + 12 + number * LANE
            trunks[lane] = max(trunks.get(lane, 0.0), into)
            drawn += (
                f"<path class='al-{pointer.kind} al-arrow' data-to='{escape(member)}' "
                f"d='M {lane:g} {into:g} H {left - 6:g}' {line}/>"
                f"<path d='M {left - 7:g} {into - 4:g} l 7 4 l -7 4 z' fill='{colour}'/>"
            )
    for lane, deepest in trunks.items():
        drawn += (
            f"<path d='M {middle:g} {PILL_TOP + PILL_HEIGHT} V {bus:g} H {lane:g} V {deepest:g}' {line}/>"
        )
    left = middle - width / 2
    label, target = pointer.label, pointer.target
    if len(label) > _letters(width - 12, 13, bold=True):
        label = label.removesuffix(" endpoint").removeprefix("custom: ")
    if len(pointer.to) > 1 and len(target) + 2 > _letters(width - 12, 12):
        target = f"{len(pointer.to)} instances"
    return (
        drawn + f"<g><title>{escape(pointer.label)} leads to {escape(pointer.target)}</title>"
        f"<rect x='{left:g}' y='{PILL_TOP}' width='{width:g}' height='{PILL_HEIGHT}' rx='12' fill='{GROUND}' "
        f"stroke='{colour}' stroke-width='2'{dashes}/>"
        + _text(middle, PILL_TOP + 17, label, 13, INK, bold=True, room=width - 12, anchor="middle")
        + _text(middle, PILL_TOP + 34, f"→ {target}", 12, INK, room=width - 12, anchor="middle")
        + "</g>"
    )


def _instance(item: Status, left: float, top: float, width: float, most: int) -> str:
    role = item["role"]
    lines = [f"{role}, {words.state(item)}", words.hardware(item), words.load(item)]
    if len(lines[2]) > _letters(width - 20, 12):
        lines[2] = words.load(item, short=True)
    share = min(1.0, int(item.get("connections") or 0) / most)
    bar = (
        f"<rect x='{left + 14:g}' y='{top + BOX_HEIGHT - 8:g}' width='{(width - 28) * share:g}' height='3' "
        f"fill='{COLOURS[role]}'/>"
    )
    box = _box((left, top, width, BOX_HEIGHT), str(item["id"]), lines, role, well=words.serves(item))
    return box + (bar if share else "")


def _box(place: Place, name: str, lines: Sequence[str], role: str, *, well: bool) -> str:
    """An instance: its sign and name, and lines below. One that is not to be counted on has a broken outline."""
    left, top, width, height = place
    colour, thick = COLOURS.get(role, PLAIN), 3 if role == WRITER else 1.5
    dashes = "" if well else " stroke-dasharray='6 4'"
    x, y = left + 17, top + 17
    hollow = f"fill='none' stroke='{colour}' stroke-width='2.5'"
    sign = {
        WRITER: f"<path d='M {x:g} {y - 7:g} l 7 7 l -7 7 l -7 -7 z' fill='{colour}'/>",
        READER: f"<circle cx='{x:g}' cy='{y:g}' r='5.5' {hollow}/>",
        STANDBY: f"<rect x='{x - 5:g}' y='{y - 5:g}' width='10' height='10' {hollow}/>",
    }[role]
    drawn = (
        f"<g class='al-box al-{role}' data-id='{escape(name)}'><title>{escape(', '.join([name, *lines]))}</title>"
        f"<rect x='{left:g}' y='{top:g}' width='{width:g}' height='{height:g}' rx='6' "
        f"fill='{PANEL if well else GROUND}' stroke='{colour}' stroke-width='{thick:g}'{dashes}/>{sign}"
        + _text(left + 30, top + 22, name, 14, INK, bold=True, room=width - 36)
    )
    for number, line in enumerate(lines):
        drawn += _text(left + 14, top + 38 + number * 15, line, 12, INK, room=width - 20)
    return drawn + "</g>"


def _volume(cluster: Status, layout: _Layout) -> tuple[str, float]:
    top, volume = layout.bottom + 8, cluster.get("volume")
    height = 50 + NODE_HEIGHT + 8 if volume and volume["nodes"] else 36
    frame = (
        f"<rect x='{MARGIN + 4}' y='{top:g}' width='{WIDTH - 2 * MARGIN - 8}' height='{height}' rx='14' "
        f"fill='none' stroke='{PLAIN}' stroke-width='1.5'/>"
    )
    if not volume or not volume["nodes"]:
        return frame + _text(
            WIDTH / 2, top + 23, "cluster volume, spread over the three AZs", 13, INK, anchor="middle"
        ), height
    room = WIDTH - 60
    said = f"cluster volume: {words.healthy(volume)}"
    drawn = (
        frame
        + _text(WIDTH / 2, top + 20, said, 13, INK, bold=True, room=room, anchor="middle")
        + _text(
            WIDTH / 2,
            top + 38,
            f"{words.quorums(volume)}; {words.reached(volume)}",
            12,
            INK,
            room=room,
            anchor="middle",
        )
    )
    for number, zone in enumerate(layout.zones):
        nodes = _in_zone(volume["nodes"], zone)
        width = (layout.column - GAP - 16) / max(1, len(nodes))
        for place, node in enumerate(nodes):
            drawn += _node(node, layout.zone_left(number) + 8 + place * width + 3, top + 50, width - 6)
    return drawn, height


def _node(node: Status, left: float, top: float, width: float) -> str:
    well, state = node["state"] == words.SYNC, str(node["state"])
    sign = "✓" if well else "…" if state in words.PASSING else "✗"
    line = (
        f"stroke='{PLAIN}'"
        if well
        else f"stroke='{PLAIN if state in words.PASSING else BAD}' stroke-width='2' stroke-dasharray='5 3'"
    )
    return (
        f"<g class='al-node' data-id='{escape(node['id'])}'><title>{escape(str(node['id']))} {escape(state)}</title>"
        f"<rect x='{left:g}' y='{top:g}' width='{width:g}' height='{NODE_HEIGHT}' rx='5' "
        f"fill='{PANEL if well else GROUND}' {line}/>"
        + _text(left + 7, top + 17, f"{sign} {node['id']} {state}", 12, INK, room=width - 7)
        + _text(left + 7, top + 34, f"SCL {words.position(node['scl'])}", 12, INK, room=width - 9)
        + "</g>"
    )


# RDS DB instances.


def _databases(databases: Sequence[Status], zones: Sequence[str]) -> tuple[str, float]:
    """Each DB instance and standby in its AZ. Each has one endpoint, which its own box tells of."""
    found: dict[str, list[tuple[str, list[str], str, bool]]] = {zone: [] for zone in zones}
    for item in databases:
        led = ", ".join(item.get("leads_to") or ()) or "nothing"
        lines = [
            f"{words.database_role(item)}, {words.state(item)}",
            f"own {item.get('storage_gib', '?')} GiB, {item.get('class', '')}",
            words.load(item),
            f"endpoint → {led}",
        ]
        role = READER if item.get("source") else WRITER
        found.setdefault(str(item["az"]), []).append((item["id"], lines, role, words.serves(item)))
        if standby := item.get("standby"):
            told = [words.standby_state(standby), "a copy of its storage", "serves nobody", "no endpoint"]
            well = told[0] == "synchronous"
            found.setdefault(str(standby["az"]), []).append((f"standby of {item['id']}", told, STANDBY, well))
    top, height = 34, BOX_HEIGHT + 13
    most = max(map(len, found.values()))
    bottom = top + 30 + most * (height + BOX_GAP)
    column = (WIDTH - 2 * MARGIN) / len(found)
    drawn = _text(WIDTH / 2, 22, "RDS DB instances", 15, INK, bold=True, anchor="middle")
    for number, (zone, boxes) in enumerate(found.items()):
        left = MARGIN + number * column + GAP / 2
        drawn += _zone(left, top, column - GAP, bottom, zone)
        for level, (name, lines, role, well) in enumerate(boxes):
            y = top + 28 + level * (height + BOX_GAP)
            drawn += _box((left + 10, y, column - GAP - 20, height), name, lines, role, well=well)
    return drawn, bottom + 14


def _text(
    x: float,
    y: float,
    said: str,
    size: int,
    colour: str,
    *,
    bold: bool = False,
    room: float = 0,
    anchor: str = "",
) -> str:
    weight = " font-weight='bold'" if bold else ""
    placed = f" text-anchor='{anchor}'" if anchor else ""
    fitting = _fitting(said, _letters(room, size, bold)) if room else said
    return f"<text x='{x:g}' y='{y:g}' font-size='{size}'{weight} fill='{colour}'{placed}>{escape(fitting)}</text>"


def _letters(room: float, size: int, bold: bool = False) -> float:
    """About how many letters fit; fonts differ."""
    return room / (size * (0.63 if bold else 0.55))


def _fitting(said: str, room: float) -> str:
    """The words, or as much of both ends as fits: names that belong together begin alike and end differently."""
    if len(said) <= room:
        return said
    kept = max(2, int(room) - 1)
    ahead = kept // 2
    return f"{said[:ahead]}…{said[len(said) - (kept - ahead) :]}"
