"""Whatever a client sends, the opening ends in one of its events, raises nothing and keeps little."""

from __future__ import annotations

import os
import random
import time

from hellos import (
    CANCEL,
    GSSENC_REQUEST,
    SSL_REQUEST,
    STARTUP,
    in_records,
    made_hello,
    openssl_hello,
    pieces,
    record,
    server_name,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_lab.endpoints.client_hello import MAX_BYTES
from aurora_lab.endpoints.opening import (
    Answer,
    CancelRequest,
    Event,
    Gone,
    Opening,
    PlainStartup,
    TlsHello,
    Violation,
)

OPENINGS = 100_000
LAST = (TlsHello, PlainStartup, CancelRequest, Violation, Gone)


def open_with(received: list[bytes]) -> list[Event]:
    """Let an opening receive these pieces and then the end; check what always holds."""
    opening, found = Opening(), []
    for data in (*received, None):
        if data is None:
            opening.end()
        else:
            opening.receive(data)
        while (event := opening.next_event()) is not None:
            found.append(event)
            assert len(found) <= 3, "at most N, S and a last event"
        assert opening.buffered <= MAX_BYTES + len(data or b"")
    assert all(isinstance(event, Answer) and event.data in (b"S", b"N") for event in found[:-1])
    last = found[-1]
    assert isinstance(last, LAST)
    if isinstance(last, Violation):
        assert last.message
        assert last.sqlstate in ("08P01", "0A000")
    if isinstance(last, TlsHello) and last.server_name is not None:
        assert last.server_name.isprintable()
    assert opening.buffered == 0
    return found


SEEDS = [
    [SSL_REQUEST, openssl_hello()],
    [openssl_hello()],
    [GSSENC_REQUEST, SSL_REQUEST, openssl_hello(protocols=())],
    [SSL_REQUEST, in_records(openssl_hello(), 40)],
    [SSL_REQUEST, record(made_hello(server_name(b"shop.example")))],
    [STARTUP],
    [CANCEL],
]


def damaged(rng: random.Random) -> list[bytes]:
    """An opening with something wrong in it, most of the time."""
    parts = list(rng.choice(SEEDS))
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        number = rng.randrange(len(parts))
        data = bytearray(parts[number])
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at : at + 2] = rng.randbytes(2)
            case 2:
                del data[at : at + rng.choice((1, 4, 50))]
            case 3:
                data[at:at] = rng.randbytes(rng.choice((1, 4, 50)))
            case 4:
                del data[at:]
            case 5:
                data += rng.choice(rng.choice(SEEDS))
            case 6:
                parts.insert(number, rng.choice(rng.choice(SEEDS)))
        parts[number] = bytes(data)
    if rng.random() < 0.02:
        parts = [rng.randbytes(rng.choice((1, 8, 100, 5000)))]
    if rng.random() < 0.1:
        # Together or cut at random, not packet by packet.
        parts = list(pieces(b"".join(parts), rng))
    return parts


def test_a_hundred_thousand_openings() -> None:
    seed = int(os.environ.get("AURORA_LAB_FUZZ_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}: AURORA_LAB_FUZZ_SEED={seed} repeats this")
    rng = random.Random(seed)
    last: dict[str, int] = {}
    for number in range(OPENINGS):
        received = damaged(rng)
        try:
            event = open_with(received)[-1]
        except Exception as error:
            raise AssertionError(f"opening {number} of seed {seed}: {received!r}") from error
        last[type(event).__name__] = last.get(type(event).__name__, 0) + 1
    print(last)
    # Each way to end was really reached, and often.
    assert all(last.get(kind.__name__, 0) > OPENINGS / 200 for kind in LAST), last


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_bytes(received: list[bytes]) -> None:
    open_with(received)


@settings(deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4),
    st.integers(0, 1 << 16),
)
def test_damaged_openings(seed: list[bytes], changes: list[tuple[int, int]], cut: int) -> None:
    parts = [bytearray(part) for part in seed]
    for at, value in changes:
        parts[-1][at % len(parts[-1])] = value
    last = parts[-1]
    at = cut % (len(last) + 1)
    open_with([*map(bytes, parts[:-1]), bytes(last[:at]), bytes(last[at:])])


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_handshake_message(body: bytes, size: int) -> None:
    message = b"\1" + len(body).to_bytes(3, "big") + body
    open_with([SSL_REQUEST, in_records(record(message), size)])
