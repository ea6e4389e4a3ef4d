"""A session on a real AWS account, opened on purpose; and what AWS's refusals mean, in one sentence each.

Two rules hold, whatever the environment says: the lab's dummy keys go nowhere but to the lab, and a real key goes
nowhere but to AWS.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
import botocore.session
from botocore import exceptions
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from aurora_lab.region.environment import inside
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, RegionInfo

REGION = "us-east-1"
"""The Region of the prices in the fact table."""
OF_THE_MACHINE = ("container-role", "iam-role")
"""Where botocore finds keys that nobody has chosen: it asks an address of the network, too."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
INVALID = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class RealAwsError(Exception):
    """Real AWS cannot be used, or something is left there; the message is one sentence that says what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the sentence."""
        return [str(self)]


class CredentialsError(RealAwsError):
    """There are no credentials, or none that AWS accepts."""


def real_session(profile: str | None, region: str, folder: str = "~/.aws") -> boto3.Session:
    """A session on AWS with the keys of `profile`. Raises RealAwsError, CredentialsError.

    Without a profile botocore looks as it always does: the shell's keys, `AWS_PROFILE`, then the profile `default`.
    Where the shell or kernel is the lab's, its keys and files are passed over: the profile `default` of `folder`.
    """
    lab = inside(os.environ)
    session = botocore.session.Session(profile=profile or ("default" if lab else None))
    if lab:
        session.set_config_variable("config_file", f"{folder}/config")
        session.set_config_variable("credentials_file", f"{folder}/credentials")
    # For every client of this session, also for those that botocore makes to get at the keys of a role.
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.set_config_variable("region", region)
    with in_one_sentence():
        _check_region(session, region)
        providers: Any = session.get_component("credential_provider")
        for name in OF_THE_MACHINE:
            providers.remove(name)
        found = session.get_credentials()
        if found is None:
            raise CredentialsError(
                f"There are no AWS credentials for {_named(profile)}: set some with `aws configure` "
                "in a shell of your own, or name another profile."
            )
        if not isinstance(found, RefreshableCredentials) and found.access_key == DUMMY_KEY:
            raise CredentialsError(
                f"The credentials for {_named(profile)} are the lab's dummy keys, which no AWS account has: "
                "name a profile of your own."
            )
    return boto3.Session(botocore_session=session)


def lab_session(info: RegionInfo) -> boto3.Session:
    """A session for the lab's own region in the place of AWS, with its dummy keys."""
    session = botocore.session.Session()
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.set_config_variable("region", info.region)
    session.set_credentials(DUMMY_KEY, DUMMY_SECRET)
    return boto3.Session(botocore_session=session)


def guard(session: boto3.Session, endpoint_url: str | None) -> None:
    """Dummy keys go to a region of this machine, and nothing else does. Raises RealAwsError."""
    found = session.get_credentials()
    dummy = not isinstance(found, RefreshableCredentials) and getattr(found, "access_key", "") == DUMMY_KEY
    if endpoint_url is None and dummy:
        raise RealAwsError("The lab's dummy keys are not sent to AWS: name a profile of your own.")
    if endpoint_url is not None and not (dummy and urlsplit(endpoint_url).hostname in LOOPBACK):
        raise RealAwsError(
            f"Keys of a real account are not sent to {endpoint_url}, nor anything of the lab to other machines."
        )


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Raise what botocore raises as RealAwsError or CredentialsError."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explained(error) from error


def explained(error: BotoCoreError | ClientError) -> RealAwsError:
    """What botocore's exception means to the person whose account it is."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, exceptions.ProfileNotFound):
        return CredentialsError(
            f"{_sentence(error)}: `aws configure list-profiles`, in a shell of your own, names those there are."
        )
    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError):
        return CredentialsError(
            f"Your sign-in has expired ({_sentence(error)}): sign in again with `aws sso login`."
        )
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError
        | exceptions.InvalidConfigError
        | exceptions.ConfigParseError,
    ):
        return CredentialsError(
            f"Your AWS credentials cannot be used ({_sentence(error)}): look at them with `aws configure list`."
        )
    return RealAwsError(
        f"AWS could not be reached ({_sentence(error)}): look at your network, and try again."
    )


def _refusal(error: ClientError) -> RealAwsError:
    found = error.response["Error"]
    code, message = found.get("Code", ""), " ".join(str(found.get("Message", "")).split()).rstrip(".")
    if code in EXPIRED:
        return CredentialsError(f"Your AWS credentials have expired ({code}): sign in again, or renew them.")
    if code in INVALID:
        return CredentialsError(
            f"AWS does not accept these credentials ({code}): renew them with `aws configure`, "
            "or enable the Region for your account if it is one of those that are off at first."
        )
    if code in DENIED:
        return RealAwsError(
            f"Your AWS user may not do {error.operation_name} ({code}): "
            f"ask the account's administrator for that permission, or name another profile. AWS says: {message}."
        )
    return RealAwsError(f"AWS refused {error.operation_name} ({code}): {message or 'without a reason'}.")


def _check_region(session: botocore.session.Session, region: str) -> None:
    there = session.get_available_regions("rds")
    if region not in there:
        near = difflib.get_close_matches(region, there, n=1)
        raise RealAwsError(
            f"There is no AWS Region {region!r} with RDS: "
            f"{f'did you mean {near[0]!r}?' if near else f'take {REGION!r}, whose prices the lessons know.'}"
        )


def _named(profile: str | None) -> str:
    return f"the profile {profile!r}" if profile else "this shell"


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
