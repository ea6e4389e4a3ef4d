"""HTTP messages as the codecs see them, read from and written to WSGI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from aurora_lab.region.api.errors import AwsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request."""

    method: str
    path: str
    """Percent-encoded, as the client sent it: an encoded slash is not a slash."""
    query: str
    """What follows the question mark, percent-encoded."""
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header's value, or the empty text."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def read_head(environ: WSGIEnvironment) -> HttpRequest:
    """The request without its body."""
    headers = {
        key[5:].replace("_", "-").lower(): str(value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-").lower()] = environ[key]
    return HttpRequest(
        environ["REQUEST_METHOD"], _raw_path(environ), environ.get("QUERY_STRING", ""), headers
    )


def _raw_path(environ: WSGIEnvironment) -> str:
    uri = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or "")
    scheme, separator, rest = uri.partition("://")
    if separator and scheme.isalpha():  # a proxy's form of a request: the whole URL
        uri = "/" + rest.partition("/")[2]
    path = uri.split("?", 1)[0].split("#", 1)[0]
    if path.startswith("/"):
        return path
    return quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/") or "/"


def read_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """The request's body. Raises AwsError where it is longer than `limit` bytes."""
    length = environ.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isascii() and length.isdigit() else 0
    if size > limit:
        raise AwsError(
            "RequestEntityTooLarge", f"The request's body has {size} bytes; at most {limit} are allowed.", 413
        )
    return environ["wsgi.input"].read(size) if size else b""


def write(response: HttpResponse, start: StartResponse, *, head: bool) -> list[bytes]:
    """Send a response through WSGI; without its body where the request was a HEAD."""
    body = b"" if head else response.body
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = [(name, header_safe(value)) for name, value in response.headers.items()]
    if not any(name.lower() == "content-length" for name in response.headers):
        headers.append(("Content-Length", str(len(body))))
    start(f"{response.status} {phrase}", headers)
    return [body] if body else []


def header_safe(value: Any) -> str:
    """A text that may stand in a header: nothing that ends a line, nothing outside Latin-1."""
    return "".join(c if " " <= c <= "~" or "\xa0" <= c <= "\xff" else "?" for c in str(value))


def unquote_strict(text: str) -> str:
    """Percent-decode. Raises ValueError where that is not UTF-8."""
    return unquote_to_bytes(text).decode("utf-8")


def split_query(query: str) -> Iterator[tuple[str, str]]:
    """Name and value of each field of a query string or form, still in its order.

    Raises ValueError where a field is not UTF-8 once it is decoded.
    """
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield unquote_strict(name.replace("+", " ")), unquote_strict(value.replace("+", " "))
