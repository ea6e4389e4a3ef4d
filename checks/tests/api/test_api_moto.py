"""The services that are moto's, behind the region's own port, through boto3."""

from __future__ import annotations

import io
import json
import logging
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aurora_lab.region.api import moto_mount
from aurora_lab.region.api.app import make_app
from aurora_lab.region.api.server import HttpServer
from stub_region import boto, call, serving


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with serving({}) as running:
        yield running


def test_sts(server: HttpServer) -> None:
    assert boto(server, "sts").get_caller_identity()["Account"] == "123456789012"
    assert boto(server, "sts", region="us-east-1").get_caller_identity()["Account"] == "123456789012"


def test_s3_keys_and_uploads(server: HttpServer) -> None:
    s3 = boto(server, "s3")
    s3.create_bucket(Bucket="lesson-1", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for key in ("with space/and more.txt", "100% + ü?.txt", "a%2Fb", "double//slash"):
        s3.put_object(Bucket="lesson-1", Key=key, Body=key.encode())
        assert s3.get_object(Bucket="lesson-1", Key=key)["Body"].read() == key.encode()
    assert "a%2Fb" in [item["Key"] for item in s3.list_objects_v2(Bucket="lesson-1")["Contents"]]
    assert s3.head_object(Bucket="lesson-1", Key="double//slash")["ContentLength"] == len("double//slash")
    data = bytes(range(256)) * (5 * 4096)
    s3.put_object(Bucket="lesson-1", Key="five megabytes", Body=data)
    s3.upload_fileobj(io.BytesIO(data), "lesson-1", "from a file")
    for key in ("five megabytes", "from a file"):
        assert s3.get_object(Bucket="lesson-1", Key=key)["Body"].read() == data
    assert (
        s3.get_object(Bucket="lesson-1", Key="five megabytes", Range="bytes=1-3")["Body"].read()
        == b"\x01\x02\x03"
    )
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="lesson-1", Key="nothing")
    s3.delete_object(Bucket="lesson-1", Key="from a file")


def test_s3_multipart_and_presigned(server: HttpServer) -> None:
    s3 = boto(server, "s3")
    s3.create_bucket(Bucket="lesson-2", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    data = b"x" * (9 << 20)
    s3.upload_fileobj(io.BytesIO(data), "lesson-2", "parts")  # above 8 MB boto3 uploads in parts
    assert s3.head_object(Bucket="lesson-2", Key="parts")["ContentLength"] == len(data)
    s3.put_object(Bucket="lesson-2", Key="a b", Body=b"shared")
    for signature in ("s3", "s3v4"):
        client = boto(server, "s3", signature_version=signature)
        address = client.generate_presigned_url("get_object", Params={"Bucket": "lesson-2", "Key": "a b"})
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.read() == b"shared"


def test_kms(server: HttpServer) -> None:
    kms = boto(server, "kms")
    key = kms.create_key(Description="lesson")["KeyMetadata"]
    assert key["Arn"].startswith("arn:aws:kms:us-west-2:123456789012:key/")
    secret = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"\x00secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"\x00secret"
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="alias/none")


def test_iam(server: HttpServer) -> None:
    iam = boto(server, "iam")
    policy = {"Version": "2012-10-17", "Statement": []}
    role = iam.create_role(RoleName="monitoring", AssumeRolePolicyDocument=json.dumps(policy))["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/monitoring"
    assert iam.get_role(RoleName="monitoring")["Role"]["RoleName"] == "monitoring"
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="none")


def test_cloudwatch(server: HttpServer) -> None:
    cloudwatch = boto(server, "cloudwatch")
    now = datetime.now(UTC).replace(microsecond=0)
    data: list[dict[str, Any]] = [
        {
            "MetricName": "Load",
            "Timestamp": now,
            "Value": float(n),
            "Dimensions": [{"Name": "N", "Value": "x" * 200}],
        }
        for n in range(100)
    ]
    cloudwatch.put_metric_data(Namespace="Lesson", MetricData=data)  # long enough for boto3 to compress it
    found = cloudwatch.get_metric_statistics(
        Namespace="Lesson",
        MetricName="Load",
        Dimensions=data[0]["Dimensions"],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=60,
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in found) == 100


def test_secretsmanager(server: HttpServer) -> None:
    secrets = boto(server, "secretsmanager")
    secrets.create_secret(Name="lesson/password", SecretString="s3cret")
    assert secrets.get_secret_value(SecretId="lesson/password")["SecretString"] == "s3cret"
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="none")


def test_logs(server: HttpServer) -> None:
    logs = boto(server, "logs")
    logs.create_log_group(logGroupName="/aws/rds/cluster/c/postgresql")
    assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "/aws/rds/cluster/c/postgresql"


def test_from_many_threads(server: HttpServer) -> None:
    s3 = boto(server, "s3")
    s3.create_bucket(Bucket="lesson-3", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    def put(n: int) -> bytes:
        s3.put_object(Bucket="lesson-3", Key=f"k{n}", Body=str(n).encode())
        return s3.get_object(Bucket="lesson-3", Key=f"k{n}")["Body"].read()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(put, range(60))) == [str(n).encode() for n in range(60)]


def test_what_moto_lacks_is_an_aws_error(server: HttpServer) -> None:
    with pytest.raises(ClientError) as caught:
        boto(server, "iam").get_organizations_access_report(JobId="a" * 36)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_the_region_is_checked_here_too(server: HttpServer) -> None:
    with pytest.raises(ClientError, match="us-west-2") as caught:
        boto(server, "kms", region="eu-west-1").list_keys()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"


def _answering(status: str, body: bytes) -> Any:
    def app(_environ: object, start: Any) -> list[bytes]:
        start(status, [("Content-Type", "text/html; charset=utf-8")])
        return [body]

    return app


def test_a_page_never_reaches_a_client(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mount = moto_mount.MotoMount()
    app = make_app({}, mount)
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=a/b/us-west-2/kms/aws4_request, SignedHeaders=h, Signature=0"
    }
    json_headers = {"Content_Type": "application/x-amz-json-1.1", "X_Amz_Target": "TrentService.X"}
    monkeypatch.setattr(mount, "_app", lambda _service: _answering("404 NOT FOUND", b"<html>"))
    status, _, body = call(app, "{}", **signed, **json_headers)
    assert (status, json.loads(body)["__type"]) == (400, "UnknownOperationException")

    def broken(_environ: object, _start: Any) -> list[bytes]:
        raise KeyError("a mistake of moto's")

    monkeypatch.setattr(mount, "_app", lambda _service: broken)
    with caplog.at_level(logging.ERROR):
        status, _, body = call(app, "{}", **signed, **json_headers)
    assert (status, json.loads(body)["__type"]) == (500, "InternalFailure")
    assert caplog.records
