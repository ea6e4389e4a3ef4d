"""Requests that are wrong get the error that AWS gives, and never a page or a broken connection."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest

from aurora_lab.region.api.app import Application, make_app
from aurora_lab.region.api.dispatch import provider_mistakes
from aurora_lab.region.api.errors import AwsError, fault
from fuzzing import authorization
from stub_region import StubProvider, call, error_of, rds


class Rds:
    def describe_db_clusters(
        self, context: Any, *, DBClusterIdentifier: str = "", **_: object
    ) -> dict[str, Any]:
        if DBClusterIdentifier == "broken":
            raise RuntimeError("a mistake of ours")
        if DBClusterIdentifier == "gone":
            raise fault("DBClusterNotFoundFault", "DBCluster gone not found.")
        return {"DBClusters": [{"DBClusterIdentifier": context.operation, "Status": context.account}]}

    def create_db_cluster(self, _context: object, **parameters: Any) -> dict[str, Any]:
        return {"DBCluster": {"Port": parameters.get("Port")}}

    def describe_events(self, _context: object, **_: object) -> dict[str, Any]:
        return {"Events": []}

    def create_db_proxy(self, _context: object, **_: object) -> dict[str, Any]:
        return {}

    def describe_db_instances(self, _context: object, *, DBInstanceIdentifier: str = "") -> dict[str, Any]:
        return {
            "DBInstances": [
                {"DBInstanceIdentifier": DBInstanceIdentifier, "AllocatedStorage": {"not": "int"}}
            ]
        }

    def delete_db_cluster(self, _context: object, **_: object) -> None:
        raise AwsError("SomethingElse", "Why.", 409)

    def stop_db_cluster(self, _context: object, **_: object) -> dict[str, Any]:
        return {"DBCluster": {"VpcSecurityGroups": "not a list"}}


class Scaling:
    def register_scalable_target(self, _context: object, **_: object) -> dict[str, Any]:
        return {}

    def describe_scalable_targets(self, _context: object, **_: object) -> dict[str, Any]:
        return {"ScalableTargets": []}


@pytest.fixture
def app() -> Application:
    return make_app({"rds": Rds(), "application-autoscaling": Scaling(), "dsql": StubProvider("dsql")})


CREATE = "DBClusterIdentifier=c&Engine=aurora-postgresql"


BAD = "InvalidParameterValue"


@pytest.mark.parametrize(
    ("action", "fields", "code", "words"),
    [
        ("CreateDBCluster", "Engine=x", "MissingParameter", "must contain the parameter DBClusterIdentifier"),
        ("CreateDBCluster", f"{CREATE}&Port=many", BAD, "Invalid value many for Port. Must be an integer"),
        ("CreateDBCluster", f"{CREATE}&Port=2147483648", BAD, "for Port. Must be an integer"),
        ("CreateDBCluster", f"{CREATE}&Port=", BAD, "for Port. Must be an integer"),
        ("CreateDBCluster", f"{CREATE}&Port.x=1", BAD, "for Port. Must be an integer"),
        ("CreateDBCluster", f"{CREATE}&DeletionProtection=yes", BAD, "true or false"),
        ("CreateDBCluster", f"{CREATE}&Tags=x", BAD, "a list, as Tags.Tag.1, Tags.Tag.2"),
        ("CreateDBCluster", f"{CREATE}&Tags.Tag.0.Key=x", BAD, "for Tags. Must be a list"),
        ("CreateDBCluster", f"{CREATE}&Tags.1.Key=x", BAD, "for Tags. Must be a list"),
        ("CreateDBCluster", f"{CREATE}&Tags.member.1=x", BAD, "for Tags.member.1. Must be a structure"),
        (
            "CreateDBCluster",
            f"{CREATE}&ServerlessV2ScalingConfiguration.MinCapacity=NaN",
            BAD,
            "for ServerlessV2ScalingConfiguration.MinCapacity. Must be a number",
        ),
        ("CreateDBCluster", f"{CREATE}&MasterUsername=a%00b", BAD, "without NUL"),
        ("DescribeEvents", "SourceType=cluster", BAD, "for SourceType. Must be one of: db-instance, "),
        ("DescribeEvents", "StartTime=tomorrow", BAD, "Must be a time such as 2030-01-31T12:00:00Z"),
        ("DescribeEvents", "MaxRecords=19", BAD, "Invalid value 19 for MaxRecords. Must be between 20 and 100"),
        ("DescribeEvents", "Marker=x", BAD, "Invalid value x for Marker. Must be a marker"),
        ("DescribeEvents", "Filters.Filter.1.Name=a", "MissingParameter", "Filters.member.1.Values"),
        (
            "CreateDBProxy",
            f"DBProxyName={'a' * 62}!&EngineFamily=MYSQL&RoleArn={'r' * 20}&VpcSubnetIds.member.1=s",
            BAD,
            "for DBProxyName. Must match the pattern [a-zA-Z]",
        ),
        (
            "CreateDBProxy",
            f"DBProxyName={'a' * 64}&EngineFamily=MYSQL&RoleArn={'r' * 20}&VpcSubnetIds.member.1=s",
            BAD,
            "DBProxyName: 64 characters. Must be between 1 and 63",
        ),
        (
            "CreateDBProxy",
            f"DBProxyName=&EngineFamily=MYSQL&RoleArn={'r' * 20}&VpcSubnetIds.member.1=s",
            BAD,
            "The parameter DBProxyName must be provided and must not be blank.",
        ),
        ("NoSuchThing", "", "InvalidAction", "Could not find operation NoSuchThing for version 2014-10-31"),
        ("", "", "MissingAction", "must contain the parameter Action"),
    ],
)  # fmt: skip
def test_bad_parameters(app: Application, action: str, fields: str, code: str, words: str) -> None:
    status, found, message = rds(app, action, fields)
    assert (status, found) == (400, code)
    assert words in message


def test_a_good_request_and_its_context(app: Application) -> None:
    status, headers, body = call(app, "Action=DescribeDBClusters&Version=2014-10-31&Unknown.1=ignored")
    assert status == 200
    assert headers["content-type"] == "text/xml"
    assert b"<Status>123456789012</Status>" in body
    assert headers["x-amzn-requestid"].encode() in body


@pytest.mark.parametrize(
    "body", ["Action=DescribeDBClusters&Version=2014-09-01", "Action=DescribeDBClusters"]
)
def test_unsupported_version(app: Application, body: str) -> None:
    assert error_of(call(app, body))[:2] == (400, "InvalidAction")


@pytest.mark.parametrize(
    "body",
    [
        b"Action=DescribeDBClusters&Version=2014-10-31&DBClusterIdentifier=%ff",
        b"Action=DescribeDBClusters&Version=2014-10-31&DBClusterIdentifier=\xff",
        b"Action=DescribeDBClusters&Version=2014-10-31&DBClusterIdentifier=a&DBClusterIdentifier=b",
        b"Action=DescribeDBClusters&Version=2014-10-31" + b"&a" * 10_001,
    ],
)
def test_malformed_forms(app: Application, body: bytes) -> None:
    assert error_of(call(app, body))[:2] == (404, "MalformedQueryString")


def test_oversized_body(app: Application) -> None:
    status, code, message = rds(app, "DescribeDBClusters", "X=" + "y" * (1 << 20))
    assert (status, code) == (413, "RequestEntityTooLarge")
    assert "1048576" in message


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_wrong_method(app: Application, method: str) -> None:
    assert error_of(call(app, "Action=DescribeDBClusters", method=method))[:2] == (405, "MethodNotAllowed")


def test_head_has_no_body(app: Application) -> None:
    status, headers, body = call(app, method="HEAD")
    assert (status, headers["content-length"], body) == (405, "0", b"")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("", 403, "MissingAuthenticationToken"),
        ("Basic eDp5", 400, "IncompleteSignature"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", 400, "IncompleteSignature"),
        ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", 400, "IncompleteSignature"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/us-west-2/rds, SignedHeaders=h, Signature=0",
            400,
            "IncompleteSignature",
        ),
        ("AWS4-HMAC-SHA256 nonsense", 400, "IncompleteSignature"),
        (authorization(region="eu-west-1"), 403, "SignatureDoesNotMatch"),
        (authorization(service="../etc"), 400, "IncompleteSignature"),
        (authorization(service="RDS"), 403, "SignatureDoesNotMatch"),
        (authorization().replace("aws4_request", "aws5"), 403, "SignatureDoesNotMatch"),
    ],
)
def test_authorization(app: Application, header: str, status: int, code: str) -> None:
    assert rds(app, "DescribeDBClusters", Authorization=header)[:2] == (status, code)


def test_another_region_is_told_which_one_this_is(app: Application) -> None:
    assert "us-west-2" in rds(app, "DescribeDBClusters", Authorization=authorization(region="eu-west-1"))[2]


def test_web_pages_are_refused(app: Application) -> None:
    assert rds(app, "DescribeDBClusters", Origin="http://example.com")[:2] == (403, "AccessDenied")
    assert rds(app, "DescribeDBClusters", Sec_Fetch_Site="cross-site")[:2] == (403, "AccessDenied")


def test_a_modelled_error(app: Application) -> None:
    expected = (404, "DBClusterNotFoundFault", "DBCluster gone not found.")
    assert rds(app, "DescribeDBClusters", "DBClusterIdentifier=gone") == expected
    assert rds(app, "DeleteDBCluster", "DBClusterIdentifier=c") == (409, "SomethingElse", "Why.")


def test_operations_and_parameters_that_are_not_implemented(app: Application) -> None:
    status, code, message = rds(app, "CreateGlobalCluster")
    assert (status, code) == (501, "NotImplemented")
    assert "CreateGlobalCluster" in message
    status, code, message = rds(
        app, "DescribeDBInstances", "Filters.Filter.1.Name=a&Filters.Filter.1.Values.Value.1=b"
    )
    assert (status, code) == (501, "NotImplemented")
    assert "Filters of DescribeDBInstances" in message


@pytest.mark.parametrize(
    ("action", "fields"),
    [("DescribeDBClusters", "DBClusterIdentifier=broken"), ("StopDBCluster", "DBClusterIdentifier=c")],
)
def test_a_mistake_in_a_provider(
    app: Application, action: str, fields: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status, code, message = rds(app, action, fields)
    assert (status, code) == (500, "InternalFailure")
    assert "mistake" not in message
    assert action in message
    assert caplog.records[0].exc_info is not None


def test_the_lab_has_its_own_paths() -> None:
    def lab(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    app = make_app({}, lab=lab)
    assert call(app, path="/_lab/status", Authorization="")[2] == b"/_lab/status"
    assert call(app, path="/_laboratory", Authorization="")[0] == 403


def as_json(app: Application, operation: str, document: Any, **headers: str) -> tuple[int, str, str]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    given = {
        "Content_Type": "application/x-amz-json-1.1",
        "X_Amz_Target": f"AnyScaleFrontendService.{operation}",
        "Authorization": authorization("application-autoscaling"),
    } | headers
    status, _, answer = call(app, body, **given)
    read = json.loads(answer)
    return status, read.get("__type", ""), read.get("message", "")


INVALID = "ValidationException"
TARGET = {
    "ServiceNamespace": "rds",
    "ResourceId": "cluster:c",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}


@pytest.mark.parametrize(
    ("operation", "document", "code", "words"),
    [
        ("RegisterScalableTarget", {}, INVALID, "Value null at 'serviceNamespace' failed to satisfy"),
        ("RegisterScalableTarget", TARGET | {"ServiceNamespace": "x"}, INVALID, "enum value set: [ecs, "),
        ("RegisterScalableTarget", TARGET | {"MinCapacity": "1"}, INVALID, "at 'minCapacity'"),
        ("RegisterScalableTarget", TARGET | {"MinCapacity": True}, INVALID, "an integer"),
        ("RegisterScalableTarget", TARGET | {"ResourceId": "\ud800"}, INVALID, "at 'resourceId'"),
        ("RegisterScalableTarget", TARGET | {"ResourceId": "x" * 2000}, INVALID, "length less than or equal"),
        ("RegisterScalableTarget", [], INVALID, "a structure"),
        ("DescribeScalableTargets", {"ServiceNamespace": "rds", "NextToken": "x"}, "InvalidNextTokenException", ""),
        ("RegisterScalableTarget", b"{", "SerializationException", "not valid JSON"),
        ("RegisterScalableTarget", b"[" * 100_000, "SerializationException", "not valid JSON"),
        ("RegisterScalableTarget", b'{"MinCapacity": NaN}', "SerializationException", "not valid JSON"),
        ("NoSuchThing", {}, "UnknownOperationException", "NoSuchThing"),
    ],
)  # fmt: skip
def test_json_errors(app: Application, operation: str, document: Any, code: str, words: str) -> None:
    status, found, message = as_json(app, operation, document)
    assert (status, found) == (400, code)
    assert words in message


def test_json_refusals_before_the_operation(app: Application) -> None:
    assert as_json(app, "PutScalingPolicy", {})[:2] == (501, "NotImplemented")
    assert as_json(app, "X", {}, Authorization="")[:2] == (403, "MissingAuthenticationTokenException")
    assert as_json(app, "X", {}, Authorization="AWS4-HMAC-SHA256 x")[1] == "IncompleteSignatureException"
    wrong_region = authorization("application-autoscaling", "eu-west-1")
    assert as_json(app, "X", {}, Authorization=wrong_region)[:2] == (403, "InvalidSignatureException")


def test_rest_json_errors(app: Application) -> None:
    signed = {"Authorization": authorization("dsql"), "Content_Type": "application/json"}
    status, headers, body = call(app, method="GET", path="/nowhere", **signed)
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    status, headers, body = call(app, method="GET", path="/cluster/short", **signed)
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert json.loads(body)["reason"] == "fieldValidationFailed"
    assert "'identifier'" in json.loads(body)["message"]
    assert call(app, method="GET", path="/cluster/%ff", **signed)[0] == 400


def test_repeated_text_is_cut_and_made_harmless(app: Application) -> None:
    _, _, message = rds(app, "CreateDBCluster", f"{CREATE}&Port={'z' * 100_000}%1b")
    assert len(message) < 400
    _, _, message = rds(app, "CreateDBCluster", f"{CREATE}&Port=%1b%3Cb%3E")
    assert "\ufffd<b>" in message


def test_markers_are_opaque_but_checked(app: Application) -> None:
    forged = base64.b64encode(b"20:DescribeEvents").decode().replace("=", "%3D")
    assert rds(app, "DescribeEvents", f"Marker={forged}")[1] == "InvalidParameterValue"


def test_what_does_not_fit_the_model_is_found() -> None:
    class Careless:
        def describe_db_clusters(
            self, _context: object, *, DBClusterIdentifier: str, Typo: str = ""
        ) -> None: ...

        def describe_clusters(self, _context: object) -> None: ...

        def delete_db_cluster(self, _context: object, *, DBClusterIdentifier: str, **_: object) -> None: ...

    assert provider_mistakes("rds", Careless) == [
        "describe_clusters: rds has no such operation",
        "describe_db_clusters: DBClusterIdentifier needs a default, clients may leave it out",
        "describe_db_clusters: Typo is not a parameter of the operation",
    ]
    assert provider_mistakes("rds", Rds) == []
