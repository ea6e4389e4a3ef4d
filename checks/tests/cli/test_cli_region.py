"""The command line on a real region, as a person uses it: a real shell, real clients."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aurora_lab.region import client
from aurora_lab.region.environment import program_folders
from aurora_lab.region.home import Home
from jupyter_session import environment as jupyter_environment
from jupyter_session import opened
from local_region import PASSWORD, LocalRegion, eventually, local_region, short_folder

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120.0


def bash(script: str, home: Home, *, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `script` in a bash that has `aurora-lab` on its PATH, and an account of its own."""
    environ = {
        "PATH": os.pathsep.join([*program_folders(None), "/usr/bin", "/bin"]),
        "HOME": os.environ.get("HOME", "/"),
        "AURORA_LAB_HOME": str(home.folder),
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-west-1",
        **more,
    }
    done = subprocess.run(
        ["bash", "--norc", "-eu", "-o", "pipefail", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert not check or done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def real() -> Iterator[LocalRegion]:
    """A region with a cluster of one instance."""
    with local_region() as found:
        found.name = found.cluster(1, prefix="cli")  # type: ignore[attr-defined]
        yield found


def readme_session() -> str:
    """The commands that the README has a learner type in a terminal."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (session,) = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(session)


def test_a_region_that_jupyterlab_started_stops_from_another_process(tmp_path: Path) -> None:
    folder = short_folder()
    home = Home(folder / "home")
    environ = {**jupyter_environment(tmp_path), "AURORA_LAB_HOME": str(home.folder)}
    try:
        with opened(tmp_path, environ, "--runtime", "embedded") as lab:
            begun = time.monotonic()
            bash("aurora-lab stop", home)
            assert time.monotonic() - begun < 30
            bash("aurora-lab start --runtime embedded", home)
            assert "The region goes on" in lab.end()
        assert client.running(home) is not None
    finally:
        client.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        shutil.rmtree(folder)


def test_what_the_readme_has_one_type_in_a_terminal_works() -> None:
    folder = short_folder()
    home = Home(folder / "home")
    try:
        started = bash("aurora-lab start --runtime embedded; aurora-lab start", home)
        assert started.stdout.count("The region us-west-2 is ready (embedded runtime)") == 2
        done = bash('eval "$(aurora-lab env)"\n' + readme_session(), home)
        assert re.search(r"shop-2 +\| tea", done.stdout), done.stdout
        assert re.search(r"shop-1 +writer +available", done.stdout)
        assert "Started" in done.stdout or "failover" in done.stdout.lower()
        stopped = bash("aurora-lab stop; aurora-lab stop", home)
        assert stopped.stdout.splitlines()[-1] == "The region is not running."
        assert bash("aurora-lab status", home, check=False).returncode == 1
    finally:
        client.stop(home)
        shutil.rmtree(home.data, ignore_errors=True)
        shutil.rmtree(folder)


def test_env_and_back_in_a_real_shell(real: LocalRegion) -> None:
    script = """
        before=$PATH
        eval "$(aurora-lab env)"
        aws sts get-caller-identity --query Account --output text
        echo "${AWS_PROFILE-none} $AWS_REGION $PGHOSTADDR"
        command -v psql
        eval "$(aurora-lab env --unset)"
        echo "$AWS_PROFILE $AWS_REGION ${AWS_ENDPOINT_URL-none} ${PGHOSTADDR-none}"
        [ "$PATH" = "$before" ] && echo same
    """
    said = bash(script, real.home).stdout.splitlines()
    assert said[0] == "123456789012"
    assert said[1] == f"none us-west-2 {real.info.address}"
    assert said[2].endswith("/psql")
    assert said[3:] == ["work eu-west-1 none none", "same"]


def test_psql_reaches_the_cluster_by_its_names(real: LocalRegion) -> None:
    name = real.name  # type: ignore[attr-defined]
    ask = "-- -Atc 'SELECT current_user, aurora_db_instance_identifier(), inet_server_port() IS NOT NULL'"
    for endpoint in ("", "writer", "reader", f"{name}-1"):
        done = bash(f"aurora-lab psql {name} {endpoint} {ask}", real.home, PGPASSWORD=PASSWORD)
        assert done.stdout == f"teacher|{name}-1|t\n"
    wrong = bash(f"aurora-lab psql {name} {ask}", real.home, check=False, PGPASSWORD="wrong")
    assert wrong.returncode == 2
    assert "password authentication failed" in wrong.stderr


def test_logs_of_the_region_and_of_a_server(real: LocalRegion) -> None:
    name = real.name  # type: ignore[attr-defined]
    assert "ready:" in bash("aurora-lab logs -n 500", real.home).stdout
    assert "database system is ready" in bash(f"aurora-lab logs {name}-1 -n 500", real.home).stdout
    unknown = bash("aurora-lab logs nobody", real.home, check=False)
    assert f"Those there are: {name}-1." in unknown.stderr


def test_status_as_json_can_be_read_by_a_program(real: LocalRegion) -> None:
    name = real.name  # type: ignore[attr-defined]
    state = json.loads(bash("aurora-lab status --json", real.home).stdout)
    (cluster,) = (item for item in state["clusters"] if item["id"] == name)
    assert cluster["instances"][0]["role"] == "writer"


def test_reset_ends_the_servers_of_a_region_that_was_killed() -> None:
    folder = short_folder()
    region = LocalRegion(folder / "home")
    try:
        info = region.start()
        name = region.cluster(1)
        servers = [each for each in psutil.process_iter() if _works_below(each, region.home.data)]
        assert servers
        psutil.Process(info.pid).kill()
        eventually(
            lambda: not psutil.pid_exists(info.pid) or client.running(region.home) is None, "it is dead"
        )
        done = bash("aurora-lab reset --yes", region.home)
        (aside,) = region.home.folder.parent.glob("home.20*")
        assert str(aside) in done.stdout
        eventually(lambda: not any(each.is_running() for each in servers), "its servers have ended")
        region.start()
        assert client.status(region.home)["clusters"] == []
        assert name not in bash("aurora-lab status", region.home).stdout
    finally:
        client.stop(region.home)
        shutil.rmtree(region.home.data, ignore_errors=True)
        shutil.rmtree(folder)


def _works_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return (
            any(word.startswith(str(folder)) for word in process.cmdline()) and "postgres" in process.name()
        )
    except psutil.Error:
        return False


def test_the_command_is_quick_enough_to_be_typed(real: LocalRegion) -> None:
    assert sys.executable
    done = bash("time -p aurora-lab env >/dev/null", real.home)
    took = float(re.search(r"user ([\d.]+)", done.stderr)[1])  # type: ignore[index]
    assert took < 1.0, "each terminal of JupyterLab waits for this"


def test_a_damaged_state_file_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.folder.mkdir()
    home.state.write_bytes(b"half of a state file")
    failed = bash("aurora-lab start --runtime embedded", home, check=False)
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "Run `aurora-lab reset` to start afresh" in failed.stderr
    assert home.state.read_bytes() == b"half of a state file", "it may be of use to somebody yet"


def test_containers_without_an_engine_are_one_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    script = "aurora-lab start --runtime containers"
    failed = bash(script, home, check=False, DOCKER_HOST="tcp://127.0.0.1:1")
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "Docker" in failed.stderr or "engine" in failed.stderr
