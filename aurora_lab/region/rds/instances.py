"""The DBInstance actions for Aurora: create, describe, modify, delete, reboot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_lab.endpoints import names
from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.auto_pause import rouse
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.cluster_documents import members
from aurora_lab.region.rds.clusters import get_cluster
from aurora_lab.region.rds.common import filtered, zones
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.engines import check_engine_version
from aurora_lab.region.rds.instance_documents import new_instance, show_instance
from aurora_lab.region.rds.orderable import SERVERLESS, instance_class
from aurora_lab.region.rds.tags import tags_at_creation
from aurora_lab.region.rds.waiting import wait_until_settled
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.api.context import RequestContext
    from aurora_lab.region.core import Region

INSTANCE_QUOTA = 40
"""DB instances a Region (FACTS 1.24)."""
MAX_READERS = 15
"""FACTS 1.1."""
CA_NAMES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
"""FACTS 3.23."""
MONITORING_INTERVALS = (0, 1, 5, 10, 15, 30, 60)

OF_THE_CLUSTER = (
    "MasterUsername",
    "MasterUserPassword",
    "DBName",
    "Port",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "VpcSecurityGroupIds",
    "StorageEncrypted",
    "KmsKeyId",
    "AllocatedStorage",
    "DeletionProtection",
    "EnableIAMDatabaseAuthentication",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
)
"""What an Aurora instance takes from its cluster and cannot be given itself."""


def _cluster_names(item: Document) -> list[str]:
    cluster, name = item.get("DBClusterIdentifier"), item["DBInstanceIdentifier"]
    return [cluster, item["DBInstanceArn"].replace(f":db:{name}", f":cluster:{cluster}")] if cluster else []


INSTANCE_FILTERS: dict[str, Callable[[Document], Any]] = {
    "db-cluster-id": _cluster_names,
    "db-instance-id": lambda item: [item["DBInstanceIdentifier"], item["DBInstanceArn"]],
    "dbi-resource-id": lambda item: item["DbiResourceId"],
    "domain": lambda _item: [],
    "engine": lambda item: item["Engine"],
}


class InstanceActions:
    """Aurora DB instances."""

    region: Region

    def create_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, DBInstanceClass: str, Engine: str, **asked: Any
    ) -> dict[str, Any]:
        """Add an instance to a cluster: the first becomes the writer, each other one a reader."""
        region = self.region
        identifier = checked_name(DBInstanceIdentifier, "DBInstanceIdentifier")
        _check_creation(Engine, DBInstanceClass, asked)
        with region.store.transaction():
            cluster = get_cluster(region, asked["DBClusterIdentifier"])
            if cluster["Status"] not in ("available", "creating", "modifying", "failing-over"):
                raise fault(
                    "InvalidDBClusterStateFault",
                    f"DB cluster {cluster['DBClusterIdentifier']} is in {cluster['Status']} state: "
                    "an instance cannot be added now.",
                )
            check_engine_version(region, Engine, asked.get("EngineVersion") or cluster["EngineVersion"])
            siblings = members(region, cluster)
            check_quotas(region, identifier, siblings)
            _check_serverless(cluster, DBInstanceClass)
            rouse(region, cluster)
            zone = asked.get("AvailabilityZone")
            if zone is not None and zone not in cluster["AvailabilityZones"]:
                raise rules.invalid(
                    f"Invalid availability zone {zone}: this cluster has {', '.join(cluster['AvailabilityZones'])}."
                )
            asked["DBParameterGroupName"] = _parameter_group(region, asked.get("DBParameterGroupName"))
            instance = new_instance(
                region, cluster, identifier, {**asked, "DBInstanceClass": DBInstanceClass}, siblings
            )
            region.store.put("DBInstance", identifier, instance)
            tags_at_creation(region, instance["DBInstanceArn"], asked.get("Tags"))
            cluster["_lab"]["next_order"] += 1
            if cluster["_lab"]["writer"] is None:
                cluster["_lab"]["writer"] = identifier
            region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
        region.touch()
        region.wake(cluster["DBClusterIdentifier"])
        return {"DBInstance": show_instance(region, instance)}

    def describe_db_instances(
        self,
        context: RequestContext,
        *,
        DBInstanceIdentifier: str | None = None,
        Filters: list[dict[str, Any]] | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """All instances, or one by identifier or ARN."""
        region = self.region

        def found() -> list[Document]:
            if DBInstanceIdentifier is not None:
                return [get_instance(region, DBInstanceIdentifier)]
            return filtered(region.store.all("DBInstance"), Filters, INSTANCE_FILTERS)

        wait_until_settled(region, context, found, "DBInstanceStatus")
        return {"DBInstances": [show_instance(region, item) for item in found()]}

    def modify_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, ApplyImmediately: bool = False, **asked: Any
    ) -> dict[str, Any]:
        """Change an instance. A new class restarts it: at once if asked for, else it stays pending."""
        region = self.region
        _check_modification(asked)
        with region.store.transaction():
            _require_available(get_instance(region, DBInstanceIdentifier))
            instance = _roused(region, DBInstanceIdentifier, asked.get("DBInstanceClass"))
            for name in (
                "PromotionTier",
                "AutoMinorVersionUpgrade",
                "PreferredMaintenanceWindow",
                "PubliclyAccessible",
                "CopyTagsToSnapshot",
                "MonitoringInterval",
            ):
                if asked.get(name) is not None:
                    instance[name] = asked[name]
            if (insights := asked.get("EnablePerformanceInsights")) is not None:
                instance["PerformanceInsightsEnabled"] = insights
            if (authority := asked.get("CACertificateIdentifier")) is not None:
                instance["CACertificateIdentifier"] = authority
                instance["CertificateDetails"] = {"CAIdentifier": authority}
            if (group := asked.get("DBParameterGroupName")) is not None:
                instance["DBParameterGroups"] = [
                    {
                        "DBParameterGroupName": _parameter_group(region, group),
                        "ParameterApplyStatus": "pending-reboot",
                    }
                ]
            pending = dict(instance["PendingModifiedValues"])
            if asked.get("DBInstanceClass") not in (None, instance["DBInstanceClass"]):
                pending["DBInstanceClass"] = asked["DBInstanceClass"]
            if asked.get("NewDBInstanceIdentifier") is not None:
                new = checked_name(asked["NewDBInstanceIdentifier"], "NewDBInstanceIdentifier")
                if new != instance["DBInstanceIdentifier"] and region.store.get("DBInstance", new):
                    raise fault("DBInstanceAlreadyExistsFault", "DB instance already exists")
                pending["DBInstanceIdentifier"] = new
            instance["PendingModifiedValues"] = pending
            if pending and ApplyImmediately:
                instance = apply_pending(region, instance)
                instance["DBInstanceStatus"] = "modifying"
                instance["_lab"]["restart"] = True
            region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
        region.touch()
        region.wake(instance["DBClusterIdentifier"])
        return {"DBInstance": show_instance(region, instance)}

    def delete_db_instance(
        self,
        _context: object,
        *,
        DBInstanceIdentifier: str,
        SkipFinalSnapshot: bool = False,
        FinalDBSnapshotIdentifier: str | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """Delete an instance; of a writer with readers, after a failover. The volume stays."""
        del SkipFinalSnapshot  # An Aurora instance has no snapshot of its own: accepted either way.
        region = self.region
        with region.store.transaction():
            instance = get_instance(region, DBInstanceIdentifier)
            if FinalDBSnapshotIdentifier:
                raise rules.combination(
                    "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance."
                )
            if instance["DBInstanceStatus"] not in ("available", "creating", "stopped", "failed"):
                raise _state(instance)
            cluster = get_cluster(region, instance["DBClusterIdentifier"])
            instance = _roused(region, DBInstanceIdentifier)
            if cluster["Status"] in ("stopped", "stopping", "starting"):
                raise fault(
                    "InvalidDBClusterStateFault",
                    f"DB cluster {cluster['DBClusterIdentifier']} is {cluster['Status']}: start it first.",
                )
            if cluster["DeletionProtection"] and len(members(region, cluster)) == 1:
                raise rules.combination(
                    "Cannot delete the last instance of a protected cluster: disable deletion protection first."
                )
            instance["DBInstanceStatus"] = "deleting"
            region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
        region.touch()
        region.wake(instance["DBClusterIdentifier"])
        return {"DBInstance": show_instance(region, instance)}

    def reboot_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, ForceFailover: bool = False
    ) -> dict[str, Any]:
        """Restart in place; static parameters take effect. Aurora has no ForceFailover (FACTS 7.7)."""
        region = self.region
        if ForceFailover:
            raise rules.combination(
                "Cannot force failover when rebooting an Aurora instance: use failover-db-cluster."
            )
        with region.store.transaction():
            _require_available(get_instance(region, DBInstanceIdentifier))
            instance = _roused(region, DBInstanceIdentifier)
            if instance["PendingModifiedValues"]:
                instance = apply_pending(region, instance)
            instance["DBInstanceStatus"] = "rebooting"
            instance["_lab"]["restart"] = True
            region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
        region.touch()
        region.wake(instance["DBClusterIdentifier"])
        return {"DBInstance": show_instance(region, instance)}


def get_instance(region: Region, identifier: str) -> Document:
    """An instance by identifier or ARN. Raises DBInstanceNotFoundFault."""
    instance = region.store.get("DBInstance", identifier.rsplit(":", maxsplit=1)[-1].lower())
    if instance is None:
        raise fault("DBInstanceNotFoundFault", f"DBInstance {identifier} not found.")
    return instance


def apply_pending(region: Region, instance: Document) -> Document:
    """Make pending values the values. A new identifier renames the endpoint and moves the document."""
    pending, instance["PendingModifiedValues"] = instance["PendingModifiedValues"], {}
    if "DBInstanceClass" in pending:
        instance["DBInstanceClass"] = pending["DBInstanceClass"]
    new, old = pending.get("DBInstanceIdentifier"), instance["DBInstanceIdentifier"]
    if new is None or new == old:
        return instance
    tags = region.store.get("Tags", instance["DBInstanceArn"])
    region.store.delete("Tags", instance["DBInstanceArn"])
    instance["DBInstanceIdentifier"] = new
    instance["DBInstanceArn"] = region.arn("db", new)
    instance["Endpoint"]["Address"] = names.instance_endpoint(new, region.dns_id, region.name)
    # The new name first: so the ledger sees one instance that goes on.
    region.store.put("DBInstance", new, instance)
    region.store.delete("DBInstance", old)
    if tags:
        region.store.put("Tags", instance["DBInstanceArn"], tags)
    cluster = get_cluster(region, instance["DBClusterIdentifier"])
    if cluster["_lab"]["writer"] == old:
        cluster["_lab"]["writer"] = new
        region.store.put("DBCluster", cluster["DBClusterIdentifier"], cluster)
    for endpoint in region.store.all("DBClusterEndpoint"):
        if endpoint["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]:
            for key in ("StaticMembers", "ExcludedMembers"):
                endpoint[key] = [new if name == old else name for name in endpoint[key]]
            region.store.put("DBClusterEndpoint", endpoint["DBClusterEndpointIdentifier"], endpoint)
    return instance


def _roused(region: Region, identifier: str, size: str | None = None) -> Document:
    """The instance that something administrative is done to: such things wake a paused cluster (FACTS 5.17).

    Raises InvalidParameterCombination for a class that its cluster cannot have.
    """
    cluster = get_cluster(region, get_instance(region, identifier)["DBClusterIdentifier"])
    _check_serverless(cluster, size)
    rouse(region, cluster)
    return get_instance(region, identifier)


def _check_serverless(cluster: Document, size: str | None) -> None:
    if size == SERVERLESS and "ServerlessV2ScalingConfiguration" not in cluster:
        raise rules.combination(
            "Set the Serverless v2 scaling configuration on the parent DB cluster "
            "before creating a Serverless v2 DB instance."
        )


def _require_available(instance: Document) -> None:
    if instance["DBInstanceStatus"] != "available":
        raise _state(instance)


def _state(instance: Document) -> AwsError:
    return fault(
        "InvalidDBInstanceStateFault",
        f"Instance {instance['DBInstanceIdentifier']} is in {instance['DBInstanceStatus']} state: "
        "it must be available.",
    )


def _check_creation(engine: str, size: str, asked: dict[str, Any]) -> None:
    if engine not in ("aurora-postgresql", "aurora-mysql"):
        raise rules.not_offered(f"A DB instance with engine {engine}")
    if not asked.get("DBClusterIdentifier"):
        raise rules.combination(f"DBClusterIdentifier is required for engine {engine}.")
    for name in OF_THE_CLUSTER:
        if asked.get(name) is not None:
            raise rules.combination(
                f"The requested DB Instance will be a member of a DB Cluster. Set {name} for the DB Cluster."
            )
    if asked.get("MultiAZ"):
        raise rules.combination("MultiAZ is not supported for Aurora: add a reader in another zone instead.")
    if asked.get("StorageType") not in (None, "aurora", "aurora-iopt1"):
        raise rules.combination(f"Storage type {asked['StorageType']} is not supported for Aurora.")
    _check_class(size)
    _check_modification(asked)
    zone = asked.get("AvailabilityZone")
    if zone is not None and zone[-1:] not in zones(""):
        raise rules.invalid(f"Invalid availability zone {zone}.")


def _check_class(size: str) -> None:
    if instance_class(size) is None:
        raise rules.invalid(
            f"Invalid DB Instance class: {size}. describe-orderable-db-instance-options lists those there are."
        )


def _check_modification(asked: dict[str, Any]) -> None:
    if asked.get("DBInstanceClass") is not None:
        _check_class(asked["DBInstanceClass"])
    rules.check_range("PromotionTier", asked.get("PromotionTier"), rules.TIERS)
    if (window := asked.get("PreferredMaintenanceWindow")) is not None:
        rules.check_maintenance_window(window)
    if asked.get("CACertificateIdentifier") not in (None, *CA_NAMES):
        raise fault("CertificateNotFoundFault", f"Certificate not found: {asked['CACertificateIdentifier']}")
    if asked.get("MonitoringInterval") not in (None, *MONITORING_INTERVALS):
        raise rules.invalid(f"Invalid MonitoringInterval: it must be one of {MONITORING_INTERVALS}.")


def check_quotas(region: Region, identifier: str, siblings: list[Document]) -> None:
    """Raises DBInstanceAlreadyExistsFault, InstanceQuotaExceededFault, InvalidDBClusterStateFault."""
    if region.store.get("DBInstance", identifier):
        raise fault("DBInstanceAlreadyExistsFault", "DB instance already exists")
    if len(region.store.all("DBInstance")) >= INSTANCE_QUOTA:
        raise fault(
            "InstanceQuotaExceededFault", f"Quota exceeded: at most {INSTANCE_QUOTA} DB instances a Region."
        )
    if len(siblings) > MAX_READERS:
        raise fault(
            "InvalidDBClusterStateFault", f"A cluster has one writer and at most {MAX_READERS} readers."
        )


def _parameter_group(region: Region, name: str | None) -> str:
    family = f"aurora-postgresql{region.catalogue.major}"
    if name is None or name == f"default.{family}":
        return f"default.{family}"
    group = region.store.get("DBParameterGroup", name.lower())
    if group is None:
        raise fault("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
    if group["DBParameterGroupFamily"] != family:
        raise rules.combination(f"The parameter group {name} is not of the family {family}.")
    return str(group["DBParameterGroupName"])
