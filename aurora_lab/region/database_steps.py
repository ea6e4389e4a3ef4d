"""The steps that a worker takes for an RDS DB instance, its standby and its read replicas.

As with clusters, a status in transition and the records in the document are the work order, and each step may
be done twice. Each pass does the first thing that the table calls for:

    an instance's status     what is done
    deleting                 a source: part with its replicas first; then remove      → gone
    creating                 source: make it, then its standby; replica: copy it      → available
    rebooting                with the record of a failover: promote the standby;
                             else stop, start again with its parameters               → available
    modifying                part from the source; set the password; add or remove
                             the standby; restart where that is needed                → available
    stopping / starting      stop or start its servers                                → stopped / available

    what is seen             what is done
    primary died or hangs    a standby that every commit waited for: promote it;
                             without such: start it again in place
    its AZ is out            nothing, without such a standby, until the AZ is back
    standby died or hangs    commits wait for nobody; it is made again, and then they do wait
    replica died             start it again
    primary is another one   its replicas are led there

The standby and the replicas are made in the background, so that neither holds up a failover.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aurora_lab.cluster.types import Master
from aurora_lab.region.clock import timestamp
from aurora_lab.region.database_servers import (
    again,
    can_run,
    lead_replica,
    make_standby,
    note,
    part,
    settled,
    start_all,
    start_primary,
    stop_servers,
)
from aurora_lab.region.database_worker import DatabaseWorker
from aurora_lab.region.databases import new_server, replicas_of, server_of, servers_of, source_of
from aurora_lab.region.notices import notify
from aurora_lab.region.store import Document
from aurora_lab.region.worker import ClusterWorker, settle

if TYPE_CHECKING:
    from aurora_lab.region.core import Region

log = logging.getLogger(__name__)

MAX_STOPPED = timedelta(days=7)
"""Lab time after which a stopped instance starts by itself, as a cluster does (FACTS 4.18)."""

Step = Callable[[DatabaseWorker, Document], bool]


def next_database_step(worker: ClusterWorker, group: Document) -> bool:
    """Do the first thing that the family's documents and servers call for."""
    assert isinstance(worker, DatabaseWorker)
    steps: dict[str, Step] = {
        "deleting": _delete,
        "creating": _create,
        "rebooting": _reboot,
        "modifying": _modify,
        "stopping": _stop,
        "stopped": _start_again_when_due,
        "starting": _start,
        "available": _keep,
    }
    # One that is to go must not wait for one that cannot come.
    members = sorted(group["members"], key=lambda item: item["DBInstanceStatus"] != "deleting")
    for member in members:
        step = steps.get(member["DBInstanceStatus"])
        if step is not None and step(worker, member):
            return True
    return False


# Life of an instance.


def _create(worker: DatabaseWorker, member: Document) -> bool:
    server = server_of(member)
    if source_of(member) is not None:
        return worker.background.start(server, lambda: _created_replica(worker, member))
    worker.database.create_volume(
        Master(member["MasterUsername"], member["_lab"]["master_password"]), member.get("DBName")
    )
    if not worker.plane.running(server):
        worker.database.set_synchronous(server, None)
    start_primary(worker, member)
    worker.database.strip(server)
    if member["_lab"]["standby"]:
        make_standby(worker, member)
    settled(worker, member)
    notify(worker.region, "RDS-EVENT-0005", member["DBInstanceIdentifier"])
    return True


def _created_replica(worker: DatabaseWorker, member: Document) -> None:
    if lead_replica(worker, member):
        settled(worker, member)
        notify(worker.region, "RDS-EVENT-0005", member["DBInstanceIdentifier"])


def _delete(worker: DatabaseWorker, member: Document) -> bool:
    region, identifier = worker.region, member["DBInstanceIdentifier"]
    replicas = replicas_of(region.store, identifier)
    for replica in replicas:
        # A source that goes leaves each replica behind as an instance of its own.
        if replica["DBInstanceStatus"] not in ("deleting", "creating"):
            part(worker, replica)
            return True
    if replicas:
        return False
    for server in servers_of(member):
        worker.set_serving(server, False)
        worker.started.discard(server)
        if source_of(member) is not None:
            worker.plane.remove(server, keep_volume=False)
    if source_of(member) is None:
        worker.background.wait()
        worker.plane.delete()
    with region.store.transaction():
        region.store.delete("DBInstance", identifier)
        region.store.delete("Tags", member["DBInstanceArn"])
    region.touch()
    notify(region, "RDS-EVENT-0003", identifier)
    return True


def _reboot(worker: DatabaseWorker, member: Document) -> bool:
    if member["_lab"]["failover"]:
        return _fail_over(worker, member)
    identifier = member["DBInstanceIdentifier"]
    if member["_lab"].get("restart"):
        stop_servers(worker, member)
        notify(worker.region, "RDS-EVENT-0004", identifier)
        note(worker, member, restart=False)
    start_all(worker, member)
    settled(worker, member)
    notify(worker.region, "RDS-EVENT-0006", identifier)
    return True


def _modify(worker: DatabaseWorker, member: Document) -> bool:
    private = member["_lab"]
    if private.get("promote"):
        part(worker, member)
        return True
    if (password := private.get("new_password")) is not None:
        worker.plane.set_password(server_of(member), member["MasterUsername"], password)
        note(worker, member, master_password=password, new_password=None)
    if private.get("restart"):
        stop_servers(worker, member)
        note(worker, member, restart=False)
    if member["MultiAZ"] and not private["standby"]:
        notify(worker.region, "RDS-EVENT-0050", member["DBInstanceIdentifier"])
        note(worker, member, standby=new_server(worker.region))
    elif not member["MultiAZ"] and (standby := private["standby"]):
        worker.database.set_synchronous(server_of(member), None)
        worker.plane.remove(standby["resource"], keep_volume=False)
        worker.started.discard(standby["resource"])
        note(worker, member, standby=None, synchronous=False, activated=False)
    member = again(worker, member)
    start_all(worker, member)
    if member["_lab"]["standby"] and not member["_lab"].get("activated"):
        notify(worker.region, "RDS-EVENT-0051", member["DBInstanceIdentifier"])
        note(worker, member, activated=True)
    settled(worker, member)
    return True


def _stop(worker: DatabaseWorker, member: Document) -> bool:
    worker.background.wait()
    stop_servers(worker, member)
    lab_seconds = MAX_STOPPED.total_seconds()
    again = datetime.now(UTC) + timedelta(seconds=worker.region.clock.real(lab_seconds))
    settled(worker, member, "stopped", AutomaticRestartTime=timestamp(again))
    notify(worker.region, "RDS-EVENT-0087", member["DBInstanceIdentifier"])
    return True


def _start(worker: DatabaseWorker, member: Document) -> bool:
    start_all(worker, member)

    def started(item: Document) -> None:
        settle(item)
        item.pop("AutomaticRestartTime", None)

    worker.region.update("DBInstance", member["DBInstanceIdentifier"], started)
    notify(worker.region, "RDS-EVENT-0088", member["DBInstanceIdentifier"])
    return True


def _start_again_when_due(worker: DatabaseWorker, member: Document) -> bool:
    if member["AutomaticRestartTime"] > worker.region.now():
        return False
    worker.change_instance(member, DBInstanceStatus="starting")
    return True


# While it is available.


def _keep(worker: DatabaseWorker, member: Document) -> bool:
    if source_of(member) is not None:
        return _keep_replica(worker, member)
    return _keep_primary(worker, member) or _keep_standby(worker, member)


def _keep_primary(worker: DatabaseWorker, member: Document) -> bool:
    private, server = member["_lab"], server_of(member)
    if private["failover"]:
        return _fail_over(worker, member)
    if not worker.lost(server):
        if server in worker.started or not can_run(worker, member, server):
            return False
        start_primary(worker, member)
        return True
    standby = private["standby"]["resource"] if private["standby"] else ""
    ready = worker.plane.running(standby) and not worker.lost(standby)
    if private["synchronous"] and ready and can_run(worker, member, standby):
        begin_database_failover(worker.region, member, planned=False)
        return True
    if not can_run(worker, member, server):
        # Its disk is in that AZ, and nowhere else is there a copy that may be used.
        return False
    worker.end(server)
    start_primary(worker, member)
    notify(worker.region, "RDS-EVENT-0006", member["DBInstanceIdentifier"])
    return True


def _keep_standby(worker: DatabaseWorker, member: Document) -> bool:
    private = member["_lab"]
    if not private["standby"]:
        return False
    standby = private["standby"]["resource"]
    if private["synchronous"] and worker.lost(standby):
        # Nobody must wait for a standby that does not answer: the database goes on with one copy.
        log.warning("the standby of %s is lost and is made again", member["DBInstanceIdentifier"])
        note(worker, member, synchronous=False)
        worker.database.set_synchronous(server_of(member), None)
        worker.end(standby)
        return True
    if (private["synchronous"] and standby in worker.started) or not can_run(worker, member, standby):
        return False
    return worker.background.start(standby, lambda: make_standby(worker, member))


def _keep_replica(worker: DatabaseWorker, member: Document) -> bool:
    server, source = server_of(member), worker.source(member)
    if source is None or not worker.plane.running(server_of(source)) or source["_lab"]["failover"]:
        return False
    if not can_run(worker, member, server):
        return False
    led = member["_lab"].get("follows") == server_of(source)
    if led and server in worker.started and worker.plane.running(server):
        return False
    return worker.background.start(server, lambda: lead_replica(worker, member))


# Failover.


def begin_database_failover(region: Region, member: Document, *, planned: bool) -> None:
    """Write the record of a failover to the standby; the worker does it."""
    with region.store.transaction():
        region.update(
            "DBInstance",
            member["DBInstanceIdentifier"],
            lambda item: record_failover(region, item, planned=planned),
        )


def record_failover(region: Region, item: Document, *, planned: bool) -> None:
    """Put the record of a failover into a document that the caller stores."""
    item["_lab"]["failover"] = {"planned": planned, "promoted": False}
    notify(region, "RDS-EVENT-0013", item["DBInstanceIdentifier"])


def _fail_over(worker: DatabaseWorker, member: Document) -> bool:
    """Carry on with the failover in the instance's document: the standby opens, then the name moves."""
    identifier, record = member["DBInstanceIdentifier"], member["_lab"]["failover"]
    if not record["promoted"]:
        old, new = server_of(member), member["_lab"]["standby"]["resource"]
        worker.set_serving(old, False)
        worker.database.fail_over(
            worker.server_spec(member, new), worker.server_spec(member, old), record["planned"]
        )
        worker.end(old)
        worker.region.update("DBInstance", identifier, _change_places)
        worker.watch(new)
        worker.started.discard(old)
        worker.set_serving(new, True)

    def done(item: Document) -> None:
        settle(item)
        item["_lab"]["failover"] = None

    with worker.region.store.transaction():
        worker.region.update("DBInstance", identifier, done)
        notify(worker.region, "RDS-EVENT-0049", identifier)
    return True


def _change_places(item: Document) -> None:
    """The standby's server gets the name; the old primary's is to become the standby."""
    private = item["_lab"]
    old, new = {"resource": server_of(item), "port": private["port"]}, private["standby"]
    private.update(server=new["resource"], port=new["port"], standby=old, synchronous=False)
    private["failover"]["promoted"] = True
    zones = item["AvailabilityZone"], item["SecondaryAvailabilityZone"]
    item["SecondaryAvailabilityZone"], item["AvailabilityZone"] = zones
