"""A JupyterLab that `aurora-lab` opened, in a real browser, and what a learner does in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from aurora_lab.region import client
from aurora_lab.region.home import Home
from local_region import short_folder

SECONDS = 90
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Chromium's path; without one the test is skipped with the reason."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine")


@contextmanager
def opened_lab(lesson: str = "05") -> Iterator[str]:
    """The address that `aurora-lab --no-browser` prints, with a home and a workspace of the test's own."""
    folder = short_folder()
    (folder / "home").mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "JUPYTER"))
    }
    environment |= {"AURORA_LAB_HOME": f"{folder}/home", "AURORA_LAB_WORKSPACE": f"{folder}/work"}
    command = [sys.executable, "-m", "aurora_lab.cli", "open", lesson, "--no-browser"]
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        with process.stdout:
            yield next((line.strip() for line in process.stdout if "token=" in line), "")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        home = Home(folder / "home")
        client.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def browser_page(address: str) -> Iterator[Page]:
    """A browser that shows the address."""
    path = chromium()
    assert address, "aurora-lab printed no address"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 1600})
        page.set_default_timeout(SECONDS * 1000)
        expect.set_options(timeout=SECONDS * 1000)
        # Chromium drops requests when a network interface comes or goes, as those of containers do. JupyterLab then
        # says in a dialog that something did not load; a learner closes it.
        dialog = page.locator(".jp-Dialog")
        page.add_locator_handler(dialog, lambda found: found.get_by_role("button").last.click())
        _open(page, address)
        yield page
        browser.close()


def _open(page: Page, address: str) -> None:
    """Load the page, again where a part of it did not come."""
    for attempt in range(4):
        page.goto(address)
        try:
            page.locator("h1").first.wait_for(timeout=30_000)
        except NotInTime:
            if attempt == 3:
                raise
        else:
            return


def cell(page: Page, text: str) -> Locator:
    """The code cell that holds `text`."""
    return page.locator(".jp-Notebook .jp-CodeCell").filter(has_text=text).first


def run(page: Page, which: Locator, source: str | None = None) -> None:
    """Run a cell as a learner does, after writing `source` into it."""
    which.locator(".cm-content").click()
    if source is not None:
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(source)
    page.keyboard.press("Control+Enter")


def says(which: Locator, *words: str) -> None:
    """Wait until the cell's output says all of it."""
    for word in words:
        expect(which.locator(".jp-OutputArea-output").last).to_contain_text(word)
