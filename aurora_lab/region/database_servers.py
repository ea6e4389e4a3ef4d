"""What the steps for an RDS DB instance share: starting and stopping its servers, and writing down what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aurora_lab.cluster.database import DatabasePlane
from aurora_lab.cluster.types import NotReachableError
from aurora_lab.region.database_worker import DatabaseWorker
from aurora_lab.region.databases import server_of, servers_of, source_of, zone_of_server
from aurora_lab.region.faults import outages
from aurora_lab.region.store import Document
from aurora_lab.region.worker import settle
from aurora_lab.runtime.base import ServerStartError


def can_run(worker: DatabaseWorker, member: Document, server: str) -> bool:
    """Whether a server's AZ is there: while it is out, nothing is started in it (FACTS 4.12)."""
    return zone_of_server(member, server) not in outages(worker.region)


def _require_zone(worker: DatabaseWorker, member: Document, server: str) -> None:
    if not can_run(worker, member, server):
        raise NotReachableError(f"{zone_of_server(member, server)} is out: nothing can be started in it.")


def lead_replica(worker: DatabaseWorker, member: Document) -> bool:
    """Have a replica follow the primary that its source has now; False where there is none at the moment."""
    source = worker.source(member)
    if source is None or not worker.plane.running(server_of(source)):
        return False
    server = server_of(member)
    _require_zone(worker, member, server)
    worker.plane.start_reader(worker.server_spec(member), worker.server_spec(source))
    worker.watch(server)
    note(worker, member, follows=server_of(source))
    worker.set_serving(server, True)
    return True


def start_all(worker: DatabaseWorker, member: Document) -> None:
    """Start an instance's servers, the standby too. Raises where it cannot be done now."""
    if source_of(member) is not None:
        if not lead_replica(worker, member):
            raise NotReachableError(f"The source of {member['DBInstanceIdentifier']} does not run.")
        return
    start_primary(worker, member)
    if member["_lab"]["standby"]:
        make_standby(worker, member)


def start_primary(worker: DatabaseWorker, member: Document) -> None:
    """Start the server that the instance's name leads to, or take it over where it runs."""
    server = server_of(member)
    _require_zone(worker, member, server)
    if not worker.plane.running(server) and not member["_lab"]["synchronous"]:
        worker.database.set_synchronous(server, None)
    with _another_port(worker, member, server):
        worker.plane.start_writer(worker.server_spec(member))
    worker.watch(server)
    worker.set_serving(server, True)


def make_standby(worker: DatabaseWorker, member: Document) -> None:
    """Have the standby stream from the primary, then have commits wait for it."""
    server, standby = server_of(member), member["_lab"]["standby"]["resource"]
    _require_zone(worker, member, standby)
    with _another_port(worker, member, standby):
        worker.plane.start_reader(worker.server_spec(member, standby), worker.server_spec(member))
    worker.watch(standby)
    worker.database.set_synchronous(server, standby)

    def synchronous(item: Document) -> None:
        if server_of(item) == server:
            item["_lab"]["synchronous"] = True

    worker.region.update("DBInstance", member["DBInstanceIdentifier"], synchronous)


@contextmanager
def _another_port(worker: DatabaseWorker, member: Document, server: str) -> Iterator[None]:
    """Where a server does not start, the next try has another port: its own may have been taken meanwhile."""
    try:
        yield
    except ServerStartError:
        if not worker.plane.running(server):
            port = worker.region.free_port()
            named = server == server_of(member)

            def change(item: Document) -> None:
                (item["_lab"] if named else item["_lab"]["standby"]).update(port=port)

            worker.region.update("DBInstance", member["DBInstanceIdentifier"], change)
        raise


def stop_servers(worker: DatabaseWorker, member: Document) -> None:
    """Stop an instance's servers cleanly, the primary first: it sends all it has to its standby."""
    for server in servers_of(member):
        worker.set_serving(server, False)
        worker.started.discard(server)
        worker.plane.stop(server)


def part(worker: DatabaseWorker, replica: Document) -> None:
    """Make a replica an instance of its own, with a worker of its own, which starts it again."""
    server, plane = server_of(replica), replica["DbiResourceId"]
    worker.set_serving(server, False)
    worker.started.discard(server)
    target = worker.region.plane(plane)
    assert isinstance(target, DatabasePlane)
    worker.database.split_off(worker.server_spec(replica), target)

    def parted(item: Document) -> None:
        item.pop("ReadReplicaSourceDBInstanceIdentifier", None)
        item["_lab"].update(plane=plane, promote=False, follows=None, restart=False)
        if item["DBInstanceStatus"] != "deleting":
            item["DBInstanceStatus"] = "rebooting"

    worker.region.update("DBInstance", replica["DBInstanceIdentifier"], parted)
    worker.region.wake_database(plane)


def settled(worker: DatabaseWorker, member: Document, status: str = "available", **fields: object) -> None:
    """End a step: the instance has `status`, unless somebody has asked for its deletion meanwhile."""
    worker.region.update(
        "DBInstance", member["DBInstanceIdentifier"], lambda item: settle(item, status, **fields)
    )


def note(worker: DatabaseWorker, member: Document, **private: object) -> None:
    """Set what only the lab knows of an instance."""
    worker.region.update(
        "DBInstance", member["DBInstanceIdentifier"], lambda item: item["_lab"].update(private)
    )


def again(worker: DatabaseWorker, member: Document) -> Document:
    """The document as it is now."""
    return worker.region.store.get("DBInstance", member["DBInstanceIdentifier"]) or member
