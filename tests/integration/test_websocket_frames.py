# SPDX-License-Identifier: MIT
"""The ground of the Autobahn test-suite, sections 1 to 7 and 10, frame by frame."""

import pytest

from raw_websocket import (BINARY, CLOSE, CONTINUATION, FIN, NO_CODE, PING, PONG, RSV1, RSV2, RSV3,
                           TEXT, binary, close, fragments, frame, ping, pong, text)

KOSME = "κόσμε".encode()


@pytest.fixture
def connect(server, websocket):
    """connect() opens WebSockets to one echo server."""
    echo = server("--http2-cleartext", app="httpbin")
    opened = []

    def start(**options):
        opened.append(websocket(echo.address, **options))
        return opened[-1]
    yield start
    for each in opened:
        each.close()


def closes_well(client, code=1000):
    client.send(close(code))
    return client.read_close() == (code, b"")


# ---- 1: framing

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_form_of_length_are_echoed(connect, opcode):
    client = connect()
    for size in (0, 1, 125, 126, 127, 128, 65535, 65536, 65537):
        payload = b"*" * size
        client.send(frame(FIN | opcode, payload))
        assert client.read_message() == (opcode, payload)
    assert closes_well(client)


@pytest.mark.parametrize("chop", [1, 997])
def test_how_the_bytes_are_cut_makes_no_difference(connect, chop):
    client = connect()
    payload = b"*" * (300 if chop == 1 else 65536)
    data = text(payload) + ping(b"between") + binary(payload)
    for at in range(0, len(data), chop):
        client.send(data[at:at + chop])
    came = sorted(client.read_message() for _ in range(3))
    assert came == [(TEXT, payload), (BINARY, payload), (PONG, b"between")]


# ---- 2: pings and pongs

def test_a_ping_is_answered_with_its_payload(connect):
    client = connect()
    for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"x" * 125):
        client.send(ping(payload))
        assert client.read_message() == (PONG, payload)
    assert closes_well(client)


def test_a_ping_that_is_too_long_is_refused(connect):
    client = connect()
    client.send(frame(FIN | PING, b"x" * 126))
    assert client.read_close()[0] == 1002


def test_pongs_that_nobody_asked_for_are_ignored(connect):
    client = connect()
    client.send(pong() + pong(b"unsolicited") + ping(b"ours"))
    assert client.read_message() == (PONG, b"ours")
    assert closes_well(client)


def test_ten_pings_are_answered_in_order(connect):
    client = connect()
    client.send(b"".join(ping(b"payload-%d" % i) for i in range(10)))
    for i in range(10):
        assert client.read_message() == (PONG, b"payload-%d" % i)


# ---- 3: reserved bits, and 4: opcodes

RESERVED = [FIN | RSV1 | TEXT, FIN | RSV2 | TEXT, FIN | RSV3 | TEXT, FIN | RSV1 | RSV2 | BINARY,
            FIN | RSV1 | RSV3 | PING, FIN | RSV2 | RSV3 | CLOSE, FIN | RSV1 | RSV2 | RSV3 | BINARY,
            *[FIN | opcode for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)]]


@pytest.mark.parametrize("chop", [100, 1])
def test_reserved_bits_and_opcodes_are_refused(connect, chop):
    for first in RESERVED:
        client = connect()
        data = text("before") + frame(first, b"payload")
        for at in range(0, len(data), chop):
            client.send(data[at:at + chop])
        assert client.read_message() == (TEXT, b"before"), hex(first)
        assert client.read_close()[0] == 1002, hex(first)


def test_a_frame_without_a_mask_is_refused(connect):
    client = connect()
    client.send(b"\x81\x05Hello")
    assert client.read_close()[0] == 1002


def test_a_length_in_a_longer_form_is_refused(connect):
    for head in (b"\x82\xfe\x00\x7d", b"\x82\xff" + b"\x00" * 7 + b"\x7d",
                 b"\x82\xff\x80" + b"\x00" * 7):
        client = connect()
        client.send(head + b"mask")
        assert client.read_close()[0] == 1002


# ---- 5: fragmentation

def test_a_fragmented_control_frame_is_refused(connect):
    for opcode in (PING, PONG, CLOSE):
        client = connect()
        client.send(frame(opcode, b"") + frame(FIN | CONTINUATION, b""))
        assert client.read_close()[0] == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("together", [True, False])
def test_fragments_are_joined_and_control_frames_pass_between(connect, opcode, together):
    client = connect()
    frames = fragments(opcode, [b"fragment1", b"", b"fragment2"])
    data = [frames[0], ping(b"pass"), frames[1], ping(b"by"), frames[2]]
    for part in [b"".join(data)] if together else data:
        client.send(part)
    assert client.read_message() == (PONG, b"pass")
    assert client.read_message() == (PONG, b"by")
    assert client.read_message() == (opcode, b"fragment1fragment2")
    assert closes_well(client)


def test_fragments_out_of_order_are_refused(connect):
    for sent in (frame(FIN | CONTINUATION, b"nothing before"),
                 frame(CONTINUATION, b"nothing before"),
                 frame(TEXT, b"begun") + text("not ended"),
                 frame(BINARY, b"begun") + binary(b"not ended")):
        client = connect()
        client.send(sent)
        assert client.read_close()[0] == 1002
    client = connect()
    client.send(frame(TEXT, b"1") + frame(FIN | CONTINUATION, b"2") + frame(FIN | CONTINUATION))
    assert client.read_message() == (TEXT, b"12")
    assert client.read_close()[0] == 1002


def test_a_message_of_a_thousand_fragments_is_joined(connect):
    client = connect()
    client.send(b"".join(fragments(TEXT, [b"x"] * 1000)))
    assert client.read_message() == (TEXT, b"x" * 1000)


# ---- 6: UTF-8

VALID = [b"", b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", KOSME,
         b"\x00", b"\x7f", b"\xc2\x80", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xef\xbf\xbf",
         b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xed\x9f\xbf", b"\xee\x80\x80",
         b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xf0\x9f\xbf\xbe"]
INVALID = [KOSME + b"\xed\xa0\x80edited", b"\x80", b"\xbf", b"\x80\xbf" * 3, b"\xc0 \xc1 ",
           b"\xce", b"\xce\xba\xe1", b"\xe0\x80", b"\xf0\x80\x80", b"\xfe", b"\xff", b"\xfe\xff",
           b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf",
           b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
           b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
           b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xc3\x28"]


def test_valid_text_is_echoed_also_a_byte_at_a_time(connect):
    client = connect()
    for payload in VALID:
        client.send(text(payload))
        assert client.read_message() == (TEXT, payload)
        pieces = [payload[i:i + 1] for i in range(len(payload))] or [b""]
        client.send(b"".join(fragments(TEXT, pieces)))
        assert client.read_message() == (TEXT, payload)
    assert closes_well(client)


@pytest.mark.parametrize("split", [True, False])
def test_invalid_text_is_refused(connect, split):
    for payload in INVALID:
        client = connect()
        pieces = [payload[i:i + 1] for i in range(len(payload))] if split else [payload]
        client.send(b"".join(fragments(TEXT, pieces)))
        assert client.read_close()[0] == 1007, payload


def test_invalid_text_is_refused_before_the_message_is_whole(connect):
    client = connect()
    client.send(frame(TEXT, KOSME + b"\xf4\x90"))
    assert client.read_close()[0] == 1007
    client = connect()
    # Only a part of the one frame.
    client.send(text(KOSME + b"\xf4\x90" + b"x" * 50)[:-50])
    assert client.read_close()[0] == 1007


def test_a_character_may_be_cut_by_frames(connect):
    client = connect()
    client.send(b"".join(fragments(TEXT, [KOSME[:1], KOSME[1:4], KOSME[4:]])))
    assert client.read_message() == (TEXT, KOSME)


# ---- 7: closing

def test_messages_before_a_close_are_echoed_and_nothing_behind_it(connect):
    client = connect()
    client.send(text("1") + text("2") + close(1000) + text("3") + ping(b"4"))
    assert client.read_message() == (TEXT, b"1")
    assert client.read_message() == (TEXT, b"2")
    assert client.read_close() == (1000, b"")


def test_two_closes_are_answered_by_one(connect):
    client = connect()
    client.send(close(1000) + close(1000))
    assert client.read_close() == (1000, b"")


def test_a_close_within_a_message_ends_it(connect):
    client = connect()
    client.send(frame(TEXT, b"fragment1") + close(1000) + frame(FIN | CONTINUATION, b"fragment2"))
    assert client.read_close() == (1000, b"")


def test_a_close_without_a_payload_is_answered_alike(connect):
    client = connect()
    client.send(close())
    assert client.read_close() == (NO_CODE, b"")


def test_a_close_that_may_not_be_is_refused(connect):
    cases = [(b"\x03", 1002), (b"\x03\xe8" + b"x" * 124, 1002), (b"\x03\xe8" + KOSME[:-1], 1007)]
    cases += [(code.to_bytes(2, "big"), 1002)
              for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)]
    for payload, code in cases:
        client = connect()
        client.send(frame(FIN | CLOSE, payload))
        assert client.read_close()[0] == code, payload


def test_a_close_is_answered_with_its_code(connect):
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
                 4000, 4999):
        for reason in (b"", KOSME, b"*" * 123):
            client = connect()
            client.send(close(code, reason))
            assert client.read_close() == (code, reason)


# ---- 10: more fragments than the server's own, and limits

def test_a_large_message_in_small_fragments_is_echoed(connect):
    client = connect()
    payload = bytes(range(256)) * 256
    client.send(b"".join(fragments(BINARY, [payload[i:i + 1300]
                                            for i in range(0, len(payload), 1300)])))
    assert client.read_message() == (BINARY, payload)


def test_frames_behind_the_handshake_in_the_same_segment_are_read(connect):
    client = connect(behind=text("early") + ping(b"too"))
    came = sorted(client.read_message() for _ in range(2))
    assert came == [(TEXT, b"early"), (PONG, b"too")]
