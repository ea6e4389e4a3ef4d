"""Kernels and regions that are forked: like those that are started, and ignorant of whoever was there before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from aurora_lab.course import aws_server
from aurora_lab.course.exercises import load_lesson
from aurora_lab.course.forked import Shared, sharing
from aurora_lab.course.fresh import fresh_region
from aurora_lab.course.guest import Guest
from aurora_lab.course.kernel import GradingKernel
from aurora_lab.course.places import find_places
from aurora_lab.course.sandbox import Job, SandboxError, choose
from aurora_lab.runtime.processes import alive
from local_region import eventually

REAL = Path(sysconfig.get_path("scripts")) / "aws"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server is for Linux")


class Notebook:
    """Runs cells and returns what they print."""

    def __init__(self, kernel: GradingKernel) -> None:
        self._kernel = kernel

    def __call__(self, source: str) -> str:
        kernel, printed = self._kernel, []
        request = kernel.kc.execute(textwrap.dedent(source))
        while True:
            message = kernel.get_message("iopub", timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            assert message["msg_type"] != "error", content["evalue"]
            if content.get("execution_state") == "idle":
                return "".join(printed)
            printed.append(content.get("text", ""))


@pytest.fixture(scope="module")
def notebook(shared: Shared) -> Iterator[Notebook]:
    with ExitStack() as stack:
        region = stack.enter_context(fresh_region(1000.0, "embedded", shared))
        try:
            sandbox = choose("user", shared)
        except SandboxError:
            sandbox = choose("limits", shared)
        stack.callback(sandbox.close)
        guest = Guest(region, sandbox, load_lesson(find_places().check_file("05")))
        stack.callback(guest.close)
        kernel = guest.kernel()
        stack.callback(kernel.close)
        yield Notebook(kernel)


def test_a_kernel_was_forked(notebook: Notebook) -> None:
    assert notebook("print(open('/proc/self/comm').read().strip())") == "aurora-kernel\n"


def test_a_kernel_finds_nothing_of_its_grader_in_its_memory(
    notebook: Notebook, secret: tuple[str, str]
) -> None:
    backwards = [word.encode()[::-1] for word in (secret[1], "nobody-has-ever-known-this-4711")]
    look = f"""
        needles = [bytes(reversed(word)) for word in {backwards!r}]
        found = [0, 0]
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
            for line in maps:
                bounds, rights = line.split()[:2]
                if rights.startswith("rw"):
                    first, last = (int(part, 16) for part in bounds.split("-"))
                    memory.seek(first)
                    try:
                        text = memory.read(last - first)
                    except OSError:
                        continue
                    found = [count + text.count(needle) for count, needle in zip(found, needles)]
        print(*found)
        """
    found, nothing = notebook(look).split()
    assert found == nothing  # the needles themselves are in memory
    assert secret[0] not in notebook("import os; print(os.environ, open('/proc/self/environ').read())")


def test_a_learners_own_modules_can_be_imported(notebook: Notebook) -> None:
    said = notebook("open('mine.py', 'w').write('word = 5')\nimport mine\nprint(mine.word, __name__)")
    assert said == "5 __main__\n"


@pytest.fixture(scope="module")
def calls(notebook: Notebook) -> dict[str, list[Any]]:
    """What came of calls of `aws`, and of the same calls of the AWS CLI itself."""
    text = notebook(
        f"""
        import json, os, shutil, subprocess
        json.dump({{"DBClusterIdentifier": "from-a-file"}}, open("in.json", "w"))
        commands = {{
            "version": ["--version"],
            "answer": ["rds", "describe-db-clusters", "--output", "text"],
            "error": ["rds", "describe-db-clusters", "--db-cluster-identifier", "no\\u00e9"],
            "usage": ["rds", "describe-nothing"],
            "file": ["rds", "describe-db-clusters", "--cli-input-json", "file://in.json"],
            "input": ["rds", "describe-db-clusters", "--cli-input-json", "file:///dev/stdin"],
        }}
        found = {{}}
        for name, command in commands.items():
            found[name] = []
            for program in (shutil.which("aws"), {str(REAL)!r}):
                done = subprocess.run([program, *command], input='{{"DBClusterIdentifier": "piped"}}',
                                      capture_output=True, text=True, env={{**os.environ, "TZ": "UTC"}})
                found[name].append([done.returncode, done.stdout[-400:], done.stderr[-400:]])
        print(json.dumps(found))
        """
    )
    return dict(json.loads(text))


@pytest.mark.parametrize("name", ["version", "answer", "error", "usage", "file", "input"])
def test_aws_says_what_the_aws_cli_says(name: str, calls: dict[str, list[Any]]) -> None:
    ours, real = calls[name]
    assert ours == real
    assert "Traceback" not in real[2]


def test_signals_reach_a_call(notebook: Notebook) -> None:
    text = notebook(
        """
        import json, os, signal, socket, subprocess, time
        silent = socket.create_server(("127.0.0.1", 0))
        silent.settimeout(30)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        own, codes = open("/proc/self/cmdline").read(), []
        def is_call(pid):
            try:
                if open(f"/proc/{pid}/comm").read().strip() != "aws":
                    return False
                # The fork server's, from which both were forked.
                return open(f"/proc/{pid}/cmdline").read() == own
            except OSError:
                return False
        def calls():
            return [pid for pid in os.listdir("/proc") if pid.isdigit() and is_call(pid)]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            call = subprocess.Popen(["aws", "rds", "describe-db-clusters", "--endpoint-url", url],
                                    stdout=subprocess.DEVNULL)
            connection, _ = silent.accept()
            call.send_signal(number)
            codes.append(call.wait(30))
            connection.close()
        deadline = time.monotonic() + 30
        while calls() and time.monotonic() < deadline:
            time.sleep(0.01)
        print(json.dumps([codes, calls()]))
        """
    )
    codes, left = json.loads(text)
    assert codes == [130, -15, -9]
    assert left == []


def test_without_its_server_aws_is_the_aws_cli(tmp_path: Path) -> None:
    aws_server.install(tmp_path, tmp_path / "no-socket", REAL)
    done = subprocess.run([tmp_path / "aws", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("aws-cli/")


def test_without_the_fork_server_kernels_are_started(tmp_path: Path) -> None:
    sandbox = choose("limits", Shared(None, tmp_path / "no-socket"))
    job = Job([sys.executable, "-c", "raise SystemExit(7)"], {}, tmp_path, (tmp_path,), tmp_path)
    kernel = sandbox.start(job)
    try:
        eventually(lambda: not kernel.alive(), "it has ended")
        assert "exit code 7" in kernel.ended_by()
    finally:
        kernel.end()


def test_regions_share_one_template_and_its_maker_leaves_nothing() -> None:
    with sharing("embedded") as shared:
        assert shared.templates is not None
        assert shared.server is not None
        made = sorted(shared.templates.iterdir())
        with fresh_region(1000.0, "embedded", shared):
            assert sorted(shared.templates.iterdir()) == made
            assert len(made) == 1
        (server,) = _named(str(shared.server))
    assert not server.is_running()
    assert not shared.templates.exists()


def test_a_region_ends_with_a_grader_that_is_killed() -> None:
    program = """
        import signal
        from aurora_lab.course.forked import sharing
        from aurora_lab.course.fresh import fresh_region
        with sharing("embedded") as shared, fresh_region(1000.0, "embedded", shared) as region:
            print(region.info.pid, shared.templates, region.home.folder, flush=True)
            signal.pause()
        """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        pid, templates, home = grader.stdout.readline().split()
        region = psutil.Process(int(pid))
        assert alive(region)
        grader.kill()
    eventually(lambda: not alive(region), "the region has ended")
    # Whoever is killed cannot clear up; the folders are small, and whoever runs this test does it.
    for folder in (Path(templates).parent, Path(home).parent):
        shutil.rmtree(folder)


def _named(argument: str) -> list[psutil.Process]:
    """The fork server of this socket, without its children."""
    found = [item for item in psutil.process_iter(["cmdline"]) if argument in (item.info["cmdline"] or [])]
    return [item for item in found if item.ppid() not in {other.pid for other in found}]


def test_what_is_held_in_memory_is_limited_and_nobody_elses(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can hold a region in memory")
    program = """
        import os, sys
        from pathlib import Path
        from aurora_lab.course.forkserver import hold_in_memory
        folder = Path(sys.argv[1])
        hold_in_memory(folder, 1 << 20)
        if not os.path.ismount(folder):
            sys.exit("this machine allows no mounts")
        try:
            (folder / "rows").write_bytes(bytes(2 << 20))
        except OSError as error:
            print(error.strerror)
        """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "allows no mounts" in done.stderr:
        pytest.skip("this machine allows no mounts")
    assert done.stdout == "No space left on device\n", done.stderr
    assert list((tmp_path / "data").iterdir()) == []
