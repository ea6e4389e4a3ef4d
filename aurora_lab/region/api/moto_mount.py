"""AWS services that the course needs but does not teach: moto's, behind the region's own port.

moto is imported at the first call to one of them (0.4 s, 20 MB), never before. Its state lives in memory and
ends with the region's process.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from aurora_lab.region.api.codec.http import HttpResponse
from aurora_lab.region.api.errors import AwsError, not_implemented
from aurora_lab.region.home import ACCOUNT, DEFAULT_REGION
from aurora_lab.region.metrics import NAMESPACE, Metrics, Sample
from aurora_lab.region.reader_scaling.alarms import Alarm, as_moto_takes_it

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

SERVICES = frozenset({"kms", "s3", "sts", "iam", "cloudwatch", "secretsmanager", "logs"})
"""What is mounted, by botocore's names. moto has more, but Aurora's own services there behave unlike Aurora."""


KEPT_DATA = 100_000
"""Values that CloudWatch keeps, the newest: moto would keep all, for ever."""


class MotoMount:
    """moto's services. Its backends are not made for threads, so one request is answered at a time."""

    def __init__(
        self,
        metrics: Metrics | None = None,
        account: str = ACCOUNT,
        region: str = DEFAULT_REGION,
        alarms: Callable[[], Sequence[Alarm]] = tuple,
    ) -> None:
        """`metrics` and `alarms`: what the region has measured and judges; CloudWatch has it before it answers."""
        self._metrics, self._account, self._region, self._alarms = metrics, account, region, alarms
        self._shown: set[str] = set()
        self._lock = threading.RLock()
        self._apps: dict[str, WSGIApplication] = {}

    def serves(self, service: str) -> bool:
        """Whether moto has the service for us."""
        return service in SERVICES

    def respond(self, service: str, environ: WSGIEnvironment) -> HttpResponse:
        """moto's answer. Raises AwsError where moto does not implement the operation."""
        # moto reads the path as it was sent from here; PATH_INFO has lost what was an encoded slash or space.
        environ = {**environ, "RAW_URI": environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")}
        with self._lock:
            try:
                app = self._app(service)
                if service == "cloudwatch" and self._metrics is not None:
                    self._publish(self._metrics.drain())
                    self._show(self._alarms())
                response = _call(app, environ)
            except NotImplementedError as error:
                raise not_implemented(f"This operation of {service}") from error
        kind = response.headers.get("Content-Type", "")
        if response.status >= 400 and kind.startswith("text/html"):
            # A page by Flask, for people: no AWS client can read it.
            log.warning("moto answered %s with a page: HTTP %d", service, response.status)
            raise AwsError(
                "InvalidAction", f"{service} has no operation for this request in this local Aurora region."
            )
        return response

    def _publish(self, samples: list[Sample]) -> None:
        backends = importlib.import_module("moto.backends").get_backend("cloudwatch")
        backend = backends[self._account][self._region]
        data = [
            {
                "MetricName": sample.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
                "Timestamp": sample.at.replace(tzinfo=None),  # moto's are in UTC and do not say so
                "Unit": sample.unit,
                **_values(sample),
            }
            for sample in samples
            for dimensions in sample.about
        ]
        backend.put_metric_data(NAMESPACE, data)
        del backend.metric_data[:-KEPT_DATA]

    def _show(self, alarms: Sequence[Alarm]) -> None:
        """Have CloudWatch show these alarms as they are, and no longer those that are gone."""
        backends = importlib.import_module("moto.backends").get_backend("cloudwatch")
        backend = backends[self._account][self._region]
        names = {alarm.name for alarm in alarms}
        backend.delete_alarms(list(self._shown - names))
        self._shown = names
        for alarm in alarms:
            shown = backend.put_metric_alarm(**as_moto_takes_it(alarm))
            # Set here: moto would say that the state has changed now.
            shown.state_value, shown.state_reason = alarm.state, alarm.reason
            shown.state_updated_timestamp = alarm.since.replace(tzinfo=None)

    def _app(self, service: str) -> WSGIApplication:
        if service not in self._apps:
            module = importlib.import_module("moto.moto_server.werkzeug_app")
            self._apps[service] = module.create_backend_app(service)
        return self._apps[service]


def _values(sample: Sample) -> dict[str, Any]:
    if (spread := sample.spread) is None:
        return {"Value": sample.value}
    figures = {
        "Sum": spread.total,
        "Minimum": spread.low,
        "Maximum": spread.high,
        "SampleCount": spread.count,
    }
    return {"StatisticValues": figures}


def _call(app: WSGIApplication, environ: WSGIEnvironment) -> HttpResponse:
    """Run a WSGI application to its end."""
    head: list[tuple[str, list[tuple[str, str]]]] = []
    early: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], None]:
        head[:] = [(status, headers)]
        return early.append

    parts: Iterable[bytes] = app(environ, start)
    try:
        body = b"".join(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    status, headers = head[0]
    # The answer to a HEAD says how long a body would be that it does not have; other lengths are counted anew.
    dropped = {"connection"} if environ["REQUEST_METHOD"] == "HEAD" else {"connection", "content-length"}
    kept = {name: value for name, value in headers if name.lower() not in dropped}
    return HttpResponse(int(status.split(" ", 1)[0]), b"".join(early) + body, kept)
