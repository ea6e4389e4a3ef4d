"""The environment that leads AWS clients, libpq and the shell to the region, and the way back.

`Home.environment` says which variables lead there. This adds what a person's own shell or kernel needs: the
programs on the PATH, and the removal of variables that would lead elsewhere or break the connection.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_lab.region.home import DUMMY_KEY, Home, RegionInfo

SAVED = "AURORA_LAB_SAVED"
"""Remembers, in the shell itself, what `--unset` has to bring back."""

ELSEWHERE = (
    # AWS: each of these picks other credentials, another endpoint or another way of signing.
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_BEARER_TOKEN_BEDROCK",
    # libpq: each of these names another server or user, or asks for what the region does not offer.
    "PGHOST",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGUSER",
    "PGDATABASE",
    "PGOPTIONS",
    "PGSSLSNI",
    "PGSSLNEGOTIATION",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGREQUIREPEER",
    "PGREQUIREAUTH",
    "PGGSSENCMODE",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
)

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
PAST_PROXIES = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Change:
    """What a process or a shell has to change in its environment."""

    values: Mapping[str, str]
    """Variables to set."""
    unset: tuple[str, ...] = ()
    """Variables to remove."""

    def apply(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return `environment` with the change made."""
        kept = {name: value for name, value in environment.items() if name not in self.unset}
        return {**kept, **self.values}


def program_folders(tools: Path | None) -> list[str]:
    """The folders with `aurora-lab`, `aws` and Python, then the one with `psql` (`tools`)."""
    folders = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    if tools is not None:
        folders.append(tools)
    return list(dict.fromkeys(str(folder) for folder in folders))


def enter(
    home: Home, info: RegionInfo, tools: Path | None, environ: Mapping[str, str], remember: bool = True
) -> Change:
    """The change that leads a process with the environment `environ` to the region.

    `tools` is the folder with the PostgreSQL client programs. With `remember` the earlier values stay in the
    environment, for `leave`; without, credentials of a real account do not get into the process at all.
    """
    values = {**home.environment(info), **_past_proxies(environ)}
    unset = tuple(name for name in environ if _leads_elsewhere(name))
    folders = program_folders(tools)
    path = _without(_shells_path(environ), _read_saved(environ).get("path", []))
    values["PATH"] = os.pathsep.join([*folders, *path])
    values[SAVED] = _saved(environ, [*values, *unset] if remember else [], folders)
    return Change(values, unset)


def inside(environ: Mapping[str, str]) -> bool:
    """Whether `environ` leads to a region already."""
    return SAVED in environ or environ.get("AWS_ACCESS_KEY_ID") == DUMMY_KEY


def leave(home: Home, tools: Path | None, environ: Mapping[str, str]) -> Change:
    """The change that undoes `enter`: the earlier values come back, all other variables of the lab go.

    Nothing changes where `environ` does not lead to a region.
    """
    if not inside(environ):
        return Change({})
    saved = _read_saved(environ)
    path = _without(_shells_path(environ), saved.get("path", program_folders(tools)))
    earlier = {str(name): str(value) for name, value in saved.get("variables", {}).items()}
    nowhere = RegionInfo(0, 0, "", 0, "", "", "")
    names = {SAVED, *home.environment(nowhere)}
    if "NO_PROXY" in environ and all(host in _split(environ["NO_PROXY"], ",") for host in PAST_PROXIES):
        names |= {"NO_PROXY", "no_proxy"}
    unset = tuple(sorted(name for name in names if name in environ and name not in earlier))
    return Change({**earlier, "PATH": os.pathsep.join(path)}, unset)


def find(program: str, environ: Mapping[str, str]) -> str | None:
    """The path of a program on the PATH of `environ`."""
    return shutil.which(program, path=environ.get("PATH", ""))


def _leads_elsewhere(name: str) -> bool:
    # An endpoint of one service (AWS_ENDPOINT_URL_RDS) beats the endpoint of all.
    return name in ELSEWHERE or name.startswith("AWS_ENDPOINT_URL_")


def _past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """AWS clients obey the machine's HTTP proxy; the region is on this machine, where no proxy finds it."""
    if not any(environ.get(name) for name in PROXIES):
        return {}
    before = _split(environ.get("no_proxy") or environ.get("NO_PROXY", ""), ",")
    hosts = ",".join(dict.fromkeys([*before, *PAST_PROXIES]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def _shells_path(environ: Mapping[str, str]) -> list[str]:
    """The PATH of the shell: `uv run` puts a folder before it that only its child sees."""
    path = _split(environ.get("PATH", ""))
    ours = str(Path(sysconfig.get_path("scripts")))
    entered = SAVED in environ
    if "UV" in environ and path[: 1 + entered] == [ours] * (1 + entered):
        return path[1:]
    return path


def _without(path: list[str], folders: Iterable[str]) -> list[str]:
    """`path` less the first occurrence of each folder: a later one was there before us."""
    left = list(path)
    for folder in folders:
        if folder in left:
            left.remove(folder)
    return left


def _saved(environ: Mapping[str, str], names: Iterable[str], folders: list[str]) -> str:
    if inside(environ):
        variables = _read_saved(environ).get("variables", {})
    else:
        variables = {name: environ[name] for name in names if name in environ and name != "PATH"}
    return json.dumps({"variables": variables, "path": folders}, sort_keys=True)


def _read_saved(environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        saved = json.loads(environ.get(SAVED, "{}"))
    except ValueError:
        return {}
    return saved if isinstance(saved, dict) else {}


def _split(text: str, separator: str = os.pathsep) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]
