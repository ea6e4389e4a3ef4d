"""The container engine, asked so that one which hangs or has gone is one sentence and not a hang."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors  # type: ignore[import-not-found]
import requests.exceptions
from docker.types import Mount  # type: ignore[import-not-found]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient, get_docker_host

from aurora_lab.runtime import probe
from aurora_lab.runtime.base import RuntimeUnavailableError

CALL_SECONDS = 30.0
"""Longest wait for one answer of the engine; a loaded machine needs up to 5 s to start a container."""
ADVICE = "Start the engine, or use the embedded runtime (`aurora-lab start --runtime embedded`)."


class RefusalError(RuntimeUnavailableError):
    """The engine answered, and would not do what it was asked; `said` is its own word."""

    def __init__(self, said: str) -> None:
        super().__init__(f"The container engine refuses: {said}.")
        self.said = said


ContainerError = docker.errors.ContainerError
NotFoundError = docker.errors.NotFound
RefusedError = docker.errors.APIError


_USUAL = "unix:///var/run/docker.sock"
_ANY_VERSION = "1.41"
"""A version of the API to ask for the engine's own with."""
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""Its inode, which the kernel fixes."""
TIMED_OUT = (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError)
"""What a call that waits raises when its time is up: on a Unix socket it is the second."""


def options(seconds: float = CALL_SECONDS) -> dict[str, Any]:
    """How we open a connection to the engine; a connection for each server that is waited for at a time."""
    return {"timeout": seconds, "max_pool_size": 64}


def connect(seconds: float = CALL_SECONDS, first: float = 5.0) -> Any:
    """The client of the engine that answers (a `docker.DockerClient`).

    `first` is how long the first answer may take. Raises RuntimeUnavailableError.
    """
    # testcontainers would first pull and start a container that cleans up after tests. Our servers must
    # outlive the process that starts them.
    testcontainers_config.ryuk_disabled = True
    _greet(first)
    with answering():
        # Its version is asked apart: a client that asks in its making cannot be closed when nobody answers.
        asking = DockerClient(**options(first), version=_ANY_VERSION).client
        try:
            version = asking.api.version(api_version=False)["ApiVersion"]
        finally:
            asking.close()
        client = DockerClient(**options(seconds), version=version).client
        try:
            information = client.info()
        except BaseException:
            client.close()
            raise
    if "name=rootless" in information.get("SecurityOptions", []):
        client.close()
        raise RuntimeUnavailableError(
            "This Docker engine is rootless: its containers cannot own files as the servers need. "
            "Use the embedded runtime (`aurora-lab start --runtime embedded`)."
        )
    return client


def _greet(seconds: float) -> None:
    """See that somebody listens where the engine should be. Raises RuntimeUnavailableError."""
    host = get_docker_host() or _USUAL
    if host.startswith("unix://"):
        try:
            probe.greet_engine(host.removeprefix("unix://"), seconds)
        except OSError as error:
            raise RuntimeUnavailableError(
                f"No container engine answers at {host} ({_short(error)}). {ADVICE}"
            ) from error


def another(client: Any, seconds: float) -> Any:
    """A client of the same engine that waits longer for an answer; the caller closes it."""
    with answering():
        return DockerClient(**options(seconds), version=client.api.api_version).client


def confinement(root: Path, user: str) -> dict[str, Any]:
    """What every container of ours is given: its cluster's folder under the same path, and no privilege."""
    return {
        # A bind mount of this kind fails where the folder is missing; a volume would make an empty one.
        "mounts": [Mount(str(root), str(root), type="bind")],
        "user": user,
        "cap_drop": ["ALL"],
        # SELinux would keep a container from files that were not labelled for it.
        "security_opt": ["no-new-privileges", "label=disable"],
    }


def is_native(client: Any) -> bool:
    """Whether the engine runs programs of this machine's kind, so that an image can be made of them."""
    with answering():
        there = client.version()
    return platform.system().lower() == there.get("Os") and _machine(platform.machine()) == _machine(
        str(there.get("Arch"))
    )


def in_sight(client: Any) -> bool:
    """Whether every process in a container is also a process that we see.

    It is where the engine runs on our kernel and we are in that kernel's first process namespace. Then a
    container whose process is gone has ended, though the engine learns of it a moment later.
    """
    with answering():
        there = client.version()
    try:
        first = Path("/proc/self/ns/pid").stat().st_ino == _FIRST_PID_NAMESPACE
    except OSError:
        return False
    return first and there.get("KernelVersion") == platform.release()


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn an engine that does not answer into RuntimeUnavailableError, a refusal into RefusalError."""
    try:
        yield
    except docker.errors.APIError as error:
        raise RefusalError(reason(error)) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise RuntimeUnavailableError(
            f"The container engine does not answer ({_short(error)}). {ADVICE}"
        ) from error


def reason(error: Exception) -> str:
    """What the engine says in a refusal, without the protocol around it."""
    return str(getattr(error, "explanation", None) or error).strip().rstrip(".")


def _machine(name: str) -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def _short(error: BaseException) -> str:
    """The innermost cause in a few words: these errors nest four deep."""
    text = str(error)
    for phrase in (
        "Permission denied",
        "No such file or directory",
        "Connection refused",
        "timed out",
        "reset",
    ):
        if phrase.lower() in text.lower():
            return phrase
    return text.splitlines()[0][:120] if text else type(error).__name__
