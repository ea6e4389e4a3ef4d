"""Which runtime: the one that was asked for, or the better one that this machine has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from aurora_lab.runtime import probe
from aurora_lab.runtime.base import Runtime, RuntimeUnavailableError

Name = Literal["auto", "embedded", "containers"]
NAMES: tuple[Name, ...] = ("auto", "embedded", "containers")
ENGINE_SECONDS = 1.0
"""How long an engine may take to answer before `auto` goes on without it."""
SOCKET = Path("/var/run/docker.sock")


def choose(name: str, home_folder: Path) -> tuple[Runtime, str]:
    """The runtime and one sentence on why it is this one.

    `auto` takes containers where an engine answers within a second and has the node image, else embedded.
    `containers` makes the image where it is missing. Raises RuntimeUnavailableError.
    """
    if name not in NAMES:
        raise RuntimeUnavailableError(f"There is no runtime {name!r}: use auto, embedded or containers.")
    if name == "embedded":
        return _embedded(), "embedded: asked for"
    if name == "containers":
        # Imported here: a region that needs no engine starts half a second sooner without its client.
        from aurora_lab.runtime.containers import ContainerRuntime  # noqa: PLC0415

        return ContainerRuntime(home_folder), "containers: asked for"
    why_not = _why_no_containers()
    if why_not is None:
        from aurora_lab.runtime.containers import ContainerRuntime  # noqa: PLC0415

        try:
            return ContainerRuntime(home_folder), "containers: an engine answers and has the node image"
        except RuntimeUnavailableError as error:
            why_not = str(error)
    try:
        return _embedded(), f"embedded: {why_not}"
    except RuntimeUnavailableError as error:
        raise RuntimeUnavailableError(f"{error} Containers cannot be used either: {why_not}") from error


def _embedded() -> Runtime:
    from aurora_lab.runtime.embedded import EmbeddedRuntime  # noqa: PLC0415

    return EmbeddedRuntime()


def _why_no_containers() -> str | None:
    """Why `auto` does not take containers; None where it does."""
    if not _elsewhere() and not _socket_answers():
        return "no container engine answers"
    from aurora_lab.runtime import engine, image  # noqa: PLC0415

    try:
        client = engine.connect(first=ENGINE_SECONDS)
        try:
            found = image.find_image(client, image.image_name())
        finally:
            client.close()
    except RuntimeUnavailableError:
        return "no container engine answers"
    if found is None:
        return f"a container engine answers, but has no image {image.image_name()}"
    return None


def _elsewhere() -> bool:
    """Whether the user has told their Docker client where the engine is."""
    files = (".docker/config.json", ".docker/run/docker.sock", ".testcontainers.properties")
    return bool(os.environ.get("DOCKER_HOST")) or any((Path.home() / file).exists() for file in files)


def _socket_answers() -> bool:
    try:
        probe.greet_engine(str(SOCKET), ENGINE_SECONDS)
    except OSError:
        return False
    return True
