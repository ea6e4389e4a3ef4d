"""The model's regular expressions: right for Python, and never slow."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from aurora_lab.region.api.models import service_model
from aurora_lab.region.api.validation import compiled, matches
from stub_region import OWN_SERVICES


def patterns() -> dict[str, int]:
    """Every pattern of the services that the region answers, and the longest text that it is asked about."""
    found: dict[str, int] = {}
    for service in OWN_SERVICES:
        model = service_model(service)
        for name in model.shape_names:
            shape: Any = model.shape_for(name)
            if pattern := shape.metadata.get("pattern"):
                longest = shape.metadata.get("max", 10_000)
                found[pattern] = max(longest, found.get(pattern, 0))
    return found


def test_python_knows_them_all() -> None:
    assert len(patterns()) > 20
    assert [pattern for pattern in patterns() if compiled(pattern) is None] == []


@pytest.mark.parametrize("pattern", patterns())
def test_none_can_be_made_slow(pattern: str) -> None:
    longest = min(patterns()[pattern], 30_000)
    starts = [
        "",
        "arn:",
        "arn:aws:rds:us-west-2:123456789012:cluster:",
        "db.",
        "com.amazonaws.",
        "/aws/",
        "default",
    ]
    fillings = ["a", "a-", "-", "9", "a.", "/a", ":", " ", "_", "A0", "--", "é", "\n"]
    began = time.process_time()
    for start in starts:
        for filling in fillings:
            text = (start + filling * longest)[: longest - 1]
            for end in ("!", "\x00", "-", "a", ""):
                matches(pattern, text + end)
    assert time.process_time() - began < 5.0


HYPHENED = "[a-zA-Z](?:-?[a-zA-Z0-9]+)*"


@pytest.mark.parametrize(
    ("pattern", "value", "right"),
    [
        (HYPHENED, "a-b-c1", True),
        (HYPHENED, "a", True),
        (HYPHENED, "a--b", False),
        (HYPHENED, "a-", False),
        (HYPHENED, "-a", False),
        ("[a-z](?:-?[a-z0-9]+){0,15}", "a" + "-b" * 15, True),
        ("[a-z](?:-?[a-z0-9]+){0,15}", "a" + "-b" * 16, False),
        (r"\p{Print}+", "all of this ~", True),
        (r"\p{Print}+", "é", False),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "cluster:c 😀", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "\x01", False),
        ("[a-z0-9]{26}", "a" * 26 + "\n", False),
        (r"\p{NoSuchClass}", "anything", True),
    ],
)
def test_what_they_match(pattern: str, value: str, right: bool) -> None:
    assert matches(pattern, value) is right


def test_possessive_patterns_match_the_same_texts() -> None:
    import re

    rng = random.Random(5)
    for _ in range(3000):
        text = "".join(rng.choice("aZ0-!") for _ in range(rng.randint(0, 9)))
        assert matches(HYPHENED, text) is bool(re.fullmatch(HYPHENED, text)), text
