"""A browser on a JupyterLab of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from browser_session import browser_page, chromium, opened_lab


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that shows lesson 05, with a home and a workspace of the test's own."""
    chromium()
    with opened_lab() as address, browser_page(address) as page:
        yield page
