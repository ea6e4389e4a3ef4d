"""The lab's own interface beside AWS's: JSON under `/_lab/`, for the command line and the lessons."""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import psutil
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from aurora_lab.cluster.types import ClusterError, NotReachableError
from aurora_lab.region.cluster_status import Measuring, clusters_status
from aurora_lab.region.core import Region
from aurora_lab.region.database_status import databases_status
from aurora_lab.region.databases import server_of
from aurora_lab.region.faults import FaultError, do_fault
from aurora_lab.region.home import TOKEN_HEADER, fault_key
from aurora_lab.region.live import LiveView
from aurora_lab.region.pauses import pause_state
from aurora_lab.region.replica_lag import ReplicaLagError, replica_lag, set_replica_lag
from aurora_lab.region.store import Document
from aurora_lab.runtime.base import RuntimeUnavailableError, ServerStartError, ToolError

log = logging.getLogger(__name__)

LARGEST_BODY = 1 << 20


class LabError(Exception):
    """A request that cannot be carried out; the message is for the person who made it."""


class LabApi:
    """A WSGI application. Looking needs nothing; what changes something needs the region's token."""

    def __init__(self, region: Region, runtime_reason: str, version: str, stop: Callable[[], None]) -> None:
        self._region = region
        self._reason = runtime_reason
        self._version = version
        self._stop = stop
        self._live = LiveView(region)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        try:
            status, answer = self._answer(request)
        except LabError as error:
            status, answer = 400, {"error": str(error)}
        except (RuntimeUnavailableError, ServerStartError, ToolError) as error:
            # The container engine is gone, for instance: the sentence says what to do.
            log.warning("the lab interface failed: %s", error)
            status, answer = 500, {"error": str(error)}
        except HTTPException as error:
            status, answer = error.code or 400, {"error": error.description}
        except Exception:
            log.exception("the lab interface failed")
            status, answer = 500, {"error": "The region failed while it answered. Its log says why."}
        return Response(json.dumps(answer), status, content_type="application/json")(environ, start_response)

    def _answer(self, request: Request) -> tuple[int, Any]:
        name = request.path.removeprefix("/_lab/")
        if request.method == "GET":
            looks: dict[str, Callable[[], Any]] = {
                "status": self.status,
                "live": self._live.look,
                "events": self._region.store.events,
                "ledger": self._region.ledger.show,
                "connections": lambda: self.connections(request.args.get("host")),
                "capacity": lambda: self.capacity(request.args.get("cluster", "")),
            }
            if name in looks:
                return 200, looks[name]()
            return 404, {"error": f"There is nothing at {request.path}."}
        token, given = self._region.identity.token, request.headers.get(TOKEN_HEADER, "")
        allowed = [token, fault_key(token)] if name == "fault" else [token]
        if not any(hmac.compare_digest(given.encode(), item.encode()) for item in allowed):
            return 403, {"error": f"This needs the region's token in the header {TOKEN_HEADER}."}
        actions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "stop": self._stop_region,
            "scale": self._scale,
            "replica-lag": self._replica_lag,
            "fault": self._fault,
            "sql": self._sql,
        }
        if request.method != "POST" or name not in actions:
            return 404, {"error": f"There is nothing at {request.path} for {request.method}."}
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            raise LabError("The body must be a JSON object.")
        return 200, actions[name](body)

    # What can be seen.

    def status(self) -> dict[str, Any]:
        """All of the region at a glance."""
        region = self._region
        host, port = region.router_address
        return {
            "region": region.name,
            "version": self._version,
            "pid": os.getpid(),
            "runtime": region.runtime.name,
            "runtime_reason": self._reason,
            "postgresql": region.catalogue.engine_version,
            "scale": region.clock.scale,
            "replica_lag_ms": replica_lag(region),
            "clock": region.now(),
            "address": host,
            "port": port,
            "memory_bytes": _own_memory(),
            "clusters": clusters_status(region, Measuring()),
            "databases": databases_status(region, Measuring()),
        }

    def connections(self, host: str | None) -> dict[str, Any]:
        """The newest connections that the router led, to one host name or to all, oldest first."""
        return {"connections": self._region.journal.connections(host)}

    def capacity(self, cluster: str) -> dict[str, Any]:
        """The capacity over time of every serverless instance that a cluster has or had: `points` of when (seconds
        since the epoch), ACUs and the scale of the lab clock, each good until the next one, the last `until`.
        """
        found = self._region.store.get("DBCluster", cluster.lower())
        if found is None:
            raise LabError(f"There is no cluster {cluster!r}.")
        curves = self._region.worker_of(found).scaling.log.curves()
        return {"instances": [asdict(curve) | {"acu_seconds": curve.acu_seconds()} for curve in curves]}

    # What can be done.

    def _stop_region(self, _body: dict[str, Any]) -> dict[str, Any]:
        # Answer first: the process is about to end.
        threading.Timer(0.05, self._stop).start()
        return {"stopping": True}

    def _scale(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            self._region.clock.scale = float(body.get("scale", ""))
        except (TypeError, ValueError) as error:
            raise LabError("The scale of the lab clock must be a number from 0.1 to 1000.") from error
        self._region.ledger.clock(self._region.clock.scale)
        return {"scale": self._region.clock.scale}

    def _replica_lag(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"milliseconds": set_replica_lag(self._region, body.get("milliseconds"))}
        except ReplicaLagError as error:
            raise LabError(str(error)) from error

    def _find(self, body: dict[str, Any]) -> Document:
        store = self._region.store
        instance = store.get("DBInstance", str(body.get("instance", "")).lower())
        if instance is None:
            names = ", ".join(item["DBInstanceIdentifier"] for item in store.all("DBInstance"))
            raise LabError(f"There is no instance {body.get('instance')!r}. There are: {names or 'none'}.")
        return instance

    def _fault(self, body: dict[str, Any]) -> dict[str, Any]:
        """Do to a server, a storage node, an AZ or a network what would happen to a failing one.

        With `standby`, to that of a Multi-AZ instance.
        """
        if "kind" in body:
            try:
                return do_fault(self._region, body)
            except (FaultError, ClusterError) as error:
                raise LabError(str(error)) from error
        instance = self._find(body)
        worker = self._region.worker_of_instance(instance)
        server = worker.plane.server(self._server(instance, body))
        if server is None:
            raise LabError(f"The server of {instance['DBInstanceIdentifier']} does not run.")
        actions = {"kill": server.kill, "freeze": server.freeze, "thaw": server.thaw}
        if body.get("action") not in actions:
            raise LabError(f"An action is one of {', '.join(actions)}.")
        actions[body["action"]]()
        worker.wake()
        return {"instance": instance["DBInstanceIdentifier"], "action": body["action"]}

    def _server(self, instance: Document, body: dict[str, Any]) -> str:
        """The resource id of the server that is meant."""
        if not body.get("standby"):
            return server_of(instance)
        standby = instance["_lab"].get("standby")
        if not standby:
            raise LabError(
                f"{instance['DBInstanceIdentifier']} has no standby: it is not a Multi-AZ instance."
            )
        return str(standby["resource"])

    def _sql(self, body: dict[str, Any]) -> dict[str, Any]:
        """Run one statement as the administrator on one instance: how a check looks at a database."""
        instance = self._find(body)
        plane = self._region.worker_of_instance(instance).plane
        database = str(body.get("database") or instance.get("DBName") or "postgres")
        try:
            with plane.connect(self._server(instance, body), dbname=database) as connection:
                connection.execute("SET statement_timeout = '10s'")
                cursor = connection.execute(str(body.get("sql", "")), body.get("parameters"))
                rows = cursor.fetchall() if cursor.description else []
                columns = [column.name for column in cursor.description or ()]
        except NotReachableError as error:
            if pause_state(instance) is not None:
                raise LabError(
                    f"{instance['DBInstanceIdentifier']} is {pause_state(instance)}: "
                    "connect to its endpoint, and it resumes."
                ) from error
            raise LabError(str(error)) from error
        except Exception as error:
            if not type(error).__module__.startswith("psycopg"):
                raise
            raise LabError(f"{getattr(error, 'sqlstate', None) or ''} {error}".strip()) from error
        return {"columns": columns, "rows": [[_plain(value) for value in row] for row in rows]}


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None), list, dict)) else str(value)


def _own_memory() -> int:
    full = psutil.Process().memory_full_info()
    return int(getattr(full, "pss", None) or full.uss)
