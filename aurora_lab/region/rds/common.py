"""What the actions on records share: what they need of the region, identifier rules, filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.store import Document, Store

ENGINE = "aurora-postgresql"
AVAILABILITY_ZONES = ("a", "b", "c")
"""Letters of the Region's Availability Zones: the six copies of the data lie in three (FACTS 1.2, 1.4)."""

IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")

Filters = Sequence[Mapping[str, Any]]


class CatalogueLike(Protocol):
    """What the runtime's PostgreSQL is and can be set to."""

    @property
    def engine_version(self) -> str:
        """As `17.10`."""

    @property
    def settings(self) -> Sequence[Mapping[str, Any]]:
        """The rows of `pg_settings`."""


class RegionLike(Protocol):
    """What the actions on records need of the region (`region/core.py`)."""

    @property
    def store(self) -> Store:
        """The region's documents."""

    @property
    def name(self) -> str:
        """The AWS Region's name."""

    @property
    def account(self) -> str:
        """The account's number."""

    @property
    def catalogue(self) -> CatalogueLike:
        """The engine version and its parameters."""

    def arn(self, kind: str, identifier: str) -> str:
        """The ARN of an RDS resource."""

    def now(self) -> str:
        """The time as the API writes it."""

    def add_event(
        self,
        source_type: str,
        identifier: str,
        categories: list[str],
        message: str,
        event_id: str | None = None,
    ) -> None:
        """Append to the event log."""

    def parameters_changed(self, _kind: str, _group: str) -> None:
        """Have every server that uses the group follow it."""


def public(document: Document) -> Document:
    """The document as the API shows it: without what only the lab knows."""
    return {key: value for key, value in document.items() if key != "_lab"}


def bad_value(message: str) -> AwsError:
    """The error for a value that RDS does not take: `InvalidParameterValue`, HTTP 400."""
    return AwsError("InvalidParameterValue", message)


def bad_combination(message: str) -> AwsError:
    """The error for values that do not go together: `InvalidParameterCombination`, HTTP 400."""
    return AwsError("InvalidParameterCombination", message)


def identifier(value: str, parameter: str, longest: int = 63) -> str:
    """`value` in lower case, as RDS stores it; `parameter` is the name under which it was given.

    1 to `longest` letters, digits and hyphens; starts with a letter; no hyphen at the end and no two in a row.
    Raises AwsError InvalidParameterValue.
    """
    if not 1 <= len(value) <= longest or not IDENTIFIER.fullmatch(value):
        raise bad_value(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain "
            f"two consecutive hyphens. They are 1 to {longest} characters long."
        )
    return value.lower()


def find(store: Store, kind: str, name: str, fault_name: str, message: str) -> Document:
    """The document of that kind and name. Raises the modelled error `fault_name` where there is none."""
    document = store.get(kind, name.lower())
    if document is None:
        raise fault(fault_name, message)
    return document


def family(catalogue: CatalogueLike) -> str:
    """The one parameter group family that this region can run, as `aurora-postgresql17`."""
    return f"{ENGINE}{major(catalogue.engine_version)}"


def major(engine_version: str) -> str:
    """The major version, as `17`."""
    return engine_version.split(".", maxsplit=1)[0]


def default_parameter_group(catalogue: CatalogueLike) -> str:
    """The group that a cluster or an instance gets when none is named."""
    return f"default.{family(catalogue)}"


def zones(region_name: str) -> list[str]:
    """The names of the Region's Availability Zones."""
    return [f"{region_name}{letter}" for letter in AVAILABILITY_ZONES]


def filtered(
    documents: Sequence[Document], filters: Filters | None, known: Mapping[str, Callable[[Document], Any]]
) -> list[Document]:
    """The documents that pass every filter; `known` says what each filter's name compares.

    Raises AwsError InvalidParameterValue for a filter that the operation does not have.
    """
    result = list(documents)
    for each in filters or ():
        reading = known.get(each["Name"])
        if reading is None:
            raise bad_value(f"Unrecognized filter name: {each['Name']}")
        wanted = set(each["Values"])
        result = [item for item in result if wanted & set(_as_list(reading(item)))]
    return result


def no_filters(filters: Filters | None) -> None:
    """For operations that have no filters. Raises AwsError InvalidParameterValue."""
    filtered((), filters, {})


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]
