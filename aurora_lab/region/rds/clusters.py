"""The DBCluster actions: create, describe, modify, delete, start, stop, failover."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.auto_pause import rouse
from aurora_lab.region.failover import begin_failover, best_target
from aurora_lab.region.ports import is_free
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.cluster_documents import (
    members,
    new_cluster,
    security_groups,
    set_serverless,
    show_cluster,
)
from aurora_lab.region.rds.cluster_rules import (
    check_creation,
    check_subnet_group,
    check_values,
    parameter_group,
)
from aurora_lab.region.rds.common import filtered
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.engines import check_engine_version
from aurora_lab.region.rds.tags import tags_at_creation
from aurora_lab.region.rds.waiting import wait_until_settled
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.api.context import RequestContext
    from aurora_lab.region.core import Region

CLUSTER_QUOTA = 40
"""DB clusters a Region (FACTS 1.24)."""

CLUSTER_FILTERS: dict[str, Callable[[Document], Any]] = {
    "clone-group-id": lambda item: item.get("CloneGroupId"),
    "db-cluster-id": lambda item: [item["DBClusterIdentifier"], item["DBClusterArn"]],
    "db-cluster-resource-id": lambda item: item["DbClusterResourceId"],
    "domain": lambda _item: [],
    "engine": lambda item: item["Engine"],
}


class ClusterActions:
    """Aurora DB clusters."""

    region: Region

    def create_db_cluster(
        self, _context: object, *, DBClusterIdentifier: str, Engine: str, **asked: Any
    ) -> dict[str, Any]:
        """Make a cluster: a volume and two endpoints, and no instance yet (FACTS 1.26)."""
        region = self.region
        identifier = checked_name(DBClusterIdentifier, "DBClusterIdentifier")
        check_creation(Engine, asked)
        asked["EngineVersion"] = check_engine_version(region, Engine, asked.get("EngineVersion"))
        return {"DBCluster": show_cluster(region, put_new_cluster(region, identifier, asked))}

    def describe_db_clusters(
        self,
        context: RequestContext,
        *,
        DBClusterIdentifier: str | None = None,
        Filters: list[dict[str, Any]] | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """All clusters, or one by identifier or ARN."""
        region = self.region

        def found() -> list[Document]:
            if DBClusterIdentifier is not None:
                return [get_cluster(region, DBClusterIdentifier)]
            return filtered(region.store.all("DBCluster"), Filters, CLUSTER_FILTERS)

        wait_until_settled(region, context, found, "Status")
        return {"DBClusters": [show_cluster(region, item) for item in found()]}

    def modify_db_cluster(
        self, _context: object, *, DBClusterIdentifier: str, **asked: Any
    ) -> dict[str, Any]:
        """Change a cluster. A new password or name is carried out by the cluster's worker."""
        region = self.region
        check_values(asked)
        with region.store.transaction():
            cluster = get_cluster(region, DBClusterIdentifier)
            require_available(cluster)
            rouse(region, cluster)
            if (version := asked.get("EngineVersion")) is not None:
                check_engine_version(region, cluster["Engine"], version)
            if (group := asked.get("DBClusterParameterGroupName")) is not None:
                family = f"aurora-postgresql{region.catalogue.major}"
                cluster["DBClusterParameterGroup"] = parameter_group(region, group, family)
            _set_plain(cluster, asked)
            if (port := asked.get("Port")) is not None and port != cluster["Port"]:
                listen(region, port)
                cluster["Port"] = port
                for instance in members(region, cluster):
                    instance["Endpoint"]["Port"] = port
                    region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
            if (password := asked.get("MasterUserPassword")) is not None:
                cluster["_lab"]["new_password"] = password
                cluster["PendingModifiedValues"] = {"MasterUserPassword": "****"}
                cluster["Status"] = "modifying"
            region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
            if (new := asked.get("NewDBClusterIdentifier")) is not None:
                cluster = _rename(region, cluster, new)
        region.touch()
        region.wake(cluster["DBClusterIdentifier"])
        return {"DBCluster": show_cluster(region, cluster)}

    def stop_db_cluster(self, _context: object, *, DBClusterIdentifier: str) -> dict[str, Any]:
        """Stop every instance; the volume stays (FACTS 1.28)."""
        return self._switch(DBClusterIdentifier, "available", "stopping")

    def start_db_cluster(self, _context: object, *, DBClusterIdentifier: str) -> dict[str, Any]:
        """Start a stopped cluster."""
        return self._switch(DBClusterIdentifier, "stopped", "starting")

    def _switch(self, identifier: str, required: str, then: str) -> dict[str, Any]:
        region = self.region
        with region.store.transaction():
            cluster = get_cluster(region, identifier)
            if cluster["Status"] != required:
                raise fault(
                    "InvalidDBClusterStateFault",
                    f"DbCluster {cluster['DBClusterIdentifier']} is in {cluster['Status']} state "
                    f"but expected it to be one of {required}.",
                )
            for instance in members(region, cluster):
                if instance["DBInstanceStatus"] != required:
                    raise fault(
                        "InvalidDBInstanceState",
                        f"Instance {instance['DBInstanceIdentifier']} is in {instance['DBInstanceStatus']} "
                        f"state: it must be {required}.",
                    )
                instance["DBInstanceStatus"] = then
                region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
            cluster["Status"] = then
            region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
        region.touch()
        region.wake(cluster["DBClusterIdentifier"])
        return {"DBCluster": show_cluster(region, cluster)}

    def failover_db_cluster(
        self, _context: object, *, DBClusterIdentifier: str, TargetDBInstanceIdentifier: str | None = None
    ) -> dict[str, Any]:
        """Make a reader the writer: the one named or, by tier, the best (FACTS 7.6, 4.9)."""
        region = self.region
        with region.store.transaction():
            cluster = get_cluster(region, DBClusterIdentifier)
            require_available(cluster)
            rouse(region, cluster)
            identifier = cluster["DBClusterIdentifier"]
            old = region.store.get("DBInstance", cluster["_lab"]["writer"] or "")
            target: Document | None
            if TargetDBInstanceIdentifier is None:
                target = best_target(region.worker_of(cluster), cluster)
            else:
                name = TargetDBInstanceIdentifier.lower()
                target = next(
                    (item for item in members(region, cluster) if item["DBInstanceIdentifier"] == name), None
                )
                if target is None:
                    raise fault(
                        "DBInstanceNotFoundFault", f"DBInstance {name} not found in cluster {identifier}."
                    )
                if old is not None and name == old["DBInstanceIdentifier"]:
                    raise fault(
                        "InvalidDBInstanceState",
                        f"Instance {name} is already the writer of cluster {identifier}.",
                    )
                if target["DBInstanceStatus"] != "available":
                    raise fault(
                        "InvalidDBInstanceState",
                        f"Instance {name} is in {target['DBInstanceStatus']} state: it must be available.",
                    )
            if old is None or target is None:
                raise fault(
                    "InvalidDBClusterStateFault",
                    f"Cannot failover cluster {identifier}: it has no reader that is available.",
                )
            begin_failover(region, cluster, old, target, planned=True)
            cluster = get_cluster(region, identifier)
        return {"DBCluster": show_cluster(region, cluster)}


def put_new_cluster(
    region: Region, identifier: str, asked: dict[str, Any], restore: Document | None = None
) -> Document:
    """Store a cluster that was asked for with checked parameters, and have its worker make it.

    `restore` says what its volume is made from. Raises DBClusterAlreadyExistsFault,
    DBClusterQuotaExceededFault, and what the named groups, the port and the tags may raise.
    """
    family = f"aurora-postgresql{region.catalogue.major}"
    with region.store.transaction():
        if region.store.get("DBCluster", identifier):
            raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
        if len(region.store.all("DBCluster")) >= CLUSTER_QUOTA:
            raise fault(
                "DBClusterQuotaExceededFault",
                f"Quota exceeded: an account has at most {CLUSTER_QUOTA} DB clusters a Region.",
            )
        asked["DBClusterParameterGroupName"] = parameter_group(
            region, asked.get("DBClusterParameterGroupName"), family
        )
        check_subnet_group(region, asked.get("DBSubnetGroupName"))
        cluster = new_cluster(region, identifier, asked)
        if restore is not None:
            cluster["_lab"]["restore"] = restore
        listen(region, cluster["Port"])
        region.store.put("DBCluster", identifier, cluster)
        tags_at_creation(region, cluster["DBClusterArn"], asked.get("Tags"))
    region.touch()
    region.wake(identifier)
    return cluster


def get_cluster(region: Region, identifier: str) -> Document:
    """A cluster by identifier or ARN. Raises DBClusterNotFoundFault."""
    name = identifier.rsplit(":", maxsplit=1)[-1].lower()
    cluster = region.store.get("DBCluster", name)
    if cluster is None:
        raise fault("DBClusterNotFoundFault", f"DBCluster {identifier} not found.")
    return cluster


def require_available(cluster: Document) -> None:
    """Raises InvalidDBClusterStateFault."""
    if cluster["Status"] != "available":
        raise wrong_state(cluster)


def wrong_state(cluster: Document) -> AwsError:
    """The error for a cluster that has to be available and is not."""
    return fault(
        "InvalidDBClusterStateFault",
        f"DB cluster {cluster['DBClusterIdentifier']} is in {cluster['Status']} state: it must be available.",
    )


def _set_plain(cluster: Document, asked: dict[str, Any]) -> None:
    """What is only written down, or read again when it is needed."""
    for name in (
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "DeletionProtection",
        "CopyTagsToSnapshot",
        "AutoMinorVersionUpgrade",
        "EngineLifecycleSupport",
    ):
        if asked.get(name) is not None:
            cluster[name] = asked[name]
    if asked.get("EnableIAMDatabaseAuthentication") is not None:
        cluster["IAMDatabaseAuthenticationEnabled"] = asked["EnableIAMDatabaseAuthentication"]
    if asked.get("VpcSecurityGroupIds") is not None:
        cluster["VpcSecurityGroups"] = security_groups(asked["VpcSecurityGroupIds"])
    if scaling := asked.get("ServerlessV2ScalingConfiguration"):
        merged = {**cluster.get("ServerlessV2ScalingConfiguration", {}), **scaling}
        if merged.get("MinCapacity") != 0 and "SecondsUntilAutoPause" not in scaling:
            merged.pop("SecondsUntilAutoPause", None)
        rules.check_serverless(
            merged.get("MinCapacity"), merged.get("MaxCapacity"), merged.get("SecondsUntilAutoPause")
        )
        set_serverless(cluster, merged)
    if (storage := asked.get("StorageType")) == "aurora":
        cluster.pop("StorageType", None)
    elif storage is not None:
        cluster["StorageType"] = storage


def listen(region: Region, port: int) -> None:
    """Have the router answer on one more port. Raises InvalidParameterValue for one in use."""
    host = region.router_address[0]
    if port == region.default_port or port in region.router.ports():
        return
    if not is_free(host, port):
        raise rules.invalid(f"Port {port} is in use on this machine ({host}): choose another one.")
    region.router.listen(port)


def _rename(region: Region, cluster: Document, new: str) -> Document:
    """A new identifier is a new name for the endpoints too (FACTS 3.22)."""
    old, identifier = cluster["DBClusterIdentifier"], checked_name(new, "NewDBClusterIdentifier")
    if identifier == old:
        return cluster
    if region.store.get("DBCluster", identifier):
        raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    label = (region.dns_id, region.name)
    tags = region.store.get("Tags", cluster["DBClusterArn"])
    region.store.delete("Tags", cluster["DBClusterArn"])
    cluster.update(
        DBClusterIdentifier=identifier,
        DBClusterArn=region.arn("cluster", identifier),
        Endpoint=names.cluster_endpoint(identifier, *label),
        ReaderEndpoint=names.reader_endpoint(identifier, *label),
    )
    # The new name first: so the ledger sees one cluster that goes on.
    region.store.put("DBCluster", identifier, cluster)
    region.store.delete("DBCluster", old)
    if tags:
        region.store.put("Tags", cluster["DBClusterArn"], tags)
    for kind, key in (
        ("DBInstance", "DBInstanceIdentifier"),
        ("DBClusterEndpoint", "DBClusterEndpointIdentifier"),
    ):
        for item in region.store.all(kind):
            if item.get("DBClusterIdentifier") == old:
                item["DBClusterIdentifier"] = identifier
                region.store.put(kind, item[key], item)
    return cluster
