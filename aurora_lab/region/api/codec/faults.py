"""How each AWS protocol writes an error, and what each calls the errors that are no service's own."""

from __future__ import annotations

import json
from enum import StrEnum
from xml.sax.saxutils import escape

from aurora_lab.region.api.codec.http import HttpRequest, HttpResponse, header_safe
from aurora_lab.region.api.errors import AwsError

XML = "text/xml"
SHOWN = 200
"""How much of a value that a client sent goes into a message."""


class Style(StrEnum):
    """A protocol's form of an error."""

    QUERY = "query"
    EC2 = "ec2"
    REST_XML = "rest-xml"
    JSON = "json"
    REST_JSON = "rest-json"
    CBOR = "smithy-rpc-v2-cbor"


JSON_NAMES = {
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "InvalidAction": "UnknownOperationException",
    "MalformedQueryString": "SerializationException",
    "AccessDenied": "AccessDeniedException",
}
"""The codes that travel under another name in the JSON protocols."""


def guess_style(request: HttpRequest) -> Style:
    """The protocol that a request is written in, told by its head alone."""
    kind = request.header("content-type").lower()
    if "rpc-v2-cbor" in request.header("smithy-protocol"):
        return Style.CBOR
    if request.header("x-amz-target"):
        return Style.JSON
    if "x-amz-json" in kind:
        return Style.JSON
    if "json" in kind:
        return Style.REST_JSON
    return Style.QUERY


def write_error(error: AwsError, style: Style, request_id: str, namespace: str = "") -> HttpResponse:
    """An error as a client of that protocol parses it."""
    headers = {"x-amzn-RequestId": request_id}
    if style in (Style.QUERY, Style.EC2, Style.REST_XML):
        return HttpResponse(
            error.status, _xml(error, style, request_id, namespace).encode(), {**headers, "Content-Type": XML}
        )
    code = JSON_NAMES.get(error.code, error.code)
    if style is Style.CBOR:
        body = b"\xa2" + b"".join(_cbor_text(t) for t in ("__type", code, "message", error.message))
        return HttpResponse(
            error.status,
            body,
            {**headers, "Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"},
        )
    document = {"__type": code, "message": error.message, **error.fields}
    if style is Style.REST_JSON:
        headers |= {"x-amzn-ErrorType": header_safe(code), "Content-Type": "application/json"}
    else:
        headers["Content-Type"] = "application/x-amz-json-1.1"
    return HttpResponse(error.status, json.dumps(document, default=str).encode(), headers)


def _xml(error: AwsError, style: Style, request_id: str, namespace: str) -> str:
    code = f"<Code>{xml_text(error.code)}</Code><Message>{xml_text(error.message)}</Message>"
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if style is Style.EC2:
        return (
            f"{start}<Response><Errors><Error>{code}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    if style is Style.REST_XML:
        return f"{start}<Error>{code}<RequestId>{request_id}</RequestId></Error>"
    kind = "Sender" if error.sender else "Receiver"
    more = "".join(f"<{name}>{xml_text(str(value))}</{name}>" for name, value in error.fields.items())
    space = f' xmlns="{xml_text(namespace)}"' if namespace else ""
    return (
        f"{start}<ErrorResponse{space}><Error><Type>{kind}</Type>{code}{more}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def xml_text(text: str) -> str:
    """Escape for XML. What XML 1.0 cannot hold becomes U+FFFD; a carriage return survives the parser."""
    if not text.isprintable():
        text = "".join(c if _in_xml(c) else "\ufffd" for c in text)
    return escape(text, {'"': "&quot;", "\r": "&#13;"})


def _in_xml(c: str) -> bool:
    return c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"


def shown(value: object) -> str:
    """A client's value as a message may repeat it."""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _cbor_text(text: str) -> bytes:
    data = text.encode()[:65535]
    return b"\x79" + len(data).to_bytes(2) + data
