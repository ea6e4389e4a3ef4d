"""Images of a volume: what a snapshot is, and what a restore starts from.

    base/        a data directory on which nobody ever runs
    log/         the log since, as storage nodes have finished it; the newest segment with `.partial`
    image.json   where in the log replay begins

All of it are hard links to files that nobody changes. So an image is made in milliseconds, takes no room of its
own, and outlives the backup that it was made from. Under its final name it is complete.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex

from aurora_lab.cluster.configuration import as_json
from aurora_lab.cluster.log_copies import HISTORY, PARTIAL, SEGMENT
from aurora_lab.cluster.types import ClusterError
from aurora_lab.runtime.base import Runtime


class BackupError(ClusterError):
    """What was asked for cannot be restored. The message says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """What `image.json` says."""

    first_log: str
    """The segment in which replay of its base begins."""
    end_log: str
    """The newest segment that is in its base already."""
    limits: Mapping[str, int]
    """The highest LIMITS of any writer whose log it has."""


def make_image(runtime: Runtime, base: Path, log: Path, image: Image, target: Path) -> None:
    """Make `target` an image of a base and the log since, as links."""
    making = target.with_name(f"{target.name}.new-{token_hex(6)}")
    runtime.make_folder(making)
    try:
        link_tree(base, making / "base")
        runtime.make_folder(making / "log")
        for file in log.iterdir():
            name = file.name.removesuffix(PARTIAL)
            if HISTORY.fullmatch(name) or (SEGMENT.fullmatch(name) and name[8:] >= image.first_log[8:]):
                link(file, making / "log" / file.name)
        runtime.write(making / "image.json", as_json(asdict(image)))
        making.rename(target)
    except BaseException:
        runtime.remove_tree(making)
        raise


def copy_image(runtime: Runtime, source: Path, target: Path) -> None:
    """Make `target` the same image as `source`; nothing happens where it exists."""
    if not target.exists():
        making = target.with_name(f"{target.name}.new-{token_hex(6)}")
        runtime.make_folder(making.parent)
        link_tree(source, making)
        making.rename(target)


def image_of(folder: Path) -> Image:
    """What an image says of itself. Raises BackupError where it is none."""
    try:
        found = json.loads((folder / "image.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BackupError(f"There is no image of a volume in {folder}.") from error
    return Image(found["first_log"], found["end_log"], found["limits"])


def link_tree(source: Path, target: Path) -> None:
    """Make `target`, which must not exist, a folder of hard links to the files of another."""
    for folder, _, names in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(mode=0o700, parents=True)
        state = Path(folder).stat()
        here.chmod(state.st_mode & 0o777)
        own(here, state)
        for name in names:
            link(Path(folder) / name, here / name)


def link(source: Path, target: Path) -> None:
    """A hard link or, where the disk has none (or no more of them), a copy."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP):
            raise
        copy_file(source, target)


def copy_file(source: Path, target: Path) -> None:
    """A copy that is flushed, and complete under its name."""
    state = source.stat()
    making = target.with_name(f".{target.name}.new-{token_hex(4)}")
    try:
        making.touch(mode=0o600)
        with source.open("rb") as read, making.open("wb") as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        own(making, state)
        making.replace(target)
    except BaseException:
        making.unlink(missing_ok=True)
        raise


def own(path: Path, state: os.stat_result) -> None:
    """Give a file to whom another belongs, where we may."""
    if os.geteuid() == 0:
        os.chown(path, state.st_uid, state.st_gid)
