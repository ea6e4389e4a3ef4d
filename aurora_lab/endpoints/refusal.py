"""Refusing a connection so that its person can read why: a PostgreSQL ErrorResponse, inside TLS for a TLS client.

The states (SQLSTATE) are chosen by what clients do with them. At 57P03 (cannot_connect_now) libpq goes on to
the next host of a list, and the AWS drivers take it for a failure of the network; both is right for an
instance that does not answer.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aurora_lab.endpoints.client_hello import MAX_BYTES
from aurora_lab.endpoints.names import parse
from aurora_lab.endpoints.opening import Gone, Opening, PlainStartup, Violation
from aurora_lab.endpoints.resolver import NoTargetError, UnknownNameError
from aurora_lab.endpoints.zone import Target

ALPN_PROTOCOL = "postgresql"

# A fatal alert decode_error (RFC 8446, 6): all that can be said to a client in the middle of a broken hello.
DECODE_ERROR_ALERT = bytes([21, 3, 1, 0, 2, 2, 50])


class Reason(StrEnum):
    """Why a connection was refused; the keys of the router's statistics."""

    NO_TLS = "no TLS"
    NO_SERVER_NAME = "no server name"
    UNKNOWN_NAME = "unknown name"
    NO_TARGET = "nothing behind the name"
    NOT_ACCEPTING = "instance not accepting connections"
    BACKEND_WITHOUT_TLS = "instance without TLS"
    PROTOCOL = "protocol violation"
    TOO_SLOW = "opening too slow"
    TOO_MANY = "too many connections"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused connection: the fields of PostgreSQL's ErrorResponse. The severity is always FATAL."""

    reason: Reason
    sqlstate: str
    message: str
    hint: str = ""

    def encode(self) -> bytes:
        """The ErrorResponse as it goes over the wire."""
        fields = {"S": "FATAL", "V": "FATAL", "C": self.sqlstate, "M": self.message, "H": self.hint}
        body = b"".join(
            kind.encode() + text.replace("\0", "").encode() + b"\0" for kind, text in fields.items() if text
        )
        return b"E" + (len(body) + 5).to_bytes(4, "big") + body + b"\0"


def no_tls(startup: PlainStartup, client: str) -> Refusal:
    """The client wants no TLS. The words are the server's own where TLS is forced (FACTS 3.27)."""
    user = startup.parameters.get("user", "")
    database = startup.parameters.get("database") or user
    return Refusal(
        Reason.NO_TLS,
        "28000",
        f'no pg_hba.conf entry for host "{client}", user "{user}", database "{database}", no encryption',
        "Connect with TLS: sslmode=verify-full, or at least sslmode=require. "
        "The TLS server name is also what leads to your instance.",
    )


def no_server_name() -> Refusal:
    """The client's TLS names no host (SNI): an address was given for a host, or the client is too old."""
    return Refusal(
        Reason.NO_SERVER_NAME,
        "08004",
        "unable to accept connection, sni was not received",
        "Use the endpoint's name as the host, not an IP address: "
        "host=NAME.cluster-ID.REGION.rds.amazonaws.com, as `aws rds describe-db-clusters` shows it "
        "(PGHOSTADDR may stay as it is). The client must send the server name: libpq 14 or later.",
    )


def unknown_name(error: UnknownNameError) -> Refusal:
    """No endpoint has this name. With real DNS the client itself would say so, in these words."""
    if error.existing:
        hint = "Check the name. These exist: " + ", ".join(error.existing) + "."
    else:
        hint = "This region has no endpoint yet. Create a cluster first: aws rds create-db-cluster."
    if parse(error.name) is None:
        hint = "An endpoint is named NAME.cluster-ID.REGION.rds.amazonaws.com. " + hint
    message = f'could not translate host name "{error.name}" to address: Name or service not known'
    return Refusal(Reason.UNKNOWN_NAME, "08001", message, hint)


def no_target(error: NoTargetError) -> Refusal:
    """The endpoint exists and no instance is behind it."""
    return Refusal(Reason.NO_TARGET, "57P03", f"no instance is behind {error.name} now: {error}")


def not_accepting(name: str, target: Target, trouble: str) -> Refusal:
    """The name led to an instance, and its server did not take the connection."""
    return Refusal(
        Reason.NOT_ACCEPTING,
        "57P03",
        f'the instance "{target.instance}" is not accepting connections: {trouble}',
        f"{name} led to this instance. After a failover or a restart an old answer may lead there "
        "for as long as the name's TTL. Try again.",
    )


def backend_without_tls(target: Target) -> Refusal:
    """The instance's server does not speak TLS."""
    return Refusal(
        Reason.BACKEND_WITHOUT_TLS,
        "08004",
        f'the instance "{target.instance}" does not support TLS',
        "Its server runs with ssl = off. Reboot the instance to have its configuration written again.",
    )


def protocol_violation(violation: Violation) -> Refusal:
    """The client does not speak PostgreSQL's protocol."""
    return Refusal(
        Reason.PROTOCOL,
        violation.sqlstate,
        violation.message,
        "This port speaks PostgreSQL's protocol. The region's HTTP address is a different one.",
    )


def too_slow(seconds: float) -> Refusal:
    """The client did not say in time what it wants."""
    return Refusal(
        Reason.TOO_SLOW, "08006", f"the connection was not opened within {seconds:g} seconds", "Try again."
    )


def too_many() -> Refusal:
    """The process has no file descriptor left for one more connection."""
    return Refusal(
        Reason.TOO_MANY,
        "53300",
        "sorry, too many clients already",
        "The router cannot open more files. Close connections, or raise the limit (ulimit -n) and "
        "start the region again.",
    )


class TlsRefusal:
    """The server's side of TLS for a connection that is refused. No I/O: bytes in, bytes out.

    The client is let through the handshake and its startup packet, and then gets the refusal: at that point
    every client reads, and nothing that it sent is left unread, which would turn the close into a reset.
    """

    def __init__(self, context: ssl.SSLContext, refusal: Refusal) -> None:
        self._refusal = refusal
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._opening = Opening()
        self._shaken = False
        self._received = 0
        self.done = False
        """Nothing more is to be received; what `receive` gave last is to be sent, then close."""

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the client; the bytes to send to it. Empty `data` is the end of its stream."""
        self._received += len(data)
        if not data or self._received > MAX_BYTES:
            self.done = True
            return b""
        self._incoming.write(data)
        try:
            self._step()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # the client does not trust the certificate, or broke TLS
            self.done = True
        return self._outgoing.read()

    def _step(self) -> None:
        if not self._shaken:
            self._tls.do_handshake()
            self._shaken = True
        while not self.done:
            data = self._tls.read(4096)
            self._opening.receive(data)
            if not data:
                self._opening.end()
            event = self._opening.next_event()
            if event is None:
                continue
            self.done = True
            if not isinstance(event, Gone):
                self._tls.write(self._refusal.encode())
            # Says goodbye; that the client's own goodbye is not there yet raises SSLWantReadError.
            self._tls.unwrap()


def refusal_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's TLS context from two PEM files, for `TlsRefusal`. Raises OSError where they cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # Direct TLS demands that the server agrees on the protocol.
    context.set_alpn_protocols([ALPN_PROTOCOL])
    # Nobody comes back to a refused session.
    context.num_tickets = 0
    return context
