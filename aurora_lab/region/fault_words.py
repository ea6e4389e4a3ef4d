"""Faults on purpose as a person asks for them, on the command line or in a notebook; `faults.py` does them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

DEFAULT_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"storage-node": "kill", "az": "kill", "instance": "kill", "network": "cut"}
)
"""The kinds of faults, and what is done where nothing is said."""
ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kill": "has been killed",
        "pause": "hangs",
        "cut": "is cut off",
        "destroy": "has lost its copy of the log",
        "undo": "is back",
    }
)
"""What can be done, and what is true afterwards."""
_NAMES = {"az": "AZ", "storage-node": "Storage node", "instance": "Instance"}


def asked(kind: str, name: str, action: str | None, cluster: str | None) -> dict[str, Any]:
    """The body of a call of `fault`."""
    body = {"kind": kind, "name": name, "action": action or DEFAULT_ACTIONS[kind]}
    return body if cluster is None else {**body, "cluster": cluster}


def sentence(done: Mapping[str, Any]) -> str:
    """What the region answered, in words."""
    return f"{_NAMES[done['kind']]} {done['name']} {ACTIONS[done['action']]}."
