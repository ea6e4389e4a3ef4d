"""What the API accepts for names, passwords, windows and numbers; each violation is an AWS error."""

from __future__ import annotations

import re

from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.rds.common import bad_combination as combination
from aurora_lab.region.rds.common import bad_value as invalid

__all__ = ["combination", "invalid"]

PASSWORD_LENGTH = range(8, 42)
"""The API model's 8–41; the guide allows 8–99 (FACTS 1.27). What both allow is allowed here."""
USERNAME_LENGTH = range(1, 17)
"""The API model's 1–16; the guide allows 1–63 (FACTS 1.27)."""
PORTS = range(1150, 65536)
RETENTION_DAYS = range(1, 36)
"""FACTS 11.1."""
TIERS = range(16)
"""FACTS 4.9, 4.11."""
RESERVED_USERS = frozenset({"rdsadmin", "rds_superuser", "rdsrepladmin", "admin", "public", "none"})
RESERVED_DATABASES = frozenset({"rdsadmin", "template0", "template1"})

_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_BACKUP_WINDOW = re.compile(rf"^{_CLOCK}-{_CLOCK}$")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAINTENANCE_WINDOW = re.compile(rf"^({'|'.join(_DAYS)}):{_CLOCK}-({'|'.join(_DAYS)}):{_CLOCK}$")
MINUTES_A_DAY, MINUTES_A_WEEK, SHORTEST_WINDOW = 1440, 10080, 30


def not_offered(what: str) -> AwsError:
    """A parameter that AWS knows and this region cannot honour: better refused than ignored."""
    return combination(f"{what} is not offered by this local region.")


def check_range(name: str, value: int | None, allowed: range) -> None:
    """Raises InvalidParameterValue."""
    if value is not None and value not in allowed:
        raise invalid(
            f"Invalid value {value} for parameter {name}: it must be from {allowed.start} to {allowed.stop - 1}."
        )


def check_password(password: str) -> None:
    """Raises InvalidParameterValue."""
    if len(password) not in PASSWORD_LENGTH:
        raise invalid(
            "The parameter MasterUserPassword is not a valid password because it must have from "
            f"{PASSWORD_LENGTH.start} to {PASSWORD_LENGTH.stop - 1} characters."
        )
    if any(character in "/@\" '" or not "!" <= character <= "~" for character in password):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password. "
            "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
        )


def check_username(name: str) -> None:
    """Raises InvalidParameterValue."""
    if len(name) not in USERNAME_LENGTH or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise invalid(
            f"Invalid master user name {name}: 1 to 16 letters, digits and underscores, a letter first."
        )
    if name.lower() in RESERVED_USERS or name.lower().startswith("pg_"):
        raise invalid(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")


def check_database(name: str) -> None:
    """Raises InvalidParameterValue."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise invalid(
            f"DatabaseName must begin with a letter and contain only alphanumeric characters, at most 63: {name}"
        )
    if name.lower() in RESERVED_DATABASES:
        raise invalid(f"Database name {name} cannot be used. It is a reserved word.")


def check_backup_window(window: str) -> None:
    """Raises InvalidParameterValue."""
    match = _BACKUP_WINDOW.match(window)
    if not match:
        raise invalid(f"Invalid backup window format: {window} must be given as hh24:mi-hh24:mi (UTC).")
    begin, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if (end - begin) % MINUTES_A_DAY < SHORTEST_WINDOW:
        raise invalid("The backup window must be at least 30 minutes.")


def check_maintenance_window(window: str) -> None:
    """Raises InvalidParameterValue."""
    match = _MAINTENANCE_WINDOW.match(window.lower())
    if not match:
        raise invalid(
            f"Invalid maintenance window format: {window} must be given as ddd:hh24:mi-ddd:hh24:mi (UTC)."
        )
    begin, end = (
        _DAYS.index(match[i]) * MINUTES_A_DAY + int(match[i + 1]) * 60 + int(match[i + 2]) for i in (1, 4)
    )
    if (end - begin) % MINUTES_A_WEEK not in range(SHORTEST_WINDOW, MINUTES_A_DAY + 1):
        raise invalid("The maintenance window must be from 30 minutes to 24 hours.")


def check_serverless(minimum: float | None, maximum: float | None, pause: int | None) -> None:
    """The range of a Serverless v2 cluster (FACTS 5.1–5.3, 5.14). Raises InvalidParameterValue."""
    if minimum is None or maximum is None:
        raise invalid("ServerlessV2ScalingConfiguration needs both MinCapacity and MaxCapacity.")
    for name, value in (("MinCapacity", minimum), ("MaxCapacity", maximum)):
        if value * 2 != int(value * 2) or not 0 <= value <= 256:
            raise invalid(f"Serverless v2 {name} {value:g} is not valid: 0 to 256 in steps of 0.5.")
    if maximum < 1:
        raise invalid(f"Serverless v2 maximum capacity {maximum:g} isn't valid. It must be at least 1.")
    if minimum > maximum:
        raise invalid(f"Serverless v2 minimum capacity {minimum:g} is greater than the maximum {maximum:g}.")
    if pause is not None:
        if minimum != 0:
            raise invalid("SecondsUntilAutoPause can only be specified when minimum capacity is 0")
        check_range("SecondsUntilAutoPause", pause, range(300, 86401))
