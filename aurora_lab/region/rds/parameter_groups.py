"""A parameter group of either kind: finding it, and what its parameters are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import (
    CatalogueLike,
    RegionLike,
    bad_combination,
    bad_value,
    default_parameter_group,
    family,
    identifier,
)
from aurora_lab.region.rds.parameter_catalogue import Parameter, parameters
from aurora_lab.region.rds.parameter_effects import group_values
from aurora_lab.region.rds.tags import tags_at_creation
from aurora_lab.region.store import Document

MOST_PARAMETERS_A_CALL = 20
MOST_GROUPS = 50
"""Of each kind, as DescribeAccountAttributes says."""
LONGEST_NAME = 255
KEPT_CHANGES = 20
"""Changes remembered of one parameter, for instances that have not rebooted since."""
SOURCES = ("user", "system", "engine-default")


@dataclass(frozen=True, slots=True)
class GroupKind:
    """How the two kinds of parameter groups differ."""

    store_kind: str
    level: str
    """Which parameters it has: `cluster` or `instance`."""
    arn_kind: str
    name_field: str
    arn_field: str
    title: str
    """As AWS's messages call it."""
    default_description: str
    members: str
    """Who can be a member, as AWS's message names them."""

    @property
    def is_cluster(self) -> bool:
        """Whether it is for whole clusters."""
        return self.level == "cluster"


CLUSTER_GROUP: Final = GroupKind(
    store_kind="DBClusterParameterGroup",
    level="cluster",
    arn_kind="cluster-pg",
    name_field="DBClusterParameterGroupName",
    arn_field="DBClusterParameterGroupArn",
    title="DBClusterParameterGroup",
    default_description="Default cluster parameter group for",
    members="clusters",
)
INSTANCE_GROUP: Final = GroupKind(
    store_kind="DBParameterGroup",
    level="instance",
    arn_kind="pg",
    name_field="DBParameterGroupName",
    arn_field="DBParameterGroupArn",
    title="DBParameterGroup",
    default_description="Default parameter group for",
    members="instances",
)


def check_family(catalogue: CatalogueLike, name: str) -> None:
    """Raises InvalidParameterValue for a family that this region cannot run."""
    if name.lower() != family(catalogue):
        raise bad_value(f"ParameterGroupFamily {name} is not a valid parameter group family")


def groups(region: RegionLike, kind: GroupKind) -> list[Document]:
    """Every group of the kind, the default one too, by name."""
    documents = [default_group(region, kind), *region.store.all(kind.store_kind)]
    return sorted(documents, key=lambda item: str(item[kind.name_field]))


def default_group(region: RegionLike, kind: GroupKind) -> Document:
    """The group that exists by itself and cannot be changed."""
    name = default_parameter_group(region.catalogue)
    return {
        kind.name_field: name,
        "DBParameterGroupFamily": family(region.catalogue),
        "Description": f"{kind.default_description} {family(region.catalogue)}",
        kind.arn_field: region.arn(kind.arn_kind, name),
    }


def find_group(region: RegionLike, kind: GroupKind, name: str) -> Document:
    """The group `name`, the default one too. Raises DBParameterGroupNotFound."""
    if name.lower() == default_parameter_group(region.catalogue):
        return default_group(region, kind)
    document = region.store.get(kind.store_kind, name.lower())
    if document is None:
        raise fault("DBParameterGroupNotFoundFault", f"{kind.title} not found: {name}")
    return document


def find_own_group(region: RegionLike, kind: GroupKind, name: str) -> Document:
    """A group that a user made. Raises DBParameterGroupNotFound, InvalidParameterValue for a default group."""
    document = find_group(region, kind, name)
    if document[kind.name_field].startswith("default."):
        raise bad_value("Cannot modify a default parameter group.")
    return document


def create_group(
    region: RegionLike,
    kind: GroupKind,
    name: str,
    description: str,
    *,
    tags: Sequence[Mapping[str, str]] | None,
    changes: Document,
) -> Document:
    """Make a group. Raises DBParameterGroupAlreadyExists, DBParameterGroupQuotaExceeded, InvalidParameterValue."""
    if not description.strip():
        raise bad_value("The parameter Description must be provided and must not be blank.")
    stored = identifier(name, kind.name_field, LONGEST_NAME)
    with region.store.transaction():
        if region.store.get(kind.store_kind, stored) is not None:
            raise fault("DBParameterGroupAlreadyExistsFault", f"Parameter group {stored} already exists")
        if len(region.store.all(kind.store_kind)) >= MOST_GROUPS:
            raise fault(
                "DBParameterGroupQuotaExceededFault", f"Cannot have more than {MOST_GROUPS} parameter groups."
            )
        document: Document = {
            kind.name_field: stored,
            "DBParameterGroupFamily": family(region.catalogue),
            "Description": description,
            kind.arn_field: region.arn(kind.arn_kind, stored),
            "_lab": {"changes": changes},
        }
        region.store.put(kind.store_kind, stored, document)
        tags_at_creation(region, document[kind.arn_field], tags)
    return document


def members(region: RegionLike, kind: GroupKind, name: str) -> list[str]:
    """The clusters or instances that use the group."""
    if kind.is_cluster:
        return [
            item["DBClusterIdentifier"]
            for item in region.store.all("DBCluster")
            if item["DBClusterParameterGroup"] == name
        ]
    return [
        item["DBInstanceIdentifier"]
        for item in region.store.all("DBInstance")
        if any(group["DBParameterGroupName"] == name for group in item["DBParameterGroups"])
    ]


def parameter_shapes(region: RegionLike, kind: GroupKind, document: Document) -> list[Document]:
    """Every parameter of a group as the API shows it, with what the user has set."""
    values = group_values(region.store, kind.store_kind, document[kind.name_field], None)
    changes = document.get("_lab", {}).get("changes", {})
    shapes = []
    for name, parameter in parameters(region.catalogue, kind.level).items():
        shape = parameter.shape(cluster=kind.is_cluster)
        if name in values:
            shape |= {
                "ParameterValue": values[name],
                "Source": "user",
                "ApplyMethod": changes[name][-1]["method"],
            }
        shapes.append(shape)
    return shapes


def modify(region: RegionLike, kind: GroupKind, name: str, asked: Sequence[Mapping[str, Any]]) -> Document:
    """Set parameters. Raises InvalidParameterValue, InvalidParameterCombination, DBParameterGroupNotFound."""
    known = _check_names(region, kind, asked)
    if not asked:
        raise bad_value("The parameter Parameters must be provided and must not be empty.")
    for item in asked:
        if not item.get("ParameterValue"):
            raise bad_value(f"The parameter {item['ParameterName']} must have a ParameterValue.")
        known[item["ParameterName"]].check(item["ParameterValue"])
    return _change(
        region, kind, name, {item["ParameterName"]: (item["ParameterValue"], _method(item)) for item in asked}
    )


def reset(
    region: RegionLike,
    kind: GroupKind,
    name: str,
    everything: bool | None,
    asked: Sequence[Mapping[str, Any]] | None,
) -> Document:
    """Take the user's values back: of the named parameters, or of all. Raises as `modify` does."""
    document = find_own_group(region, kind, name)
    if asked and everything:
        raise bad_combination("ResetAllParameters and Parameters cannot be specified together.")
    if asked:
        _check_names(region, kind, asked)
        wanted = {item["ParameterName"]: (None, _method(item)) for item in asked}
    elif everything is False or (everything is None and kind.is_cluster):
        raise bad_combination("Either ResetAllParameters or a list of Parameters must be specified.")
    else:
        # A dynamic parameter takes its default back at once, a static one at the next reboot (API).
        known = parameters(region.catalogue, kind.level)
        wanted = {
            item: (None, "pending-reboot" if known[item].static else "immediate")
            for item in document["_lab"]["changes"]
            if item in known
        }
    return _change(region, kind, name, wanted)


def _check_names(
    region: RegionLike, kind: GroupKind, asked: Sequence[Mapping[str, Any]]
) -> dict[str, Parameter]:
    if len(asked) > MOST_PARAMETERS_A_CALL:
        raise bad_value(
            f"At most {MOST_PARAMETERS_A_CALL} parameters can be modified in one request, not {len(asked)}."
        )
    known = parameters(region.catalogue, kind.level)
    for item in asked:
        name = item.get("ParameterName")
        if not name:
            raise bad_value("The parameter ParameterName must be provided and must not be blank.")
        if name not in known:
            raise bad_value(f"Could not find parameter with name: {name}")
        if not known[name].modifiable:
            raise bad_value(f"The parameter {name} cannot be modified.")
        if known[name].static and _method(item) == "immediate":
            raise bad_combination("cannot use immediate apply method for static parameter")
    return known


def _method(item: Mapping[str, Any]) -> str:
    if item.get("ApplyMethod") is None:
        raise bad_value(f"The parameter ApplyMethod of {item['ParameterName']} must be provided.")
    return str(item["ApplyMethod"])


def _change(
    region: RegionLike, kind: GroupKind, name: str, wanted: Mapping[str, tuple[str | None, str]]
) -> Document:
    with region.store.transaction():
        document = find_own_group(region, kind, name)
        for parameter, (value, method) in wanted.items():
            change = {"value": value, "method": method, "at": region.now()}
            before = document["_lab"]["changes"].pop(parameter, [])
            # What counts at once ends the story of what came before.
            history = [change] if method == "immediate" else [*before, change][-KEPT_CHANGES:]
            if any(item["value"] is not None for item in history):
                document["_lab"]["changes"][parameter] = history
        region.store.put(kind.store_kind, document[kind.name_field], document)
    region.parameters_changed(kind.store_kind, document[kind.name_field])
    return document
