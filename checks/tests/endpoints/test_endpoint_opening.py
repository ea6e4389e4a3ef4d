"""The parser of a connection's opening, without any I/O."""

from __future__ import annotations

import random

import pytest
from hellos import (
    CANCEL,
    GSSENC_REQUEST,
    HOST,
    SSL_REQUEST,
    STARTUP,
    extension,
    in_records,
    made_hello,
    openssl_hello,
    packet,
    pieces,
    record,
    server_name,
)

from aurora_lab.endpoints import opening as module
from aurora_lab.endpoints.client_hello import MAX_BYTES, MAX_HELLO
from aurora_lab.endpoints.opening import (
    TRANSITIONS,
    Answer,
    CancelRequest,
    Event,
    Gone,
    Opening,
    PlainStartup,
    Seen,
    State,
    TlsHello,
    Violation,
)


def events(*received: bytes, end: bool = False) -> list[Event]:
    """What an opening says to these bytes, each received once all before it was answered."""
    opening, found = Opening(), []
    for data in received:
        opening.receive(data)
        while (event := opening.next_event()) is not None:
            found.append(event)
    if end:
        opening.end()
        while (event := opening.next_event()) is not None:
            found.append(event)
    return found


def violation(*received: bytes) -> Violation:
    """The violation that these bytes end in."""
    last = events(*received)[-1]
    assert isinstance(last, Violation), last
    return last


def test_tls_after_an_ssl_request() -> None:
    hello = openssl_hello()
    assert events(SSL_REQUEST, hello) == [Answer(b"S"), TlsHello(HOST, ("postgresql",), False, hello)]


def test_gssapi_is_declined_and_the_opening_goes_on() -> None:
    hello = openssl_hello(protocols=())
    assert events(GSSENC_REQUEST, SSL_REQUEST, hello) == [
        Answer(b"N"),
        Answer(b"S"),
        TlsHello(HOST, (), False, hello),
    ]
    assert isinstance(events(GSSENC_REQUEST, STARTUP)[-1], PlainStartup)
    assert isinstance(events(GSSENC_REQUEST, CANCEL)[-1], CancelRequest)


def test_direct_tls() -> None:
    hello = openssl_hello()
    assert events(hello) == [TlsHello(HOST, ("postgresql",), True, hello)]


def test_a_hello_without_a_server_name() -> None:
    assert events(SSL_REQUEST, openssl_hello(name=None)) == [
        Answer(b"S"),
        TlsHello(None, ("postgresql",), False, openssl_hello(name=None)),
    ]
    # Before TLS 1.3 a hello may have no extensions at all; and a list of names may have no host name in it.
    for message in (made_hello(None), made_hello(b""), made_hello(server_name(b"x", kind=7))):
        last = events(SSL_REQUEST, record(message))[-1]
        assert isinstance(last, TlsHello)
        assert last.server_name is None


def test_a_startup_without_tls() -> None:
    expected = PlainStartup({"user": "teacher", "database": "postgres", "options": ""})
    assert events(STARTUP) == [expected]
    assert events(packet(3 << 16 | 2, b"\0")) == [PlainStartup({})]
    strange = events(packet(3 << 16, b"user\0\xff\0\0"))
    assert strange == [PlainStartup({"user": "\ufffd"})]


def test_a_cancel_request() -> None:
    assert events(CANCEL) == [CancelRequest(CANCEL)]
    # Keys of protocol 3.2 have up to 256 bytes.
    long = packet(module.CANCEL_CODE, bytes(260))
    assert events(long) == [CancelRequest(long)]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_hello_in_several_records(size: int) -> None:
    hello = in_records(openssl_hello(), size)
    assert events(SSL_REQUEST, hello)[-1] == TlsHello(HOST, ("postgresql",), False, hello)


@pytest.mark.parametrize("direct", [True, False])
def test_bytes_come_in_any_pieces(direct: bool) -> None:
    rng = random.Random(11)
    hello = in_records(openssl_hello(), 50)
    begin = [] if direct else list(SSL_REQUEST)
    single = [bytes([byte]) for byte in (*begin, *hello)]
    assert events(*single)[-1] == TlsHello(HOST, ("postgresql",), direct, hello)
    cut = [*(bytes([byte]) for byte in begin), *pieces(hello, rng)]
    assert events(*cut)[-1] == TlsHello(HOST, ("postgresql",), direct, hello)


def test_what_follows_the_hello_is_passed_on_with_it() -> None:
    data = openssl_hello() + b"\x17\3\3\0\1x"
    assert events(data) == [TlsHello(HOST, ("postgresql",), True, data)]


def test_large_hellos_are_taken_up_to_a_limit() -> None:
    name = server_name(HOST.encode())
    most = MAX_HELLO - len(made_hello(name, 1)) + 1
    for padding in (10_000, most):
        last = events(SSL_REQUEST, in_records(record(made_hello(name, padding)), 16_000))[-1]
        assert isinstance(last, TlsHello)
    too_long = violation(SSL_REQUEST, in_records(record(made_hello(name, most + 1)), 16_000))
    assert "ClientHello" in too_long.message


def test_memory_is_bounded() -> None:
    opening = Opening()
    opening.receive(SSL_REQUEST)
    opening.next_event()
    start = record(b"\1" + (MAX_HELLO - 4).to_bytes(3, "big"))
    most, event = 0, None
    opening.receive(start)
    for _ in range(MAX_BYTES):
        opening.receive(record(b"x"))
        event = opening.next_event()
        most = max(most, opening.buffered)
        if event:
            break
    assert isinstance(event, Violation)
    assert "too long" in event.message
    assert MAX_BYTES - 10 < most <= MAX_BYTES + 6
    assert opening.buffered == 0
    opening.receive(bytes(1000))
    assert opening.buffered == 0, "once it is done, nothing is kept"
    assert opening.next_event() is None


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ([b"GET / HTTP/1.1\r\n"], "invalid length"),
        ([b"\0\0\x30"], "invalid length"),
        ([b"\0\0\0\7"], "invalid length"),
        ([b"\x15"], "invalid length"),
        ([SSL_REQUEST + openssl_hello()], "unencrypted data after SSL"),
        ([GSSENC_REQUEST + SSL_REQUEST], "unencrypted data after GSSENC"),
        ([GSSENC_REQUEST, GSSENC_REQUEST], "unexpected GSSENC"),
        ([GSSENC_REQUEST, openssl_hello()], "invalid length"),
        ([packet(module.SSL_CODE, b"x")], "invalid length"),
        ([packet(module.CANCEL_CODE, b"1234")], "cancel request"),
        ([packet(module.CANCEL_CODE, bytes(261))], "cancel request"),
        ([packet(3 << 16, b"user\0teacher\0")], "terminator"),
        ([packet(3 << 16, b"user\0\0")], "terminator"),
        ([packet(3 << 16)], "terminator"),
        ([SSL_REQUEST, SSL_REQUEST], "handshake record"),
        ([SSL_REQUEST, STARTUP], "handshake record"),
        ([SSL_REQUEST, b"\x16\2"], "handshake record"),
        ([SSL_REQUEST, record(b"")], "record of 0 bytes"),
        ([SSL_REQUEST, b"\x16\3\1\x40\1"], "record of 16385 bytes"),
        ([SSL_REQUEST, record(b"\2\0\0\1x")], "does not begin with"),
        ([SSL_REQUEST, record(b"\1\1\0\0")], "ClientHello of 65540 bytes"),
        ([SSL_REQUEST, record(b"\1\0\0\0")], "ends too early"),
        ([SSL_REQUEST, record(b"\1\0\0\4") + record(b"abcd", 23)], "handshake record"),
        ([SSL_REQUEST, record(made_hello(extension(0, b"\0\5\0\0")))], "ends too early"),
        ([SSL_REQUEST, record(made_hello(server_name(b"")))], "no host name"),
        ([SSL_REQUEST, record(made_hello(server_name(b"a\0b")))], "no host name"),
        ([SSL_REQUEST, record(made_hello(server_name(b"a b")))], "no host name"),
        ([SSL_REQUEST, record(made_hello(server_name(b"\xff\xfe")))], "no host name"),
        ([SSL_REQUEST, record(made_hello(server_name(b"a" * 256)))], "no host name"),
        ([SSL_REQUEST, record(made_hello(extension(16, b"\0\3\5ab")))], "ends too early"),
    ],
)
def test_violations(received: list[bytes], words: str) -> None:
    found = violation(*received)
    assert words in found.message
    assert found.sqlstate == "08P01"


def test_an_old_protocol_is_named() -> None:
    found = violation(packet(2 << 16, b"user\0"))
    assert (found.message, found.sqlstate) == (
        "unsupported frontend protocol 2.0: the servers speak 3.0",
        "0A000",
    )


def test_a_violation_says_whether_the_client_was_in_tls() -> None:
    assert not violation(SSL_REQUEST, STARTUP).tls
    assert violation(SSL_REQUEST, record(b"\1\0\0\0")).tls


@pytest.mark.parametrize(
    "wrong", [b"G", b"\1", b"\0\1", b"\0\0\x28", b"\0\0\x27\x15", b"\0\0\0\0", b"\0\0\0\7"]
)
def test_garbage_is_refused_at_the_byte_that_shows_it(wrong: bytes) -> None:
    assert events(*(bytes([byte]) for byte in wrong[:-1])) == []
    assert isinstance(events(wrong)[-1], Violation)


@pytest.mark.parametrize("length", [8, 10_004])
def test_lengths_that_may_still_be_right_are_waited_for(length: int) -> None:
    assert events(length.to_bytes(4, "big")) == []


@pytest.mark.parametrize("received", [[], [b"\0"], [SSL_REQUEST], [SSL_REQUEST, openssl_hello()[:40]]])
def test_a_client_that_leaves(received: list[bytes]) -> None:
    assert events(*received, end=True)[-1] == Gone()


def test_the_table_has_every_state_and_packet() -> None:
    """A client in each state sends each packet: what the table lacks is a violation."""
    reach = {
        State.START: [],
        State.ASKED: [GSSENC_REQUEST],
        State.NEGOTIATED: [SSL_REQUEST],
        State.DIRECT: [b"\x16"],
    }
    send = {
        Seen.SSL: SSL_REQUEST,
        Seen.GSSENC: GSSENC_REQUEST,
        Seen.STARTUP: STARTUP,
        Seen.CANCEL: CANCEL,
        Seen.TLS_BYTE: b"\x16",
        Seen.HELLO: openssl_hello(),
    }
    for state, before in reach.items():
        for seen, data in send.items():
            opening = Opening()
            for part in before:
                opening.receive(part)
                opening.next_event()
            assert opening.state is state
            opening.receive(data[1:] if (state, seen) == (State.DIRECT, Seen.HELLO) else data)
            event = opening.next_event()
            if (state, seen) in TRANSITIONS:
                assert opening.state is TRANSITIONS[state, seen]
                assert not isinstance(event, Violation)
            elif seen is Seen.HELLO and state is State.START:
                assert isinstance(event, TlsHello), "a hello begins with the TLS byte"
            elif seen is Seen.TLS_BYTE and state in (State.NEGOTIATED, State.DIRECT):
                assert (event is None) is (state is State.NEGOTIATED), (
                    "a hello begins with it, and has it once"
                )
            else:
                assert isinstance(event, Violation), (state, seen)
