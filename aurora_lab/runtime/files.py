"""Server files: made, written, copied and removed so that the servers' user owns them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from aurora_lab.runtime.base import ToolError

NOBODY = 65534
"""The user `nobody`: PostgreSQL refuses to run as root, and this one is in every /etc/passwd."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that servers and tools run as: ourselves, or `nobody` when we are root."""

    uid: int
    gid: int
    drop: bool
    """Whether we are root and must drop to this user."""

    @classmethod
    def current(cls) -> ServerUser:
        """The servers' user for this process."""
        if os.geteuid() == 0:
            return cls(NOBODY, NOBODY, drop=True)
        return cls(os.geteuid(), os.getegid(), drop=False)

    @property
    def process_user(self) -> int | None:
        """For `subprocess`: the user to change to, or None to stay."""
        return self.uid if self.drop else None

    @property
    def process_group(self) -> int | None:
        """For `subprocess`: the group to change to, or None to stay."""
        return self.gid if self.drop else None

    @property
    def process_extra_groups(self) -> list[int] | None:
        """For `subprocess`: none of root's other groups."""
        return [] if self.drop else None

    def own(self, path: Path | int) -> None:
        """Give a file (or an open descriptor) to the servers' user."""
        if self.drop:
            os.chown(path, self.uid, self.gid)


class ServerFiles:
    """The file part of both runtimes."""

    def __init__(self, user: ServerUser) -> None:
        self.user = user

    def make_folder(self, folder: Path) -> None:
        """Make `folder`, owned by the servers' user, mode 0700.

        A missing parent goes to the servers' user too if the folder above it is theirs; otherwise it stays
        ours with mode 0755, so that nobody else can put files beside what only root may write.
        """
        missing = []
        parent = folder.parent
        while not parent.exists():
            missing.append(parent)
            parent = parent.parent
        for path in reversed(missing):
            theirs = path.parent.stat().st_uid == self.user.uid
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700 if theirs else 0o755)
            path.chmod(0o700 if theirs else 0o755)
            if theirs:
                self.user.own(path)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        self.user.own(folder)

    def write(self, path: Path, text: str) -> None:
        """Replace a file by rename, mode 0600: a reader sees the old text or the new."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                self.user.own(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def copy_tree(self, source: Path, target: Path) -> None:
        """Copy a folder with owners and modes; reflinks where the file system has them.

        `target` must not exist. What a failed copy has left is removed. Raises ToolError.
        """
        if target.exists():
            raise ToolError(f"{target} exists already; remove it before copying to it")
        try:
            if not self._copy_by_tool(source, target):
                shutil.copytree(source, target, symlinks=True, copy_function=_copy_with_owner)
                _copy_owner(source, target)
        except (OSError, shutil.Error) as error:
            self.remove_tree(target)
            raise ToolError(f"could not copy {source} to {target}: {plain(str(error))}") from error

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder; nothing happens where there is none."""
        for last in (False, False, True):
            try:
                shutil.rmtree(folder)
                return
            except OSError:  # a process that is ending added or removed a file behind our back
                if not folder.exists():
                    return
                if last:
                    raise

    def _copy_by_tool(self, source: Path, target: Path) -> bool:
        """Copy with GNU cp, which is faster than Python and knows reflinks; False where it is another cp."""
        if sys.platform != "linux":
            return False
        done = subprocess.run(
            ["cp", "-aT", "--reflink=auto", "--", str(source), str(target)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return True
        if "unrecognized option" in done.stderr or "invalid option" in done.stderr:
            return False
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "cp failed")


def plain(message: str) -> str:
    """An error of the system with what to do about it, where it is one that a learner can cure."""
    if "No space left on device" in message or "Disk quota exceeded" in message:
        return f"{message}. The disk is full: free some space and try again"
    return message


def _copy_with_owner(source: str, target: str) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
    _copy_owner(Path(source), Path(target))


def _copy_owner(source: Path, target: Path) -> None:
    if os.geteuid() == 0:
        state = source.lstat()
        os.chown(target, state.st_uid, state.st_gid, follow_symlinks=False)
