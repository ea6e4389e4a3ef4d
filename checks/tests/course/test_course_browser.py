"""A learner's first minutes, driven in a real browser: one command, a wrong answer, its hint, the right answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser_session import SECONDS, cell, run, says

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WRONG = """rds.create_db_cluster(DBClusterIdentifier="library", Engine="aurora-postgresql",
    MasterUsername="postgres", MasterUserPassword=os.environ["PGPASSWORD"], DatabaseName="library")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="library")"""
RIGHT = """%%bash
aws rds delete-db-cluster --db-cluster-identifier library --skip-final-snapshot > /dev/null
aws rds wait db-cluster-deleted --db-cluster-identifier library
aws rds create-db-cluster --db-cluster-identifier library --engine aurora-postgresql \\
  --master-username "$PGUSER" --master-user-password "$PGPASSWORD" --database-name library > /dev/null
aws rds wait db-cluster-available --db-cluster-identifier library"""


def test_a_learner_fails_is_helped_and_passes(page: Page) -> None:
    expect(page.locator("h1").first).to_contain_text("Hands-on with psql")
    expect(page.locator("img[alt^='A cluster']")).to_be_visible()
    first = cell(page, "rds = boto3.client")
    run(page, first)
    expect(first.locator(".aurora-lab-map-picture svg")).to_be_visible(timeout=SECONDS * 1000)

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


PRICES = """from aurora_lab.course.cards import Card, Mood
Card(Mood.FAIL, "Prices", (("Seen", "It is $0.225 instead of $0.10 a GB."),))"""


def test_prices_on_a_card_are_shown_as_they_are(page: Page) -> None:
    prediction = cell(page, 'lab.predict("05.1"')
    run(page, prediction, PRICES)
    says(cell(page, "from aurora_lab.course.cards"), "It is $0.225 instead of $0.10 a GB.")


QUICK_MS = 300
TRIES = 8
MARK = '  # lab.predict("05.1"'
"""By this its cell is found, also after another line was written into it."""
WATCH = """(node) => {
    window.cardAfter = null;
    const output = node.querySelector(".jp-OutputArea");
    const seen = () => {
        if (output.innerText.includes("not yet") && window.pressed && !window.cardAfter) {
            requestAnimationFrame(() => { window.cardAfter = performance.now() - window.pressed; });
        }
    };
    new MutationObserver(seen).observe(output, {childList: true, subtree: true, characterData: true});
    window.addEventListener("keydown", event => {
        if (event.ctrlKey && event.key === "Enter") { window.pressed = performance.now(); }
    }, true);
}"""


def timed(page: Page, check: Locator) -> float:
    """Milliseconds from the key that runs the check to its card on the screen."""
    check.locator(".cm-content").click()
    page.evaluate("() => { window.pressed = null; window.cardAfter = null; }")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => window.cardAfter !== null")
    return float(page.evaluate("() => window.cardAfter"))


def test_a_wrong_answer_has_its_card_at_once_hints_come_one_by_one_and_progress_moves(
    page: Page, record_property: Callable[[str, object], None]
) -> None:
    check = cell(page, 'lab.check("05.1")')
    check.evaluate("node => node.scrollIntoView()")
    expect(check.locator(".jp-OutputArea-output")).to_contain_text("not checked yet")
    first = cell(page, "rds = boto3.client")
    run(page, first)
    expect(first.locator(".aurora-lab-map-picture svg")).to_be_visible()

    scratch = cell(page, 'lab.predict("05.1"')
    run(page, scratch, "lab.progress()" + MARK)
    says(scratch, "0 of ", "○○○○○○○○○○ 0 of 10")
    for number in (1, 2, 3):
        run(page, scratch, 'lab.hint("05.1")' + MARK)
        says(scratch, f"Hint {number} of 3")
        expect(scratch.locator(".jp-OutputArea-output")).to_have_count(1)
        expect(scratch.locator(".jp-OutputArea-output")).not_to_contain_text(f"Hint {number + 1} of 3")

    check.evaluate(WATCH)
    took = []
    for _ in range(TRIES):
        took.append(timed(page, check))
        if min(took) < QUICK_MS:
            break
    record_property("card after ms", took)
    assert min(took) < QUICK_MS, took
    says(check, "05.1 Create the cluster: not yet", "There is no DB cluster")
    expect(check.locator(".jp-OutputArea-output")).to_have_count(1)
    assert "Traceback" not in page.content()

    answer = cell(page, "%%bash")
    run(page, answer, RIGHT)
    run(page, check)
    says(check, "passed", "1 of 10 exercises solved. Next is 05.2.")
    run(page, scratch, "lab.progress()" + MARK)
    says(scratch, "1 of ", "●○○○○○○○○○ 1 of 10", "Next is ")
