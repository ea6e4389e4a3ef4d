"""Reading a TLS ClientHello: the server name (SNI) and the application protocols (ALPN). No I/O.

A ClientHello is one handshake message; it may lie in several records, cut at any byte (RFC 8446, 5.1). Only
what the router needs is read. What is outside TLS's grammar is refused, and everything is bounded: a record
by the protocol, a message by `MAX_HELLO`, and the bytes kept by `MAX_BYTES`.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_HELLO = 32 * 1024
"""Longest ClientHello taken, in bytes. Real ones have 0.3 to 3 KB."""
MAX_BYTES = 64 * 1024
"""Most bytes kept while waiting for the message's end; records of one byte each would take six times theirs."""

HANDSHAKE_RECORD = 22
CLIENT_HELLO = 1
SERVER_NAME = 0
ALPN = 16

_RECORD_HEADER = 5
_MAX_RECORD = 16 * 1024
_MESSAGE_HEADER = 4


class MalformedHelloError(Exception):
    """The bytes are no ClientHello. `tls` says whether they are at least TLS records."""

    def __init__(self, message: str, *, tls: bool = True) -> None:
        super().__init__(message)
        self.tls = tls


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What the router reads in a ClientHello."""

    server_name: str | None
    protocols: tuple[str, ...]


class HelloReader:
    """Collects bytes until they hold a whole ClientHello.

    Each byte is looked at once, however small the pieces are in which the bytes come.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self._next_record = 0
        self._message = bytearray()

    def receive(self, data: bytes) -> ClientHello | None:
        """Take more bytes; the ClientHello when it is whole, else None. Raises MalformedHelloError."""
        self.data += data
        while (end := self._record_end()) is not None:
            self._message += self.data[self._next_record + _RECORD_HEADER : end]
            self._next_record = end
            if (length := self._message_length()) is not None and len(self._message) >= length:
                return read_hello(bytes(self._message[_MESSAGE_HEADER:length]))
        if len(self.data) > MAX_BYTES:
            raise MalformedHelloError("the TLS ClientHello is too long")
        return None

    def _record_end(self) -> int | None:
        """Where the next record ends, or None as long as it is not whole."""
        header = self.data[self._next_record : self._next_record + _RECORD_HEADER]
        if (header[:1] and header[0] != HANDSHAKE_RECORD) or (header[1:2] and header[1] != 3):
            raise MalformedHelloError("expected a TLS handshake record", tls=self._next_record > 0)
        if len(header) < _RECORD_HEADER:
            return None
        length = int.from_bytes(header[3:], "big")
        if not 0 < length <= _MAX_RECORD:
            raise MalformedHelloError(f"a TLS handshake record of {length} bytes")
        end = self._next_record + _RECORD_HEADER + length
        return end if end <= len(self.data) else None

    def _message_length(self) -> int | None:
        """Bytes of the message with its header, or None as long as the header is not whole."""
        if self._message[0] != CLIENT_HELLO:
            raise MalformedHelloError("the TLS handshake does not begin with a ClientHello")
        if len(self._message) < _MESSAGE_HEADER:
            return None
        length = _MESSAGE_HEADER + int.from_bytes(self._message[1:_MESSAGE_HEADER], "big")
        if length > MAX_HELLO:
            raise MalformedHelloError(f"a TLS ClientHello of {length} bytes")
        return length


def read_hello(body: bytes) -> ClientHello:
    """Read a ClientHello's body (what follows the message's header). Raises MalformedHelloError."""
    hello = _Cursor(body)
    hello.take(2 + 32)  # legacy version, random
    hello.vector(1)  # session id
    hello.vector(2)  # cipher suites
    hello.vector(1)  # compression methods
    server_name: str | None = None
    protocols: tuple[str, ...] = ()
    if hello.more():  # before TLS 1.3 the extensions may be missing
        extensions = _Cursor(hello.vector(2))
        while extensions.more():
            kind, content = extensions.number(2), _Cursor(extensions.vector(2))
            if kind == SERVER_NAME:
                server_name = _server_name(content)
            elif kind == ALPN:
                protocols = _protocols(content)
    return ClientHello(server_name, protocols)


def _server_name(content: _Cursor) -> str | None:
    names = _Cursor(content.vector(2))
    while names.more():
        kind, name = names.number(1), names.vector(2)
        if kind == 0:  # host_name, the only kind there is
            # The name comes back in messages, so nothing but visible ASCII may be in it.
            if not 0 < len(name) <= 255 or not all(0x21 <= byte <= 0x7E for byte in name):
                raise MalformedHelloError("the TLS server name is no host name")
            return name.decode("ascii")
    return None


def _protocols(content: _Cursor) -> tuple[str, ...]:
    names = _Cursor(content.vector(2))
    protocols = []
    while names.more():
        protocols.append(names.vector(1).decode("latin-1"))
    return tuple(protocols)


class _Cursor:
    """Reads numbers and length-prefixed vectors from bytes, and never past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise MalformedHelloError("a TLS ClientHello that ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))
