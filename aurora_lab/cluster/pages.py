"""How much of a volume is its own: the pages in which a clone differs from what it was cloned from (FACTS 11.8, 11.9).

When a clone is made, a fingerprint of each of its 8 KB pages is kept. Its volume counts the pages that are
different now, or new: those that copy-on-write storage would have had to copy. PostgreSQL also changes pages when
it first reads rows that were just committed (hint bits); they count too, unless VACUUM (FREEZE) came before.

What lies on this machine's disk is another matter: where the file system can share blocks between files (reflinks:
Btrfs, XFS) a clone begins as cheap there as on Aurora. Elsewhere its files are copied in full, since PostgreSQL
changes its files in place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

PAGE = 8192
_DIGEST = 8
_FOLDERS = ("base", "global", "pg_xact", "pg_multixact")
"""What of a data directory belongs to the volume; the rest is an instance's own."""
_NOT = ("pg_internal.init", "pg_control", "pg_filenode.map", "PG_VERSION")
_Stamp = tuple[int, int]


def fingerprint(data: Path) -> dict[str, str]:
    """The digest of every page, one after the other, by file."""
    found = {}
    for name in _files(data):
        found[name] = b"".join(_digests(data / name)).hex()
    return found


class Pages:
    """Counts the bytes of one volume, and looks only at files that have changed since. Not for several threads."""

    def __init__(self, fork: dict[str, str] | None) -> None:
        """`fork`: the fingerprint of what a clone began as; None where nothing is shared."""
        self._fork = {name: bytes.fromhex(digests) for name, digests in fork.items()} if fork else None
        self._known: dict[str, tuple[_Stamp, int]] = {}

    @property
    def shares(self) -> bool:
        """Whether the volume is a clone."""
        return self._fork is not None

    def used(self, data: Path) -> int:
        """Bytes of the pages of a data directory that are not shared. What is still in memory does not count."""
        total = 0
        for name in _files(data):
            try:
                state = (data / name).stat()
                stamp = (state.st_mtime_ns, state.st_size)
                known = self._known.get(name)
                if known is None or known[0] != stamp:
                    known = self._known[name] = (stamp, self._own(name, data / name, state.st_size))
            except FileNotFoundError:  # dropped meanwhile
                continue
            total += known[1]
        return total

    def _own(self, name: str, file: Path, size: int) -> int:
        if self._fork is None:
            return -(-size // PAGE) * PAGE
        before = self._fork.get(name, b"")
        at_fork = [before[start : start + _DIGEST] for start in range(0, len(before), _DIGEST)]
        own = 0
        for number, digest in enumerate(_digests(file)):
            own += number >= len(at_fork) or at_fork[number] != digest
        return own * PAGE


def _files(data: Path) -> Iterator[str]:
    for top in _FOLDERS:
        for folder, folders, names in os.walk(data / top):
            folders[:] = [each for each in folders if each != "pgsql_tmp"]
            here = Path(folder).relative_to(data)
            # Names that begin with `t` are of temporary tables.
            yield from (str(here / name) for name in sorted(names) if name not in _NOT and name[0] != "t")


def _digests(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while page := opened.read(PAGE):
            yield hashlib.blake2b(page, digest_size=_DIGEST).digest()
