"""Openings as clients send them, and as they should not."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from functools import cache

from aurora_lab.endpoints.opening import CANCEL_CODE, GSSENC_CODE, SSL_CODE

HOST = "shop.cluster-c7tj4example.us-west-2.rds.amazonaws.com"


def packet(code: int, body: bytes = b"") -> bytes:
    """A packet of the start of a connection."""
    return (8 + len(body)).to_bytes(4, "big") + code.to_bytes(4, "big") + body


SSL_REQUEST = packet(SSL_CODE)
GSSENC_REQUEST = packet(GSSENC_CODE)
CANCEL = packet(CANCEL_CODE, bytes(range(8)))
STARTUP = packet(3 << 16, b"user\0teacher\0database\0postgres\0options\0\0\0")


@cache
def openssl_hello(name: str | None = HOST, protocols: tuple[str, ...] = ("postgresql",)) -> bytes:
    """A ClientHello as OpenSSL makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake without a server")


def record(message: bytes, kind: int = 22) -> bytes:
    """A TLS record."""
    return bytes([kind, 3, 1]) + len(message).to_bytes(2, "big") + message


def in_records(hello: bytes, size: int) -> bytes:
    """The same ClientHello in records of at most `size` bytes."""
    message = hello[5:]
    return b"".join(record(message[start : start + size]) for start in range(0, len(message), size))


def extension(kind: int, content: bytes) -> bytes:
    """One extension of a ClientHello."""
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def server_name(name: bytes, kind: int = 0) -> bytes:
    """The extension with the server's name."""
    entry = bytes([kind]) + len(name).to_bytes(2, "big") + name
    return extension(0, len(entry).to_bytes(2, "big") + entry)


def made_hello(extensions: bytes | None, padding: int = 0) -> bytes:
    """A ClientHello message of the test's own, without its record."""
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    if padding:
        extensions = (extensions or b"") + extension(21, bytes(padding))
    if extensions is not None:
        body += len(extensions).to_bytes(2, "big") + extensions
    return b"\1" + len(body).to_bytes(3, "big") + body


def pieces(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """`data` cut at random."""
    at = 0
    while at < len(data):
        size = rng.choice((1, 2, 7, 64, 500, 5000))
        yield data[at : at + size]
        at += size
