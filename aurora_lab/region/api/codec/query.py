"""The query protocol of RDS, STS and IAM: form fields in, XML out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape

from aurora_lab.region.api.codec.base import operation_or_none
from aurora_lab.region.api.codec.faults import XML, Style, shown, write_error, xml_text
from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse, split_query
from aurora_lab.region.api.codec.scalars import WANTED, NotOfTypeError, from_text, to_text
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.validation import InvalidInputError, Path, Problem

DEPTH = 12
"""Levels of a field's name that are looked at; no operation has as many."""

MAX_FIELDS = 10_000
"""Fields of one request; what a list of every parameter of a parameter group needs many times over."""

POSITION = re.compile(r"[1-9][0-9]{0,9}")


class Node:
    """A form field and the fields whose names continue its name."""

    __slots__ = ("children", "value")

    def __init__(self) -> None:
        self.value: str | None = None
        self.children: dict[str, Node] = {}


class QueryCodec:
    """The query protocol of one service."""

    body_limit = 1 << 20

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self.namespace = str(service.metadata.get("xmlNamespace", ""))

    def operation(self, request: HttpRequest) -> OperationModel:
        """Named by the field `Action`, for the one API version that `Version` may name."""
        if request.method not in ("GET", "POST"):
            raise AwsError(
                "MethodNotAllowed",
                f"The method {shown(request.method)} is not allowed: use POST or GET.",
                405,
            )
        fields = _fields(request)
        action, version = fields.get("Action"), fields.get("Version") or "NO_VERSION_SPECIFIED"
        if not action:
            raise AwsError("MissingAction", "The request must contain the parameter Action")
        found = operation_or_none(self.service, action)
        if found is None or version != self.service.api_version:
            raise AwsError(
                "InvalidAction", f"Could not find operation {shown(action)} for version {shown(version)}"
            )
        return found

    def parse(self, request: HttpRequest, operation: OperationModel) -> dict[str, Any]:
        """The parameters. Fields that the model does not know are ignored, as AWS ignores them."""
        if operation.input_shape is None:
            return {}
        return _structure(operation.input_shape, _tree(_fields(request)), ())

    def refuse(self, problems: Sequence[Problem], _operation: OperationModel) -> AwsError:
        """The first problem, as RDS words it."""
        problem = next((p for p in problems if p.rule == "required"), problems[0])
        name = _field_name(problem.path)
        if problem.rule == "required":
            return AwsError("MissingParameter", f"The request must contain the parameter {name}")
        return AwsError("InvalidParameterValue", _sentence(problem, name))

    def result(self, output: dict[str, Any], operation: OperationModel, request_id: str) -> HttpResponse:
        """The output in its wrapper, with the request's id."""
        name, shape = operation.name, operation.output_shape
        parts: list[str] = []
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
            _write_structure(parts, wrapper, shape, output)
        body = (
            f'<{name}Response xmlns="{xml_text(self.namespace)}">{"".join(parts)}'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
        )
        return HttpResponse(200, body.encode(), {"Content-Type": XML, "x-amzn-RequestId": request_id})

    def error(self, error: AwsError, request_id: str) -> HttpResponse:
        """An ErrorResponse."""
        return write_error(error, Style.QUERY, request_id, self.namespace)


def _fields(request: HttpRequest) -> Mapping[str, str]:
    """The form's and the query string's fields. Raises AwsError where they are not well formed."""
    found: dict[str, str] = {}
    if request.query.count("&") + request.body.count(b"&") > MAX_FIELDS:
        raise AwsError("MalformedQueryString", f"The request has more than {MAX_FIELDS} parameters.", 404)
    try:
        for source in (request.query, request.body.decode("utf-8")):
            for name, value in split_query(source):
                if name in found:
                    raise AwsError(
                        "MalformedQueryString", f"The parameter {shown(name)} is given more than once.", 404
                    )
                found[name] = value
    except ValueError as error:
        raise AwsError("MalformedQueryString", "The request is not a form in UTF-8.", 404) from error
    return found


def _tree(fields: Mapping[str, str]) -> Node:
    root = Node()
    for name, value in fields.items():
        if name.count(".") > DEPTH:
            continue
        node = root
        for step in name.split("."):
            node = node.children.setdefault(step, Node())
        node.value = value
    return root


def _value(shape: Any, node: Node, path: Path) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, node, path)
    if kind == "list":
        return _list(shape, node, path)
    if kind == "map":
        return _map(shape, node, path)
    if node.value is None:
        raise _not_of_type(shape, "a structure", path)
    try:
        return from_text(shape, node.value)
    except NotOfTypeError as error:
        raise _not_of_type(shape, node.value, path) from error


def _structure(shape: Any, node: Node, path: Path) -> dict[str, Any]:
    _only_children(shape, node, path)
    parsed = {}
    for name, member in shape.members.items():
        child = node.children.get(_wire_name(member, name))
        if child is not None:
            parsed[name] = _value(member, child, (*path, name))
    return parsed


def _list(shape: Any, node: Node, path: Path) -> list[Any]:
    _only_children(shape, node, path)
    flat = shape.serialization.get("flattened")
    # RDS names an item (`Tags.Tag.1`), its documentation mostly writes `Tags.member.1`: both are taken.
    item_name = shape.member.serialization.get("name", "member")
    holders = [node] if flat else [node.children[n] for n in {item_name, "member"} if n in node.children]
    items: dict[int, Node] = {}
    for holder in holders:
        for key, child in holder.children.items():
            if not POSITION.fullmatch(key) or int(key) in items:
                raise _not_of_type(shape, key, path)
            items[int(key)] = child
    if not items and node.children:
        raise _not_of_type(shape, next(iter(node.children)), path)
    # Positions need not follow each other; what counts is their order.
    return [_value(shape.member, items[at], (*path, at)) for at in sorted(items)]


def _map(shape: Any, node: Node, path: Path) -> dict[str, Any]:
    _only_children(shape, node, path)
    holder = node if shape.serialization.get("flattened") else node.children.get("entry", Node())
    key_name, value_name = _wire_name(shape.key, "key"), _wire_name(shape.value, "value")
    parsed = {}
    for position, entry in holder.children.items():
        key, value = entry.children.get(key_name), entry.children.get(value_name)
        if not POSITION.fullmatch(position) or key is None or value is None:
            raise _not_of_type(shape, position, path)
        name = _value(shape.key, key, (*path, "key"))
        parsed[name] = _value(shape.value, value, (*path, name))
    if not parsed and node.children:
        raise _not_of_type(shape, next(iter(node.children)), path)
    return parsed


def _only_children(shape: Shape, node: Node, path: Path) -> None:
    # An empty value is how a client says "empty list"; any other value is not a list or a structure.
    if node.value:
        raise _not_of_type(shape, node.value, path)


def _wire_name(shape: Shape, name: str) -> str:
    return str(shape.serialization.get("name", name))


def _not_of_type(shape: Any, value: str, path: Path) -> InvalidInputError:
    wanted = WANTED[shape.type_name]
    if shape.type_name == "list" and not shape.serialization.get("flattened"):
        name, item = _field_name(path), shape.member.serialization.get("name", "member")
        wanted = f"a list, as {name}.{item}.1, {name}.{item}.2"
    return InvalidInputError(Problem(path, "type", value, wanted))


def _field_name(path: Path) -> str:
    return ".".join(f"member.{step}" if isinstance(step, int) else step for step in path)


def _sentence(problem: Problem, name: str) -> str:
    value, low, high = shown(problem.value), problem.low, problem.high
    if low is not None and high is not None:
        bounds = f"between {low} and {high}"
    else:
        bounds = f"at least {low}" if low is not None else f"at most {high}"
    if problem.rule == "range":
        return f"Invalid value {value} for {name}. Must be {bounds}"
    if problem.rule == "length":
        if problem.value == "":
            return f"The parameter {name} must be provided and must not be blank."
        unit = "items" if isinstance(problem.value, list) else "characters"
        return f"Invalid length of the parameter {name}: {len(problem.value)} {unit}. Must be {bounds}"
    return f"Invalid value {value} for {name}. " + {
        "enum": f"Must be one of: {problem.wanted}",
        "pattern": f"Must match the pattern {problem.wanted}",
        "union": f"Must have exactly one of: {problem.wanted}",
        "marker": "Must be a marker that an earlier answer to this operation returned",
    }.get(problem.rule, f"Must be {problem.wanted}")


def _write(parts: list[str], name: str, shape: Any, value: Any) -> None:
    kind = shape.type_name
    if kind == "structure":
        _write_structure(parts, name, shape, value)
    elif kind == "list":
        _write_list(parts, name, shape, value)
    elif kind == "map":
        _write_map(parts, name, shape, value)
    else:
        parts.append(f"<{name}>{xml_text(to_text(shape, value))}</{name}>")


def _write_structure(parts: list[str], name: str, shape: Any, value: Mapping[str, Any]) -> None:
    parts.append(f"<{name}>")
    for key, member in shape.members.items():
        if (item := value.get(key)) is not None:
            _write(parts, _wire_name(member, key), member, item)
    parts.append(f"</{name}>")


def _write_list(parts: list[str], name: str, shape: Any, value: Sequence[Any]) -> None:
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"{name} must be a list, not {type(value).__name__}")
    if shape.serialization.get("flattened"):
        for item in value:
            _write(parts, shape.member.serialization.get("name", name), shape.member, item)
        return
    parts.append(f"<{name}>")
    for item in value:
        _write(parts, shape.member.serialization.get("name", "member"), shape.member, item)
    parts.append(f"</{name}>")


def _write_map(parts: list[str], name: str, shape: Any, value: Mapping[str, Any]) -> None:
    flat = shape.serialization.get("flattened")
    if not flat:
        parts.append(f"<{name}>")
    for key, item in value.items():
        parts.append(f"<{name}>" if flat else "<entry>")
        _write(parts, _wire_name(shape.key, "key"), shape.key, key)
        _write(parts, _wire_name(shape.value, "value"), shape.value, item)
        parts.append(f"</{name}>" if flat else "</entry>")
    if not flat:
        parts.append(f"</{name}>")
