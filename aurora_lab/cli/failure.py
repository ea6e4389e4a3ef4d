"""How a failure reaches a person: one sentence that says what to do, never a traceback."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from aurora_lab.region.home import default_home

READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class LabError(click.ClickException):
    """A failure that the person at the keyboard can do something about; the message says what."""


def sentence_for(error: OSError) -> str | None:
    """What an operating system's refusal means to a learner, or None where only its details would tell."""
    where = str(error.filename) if error.filename is not None else ""
    if error.errno in FULL:
        disk = f"The disk that holds {where}" if where else "The disk"
        return f"{disk} is full. Free some space, or choose another folder with --home or --workspace."
    if error.errno in READ_ONLY and where:
        return (
            f"You have no permission for {where}. Choose another folder with --home (the region's files) "
            "or --workspace (your notebooks), or change its owner."
        )
    if error.errno in {errno.ENOTDIR, errno.EEXIST} and where:
        return f"{where} is in the way: a folder is needed there. Move it, or choose another folder."
    return None


def keep_traceback(error: BaseException) -> Path:
    """Append the traceback to `cli.log` in the home, or to a new file where that cannot be; return it."""
    text = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{''.join(traceback.format_exception(error))}\n"
    try:
        log = default_home() / "cli.log"
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
    except (OSError, RuntimeError):
        handle, name = tempfile.mkstemp(prefix="aurora-lab-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return Path(name)
    return log
