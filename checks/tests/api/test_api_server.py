"""The HTTP server: what it refuses itself, its port, its end, and what it costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from answers import Case, complaint, send, split_answer
from aurora_lab.region.api.app import make_app
from aurora_lab.region.api.server import HttpServer, serve
from fuzzing import http
from stub_region import StubProvider, boto, post, serving

ASK = b"Action=DescribeDBClusters&Version=2014-10-31"


class Clusters:
    def describe_db_clusters(self, _context: object) -> dict[str, Any]:
        return {"DBClusters": []}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with serving({"rds": Clusters()}) as running:
        yield running


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "BadRequest"),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BadRequest"),
        (http(ASK, Content_Length="9" * 5000), 400, "BadRequest"),
        (http(ASK, Content_Length=str(10**12)), 413, "RequestEntityTooLarge"),
        (http(ASK, Transfer_Encoding="gzip"), 400, "BadRequest"),
        (http(ASK, Content_Length=None, Transfer_Encoding="chunked") + b"zz\r\n\r\n", 400, "BadRequest"),
    ],
)
def test_broken_http_is_answered_in_xml(server: HttpServer, data: bytes, status: int, code: str) -> None:
    answer = send("127.0.0.1", server.port, Case("broken", data))
    assert complaint(Case("broken", data), answer) is None
    found, _, body = split_answer(answer)
    assert found == status
    assert f"<Code>{code}</Code>".encode() in body


def test_headers_without_end_are_refused(server: HttpServer) -> None:
    answer = send("127.0.0.1", server.port, Case("long", b"GET / HTTP/1.1\r\nX: " + b"y" * 262_144))
    assert split_answer(answer)[0] == 431


def test_broken_http_of_a_json_client_is_answered_in_json(server: HttpServer) -> None:
    data = http(b"{}", Content_Type="application/x-amz-json-1.1", X_Amz_Target="A.B", Content_Length="x")
    status, headers, body = split_answer(send("127.0.0.1", server.port, Case("json", data)))
    assert (status, headers["content-type"]) == (400, "application/x-amz-json-1.1")
    assert b"BadRequest" in body


def test_one_connection_serves_many_requests(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(http(ASK))
            data = b""
            while b"</DescribeDBClustersResponse>" not in data:
                data += connection.recv(65536)
            assert data.startswith(b"HTTP/1.1 200 OK")
        assert b"server:" not in data.lower()


def test_a_hundred_clients_at_once(server: HttpServer) -> None:
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: post(server.port, ASK.decode()), range(300)))
    assert {status for status, _ in answers} == {200}


def test_a_port_that_is_taken_is_left_alone(server: HttpServer) -> None:
    other = serve(make_app({}), "127.0.0.1", server.port)
    try:
        assert other.port != server.port
        assert post(other.port, ASK.decode())[0] == 501
    finally:
        other.close()


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        serve(make_app({}), "192.0.2.1", 0)


def test_closing_frees_port_and_threads() -> None:
    before = threading.active_count()
    server = serve(make_app({"rds": Clusters()}))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as idle:
        assert post(server.port, ASK.decode())[0] == 200
        server.close()
        server.close()
        assert idle.recv(1) == b""
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
    again = serve(make_app({"rds": Clusters()}), port=server.port)
    assert again.port == server.port
    again.close()


def test_the_app_alone_is_light() -> None:
    """Start in a process of its own: no moto, few megabytes, and moto only when one of its services is asked for."""
    program = """
import sys
from aurora_lab.region.api.app import make_app
from aurora_lab.region.api.server import serve
from stub_region import boto, post
class Clusters:
    def describe_db_clusters(self, context):
        return {}
server = serve(make_app({"rds": Clusters()}))
status, _ = post(server.port, "Action=DescribeDBClusters&Version=2014-10-31")
assert status == 200, status
post(server.port, "Action=CreateDBCluster&Version=2014-10-31&DBClusterIdentifier=a&Engine=b")
assert not any(name.split(".")[0] in ("moto", "flask", "werkzeug") for name in sys.modules), "imported too early"
assert boto(server, "sts").get_caller_identity()["Account"] == "123456789012"
assert "moto" in sys.modules
server.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_memory_of_the_app_alone() -> None:
    program = """
import psutil
from aurora_lab.region.api.app import make_app
from aurora_lab.region.api.server import serve
from aurora_lab.region.api.models import service_model
server = serve(make_app({}))
service_model("rds")
print(psutil.Process().memory_full_info().uss)
server.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) < 45_000_000


def test_the_judge_of_answers_is_not_blind() -> None:
    """The fuzzer's judge says no to what an AWS client could not read."""
    case = Case("any", b"POST / HTTP/1.1\r\n\r\n")
    page = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 13\r\n\r\n<html></html>"
    assert "not readable" in str(complaint(case, page))
    failure = (
        b"<ErrorResponse><Error><Code>InternalFailure</Code><Message>x</Message></Error></ErrorResponse>"
    )
    assert "InternalFailure" in str(complaint(case, b"HTTP/1.1 500 X\r\n\r\n" + failure))
    assert "no answer" in str(complaint(case, b""))
    assert "not HTTP" in str(complaint(case, b"junk"))
    assert "not readable" in str(complaint(case, b"HTTP/1.1 200 OK\r\n\r\nhello"))
    empty = failure.replace(b"x", b"")
    assert "with code" in str(complaint(case, b"HTTP/1.1 400 X\r\n\r\n" + empty))
    assert complaint(case, b"HTTP/1.1 400 X\r\n\r\n" + failure) is None


def test_stub_provider_answers(server: HttpServer) -> None:
    del server
    with serving({"rds": StubProvider("rds")}) as stub:
        client = boto(stub, "rds")
        assert "ResponseMetadata" in client.describe_db_instances()
