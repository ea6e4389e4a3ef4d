"""Tags: on any resource that has an ARN and exists."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import (
    Filters,
    RegionLike,
    bad_value,
    default_parameter_group,
    no_filters,
)
from aurora_lab.region.store import Document

MOST_TAGS = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256
RESERVED_PREFIXES = ("aws:", "rds:")
SIGNS = frozenset("_.:/=+-@")
"""Beside letters (Unicode L), digits (N) and white space (Z): API `Tag`."""


@dataclass(frozen=True, slots=True)
class Taggable:
    """A kind of resource: where its documents are, and the error for one that is not there."""

    store_kind: str
    not_found: str
    title: str


TAGGABLE: Final[Mapping[str, Taggable]] = {
    "cluster": Taggable("DBCluster", "DBClusterNotFoundFault", "DBCluster"),
    "db": Taggable("DBInstance", "DBInstanceNotFoundFault", "DBInstance"),
    "cluster-endpoint": Taggable("DBClusterEndpoint", "DBClusterEndpointNotFoundFault", "DBClusterEndpoint"),
    "cluster-pg": Taggable(
        "DBClusterParameterGroup", "DBParameterGroupNotFoundFault", "DBClusterParameterGroup"
    ),
    "pg": Taggable("DBParameterGroup", "DBParameterGroupNotFoundFault", "DBParameterGroup"),
    "subgrp": Taggable("DBSubnetGroup", "DBSubnetGroupNotFoundFault", "DBSubnetGroup"),
    "cluster-snapshot": Taggable("DBClusterSnapshot", "DBClusterSnapshotNotFoundFault", "DBClusterSnapshot"),
}


def tags_at_creation(region: RegionLike, arn: str, tags: Sequence[Mapping[str, str]] | None) -> None:
    """Keep the tags that a resource is created with. Raises InvalidParameterValue."""
    if tags:
        _write(region, arn, _checked(tags))


def tags_of(region: RegionLike, arn: str) -> list[dict[str, str]]:
    """The tags of a resource, ordered by key."""
    document = region.store.get("Tags", arn)
    return list(document["TagList"]) if document else []


def remove_tags(region: RegionLike, arn: str) -> None:
    """For a resource that is deleted."""
    region.store.delete("Tags", arn)


def resource_exists(region: RegionLike, arn: str) -> bool:
    """Whether `arn` is that of a resource of this region."""
    taggable, name = _parse(region, arn)
    return taggable is not None and (
        _is_default(region, taggable, name) or region.store.get(taggable.store_kind, name.lower()) is not None
    )


class TagActions:
    """AddTagsToResource, ListTagsForResource, RemoveTagsFromResource."""

    region: RegionLike

    def add_tags_to_resource(
        self, _context: object, *, ResourceName: str, Tags: Sequence[Mapping[str, str]]
    ) -> Document:
        """Raises InvalidParameterValue, or the not-found error of the resource's kind."""
        region = self.region
        with region.store.transaction():
            _check_exists(region, ResourceName)
            _write(region, ResourceName, {**_as_dict(tags_of(region, ResourceName)), **_checked(Tags)})
        return {}

    def list_tags_for_resource(
        self, _context: object, *, ResourceName: str, Filters: Filters | None = None, **_: Any
    ) -> Document:
        """Raises InvalidParameterValue, or the not-found error of the resource's kind."""
        no_filters(Filters)
        _check_exists(self.region, ResourceName)
        return {"TagList": tags_of(self.region, ResourceName)}

    def remove_tags_from_resource(
        self, _context: object, *, ResourceName: str, TagKeys: Sequence[str]
    ) -> Document:
        """Keys that are not there are passed over. Raises as adding does."""
        region = self.region
        with region.store.transaction():
            _check_exists(region, ResourceName)
            kept = {
                key: value
                for key, value in _as_dict(tags_of(region, ResourceName)).items()
                if key not in TagKeys
            }
            _write(region, ResourceName, kept)
        return {}


def _checked(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= LONGEST_KEY:
            raise bad_value(f"A tag key must have from 1 to {LONGEST_KEY} characters: '{key}'.")
        if len(value) > LONGEST_VALUE:
            raise bad_value(f"A tag value must have at most {LONGEST_VALUE} characters (key '{key}').")
        for text in (key, value):
            if text.lower().startswith(RESERVED_PREFIXES):
                raise bad_value(f"Tag keys and values cannot begin with 'aws:' or 'rds:': '{text}'.")
            if not all(character in SIGNS or _is_word(character) for character in text):
                raise bad_value(
                    "A tag may contain letters, digits, white space and the signs _ . : / = + - @ only: "
                    f"'{text}'."
                )
        if key in result:
            raise bad_value(f"The tag key '{key}' is given more than once.")
        result[key] = value
    return result


def _write(region: RegionLike, arn: str, tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise bad_value(f"A resource can have at most {MOST_TAGS} tags.")
    if not tags:
        remove_tags(region, arn)
        return
    listed = [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
    region.store.put("Tags", arn, {"TagList": listed})


def _check_exists(region: RegionLike, arn: str) -> None:
    taggable, name = _parse(region, arn)
    if taggable is None:
        raise bad_value(f"Invalid resource name: {arn}")
    if not resource_exists(region, arn):
        raise fault(taggable.not_found, f"{taggable.title} not found: {name}")


def _parse(region: RegionLike, arn: str) -> tuple[Taggable | None, str]:
    prefix = f"arn:aws:rds:{region.name}:{region.account}:"
    kind, _, name = arn.removeprefix(prefix).partition(":")
    return (TAGGABLE.get(kind) if arn.startswith(prefix) and name else None), name


def _is_default(region: RegionLike, taggable: Taggable, name: str) -> bool:
    if taggable.store_kind in ("DBClusterParameterGroup", "DBParameterGroup"):
        return name == default_parameter_group(region.catalogue)
    return taggable.store_kind == "DBSubnetGroup" and name == "default"


def _as_dict(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNZ"
