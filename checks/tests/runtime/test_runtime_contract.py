"""Both runtimes keep the same contract: starting, finding, ending servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from lab_servers import INITDB, LEARNERS, Lab, Standing, ask, connect

import docker
from aurora_lab.region.ports import free_server_port
from aurora_lab.runtime import processes
from aurora_lab.runtime.base import ServerSpec, ServerStartError
from aurora_lab.runtime.container_server import ContainerServer
from local_region import eventually

FIND_AND_STOP = """
import json, sys
from pathlib import Path
from aurora_lab.runtime.base import ServerSpec
from aurora_lab.runtime.select import choose

name, home, spec = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
runtime, _ = choose(name, home)
server = runtime.find(ServerSpec(spec["name"], Path(spec["root"]), Path(spec["data"]), 1))
print(json.dumps([server.running(), *server.address]), flush=True)
sys.stdin.readline()
server.stop()
runtime.close()
"""


def test_a_server_that_initdb_made_answers_and_names_itself(lab: Lab) -> None:
    spec = lab.spec("new")
    lab.runtime.tool(lab.root, "initdb", "-D", str(spec.data), *INITDB)
    lab.runtime.write(spec.data / "pg_hba.conf", "host all all all trust\n")
    server = lab.runtime.start(spec)
    assert server.running()
    assert server.address == ("127.0.0.1", spec.port)
    assert ask(server, "SHOW data_directory") == str(spec.data)
    assert ask(server, "SHOW cluster_name") == spec.name
    assert ask(server, "SELECT inet_server_port()") == spec.port
    assert str(ask(server, "SHOW server_version")).split()[0] == lab.runtime.version()


def test_another_process_finds_a_server_and_ends_it(lab: Lab) -> None:
    spec = lab.primary()
    server = lab.runtime.start(spec)
    described = json.dumps({"name": spec.name, "root": str(spec.root), "data": str(spec.data)})
    call = [sys.executable, "-c", FIND_AND_STOP, lab.runtime.name, str(lab.home), described]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert json.loads(other.stdout.readline()) == [True, "127.0.0.1", spec.port]
        other.stdin.write("\n")
        other.stdin.close()
        assert other.wait(30) == 0
    assert server.wait(10)
    assert not server.running()
    assert lab.runtime.find(spec) is None


def test_starting_a_running_server_takes_it_as_it_is(lab: Lab) -> None:
    spec = lab.primary()
    first = lab.runtime.start(spec)
    with connect(first) as connection:
        second = lab.runtime.start(ServerSpec(spec.name, spec.root, spec.data, free_server_port(())))
        assert second.address == first.address
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_stop_modes(lab: Lab) -> None:
    spec = lab.primary()
    for mode, recovers in (("smart", False), ("fast", False), ("immediate", True)):
        server = lab.runtime.start(spec)
        server.stop(mode)
        assert not server.running(), mode
        assert server.wait(0)
        spec.log.unlink()
        lab.runtime.start(spec).stop()
        assert ("automatic recovery in progress" in spec.log.read_text()) is recovers, mode


def test_an_unknown_stop_mode_is_refused_and_stops_nothing(standing: Standing) -> None:
    with pytest.raises(ValueError, match="use smart, fast or immediate"):
        standing.server.stop("soon")
    assert ask(standing.server, "SELECT 1") == 1


def test_stop_kills_what_does_not_stop_in_time(lab: Lab) -> None:
    server = lab.runtime.start(lab.primary())
    with connect(server):  # a smart shutdown waits for this session
        began = time.monotonic()
        server.stop("smart", seconds=0.3)
        assert 0.3 <= time.monotonic() - began < 15
    assert not server.running()


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_kill_leaves_no_process_and_loses_no_commit(lab: Lab, frozen: bool) -> None:
    spec = lab.primary()
    others = zombies()  # of other tests' processes
    server = lab.runtime.start(spec)
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    segment = processes.read_pid_file(spec.data).segment
    if lab.runtime.name == "embedded":
        assert segment in shared_memory()
    if frozen:
        server.freeze()
        server.freeze()  # twice does no harm
    server.kill()
    assert not server.running()
    assert lab.runtime.find(spec) is None
    assert list(processes.main_processes(spec.data)) == []
    if lab.runtime.name == "embedded":
        assert [each for each in zombies() if each not in others] == []
        assert segment not in shared_memory()
    server.kill()  # twice does no harm
    assert ask(lab.runtime.start(spec), "SELECT answer FROM kept") == 42


def test_stopping_a_frozen_server_ends_it_at_once(lab: Lab) -> None:
    server = lab.runtime.start(lab.primary())
    server.freeze()
    began = time.monotonic()
    server.stop(seconds=60)
    assert time.monotonic() - began < 20
    assert not server.running()


def test_a_frozen_server_hangs_and_a_thawed_one_goes_on(lab: Lab) -> None:
    server = lab.runtime.start(lab.primary())
    with connect(server) as connection:
        server.freeze()
        assert server.running()
        answers: list[object] = []
        query = threading.Thread(target=lambda: answers.append(connection.execute("SELECT 7").fetchone()))
        query.start()
        query.join(0.3)
        assert query.is_alive(), "a frozen server answered"
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(hostaddr="127.0.0.1", port=server.address[1], user="x", connect_timeout=2)
        server.thaw()
        query.join(20)
        assert answers == [(7,)]
    assert ask(server, "SELECT 8") == 8


def test_wait_returns_when_the_server_ends_and_not_before(lab: Lab) -> None:
    server = lab.runtime.start(lab.primary())
    assert not server.wait(0.1)
    ended: list[bool] = []
    waiter = threading.Thread(target=lambda: ended.append(server.wait(60)))
    waiter.start()
    server.kill()
    waiter.join(20)
    assert ended == [True]
    assert server.memory() == 0


def test_a_server_whose_main_process_somebody_killed_can_start_again(lab: Lab) -> None:
    spec = lab.primary()
    server = lab.runtime.start(spec)
    mains = [main for main, _ in processes.main_processes(spec.data)]
    if not mains:
        pytest.skip("the engine's processes are not in sight from here")
    mains[0].kill()
    assert server.wait(20)
    assert not server.running()
    assert ask(lab.runtime.start(spec), "SELECT 1") == 1


def test_strays_are_the_servers_that_nobody_knows(lab: Lab, server_folder: Path) -> None:
    known = lab.runtime.start(lab.primary("known"))
    stray = lab.runtime.start(lab.primary("stray"))
    other = server_folder / "other"
    lab.runtime.make_folder(other)
    assert lab.runtime.strays(other, ()) == []
    (found,) = lab.runtime.strays(lab.root, {known.spec.name})
    assert found.spec.name == stray.spec.name
    assert found.spec.data == stray.spec.data
    assert found.address == stray.address
    found.kill()
    assert not stray.running()
    assert known.running()


def test_a_taken_port_is_named(lab: Lab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        spec = lab.primary()
        spec = ServerSpec(spec.name, spec.root, spec.data, taken.getsockname()[1])
        with pytest.raises(
            ServerStartError, match=rf"port {spec.port} of 127.0.0.1 is taken by another program"
        ):
            lab.runtime.start(spec)
    assert ask(lab.runtime.start(spec), "SELECT 1") == 1


def test_a_broken_configuration_is_told_from_the_log(lab: Lab) -> None:
    spec = lab.primary()
    lab.runtime.write(spec.data / "postgresql.conf", "work_mem = plenty\n")
    with pytest.raises(
        ServerStartError, match=r"ended as it started.*invalid value for parameter .work_mem."
    ) as failed:
        lab.runtime.start(spec)
    assert str(spec.log) in str(failed.value)
    assert "\n" not in str(failed.value)


def test_settings_of_the_spec_are_on_the_command_line(lab: Lab) -> None:
    spec = lab.primary()
    settings = {"work_mem": "7MB", "log_line_prefix": 'it\'s %m "$HOME" ', "cluster_name": "mine"}
    server = lab.runtime.start(ServerSpec(spec.name, spec.root, spec.data, spec.port, settings))
    for name, value in settings.items():
        assert ask(server, f"SHOW {name}") == value


def test_memory_is_that_of_all_the_processes(standing: Standing) -> None:
    idle = standing.server.memory()
    assert 3_000_000 < idle < 300_000_000
    with connect(standing.server) as session:
        session.execute("SET work_mem = '100MB'")
        session.execute(
            "DECLARE big CURSOR WITH HOLD FOR SELECT repeat('x', 1000) FROM generate_series(1, 40000)"
        )
        assert standing.server.memory() > idle + 20_000_000


def test_cpu_is_that_of_all_the_processes_also_of_those_that_have_ended(standing: Standing) -> None:
    before = standing.server.cpu_seconds()
    ask(standing.server, "SELECT count(*) FROM generate_series(1, 3000000)")
    assert before + 0.05 < standing.server.cpu_seconds() < before + 20


def test_a_container_can_be_limited_and_a_process_cannot(lab: Lab) -> None:
    server = lab.runtime.start(lab.primary())
    limited = server.limit(0.5, 1 << 30)
    assert limited == (lab.runtime.name == "containers")
    assert ask(server, "SELECT 1") == 1
    if isinstance(server, ContainerServer):
        engine = docker.from_env()
        try:
            host = engine.api.inspect_container(server.identifier)["HostConfig"]
        finally:
            engine.close()
        assert (host["CpuQuota"] / host["CpuPeriod"], host["Memory"]) == (0.5, 1 << 30)
    server.kill()
    eventually(lambda: not server.limit(0.5, 1 << 30), "it has been put away and cannot be limited")


def test_reload_reads_the_configuration_again(standing: Standing) -> None:
    server, runtime = standing.server, standing.lab.runtime
    configuration = server.spec.data / "postgresql.conf"
    runtime.write(configuration, configuration.read_text() + "work_mem = 9MB\n")
    assert ask(server, "SHOW work_mem") != "9MB"
    server.reload()
    eventually(lambda: ask(server, "SHOW work_mem") == "9MB", "the new setting")


def test_servers_see_nothing_of_the_learners_environment(standing: Standing) -> None:
    with connect(standing.server) as session:
        session.execute("CREATE TEMPORARY TABLE seen (line text)")
        session.execute("COPY seen FROM PROGRAM 'env'")
        seen = dict(row[0].partition("=")[::2] for row in session.execute("SELECT line FROM seen"))
    assert not LEARNERS.keys() & seen.keys()
    assert seen["HOME"] == str(standing.lab.root)


def shared_memory() -> list[int]:
    """The identifiers of all System V shared memory."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [int(line.split()[1]) for line in lines]


def zombies() -> list[psutil.Process]:
    """Children of this process that ended and were not reaped."""
    deadline = time.monotonic() + 5
    while True:
        children = psutil.Process(os.getpid()).children()
        left = [child for child in children if child.is_running() and child.status() == psutil.STATUS_ZOMBIE]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)
