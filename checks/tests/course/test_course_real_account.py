"""A session on a real account is opened on purpose, takes nothing of the lab, and says in a sentence what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from aurora_lab.course.real_account import CredentialsError, RealAwsError, explained, real_session
from aurora_lab.course.real_aws import RealAws, in_place_of_aws
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, RegionInfo
from lab_surroundings import LAB, REAL_KEY, lab_shell, plain_shell, write_profiles
from no_way_out import no_way_out

AWS = "amazonaws.com"


@pytest.fixture(autouse=True)
def tried() -> Iterator[list[str]]:
    """What a test tried to reach on other machines. Nothing gets there."""
    with no_way_out() as hosts:
        yield hosts


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of profiles, and a shell of the lab."""
    lab_shell(monkeypatch, tmp_path)
    return write_profiles(tmp_path / "mine")


def test_the_guard_holds_back_what_leaves_this_machine(tried: list[str]) -> None:
    with pytest.raises(OSError, match="holds back"):
        socket.create_connection((f"rds.us-east-1.{AWS}", 443), timeout=1)
    with pytest.raises(OSError, match="holds back"), socket.socket() as plain:
        plain.connect(("192.0.2.1", 443))
    assert tried == [f"rds.us-east-1.{AWS}", "192.0.2.1"]


def test_a_real_session_takes_nothing_of_the_lab(profiles: str, tried: list[str]) -> None:
    account = RealAws(real_session("mine", "us-east-1", profiles))
    assert account.rds.meta.endpoint_url == f"https://rds.us-east-1.{AWS}"
    assert account.rds._get_credentials().access_key == REAL_KEY
    with pytest.raises(RealAwsError, match="AWS could not be reached"):
        account.caller()
    assert set(tried) == {f"sts.us-east-1.{AWS}"}, "neither the lab's endpoint nor the profile's"


def test_the_keys_of_a_role_are_not_asked_of_the_lab(profiles: str, tried: list[str]) -> None:
    account = RealAws(real_session("role", "us-east-1", profiles))
    with pytest.raises(RealAwsError, match="AWS could not be reached"):
        account.caller()
    assert tried
    assert all(host.startswith("sts.") and host.endswith(AWS) for host in tried)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bare", r"no AWS credentials for the profile 'bare'.*aws configure"),
        ("unknown", r"unknown.*could not be found.*list-profiles"),
        ("dummy", "the lab's dummy keys"),
        (None, r"default.*could not be found"),
    ],
)
def test_a_profile_that_will_not_do_is_named(
    profiles: str, name: str | None, says: str, tried: list[str]
) -> None:
    with pytest.raises(CredentialsError, match=says):
        real_session(name, "us-east-1", profiles)
    assert tried == []


def test_in_a_shell_of_ones_own_its_keys_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_shell(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REAL_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    found = real_session(None, "us-east-1").get_credentials()
    assert found.access_key == REAL_KEY


def test_a_role_of_the_machine_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: list[str]
) -> None:
    plain_shell(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/keys")
    with pytest.raises(CredentialsError, match="no AWS credentials for this shell"):
        real_session(None, "us-east-1")
    assert tried == []


@pytest.mark.parametrize(
    ("key", "secret", "url"),
    [
        (DUMMY_KEY, DUMMY_SECRET, None),
        (DUMMY_KEY, DUMMY_SECRET, "http://192.0.2.1:9"),
        (DUMMY_KEY, DUMMY_SECRET, f"https://rds.us-east-1.{AWS}"),
        (REAL_KEY, "real", LAB),
    ],
)
def test_dummy_keys_go_to_the_lab_and_real_keys_to_aws(key: str, secret: str, url: str | None) -> None:
    session = boto3.Session(key, secret, region_name="us-east-1")
    with pytest.raises(RealAwsError, match="not sent to"):
        RealAws(session, url)


def test_the_lab_in_the_place_of_aws_gets_dummy_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_shell(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REAL_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    account = in_place_of_aws(RegionInfo(1, 9, "127.0.0.1", 5432, "", "us-west-2", "embedded"))
    assert account.rds.meta.endpoint_url == LAB
    assert account.rds._get_credentials().access_key == DUMMY_KEY


@pytest.mark.parametrize(
    ("region", "says"),
    [("us-east1", "did you mean 'us-east-1'"), ("atlantis", "take 'us-east-1'"), ("", "take 'us-east-1'")],
)
def test_a_region_that_is_none_is_said(profiles: str, region: str, says: str) -> None:
    with pytest.raises(RealAwsError, match=says):
        real_session("mine", region, profiles)


def refusal(code: str, message: str = "No.") -> ClientError:
    """What a client raises for AWS's answer."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeDBClusters")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (refusal("ExpiredToken"), CredentialsError, r"expired \(ExpiredToken\): sign in again"),
        (refusal("InvalidClientTokenId"), CredentialsError, "does not accept these credentials"),
        (
            refusal("AccessDenied", "User x is\n not."),
            RealAwsError,
            "may not do DescribeDBClusters.*User x is not",
        ),
        (refusal("Throttling"), RealAwsError, r"AWS refused DescribeDBClusters \(Throttling\): No\."),
        (exceptions.ProfileNotFound(profile="x"), CredentialsError, "list-profiles"),
        (exceptions.SSOTokenLoadError(error_msg="old"), CredentialsError, "aws sso login"),
        (exceptions.UnauthorizedSSOTokenError(), CredentialsError, "aws sso login"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="secret"),
            CredentialsError,
            "aws configure list",
        ),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), RealAwsError, "look at your network"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_each_refusal_is_one_sentence(
    error: BotoCoreError | ClientError, kind: type[RealAwsError], says: str
) -> None:
    found = explained(error)
    assert type(found) is kind
    with pytest.raises(kind, match=says):
        raise found
    assert "\n" not in str(found)
    assert found._render_traceback_() == [str(found)]
