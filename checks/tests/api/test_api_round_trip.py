"""Fidelity to the AWS protocols: what botocore's client writes we read, what we write botocore's client reads.

For every operation of every service that the region answers itself, inputs, outputs and errors; with whatever
botocore is installed, so that a new one that differs shows here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse
from aurora_lab.region.api.codec.select import codec_for
from aurora_lab.region.api.errors import fault
from aurora_lab.region.api.models import error_code, service_model
from shapes import full_value

SERVICES = ("rds", "application-autoscaling", "dsql", "rds-data")
ROUNDS = 3


def operations() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in service_model(service).operation_names]


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def client_request(operation: OperationModel, parameters: dict[str, Any]) -> HttpRequest:
    """The request that botocore's client makes of parameters."""
    protocol = operation.service_model.metadata["protocol"]
    sent = create_serializer(protocol, include_validation=False).serialize_to_request(parameters, operation)
    body, query = sent["body"], sent["query_string"]
    if isinstance(body, Mapping):
        body = urlencode(body, doseq=True).encode()
    if isinstance(body, str):
        body = body.encode()
    if isinstance(query, Mapping):
        query = urlencode(query, doseq=True, quote_via=quote)
    path, _, more = sent["url_path"].partition("?")
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    return HttpRequest(sent["method"], path, "&".join(filter(None, (more, query))), headers, body)


def client_reads(response: HttpResponse, operation: OperationModel, shape: Any) -> dict[str, Any]:
    """What botocore's client makes of a response."""
    parser = create_parser(operation.service_model.metadata["protocol"])
    return parser.parse(
        {"status_code": response.status, "headers": dict(response.headers), "body": response.body}, shape
    )


def test_every_rds_operation_is_covered() -> None:
    names = [name for service, name in operations() if service == "rds"]
    assert len(names) == len(set(names)) >= 168


@pytest.mark.parametrize(("service", "name"), operations())
def test_inputs(service: str, name: str, rng: random.Random) -> None:
    operation = service_model(service).operation_model(name)
    codec = codec_for(service)
    for _ in range(ROUNDS):
        given = full_value(operation.input_shape, rng) if operation.input_shape else {}
        request = client_request(operation, given)
        assert codec.operation(request).name == name
        assert codec.parse(request, operation) == given


@pytest.mark.parametrize(("service", "name"), operations())
def test_outputs(service: str, name: str, rng: random.Random) -> None:
    operation = service_model(service).operation_model(name)
    shape = operation.output_shape
    for _ in range(ROUNDS):
        output = full_value(shape, rng, milliseconds=True) if shape else {}
        response = codec_for(service).result(output, operation, "request-1")
        read = client_reads(response, operation, shape)
        metadata = read.pop("ResponseMetadata")
        assert read == output
        assert metadata["HTTPStatusCode"] == operation.http.get("responseCode", 200)
        assert "request-1" in (metadata.get("RequestId"), metadata["HTTPHeaders"].get("x-amzn-requestid"))


@pytest.mark.parametrize("service", SERVICES)
def test_errors(service: str) -> None:
    model = service_model(service)
    operation = model.operation_model(model.operation_names[0])
    assert model.error_shapes
    for shape in model.error_shapes:
        error = fault(shape.name, "Why <it> failed & more\x00", service)
        response = codec_for(service).error(error, "request-2")
        read = client_reads(response, operation, operation.output_shape)
        assert read["Error"]["Code"] == error_code(shape)
        assert read["Error"]["Message"].startswith("Why <it> failed & more")
        # botocore finds the exception class that boto3 raises by this code.
        assert model.shape_for_error_code(read["Error"]["Code"]).name == shape.name
        status = shape.metadata.get("error", {}).get("httpStatusCode")
        assert response.status == (status or 400)


def test_empty_lists_and_missing_members() -> None:
    operation = service_model("rds").operation_model("ModifyDBClusterEndpoint")
    given = {"DBClusterEndpointIdentifier": "e", "StaticMembers": []}
    assert codec_for("rds").parse(client_request(operation, given), operation) == given
    output = {"Endpoint": None, "StaticMembers": [], "_lab": {"private": 1}, "Unknown": "x"}
    shape = operation.output_shape
    response = codec_for("rds").result(output, operation, "r")
    assert b"private" not in response.body
    assert b"Unknown" not in response.body
    read = client_reads(response, operation, shape)
    assert read["StaticMembers"] == []
    assert "Endpoint" not in read


def test_both_spellings_of_a_list_and_gaps_in_it() -> None:
    operation = service_model("rds").operation_model("CreateDBCluster")
    body = (
        b"Action=CreateDBCluster&Version=2014-10-31&DBClusterIdentifier=c&Engine=aurora-postgresql"
        b"&VpcSecurityGroupIds.member.7=sg-2&VpcSecurityGroupIds.member.1=sg-1"
        b"&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v&Unheard.Of.1=x"
    )
    parsed = codec_for("rds").parse(HttpRequest("POST", "/", "", {}, body), operation)
    assert parsed["VpcSecurityGroupIds"] == ["sg-1", "sg-2"]
    assert parsed["Tags"] == [{"Key": "k", "Value": "v"}]
    assert "Unheard" not in parsed
