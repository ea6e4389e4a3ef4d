"""The DBClusterEndpoint actions: custom endpoints, and a list of all endpoints (FACTS 3.14, 3.15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.api.errors import fault
from aurora_lab.region.identity import random_id
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.cluster_documents import members
from aurora_lab.region.rds.clusters import get_cluster, require_available
from aurora_lab.region.rds.common import filtered, public
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.tags import tags_at_creation
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

ENDPOINT_QUOTA = 5
"""Custom endpoints a cluster (FACTS 1.24, 3.15)."""
TYPES = ("READER", "WRITER", "ANY")


ENDPOINT_FILTERS: dict[str, Callable[[Document], Any]] = {
    "db-cluster-endpoint-type": lambda item: item["EndpointType"].lower(),
    "db-cluster-endpoint-custom-type": lambda item: item.get("CustomEndpointType", "").lower(),
    "db-cluster-endpoint-id": lambda item: item.get("DBClusterEndpointIdentifier", ""),
    "db-cluster-endpoint-status": lambda item: item["Status"],
}


class ClusterEndpointActions:
    """Custom endpoints."""

    region: Region

    def create_db_cluster_endpoint(
        self,
        _context: object,
        *,
        DBClusterIdentifier: str,
        DBClusterEndpointIdentifier: str,
        EndpointType: str,
        StaticMembers: list[str] | None = None,
        ExcludedMembers: list[str] | None = None,
        Tags: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Make a custom endpoint with a static list of members or an exclusion list, never both."""
        region = self.region
        identifier = checked_name(DBClusterEndpointIdentifier, "DBClusterEndpointIdentifier")
        kind = _kind(EndpointType)
        with region.store.transaction():
            cluster = get_cluster(region, DBClusterIdentifier)
            require_available(cluster)
            if region.store.get("DBClusterEndpoint", identifier):
                raise fault(
                    "DBClusterEndpointAlreadyExistsFault", f"DB cluster endpoint {identifier} already exists"
                )
            if len(_of(region, cluster)) >= ENDPOINT_QUOTA:
                raise fault(
                    "DBClusterEndpointQuotaExceededFault",
                    f"A cluster has at most {ENDPOINT_QUOTA} custom endpoints.",
                )
            static, excluded = _lists(region, cluster, StaticMembers, ExcludedMembers)
            endpoint: Document = {
                "DBClusterEndpointIdentifier": identifier,
                "DBClusterIdentifier": cluster["DBClusterIdentifier"],
                "DBClusterEndpointResourceIdentifier": f"cluster-endpoint-{random_id(26)}",
                "Endpoint": names.custom_endpoint(identifier, region.dns_id, region.name),
                "Status": "available",
                "EndpointType": "CUSTOM",
                "CustomEndpointType": kind,
                "StaticMembers": static,
                "ExcludedMembers": excluded,
                "DBClusterEndpointArn": region.arn("cluster-endpoint", identifier),
            }
            region.store.put("DBClusterEndpoint", identifier, endpoint)
            tags_at_creation(region, endpoint["DBClusterEndpointArn"], Tags)
        region.touch()
        return {**public(endpoint), "Status": "creating"}

    def describe_db_cluster_endpoints(
        self,
        _context: object,
        *,
        DBClusterIdentifier: str | None = None,
        DBClusterEndpointIdentifier: str | None = None,
        Filters: list[dict[str, Any]] | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """Writer, reader and custom endpoints."""
        region = self.region
        clusters = (
            [get_cluster(region, DBClusterIdentifier)]
            if DBClusterIdentifier
            else region.store.all("DBCluster")
        )
        found = [
            endpoint for cluster in clusters for endpoint in (*_built_in(cluster), *_of(region, cluster))
        ]
        if DBClusterEndpointIdentifier is not None:
            wanted = DBClusterEndpointIdentifier.lower()
            found = [item for item in found if item.get("DBClusterEndpointIdentifier") == wanted]
        found = filtered(found, Filters, ENDPOINT_FILTERS)
        return {"DBClusterEndpoints": [public(item) for item in found]}

    def modify_db_cluster_endpoint(
        self,
        _context: object,
        *,
        DBClusterEndpointIdentifier: str,
        EndpointType: str | None = None,
        StaticMembers: list[str] | None = None,
        ExcludedMembers: list[str] | None = None,
    ) -> dict[str, Any]:
        """Change type or members; live connections stay where they are (FACTS 3.15)."""
        region = self.region
        with region.store.transaction():
            endpoint = _get(region, DBClusterEndpointIdentifier)
            cluster = get_cluster(region, endpoint["DBClusterIdentifier"])
            if EndpointType is not None:
                endpoint["CustomEndpointType"] = _kind(EndpointType)
            if StaticMembers is not None or ExcludedMembers is not None:
                static, excluded = _lists(region, cluster, StaticMembers, ExcludedMembers)
                endpoint.update(StaticMembers=static, ExcludedMembers=excluded)
            region.store.put("DBClusterEndpoint", endpoint["DBClusterEndpointIdentifier"], endpoint)
        region.touch()
        return {**public(endpoint), "Status": "modifying"}

    def delete_db_cluster_endpoint(
        self, _context: object, *, DBClusterEndpointIdentifier: str
    ) -> dict[str, Any]:
        """Remove a custom endpoint."""
        region = self.region
        with region.store.transaction():
            endpoint = _get(region, DBClusterEndpointIdentifier)
            region.store.delete("DBClusterEndpoint", endpoint["DBClusterEndpointIdentifier"])
            region.store.delete("Tags", endpoint["DBClusterEndpointArn"])
        region.touch()
        return {**public(endpoint), "Status": "deleting"}


def _of(region: Region, cluster: Document) -> list[Document]:
    return [
        item
        for item in region.store.all("DBClusterEndpoint")
        if item["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]
    ]


def _built_in(cluster: Document) -> list[Document]:
    status = "available" if cluster["Status"] != "creating" else "creating"
    return [
        {
            "DBClusterIdentifier": cluster["DBClusterIdentifier"],
            "Endpoint": cluster[key],
            "Status": status,
            "EndpointType": kind,
        }
        for key, kind in (("Endpoint", "WRITER"), ("ReaderEndpoint", "READER"))
    ]


def _get(region: Region, identifier: str) -> Document:
    endpoint = region.store.get("DBClusterEndpoint", identifier.rsplit(":", maxsplit=1)[-1].lower())
    if endpoint is None:
        raise fault("DBClusterEndpointNotFoundFault", f"DBClusterEndpoint {identifier} not found.")
    return endpoint


def _kind(given: str) -> str:
    if given.upper() not in TYPES:
        raise rules.invalid(f"Invalid endpoint type {given}: it must be one of {', '.join(TYPES)}.")
    return given.upper()


def _lists(
    region: Region, cluster: Document, static: list[str] | None, excluded: list[str] | None
) -> tuple[list[str], list[str]]:
    if static and excluded:
        raise rules.combination("StaticMembers and ExcludedMembers cannot both be given.")
    known = {item["DBInstanceIdentifier"] for item in members(region, cluster)}
    for name in (*(static or ()), *(excluded or ())):
        if name.lower() not in known:
            raise fault(
                "DBInstanceNotFoundFault",
                f"DBInstance {name} not found in cluster {cluster['DBClusterIdentifier']}.",
            )
    return [name.lower() for name in static or ()], [name.lower() for name in excluded or ()]
