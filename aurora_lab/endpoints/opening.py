"""How a client opens a connection to PostgreSQL, up to the point where the router knows what it wants. No I/O.

Theory
======

A client speaks first. Its first packet has no type byte, only a length of four bytes (which counts itself)
and a code of four bytes; or its first byte is 0x16, and TLS begins at once:

- SSLRequest: the client wants TLS. The answer is the one byte `S`, then TLS begins.
- GSSENCRequest: the client wants GSSAPI encryption. The answer is the one byte `N` (we have none), then the
  client goes on with SSLRequest or StartupMessage, on the same connection.
- StartupMessage: the client wants no TLS. Its code is the protocol's version, 3.x.
- CancelRequest: the client wants a running statement ended. It expects no answer but the connection's end.
- 0x16: direct TLS, `sslnegotiation=direct` of libpq 17 and later.

TLS begins with the ClientHello, in clear text. It holds the server name (SNI), by which the router finds the
instance. From there on the connection's bytes are none of the router's business.

Rules
-----

1. What is not in the table below is a violation, and ends the opening.
2. A client that was asked nothing waits for the answer to its request. Bytes that came together with an
   SSLRequest or GSSENCRequest were put in by someone in the middle (CVE-2021-23222): a violation.
3. Everything is bounded: a packet by PostgreSQL's own limit, a ClientHello by `client_hello.MAX_BYTES`.
4. A packet is refused at the first byte that shows it to be wrong; garbage is not waited for.
5. Once the opening is done, it stays as it is: `receive` changes nothing and `next_event` gives None.

How to use it: `receive(data)` what came from the client, `end()` at the end of the stream, then `next_event()`
until it gives None, which asks for more bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from aurora_lab.endpoints.client_hello import HANDSHAKE_RECORD, HelloReader, MalformedHelloError

PROTOCOL_VIOLATION = "08P01"
FEATURE_NOT_SUPPORTED = "0A000"

MAX_PACKET = 10_000
"""PostgreSQL's limit for a startup packet (MAX_STARTUP_PACKET_LENGTH), in bytes after the length."""
MAX_CANCEL = 4 + 4 + 4 + 256
"""A CancelRequest's longest form: length, code, process id, a key of protocol 3.2."""

CANCEL_CODE = (1234 << 16) | 5678
SSL_CODE = (1234 << 16) | 5679
GSSENC_CODE = (1234 << 16) | 5680

SSL_REQUEST = (8).to_bytes(4, "big") + SSL_CODE.to_bytes(4, "big")


class State(Enum):
    """Where the opening stands."""

    START = auto()
    """Nothing has come."""
    ASKED = auto()
    """GSSENCRequest was answered; it may not come again."""
    NEGOTIATED = auto()
    """SSLRequest was answered; a ClientHello must come."""
    DIRECT = auto()
    """The first byte was TLS's; the ClientHello is coming."""
    DONE = auto()


class Seen(Enum):
    """What the client sent."""

    SSL = auto()
    GSSENC = auto()
    STARTUP = auto()
    CANCEL = auto()
    TLS_BYTE = auto()
    HELLO = auto()


TRANSITIONS = {
    (State.START, Seen.SSL): State.NEGOTIATED,  #  answer S
    (State.START, Seen.GSSENC): State.ASKED,  #    answer N
    (State.START, Seen.TLS_BYTE): State.DIRECT,  # as the very first byte only
    (State.START, Seen.STARTUP): State.DONE,
    (State.START, Seen.CANCEL): State.DONE,
    (State.ASKED, Seen.SSL): State.NEGOTIATED,  #  answer S
    (State.ASKED, Seen.STARTUP): State.DONE,
    (State.ASKED, Seen.CANCEL): State.DONE,
    (State.NEGOTIATED, Seen.HELLO): State.DONE,
    (State.DIRECT, Seen.HELLO): State.DONE,
}

ANSWERS = {Seen.SSL: b"S", Seen.GSSENC: b"N"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Send these bytes to the client; the opening goes on."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TlsHello:
    """The client began TLS."""

    server_name: str | None
    """The host name that the client wants (SNI), as it wrote it; None without one."""
    protocols: tuple[str, ...]
    """The application protocols that the client offers (ALPN)."""
    direct: bool
    """TLS began without an SSLRequest."""
    data: bytes
    """All bytes of TLS so far, to be passed on as they are."""


@dataclass(frozen=True, slots=True)
class PlainStartup:
    """The client wants to go on without TLS."""

    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The client wants a statement ended; `packet` is to be passed on as it is."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Violation:
    """The client broke the protocol. `tls`: it was in the middle of TLS, where it can read no message."""

    message: str
    sqlstate: str = PROTOCOL_VIOLATION
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The client closed the connection before it said what it wants (a port check, for example)."""


Event = Answer | TlsHello | PlainStartup | CancelRequest | Violation | Gone


class _ViolationError(Exception):
    def __init__(self, message: str, sqlstate: str = PROTOCOL_VIOLATION, *, tls: bool = False) -> None:
        super().__init__(message)
        self.event = Violation(message, sqlstate, tls)


class Opening:
    """One connection's opening. Never raises, whatever the client sends."""

    def __init__(self) -> None:
        self.state = State.START
        self._packet = bytearray()
        self._hello = HelloReader()
        self._ended = False

    @property
    def buffered(self) -> int:
        """Bytes kept. Never more than `client_hello.MAX_BYTES` and what one `receive` brought."""
        return len(self._packet) + len(self._hello.data)

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self.state is not State.DONE:
            self._packet += data

    def end(self) -> None:
        """The client will send nothing more."""
        self._ended = True

    def next_event(self) -> Event | None:
        """What happened next, or None as long as more bytes are needed. After a last event always None."""
        if self.state is State.DONE:
            return None
        try:
            event = self._step()
        except _ViolationError as violation:
            event = violation.event
            self.state = State.DONE
        if event is None and self._ended:
            event = Gone()
            self.state = State.DONE
        if self.state is State.DONE:
            self._packet.clear()
            self._hello = HelloReader()
        return event

    def _step(self) -> Event | None:
        if self.state is State.START and self._packet[:1] == bytes([HANDSHAKE_RECORD]):
            self._advance(Seen.TLS_BYTE)
        if self.state in (State.NEGOTIATED, State.DIRECT):
            return self._read_hello()
        return self._read_packet()

    def _advance(self, seen: Seen) -> None:
        state = TRANSITIONS.get((self.state, seen))
        if state is None:
            raise _ViolationError(f"unexpected {seen.name} packet at the connection's start")
        self.state = state

    def _read_hello(self) -> Event | None:
        data, direct = bytes(self._packet), self.state is State.DIRECT
        self._packet.clear()
        try:
            hello = self._hello.receive(data)
        except MalformedHelloError as error:
            raise _ViolationError(str(error), tls=error.tls) from None
        if hello is None:
            return None
        self._advance(Seen.HELLO)
        return TlsHello(hello.server_name, hello.protocols, direct, bytes(self._hello.data))

    def _read_packet(self) -> Event | None:
        if (length := _packet_length(self._packet)) is None:
            return None
        code = int.from_bytes(self._packet[4:8], "big")
        if code in (SSL_CODE, GSSENC_CODE):
            return self._read_request(Seen.SSL if code == SSL_CODE else Seen.GSSENC, length)
        if code == CANCEL_CODE:
            if not 12 < length <= MAX_CANCEL:
                raise _ViolationError("invalid length of a cancel request")
        elif code >> 16 != 3:
            raise _ViolationError(
                f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: the servers speak 3.0",
                FEATURE_NOT_SUPPORTED,
            )
        if len(self._packet) < length:
            return None
        packet = bytes(self._packet[:length])
        if code == CANCEL_CODE:
            self._advance(Seen.CANCEL)
            return CancelRequest(packet)
        parameters = _read_parameters(packet)
        self._advance(Seen.STARTUP)
        return PlainStartup(parameters)

    def _read_request(self, seen: Seen, length: int) -> Event:
        if length != len(SSL_REQUEST):
            raise _ViolationError("invalid length of startup packet")
        self._advance(seen)
        if len(self._packet) > length:
            raise _ViolationError(f"received unencrypted data after {seen.name} request")
        self._packet.clear()
        return Answer(ANSWERS[seen])


def _packet_length(data: bytes | bytearray) -> int | None:
    """The length of the packet that `data` begins, or None as long as length and code are not whole.

    Raises _ViolationError, which `Opening` turns into an event, at the first byte that cannot be.
    """
    so_far = int.from_bytes(bytes(data[:4]).ljust(4, b"\0"), "big")
    if so_far > MAX_PACKET + 4 or (len(data) >= 4 and so_far < 8):
        raise _ViolationError("invalid length of startup packet")
    return so_far if len(data) >= 8 else None


def _read_parameters(packet: bytes) -> dict[str, str]:
    """The parameters of a StartupMessage (`user`, `database` …). Raises _ViolationError as above."""
    words = packet[8:].split(b"\0")
    # name \0 value \0 … \0: after the split, pairs and two empty words.
    if len(words) % 2 or words[-2:] != [b"", b""]:
        raise _ViolationError("invalid startup packet layout: expected terminator as last byte")
    texts = [word.decode("utf-8", "replace") for word in words[:-2]]
    return dict(zip(texts[::2], texts[1::2], strict=True))
