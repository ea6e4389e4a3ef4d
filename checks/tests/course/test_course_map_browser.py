"""The live map in a real browser: it follows a failover while a cell runs, and is stored as a picture."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from browser_session import SECONDS, cell, run, says
from local_region import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MARK = '  # lab.predict("05.1"'
"""By this its cell is found, also after other lines were written into it."""
MAKE = """import time
rds.create_db_cluster(DBClusterIdentifier="shop", Engine="aurora-postgresql",
    MasterUsername="postgres", MasterUserPassword="correct-horse-9")
for number in (1, 2): rds.create_db_instance(DBInstanceIdentifier=f"shop-{number}", DBClusterIdentifier="shop",
    Engine="aurora-postgresql", DBInstanceClass="db.r6g.large")
rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier="shop")
rds.get_waiter("db_instance_available").wait(Filters=[dict(Name="db-cluster-id", Values=["shop"])])
print("ma" + "de")"""
FAILOVER = """rds.failover_db_cluster(DBClusterIdentifier="shop")
time.sleep(600)"""
STORED = """async () => {
    const answer = await fetch('/api/contents/05_hands_on_psql.ipynb?type=file&format=text').catch(() => null);
    const text = answer?.ok ? (await answer.json()).content : '';
    return text.includes('cluster map:') && text.trimEnd().endsWith('}') ? text : null;
}"""


def test_a_failover_is_followed_on_the_map_while_a_cell_runs(page: Page) -> None:
    first = cell(page, "rds = boto3.client")
    first.evaluate("node => node.scrollIntoView()")
    run(page, first)
    live = first.locator(".aurora-lab-map-all")
    picture = live.locator("[role=img].aurora-lab-map-picture")
    expect(picture.locator("svg")).to_be_visible(timeout=SECONDS * 1000)
    expect(live.locator(".aurora-lab-map-note")).to_have_text("This map is live.")

    scratch = cell(page, 'lab.predict("05.1"')
    run(page, scratch, MAKE + MARK)
    expect(picture.locator("path.al-writer[data-to=shop-1]")).to_have_count(1)
    expect(picture.locator("path.al-reader[data-to=shop-2]")).to_have_count(1)
    says(scratch, "made")

    run(page, scratch, FAILOVER + MARK)
    expect(picture.locator("path.al-writer[data-to=shop-2]")).to_have_count(1)
    expect(picture.locator("path.al-reader[data-to=shop-1]")).to_have_count(1)
    expect(live.locator("[aria-live=polite]")).to_contain_text("shop-2 is the writer now")
    expect(picture).to_have_attribute("aria-label", re.compile("the writer endpoint leads to shop-2"))
    expect(scratch.locator(".jp-InputPrompt")).to_have_text("[*]:")

    # In the file there is only the picture: the widget ends with its kernel. The file is asked for as text: a
    # notebook that is read in the middle of its saving is taken for a broken one and moved away (jupyter_server).
    page.keyboard.press("Control+s")
    stored = eventually(lambda: page.evaluate(STORED), "the notebook with the map's picture is saved")
    assert "widget-view" not in stored
