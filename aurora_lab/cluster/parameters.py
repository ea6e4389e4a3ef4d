"""Which of an instance's parameters are written for its server, checked before the server sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aurora_lab.cluster.configuration import BUILT_IN_LIMITS, LIMITS, quote
from aurora_lab.cluster.template import TemplateFacts

_NUMBER = re.compile(
    r"\s*([+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?|0x[0-9a-f]+)\s*(B|kB|MB|GB|TB|us|ms|s|min|h|d)?\s*", re.I
)
_BOOLEANS = {"0", "1", "on", "off", "of", "t", "f", "true", "false", "y", "n", "yes", "no"}
_OURS = re.compile("File Locations|Write-Ahead Log / (Archiv|Recovery Target)|Preset Options")
"""Categories of parameters that belong to the lab: where files lie, and how far a reader recovers."""
_NAME = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)?", re.I)


def accepted(facts: TemplateFacts, wanted: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters to write, and by name what is wrong with the others.

    Names that PostgreSQL does not know are left out silently: a parameter group of Aurora has hundreds of
    them. Names with a dot belong to an extension and are taken as they are.
    """
    rows = {row["name"].lower(): row for row in facts.settings}
    good: dict[str, str] = {}
    bad: dict[str, str] = {}
    for name, value in wanted.items():
        row = rows.get(name.lower())
        if not _NAME.fullmatch(name) or (row is None and "." not in name):
            continue
        if row is not None and (row["context"] == "internal" or _OURS.match(row["category"])):
            continue
        problem = _problem(row, value) if row is not None else _unwritable(value)
        if problem is not None:
            bad[name] = f"Parameter {name} cannot have the value {value!r}: {problem}."
            continue
        good[name] = value
        if name.lower().endswith("_preload_libraries"):
            good[name], missing = _libraries(facts, value)
            if missing:
                bad[name] = f"Parameter {name}: the lab's PostgreSQL does not have {', '.join(missing)}."
    return good, bad


def limits_of(parameters: Mapping[str, str]) -> dict[str, int]:
    """The values of LIMITS that a server with these parameters has."""
    limits = dict(BUILT_IN_LIMITS)
    for name in LIMITS:
        text = parameters.get(name, "")
        if text.strip().isdigit() and name != "max_wal_senders":
            limits[name] = int(text)
    return limits


def _problem(row: Mapping[str, Any], value: str) -> str | None:
    if (unwritable := _unwritable(value)) is not None:
        return unwritable
    if row["vartype"] == "bool":
        return None if value.strip().lower() in _BOOLEANS else "it is neither on nor off"
    if row["vartype"] in ("integer", "real"):
        return _number_problem(row, value)
    if row["vartype"] == "enum":
        offered = row["enumvals"] or []
        # Enumerations that were once booleans still take on and off, though they do not list them.
        known = value.strip().lower() in {*map(str.lower, offered), *_BOOLEANS}
        return None if known else f"it must be one of {', '.join(offered)}"
    return None


def _number_problem(row: Mapping[str, Any], value: str) -> str | None:
    match = _NUMBER.fullmatch(value)
    if match is None:
        return "it is not a number"
    if match[2] or match[1].lower().startswith("0x"):
        return None  # In another unit; the server converts it, and has the last word.
    if not float(row["min_val"]) <= float(match[1]) <= float(row["max_val"]):
        return f"it must be from {row['min_val']} to {row['max_val']}"
    return None


def _unwritable(value: str) -> str | None:
    try:
        quote(value)
    except ValueError as error:
        return str(error)
    return None


def _libraries(facts: TemplateFacts, value: str) -> tuple[str, list[str]]:
    """The libraries that are here, and those that are not: one missing keeps a server from starting."""
    named = [name.strip().strip('"') for name in value.split(",") if name.strip()]
    here = [name for name in named if name in facts.libraries]
    return ",".join(here), [name for name in named if name not in facts.libraries]
