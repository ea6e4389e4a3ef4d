"""Where servers of tests have their files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_lab.runtime import processes

ENOUGH_MEMORY = 2 << 30


@contextmanager
def server_place() -> Iterator[Path]:
    """A folder with a short path that the servers' user can reach, on memory-backed disk where it fits.

    Afterwards it is gone, and so is every server that still runs on files in it.
    """
    memory = Path("/dev/shm")
    fits = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH_MEMORY
    folder = Path(tempfile.mkdtemp(prefix="al-", dir=memory if fits else None)).resolve()
    folder.chmod(0o755)
    yield folder
    for main, data in processes.main_processes(folder):
        processes.kill(main, data)
    shutil.rmtree(folder, ignore_errors=True)
