"""What the tests of grading share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from aurora_lab.course.forked import Shared, sharing


@pytest.fixture(scope="session")
def secret() -> tuple[str, str]:
    """A variable that the grader has in its environment, and its value."""
    return "AURORA_LAB_TEST_TOKEN", "only-the-grader-may-know-4711"


@pytest.fixture(scope="session")
def shared(secret: tuple[str, str]) -> Iterator[Shared]:
    """A fork server and a template, made by a grader that has a secret."""
    name, value = secret
    os.environ[name] = value
    try:
        with sharing("embedded") as found:
            yield found
    finally:
        del os.environ[name]
