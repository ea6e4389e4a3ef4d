"""The DBInstance actions for RDS for PostgreSQL; what is about an Aurora instance goes on to `instances.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.database_steps import record_failover
from aurora_lab.region.databases import ENGINE, is_database, replicas_of, source_of
from aurora_lab.region.rds import rules
from aurora_lab.region.rds.clusters import listen
from aurora_lab.region.rds.common import identifier as checked_name
from aurora_lab.region.rds.database_documents import new_database, other_zone
from aurora_lab.region.rds.database_rules import (
    MAX_REPLICAS,
    check_creation,
    check_engine_version,
    check_offered,
    check_storage,
    check_values,
    grown_storage,
    storage_of,
)
from aurora_lab.region.rds.instance_documents import show_instance
from aurora_lab.region.rds.instances import InstanceActions, check_quotas, get_instance
from aurora_lab.region.rds.tags import tags_at_creation
from aurora_lab.region.store import Document

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

AT_ONCE = (
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DeletionProtection",
    "MonitoringInterval",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
)
"""What ModifyDBInstance changes without asking for a moment."""
PENDING = ("DBInstanceClass", "AllocatedStorage", "StorageType", "Iops", "MultiAZ")
"""What waits for the maintenance window unless ApplyImmediately is given."""


class DatabaseActions(InstanceActions):
    """RDS DB instances beside Aurora's."""

    def create_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, DBInstanceClass: str, Engine: str, **asked: Any
    ) -> dict[str, Any]:
        """Make a database with storage of its own; with MultiAZ, a synchronous standby too (FACTS 4.1, 4.6)."""
        asked["DBInstanceClass"] = DBInstanceClass
        if Engine != ENGINE:
            return super().create_db_instance(
                _context, DBInstanceIdentifier=DBInstanceIdentifier, Engine=Engine, **asked
            )
        identifier = checked_name(DBInstanceIdentifier, "DBInstanceIdentifier")
        check_creation(self.region, asked)
        return self._put_new(identifier, asked, storage_of(asked), None)

    def create_db_instance_read_replica(
        self,
        _context: object,
        *,
        DBInstanceIdentifier: str,
        SourceDBInstanceIdentifier: str | None = None,
        **asked: Any,
    ) -> dict[str, Any]:
        """Make an asynchronous, readable copy of an instance (FACTS 4.5)."""
        region = self.region
        identifier = checked_name(DBInstanceIdentifier, "DBInstanceIdentifier")
        check_offered(asked)
        check_values(region, asked)
        if asked.get("MultiAZ"):
            raise rules.not_offered("A Multi-AZ read replica")
        if not SourceDBInstanceIdentifier:
            raise rules.invalid("The parameter SourceDBInstanceIdentifier must be provided.")
        source = get_instance(region, SourceDBInstanceIdentifier)
        name = source["DBInstanceIdentifier"]
        if not is_database(source):
            raise rules.combination(
                f"{name} is a member of an Aurora cluster: add a reader with create-db-instance instead."
            )
        if source_of(source) is not None:
            raise rules.not_offered("A read replica of a read replica")
        _require(source, "available")
        if not source["BackupRetentionPeriod"]:
            raise fault(
                "InvalidDBInstanceStateFault",
                f"Automated backups are not enabled for this database instance: {name}. "
                "To enable automated backups, use ModifyDBInstance to set the backup retention period "
                "to a non-zero value.",
            )
        if len(replicas_of(region.store, name)) >= MAX_REPLICAS:
            raise fault("InstanceQuotaExceededFault", f"{name} has {MAX_REPLICAS} read replicas already.")
        asked.setdefault("DBInstanceClass", source["DBInstanceClass"])
        return self._put_new(identifier, asked, storage_of(asked, source), source)

    def promote_read_replica(
        self,
        _context: object,
        *,
        DBInstanceIdentifier: str,
        BackupRetentionPeriod: int = 1,
        PreferredBackupWindow: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Make a read replica an instance of its own, with what it has received so far."""
        window = {"PreferredBackupWindow": PreferredBackupWindow} if PreferredBackupWindow else {}
        check_values(self.region, {"BackupRetentionPeriod": BackupRetentionPeriod, **window})

        def change(instance: Document) -> None:
            if source_of(instance) is None:
                raise fault(
                    "InvalidDBInstanceStateFault",
                    f"DB Instance {instance['DBInstanceIdentifier']} is not a read replica.",
                )
            _require(instance, "available")
            instance.update(
                DBInstanceStatus="modifying", BackupRetentionPeriod=BackupRetentionPeriod, **window
            )
            instance["_lab"]["promote"] = True

        return self._change(DBInstanceIdentifier, change)

    def modify_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, ApplyImmediately: bool = False, **asked: Any
    ) -> dict[str, Any]:
        """Change an instance: some things at once, others when asked to or in the maintenance window."""
        region = self.region
        if not is_database(get_instance(region, DBInstanceIdentifier)):
            return super().modify_db_instance(
                _context,
                DBInstanceIdentifier=DBInstanceIdentifier,
                ApplyImmediately=ApplyImmediately,
                **asked,
            )
        check_offered(asked)
        check_values(region, asked)
        check_engine_version(region, asked.get("EngineVersion"))
        if asked.get("DBPortNumber"):
            raise rules.not_offered("DBPortNumber of an RDS DB instance")

        def change(instance: Document) -> None:
            _require(instance, "available")
            _change_at_once(region, instance, asked)
            pending = dict(instance["PendingModifiedValues"])
            for name in PENDING:
                if asked.get(name) is not None:
                    pending[name] = asked[name]
            _check_pending(instance, pending)
            instance["PendingModifiedValues"] = pending
            if (password := asked.get("MasterUserPassword")) is not None:
                instance["_lab"]["new_password"] = password
                instance["DBInstanceStatus"] = "modifying"
            if ApplyImmediately and pending:
                _apply(region, instance)

        return self._change(DBInstanceIdentifier, change)

    def delete_db_instance(
        self,
        _context: object,
        *,
        DBInstanceIdentifier: str,
        SkipFinalSnapshot: bool = False,
        FinalDBSnapshotIdentifier: str | None = None,
        **more: object,
    ) -> dict[str, Any]:
        """Delete an instance and its data; its read replicas become instances of their own."""
        if not is_database(get_instance(self.region, DBInstanceIdentifier)):
            return super().delete_db_instance(
                _context,
                DBInstanceIdentifier=DBInstanceIdentifier,
                SkipFinalSnapshot=SkipFinalSnapshot,
                FinalDBSnapshotIdentifier=FinalDBSnapshotIdentifier,
                **more,
            )

        def change(instance: Document) -> None:
            if instance["DeletionProtection"]:
                raise rules.combination(
                    "Cannot delete protected DB Instance, please disable deletion protection and try again."
                )
            if SkipFinalSnapshot and FinalDBSnapshotIdentifier:
                raise rules.combination(
                    "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true."
                )
            if not SkipFinalSnapshot and not FinalDBSnapshotIdentifier:
                raise rules.combination(
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                )
            if FinalDBSnapshotIdentifier:
                raise rules.not_offered("A final snapshot (use SkipFinalSnapshot)")
            _require(instance, "available", "creating", "stopped", "failed")
            instance["DBInstanceStatus"] = "deleting"

        return self._change(DBInstanceIdentifier, change)

    def reboot_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, ForceFailover: bool = False
    ) -> dict[str, Any]:
        """Restart in place or, with ForceFailover, by a failover to the standby (Multi-AZ only)."""
        if not is_database(get_instance(self.region, DBInstanceIdentifier)):
            return super().reboot_db_instance(
                _context, DBInstanceIdentifier=DBInstanceIdentifier, ForceFailover=ForceFailover
            )

        def change(instance: Document) -> None:
            _require(instance, "available")
            identifier = instance["DBInstanceIdentifier"]
            if ForceFailover and not instance["MultiAZ"]:
                raise rules.combination(f"Cannot force failover: {identifier} is not a Multi-AZ DB instance.")
            if ForceFailover and not instance["_lab"]["synchronous"]:
                raise fault(
                    "InvalidDBInstanceStateFault",
                    f"The standby of {identifier} is being made again: try again in a moment.",
                )
            instance["DBInstanceStatus"] = "rebooting"
            instance["_lab"]["restart"] = not ForceFailover
            if ForceFailover:
                record_failover(self.region, instance, planned=True)

        return self._change(DBInstanceIdentifier, change)

    def stop_db_instance(
        self, _context: object, *, DBInstanceIdentifier: str, DBSnapshotIdentifier: str | None = None
    ) -> dict[str, Any]:
        """Stop an instance that neither is a read replica nor has one; its storage stays."""
        if DBSnapshotIdentifier:
            raise rules.not_offered("A snapshot when an instance is stopped")

        def change(instance: Document) -> None:
            _require_own(instance, "stopping")
            identifier = instance["DBInstanceIdentifier"]
            if source_of(instance) or replicas_of(self.region.store, identifier):
                raise fault(
                    "InvalidDBInstanceStateFault",
                    f"{identifier} cannot be stopped: it is a read replica, or the source of one.",
                )
            _require(instance, "available")
            instance["DBInstanceStatus"] = "stopping"

        return self._change(DBInstanceIdentifier, change)

    def start_db_instance(self, _context: object, *, DBInstanceIdentifier: str) -> dict[str, Any]:
        """Start a stopped instance."""

        def change(instance: Document) -> None:
            _require_own(instance, "starting")
            _require(instance, "stopped")
            instance["DBInstanceStatus"] = "starting"

        return self._change(DBInstanceIdentifier, change)

    def _put_new(
        self, identifier: str, asked: dict[str, Any], storage: dict[str, Any], source: Document | None
    ) -> dict[str, Any]:
        region = self.region
        with region.store.transaction():
            check_quotas(region, identifier, [])
            instance = new_database(region, identifier, asked, storage, source)
            listen(region, instance["Endpoint"]["Port"])
            region.store.put("DBInstance", identifier, instance)
            tags_at_creation(region, instance["DBInstanceArn"], asked.get("Tags"))
        region.touch()
        region.wake_database(instance["_lab"]["plane"])
        return {"DBInstance": show_instance(region, instance)}

    def _change(self, identifier: str, change: Callable[[Document], None]) -> dict[str, Any]:
        """Change an instance's document in a transaction, and have its worker look."""
        region = self.region
        with region.store.transaction():
            instance = get_instance(region, identifier)
            change(instance)
            region.store.put("DBInstance", instance["DBInstanceIdentifier"], instance)
        region.touch()
        if is_database(instance):
            region.wake_database(instance["_lab"]["plane"])
        return {"DBInstance": show_instance(region, instance)}


def _require(instance: Document, *statuses: str) -> None:
    if instance["DBInstanceStatus"] not in statuses or instance["_lab"].get("failover"):
        raise _state(instance, statuses[0])


def _state(instance: Document, wanted: str) -> AwsError:
    return fault(
        "InvalidDBInstanceStateFault",
        f"Instance {instance['DBInstanceIdentifier']} is in {instance['DBInstanceStatus']} state: "
        f"it must be {wanted}.",
    )


def _require_own(instance: Document, what: str) -> None:
    """For what an Aurora instance does with its whole cluster only."""
    if not is_database(instance):
        raise rules.combination(
            f"{instance['Engine']} DB instances are not eligible for {what}: "
            f"use {what.removesuffix('ping').removesuffix('ing')}-db-cluster."
        )


def _change_at_once(region: Region, instance: Document, asked: dict[str, Any]) -> None:
    for name in AT_ONCE:
        if asked.get(name) is not None:
            instance[name] = asked[name]
    if not instance["BackupRetentionPeriod"] and replicas_of(region.store, instance["DBInstanceIdentifier"]):
        raise rules.combination("BackupRetentionPeriod cannot be 0 while the instance has read replicas.")
    if (insights := asked.get("EnablePerformanceInsights")) is not None:
        instance["PerformanceInsightsEnabled"] = insights
    if (authority := asked.get("CACertificateIdentifier")) is not None:
        instance["CACertificateIdentifier"] = authority
        instance["CertificateDetails"] = {"CAIdentifier": authority}


def _check_pending(instance: Document, pending: dict[str, Any]) -> None:
    """Fit what is asked for to what there is; what is there already is not pending. Raises AwsError."""
    if pending.get("MultiAZ") and source_of(instance) is not None:
        raise rules.not_offered("A Multi-AZ read replica")
    if "AllocatedStorage" in pending:
        pending["AllocatedStorage"] = grown_storage(instance["AllocatedStorage"], pending["AllocatedStorage"])
    merged = {**instance, **pending}
    check_storage(merged["StorageType"], merged["AllocatedStorage"], merged.get("Iops"))
    for name in [name for name, value in pending.items() if instance.get(name) == value]:
        del pending[name]


def _apply(region: Region, instance: Document) -> None:
    """Make pending values the values; the worker does what they ask for."""
    pending, instance["PendingModifiedValues"] = instance["PendingModifiedValues"], {}
    instance.update(pending)
    instance["DBInstanceStatus"] = "modifying"
    if "DBInstanceClass" in pending:
        instance["_lab"]["restart"] = True
    if pending.get("MultiAZ"):
        instance["SecondaryAvailabilityZone"] = other_zone(region, instance["AvailabilityZone"])
    elif "MultiAZ" in pending:
        instance.pop("SecondaryAvailabilityZone", None)
