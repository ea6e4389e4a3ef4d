"""Errors of the AWS API: what a provider raises, and what every protocol knows how to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ServiceModel

from aurora_lab.region.api import models

LONGEST_MESSAGE = 1000


class AwsError(Exception):
    """An error as an AWS client reads it.

    `code` is what boto3 matches its exception classes by, `status` the HTTP status, `sender` whether the caller
    (and not the service) is at fault, `fields` the error's further members, where the model gives it any.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        sender: bool = True,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        if len(message) > LONGEST_MESSAGE:
            # Messages quote what was given, and what was given may be a megabyte.
            message = f"{message[:LONGEST_MESSAGE]}…"
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.sender = sender
        self.fields = dict(fields or {})


def fault(name: str, message: str, service: str = "rds", **fields: Any) -> AwsError:
    """A modelled error of `service`, by its shape's name or its code, ready to be raised.

    `fault("DBInstanceNotFoundFault", "...")` travels as `DBInstanceNotFound` with HTTP 404: both come from the
    model. Raises KeyError for an error that the service does not have.
    """
    shape = models.error_shapes(service)[name]
    known = shape.metadata.get("error", {})
    broken = bool(shape.metadata.get("fault"))
    status = int(known.get("httpStatusCode", 500 if broken else 400))
    sender = bool(known.get("senderFault", not broken))
    return AwsError(models.error_code(shape), message, status, sender=sender, fields=fields)


def modelled(service: ServiceModel, name: str, message: str, **fields: Any) -> AwsError:
    """`fault` for a caller that has the service's model at hand."""
    return fault(name, message, service.service_name, **fields)


def not_implemented(subject: str) -> AwsError:
    """AWS has this, the local region does not. HTTP 501: no SDK tries again."""
    return AwsError(
        "NotImplemented", f"{subject} is not implemented by this local Aurora region.", 501, sender=False
    )


def internal_failure(subject: str) -> AwsError:
    """The region itself failed; the cause is in its log."""
    return AwsError(
        "InternalFailure",
        f"The local Aurora region failed while it answered {subject}. Its log says why.",
        500,
        sender=False,
    )
