"""The REST JSON protocol (DSQL, the Data API): parameters in path, query string, headers and a JSON body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from botocore.model import OperationModel, ServiceModel

from aurora_lab.region.api.codec.base import refuse_as_json
from aurora_lab.region.api.codec.documents import decode, encode, load
from aurora_lab.region.api.codec.faults import Style, shown, write_error
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse, split_query, unquote_strict
from aurora_lab.region.api.codec.scalars import WANTED, NotOfTypeError, from_text, to_text
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.validation import InvalidInputError, Path, Problem

LABEL = re.compile(r"\{(\w+)(\+?)\}")
ELSEWHERE = ("uri", "querystring", "header", "headers", "statusCode")
"""The locations of members that are not in the body."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation is found."""

    method: str
    path: re.Pattern[str]
    literals: int
    """Characters of the path that are given; of two routes that fit, the one with more is meant."""
    needs: frozenset[str]
    """Names that the query string must have."""
    operation: str


class RestJsonCodec:
    """The REST JSON protocol of one service."""

    body_limit = 4 << 20

    def __init__(self, service: ServiceModel) -> None:
        self.service = service

    @cached_property
    def routes(self) -> list[Route]:
        """Every operation's route, the most particular first."""
        routes = [self._route(name) for name in self.service.operation_names]
        return sorted(routes, key=lambda route: (len(route.needs), route.literals), reverse=True)

    def _route(self, name: str) -> Route:
        http = self.service.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern, end = "", 0
        for label in LABEL.finditer(path):
            pattern += re.escape(path[end : label.start()])
            pattern += f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
            end = label.end()
        pattern += re.escape(path[end:])
        return Route(
            http["method"],
            re.compile(pattern.rstrip("/") + "/?"),
            len(LABEL.sub("", path)),
            frozenset(parse_qs(query, keep_blank_values=True)),
            name,
        )

    def operation(self, request: HttpRequest) -> OperationModel:
        """Told by method and path."""
        for route, _ in self._matching(request):
            return self.service.operation_model(route.operation)
        raise AwsError(
            "InvalidAction", f"There is no operation {shown(request.method)} {shown(request.path)}.", 404
        )

    def _matching(self, request: HttpRequest) -> Iterator[tuple[Route, dict[str, str]]]:
        given = {part.partition("=")[0] for part in request.query.split("&")}
        for route in self.routes:
            if route.method == request.method and route.needs <= given:
                found = route.path.fullmatch(request.path)
                if found:
                    yield route, found.groupdict()

    def parse(self, request: HttpRequest, operation: OperationModel) -> dict[str, Any]:
        """The parameters, collected from where the model puts them."""
        shape: Any = operation.input_shape
        if shape is None:
            return {}
        labels = next(found for route, found in self._matching(request) if route.operation == operation.name)
        try:
            query = list(split_query(request.query))
            parts = {name: unquote_strict(text) for name, text in labels.items()}
        except ValueError as error:
            raise AwsError("MalformedQueryString", "The request's address is not in UTF-8.", 400) from error
        payload = shape.serialization.get("payload")
        parsed = self._body(request, shape, payload)
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            where = member.serialization.get("location")
            value: Any = None
            if where == "uri" and wire in parts:
                value = _scalar(member, parts[wire], (name,))
            elif where == "querystring":
                value = _from_query(member, [text for key, text in query if key == wire], query, (name,))
            elif where == "header" and wire.lower() in request.headers:
                value = _from_header(member, request.header(wire.lower()), (name,))
            elif where == "headers":
                value = {
                    key[len(wire) :]: text
                    for key, text in request.headers.items()
                    if key.startswith(wire.lower())
                }
            if value is not None and value != {}:
                parsed[name] = value
        return parsed

    def _body(self, request: HttpRequest, shape: Any, payload: str | None) -> dict[str, Any]:
        if payload is not None:
            member = shape.members[payload]
            if member.type_name in ("blob", "string"):
                body: Any = (
                    request.body if member.type_name == "blob" else request.body.decode("utf-8", "replace")
                )
                return {payload: body} if request.body else {}
            return {payload: decode(member, load(request.body), (payload,))} if request.body else {}
        document = load(request.body)
        if not isinstance(document, dict):
            raise InvalidInputError(Problem((), "type", document, WANTED["structure"]))
        parsed: dict[str, Any] = {}
        for name, member in shape.members.items():
            item = document.get(member.serialization.get("name", name))
            if item is not None and member.serialization.get("location") not in ELSEWHERE:
                parsed[name] = decode(member, item, (name,))
        return parsed

    def refuse(self, problems: Sequence[Problem], operation: OperationModel) -> AwsError:
        """A ValidationException or BadRequestException that lists the problems."""
        return refuse_as_json(problems, operation)

    def result(self, output: dict[str, Any], operation: OperationModel, request_id: str) -> HttpResponse:
        """The output, spread over status, headers and body as the model says."""
        status = int(operation.http.get("responseCode", 200))
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
        shape: Any = operation.output_shape
        if shape is None:
            return HttpResponse(status, b"{}", headers)
        body: dict[str, Any] = {}
        for name, member in shape.members.items():
            if (item := output.get(name)) is None:
                continue
            wire, where = member.serialization.get("name", name), member.serialization.get("location")
            if where == "header":
                headers[wire] = to_text(member, item, "rfc822")
            elif where == "headers":
                headers |= {f"{wire}{key}": str(text) for key, text in item.items()}
            elif where == "statusCode":
                status = int(item)
            else:
                body[wire] = encode(member, item)
        payload = shape.serialization.get("payload")
        if payload is not None:
            member, item = shape.members[payload], output.get(payload)
            if member.type_name in ("blob", "string"):
                data = item if isinstance(item, bytes) else str(item or "").encode()
                return HttpResponse(status, data, headers)
            return HttpResponse(
                status, json.dumps(encode(member, item or {}), allow_nan=False).encode(), headers
            )
        return HttpResponse(status, json.dumps(body, allow_nan=False).encode(), headers)

    def error(self, error: AwsError, request_id: str) -> HttpResponse:
        """The error's code in a header."""
        return write_error(error, Style.REST_JSON, request_id)


def _scalar(shape: Any, text: str, path: Path, time_format: str = "iso8601") -> Any:
    try:
        return from_text(shape, text, time_format)
    except NotOfTypeError as error:
        raise InvalidInputError(Problem(path, "type", text, WANTED[shape.type_name])) from error


def _from_query(shape: Any, values: list[str], query: list[tuple[str, str]], path: Path) -> Any:
    if shape.type_name == "map":
        return dict(query) or None
    if not values:
        return None
    if shape.type_name == "list":
        return [_scalar(shape.member, text, (*path, at)) for at, text in enumerate(values, start=1)]
    return _scalar(shape, values[0], path)


def _from_header(shape: Any, text: str, path: Path) -> Any:
    if shape.type_name == "list":
        items = enumerate(text.split(","), start=1)
        return [_scalar(shape.member, item.strip(), (*path, at)) for at, item in items]
    return _scalar(shape, text, path, "rfc822")
