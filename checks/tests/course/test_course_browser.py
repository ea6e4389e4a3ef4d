"""A learner's first minutes, driven in a real browser: one command, a wrong answer, its hint, the right answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from aurora_lab.region import client
from aurora_lab.region.home import Home
from local_region import short_folder

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

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

WRONG = """rds.create_db_cluster(DBClusterIdentifier="library", Engine="aurora-postgresql",
    MasterUsername="postgres", MasterUserPassword=os.environ["PGPASSWORD"], DatabaseName="library")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")"""
RIGHT = """%%bash
aws rds delete-db-cluster --db-cluster-identifier library --skip-final-snapshot > /dev/null
aws rds wait db-cluster-deleted --db-cluster-identifier library
aws rds create-db-cluster --db-cluster-identifier library --engine aurora-postgresql \\
  --master-username "$PGUSER" --master-user-password "$PGPASSWORD" --database-name library > /dev/null
aws rds wait db-cluster-available --db-cluster-identifier library"""


def chromium() -> str:
    """Chromium's path; without one the test is skipped with the reason."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine")


@pytest.fixture
def address() -> Iterator[str]:
    """The address that `aurora-lab --no-browser` prints, with a home and a workspace of the test's own."""
    folder = short_folder()
    (folder / "home").mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "JUPYTER"))
    }
    environment |= {"AURORA_LAB_HOME": f"{folder}/home", "AURORA_LAB_WORKSPACE": f"{folder}/work"}
    command = [sys.executable, "-m", "aurora_lab.cli", "open", "--no-browser"]
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


@pytest.fixture
def page(address: str) -> Iterator[Page]:
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


def test_a_learner_fails_is_helped_and_passes(page: Page) -> None:
    expect(page.locator("h1").first).to_contain_text("Hands-on with psql")
    expect(page.locator("img[alt^='A cluster']")).to_be_visible()
    first = cell(page, "rds = boto3.client")
    run(page, first)
    expect(first.locator(".jp-OutputArea-output img[alt='cluster map']")).to_be_visible(
        timeout=SECONDS * 1000
    )

    prediction = cell(page, 'lab.predict("05.1"')
    run(page, prediction, 'lab.predict("05.1", "b")')
    says(prediction, "Noted: b")

    answer, check = cell(page, "%%bash"), cell(page, 'lab.check("05.1")')
    answer.evaluate("node => node.scrollIntoView()")
    run(page, answer, WRONG)
    answer = cell(page, "create_db_cluster(")
    run(page, check)
    says(check, "not yet", "The master user of library is postgres", "Hint 1 of 3")

    run(page, answer, RIGHT)
    run(page, check)
    says(check, "passed", "You predicted b; it is a.")
    assert Path(page.url.partition("?")[0]).name == "05_hands_on_psql.ipynb"
