"""The grading kernel: its reply says what nbval does not see; the dead and the loud are noticed at once."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aurora_lab.course.kernel import (
    GradingKernel,
    KernelDiedError,
    TooLoudError,
    kernel_command,
    one_line,
    write_connection,
)
from aurora_lab.course.sandbox import Job, KeptSandbox


@pytest.fixture
def kernel() -> Iterator[GradingKernel]:
    # Not pytest's own folder: the paths of Unix sockets must be short.
    with tempfile.TemporaryDirectory(prefix="al-kernel-") as name:
        folder = Path(name).resolve()
        connection = write_connection(folder)
        environment = {"PATH": os.environ["PATH"], "LESSON": "05", "HOME": name, "IPYTHONDIR": name}
        job = Job(kernel_command(connection, folder / "aws"), environment, folder, (folder,), folder)
        confined = KeptSandbox(None, namespaces=False).start(job)
        kernel = GradingKernel(confined, json.loads(connection.read_text()))
        yield kernel
        kernel.close()


def run(kernel: GradingKernel, source: str) -> str:
    kernel.await_reply(kernel.execute_cell_input(source, allow_stdin=False), timeout=30)
    return kernel.failure()


def test_replies_say_what_failed_and_the_dead_are_noticed(kernel: GradingKernel) -> None:
    assert run(kernel, "import os; assert os.environ['LESSON'] == '05'") == ""
    assert run(kernel, "assert os.getcwd() == os.environ['HOME']") == ""
    assert run(kernel, "%no_such_magic").startswith("UsageError")
    assert run(kernel, "1 / 0") == "ZeroDivisionError: division by zero"
    assert run(kernel, "%%bash\nexit 3").startswith("CalledProcessError")
    start = time.monotonic()
    with pytest.raises(KernelDiedError, match="exit code 3"):
        run(kernel, "os._exit(3)")
    assert time.monotonic() - start < 5
    with pytest.raises(KernelDiedError):
        run(kernel, "1 + 1")


def test_a_loud_cell_is_stopped_and_what_it_started_goes_with_the_kernel(kernel: GradingKernel) -> None:
    detached = "import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True)"
    assert run(kernel, detached) == ""
    assert run(kernel, "open('pid', 'w').write(str(p.pid)); print('x' * 1000)") == ""
    folder = psutil.Process(kernel.confined._keeper._process.pid).children()[0].cwd()  # type: ignore[attr-defined]
    left = psutil.Process(int((Path(folder) / "pid").read_text()))
    with pytest.raises(TooLoudError, match="more than 10 MB"):
        run(kernel, "while True: print('x' * 100_000)")
    kernel.close()
    assert not left.is_running()


def test_a_learners_text_is_one_plain_line_in_a_report() -> None:
    assert one_line("\x1b[31mred\x1b[0m\n<b>\x00bold\u202e") == "red <b> bold"
    assert len(one_line("long " * 1000)) == 400
