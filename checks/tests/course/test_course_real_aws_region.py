"""The optional cells and the removal of what they make, with the lab's region in the place of AWS."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from aurora_lab.cli.main import main
from aurora_lab.course.places import find_places
from aurora_lab.course.real_account import RealAwsError
from aurora_lab.course.real_aws import RealAws, RealAwsCells, in_place_of_aws
from aurora_lab.course.real_aws_plan import Plan, lesson_plan, magic_line, read_plan
from aurora_lab.course.source import REAL_AWS, read_source
from local_region import LocalRegion, eventually, local_region, unique
from no_way_out import no_way_out

PLACES = find_places()
LESSONS = [
    number
    for number in PLACES.numbers()
    if any(cell.role == REAL_AWS for cell in read_source(PLACES.source(number)).cells)
]
LOGIN = {"MasterUsername": "librarian", "MasterUserPassword": "quiet-please-5"}
AURORA = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.t4g.medium"}
OF_17 = {"DBParameterGroupFamily": "aurora-postgresql17", "Description": "x"}


@pytest.fixture(scope="module")
def region() -> Iterator[LocalRegion]:
    """One region for this file."""
    with local_region() as found:
        yield found


@pytest.fixture(autouse=True)
def sealed() -> Iterator[None]:
    """Nothing leaves this machine, nor is it tried."""
    with no_way_out() as tried:
        yield
    assert tried == []


@pytest.fixture
def said() -> list[str]:
    """What was told."""
    return []


@pytest.fixture
def aws(region: LocalRegion, said: list[str]) -> RealAws:
    """The region as an account, with nothing of another test in it."""
    account = in_place_of_aws(region.info, say=said.append)
    account.remove_everything(seconds=120)
    said.clear()
    return account


def begun(aws: RealAws, lesson: str) -> RealAws:
    """The account, with the tags of a lesson."""
    aws.begin(Plan(lesson, read_plan("05 | 1 Aurora db.t4g.medium").items))
    return aws


def make_cluster(aws: RealAws, name: str, instances: int, **asked: Any) -> None:
    """A tagged cluster of tagged instances NAME-1 ..., none of them waited for."""
    aws.rds.create_db_cluster(
        DBClusterIdentifier=name, Engine="aurora-postgresql", Tags=aws.tags, **LOGIN, **asked
    )
    for number in range(1, instances + 1):
        aws.rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-{number}", DBClusterIdentifier=name, Tags=aws.tags, **AURORA
        )


def make_one_of_each(aws: RealAws, region: LocalRegion, name: str) -> None:
    """What a lesson might make, and what might hinder its removal: protection, a reader that carries no tag."""
    rds, tags = aws.rds, aws.tags
    rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=f"{name}-cpg", Tags=tags, **OF_17)
    rds.create_db_parameter_group(DBParameterGroupName=f"{name}-pg", Tags=tags, **OF_17)
    make_cluster(
        aws,
        name,
        1,
        DeletionProtection=True,
        DBClusterParameterGroupName=f"{name}-cpg",
        CopyTagsToSnapshot=True,
    )
    rds.create_db_instance(DBInstanceIdentifier=f"{name}-bare", DBClusterIdentifier=name, **AURORA)
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-rds",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        DeletionProtection=True,
        Tags=tags,
        **LOGIN,
    )
    region.wait_available(name)
    rds.create_db_cluster_endpoint(
        DBClusterIdentifier=name,
        DBClusterEndpointIdentifier=f"{name}-report",
        EndpointType="READER",
        StaticMembers=[f"{name}-bare"],
    )
    rds.create_db_cluster_snapshot(
        DBClusterIdentifier=name, DBClusterSnapshotIdentifier=f"{name}-snapshot", Tags=tags
    )
    rds.get_waiter("db_cluster_snapshot_available").wait(
        DBClusterSnapshotIdentifier=f"{name}-snapshot", WaiterConfig={"Delay": 1}
    )


def kinds(aws: RealAws, lesson: str | None = None) -> Counter[str]:
    """How many things of each kind there are."""
    return Counter(thing.kind.title for thing in aws.leftovers(lesson))


class CutShortError(Exception):
    """Somebody has closed the notebook."""


def cut_short_at(number: int, said: list[str]) -> Callable[[str], None]:
    """Say so many sentences, and then no more."""

    def say(sentence: str) -> None:
        said.append(sentence)
        if len(said) == number:
            raise CutShortError

    return say


def test_all_of_a_lesson_is_removed_also_when_it_is_cut_short_again_and_again(
    aws: RealAws, region: LocalRegion
) -> None:
    kept = region.cluster(instances=1, prefix="kept")
    name = unique("made")
    begun(aws, "03")
    aws.rds.create_db_parameter_group(DBParameterGroupName=f"{name}-other", Tags=aws.tags, **OF_17)
    make_one_of_each(begun(aws, "02"), region, name)
    assert kinds(aws, "02") == {
        "custom endpoint": 1,
        "DB instance": 3,
        "DB cluster": 1,
        "cluster snapshot": 1,
        "cluster parameter group": 1,
        "parameter group": 1,
    }
    rounds: list[list[str]] = []
    while not rounds or not rounds[-1][-1].startswith("Looked again"):
        rounds.append([])
        # Another program each time, which knows nothing of the earlier ones.
        again = in_place_of_aws(region.info, say=cut_short_at(2, rounds[-1]))
        with suppress(CutShortError):
            again.remove_everything("02", seconds=120)
    assert len(rounds) > 3
    told = [sentence for each in rounds for sentence in each]
    assert f"taking the deletion protection off DB cluster {name}" in told
    assert f"taking the deletion protection off DB instance {name}-rds" in told
    assert told[-1] == "Looked again: nothing tagged made-by=aurora-lab and lesson=02 is left in this Region."
    assert kinds(aws, "02") == Counter()
    assert kinds(aws) == {"parameter group": 1}, "that of lesson 03"
    assert list(region.instances(kept)) == [f"{kept}-1"]


def test_what_is_just_being_made_goes_too(aws: RealAws, said: list[str]) -> None:
    make_cluster(begun(aws, "02"), unique("young"), 2)
    aws.remove_everything(seconds=120)
    assert kinds(aws) == Counter()
    assert said[-1].startswith("Looked again: nothing")


def test_a_stopped_cluster_is_started_to_be_removed(
    aws: RealAws, region: LocalRegion, said: list[str]
) -> None:
    name = unique("stopped")
    make_cluster(begun(aws, "02"), name, 1)
    region.wait_available(name)
    aws.rds.stop_db_cluster(DBClusterIdentifier=name)
    eventually(lambda: region.describe(name)["Status"] == "stopped", "it is stopped")
    aws.remove_everything(seconds=120)
    assert f"starting DB cluster {name}: AWS deletes no stopped cluster" in said
    assert kinds(aws) == Counter()


def test_what_does_not_go_is_named_and_not_called_gone(
    aws: RealAws, region: LocalRegion, said: list[str]
) -> None:
    # Somebody else's cluster uses a parameter group of ours.
    group = unique("used")
    aws.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=group, Tags=begun(aws, "02").tags, **OF_17
    )
    user = region.cluster(instances=0, prefix="user", DBClusterParameterGroupName=group)
    with pytest.raises(RealAwsError, match=rf"still billed: cluster parameter group {group}.*console.*State"):
        aws.remove_everything(seconds=1)
    assert not any(sentence.startswith("Looked again") for sentence in said)
    region.rds.delete_db_cluster(DBClusterIdentifier=user, SkipFinalSnapshot=True)
    aws.remove_everything(seconds=60)
    assert kinds(aws) == Counter()


def answers_of_dns(region: LocalRegion) -> Callable[[str], str]:
    """As AWS's DNS answers: an address of the network of the account."""

    def look(host: str) -> str:
        name, _, rest = host.partition(".")
        writer = region.writer(name) if rest.startswith("cluster-") else name
        return f"10.0.0.{sum(writer.encode()) % 250}"

    return look


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_cells_of_a_lesson_make_what_they_say_tag_it_and_remove_it(
    lesson: str, aws: RealAws, region: LocalRegion, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.1)))  # AWS takes minutes
    monkeypatch.setattr(socket, "gethostbyname", answers_of_dns(region))
    names: dict[str, Any] = {"lab": SimpleNamespace(aws=aws), "time": time}
    cells = RealAwsCells(run=lambda source: exec(source, names), say=said.append)
    cells.allow(aws)
    asking, *sources = [
        cell.source for cell in read_source(PLACES.source(lesson)).cells if cell.role == REAL_AWS
    ]
    assert asking.startswith("# lab.use_real_aws(")
    for source in sources[:-1]:
        cells.cell(magic_line(source), source.partition("\n")[2])
    things = [thing for thing in aws.leftovers(lesson) if thing.kind.title in ("DB instance", "DB cluster")]
    assert all(thing.tags["lesson"] == lesson and thing.tags["expires"] for thing in things)
    made = aws.rds.describe_db_instances()["DBInstances"]
    made = [item for item in made if item["DBInstanceIdentifier"].startswith("aurora-lab-")]
    assert {item["DBInstanceIdentifier"] for item in made} <= {thing.name for thing in things}
    plan = lesson_plan(PLACES.lesson(lesson))
    assert plan is not None
    assert Counter(map(priced, made)) == Counter(
        {(item.product, item.size, item.gigabytes): item.count for item in plan.items}
    )
    assert not any(item["PubliclyAccessible"] for item in made)
    assert "aws.remove_everything()" in sources[-1]
    cells.cell(magic_line(sources[-1]), sources[-1].partition("\n")[2])
    assert kinds(aws) == Counter()


def priced(item: dict[str, Any]) -> tuple[str, str, int]:
    """What an instance is billed as."""
    if item["Engine"].startswith("aurora"):
        return "Aurora", item["DBInstanceClass"], 0
    product = "RDS Multi-AZ" if item["MultiAZ"] else "RDS"
    return product, item["DBInstanceClass"], item["AllocatedStorage"]


def test_the_commands_on_the_lab(aws: RealAws, region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_LAB_HOME", str(region.home.folder))
    name = unique("made")
    make_cluster(begun(aws, "05"), name, 1)

    def run(*arguments: str, **options: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["aws", *arguments, "--on-lab"], **options)
        return result.exit_code, result.output

    code, text = run("check")
    assert code == 0, text
    assert "Account 123456789012" in text
    assert "us-west-2 of the lab on this machine, not of AWS" in text
    assert "aurora-postgresql: version 17." in text
    assert f"DB cluster {name} (" in text
    assert "lesson 05, expires in 2.0 h" in text
    code, text = run("plan", "05")
    assert code == 0, text
    assert "1 x Aurora db.t4g.medium: $0.073 an hour" in text
    assert "[8.13] db.t4g.medium / .large" in text
    assert "made-by=aurora-lab, lesson=05, expires=" in text
    assert "Nothing was made" in text
    code, text = run("teardown", "05", input="n\n")
    assert (code, "Nothing was removed" in text) == (1, True), text
    assert kinds(aws, "05") == {"DB cluster": 1, "DB instance": 1}
    code, text = run("teardown", "5", "--yes")
    assert (code, "nothing tagged made-by=aurora-lab and lesson=05 is left" in text) == (0, True), text
    assert kinds(aws) == Counter()
    code, text = run("teardown")
    assert (code, "is left in this Region" in text) == (0, True), "there is nothing to ask about"
    code, text = run("check")
    assert (code, "Nothing tagged made-by=aurora-lab is there." in text) == (0, True)
