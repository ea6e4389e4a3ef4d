"""A learner's first minutes, in a real browser: open the lesson, go wrong, read why, put it right."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from aurora_lab.region import client
from aurora_lab.region.home import Home
from jupyter_session import Lab, environment, opened
from local_region import short_folder

pytestmark = pytest.mark.browser

CHROMIUM_OPTIONS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing but this machine is asked for anything.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MILLISECONDS = 60_000.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """JupyterLab on an empty home, as the README's first command starts it."""
    if shutil.which("chromium") is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    folder = short_folder()
    home = Home(folder / "home")
    environ = {
        **environment(folder),
        "AURORA_LAB_HOME": str(home.folder),
        "AURORA_LAB_WORKSPACE": str(folder / "lessons"),
    }
    try:
        with opened(folder, environ, "--runtime", "embedded") as started:
            yield started
    finally:
        client.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        shutil.rmtree(folder)


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    """The lesson in a browser, as the address that was printed opens it."""
    chromium = shutil.which("chromium")
    options = [*CHROMIUM_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(MILLISECONDS)
        opened.goto(lab.address)
        yield opened
        if folder := os.environ.get("AURORA_LAB_SCREENSHOTS"):
            opened.screenshot(path=str(Path(folder) / "lesson.png"))
        browser.close()


def cell(page: Page, text: str) -> Locator:
    """The code cell that holds a text; cells out of sight are brought into it."""
    found = page.locator(".jp-CodeCell", has_text=re.compile(re.escape(text))).first
    for _ in range(60):
        if found.count() and found.is_visible():
            break
        page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollBy(0, 300)")
        page.wait_for_timeout(50)
    found.scroll_into_view_if_needed()
    return found


def run(page: Page, text: str) -> Locator:
    """Run the cell that holds a text, as Shift+Enter does."""
    found = cell(page, text)
    found.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    return found


def write(page: Page, found: Locator, text: str) -> None:
    """Put a text into a cell in place of what it holds, and run it."""
    found.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    # As pasted: typing would have brackets and indents added by the editor.
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")


def create(*options: str) -> str:
    """The learner's cell for the first exercise."""
    words = [
        "--db-cluster-identifier library --engine aurora-postgresql",
        "--master-username $PGUSER --master-user-password $PGPASSWORD",
        *options,
    ]
    return (
        f"%%bash\naws rds create-db-cluster {' '.join(words)} --query DBCluster.Status --output text\n"
        "aws rds wait db-cluster-available --db-cluster-identifier library; echo made"
    )


def test_wrong_then_right(page: Page) -> None:
    expect(page.locator(".jp-Notebook")).to_be_visible()
    expect(page.locator(".jp-MarkdownCell", has_text="Hands-on with psql").first).to_be_visible()

    run(page, "from aurora_lab import lab")
    # Nothing done yet: the check says so, with a hint, and without a traceback.
    check = run(page, 'lab.check("05.1")')
    expect(check.locator(".jp-OutputArea")).to_contain_text("There is no DB cluster", timeout=MILLISECONDS)
    expect(check.locator(".jp-OutputArea")).to_contain_text("Hint")
    assert "Traceback" not in check.inner_text()

    # A known wrong answer: a cluster without the database that the lesson asks for.
    answer = page.locator(".jp-CodeCell", has_text="%%bash").first
    write(page, answer, create())
    expect(answer.locator(".jp-OutputArea")).to_contain_text("made", timeout=MILLISECONDS)
    check = run(page, 'lab.check("05.1")')
    expect(check.locator(".jp-OutputArea")).to_contain_text("was made without one", timeout=MILLISECONDS)

    # Put right: it is deleted and made again with the database.
    again = "aws rds delete-db-cluster --db-cluster-identifier library --skip-final-snapshot --output text\n"
    again += "aws rds wait db-cluster-deleted --db-cluster-identifier library\n"
    write(page, answer, create("--database-name library").replace("%%bash\n", f"%%bash\n{again}"))
    expect(answer.locator(".jp-OutputArea")).to_contain_text("creating", timeout=MILLISECONDS)
    expect(answer.locator(".jp-OutputArea")).to_contain_text("made", timeout=MILLISECONDS)
    check = run(page, 'lab.check("05.1")')
    expect(check.locator(".jp-OutputArea")).to_contain_text("✓", timeout=MILLISECONDS)
    expect(check.locator(".jp-OutputArea")).to_contain_text("is available")
