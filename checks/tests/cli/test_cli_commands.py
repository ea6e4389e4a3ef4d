from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from stand_in_region import DOMAIN, Run, StandIn, cluster, instance

import aurora_lab
from aurora_lab import cli
from aurora_lab.cli import connect
from aurora_lab.cli.main import COMMANDS, main
from aurora_lab.region.clock import timestamp
from aurora_lab.region.home import Home

NOT_RUNNING = "aurora-lab: The region is not running. Start it with `aurora-lab start`.\n"


@pytest.fixture
def shop(region: StandIn) -> StandIn:
    """A region with a cluster of two instances and a custom endpoint."""
    custom = {"endpoint": f"reports.cluster-custom-{DOMAIN}", "type": "READER"}
    region.clusters = [
        cluster("shop", instance("shop-1", "writer"), instance("shop-2", "reader"), custom=[custom])
    ]
    return region


def test_every_command_says_what_it_does(run: Run) -> None:
    listed = run("--help").output
    for name in COMMANDS:
        shown = run(name, "--help")
        assert shown.exit_code == 0
        assert "Usage: aurora-lab" in shown.output
        assert re.search(rf"^  {name} ", listed, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments", [["status"], ["status", "--json"], ["events"], ["env"], ["psql", "shop"]]
)
def test_a_stopped_region_is_one_sentence(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", NOT_RUNNING)


@pytest.mark.usefixtures("region")
def test_a_region_that_was_killed_counts_as_stopped(run: Run, home: Home) -> None:
    text = home.info_file.read_text()
    home.info_file.write_text(re.sub(r'"http_port": \d+', '"http_port": 1', text))
    assert run("status").stderr == NOT_RUNNING
    home.info_file.write_text(text[: len(text) // 2])
    assert run("status").stderr == NOT_RUNNING


def test_stop_where_nothing_runs_is_no_failure(run: Run) -> None:
    result = run("stop")
    assert (result.exit_code, result.stdout) == (0, "The region is not running.\n")


def test_status_shows_all_of_the_region(run: Run, shop: StandIn) -> None:
    shown = run("status").stdout
    for part in (
        shop.url,
        "embedded: no container engine answers; PostgreSQL 17.10",
        "10 times faster",
        "region 60 MB, servers 36 MB",
        "127.0.0.1:5499",
        f"shop.cluster-{DOMAIN}  port 5432",
        f"shop.cluster-ro-{DOMAIN}",
        f"reports.cluster-custom-{DOMAIN}",
    ):
        assert part in shown
    writer, reader = (line for line in shown.splitlines() if "db.r6g.large" in line)
    assert re.search(r"shop-1 +writer +available +us-west-2a +1 .* running +- +18 MB", writer)
    assert re.search(r"shop-2 +reader +available .* 3 ms +18 MB", reader)


def test_status_before_there_is_anything(run: Run, region: StandIn) -> None:
    assert "There is no cluster yet" in run("status").stdout
    region.clusters = [cluster("empty")]
    assert "no instance yet" in run("status").stdout


def test_status_as_json_is_what_the_region_said(run: Run, shop: StandIn) -> None:
    state = json.loads(run("status", "--json").stdout)
    assert state["clusters"] == shop.clusters
    assert state["url"] == shop.url


def test_start_of_a_running_region_changes_its_scale_only_when_asked(run: Run, region: StandIn) -> None:
    again = run("start")
    assert again.exit_code == 0
    assert again.stderr.startswith("This region runs already: ")
    assert region.calls == []
    result = run("start", "--scale", "50", "--runtime", "containers")
    assert region.calls == [("scale", {"scale": 50.0})]
    assert "It runs with the embedded runtime." in result.stderr


def test_the_lag_of_the_readers_is_shown_and_set(run: Run, region: StandIn) -> None:
    assert run("lag").stdout == "Readers show a commit 20 ms after it was made.\n"
    assert region.calls == []
    assert run("lag", "500").exit_code == 0
    assert region.calls == [("replica-lag", {"milliseconds": 500})]


def test_events_are_those_of_the_last_hour(run: Run, region: StandIn) -> None:
    def event(minutes: int, message: str) -> dict[str, str]:
        at = timestamp(datetime.now(UTC) - timedelta(minutes=minutes))
        return {"at": at, "SourceType": "db-cluster", "SourceIdentifier": "shop", "Message": message}

    region.events = [event(90, "long ago"), event(5, "DB cluster created")]
    shown = run("events").stdout
    assert "shop: DB cluster created" in shown
    assert "long ago" not in shown
    assert "long ago" in run("events", "--minutes", "120").stdout
    assert len(json.loads(run("events", "--json").stdout)) == 1


@pytest.mark.parametrize(
    ("wanted", "host"),
    [
        ([], f"shop.cluster-{DOMAIN}"),
        (["writer"], f"shop.cluster-{DOMAIN}"),
        (["reader"], f"shop.cluster-ro-{DOMAIN}"),
        (["SHOP-2"], f"shop-2.{DOMAIN}"),
        (["reports"], f"reports.cluster-custom-{DOMAIN}"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_psql_goes_to_the_right_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, wanted: list[str], host: str
) -> None:
    became: list[tuple[list[str], dict[str, str]]] = []
    words = ["-Atc", "SELECT 1", "--", "-x"]
    monkeypatch.setattr(connect, "_run", lambda command, environment: became.append((command, environment)))
    os.environ["PGPASSWORD"] = "given"
    os.environ["PGSERVICE"] = "production"
    result = run("psql", "Shop", *wanted, "--", *words)
    assert result.exit_code == 0, result.output
    ((command, environment),) = became
    assert Path(command[0]).name == "psql"
    assert command[1:9] == ["-h", host, "-p", "5432", "-U", "teacher", "-d", "postgres"]
    assert command[9:] == words
    assert environment["PGPASSWORD"] == "given"
    assert environment["PGHOSTADDR"] == "127.0.0.1"
    assert "PGSERVICE" not in environment


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["psql", "store"], "There is no cluster 'store'. Those there are: shop."),
        (
            ["psql", "shop", "shop-9"],
            "has no instance or endpoint 'shop-9'. There are: writer, reader, shop-1",
        ),
        (["start", "--scale", "nan"], "it must be a number from 0.1 to 1000"),
        (["start", "--runtime", "podman"], "'podman' is not one of 'auto', 'embedded', 'containers'"),
        (["lag", "60001"], "60001 is not in the range 0<=x<=60000"),
        (["lag", "long"], "'long' is not a valid integer"),
        (["strat"], "No such command 'strat'"),
        (["--frobnicate"], "No such option '--frobnicate'"),
        (["env", "--shell", "tcsh"], "'tcsh' is not one of"),
        (["open", "--port", "99999"], "99999 is not in the range"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_cannot_be_done_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("aurora-lab: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.usefixtures("region")
def test_an_unknown_cluster_where_there_is_none(run: Run) -> None:
    assert "the region has no cluster yet" in run("psql", "shop").stderr


def test_the_unexpected_is_a_sentence_and_its_traceback_is_kept(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.folder.mkdir()

    def fail() -> None:
        raise KeyError("a line\nand another")

    monkeypatch.setattr("aurora_lab.cli.context.home", fail)
    result = run("status")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"The details are in {home.folder / 'cli.log'}" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in (home.folder / "cli.log").read_text()
    home.folder.joinpath("cli.log").unlink()
    home.folder.rmdir()
    kept = re.search(r"details are in (\S+)\. Please", run("status").stderr)
    assert kept is not None
    log = Path(kept[1])
    assert "Traceback" in log.read_text()
    log.unlink()


@pytest.mark.parametrize(
    ("arguments", "opens"),
    [
        ([], []),
        (["--no-browser"], ["--no-browser"]),
        (["05"], ["05"]),
        (["--home", "status", "--no-browser", "7"], ["--home", "status", "--no-browser", "7"]),
        (["--port", "9000"], ["--port", "9000"]),
        (["status"], None),
        (["--home", "/x", "status"], None),
        (["--help"], None),
        (["--version"], None),
        (["open", "05"], None),
    ],
)
def test_without_a_command_the_lessons_are_opened(arguments: list[str], opens: list[str] | None) -> None:
    with click.Context(main, info_name="aurora-lab", resilient_parsing=False) as context:
        try:
            main.parse_args(context, list(arguments))
        except click.exceptions.Exit:
            assert opens is None
            return
    given = [*context._protected_args, *context.args]
    assert (given == ["open", *(opens or [])]) == (opens is not None)


def test_a_home_before_the_command_counts(run: Run, tmp_path: Path) -> None:
    assert run("--home", str(tmp_path / "there"), "stop").exit_code == 0
    assert os.environ["AURORA_LAB_HOME"] == str(tmp_path / "there")


def test_the_command_line_starts_fast_by_importing_late() -> None:
    heavy = {"boto3", "jupyterlab", "psycopg", "rich.console", "docker", "moto", "flask"}
    code = (
        "import sys; import aurora_lab.cli.main, aurora_lab.cli.connect, aurora_lab.cli.control;"
        "print(*[name for name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "aurora_lab.cli.connect" in loaded
    assert not heavy & loaded


@pytest.mark.parametrize("module", [aurora_lab, cli])
def test_an_old_python_gets_as_far_as_the_sentence(module: object) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    ast.parse(source, feature_version=(3, 7))


def test_an_old_python_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.version_complaint((3, 11)) == cli.version_complaint((3, 13)) == ""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(
        SystemExit, match=r"needs Python 3.11, 3.12 or 3.13, and this is Python 3.9\. Run `uv"
    ):
        importlib.reload(cli)
