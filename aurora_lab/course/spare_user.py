"""A user that nobody else is: a number without a name, taken for one submission."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import random
from pathlib import Path

NUMBERS = range(61184, 65520)
"""Where systemd, too, finds users for a while; within what a container's own user namespace may hold."""
LOCKS = Path("/run/lock")


class SpareUser:
    """The user, held by a lock until it is released."""

    def __init__(self, uid: int, lock: int) -> None:
        self.uid = uid
        self._lock = lock

    def release(self) -> None:
        """Let others have the number. May be called twice."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def spare_user() -> SpareUser:
    """A user without a name and without processes. Only root can make use of it."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    for uid in random.sample(NUMBERS, len(NUMBERS)):
        with contextlib.suppress(KeyError):
            pwd.getpwuid(uid)
            continue
        lock = os.open(LOCKS / f"aurora-lab-user-{uid}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if uid not in _in_use():
            return SpareUser(uid, lock)
        os.close(lock)
    raise RuntimeError("no user number is free")


def _in_use() -> set[int]:
    """The users of all running processes."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.add(folder.stat().st_uid)
    return found
