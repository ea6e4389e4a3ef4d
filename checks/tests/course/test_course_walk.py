"""Lesson 01 in a real browser, from its first cell to its last, as somebody walks it who knows the answers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from aurora_lab.course.places import find_places
from aurora_lab.course.source import LEARNERS, only_solution, read_source
from browser_session import browser_page, chromium, opened_lab, run, says

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DONE = re.compile(r"\[\d+\]")
"""The number that stands beside a cell that has run."""


LEADS = re.compile(r"the writer endpoint leads to ([\w-]+)")


def test_lesson_01_is_walked_from_its_first_cell_to_its_last() -> None:
    chromium()
    source = read_source(find_places().source("01"))
    cells = [cell for cell in source.cells if cell.kind == "code"]
    places = {(cell.role, cell.exercise): number for number, cell in enumerate(cells) if cell.exercise}
    with opened_lab("01") as address, browser_page(address) as page:
        # All cells at once: JupyterLab takes out what is far from the screen.
        page.set_viewport_size({"width": 1280, "height": 16_000})
        shown = page.locator(".jp-Notebook .jp-CodeCell")
        expect(shown).to_have_count(len(cells))
        expect(page.locator("img[alt^='Left: a primary']")).to_be_visible()
        # A map that was drawn two exercises before the writer is killed, and is live.
        early = shown.nth(places["answer", "01.5"]).locator("[role=img].aurora-lab-map-picture")
        writers: list[str] = []
        for number, cell in enumerate(cells):
            which = shown.nth(number)
            if number == places["answer", "01.7"]:
                writers.append(_writer(early))
            run(page, which, only_solution(cell.source) if cell.role in LEARNERS else None)
            expect(which.locator(".jp-InputPrompt")).to_have_text(DONE)
            if cell.role == "check":
                says(which, f"{cell.exercise}", "passed", "You predicted that.")
            if number == places["answer", "01.7"]:
                before = re.compile(f"the writer endpoint leads to {writers[0]}\\b")
                expect(early).not_to_have_attribute("aria-label", before)
                writers.append(_writer(early))
        assert len(set(writers)) == 2
        says(shown.last, "01 What Aurora is: ●●●●●●●●● 9 of 9")
        assert "Traceback" not in page.content()


def _writer(drawn: Locator) -> str:
    found = LEADS.search(drawn.get_attribute("aria-label") or "")
    assert found
    return found[1]
