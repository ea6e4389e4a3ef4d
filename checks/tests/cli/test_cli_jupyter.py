from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from stand_in_region import StandIn, stand_in_region

from aurora_lab.cli import terminal
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.jupyter import Session, arguments, free_port, wants_browser
from aurora_lab.region.home import DUMMY_KEY, Home
from jupyter_session import SECONDS, Lab, environment, opened, run_in_kernel, run_in_terminal


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One JupyterLab on a stand-in for the region, for all looks at it."""
    folder = Path(tempfile.mkdtemp(prefix="aurora-lab-test-"))
    lessons = folder / "course" / "lessons"
    lessons.mkdir(parents=True)
    (folder / "course" / "checks").mkdir()
    cell = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Hands on"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (lessons / "05_hands_on_psql.ipynb").write_text(json.dumps(notebook))
    environ = {
        **environment(folder),
        "AURORA_LAB_HOME": str(folder / "home"),
        "AURORA_LAB_COURSE": str(folder / "course"),
        "AURORA_LAB_WORKSPACE": str(folder / "work"),
    }
    with stand_in_region(Home(folder / "home")), opened(folder, environ) as found:
        yield found
    shutil.rmtree(folder)


def test_the_address_opens_the_first_lesson(lab: Lab) -> None:
    assert urlsplit(lab.address).path == "/lab/tree/05_hands_on_psql.ipynb"
    assert "JupyterLab" in lab.ask("lab/tree/05_hands_on_psql.ipynb")
    assert [item["name"] for item in lab.ask("api/contents")["content"]] == ["05_hands_on_psql.ipynb"]


def test_nobody_gets_in_without_the_token(lab: Lab) -> None:
    for token in ("", "not-this-one"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            lab.ask("api/kernels", token=token)
        assert refusal.value.code == 403
        refusal.value.close()


def test_a_kernel_has_the_environment(lab: Lab) -> None:
    code = (
        "import json, os, shutil, sys; print(json.dumps({'environ': dict(os.environ), 'python': sys.prefix,"
        "'cwd': os.getcwd(), **{name: shutil.which(name) for name in ('aws', 'psql', 'aurora-lab')}}))"
    )
    seen = json.loads(run_in_kernel(lab, code))
    environ = seen["environ"]
    assert environ["AWS_ACCESS_KEY_ID"] == DUMMY_KEY
    assert environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert (environ["PGHOSTADDR"], environ["PGPORT"]) == ("127.0.0.1", "5499")
    assert not {"AWS_PROFILE", "PGSERVICE", "JUPYTER_TOKEN"} & set(environ)
    assert "a-real-secret" not in str(environ)
    assert seen["python"] == sys.prefix
    assert Path(seen["cwd"]) == Path(environ["AURORA_LAB_WORKSPACE"])
    assert Path(seen["aws"]).parent == Path(seen["aurora-lab"]).parent
    assert seen["psql"]


def test_programs_called_from_a_cell_have_it_too(lab: Lab) -> None:
    printed = run_in_kernel(lab, "!psql --version\n!aws --version\n!echo $PGHOSTADDR")
    assert "psql (PostgreSQL)" in printed
    assert "aws-cli/" in printed
    assert "127.0.0.1" in printed


def test_a_terminal_has_the_environment(lab: Lab) -> None:
    command = 'echo "$(command -v aws psql aurora-lab | wc -l) $PGHOSTADDR <$AWS_PROFILE> d""one"'
    assert "3 127.0.0.1 <> done" in run_in_terminal(lab, command, "done\r\n")


def test_nothing_is_fetched_from_outside(lab: Lab) -> None:
    assert lab.ask("lab/api/news")["news"] == []
    assert lab.ask("lab/api/update")["notification"] is None
    page = lab.ask("lab/tree/05_hands_on_psql.ipynb")
    config = json.loads(
        page.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0]
    )
    assert config["news"] == {"disabled": True}
    assert config["extensionManager"]["name"] == "read-only"
    assert not config["extensionManager"]["can_install"]
    assert {"@jupyter/nbgrader", "@jupyterlab/extensionmanager-extension"} <= set(
        config["disabledExtensions"]
    )
    setting = lab.ask("lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert setting["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert setting["schema"]["properties"]["checkForUpdates"]["default"] is False


def test_autosave_is_on(lab: Lab) -> None:
    setting = lab.ask("lab/api/settings/@jupyterlab/docmanager-extension:plugin")
    assert setting["schema"]["properties"]["autosave"]["default"] is True
    assert setting["schema"]["properties"]["autosaveInterval"]["default"] == 30


def test_ctrl_c_ends_it_with_one_sentence_and_a_second_start_is_found_at_the_same_place(
    tmp_path: Path, region: StandIn
) -> None:
    environ = environment(tmp_path)
    with opened(tmp_path, environ) as first:
        again = subprocess.run(
            [sys.executable, "-m", "aurora_lab.cli", "--no-browser", "07"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert "JupyterLab runs already" in again.stderr
        assert again.stdout.strip() == first.address.replace("05_hands_on_psql", "07_auto_scaling")
        said = first.end()
        assert first.process.returncode == 0
    assert said.splitlines()[-1] == (
        "JupyterLab has ended. The region goes on; stop it with `aurora-lab stop`."
    )
    assert "Traceback" not in said
    assert region.calls == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_without_a_home_folder(region: StandIn, home: Home, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    # Whatever the machine, `nobody` must reach this package and its Python; where the way is closed to
    # others, there is nothing that could be tried.
    ways = [Path(sys.executable).resolve(), Path(terminal.__file__), Path(sys.prefix)]
    if not all(parent.stat().st_mode & 0o001 for way in ways for parent in way.parents):
        pytest.skip("this Python or this checkout lies in a folder that other users may not enter")
    with tempfile.TemporaryDirectory(prefix="aurora-lab-test-") as folder:
        own = Path(folder)
        shutil.copytree(home.folder, own / "home")
        shutil.copytree(tmp_path / "course", own / "course")
        for path in (own, *own.rglob("*")):
            os.chown(path, nobody, nobody)
        environ = {
            **environment(own),
            "AURORA_LAB_HOME": str(own / "home"),
            "AURORA_LAB_COURSE": str(own / "course"),
            "AURORA_LAB_WORKSPACE": str(own / "work"),
        }
        with opened(own, environ, user=nobody) as lab:
            assert run_in_kernel(lab, "import os; print(os.getuid())").strip() == str(nobody)
    assert region.calls == []


def test_root_is_allowed_only_where_it_is_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path / "jupyter", tmp_path)
    session.prepare()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--ServerApp.allow_root=False" in arguments(session, None, 8888, False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--ServerApp.allow_root=True" in arguments(session, None, 8888, False)


def test_two_that_start_at_once_get_ports_of_their_own() -> None:
    with free_port(None) as first, free_port(None) as second, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert first != second
        with pytest.raises(LabError, match="is taken"), free_port(taken.getsockname()[1]):
            pass
        with free_port(first) as wanted:
            assert wanted == first


def test_the_token_is_kept_and_only_ones_own(tmp_path: Path) -> None:
    session = Session(tmp_path / "jupyter", tmp_path)
    session.prepare()
    token = session.token()
    assert session.token() == token
    assert len(token) == 48
    assert (session.folder / "token").stat().st_mode & 0o077 == 0
    assert session.folder.stat().st_mode & 0o077 == 0


def test_a_browser_in_the_terminal_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("aurora_lab.cli.jupyter._windows_subsystem", lambda: False)
    assert not wants_browser({"TERM": "xterm"})
    assert wants_browser({"DISPLAY": ":0"})
    assert wants_browser({"WAYLAND_DISPLAY": "wayland-0"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_terminals_shell_keeps_ones_own_settings_and_ends_in_the_region(
    shell: str, tmp_path: Path, home: Home, region: StandIn
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    # Start-up files that do the worst: another PATH, another account.
    own = tmp_path / "own"
    posix = "PATH=/usr/bin:/bin; export AWS_PROFILE=work OWN_SETTING=kept\n"
    fish = "set -gx PATH /usr/bin /bin; set -gx AWS_PROFILE work; set -gx OWN_SETTING kept\n"
    for name, text in ((".bashrc", posix), (".zshrc", posix), (".config/fish/config.fish", fish)):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    terminal.write_files(tmp_path)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(own),
        "SHELL": program,
        "TERM": "dumb",
        "AURORA_LAB_HOME": str(home.folder),
    }
    show = 'echo "$OWN_SETTING $AWS_ENDPOINT_URL <$AWS_PROFILE>"; command -v aws; command -v psql; exit\n'
    done = subprocess.run(
        terminal.command(tmp_path, environ),
        env=environ,
        input=show,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=SECONDS,
        check=False,
    )
    assert f"kept {region.url} <>" in done.stdout, done.stderr
    assert f"{Path(sys.executable).parent}/aws" in done.stdout
    assert "/psql" in done.stdout
