"""DB subnet groups, as records: the lab has no network of its own to put a server in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import Filters, RegionLike, bad_value, no_filters, public, zones
from aurora_lab.region.rds.tags import remove_tags, tags_at_creation
from aurora_lab.region.store import Document

DEFAULT = "default"
VPC = "vpc-0a0b0c0d0e0f0a0b0"
DEFAULT_SUBNETS = ("subnet-0a0000000000000a0", "subnet-0b0000000000000b0", "subnet-0c0000000000000c0")
"""One in each Availability Zone."""
MOST_GROUPS = 50
MOST_SUBNETS = 20
FEWEST_ZONES = 2
NAME = re.compile(r"[A-Za-z][A-Za-z0-9._ -]{0,254}")
SUBNET = re.compile(r"subnet-[0-9a-f]{8}(?:[0-9a-f]{9})?")


def subnet_group(region: RegionLike, name: str) -> Document:
    """The group `name`, the default one too, as the API shows it. Raises DBSubnetGroupNotFoundFault."""
    if name.lower() == DEFAULT:
        return _group(region, DEFAULT, DEFAULT, DEFAULT_SUBNETS)
    document = region.store.get("DBSubnetGroup", name.lower())
    if document is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
    return document


class SubnetGroupActions:
    """Create, describe, modify and delete.

    Any well-formed subnet id is taken. One of the default group lies in its own zone; the others lie in the
    Region's zones in turn, in the order in which they are given.
    """

    region: RegionLike

    def create_db_subnet_group(
        self,
        _context: object,
        *,
        DBSubnetGroupName: str,
        DBSubnetGroupDescription: str,
        SubnetIds: Sequence[str],
        Tags: Sequence[Mapping[str, str]] | None = None,
    ) -> Document:
        """Raises DBSubnetGroupAlreadyExists, DBSubnetGroupQuotaExceeded, and as `_check_subnets` says."""
        name = _checked_name(DBSubnetGroupName)
        region = self.region
        group = _group(region, name, DBSubnetGroupDescription, _checked_subnets(region, SubnetIds))
        with region.store.transaction():
            if region.store.get("DBSubnetGroup", name) is not None:
                raise fault(
                    "DBSubnetGroupAlreadyExistsFault", f"The DB subnet group '{name}' already exists."
                )
            if len(region.store.all("DBSubnetGroup")) + 1 >= MOST_GROUPS:
                raise fault(
                    "DBSubnetGroupQuotaExceededFault",
                    f"Cannot have more than {MOST_GROUPS} DB subnet groups.",
                )
            region.store.put("DBSubnetGroup", name, group)
            tags_at_creation(region, group["DBSubnetGroupArn"], Tags)
        return {"DBSubnetGroup": public(group)}

    def describe_db_subnet_groups(
        self,
        _context: object,
        *,
        DBSubnetGroupName: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """Raises DBSubnetGroupNotFoundFault."""
        no_filters(Filters)
        if DBSubnetGroupName is not None:
            return {"DBSubnetGroups": [public(subnet_group(self.region, DBSubnetGroupName))]}
        found = [subnet_group(self.region, DEFAULT), *self.region.store.all("DBSubnetGroup")]
        return {"DBSubnetGroups": sorted(map(public, found), key=lambda item: str(item["DBSubnetGroupName"]))}

    def modify_db_subnet_group(
        self,
        _context: object,
        *,
        DBSubnetGroupName: str,
        SubnetIds: Sequence[str],
        DBSubnetGroupDescription: str | None = None,
    ) -> Document:
        """Raises DBSubnetGroupNotFoundFault, InvalidDBSubnetGroupStateFault, and as `_check_subnets` says."""
        region = self.region
        with region.store.transaction():
            old = self._own(DBSubnetGroupName)
            name = str(old["DBSubnetGroupName"])
            description = DBSubnetGroupDescription or str(old["DBSubnetGroupDescription"])
            group = _group(region, name, description, _checked_subnets(region, SubnetIds))
            region.store.put("DBSubnetGroup", name, group)
        return {"DBSubnetGroup": public(group)}

    def delete_db_subnet_group(self, _context: object, *, DBSubnetGroupName: str) -> Document:
        """Raises DBSubnetGroupNotFoundFault; InvalidDBSubnetGroupStateFault for the default or a used group."""
        region = self.region
        with region.store.transaction():
            group = self._own(DBSubnetGroupName)
            name = str(group["DBSubnetGroupName"])
            users = [
                item["DBClusterIdentifier"]
                for item in region.store.all("DBCluster")
                if item["DBSubnetGroup"] == name
            ]
            if users:
                raise fault(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{name}' because at least one database cluster: "
                    f"{users[0]} is still using it.",
                )
            region.store.delete("DBSubnetGroup", name)
            remove_tags(region, group["DBSubnetGroupArn"])
        return {}

    def _own(self, name: str) -> Document:
        if name.lower() == DEFAULT:
            raise fault(
                "InvalidDBSubnetGroupStateFault",
                "The default subnet group can be neither modified nor deleted.",
            )
        return subnet_group(self.region, name)


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name) or name.lower() == DEFAULT:
        raise bad_value(
            "The parameter DBSubnetGroupName must have at most 255 letters, digits, periods, underscores, spaces "
            "or hyphens, must begin with a letter and must not be 'default'."
        )
    return name.lower()


def _checked_subnets(region: RegionLike, subnets: Sequence[str]) -> list[str]:
    """Raises InvalidSubnet, DBSubnetQuotaExceededFault, DBSubnetGroupDoesNotCoverEnoughAZs."""
    unique = list(dict.fromkeys(subnets))
    wrong = [item for item in unique if not SUBNET.fullmatch(item)]
    if wrong or not unique:
        raise fault("InvalidSubnet", f"Some input subnets in :[{', '.join(wrong)}] are invalid.")
    if len(unique) > MOST_SUBNETS:
        raise fault("DBSubnetQuotaExceededFault", f"A DB subnet group has at most {MOST_SUBNETS} subnets.")
    covered = sorted({_zone(region, unique, item) for item in unique})
    if len(covered) < FEWEST_ZONES:
        raise fault(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(covered)}. Add subnets to cover at least {FEWEST_ZONES} AZs.",
        )
    return unique


def _zone(region: RegionLike, subnets: Sequence[str], subnet: str) -> str:
    names = zones(region.name)
    if subnet in DEFAULT_SUBNETS:
        return names[DEFAULT_SUBNETS.index(subnet)]
    return names[subnets.index(subnet) % len(names)]


def _group(region: RegionLike, name: str, description: str, subnets: Sequence[str]) -> Document:
    return {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": description,
        "VpcId": VPC,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": item,
                "SubnetAvailabilityZone": {"Name": _zone(region, subnets, item)},
                "SubnetStatus": "Active",
            }
            for item in subnets
        ],
        "DBSubnetGroupArn": region.arn("subgrp", name),
        "SupportedNetworkTypes": ["IPV4"],
    }
