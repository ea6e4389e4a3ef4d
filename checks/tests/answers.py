"""Sending a request byte for byte, and judging what comes back: an AWS client must be able to read it."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Case:
    """One request, byte for byte."""

    what: str
    data: bytes
    whole: bool = True
    """Whether it is a complete request: one that is not may be left without an answer."""
    head: bool = False


def send(host: str, port: int, case: Case, seconds: float = ANSWER_SECONDS) -> bytes:
    """The bytes that came back until the server closed; raises TimeoutError where it does not."""
    answer = b""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        try:
            connection.sendall(case.data)
            with contextlib.suppress(
                OSError
            ):  # it may have closed already, and what it said waits to be read
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # it closed while there was more to read; what it said before that counts
    return answer


def split_answer(data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the last answer."""
    while data.startswith(b"HTTP/1.1 100"):
        data = data.partition(b"\r\n\r\n")[2]
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in headers:
        body = body[: int(headers["content-length"])]
    return int(first.split()[1]), headers, body


def complaint(case: Case, data: bytes) -> str | None:
    """What is wrong with an answer; None where it is a success or an AWS error that a client can read."""
    if not data:
        return "no answer" if case.whole else None
    try:
        status, _, body = split_answer(data)
    except (ValueError, IndexError):
        return f"not HTTP: {data[:80]!r}"
    if case.head or case.data.startswith(b"HEAD"):
        return None if status < 500 else f"HTTP {status}"
    try:
        code, message = _error(body) if status >= 400 else _success(body)
    except (ValueError, ElementTree.ParseError, KeyError, AttributeError) as error:
        return f"HTTP {status}, not readable ({type(error).__name__}): {body[:200]!r}"
    if status >= 400 and not (code and message and len(message) < 5000):
        return f"HTTP {status} with code {code!r} and message {message[:200]!r}"
    broken = status >= 500 and (status, code) != (501, "NotImplemented")
    return f"HTTP {status} {code}: {message}" if broken else None


def _error(body: bytes) -> tuple[str, str]:
    if body.startswith(b"{"):
        document: dict[str, Any] = json.loads(body)
        return document["__type"], document["message"]
    root = ElementTree.fromstring(body)
    found = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}
    return found["Code"], found["Message"]


def _success(body: bytes) -> tuple[str, str]:
    if body.startswith(b"{"):
        json.loads(body)
    else:
        ElementTree.fromstring(body)
    return "", ""
