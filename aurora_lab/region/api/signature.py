"""Who a request is for: the SigV4 credential scope names Region and service, for every SDK alike.

The signature itself is not checked: the lab's keys are dummies and the port is this machine's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aurora_lab.region.api.codec.faults import shown
from aurora_lab.region.api.codec.http import HttpRequest
from aurora_lab.region.api.errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
REQUIRED = ("Credential", "Signature", "SignedHeaders")
TERM = "aws4_request"
NAME = re.compile(r"[a-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the credential scope says."""

    region: str
    """Empty where the old S3 signature was used, which names none."""
    service: str
    """The service's signing name: `monitoring` for CloudWatch."""


def read_scope(request: HttpRequest) -> Scope:
    """The scope of a request signed in its headers or, presigned, in its address.

    Raises AwsError MissingAuthenticationToken (403) or IncompleteSignature (400), as AWS does.
    """
    given = request.header("authorization").strip()
    query = dict(parse_qsl(request.query, keep_blank_values=True, errors="replace"))
    if given.startswith(ALGORITHM):
        return _from_header(given)
    # The old signature: the default of boto3 where it presigns an S3 address.
    if given.startswith("AWS ") or (not given and {"AWSAccessKeyId", "Signature"} <= query.keys()):
        return Scope("", "s3")
    if given:
        raise AwsError("IncompleteSignature", f"Authorization header must start with '{ALGORITHM}'.")
    if "X-Amz-Credential" in query:
        return _from_credential(query["X-Amz-Credential"])
    raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)


def _from_header(header: str) -> Scope:
    parts = {}
    for part in header[len(ALGORITHM) :].split(","):
        name, separator, value = part.strip().partition("=")
        if not separator:
            raise AwsError(
                "IncompleteSignature",
                f"'{shown(part.strip())}' not a valid key=value pair (missing equal-sign) in Authorization header.",
            )
        parts[name] = value
    missing = [name for name in REQUIRED if not parts.get(name)]
    if missing:
        raise AwsError(
            "IncompleteSignature",
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing),
        )
    return _from_credential(parts["Credential"])


def _from_credential(credential: str) -> Scope:
    steps = credential.split("/")
    if len(steps) != 5:
        raise AwsError(
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{shown(credential)}'",
        )
    _, _, region, service, term = steps
    if term != TERM:
        raise AwsError(
            "SignatureDoesNotMatch", f"Credential should be scoped with a valid terminator: '{TERM}'.", 403
        )
    if not NAME.fullmatch(service) or not NAME.fullmatch(region):
        raise AwsError(
            "SignatureDoesNotMatch", "Credential should be scoped to a valid Region and service.", 403
        )
    return Scope(region, service)
