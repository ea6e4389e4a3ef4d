"""The parameters of a parameter group family: PostgreSQL's own settings and Aurora's, in the API's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from aurora_lab.region.rds import aurora_parameters as aurora
from aurora_lab.region.rds.aurora_own_parameters import AURORA_OWN, FORCE_SSL_BY_DEFAULT_FROM
from aurora_lab.region.rds.common import CatalogueLike, bad_value, major
from aurora_lab.region.rds.parameter_formulas import ANY_HOST, FormulaError, evaluate, is_formula
from aurora_lab.region.store import Document

SESSION_CONTEXTS = frozenset({"user", "superuser"})
STATIC_CONTEXT = "postmaster"
DATA_TYPES: Final[Mapping[str, str]] = {
    "bool": "boolean",
    "integer": "integer",
    "real": "float",
    "enum": "string",
    "string": "string",
}
BOOLEANS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("1", "on", "true", "yes"), "on"),
    **dict.fromkeys(("0", "off", "false", "no"), "off"),
}
LONGEST_VALUE = 1024

INTEGER = re.compile(r"-?[0-9]{1,19}")
FLOAT = re.compile(r"-?[0-9]{1,320}(\.[0-9]{1,320})?([eE][-+]?[0-9]{1,3})?")
NAME = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"[^",]+")'
NAMES = re.compile(rf"(?:{NAME}(?:\s*,\s*{NAME})*)?")
ASPECT = "(?:receipt|authentication|authorization|setup_durations|all)"
# A server does not start with a value that it cannot read, so texts with a grammar are checked here.
GRAMMARS: Final[Mapping[str, re.Pattern[str]]] = {
    "createrole_self_grant": re.compile(r"(?:(?:set|inherit)(?:\s*,\s*(?:set|inherit))?)?"),
    "datestyle": re.compile(
        r"(?:iso|sql|postgres|german)(?:\s*,\s*(?:dmy|mdy|ymd))?|dmy|mdy|ymd", re.IGNORECASE
    ),
    # A list of aspects from PostgreSQL 18 on, which still reads the old spellings of on and off.
    "log_connections": re.compile(rf"(?:{ASPECT}(?:\s*,\s*{ASPECT})*|on|off|true|false|yes|no|[01])?"),
    "restrict_nonsystem_relation_kind": re.compile(
        r"(?:(?:view|foreign-table)(?:\s*,\s*(?:view|foreign-table))?)?"
    ),
    "search_path": NAMES,
    "temp_tablespaces": NAMES,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a family, as it is by default."""

    name: str
    setting: str | None
    """PostgreSQL's name of it; None where PostgreSQL has no such parameter."""
    kind: str
    """boolean, integer, float, string or list: AWS's DataType."""
    static: bool
    """Whether a change needs a reboot."""
    value: str | None
    """The default; None where the engine's own applies."""
    source: str
    """`system` where RDS sets the default, else `engine-default`."""
    allowed: str | None
    modifiable: bool
    levels: frozenset[str]
    """`cluster` and, where the DB parameter groups have it too, `instance`."""
    description: str
    allowed_texts: tuple[str, ...] = ()
    """The values of an enumeration; empty for any text."""
    minimum: float | None = None
    maximum: float | None = None

    def shape(self, *, cluster: bool, in_group: bool = True) -> Document:
        """As the API shows it. An instance's parameters name no engine modes, engine defaults no method."""
        shape: Document = {"ParameterName": self.name}
        if self.value is not None:
            shape["ParameterValue"] = self.value
        shape |= {
            "Description": self.description,
            "Source": self.source,
            "ApplyType": "static" if self.static else "dynamic",
            "DataType": self.kind,
        }
        if self.allowed is not None:
            shape["AllowedValues"] = self.allowed
        shape["IsModifiable"] = self.modifiable
        if in_group:
            shape["ApplyMethod"] = "pending-reboot"
        if cluster:
            shape["SupportedEngineModes"] = ["provisioned"]
        return shape

    def check(self, value: str) -> None:
        """Raises AwsError InvalidParameterValue where the parameter cannot have this value."""
        if not self._takes(value):
            allowed = f" allowed values are: {self.allowed}" if self.allowed else ""
            raise bad_value(f"Invalid parameter value: {value} for: {self.name}{allowed}")

    def _takes(self, value: str) -> bool:
        if len(value) > LONGEST_VALUE or any(ord(character) < ord(" ") for character in value):
            return False
        if self.kind == "boolean":
            return value.lower() in BOOLEANS
        if self.kind in ("integer", "float"):
            return self._takes_number(value)
        return self._takes_text(value)

    def _takes_text(self, value: str) -> bool:
        if self.kind == "list":
            return all(item.strip() in self.allowed_texts for item in value.split(",") if item.strip())
        if self.name == "timezone":
            return _is_timezone(value)
        if self.name in GRAMMARS:
            return GRAMMARS[self.name].fullmatch(value.strip()) is not None
        return not self.allowed_texts or value in self.allowed_texts or value.lower() in self.allowed_texts

    def _takes_number(self, value: str) -> bool:
        if is_formula(value):
            # The range holds for what a host makes of it, so a formula need only be one.
            try:
                evaluate(value, ANY_HOST)
            except FormulaError:
                return False
            return True
        if not (INTEGER if self.kind == "integer" else FLOAT).fullmatch(value):
            return False
        number = float(value)
        return (self.minimum is None or number >= self.minimum) and (
            self.maximum is None or number <= self.maximum
        )


def parameters(catalogue: CatalogueLike, level: str) -> dict[str, Parameter]:
    """The parameters of the region's family, by name; `level` is `cluster` or `instance`."""
    known = {item.name: item for item in map(_from_postgresql, filter(_listed, catalogue.settings))}
    own = {item.name: _from_aurora(item, catalogue) for item in aurora_own(catalogue)}
    both = {**known, **own}
    return {name: both[name] for name in sorted(both) if level in both[name].levels}


def is_static(catalogue: CatalogueLike, name: str) -> bool:
    """Whether a change of this parameter needs a reboot. False for one that there is not."""
    parameter = parameters(catalogue, "cluster").get(name)
    return parameter is not None and parameter.static


def aurora_own(catalogue: CatalogueLike) -> list[aurora.AuroraParameter]:
    """Aurora's own parameters, less those that this PostgreSQL knows by itself."""
    settings = {row["name"].lower() for row in catalogue.settings if row["category"] != "Customized Options"}
    return [item for item in AURORA_OWN if item.name not in settings]


def force_ssl_default(catalogue: CatalogueLike) -> str:
    """What `rds.force_ssl` is where nobody has set it (FACTS 3.27)."""
    return "1" if int(major(catalogue.engine_version)) >= FORCE_SSL_BY_DEFAULT_FROM else "0"


def _listed(row: Mapping[str, Any]) -> bool:
    name = row["name"].lower()
    if name in aurora.LISTED_SERVER_LEVEL or name in aurora.LISTED_ALL_THE_SAME:
        return True
    return (
        row["context"] in SESSION_CONTEXTS
        and not row["category"].startswith(aurora.UNLISTED_CATEGORIES)
        and name not in aurora.UNLISTED_SESSION_LEVEL
        and (row["vartype"] != "string" or name in aurora.LISTED_TEXTS)
    )


def _from_postgresql(row: Mapping[str, Any]) -> Parameter:
    name = row["name"].lower()
    kind = "list" if name in aurora.LISTS else DATA_TYPES[row["vartype"]]
    allowed = aurora.ALLOWED_VALUES.get(name) or _allowed(row)
    minimum, maximum = _range(allowed) if kind in ("integer", "float") else (None, None)
    one_level = name in aurora.CLUSTER_ONLY or name.startswith(aurora.CLUSTER_ONLY_PREFIXES)
    value = aurora.SYSTEM_DEFAULTS.get(name)
    return Parameter(
        name=name,
        setting=row["name"],
        kind=kind,
        static=row["context"] == STATIC_CONTEXT,
        value=value if value is not None else aurora.ENGINE_DEFAULTS.get(name),
        source="engine-default" if value is None else "system",
        allowed=allowed,
        modifiable=name not in aurora.NOT_MODIFIABLE and name not in aurora.KEPT_BY_THE_LAB,
        levels=aurora.CLUSTER if one_level else aurora.BOTH,
        description=f"({row['unit']}) {row['short_desc']}" if row["unit"] else str(row["short_desc"]),
        allowed_texts=_texts(allowed) if kind in ("string", "list") else (),
        minimum=minimum,
        maximum=maximum,
    )


def _from_aurora(item: aurora.AuroraParameter, catalogue: CatalogueLike) -> Parameter:
    minimum, maximum = _range(item.allowed) if item.kind in ("integer", "float") else (None, None)
    return Parameter(
        name=item.name,
        setting=None,
        kind=item.kind,
        static=item.static,
        value=_aurora_default(item, catalogue),
        source=item.source,
        allowed=item.allowed,
        modifiable=item.modifiable,
        levels=item.levels,
        description=item.description,
        allowed_texts=_texts(item.allowed) if item.kind in ("string", "list") else (),
        minimum=minimum,
        maximum=maximum,
    )


def _aurora_default(item: aurora.AuroraParameter, catalogue: CatalogueLike) -> str | None:
    if item.name == "rds.force_ssl":
        return force_ssl_default(catalogue)
    if item.name == "rds.extensions":
        # The template knows which extensions there are: it sets this parameter in every server.
        rows = [row for row in catalogue.settings if row["name"] == item.name]
        return str(rows[0]["setting"]) if rows else item.value
    return item.value


def _allowed(row: Mapping[str, Any]) -> str | None:
    if row["vartype"] == "bool":
        return "0,1"
    if row["vartype"] == "enum":
        return ",".join(row["enumvals"] or ())
    if row["vartype"] in ("integer", "real"):
        return f"{row['min_val']}-{row['max_val']}"
    return None


def _is_timezone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        # Where the machine has no time zone data, this one is known all the same.
        return value == "UTC"
    return True


def _texts(allowed: str | None) -> tuple[str, ...]:
    return tuple(allowed.split(",")) if allowed else ()


def _range(allowed: str | None) -> tuple[float | None, float | None]:
    """The bounds in a text as `-1-2147483647`, `0-1.79769e+308` or `-15-3`."""
    if not allowed:
        return None, None
    low, _, high = allowed[1:].partition("-")
    return float(allowed[0] + low), float(high)
