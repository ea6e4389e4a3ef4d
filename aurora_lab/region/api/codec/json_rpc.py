"""The JSON 1.0 and 1.1 protocols (Application Auto Scaling): the operation in a header, JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.model import OperationModel, ServiceModel

from aurora_lab.region.api.codec.base import operation_or_none, refuse_as_json
from aurora_lab.region.api.codec.documents import decode, encode, load
from aurora_lab.region.api.codec.faults import Style, shown, write_error
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.validation import Problem


class JsonCodec:
    """The JSON protocol of one service."""

    body_limit = 4 << 20

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self.prefix = str(service.metadata.get("targetPrefix", ""))
        self.content_type = f"application/x-amz-json-{service.metadata.get('jsonVersion', '1.0')}"

    def operation(self, request: HttpRequest) -> OperationModel:
        """Named by the header X-Amz-Target, as `Prefix.Operation`."""
        if request.method != "POST":
            raise AwsError(
                "MethodNotAllowed", f"The method {shown(request.method)} is not allowed: use POST.", 405
            )
        target = request.header("x-amz-target")
        prefix, _, name = target.rpartition(".")
        found = operation_or_none(self.service, name)
        if found is None or prefix != self.prefix:
            raise AwsError("InvalidAction", f"There is no operation {shown(target)}.")
        return found

    def parse(self, request: HttpRequest, operation: OperationModel) -> dict[str, Any]:
        """The parameters. Members that the model does not know are ignored."""
        document = load(request.body)
        if operation.input_shape is None:
            return {}
        parameters: dict[str, Any] = decode(operation.input_shape, document)
        return parameters

    def refuse(self, problems: Sequence[Problem], operation: OperationModel) -> AwsError:
        """A ValidationException that lists the problems."""
        return refuse_as_json(problems, operation)

    def result(self, output: dict[str, Any], operation: OperationModel, request_id: str) -> HttpResponse:
        """The output as JSON."""
        shape = operation.output_shape
        document = {} if shape is None else encode(shape, output)
        headers = {"Content-Type": self.content_type, "x-amzn-RequestId": request_id}
        return HttpResponse(200, json.dumps(document, allow_nan=False).encode(), headers)

    def error(self, error: AwsError, request_id: str) -> HttpResponse:
        """The error's code in `__type`."""
        return write_error(error, Style.JSON, request_id)
