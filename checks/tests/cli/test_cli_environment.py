from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.region.environment import ELSEWHERE, SAVED, enter, inside, leave, program_folders
from aurora_lab.region.home import DUMMY_KEY, Home, RegionInfo

HOME = Home(Path("/somewhere/home"))
INFO = RegionInfo(1, 4566, "127.0.0.1", 5499, "token", "us-west-2", "embedded")
TOOLS = Path("/somewhere/postgresql/bin")

NAMES = [
    *ELSEWHERE[:4],
    "PGHOST",
    "PGPORT",
    "PGPASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_REGION",
    "AWS_ENDPOINT_URL_RDS",
    "AURORA_LAB_HOME",
    "HTTPS_PROXY",
    "NO_PROXY",
    "LANG",
]
environments = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=8), max_size=8)
paths = st.lists(st.sampled_from(["/usr/bin", "/bin", "/opt/a b/bin", str(TOOLS)]), unique=True)


def test_the_environment_leads_to_the_region_and_only_there() -> None:
    before = {
        "PATH": "/usr/bin",
        "AWS_PROFILE": "work",
        "AWS_ENDPOINT_URL_RDS": "https://rds.example",
        "PGSERVICE": "production",
        "PGSSLSNI": "0",
        "LANG": "C",
    }
    after = enter(HOME, INFO, TOOLS, before).apply(before)
    assert after["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert after["AWS_ACCESS_KEY_ID"] == DUMMY_KEY
    assert (after["PGHOSTADDR"], after["PGPORT"]) == ("127.0.0.1", "5499")
    assert after["LANG"] == "C"
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_RDS", "PGSERVICE", "PGSSLSNI"} & set(after)
    assert after["PATH"].split(os.pathsep) == [*program_folders(TOOLS), "/usr/bin"]


@given(environments, paths)
def test_the_way_back_brings_what_was_there(before: dict[str, str], path: list[str]) -> None:
    before = {**before, "PATH": os.pathsep.join(path)}
    there = enter(HOME, INFO, TOOLS, before).apply(before)
    twice = enter(HOME, INFO, TOOLS, there).apply(there)
    for entered in (there, twice):
        assert leave(HOME, TOOLS, entered).apply(entered) == before


@given(environments)
def test_outside_the_way_back_changes_nothing(before: dict[str, str]) -> None:
    before = {**before, "PATH": "/usr/bin", "AWS_ACCESS_KEY_ID": "AKIDREAL"}
    assert not inside(before)
    assert leave(HOME, TOOLS, before).apply(before) == before


def test_what_uv_run_put_on_the_path_is_not_taken_for_the_shells_own() -> None:
    scripts = program_folders(None)[0]
    before = {"PATH": os.pathsep.join([scripts, "/usr/bin"]), "UV": "/usr/bin/uv"}
    there = enter(HOME, INFO, TOOLS, before).apply(before)
    assert leave(HOME, TOOLS, there).apply(there)["PATH"] == "/usr/bin"


def test_no_proxy_stands_between_a_client_and_the_region() -> None:
    before = {"PATH": "/usr/bin", "https_proxy": "http://proxy:3128", "NO_PROXY": "intra.example"}
    after = enter(HOME, INFO, TOOLS, before).apply(before)
    assert after["NO_PROXY"] == after["no_proxy"] == "intra.example,127.0.0.1,localhost"
    assert "NO_PROXY" not in enter(HOME, INFO, TOOLS, {"PATH": "/usr/bin"}).values


def test_a_kernel_never_gets_the_keys_of_a_real_account() -> None:
    before = {"PATH": "/usr/bin", "AWS_ACCESS_KEY_ID": "AKIDREAL", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    after = enter(HOME, INFO, TOOLS, before, remember=False).apply(before)
    assert "AKIDREAL" not in str(after)
    assert "s3cret" not in str(after)


def test_what_is_remembered_survives_damage() -> None:
    before = {"PATH": "/usr/bin", SAVED: "{not json", "AWS_REGION": "us-west-2"}
    assert "AWS_REGION" not in leave(HOME, TOOLS, before).apply(before)
