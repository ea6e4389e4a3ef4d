"""The steps that a worker takes for its cluster; the table is in `worker.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from aurora_lab.cluster.types import ParameterError
from aurora_lab.region.auto_pause import auto_pause
from aurora_lab.region.clock import timestamp
from aurora_lab.region.failover import COMING, begin_failover, best_target, fail_over
from aurora_lab.region.faults import is_out
from aurora_lab.region.notices import notify
from aurora_lab.region.pauses import asleep, pause_state
from aurora_lab.region.rds.orderable import is_serverless
from aurora_lab.region.rds.parameter_effects import group_values, serverless_connections
from aurora_lab.region.store import Document
from aurora_lab.region.volume_steps import create_volume, delete_cluster
from aurora_lab.region.worker import ClusterWorker, settle
from aurora_lab.runtime.base import ServerStartError

InstanceStep = Callable[[ClusterWorker, Document, Document], bool]

log = logging.getLogger(__name__)

MAX_STOPPED = timedelta(days=7)
"""Lab time after which a stopped cluster starts by itself (FACTS 4.18)."""


def next_step(worker: ClusterWorker, cluster: Document) -> bool:
    """Do the first thing that the cluster's documents and servers call for."""
    step = {
        "creating": create_volume,
        "failing-over": fail_over,
        "stopping": _stop,
        "starting": _start,
        "modifying": _modify_cluster,
        "deleting": delete_cluster,
    }.get(cluster["Status"])
    if step is not None and step(worker, cluster):
        return True
    if cluster["Status"] == "stopped":
        return _start_again_when_due(worker, cluster)
    return (
        auto_pause(worker, cluster)
        or _revive_writer(worker, cluster)
        or _next_instance_step(worker, cluster)
        or _parameters(worker, cluster)
    )


# The cluster.


def _stop(worker: ClusterWorker, cluster: Document) -> bool:
    worker.background.wait()
    for instance in worker.readers_first(cluster):
        worker.set_serving(instance["DbiResourceId"], False)
        worker.plane.stop(instance["DbiResourceId"])
        worker.started.discard(instance["DbiResourceId"])
        worker.region.update("DBInstance", instance["DBInstanceIdentifier"], _stopped)
    worker.plane.nodes.stop()
    again = datetime.now(UTC) + timedelta(seconds=worker.region.clock.real(MAX_STOPPED.total_seconds()))
    worker.change_cluster(lambda item: settle(item, "stopped", AutomaticRestartTime=timestamp(again)))
    return True


def _stopped(item: Document) -> None:
    settle(item, "stopped")
    item["_lab"].pop("pause", None)


def _start(worker: ClusterWorker, cluster: Document) -> bool:
    writer = worker.writer(cluster)
    if writer is not None:
        _start_instance(worker, cluster, writer)

    def started(item: Document) -> None:
        settle(item)
        item.pop("AutomaticRestartTime", None)

    worker.change_cluster(started)
    return True


def _start_again_when_due(worker: ClusterWorker, cluster: Document) -> bool:
    if cluster["AutomaticRestartTime"] > worker.region.now():
        return False
    notify(worker.region, "RDS-EVENT-0153", cluster["DBClusterIdentifier"])
    with worker.region.store.transaction():
        for instance in worker.instances(cluster):
            worker.change_instance(instance, DBInstanceStatus="starting")
        worker.change_cluster(lambda item: item.update(Status="starting"))
    return True


def _modify_cluster(worker: ClusterWorker, cluster: Document) -> bool:
    writer = worker.writer(cluster)
    password = cluster["_lab"].get("new_password")
    set_now = False
    if password is not None and writer is not None and worker.plane.running(writer["DbiResourceId"]):
        set_now = True
        worker.plane.set_password(writer["DbiResourceId"], cluster["MasterUsername"], password)

    def modified(item: Document) -> None:
        if item["Status"] == "modifying":
            settle(item)
        # Without a running writer it stays pending, until there is one (`_create_instance`).
        if set_now and item["_lab"].get("new_password") == password:
            item["_lab"]["master_password"] = item["_lab"].pop("new_password")
            item["PendingModifiedValues"] = {}

    worker.change_cluster(modified)
    return True


# Its instances.


def _revive_writer(worker: ClusterWorker, cluster: Document) -> bool:
    """The writer's server died or hangs: fail over or, with nobody to fail over to, restart it in place."""
    writer = worker.writer(cluster)
    if writer is None or cluster["Status"] != "available" or asleep(writer):
        return False
    out = is_out(worker.region, writer)
    if out and writer["DBInstanceStatus"] == "creating":
        return _give_to_another(worker, cluster, writer)
    # What else was asked of one in an AZ that is out can only be done when that is back.
    judged = COMING if out else {"available"}
    resource = writer["DbiResourceId"]
    running = worker.plane.running(resource)
    well = running and resource in worker.started and not worker.unresponsive(writer)
    if well or writer["DBInstanceStatus"] not in judged:
        return False
    # A region that has just started finds its servers (or starts them) before it judges anybody dead. But in an
    # AZ that is out it starts nothing, and would wait for ever.
    target = best_target(worker, cluster) if out or resource in worker.started else None
    if target is not None:
        begin_failover(worker.region, cluster, writer, target, planned=False)
        return True
    if out:
        # Nothing automatic happens: somebody has to make an instance in another AZ (FACTS 4.12).
        return False
    if running and worker.unresponsive(writer):
        worker.plane.kill(resource)
    restarted = resource in worker.started
    worker.set_serving(resource, False)
    _start_instance(worker, cluster, writer)
    if restarted:
        notify(worker.region, "RDS-EVENT-0006", writer["DBInstanceIdentifier"])
    return True


def _give_to_another(worker: ClusterWorker, cluster: Document, writer: Document) -> bool:
    """The first instance cannot be made, since its AZ is out: another one takes the volume, if there is one."""
    other = best_target(worker, cluster)
    if other is None:
        return False
    worker.plane.remove(writer["DbiResourceId"], keep_volume=True)
    worker.change_cluster(lambda item: item["_lab"].update(writer=other["DBInstanceIdentifier"]))
    return True


def _next_instance_step(worker: ClusterWorker, cluster: Document) -> bool:
    steps = {
        "deleting": _delete_instance,
        "creating": _create_instance,
        "rebooting": _restart_instance,
        "modifying": _restart_instance,
        "starting": _restart_instance,
        "available": _revive_reader,
    }
    # An instance that is to go must not wait for one that cannot come.
    ordered = sorted(worker.instances(cluster), key=lambda item: item["DBInstanceStatus"] != "deleting")
    for instance in ordered:
        step = steps.get(instance["DBInstanceStatus"])
        if step is None or worker.background.busy(instance["DbiResourceId"]):
            continue
        if step is not _delete_instance and is_out(worker.region, instance):
            continue
        if step is not _delete_instance and _is_reader(cluster, instance):
            if _begin_reader_step(worker, cluster, instance, step):
                return True
        elif step is not _revive_reader and step(worker, cluster, instance):
            return True
    return False


def _is_reader(cluster: Document, instance: Document) -> bool:
    return bool(cluster["_lab"]["writer"] != instance["DBInstanceIdentifier"])


def _begin_reader_step(
    worker: ClusterWorker, cluster: Document, instance: Document, step: InstanceStep
) -> bool:
    """Let a reader's step run beside the others, where there is a writer to follow and something to do."""
    resource = instance["DbiResourceId"]
    there = worker.plane.running(resource) and resource in worker.started
    if step is _revive_reader and (there or asleep(instance)):
        return False
    writer = worker.writer(cluster)
    if writer is None or not worker.plane.running(writer["DbiResourceId"]):
        return False
    return worker.background.start(resource, lambda: step(worker, cluster, instance))


def _create_instance(worker: ClusterWorker, cluster: Document, instance: Document) -> bool:
    _start_instance(worker, cluster, instance)
    if not _is_reader(cluster, instance) and "new_password" in cluster["_lab"]:
        _modify_cluster(worker, cluster)
    notify(worker.region, "RDS-EVENT-0005", instance["DBInstanceIdentifier"])
    notify(worker.region, "RDS-EVENT-0385", instance["DBInstanceIdentifier"])
    return True


def _start_instance(worker: ClusterWorker, cluster: Document, instance: Document) -> None:
    """Start or take over the server of an instance in its role, and show it as available."""
    writer = worker.writer(cluster)
    worker.publish(cluster)
    was_running = worker.plane.running(instance["DbiResourceId"])
    booted_at = worker.region.now()
    booted = not was_running and pause_state(instance) is None
    if booted:
        # What was changed before it starts takes effect, also what waited for a reboot.
        instance = {**instance, "_lab": {**instance["_lab"], "booted_at": booted_at}}
    spec = worker.spec(cluster, instance)
    booted_groups = {
        "cluster": cluster["DBClusterParameterGroup"],
        "instance": instance["DBParameterGroups"][0]["DBParameterGroupName"],
    }
    try:
        if writer is None or instance["DBInstanceIdentifier"] == writer["DBInstanceIdentifier"]:
            worker.plane.start_writer(spec)
        else:
            worker.plane.start_reader(spec, worker.spec(cluster, writer))
    except ServerStartError:
        if not worker.plane.running(instance["DbiResourceId"]):
            # Its port may have been taken while it was down: the next try has another one.
            port = worker.region.free_port()
            worker.region.update(
                "DBInstance",
                instance["DBInstanceIdentifier"],
                lambda item: item["_lab"].update(port=port),
            )
        raise

    def ready(item: Document) -> None:
        settle(item)
        item["_lab"]["parameters"] = dict(spec.parameters)
        item["_lab"]["restart"] = False
        if booted:
            item["_lab"]["booted_at"] = booted_at
            item["_lab"]["booted_groups"] = booted_groups
            item["_lab"]["booted_range"] = cluster.get("ServerlessV2ScalingConfiguration")
        if not was_running:
            item["_lab"].update(waiting_for_restart=False, parameters_failed=False)

    worker.watch(instance["DbiResourceId"])
    worker.region.update("DBInstance", instance["DBInstanceIdentifier"], ready)
    worker.set_serving(instance["DbiResourceId"], True)
    worker.publish(worker.cluster() or cluster)


def _restart_instance(worker: ClusterWorker, cluster: Document, instance: Document) -> bool:
    resource = instance["DbiResourceId"]
    status = instance["DBInstanceStatus"]
    if instance["_lab"].get("restart"):
        worker.set_serving(resource, False)
        if worker.plane.running(resource):
            worker.plane.stop(resource)
        notify(worker.region, "RDS-EVENT-0004", instance["DBInstanceIdentifier"])
        worker.region.update(
            "DBInstance", instance["DBInstanceIdentifier"], lambda item: item["_lab"].update(restart=False)
        )
    _start_instance(worker, cluster, instance)
    if status == "rebooting":
        notify(worker.region, "RDS-EVENT-0006", instance["DBInstanceIdentifier"])
    return True


def _revive_reader(worker: ClusterWorker, cluster: Document, instance: Document) -> bool:
    resource = instance["DbiResourceId"]
    died = resource in worker.started
    worker.set_serving(resource, False)
    _start_instance(worker, cluster, instance)
    if died:
        notify(worker.region, "RDS-EVENT-0006", instance["DBInstanceIdentifier"])
    return True


def _delete_instance(worker: ClusterWorker, cluster: Document, instance: Document) -> bool:
    identifier, resource = instance["DBInstanceIdentifier"], instance["DbiResourceId"]
    others = [item for item in worker.instances(cluster) if item["DBInstanceIdentifier"] != identifier]
    is_writer = cluster["_lab"]["writer"] == identifier
    if is_writer and any(item["DBInstanceStatus"] != "deleting" for item in others):
        target = best_target(worker, cluster)
        if target is None or cluster["Status"] != "available":
            return False
        begin_failover(worker.region, cluster, instance, target, planned=True)
        return True
    worker.set_serving(resource, False)
    # With the last instance the compute goes, not the data: the volume belongs to the cluster (FACTS 1.1).
    worker.plane.remove(resource, keep_volume=is_writer)
    worker.started.discard(resource)
    store = worker.region.store
    with store.transaction():
        store.delete("DBInstance", identifier)
        store.delete("Tags", instance["DBInstanceArn"])
        if is_writer:
            # Looked up again: an instance may have been added while this one was removed.
            heirs = [item["DBInstanceIdentifier"] for item in worker.instances(cluster)]
            heir = next((name for name in heirs if name != identifier), None)
            worker.change_cluster(lambda item: item["_lab"].update(writer=heir))
    worker.region.touch()
    notify(worker.region, "RDS-EVENT-0003", identifier)
    notify(worker.region, "RDS-EVENT-0385", instance["DBInstanceIdentifier"])
    remaining = worker.cluster()
    if remaining is not None:
        worker.publish(remaining)
    return True


# Parameters.


def _parameters(worker: ClusterWorker, cluster: Document) -> bool:
    """Write what the parameter groups say now, where it differs from what was written last."""
    for instance in worker.instances(cluster):
        if instance["DBInstanceStatus"] != "available" or pause_state(instance) is not None:
            continue
        spec = worker.spec(cluster, instance)
        parameters, private = dict(spec.parameters), instance["_lab"]
        waiting, failed = private.get("waiting_for_restart", False), private.get("parameters_failed", False)
        if parameters != private.get("parameters"):
            try:
                waiting, failed = bool(worker.plane.apply(spec)), False
            except ParameterError:
                log.exception("parameters of %s were not applied", instance["DBInstanceIdentifier"])
                failed = True
        state = {"parameters": parameters, "waiting_for_restart": waiting, "parameters_failed": failed}
        waiting = waiting or _waits_for_connections(cluster, instance)
        cluster_status, instance_status = _group_statuses(worker, cluster, instance, waiting, failed)
        state["cluster_group_status"] = cluster_status
        groups = [
            {**group, "ParameterApplyStatus": instance_status} for group in instance["DBParameterGroups"]
        ]
        if groups != instance["DBParameterGroups"] or {**private, **state} != private:
            worker.region.update(
                "DBInstance",
                instance["DBInstanceIdentifier"],
                partial(_note_parameters, state=state, status=instance_status),
            )
            return True
    return False


def _waits_for_connections(cluster: Document, instance: Document) -> bool:
    """Whether `max_connections` will be another one after a reboot: it follows the range (FACTS 5.11)."""
    booted = instance["_lab"].get("booted_range")
    if not booted or not is_serverless(instance):
        return False
    before = {**cluster, "ServerlessV2ScalingConfiguration": booted}
    return serverless_connections(before) != serverless_connections(cluster)


def _note_parameters(item: Document, state: Document, status: str) -> None:
    item["_lab"].update(state)
    for group in item["DBParameterGroups"]:
        group["ParameterApplyStatus"] = status


def _group_statuses(
    worker: ClusterWorker, cluster: Document, instance: Document, waiting: bool, failed: bool
) -> tuple[str, str]:
    """How the cluster's and the instance's parameter group stand on an instance."""
    if failed:
        return "failed-to-apply", "failed-to-apply"
    store, private = worker.region.store, instance["_lab"]
    booted_at, booted = private.get("booted_at"), private.get("booted_groups") or {}
    now = {
        "cluster": ("DBClusterParameterGroup", cluster["DBClusterParameterGroup"]),
        "instance": ("DBParameterGroup", instance["DBParameterGroups"][0]["DBParameterGroupName"]),
    }
    statuses = []
    for which, (kind, name) in now.items():
        pending = (
            waiting
            or booted.get(which, name) != name
            or group_values(store, kind, name, None) != group_values(store, kind, name, booted_at)
        )
        statuses.append("pending-reboot" if pending else "in-sync")
    return statuses[0], statuses[1]
