"""Plans: what one may say is priced, and each mistake gets one sentence that names it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from aurora_lab.models.bill import SUPPORT
from aurora_lab.models.billing import bill, bill_database, bill_dsql
from aurora_lab.models.money import dollars
from aurora_lab.models.plan import FORM, read_plan
from aurora_lab.models.plan_table import PlanError
from aurora_lab.models.price_book import price_book

CLUSTER = "[cluster]\n"
BOOK = price_book()


def total(text: str) -> Decimal:
    """What the cluster of a plan costs."""
    plan = read_plan(text)
    assert plan.cluster is not None
    return bill(BOOK, plan.cluster, 0, plan.hours).dollars


def test_the_documented_plan_is_priced_in_all_of_its_parts() -> None:
    plan = read_plan(FORM)
    assert plan.cluster is not None
    assert plan.database is not None
    assert plan.dsql is not None
    found = bill(BOOK, plan.cluster, 0, plan.hours)
    by_section = {name: str(dollars(cost)) for name, cost in found.sections().items()}
    assert by_section == {
        "compute": "959.04",  # 3 × 189.80, and 3,247 ACU-hours
        "storage": "30.00",
        "I/O": "240.00",
        "backup": "32.55",
        "global": "60.00",
        "other": "0.50",
    }
    assert not found.not_measured
    assert bill_database(BOOK, plan.database, 0, plan.hours).dollars == Decimal("363.00")
    # Its transactions take 67,000 DPU, which are within the free 100,000.
    assert bill_dsql(BOOK, plan.dsql, 0, plan.hours).dollars == Decimal("49.17")


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ('[cluster]\ninstances = [ { class = "db.r6g.large" } ]', "189.80"),
        ('[cluster]\nstorage_type = "aurora-iopt1"\ninstances = [ { class = "db.r6g.large" } ]', "246.74"),
        ('[cluster]\ninstances = [ { class = "db.r6g.large", hours = 0.01 } ]', "0.04"),
        ("[cluster]\nserverless = [ { acu = 0.5 } ]", "43.80"),
        (
            "hours = 48\n[cluster]\nserverless = [ { capacity = [[0, 1], [12, 0]], repeat_hours = 24 } ]",
            "2.88",
        ),
        ("[cluster]\nserverless = [ { capacity = [[0, 1], [12, 0]] } ]", "1.44"),
        ("hours = 8760\n[cluster]\nsnapshots = [ { gb = 1, count = 100 } ]", "25.20"),
        ("[cluster]\ninternet_gb = 150", "4.50"),
    ],
)
def test_plans_have_their_price(text: str, cost: str) -> None:
    assert total(text) == Decimal(cost)


def test_extended_support_begins_in_the_middle_of_a_plan() -> None:
    """FACTS 8.45, 8.56: version 13 costs from 2026-03-01 on."""
    plan = read_plan(
        'hours = 48\ndate = 2026-02-28\n[cluster]\nengine_version = "13.20"\n'
        'instances = [ { class = "db.r6g.4xlarge" } ]'
    )
    assert plan.cluster is not None
    assert bill(BOOK, plan.cluster, 0, 48).section(SUPPORT) == 24 * 16 * Fraction("0.10")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hours = ", "plan.toml is no TOML"),
        ("", "has nothing to price: it needs [cluster], [rds] or [dsql]"),
        ("hours = 0\n[cluster]", "hours must be above 0"),
        ("hours = nan\n[cluster]", "hours must be a number from 0 to 100,000, and is NaN"),
        ("hours = 1e9\n[cluster]", "hours must be a number from 0 to 100,000"),
        ("hours = true\n[cluster]", "and is True"),
        ('hours = "month"\n[cluster]', "and is 'month'"),
        ("name = 3\n[cluster]", "name must be a text in quotes, and is 3"),
        ("hour = 3\n[cluster]", "hour is not known. Did you mean hours?"),
        ('date = "2026-12-01"\n[cluster]', "date must be a date as 2026-12-01, without quotes"),
        ("cluster = 3", "cluster must be a table: write it as [cluster]"),
        (f"{CLUSTER}storage = 3", "cluster.storage is not known. Did you mean storage_gb?"),
        (f"{CLUSTER}zzz = 3", "cluster.zzz is not known. There are backup_gb"),
        (
            f"{CLUSTER}storage_gb = -1",
            "cluster.storage_gb must be a number from 0 to 1,000,000,000,000,000, and is -1",
        ),
        (
            f'{CLUSTER}storage_type = "gp3"',
            "cluster.storage_type must be one of aurora, aurora-iopt1, and is 'gp3'",
        ),
        (f"{CLUSTER}proxy = 1", "cluster.proxy must be true or false, and is 1"),
        (f"{CLUSTER}backup_retention_days = 36", "must be a whole number from 1 to 35, and is 36"),
        (f'{CLUSTER}engine_version = "old"', "must be a version as 17 or 13.20, and is 'old'"),
        (f'{CLUSTER}engine_version = "13"', "may be in Extended Support: write date = 2026-12-01"),
        (
            f'date = 2026-12-01\n{CLUSTER}engine_version = "9.6"',
            "the calendar of Extended Support begins with version 11",
        ),
        (f"{CLUSTER}instances = 2", "cluster.instances must be a list of tables: write each as { class ="),
        (f"{CLUSTER}instances = [ 2 ]", "cluster.instances[1] must be a table"),
        (
            f"{CLUSTER}instances = [ {{ count = 2 }} ]",
            'cluster.instances[1] has no class: write it as class = "db',
        ),
        (f'{CLUSTER}instances = [ {{ class = "db.serverless" }} ]', "name it under serverless"),
        (
            f'{CLUSTER}instances = [ {{ class = "db.r6g.large", count = 0 }} ]',
            "count must be a whole number from 1",
        ),
        (f'{CLUSTER}instances = [ {{ class = "db.r6g.large", hours = 731 }} ]', "at most the plan's 730"),
        (f"{CLUSTER}serverless = [ {{ count = 1 }} ]", "needs either acu or capacity"),
        (f"{CLUSTER}serverless = [ {{ acu = 1, capacity = [[0, 1]] }} ]", "needs either acu or capacity"),
        (f"{CLUSTER}serverless = [ {{ acu = 257 }} ]", "must be a number from 0 to 256, and is 257"),
        (f"{CLUSTER}serverless = [ {{ capacity = [0, 1] }} ]", "must be a list of [hour, ACU]"),
        (f"{CLUSTER}serverless = [ {{ capacity = [[8, 1], [0, 2]] }} ]", "must begin at hour 0"),
        (f"{CLUSTER}serverless = [ {{ capacity = [[0, 1], [8, 1], [2, 2]] }} ]", "sort its points"),
        (
            f"{CLUSTER}serverless = [ {{ capacity = [[0, -1]] }} ]",
            "ACU 1 of cluster.serverless[1].capacity must be",
        ),
        (f"{CLUSTER}serverless = [ {{ acu = 1, repeat_hours = 0.0001 }} ]", "is too short for so many hours"),
        (f"{CLUSTER}snapshots = [ {{ size = 1 }} ]", "cluster.snapshots[1].size is not known"),
        (
            f"{CLUSTER}secondaries = [ {{ log_writes = 1 }} ]",
            "cluster.secondaries[1].log_writes is not known",
        ),
        ("[rds]\nstorage_gb = 1", "rds has no class"),
        (
            '[rds]\nclass = "db.r6g.large"\nstorage_type = "io1"\nmulti_az = true',
            "knows io1 for Single-AZ only",
        ),
        ("[dsql]\ntransactions = [ { rows = 1 } ]", "dsql.transactions[1].rows is not known"),
    ],
)
def test_a_mistake_in_a_plan_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_plan(text, "plan.toml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
