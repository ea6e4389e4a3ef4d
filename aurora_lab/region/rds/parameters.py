"""The actions on parameter groups and their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import (
    Filters,
    RegionLike,
    bad_value,
    default_parameter_group,
    family,
    filtered,
    no_filters,
    public,
)
from aurora_lab.region.rds.event_texts import EVENTS
from aurora_lab.region.rds.parameter_catalogue import is_static, parameters
from aurora_lab.region.rds.parameter_effects import (
    effective_parameters,
    force_ssl,
    raised_to_standby_minimum,
    waits_for_reboot,
)
from aurora_lab.region.rds.parameter_groups import (
    CLUSTER_GROUP,
    INSTANCE_GROUP,
    SOURCES,
    GroupKind,
    check_family,
    create_group,
    find_group,
    find_own_group,
    groups,
    members,
    modify,
    parameter_shapes,
    reset,
)
from aurora_lab.region.store import Document

__all__ = [
    "ParameterActions",
    "effective_parameters",
    "force_ssl",
    "is_static",
    "raised_to_standby_minimum",
    "waits_for_reboot",
]

Parameters = Sequence[Mapping[str, Any]]
Tags = Sequence[Mapping[str, str]]


class ParameterActions:
    """Create, copy, describe, modify, reset and delete, for groups of clusters and of instances."""

    region: RegionLike

    # Groups of clusters.

    def create_db_cluster_parameter_group(
        self,
        _context: object,
        *,
        DBClusterParameterGroupName: str,
        DBParameterGroupFamily: str,
        Description: str,
        Tags: Tags | None = None,
    ) -> Document:
        """Raises DBParameterGroupAlreadyExists, DBParameterGroupQuotaExceeded, InvalidParameterValue."""
        check_family(self.region.catalogue, DBParameterGroupFamily)
        group = create_group(
            self.region, CLUSTER_GROUP, DBClusterParameterGroupName, Description, tags=Tags, changes={}
        )
        return {"DBClusterParameterGroup": public(group)}

    def copy_db_cluster_parameter_group(
        self,
        _context: object,
        *,
        SourceDBClusterParameterGroupIdentifier: str,
        TargetDBClusterParameterGroupIdentifier: str,
        TargetDBClusterParameterGroupDescription: str,
        Tags: Tags | None = None,
    ) -> Document:
        """Raises as the creation does, and DBParameterGroupNotFound."""
        group = self._copy(
            CLUSTER_GROUP,
            SourceDBClusterParameterGroupIdentifier,
            TargetDBClusterParameterGroupIdentifier,
            TargetDBClusterParameterGroupDescription,
            Tags,
        )
        return {"DBClusterParameterGroup": public(group)}

    def describe_db_cluster_parameter_groups(
        self,
        _context: object,
        *,
        DBClusterParameterGroupName: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Raises DBParameterGroupNotFound."""
        return {"DBClusterParameterGroups": self._groups(CLUSTER_GROUP, DBClusterParameterGroupName, Filters)}

    def describe_db_cluster_parameters(
        self,
        _context: object,
        *,
        DBClusterParameterGroupName: str,
        Source: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Raises DBParameterGroupNotFound, InvalidParameterValue."""
        return {"Parameters": self._parameters(CLUSTER_GROUP, DBClusterParameterGroupName, Source, Filters)}

    def modify_db_cluster_parameter_group(
        self, _context: object, *, DBClusterParameterGroupName: str, Parameters: Parameters
    ) -> Document:
        """Raises DBParameterGroupNotFound, InvalidParameterValue, InvalidParameterCombination."""
        group = modify(self.region, CLUSTER_GROUP, DBClusterParameterGroupName, Parameters)
        return {"DBClusterParameterGroupName": group["DBClusterParameterGroupName"]}

    def reset_db_cluster_parameter_group(
        self,
        _context: object,
        *,
        DBClusterParameterGroupName: str,
        ResetAllParameters: bool | None = None,
        Parameters: Parameters | None = None,
    ) -> Document:
        """Raises as modifying does."""
        group = reset(self.region, CLUSTER_GROUP, DBClusterParameterGroupName, ResetAllParameters, Parameters)
        return {"DBClusterParameterGroupName": group["DBClusterParameterGroupName"]}

    def delete_db_cluster_parameter_group(
        self, _context: object, *, DBClusterParameterGroupName: str
    ) -> Document:
        """Raises DBParameterGroupNotFound, InvalidDBParameterGroupState."""
        return self._delete(CLUSTER_GROUP, DBClusterParameterGroupName)

    def describe_engine_default_cluster_parameters(
        self, _context: object, *, DBParameterGroupFamily: str, Filters: Filters | None = None, **_: Any
    ) -> Document:
        """Raises InvalidParameterValue."""
        no_filters(Filters)
        return self._engine_defaults(CLUSTER_GROUP, DBParameterGroupFamily, None)

    # Groups of instances.

    def create_db_parameter_group(
        self,
        _context: object,
        *,
        DBParameterGroupName: str,
        DBParameterGroupFamily: str,
        Description: str,
        Tags: Tags | None = None,
    ) -> Document:
        """Raises DBParameterGroupAlreadyExists, DBParameterGroupQuotaExceeded, InvalidParameterValue."""
        check_family(self.region.catalogue, DBParameterGroupFamily)
        group = create_group(
            self.region, INSTANCE_GROUP, DBParameterGroupName, Description, tags=Tags, changes={}
        )
        return {"DBParameterGroup": public(group)}

    def copy_db_parameter_group(
        self,
        _context: object,
        *,
        SourceDBParameterGroupIdentifier: str,
        TargetDBParameterGroupIdentifier: str,
        TargetDBParameterGroupDescription: str,
        Tags: Tags | None = None,
    ) -> Document:
        """Raises as the creation does, and DBParameterGroupNotFound."""
        group = self._copy(
            INSTANCE_GROUP,
            SourceDBParameterGroupIdentifier,
            TargetDBParameterGroupIdentifier,
            TargetDBParameterGroupDescription,
            Tags,
        )
        return {"DBParameterGroup": public(group)}

    def describe_db_parameter_groups(
        self,
        _context: object,
        *,
        DBParameterGroupName: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Raises DBParameterGroupNotFound."""
        return {"DBParameterGroups": self._groups(INSTANCE_GROUP, DBParameterGroupName, Filters)}

    def describe_db_parameters(
        self,
        _context: object,
        *,
        DBParameterGroupName: str,
        Source: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Raises DBParameterGroupNotFound, InvalidParameterValue."""
        return {"Parameters": self._parameters(INSTANCE_GROUP, DBParameterGroupName, Source, Filters)}

    def modify_db_parameter_group(
        self, _context: object, *, DBParameterGroupName: str, Parameters: Parameters
    ) -> Document:
        """Raises DBParameterGroupNotFound, InvalidParameterValue, InvalidParameterCombination."""
        group = modify(self.region, INSTANCE_GROUP, DBParameterGroupName, Parameters)
        name = str(group["DBParameterGroupName"])
        event = EVENTS["RDS-EVENT-0037"]
        for item in Parameters:
            message = event.text.format(
                name=item["ParameterName"], value=item["ParameterValue"], method=item["ApplyMethod"]
            )
            self.region.add_event(event.source_type, name, list(event.categories), message, "RDS-EVENT-0037")
        return {"DBParameterGroupName": name}

    def reset_db_parameter_group(
        self,
        _context: object,
        *,
        DBParameterGroupName: str,
        ResetAllParameters: bool | None = None,
        Parameters: Parameters | None = None,
    ) -> Document:
        """Raises as modifying does."""
        group = reset(self.region, INSTANCE_GROUP, DBParameterGroupName, ResetAllParameters, Parameters)
        return {"DBParameterGroupName": group["DBParameterGroupName"]}

    def delete_db_parameter_group(self, _context: object, *, DBParameterGroupName: str) -> Document:
        """Raises DBParameterGroupNotFound, InvalidDBParameterGroupState."""
        return self._delete(INSTANCE_GROUP, DBParameterGroupName)

    def describe_engine_default_parameters(
        self, _context: object, *, DBParameterGroupFamily: str, Filters: Filters | None = None, **_: Any
    ) -> Document:
        """Raises InvalidParameterValue."""
        return self._engine_defaults(INSTANCE_GROUP, DBParameterGroupFamily, Filters)

    # What both kinds share.

    def _groups(self, kind: GroupKind, name: str | None, filters: Filters | None) -> list[Document]:
        no_filters(filters)
        found = groups(self.region, kind) if name is None else [find_group(self.region, kind, name)]
        return [public(item) for item in found]

    def _parameters(
        self, kind: GroupKind, name: str, source: str | None, filters: Filters | None
    ) -> list[Document]:
        if source is not None and source not in SOURCES:
            raise bad_value(f"Invalid value {source} for parameter Source: {' | '.join(SOURCES)}")
        shapes = parameter_shapes(self.region, kind, find_group(self.region, kind, name))
        shapes = _named(shapes, filters)
        return [item for item in shapes if source in (None, item["Source"])]

    def _copy(
        self, kind: GroupKind, source: str, target: str, description: str, tags: Tags | None
    ) -> Document:
        prefix = self.region.arn(kind.arn_kind, "")
        found = find_group(self.region, kind, source.removeprefix(prefix))
        changes = found.get("_lab", {}).get("changes", {})
        return create_group(self.region, kind, target, description, tags=tags, changes=changes)

    def _delete(self, kind: GroupKind, name: str) -> Document:
        if name.lower() == default_parameter_group(self.region.catalogue):
            raise fault(
                "InvalidDBParameterGroupStateFault", f"Default {kind.title} cannot be deleted: {name.lower()}"
            )
        with self.region.store.transaction():
            document = find_own_group(self.region, kind, name)
            stored = str(document[kind.name_field])
            if members(self.region, kind, stored):
                raise fault(
                    "InvalidDBParameterGroupStateFault",
                    f"One or more database {kind.members} are still members of this parameter group {stored}, "
                    "so the group cannot be deleted",
                )
            self.region.store.delete(kind.store_kind, stored)
            self.region.store.delete("Tags", document[kind.arn_field])
        return {}

    def _engine_defaults(self, kind: GroupKind, name: str, filters: Filters | None) -> Document:
        check_family(self.region.catalogue, name)
        known = parameters(self.region.catalogue, kind.level).values()
        shapes = [item.shape(cluster=kind.is_cluster, in_group=False) for item in known]
        return {
            "EngineDefaults": {
                "DBParameterGroupFamily": family(self.region.catalogue),
                "Parameters": _named(shapes, filters),
            }
        }


def _named(shapes: list[Document], filters: Filters | None) -> list[Document]:
    return filtered(shapes, filters, {"parameter-name": lambda item: item["ParameterName"]})
