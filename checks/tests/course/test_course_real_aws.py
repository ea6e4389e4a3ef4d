"""Optional cells on a real account: a session of their own, off until asked for, and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from aurora_lab.course.real_aws import RealAws, RealAwsCells, RealAwsError, real_session
from local_region import local_region


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Files with one profile, in an environment that leads to the lab."""
    (tmp_path / "config").write_text(
        "[profile mine]\nregion = eu-west-1\n[profile bare]\nregion = eu-west-1\n"
    )
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = REALKEY\naws_secret_access_key = real\n"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "DUMMY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return str(tmp_path / "config"), str(tmp_path / "credentials")


def test_a_real_session_takes_nothing_of_the_lab(profile: tuple[str, str]) -> None:
    client = RealAws(real_session("mine", "us-east-1", *profile)).rds
    assert client.meta.endpoint_url == "https://rds.us-east-1.amazonaws.com"
    assert client._get_credentials().access_key == "REALKEY"


@pytest.mark.parametrize(("name", "why"), [("bare", "no credentials"), ("unknown", "cannot be used")])
def test_a_profile_that_will_not_do_is_named(profile: tuple[str, str], name: str, why: str) -> None:
    with pytest.raises(RealAwsError, match=why):
        real_session(name, "us-east-1", *profile)


def test_cells_do_nothing_until_they_are_asked_for() -> None:
    ran: list[str] = []
    said: list[str] = []
    cells = RealAwsCells(ran.append, said.append)
    cells.cell("0.073 | db.t4g.medium | 2026-03-28 | 8.13", "spend()")
    assert ran == []
    assert said[0].startswith("db.t4g.medium: $0.073 an hour in us-east-1 (price of 2026-03-28) [8.13]")
    assert said[1].startswith("Skipped")
    with pytest.raises(RealAwsError, match="use_real_aws"):
        _ = cells.aws


def test_the_price_is_said_before_the_cell_runs() -> None:
    happened: list[str] = []
    cells = RealAwsCells(happened.append, happened.append)
    cells.allow(RealAws(boto3.Session("key", "secret", region_name="us-east-1")))
    cells.cell("0.073 | db.t4g.medium | 2026-03-28 | 8.13", "spend()")
    assert ["0.073" in happened[0], happened[1]] == [True, "spend()"]


class FakeRds:
    """An account with tagged and other resources; deletion takes a few looks."""

    def __init__(self, looks: int) -> None:
        ours, theirs = [{"Key": "made-by", "Value": "aurora-lab"}], [{"Key": "made-by", "Value": "somebody"}]
        self.clusters = {"ours": ours, "theirs": theirs}
        self.instances = {"ours-1": ours, "theirs-1": theirs}
        self.looks = looks
        self.deleting: list[str] = []

    def get_paginator(self, action: str) -> FakeRds:
        self.action = action
        return self

    def paginate(self) -> list[dict[str, Any]]:
        self.looks -= 1
        if self.looks < 0:
            for name in self.deleting:
                self.clusters.pop(name, None)
                self.instances.pop(name, None)
        if self.action == "describe_db_clusters":
            found = [{"DBClusterIdentifier": name, "TagList": tags} for name, tags in self.clusters.items()]
            return [{"DBClusters": found}]
        found = [{"DBInstanceIdentifier": name, "TagList": tags} for name, tags in self.instances.items()]
        return [{"DBInstances": found}]

    def delete_db_instance(self, DBInstanceIdentifier: str, **_: object) -> None:
        self.deleting.append(DBInstanceIdentifier)

    def delete_db_cluster(self, DBClusterIdentifier: str, **_: object) -> None:
        self.deleting.append(DBClusterIdentifier)


def account(looks: int) -> tuple[RealAws, FakeRds]:
    aws, fake = (
        RealAws(boto3.Session("k", "s", region_name="us-east-1"), "http://127.0.0.1:9"),
        FakeRds(looks),
    )
    aws.__dict__["rds"] = fake
    return aws, fake


def test_removal_takes_what_is_tagged_and_looks_again() -> None:
    aws, fake = account(looks=5)
    said: list[str] = []
    aws.remove_everything(said.append, seconds=30)
    assert (set(fake.clusters), set(fake.instances)) == ({"theirs"}, {"theirs-1"})
    assert said[-1].startswith("Nothing tagged made-by=aurora-lab is left")
    assert aws.leftovers() == ([], [])


def test_what_a_lesson_makes_is_removed_from_a_region() -> None:
    # The lab answers in the place of AWS: the calls are the same, and the waiting is real.
    with local_region() as region:
        session = boto3.Session("key", "secret", region_name=region.info.region)
        aws = RealAws(session, region.info.url)
        kept = region.cluster(instances=1, prefix="kept")
        aws.rds.create_db_cluster(
            DBClusterIdentifier="made",
            Engine="aurora-postgresql",
            EngineVersion=aws.engine_version(),
            MasterUsername="librarian",
            MasterUserPassword="quiet-please-5",
            Tags=aws.tags,
        )
        for name in ("made-1", "made-2"):
            aws.rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBClusterIdentifier="made",
                Engine="aurora-postgresql",
                DBInstanceClass="db.t4g.medium",
                Tags=aws.tags,
            )
        assert aws.leftovers() == (["made"], ["made-1", "made-2"])
        aws.remove_everything(lambda _sentence: None, seconds=60)
        assert aws.leftovers() == ([], [])
        assert list(region.instances(kept)) == [f"{kept}-1"]


def test_what_does_not_go_is_not_called_gone() -> None:
    aws, _fake = account(looks=10**6)
    with pytest.raises(RealAwsError, match=r"still billed.*ours.*Run this cell again"):
        aws.remove_everything(lambda _sentence: None, seconds=0.2)
