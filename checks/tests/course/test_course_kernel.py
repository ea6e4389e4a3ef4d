"""The grading kernel: its reply says what nbval does not see, and a dead one is noticed at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_lab.course.kernel import GradingKernel, KernelDiedError


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[GradingKernel]:
    environment = {**os.environ, "LESSON": "05", "IPYTHONDIR": str(tmp_path / "ipython")}
    kernel = GradingKernel(tmp_path, environment)
    yield kernel
    kernel.close()


def run(kernel: GradingKernel, source: str) -> str:
    kernel.await_reply(kernel.execute_cell_input(source, allow_stdin=False), timeout=30)
    return kernel.failure()


def test_replies_say_what_failed_and_the_dead_are_noticed(kernel: GradingKernel, tmp_path: Path) -> None:
    assert run(kernel, "import os; assert os.environ['LESSON'] == '05'") == ""
    assert run(kernel, f"assert os.getcwd() == {str(tmp_path)!r}") == ""
    assert run(kernel, "%no_such_magic").startswith("UsageError")
    assert run(kernel, "1 / 0") == "ZeroDivisionError: division by zero"
    assert run(kernel, "%%bash\nexit 3").startswith("CalledProcessError")
    start = time.monotonic()
    with pytest.raises(KernelDiedError):
        run(kernel, "os._exit(1)")
    assert time.monotonic() - start < 5
    with pytest.raises(KernelDiedError):
        run(kernel, "1 + 1")
