"""The live map, drawn: what the region says is in the picture and in the words."""

from __future__ import annotations

import base64
import copy
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from aurora_lab.view.changes import changes
from aurora_lab.view.cluster_map import draw
from aurora_lab.view.frames import Frames
from aurora_lab.view.terminal_map import terminal_map

ZONES = ["us-west-2a", "us-west-2b", "us-west-2c"]
SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def instance(name: str, role: str, zone: int, **more: Any) -> dict[str, Any]:
    return {
        **{"id": name, "role": role, "az": ZONES[zone], "status": "available", "tier": 1},
        **{"class": "db.r6g.large", "server": "running", "connections": 2, "leads_to": [name]},
        **{"lag_ms": None if role == "writer" else 12.4},
        **more,
    }


def cluster(writer: str = "w", readers: str = "r1 r2", **more: Any) -> dict[str, Any]:
    names = sorted([*readers.split(), *([writer] if writer else [])], key=lambda name: (name != "w", name))
    nodes = [
        {"id": f"{zone[-1]}{number}", "az": zone, "state": "in-sync", "scl": 0x1A0}
        for zone in ZONES
        for number in (1, 2)
    ]
    writers = [writer] if writer else []
    return {
        "id": "c",
        "status": "available",
        "instances": [
            instance(name, "writer" if name == writer else "reader", place % 3)
            for place, name in enumerate(names)
        ],
        "leads_to": {"writer": writers, "reader": readers.split() or writers},
        "custom": [],
        "volume": {
            **{"epoch": 1, "write_quorum": True, "read_quorum": True},
            **{"pgcl": 0x1A0, "vcl": 0x1A0, "vdl": 0x180, "nodes": nodes},
        },
        **more,
    }


def seen(*clusters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the region answers to a look."""
    return {
        "region": "us-west-2",
        **{"clusters": list(clusters), "databases": [], "events": [], "connections": []},
        **more,
    }


def words(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


def arrows(svg: str, kind: str) -> set[str]:
    """The instances that an endpoint's arrows go into."""
    paths = ET.fromstring(svg).iter(f"{SVG}path")
    return {path.get("data-to", "") for path in paths if path.get("class") == f"al-{kind} al-arrow"}


def test_a_serverless_instance_shows_its_capacity_and_its_pause() -> None:
    awake = {"acus": 4.5, "min": 0, "max": 8, "pause": None}
    paused = {"acus": 0.0, "min": 0, "max": 8, "pause": "paused"}
    pair = [
        instance("w", "writer", 0, serverless=awake),
        instance("r", "reader", 1, serverless=paused, server="paused", connections=0),
    ]
    drawn = draw(seen(cluster(instances=pair)))
    for shown in (drawn.text, "\n".join(words(drawn.svg))):
        assert "tier 1, serverless 4.5 ACUs" in shown
        assert "tier 1, serverless 0 ACUs" in shown
    assert "reader, paused" in words(drawn.svg)
    assert "available, tier 1, serverless 4.5 ACUs" in drawn.text
    awake_again = [pair[0], instance("r", "reader", 1, serverless={**paused, "pause": "resuming"})]
    assert changes(([cluster(instances=pair)], []), ([cluster(instances=awake_again)], [])) == [
        "r is resuming"
    ]


def test_an_empty_region_is_said_to_be_empty() -> None:
    drawn = draw(seen())
    assert "no cluster" in repr(drawn)
    assert any("no cluster" in word for word in words(drawn.svg))
    assert "There is no cluster x" in repr(draw(seen(cluster()), "x"))
    assert "no instance" in words(draw(seen(cluster("", ""))).svg)


def test_each_instance_stands_in_its_zone_with_role_tier_load_and_lag() -> None:
    drawn = draw(seen(cluster()))
    said = words(drawn.svg)
    assert {"w", "r1", "r2", "writer, available", "reader, available", "tier 1, db.r6g.large", *ZONES} <= set(
        said
    )
    assert said.count("2 connections, lag 12 ms") == 2
    assert "2 connections" in said
    assert [arrows(drawn.svg, "writer"), arrows(drawn.svg, "reader")] == [{"w"}, {"r1", "r2"}]
    assert "the reader endpoint leads to r1, r2" in repr(drawn)


def test_a_failover_moves_the_arrows_and_is_told() -> None:
    before = cluster()
    between = cluster(status="failing-over")
    between["volume"]["nodes"] = [{**node, "state": "idle"} for node in between["volume"]["nodes"]]
    after = cluster("r1", "w r2")
    frames = Frames(seen(before))
    assert "cluster c is failing-over." in frames.after(seen(between), NOW).said[-1]
    frame = frames.after(seen(after), NOW)
    told = frame.said[-1].partition(" ")[2]
    assert told.startswith("r1 is the writer now; cluster c is available; the writer endpoint leads to r1")
    assert [arrows(frame.drawn.svg, "writer"), arrows(frame.drawn.svg, "reader")] == [{"r1"}, {"r2", "w"}]
    assert frames.after(seen(after), NOW) is frame, "nothing new, and yet another frame"


def test_a_dead_storage_node_and_a_lost_quorum_are_shown_by_words() -> None:
    before, after = cluster(), cluster()
    for place in (0, 1, 2):
        after["volume"]["nodes"][place]["state"] = "killed"
    after["volume"]["write_quorum"] = False
    drawn = draw(seen(after))
    said = words(drawn.svg)
    assert {"✗ a1 killed", "✗ b1 killed", "✓ b2 in-sync", "SCL 0/1A0"} <= set(said)
    assert "cluster volume: 3 of 6 storage nodes in sync, commits wait" in said
    assert any("write quorum (4 of 6): NO; read quorum (3 of 6): yes" in word for word in said)
    told = changes(([before], []), ([after], []))
    assert told[0] == "commits wait: there is no write quorum"
    assert "storage node a1 is killed" in told


def test_one_that_does_not_serve_is_a_broken_outline() -> None:
    hurt = cluster()
    hurt["instances"][1]["server"] = "frozen"
    drawn = draw(seen(hurt))
    assert "reader, server frozen" in words(drawn.svg)
    boxes = {
        box.get("data-id"): next(box.iter(f"{SVG}rect")).get("stroke-dasharray")
        for box in ET.fromstring(drawn.svg).iter(f"{SVG}g")
        if "al-box" in box.get("class", "")
    }
    assert boxes["r1"] and not boxes["r2"]


@pytest.mark.parametrize("count", [1, 3, 16])
def test_every_arrow_goes_into_its_box_however_many_there_are(count: int) -> None:
    readers = " ".join(f"r{number:02}" for number in range(1, count))
    custom = [{"endpoint": "mine.cluster-custom-x.us-west-2", "leads_to": ["w"], "type": "ANY"}]
    drawn = draw(seen(cluster("w", readers, custom=custom)))
    assert arrows(drawn.svg, "reader") == (set(readers.split()) or {"w"})
    assert arrows(drawn.svg, "custom") == {"w"}
    assert "the custom endpoint mine leads to w" in repr(drawn)


def test_a_database_shows_its_standby_its_replica_and_its_endpoint() -> None:
    database = {
        **instance("sales", "primary", 0),
        **{"source": None, "storage_gib": 20},
        "standby": {"az": ZONES[1], "synchronous": True, "server": "running"},
    }
    replica = {**instance("copy", "read replica", 2, lag_ms=40), "source": "sales", "storage_gib": 20}
    both = seen(databases=[database, replica])
    drawn = draw(both).svg
    said = words(drawn)
    assert "<g class='al-box al-standby' data-id='standby of sales'>" in drawn
    assert drawn.count("al-box al-reader") == 1  # the replica, and not the standby
    assert {"standby of sales", "serves nobody", "endpoint → sales", "replica of sales, available"} <= set(
        said
    )
    assert "standby in us-west-2b: synchronous, serves nobody" in repr(draw(both))
    moved = [{**database, "az": ZONES[1]}, replica]
    assert changes(([], both["databases"]), ([], moved)) == ["DB instance sales is in us-west-2b now"]


def test_hostile_names_are_escaped_and_long_ones_fit() -> None:
    name = "<script>alert('&\"1\"')</script>" + "x" * 60
    event = {"at": "2026-01-02T03:04:05.000Z", "SourceIdentifier": name, "Message": name * 3}
    led = {"at": event["at"], "host": f"{name}.cluster-ro-x", "instance": name}
    custom = [{"endpoint": f"{name}.x", "leads_to": [name], "type": "ANY"}] * 5
    hostile = cluster(name, "r", custom=custom, status=name)
    hostile["instances"][0]["status"] = hostile["volume"]["nodes"][0]["state"] = name
    drawn = draw(seen(hostile, databases=[{**instance(name, "primary", 0), "source": name}], events=[event]))
    drawn = draw(seen(hostile, events=[event], connections=[led], databases=[]))
    assert not any("script" in node.tag for node in ET.fromstring(drawn.svg).iter())
    assert "<script" not in drawn.bundle()["text/html"]
    title = f"cluster {hostile['id']}: {name}"
    assert max(len(word) for word in words(drawn.svg) if word != title) < 130


def test_a_region_that_goes_away_and_comes_back_is_told_once() -> None:
    frames = Frames(seen(cluster()))
    away = frames.after(None, NOW)
    assert away.state == "away"
    assert "does not answer since 03:04:05" in away.note
    assert frames.after(None, NOW) is away
    back = frames.after(seen(cluster()), NOW)
    assert (back.state, back.said[-1]) == ("live", "03:04:05 the region answers again.")
    still = frames.stand_still(NOW, "a newer map is live")
    assert still.note == "This map stands still since 03:04:05: a newer map is live."


def test_jupyter_gets_a_picture_with_its_words_and_text() -> None:
    bundle = draw(seen(cluster()))._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])
    assert found is not None
    assert "w" in words(base64.b64decode(found[1]).decode())
    assert 'alt="cluster map: cluster c: available' in bundle["text/html"]


@pytest.mark.parametrize("width", [60, 160])
def test_a_terminal_shows_the_same_in_words(width: int) -> None:
    hurt = copy.deepcopy(cluster())
    hurt["volume"]["nodes"][5]["state"] = "destroyed"
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(terminal_map(Frames(seen(hurt)).last, None, width))
    shown = captured.get()
    for word in ("Cluster c", "◆ w", "○ r1", "lag 12 ms", "✗ c2 destroyed", "──▶ r1, r2", "VCL 0/1A0"):
        assert word in shown
