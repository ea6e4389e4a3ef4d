"""Both runtimes keep the same contract: tools, files, replication between servers."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab_servers import USER, Lab, Standing, ask

from aurora_lab.runtime.base import ServerStartError, ToolError
from local_region import eventually

SLOW_TOOL = """
import sys
from pathlib import Path
from aurora_lab.runtime.select import choose

runtime, _ = choose(sys.argv[1], Path(sys.argv[2]))
runtime.tool(Path(sys.argv[3]), *sys.argv[4:])
"""


def test_a_standby_made_over_the_peer_address_follows_its_primary(lab: Lab) -> None:
    primary = lab.runtime.start(lab.primary())
    standby = lab.runtime.start(lab.standby(primary))
    assert ask(standby, "SELECT pg_is_in_recovery()") is True
    ask(primary, "CREATE TABLE told AS SELECT 'news' AS word")
    eventually(lambda: ask(standby, "SELECT to_regclass('told')"), "the table on the standby")
    assert ask(standby, "SELECT word FROM told") == "news"
    # The standby names itself to its primary as its server is called.
    assert ask(primary, "SELECT application_name FROM pg_stat_replication") == standby.spec.name


def test_a_standby_that_is_not_consistent_is_not_ready(lab: Lab) -> None:
    primary = lab.runtime.start(lab.primary())
    spec = lab.standby(primary, "b", "--wal-method=none")
    primary.stop()
    for segment in (spec.data / "pg_wal").glob("0*"):
        segment.unlink()
    with pytest.raises(ServerStartError, match=r"did not accept connections within 0\.5 s and was stopped"):
        lab.runtime.start(spec, seconds=0.5)
    assert lab.runtime.find(spec) is None


def test_pg_rewind_recovers_a_killed_server_by_itself(lab: Lab) -> None:
    first = lab.primary()
    configuration = first.data / "postgresql.conf"
    text = configuration.read_text() + "wal_log_hints = on\nwal_keep_size = 64MB\n"
    lab.runtime.write(configuration, text)
    old = lab.runtime.start(first)
    new = lab.runtime.start(lab.standby(old))
    ask(new, "SELECT pg_promote(true)")
    ask(new, "CHECKPOINT")
    ask(old, "CREATE TABLE lost ()")
    old.kill()
    host, port = new.peer_address
    source = f"host={host} port={port} user={USER} dbname=postgres"
    lab.runtime.tool(lab.root, "pg_rewind", "-D", str(first.data), f"--source-server={source}", "--no-sync")
    lab.runtime.write(first.data / "postgresql.auto.conf", f"primary_conninfo = '{source}'\n")
    lab.runtime.write(first.data / "standby.signal", "")
    back = lab.runtime.start(first)
    assert ask(back, "SELECT to_regclass('lost')") is None
    eventually(lambda: ask(new, "SELECT count(*) FROM pg_stat_replication") == 1, "the old one streaming")


def test_a_tool_that_fails_says_why(lab: Lab) -> None:
    with pytest.raises(ToolError, match=r"^pg_controldata failed: .*could not open file.*No such file"):
        lab.runtime.tool(lab.root, "pg_controldata", str(lab.root / "missing"))
    with pytest.raises(ToolError, match="pg_nonsense"):
        lab.runtime.tool(lab.root, "pg_nonsense")
    with pytest.raises(ToolError, match=r"No such file or directory"):
        lab.runtime.tool(lab.root / "missing", "psql", "--version")


def test_a_tool_that_takes_too_long_is_ended(standing: Standing) -> None:
    root, (host, port) = standing.lab.root, standing.server.peer_address
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"pg_receivewal did not end within 0\.5 s and was stopped"):
        standing.lab.runtime.tool(
            root, *("pg_receivewal", "-h", host, "-p", str(port), "-U", USER, "-D", str(root)), seconds=0.5
        )
    assert time.monotonic() - began < 15
    sessions = "SELECT count(*) FROM pg_stat_replication"
    eventually(lambda: ask(standing.server, sessions) == 0, "the tool's session gone")


def test_a_tool_gets_the_environment_that_it_is_given_and_no_other(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGUSER", "the-learner")
    host, port = standing.server.peer_address
    command = ("psql", "-XAt", "-h", host, "-p", str(port), "-c", "SELECT current_user", "postgres")
    assert standing.lab.runtime.tool(standing.lab.root, *command, env={"PGUSER": USER}) == f"{USER}\n"


def test_tools_that_a_dead_process_left_are_ended(lab: Lab) -> None:
    primary = lab.runtime.start(lab.primary())
    host, port = primary.peer_address
    tool = ("pg_receivewal", "-h", host, "-p", str(port), "-U", USER, "-D", str(lab.root))
    call = [sys.executable, "-c", SLOW_TOOL, lab.runtime.name, str(lab.home), str(lab.root), *tool]
    with subprocess.Popen(call, start_new_session=True) as other:
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        eventually(lambda: ask(primary, streaming) == 1, "the tool at work", 30)
        assert lab.runtime.strays(lab.root, {primary.spec.name}) == []
        assert ask(primary, streaming) == 1, "the tool of a living process was ended"
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        assert ask(primary, streaming) == 1, "the tool died with its process: this test shows nothing"
        lab.runtime.strays(lab.root, {primary.spec.name})
        eventually(lambda: ask(primary, streaming) == 0, "the tool gone", 10)


def test_files_belong_to_the_servers_user(lab: Lab) -> None:
    runtime, folder = lab.runtime, lab.root / "deep" / "folder"
    runtime.make_folder(folder)
    runtime.make_folder(folder)
    runtime.write(folder / "note", "old")
    runtime.write(folder / "note", "new: ä")
    (folder / "link").symlink_to("note")
    runtime.copy_tree(folder, lab.root / "copy")
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    for path in (
        lab.root,
        folder.parent,
        folder,
        folder / "note",
        lab.root / "copy",
        lab.root / "copy" / "note",
    ):
        state = path.stat()
        assert state.st_uid == owner, path
        assert stat.S_IMODE(state.st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (lab.root / "copy" / "note").read_text(encoding="utf-8") == "new: ä"
    assert (lab.root / "copy" / "link").readlink() == Path("note")
    assert sorted(path.name for path in folder.iterdir()) == ["link", "note"]
    with pytest.raises(ToolError, match="exists already"):
        runtime.copy_tree(folder, lab.root / "copy")
    runtime.remove_tree(folder)
    runtime.remove_tree(folder)
    assert not folder.exists()


def test_a_copy_that_fails_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(ToolError, match="could not copy"):
        lab.runtime.copy_tree(lab.root / "missing", lab.root / "copy")
    assert not (lab.root / "copy").exists()


def test_a_folder_that_was_removed_and_made_anew_is_seen_by_tools(lab: Lab) -> None:
    again = lab.root.parent / "again"
    for _ in range(2):
        lab.runtime.make_folder(again)
        lab.runtime.tool(again, "initdb", "-D", str(again / "data"), "-U", USER, "--no-locale", "--no-sync")
        assert (again / "data" / "PG_VERSION").is_file()
        lab.runtime.remove_tree(again)
