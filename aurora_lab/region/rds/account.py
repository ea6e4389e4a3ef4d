"""DescribeAccountAttributes: the quotas of an account, with what of them is used here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from aurora_lab.region.databases import is_database, source_of
from aurora_lab.region.rds.common import Filters, RegionLike, no_filters
from aurora_lab.region.store import Document

# FACTS 1.24 for instances, clusters and custom endpoints, 4.5 for read replicas; the others: the AWS CLI's
# documented output of describe-account-attributes, with the model's names (API `AccountQuota`).
QUOTAS: Final[Mapping[str, int]] = {
    "AllocatedStorage": 100_000,
    "AuthorizationsPerDBSecurityGroup": 20,
    "CustomEndpointsPerDBCluster": 5,
    "DBClusterParameterGroups": 50,
    "DBClusterRoles": 5,
    "DBClusters": 40,
    "DBInstanceRoles": 5,
    "DBInstances": 40,
    "DBParameterGroups": 50,
    "DBSecurityGroups": 25,
    "DBSubnetGroups": 50,
    "EventSubscriptions": 20,
    "ManualClusterSnapshots": 100,
    "ManualSnapshots": 100,
    "OptionGroups": 20,
    "ReadReplicasPerMaster": 15,
    "ReservedDBInstances": 40,
    "SubnetsPerDBSubnetGroup": 20,
}
SUBNETS_OF_DEFAULT_GROUP = 3


class AccountActions:
    """What the account may have, and which Regions it can copy from."""

    region: RegionLike

    def describe_account_attributes(self, _context: object, **_: Any) -> Document:
        """Every quota; what the lab has none of is used 0 times. No errors."""
        used = self._used()
        return {
            "AccountQuotas": [
                {"AccountQuotaName": name, "Used": used.get(name, 0), "Max": most}
                for name, most in QUOTAS.items()
            ]
        }

    def describe_source_regions(
        self, _context: object, *, Filters: Filters | None = None, **_: Any
    ) -> Document:
        """None: this local Region stands alone, there is no other to copy from."""
        no_filters(Filters)
        return {"SourceRegions": []}

    def _used(self) -> dict[str, int]:
        store = self.region.store
        clusters = store.all("DBCluster")
        databases = [item for item in store.all("DBInstance") if is_database(item)]
        replicas = Counter(source_of(item) for item in databases if source_of(item))
        endpoints = Counter(item["DBClusterIdentifier"] for item in store.all("DBClusterEndpoint"))
        subnet_groups = store.all("DBSubnetGroup")
        subnets = [len(item["Subnets"]) for item in subnet_groups]
        return {
            "AllocatedStorage": sum(item.get("AllocatedStorage", 0) for item in (*clusters, *databases)),
            "CustomEndpointsPerDBCluster": max(endpoints.values(), default=0),
            "DBClusterParameterGroups": len(store.all("DBClusterParameterGroup")),
            "DBClusters": len(clusters),
            "DBInstances": len(store.all("DBInstance")),
            "DBParameterGroups": len(store.all("DBParameterGroup")),
            "DBSubnetGroups": len(subnet_groups) + 1,
            "ManualClusterSnapshots": sum(
                item["SnapshotType"] == "manual" for item in store.all("DBClusterSnapshot")
            ),
            "ReadReplicasPerMaster": max(replicas.values(), default=0),
            "SubnetsPerDBSubnetGroup": max([SUBNETS_OF_DEFAULT_GROUP, *subnets]),
        }
