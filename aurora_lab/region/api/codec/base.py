"""What the application asks of a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from botocore.model import OperationModel, ServiceModel, Shape

from aurora_lab.region.api.codec.faults import shown
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse
from aurora_lab.region.api.errors import AwsError, fault
from aurora_lab.region.api.models import error_code
from aurora_lab.region.api.validation import Path, Problem


class Codec(Protocol):
    """One service's protocol."""

    body_limit: int
    """Bytes of a request's body, at most."""

    def operation(self, request: HttpRequest) -> OperationModel:
        """The operation that a request asks for. Raises AwsError where there is none."""
        ...

    def parse(self, request: HttpRequest, operation: OperationModel) -> dict[str, Any]:
        """The operation's parameters, each of its type. Raises AwsError and InvalidInputError."""
        ...

    def refuse(self, problems: Sequence[Problem], operation: OperationModel) -> AwsError:
        """The error that says what is wrong with the parameters."""
        ...

    def result(self, output: dict[str, Any], operation: OperationModel, request_id: str) -> HttpResponse:
        """The response that carries an operation's output."""
        ...

    def error(self, error: AwsError, request_id: str) -> HttpResponse:
        """The response that carries an error."""
        ...


def operation_or_none(service: ServiceModel, name: str) -> OperationModel | None:
    """The operation of that name."""
    return service.operation_model(name) if name in service.operation_names else None


def refuse_as_json(problems: Sequence[Problem], operation: OperationModel) -> AwsError:
    """The validation error of the JSON protocols: every problem, in the words that AWS uses there."""
    marker = next((p for p in problems if p.rule == "marker"), None)
    modelled = {error_code(shape): shape for shape in operation.error_shapes}
    service = operation.service_model.service_name
    if marker is not None and "InvalidNextTokenException" in modelled:
        return fault(
            "InvalidNextTokenException", "The next token is not one that this operation returned.", service
        )
    count = len(problems)
    message = f"{count} validation error{'s' if count > 1 else ''} detected: " + "; ".join(
        f"Value {_value(p)} at '{_coral_path(p.path)}' failed to satisfy constraint: {_constraint(p)}"
        for p in problems[:10]
    )
    for code in ("ValidationException", "BadRequestException"):
        if code in modelled:
            return fault(code, message, service, **_reason(modelled[code]))
    return AwsError("ValidationException", message)


def _reason(shape: Shape) -> dict[str, str]:
    # Some services' ValidationException must say why, from a list.
    members = getattr(shape, "members", {})
    return {"reason": "fieldValidationFailed"} if "reason" in members else {}


def _value(problem: Problem) -> str:
    return "null" if problem.rule == "required" else f"'{shown(problem.value)}'"


def _coral_path(path: Path) -> str:
    steps = []
    for step in path:
        steps += [str(step), "member"] if isinstance(step, int) else [step[:1].lower() + step[1:]]
    return ".".join(steps)


def _constraint(problem: Problem) -> str:
    low, high = problem.low, problem.high
    bounds = {
        "range": ("value greater than or equal to", "value less than or equal to"),
        "length": ("length greater than or equal to", "length less than or equal to"),
    }
    if problem.rule in bounds:
        lower, upper = bounds[problem.rule]
        texts = [f"Member must have {lower} {low}"] if low is not None else []
        return ", ".join(texts + ([f"Member must have {upper} {high}"] if high is not None else []))
    return {
        "required": "Member must not be null",
        "enum": f"Member must satisfy enum value set: [{problem.wanted}]",
        "pattern": f"Member must satisfy regular expression pattern: {problem.wanted}",
        "union": f"Exactly one of these members must be set: {problem.wanted}",
        "marker": "Member must be a token that this operation returned",
    }.get(problem.rule, f"Member must be {problem.wanted}")
