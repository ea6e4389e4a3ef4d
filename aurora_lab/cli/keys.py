"""Single keys from a terminal, without Enter."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ReadKey = Callable[[float], str]
"""Waits for a key at most so many seconds; returns it, or nothing."""


class EndOfInputError(Exception):
    """The terminal is gone."""


@contextmanager
def single_keys() -> Iterator[ReadKey]:
    """Take keys as they are pressed; afterwards the terminal is as it was. Ctrl-C stays an interrupt."""
    if sys.platform == "win32":
        yield _windows_key
        return
    import termios  # noqa: PLC0415 - not on Windows
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield _unix_key
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _unix_key(seconds: float) -> str:
    terminal = sys.stdin.fileno()
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return ""
    try:
        typed = os.read(terminal, 1)
    except OSError as error:
        raise EndOfInputError from error
    if not typed:
        raise EndOfInputError
    return typed.decode(errors="ignore")


def _windows_key(seconds: float) -> str:
    import msvcrt  # noqa: PLC0415 - Windows only

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            return str(msvcrt.getwch())  # type: ignore[attr-defined,unused-ignore]
        time.sleep(0.02)
    return ""
