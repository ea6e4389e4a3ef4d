"""One operation of one of the region's own services: from a request to a provider's method and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel

from aurora_lab.region.api.codec.base import Codec
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse
from aurora_lab.region.api.context import RequestContext
from aurora_lab.region.api.errors import not_implemented
from aurora_lab.region.api.models import service_model
from aurora_lab.region.api.pagination import Pages, pages_of
from aurora_lab.region.api.validation import InvalidInputError, validate

Method = Callable[..., dict[str, Any] | None]


def method_name(operation: str) -> str:
    """What a provider calls an operation: `describe_db_clusters`."""
    return xform_name(operation)


def answer(
    codec: Codec, provider: object, operation: OperationModel, request: HttpRequest, context: RequestContext
) -> HttpResponse:
    """Have the provider carry out an operation. Raises AwsError, and whatever the provider raises."""
    method: Method | None = getattr(provider, method_name(operation.name), None)
    if method is None:
        raise not_implemented(f"The operation {operation.name}")
    try:
        parameters = codec.parse(request, operation)
        validate(parameters, operation.input_shape)
        pages = _pages(context.service, operation.name, method)
        start, size = pages.window(parameters) if pages else (0, 0)
    except InvalidInputError as error:
        raise codec.refuse(error.problems, operation) from error
    if pages:
        parameters = {k: v for k, v in parameters.items() if k not in (pages.marker, pages.limit)}
    refuse_unknown(method, operation, parameters)
    output = method(context, **parameters) or {}
    if pages:
        output = pages.cut(output, start, size)
    return codec.result(output, operation, context.request_id)


def _pages(service: str, operation: str, method: Method) -> Pages | None:
    """How to page, unless the method names the marker among its parameters: then it does that itself."""
    pages = pages_of(service, operation)
    return None if pages and pages.marker in _accepted(method)[0] else pages


def refuse_unknown(method: Method, operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    """Say so where AWS knows a parameter that the provider's method does not, rather than ignore it."""
    names, more = _accepted(method)
    unknown = [] if more else [name for name in parameters if name not in names]
    if unknown:
        raise not_implemented(f"The parameter {unknown[0]} of {operation.name}")


def _accepted(method: Method) -> tuple[frozenset[str], bool]:
    return _signature(getattr(method, "__func__", method))


@lru_cache(maxsize=512)
def _signature(function: Method) -> tuple[frozenset[str], bool]:
    """The names of the parameters that may be given by keyword, and whether any other may too."""
    parameters = inspect.signature(function).parameters.values()
    names = frozenset(p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def provider_mistakes(service: str, provider: type) -> list[str]:
    """What does not fit between a provider's methods and the service's model; for the provider's tests."""
    model = service_model(service)
    operations = {method_name(name): model.operation_model(name) for name in model.operation_names}
    mistakes = []
    for name, function in inspect.getmembers(provider, inspect.isfunction):
        if name.startswith("_"):
            continue
        if name not in operations:
            mistakes.append(f"{name}: {service} has no such operation")
            continue
        shape: Any = operations[name].input_shape
        known, required = (set(shape.members), set(shape.required_members)) if shape else (set(), set())
        _, *parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            if parameter.name not in known:
                mistakes.append(f"{name}: {parameter.name} is not a parameter of the operation")
            elif parameter.default is parameter.empty and parameter.name not in required:
                mistakes.append(f"{name}: {parameter.name} needs a default, clients may leave it out")
    return mistakes
