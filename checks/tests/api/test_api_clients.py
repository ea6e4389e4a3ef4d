"""The real clients, boto3 and the AWS CLI, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aurora_lab.region.api.context import RequestContext, is_waiter
from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.api.server import HttpServer
from aurora_lab.region.api.waiting import hold
from stub_region import boto, serving

AWS = Path(sys.executable).with_name("aws")


class Clusters:
    """One cluster that becomes available when it is told to."""

    def __init__(self) -> None:
        self.contexts: list[RequestContext] = []
        self.changed = threading.Condition()
        self.available = False

    def describe_db_clusters(
        self, context: RequestContext, *, DBClusterIdentifier: str | None = None, **_: object
    ) -> dict[str, Any]:
        self.contexts.append(context)
        if DBClusterIdentifier == "gone":
            raise fault("DBClusterNotFoundFault", "DBCluster gone not found.")
        hold(context, lambda: self.available, self.changed, 20.0)
        status = "available" if self.available else "creating"
        return {"DBClusters": [{"DBClusterIdentifier": f"c{n}", "Status": status} for n in range(120)]}

    def describe_db_instances(self, _context: RequestContext, **_: object) -> dict[str, Any]:
        raise fault("DBInstanceNotFound", "DBInstance i not found.")

    def settle(self) -> None:
        self.available = True
        with self.changed:
            self.changed.notify_all()


@pytest.fixture
def clusters() -> Clusters:
    return Clusters()


@pytest.fixture
def server(clusters: Clusters) -> Iterator[HttpServer]:
    with serving({"rds": clusters}) as running:
        yield running


def cli(server: HttpServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI as a learner would: only its environment says that this is not AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": "AURORALABDUMMYKEY",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
    }
    return subprocess.run(
        [sys.executable, str(AWS), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_boto3_raises_the_modelled_exceptions(server: HttpServer) -> None:
    client = boto(server, "rds")
    with pytest.raises(client.exceptions.DBClusterNotFoundFault) as caught:
        client.describe_db_clusters(DBClusterIdentifier="gone")
    assert caught.value.response["Error"]["Message"] == "DBCluster gone not found."
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(client.exceptions.DBInstanceNotFoundFault):
        client.describe_db_instances(DBInstanceIdentifier="i")
    with pytest.raises(ClientError, match=r"\(NotImplemented\).*CreateDBCluster"):
        client.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-postgresql")


def test_the_cli_shows_errors_and_pages(server: HttpServer, clusters: Clusters) -> None:
    failed = cli(server, "rds", "describe-db-clusters", "--db-cluster-identifier", "gone")
    assert failed.returncode != 0
    assert (
        "(DBClusterNotFoundFault) when calling the DescribeDBClusters operation: DBCluster gone"
        in failed.stderr
    )
    listed = cli(server, "rds", "describe-db-clusters", "--query", "length(DBClusters)", "--output", "json")
    assert json.loads(listed.stdout) == 120, listed.stderr
    assert len(clusters.contexts) == 3
    assert not any(context.waiter for context in clusters.contexts)


def test_a_boto3_waiter_is_recognised_and_held(server: HttpServer, clusters: Clusters) -> None:
    threading.Timer(0.3, clusters.settle).start()
    began = time.monotonic()
    boto(server, "rds").get_waiter("db_cluster_available").wait(DBClusterIdentifier="c0")
    # A waiter that is not held asks again after 30 s.
    assert time.monotonic() - began < 15
    assert len(clusters.contexts) >= 1
    assert all(context.waiter for context in clusters.contexts)


def test_a_cli_waiter_is_recognised_and_held(server: HttpServer, clusters: Clusters) -> None:
    def settle_once_asked() -> None:
        deadline = time.monotonic() + 50
        while not clusters.contexts and time.monotonic() < deadline:
            time.sleep(0.01)
        clusters.settle()

    threading.Thread(target=settle_once_asked, daemon=True).start()
    began = time.monotonic()
    done = cli(server, "rds", "wait", "db-cluster-available", "--db-cluster-identifier", "c0")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 28
    assert clusters.contexts
    assert all(context.waiter for context in clusters.contexts)


def test_a_person_is_not_held(server: HttpServer, clusters: Clusters) -> None:
    answer = boto(server, "rds").describe_db_clusters()
    assert answer["DBClusters"][0]["Status"] == "creating"
    assert not clusters.contexts[0].waiter


def test_a_waiter_for_what_is_gone_is_answered(server: HttpServer) -> None:
    boto(server, "rds").get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="i")


@pytest.mark.parametrize(
    ("agent", "waiter"),
    [
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/b,D,B,Z cfg/retry-mode#legacy Botocore/1.44.5", True),
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/B cfg/retry-mode#legacy", True),
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/b,D,AB,BA cfg/retry-mode#legacy", False),
        ("Boto3/1.44.5 md/Botocore#1.44.5 md/B ua/2.1", False),
        ("aws-cli/1.46.3 xm/B", False),
        ("", False),
    ],
)
def test_what_a_waiter_says_of_itself(agent: str, waiter: bool) -> None:
    assert is_waiter(agent) is waiter


def test_a_presigned_address_works(server: HttpServer) -> None:
    client = boto(server, "rds")
    address = client.generate_presigned_url("describe_db_clusters", Params={}, HttpMethod="GET")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b"<DBClusterIdentifier>c0</DBClusterIdentifier>" in answer.read()
    missing = client.generate_presigned_url("delete_db_cluster", Params={"DBClusterIdentifier": "c"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(missing, data=b""), timeout=10)
    with caught.value as answer:
        assert answer.status == 501


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "describe_instances"),
        ("dynamodb", "list_tables"),
        ("lambda", "list_functions"),
        ("route53", "list_hosted_zones"),
        ("sns", "list_topics"),
        ("sqs", "list_queues"),
        ("pi", "list_tags_for_resource"),
        ("pricing", "describe_services"),
    ],
)
def test_services_that_are_not_here_say_so_in_their_own_protocol(
    server: HttpServer, service: str, operation: str
) -> None:
    arguments = {"ServiceType": "RDS", "ResourceARN": "arn:aws:pi:us-west-2:1:x"} if service == "pi" else {}
    with pytest.raises(ClientError) as caught:
        getattr(boto(server, service), operation)(**arguments)
    error = caught.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert service in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


class Scaling:
    def register_scalable_target(self, _context: object, *, MinCapacity: int, **_: object) -> dict[str, Any]:
        if MinCapacity > 15:
            raise fault("LimitExceededException", "At most 15.", "application-autoscaling")
        return {
            "ScalableTargetARN": "arn:aws:application-autoscaling:us-west-2:123456789012:scalable-target/x"
        }


class Dsql:
    def get_cluster(self, _context: object, *, identifier: str) -> dict[str, Any]:
        if identifier.startswith("z"):
            raise fault(
                "ResourceNotFoundException", "Gone.", "dsql", resourceId=identifier, resourceType="cluster"
            )
        return {"identifier": identifier, "status": "ACTIVE", "creationTime": "2030-01-02T03:04:05.678Z"}

    def list_tags_for_resource(self, _context: object, *, resourceArn: str) -> dict[str, Any]:
        return {"tags": {"arn": resourceArn}}


class DataApi:
    def execute_statement(self, _context: object, *, sql: str, **_: object) -> dict[str, Any]:
        if sql == "bad":
            raise fault("BadRequestException", "ERROR: syntax error", "rds-data")
        return {
            "records": [[{"stringValue": sql}, {"longValue": 7}, {"isNull": True}]],
            "numberOfRecordsUpdated": 0,
        }


def test_the_other_protocols() -> None:
    with serving({"application-autoscaling": Scaling(), "dsql": Dsql(), "rds-data": DataApi()}) as server:
        scaling = boto(server, "application-autoscaling")
        target = {
            "ServiceNamespace": "rds",
            "ResourceId": "cluster:c",
            "ScalableDimension": "rds:cluster:ReadReplicaCount",
        }
        assert (
            "scalable-target/x"
            in scaling.register_scalable_target(**target, MinCapacity=1)["ScalableTargetARN"]
        )
        with pytest.raises(scaling.exceptions.LimitExceededException):
            scaling.register_scalable_target(**target, MinCapacity=16)
        dsql = boto(server, "dsql")
        found = dsql.get_cluster(identifier="a" * 26)
        assert (found["status"], found["creationTime"].microsecond) == ("ACTIVE", 678_000)
        with pytest.raises(dsql.exceptions.ResourceNotFoundException) as caught:
            dsql.get_cluster(identifier="z" * 26)
        assert caught.value.response["resourceId"] == "z" * 26
        arn = "arn:aws:dsql:us-west-2:123456789012:cluster/" + "a" * 26
        assert dsql.list_tags_for_resource(resourceArn=arn)["tags"] == {"arn": arn}
        data = boto(server, "rds-data")
        common = {"resourceArn": "arn:aws:rds:us-west-2:1:cluster:c", "secretArn": "arn:aws:secret"}
        assert data.execute_statement(**common, sql="ä")["records"] == [
            [{"stringValue": "ä"}, {"longValue": 7}, {"isNull": True}]
        ]
        with pytest.raises(data.exceptions.BadRequestException, match="syntax error"):
            data.execute_statement(**common, sql="bad")


def test_a_service_error_without_a_model_reaches_the_client() -> None:
    class Rds:
        def describe_events(self, _context: object) -> dict[str, Any]:
            raise AwsError("Custom", "Déjà vu <&>", 409)

    with serving({"rds": Rds()}) as server, pytest.raises(ClientError, match="Déjà vu <&>") as caught:
        boto(server, "rds").describe_events()
    assert caught.value.response["Error"]["Code"] == "Custom"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
