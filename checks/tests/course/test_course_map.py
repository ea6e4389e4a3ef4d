"""The picture of a cluster says what the region's status says."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from aurora_lab.view.cluster_map import draw

ZONES = ["us-west-2a", "us-west-2b", "us-west-2c"]
SVG = "{http://www.w3.org/2000/svg}"


def instance(name: str, role: str, zone: str, status: str = "available") -> dict[str, Any]:
    return {"id": name, "role": role, "az": zone, "status": status, "tier": 1}


def cluster(*instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "c", "status": "available", "instances": list(instances), "custom": [], **more}


WRITER, NEAR, FAR = (
    instance("w", "writer", ZONES[0]),
    instance("r1", "reader", ZONES[1]),
    instance("r2", "reader", ZONES[2]),
)


def words(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


def lines(svg: str) -> int:
    return len(list(ET.fromstring(svg).iter(f"{SVG}path")))


def test_an_empty_region_is_said_to_be_empty() -> None:
    drawn = draw([], ZONES)
    assert "no cluster" in repr(drawn)
    assert any("no cluster" in word for word in words(drawn.svg))


def test_each_instance_stands_in_its_zone_with_its_role() -> None:
    drawn = draw([cluster(WRITER, NEAR, FAR)], ZONES)
    assert {"w", "r1", "r2", "writer, tier 1", "reader, tier 1", *ZONES} <= set(words(drawn.svg))
    assert lines(drawn.svg) == 3
    assert "leads to r1, r2" in repr(drawn)


def test_without_a_reader_the_reader_endpoint_leads_to_the_writer() -> None:
    drawn = draw([cluster(WRITER)], ZONES)
    assert lines(drawn.svg) == 2
    assert "the reader endpoint leads to w" in repr(drawn)


def test_one_that_is_not_available_is_not_led_to() -> None:
    drawn = draw([cluster(WRITER, instance("r1", "reader", ZONES[1], "creating"))], ZONES)
    assert "reader, creating" in words(drawn.svg)
    assert "the reader endpoint leads to w" in repr(drawn)


@pytest.mark.parametrize(
    ("endpoint", "behind"),
    [
        ({"type": "READER", "static": ["w", "r2"], "excluded": []}, "r2"),
        ({"type": "ANY", "static": ["w", "r2"], "excluded": []}, "w, r2"),
        ({"type": "READER", "static": [], "excluded": ["r2"]}, "r1"),
        ({"type": "READER", "static": ["w"], "excluded": []}, "nothing"),
    ],
)
def test_a_custom_endpoint_leads_to_its_members_of_its_type(endpoint: dict[str, Any], behind: str) -> None:
    custom = [{"endpoint": "mine.cluster-custom-x.us-west-2.rds.amazonaws.com", **endpoint}]
    drawn = draw([cluster(WRITER, NEAR, FAR, custom=custom)], ZONES)
    assert f"the custom endpoint mine leads to {behind}" in repr(drawn)
    assert "custom: mine" in words(drawn.svg)


def test_names_are_escaped_and_long_ones_fit() -> None:
    name = "x" * 60
    custom = [
        {"endpoint": f"{name}.cluster-custom-x", "type": "ANY", "static": [], "excluded": []}
        for _ in range(5)
    ]
    drawn = draw([cluster(instance("<w>", "writer", ZONES[0]), custom=custom)], ZONES)
    assert "<w>" in words(drawn.svg)
    assert max(len(word) for word in words(drawn.svg)) < 45


def test_jupyter_gets_a_picture_and_text() -> None:
    bundle = draw([cluster(WRITER)], ZONES)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])
    assert found is not None
    assert "w" in words(base64.b64decode(found[1]).decode())
