"""A region's HTTP front with stand-ins behind it, and ways to call it.

`python stub_region.py` serves stand-ins for every service that the region answers itself, and prints its port.
"""

from __future__ import annotations

import http.client
import io
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from xml.etree import ElementTree

import boto3
from botocore import xform_name
from botocore.config import Config

from aurora_lab.region.api.app import Application, make_app
from aurora_lab.region.api.models import service_model
from aurora_lab.region.api.server import HttpServer, serve
from fuzzing import authorization
from shapes import full_value

OWN_SERVICES = ("rds", "application-autoscaling", "dsql", "rds-data")
WAITER_AGENT = "Boto3/1 md/Botocore#1 ua/2.1 m/D,B,b cfg/retry-mode#legacy"


class StubProvider:
    """Implements two operations of three, with random outputs."""

    def __init__(self, service: str) -> None:
        model = service_model(service)
        self._operations = {
            xform_name(name): model.operation_model(name)
            for number, name in enumerate(model.operation_names)
            if number % 3
        }

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_") or name not in self._operations:
            raise AttributeError(name)
        shape = self._operations[name].output_shape
        return lambda _context, **_: full_value(shape, random.Random(name)) if shape else {}


@contextmanager
def serving(providers: Mapping[str, object], **options: Any) -> Iterator[HttpServer]:
    """A server with these providers."""
    server = serve(make_app(providers, **options))
    try:
        yield server
    finally:
        server.close()


@cache
def _session() -> boto3.session.Session:
    # Shared, so that each service's model is read once.
    return boto3.session.Session()


def boto(server: HttpServer, service: str, region: str = "us-west-2", **config: Any) -> Any:
    """A boto3 client of a server. It tries once: a test wants to see the first answer."""
    return _session().client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{server.port}",
        aws_access_key_id="AURORALABDUMMYKEY",
        aws_secret_access_key="dummy",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=60, **config),
    )


def call(
    app: Application,
    body: str | bytes = "",
    *,
    method: str = "POST",
    path: str = "/",
    query: str = "",
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Call the application without a server. A header given as an empty text is left out."""
    data = body.encode() if isinstance(body, str) else body
    given = {
        "Authorization": authorization(),
        "Content_Type": "application/x-www-form-urlencoded",
        "Content_Length": str(len(data)),
    } | headers
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": path + (f"?{query}" if query else ""),
        "wsgi.input": io.BytesIO(data),
    }
    for name, value in given.items():
        if value:
            plain = name.upper() in ("CONTENT_TYPE", "CONTENT_LENGTH")
            environ[name.upper() if plain else f"HTTP_{name.upper()}"] = value
    seen: list[Any] = []

    def start(status: str, items: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        seen.extend((int(status.split(maxsplit=1)[0]), {name.lower(): value for name, value in items}))
        return lambda _: None

    answer = b"".join(app(environ, start))
    return seen[0], seen[1], answer


def error_of(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, str]:
    """HTTP status, code and message of an XML error."""
    status, _, body = answer
    found = {e.tag.rpartition("}")[2]: e.text or "" for e in ElementTree.fromstring(body).iter()}
    return status, found["Code"], found["Message"]


def rds(app: Application, action: str, fields: str = "", **headers: str) -> tuple[int, str, str]:
    """The error of an RDS request."""
    return error_of(call(app, f"Action={action}&Version=2014-10-31&{fields}", **headers))


def post(port: int, body: str, agent: str = "test", timeout: float = 30.0) -> tuple[int, bytes]:
    """An RDS request over HTTP with no SDK in between: thirty of them are cheap."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {
            "Authorization": authorization(),
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": agent,
        }
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


if __name__ == "__main__":
    stub = serve(make_app({service: StubProvider(service) for service in OWN_SERVICES}))
    print(stub.port, flush=True)
    sys.stdin.read()  # until whoever started it closes the pipe, or ends
    stub.close()
