# SPDX-License-Identifier: MIT
"""HTTP/2 at the level of frames: what RFC 9113 and RFC 7541 say of each, and what is answered when
a client does not keep to it. The ground of h2spec's generic, http2 and hpack sections."""

import struct

import pytest

from h2_client import (
    ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM,
    FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE, NO_ERROR, PADDED, PING, PREFACE, PRIORITY, PRIORITY_UPDATE, PROTOCOL_ERROR,
    PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE,
    WITH_PRIORITY, H2Connection, frame_bytes, head, settings_payload)
from raw_client import RawConnection


@pytest.fixture
def shop(server):
    return server("--http2-cleartext", app="httpbin")


def serves_others(server):
    """A new client is served, whatever happened to the one before."""
    with H2Connection(server.address) as client:
        return client.ask_h2().status == 200


def connection_error(server, act, *codes):
    """`act(client)` ends the connection with one of these codes, and no other connection."""
    with H2Connection(server.address) as client:
        client.ask_h2()
        try:
            act(client)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.read_to_goaway() in codes
    assert serves_others(server)


def stream_error(server, act, *codes):
    """`act(client)` gives a stream that is reset with one of these codes; the connection stays."""
    with H2Connection(server.address) as client:
        stream = act(client)
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        assert client.answer(stream).reset in codes
        assert client.ask_h2().status == 200


# ---- the preface (RFC 9113 section 3.4) ------------------------------------------------------

def test_the_server_s_first_frame_is_settings(shop):
    with H2Connection(shop.address) as client:
        assert client.read_frame().type == SETTINGS


def test_a_preface_without_settings_is_a_connection_error(shop):
    with H2Connection(shop.address, preface=False) as client:
        client.send(PREFACE + frame_bytes(PING, 0, 0, bytes(8)))
        assert client.read_to_goaway() == PROTOCOL_ERROR


def test_a_bad_preface_on_a_connection_that_is_http_2_for_certain(server):
    only = server("--http2-cleartext", "--http-protocols", "h2", app="httpbin")
    with RawConnection(only.address) as client:
        client.send(b"INVALID PREFACE\r\n\r\nSM\r\n\r\n")
        client.read_to_end()
    assert serves_others(only)


# ---- frames in general (sections 4 and 5.1) --------------------------------------------------

def test_unknown_frames_and_flags_are_ignored(shop):
    with H2Connection(shop.address) as client:
        client.frame(0x16, 0xff, 0, b"unknown")
        client.frame(0x17, 0xff, 9, b"unknown")
        client.frame(PING, 0xfe, 0, b"flagged!")
        client.read_until_true(lambda: b"flagged!" in client.pongs)
        assert client.ask_h2().status == 200


def test_the_reserved_bit_of_a_stream_id_is_ignored(shop):
    with H2Connection(shop.address) as client:
        block = client.encoder.encode(head())
        client.frame(HEADERS, END_HEADERS | END_STREAM, 0x80000001, block)
        assert client.finish(1).status == 200


@pytest.mark.parametrize("kind, stream, payload", [
    (DATA, 3, bytes(16_385)),
    (HEADERS, 3, bytes(16_385)),
    (PRIORITY, 3, bytes(4)),
    (SETTINGS, 0, bytes(16_386)),
    (PING, 0, bytes(7)),
    (PING, 0, bytes(9)),
    (SETTINGS, 0, bytes(5)),
    (WINDOW_UPDATE, 0, bytes(3)),
    (RST_STREAM, 3, bytes(3)),
    (GOAWAY, 0, bytes(7)),
])
def test_a_frame_of_a_size_that_it_cannot_have(shop, kind, stream, payload):
    def act(client):
        if kind in (DATA, RST_STREAM):
            client.begin(head("/post", "POST"), end_stream=False)
        client.frame(kind, END_HEADERS if kind == HEADERS else 0, stream, payload)
    connection_error(shop, act, FRAME_SIZE_ERROR)


@pytest.mark.parametrize("kind, stream, payload", [
    (DATA, 0, b"x"),
    (HEADERS, 0, b"\x82"),
    (PRIORITY, 0, bytes(5)),
    (RST_STREAM, 0, bytes(4)),
    (CONTINUATION, 0, b""),
    (SETTINGS, 1, b""),
    (PING, 1, bytes(8)),
    (GOAWAY, 1, bytes(8)),
    (PUSH_PROMISE, 1, bytes(4)),
    (PRIORITY_UPDATE, 1, bytes(4)),
    (PRIORITY_UPDATE, 0, bytes(4)),
    (WINDOW_UPDATE, 0, bytes(4)),
])
def test_a_frame_on_a_stream_that_it_cannot_be_on(shop, kind, stream, payload):
    connection_error(
        shop, lambda client: client.frame(kind, END_HEADERS if kind == HEADERS else 0, stream,
                                          payload), PROTOCOL_ERROR)


@pytest.mark.parametrize("kind, payload", [
    (DATA, b"x"), (RST_STREAM, bytes(4)), (WINDOW_UPDATE, struct.pack(">I", 1)),
    (CONTINUATION, b"")])
def test_a_frame_on_a_stream_that_was_never_opened(shop, kind, payload):
    connection_error(shop, lambda client: client.frame(kind, 0, 99, payload), PROTOCOL_ERROR)


@pytest.mark.parametrize("stream", [2, 1])
def test_a_stream_id_that_is_even_or_goes_back(shop, stream):
    def act(client):
        client.headers(5, head())
        client.finish(5)
        client.headers(stream, head())
    connection_error(shop, act, PROTOCOL_ERROR, STREAM_CLOSED)


@pytest.mark.parametrize("kind, payload", [(DATA, b"x"), (HEADERS, None)])
def test_a_frame_behind_the_end_of_its_stream(shop, kind, payload):
    def act(client):
        stream = client.begin(path="/delay/1")
        client.frame(kind, END_HEADERS | END_STREAM if kind == HEADERS else 0, stream,
                     client.encoder.encode(head()) if payload is None else payload)
    connection_error(shop, act, STREAM_CLOSED, PROTOCOL_ERROR)


def test_headers_on_a_stream_that_is_over(shop):
    def act(client):
        stream = client.begin()
        client.finish(stream)
        client.headers(stream, head())
    connection_error(shop, act, STREAM_CLOSED)


def test_data_on_a_stream_that_is_over_goes_nowhere(shop):
    # nghttp2 ignores it, and gives the connection's credit back.
    with H2Connection(shop.address) as client:
        stream = client.begin()
        client.finish(stream)
        for _ in range(100):
            client.data(stream, bytes(16_384))
        assert client.ask_h2().status == 200


def test_window_update_priority_and_reset_on_a_closed_stream_are_ignored(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin()
        client.finish(stream)
        client.window_update(stream, 1)
        client.frame(PRIORITY, 0, stream, bytes(5))
        client.reset(stream)
        assert client.ask_h2().status == 200


def test_headers_and_data_with_padding(shop):
    with H2Connection(shop.address) as client:
        block = client.encoder.encode(head("/post", "POST"))
        client.frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 1,
                     b"\x05" + struct.pack(">IB", 0, 15) + block + bytes(5))
        client.frame(DATA, PADDED | END_STREAM, 1, b"\x03" + b"body" + bytes(3))
        assert b'"data": "body"' in client.finish(1).body


@pytest.mark.parametrize("kind", [DATA, HEADERS])
def test_more_padding_than_payload(shop, kind):
    def act(client):
        if kind == DATA:
            client.headers(3, head("/post", "POST"), end_stream=False)
        client.frame(kind, PADDED | END_STREAM | (END_HEADERS if kind == HEADERS else 0), 3,
                     b"\x20" + b"short")
    connection_error(shop, act, PROTOCOL_ERROR)


# ---- header blocks (sections 4.3, 6.2 and 6.10) ----------------------------------------------

@pytest.mark.parametrize("frames", [2, 3, 8])
def test_a_head_in_several_frames(shop, frames):
    with H2Connection(shop.address) as client:
        block = client.encoder.encode(head())
        client.frame(HEADERS, END_STREAM, 1, b"")
        for number in range(1, frames):
            size = 1 if number < frames - 1 else len(block)
            piece, block = block[:size], block[size:]
            client.frame(CONTINUATION, 0 if block else END_HEADERS, 1, piece)
        assert client.finish(1).status == 200


@pytest.mark.parametrize("kind, stream, payload", [
    (DATA, 1, b"x"), (HEADERS, 3, b"\x82"), (PRIORITY, 1, bytes(5)), (PING, 0, bytes(8)),
    (SETTINGS, 0, b""), (CONTINUATION, 3, b""), (0x16, 0, b"unknown")])
def test_anything_within_a_header_block_is_a_connection_error(shop, kind, stream, payload):
    def act(client):
        client.frame(HEADERS, END_STREAM, 5, client.encoder.encode(head())[:3])
        client.frame(kind, 0, stream, payload)
    connection_error(shop, act, PROTOCOL_ERROR)


def test_continuation_without_a_header_block_before_it(shop):
    def act(client):
        client.headers(5, head("/post", "POST"), end_stream=False)
        client.frame(CONTINUATION, END_HEADERS, 5, b"\x82")
    connection_error(shop, act, PROTOCOL_ERROR)


def test_push_promise_from_a_client(shop):
    connection_error(
        shop, lambda client: client.frame(PUSH_PROMISE, END_HEADERS, 1,
                                          struct.pack(">I", 2) + b"\x82"), PROTOCOL_ERROR)


# ---- HPACK (RFC 7541) ------------------------------------------------------------------------

@pytest.mark.parametrize("block", [
    b"\x80",                              # index 0
    b"\xff\x7f",                          # an index beyond both tables
    b"\x82\xff",                          # a number that does not end
    b"\xff\xff\xff\xff\xff\xff\xff\xff",  # a number that is too large
    b"\x00\x01x\x84\x49\x50\x9f\xff",     # Huffman: padding longer than 7 bits
    b"\x00\x82\x0f\x00\x01x",             # Huffman: padding that is not all ones
    b"\x00\x84\xff\xff\xff\xff\x01x",     # Huffman: the EOS symbol
    b"\x00\x7fshort",                     # a text longer than the block
    b"\x82\x20",                          # a table size update that is not at the beginning
    b"\x3f\xe2\x1f\x82",                  # a table size update beyond what was allowed
])
def test_a_header_block_that_does_not_decompress(shop, block):
    connection_error(
        shop, lambda client: client.frame(HEADERS, END_HEADERS | END_STREAM, 3, block),
        COMPRESSION_ERROR, PROTOCOL_ERROR)


def test_a_broken_block_of_trailers(shop):
    def act(client):
        client.headers(3, head("/post", "POST"), end_stream=False)
        client.frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x80")
    connection_error(shop, act, COMPRESSION_ERROR)


def test_the_table_of_the_client_s_encoder_may_change_its_size(shop):
    with H2Connection(shop.address) as client:
        for size in 0, 4096, 100:
            client.encoder.header_table_size = size
            assert client.ask_h2(fields=[("x-one", "value")]).status == 200


def test_the_server_s_encoder_keeps_to_the_size_of_the_client_s_table(shop):
    with H2Connection(shop.address, {HEADER_TABLE_SIZE: 0}) as client:
        client.decoder.max_allowed_table_size = 0
        assert [client.ask_h2().status for _ in range(3)] == [200] * 3


# ---- SETTINGS, PING, GOAWAY, WINDOW_UPDATE ---------------------------------------------------

@pytest.mark.parametrize("key, value, code", [
    (ENABLE_PUSH, 2, PROTOCOL_ERROR),
    (INITIAL_WINDOW_SIZE, 0x80000000, FLOW_CONTROL_ERROR),
    (MAX_FRAME_SIZE, 16_383, PROTOCOL_ERROR),
    (MAX_FRAME_SIZE, 0x1000000, PROTOCOL_ERROR),
])
def test_a_setting_out_of_range(shop, key, value, code):
    connection_error(
        shop, lambda client: client.frame(SETTINGS, 0, 0, settings_payload({key: value})), code)


def test_settings_are_acknowledged_and_unknown_ones_ignored(shop):
    with H2Connection(shop.address) as client:
        client.frame(SETTINGS, 0, 0, settings_payload({0xff: 1, 0x7777: 2}))
        client.read_until_true(lambda: client.acknowledged == 2)
        assert client.ask_h2().status == 200


def test_an_acknowledgement_with_a_payload(shop):
    connection_error(
        shop, lambda client: client.frame(SETTINGS, ACK, 0, settings_payload({4: 1})),
        FRAME_SIZE_ERROR)


def test_a_ping_is_answered_with_its_own_data_and_an_answer_is_not(shop):
    with H2Connection(shop.address) as client:
        client.frame(PING, ACK, 0, b"unasked!")
        client.frame(PING, 0, 0, b"12345678")
        client.read_until_true(lambda: client.pongs)
        assert client.pongs == [b"12345678"]


def test_a_client_that_says_goaway_gets_its_answers(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(path="/delay/0.2")
        client.frame(GOAWAY, 0, 0, struct.pack(">II", 0, NO_ERROR))
        assert client.finish(stream).status == 200
        client.read_to_goaway()


@pytest.mark.parametrize("increments", [[0], [0x7fffffff]])
def test_a_window_of_a_stream_that_cannot_be(shop, increments):
    def act(client):
        stream = client.begin(path="/delay/5")
        for increment in increments:
            client.window_update(stream, increment)
        return stream
    if increments == [0]:
        # nghttp2 ends the connection here, as section 5.4 allows.
        connection_error(shop, act, PROTOCOL_ERROR)
    else:
        stream_error(shop, act, FLOW_CONTROL_ERROR)


def test_a_window_of_the_connection_that_cannot_be(shop):
    connection_error(shop, lambda client: client.window_update(0, 0x7fffffff),
                     FLOW_CONTROL_ERROR)


def test_settings_that_make_a_stream_s_window_too_large(shop):
    def act(client):
        client.headers(3, head("/delay/5"))
        client.next_stream = 5
        client.window_update(3, 0x7fffffff - 65_535)
        client.frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 65_536}))
        return 3
    # The RFC would have the connection end; nghttp2 ends the stream.
    stream_error(shop, act, FLOW_CONTROL_ERROR)


def test_a_window_may_be_less_than_nothing(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 100}, takes_data=False) as client:
        stream = client.begin(path="/bytes/1000")
        client.read_until_true(lambda: len(client.answer(stream).body) == 100)
        client.frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 10}))
        client.ping()
        client.window_update(stream, 90)
        client.ping()
        assert len(client.answer(stream).body) == 100
        client.window_update(stream, 900)
        assert len(client.finish(stream).body) == 1000


def test_data_beyond_the_window_is_an_error(shop):
    def act(client):
        client.headers(3, head("/delay/5", "POST"), end_stream=False)
        for _ in range(5):
            client.data(3, bytes(16_384))
    with H2Connection(shop.address) as client:
        client.ask_h2()
        act(client)
        client.read_until_true(lambda: client.goaways or client.answer(3).reset is not None)
        code = client.goaways[0].error if client.goaways else client.answer(3).reset
        assert code == FLOW_CONTROL_ERROR
    assert serves_others(shop)


# ---- requests that are malformed (section 8.1.1) ---------------------------------------------

@pytest.mark.parametrize("lines", [
    [("content-length", "3")],
    [("content-length", "5")],
])
def test_a_body_of_another_length_than_announced(shop, lines):
    def act(client):
        stream = client.begin(head("/post", "POST", lines), end_stream=False)
        client.data(stream, b"four", end_stream=True)
        return stream
    stream_error(shop, act, PROTOCOL_ERROR)


def test_the_sum_of_several_data_frames_counts(shop):
    def act(client):
        stream = client.begin(head("/post", "POST", [("content-length", "5")]), end_stream=False)
        client.data(stream, b"four")
        client.data(stream, b"more", end_stream=True)
        return stream
    stream_error(shop, act, PROTOCOL_ERROR)


def test_trailers_that_do_not_end_the_stream(shop):
    def act(client):
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.headers(stream, [("x-sum", "1")], end_stream=False)
        return stream
    stream_error(shop, act, PROTOCOL_ERROR)


@pytest.mark.parametrize("trailer", [
    (":path", "/"), ("X-Sum", "1"), ("content-length", "4"), ("transfer-encoding", "chunked"),
    ("host", "a"), ("x", "a\nb")])
def test_trailers_that_may_not_be(shop, trailer):
    def act(client):
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.data(stream, b"body")
        client.headers(stream, [trailer], end_stream=True)
        return stream
    stream_error(shop, act, PROTOCOL_ERROR)


def test_a_malformed_request_whose_end_is_open_is_answered_and_reset(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST", [("connection", "close")]), end_stream=False)
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        assert client.answer(stream).status == 400
        assert client.answer(stream).reset == PROTOCOL_ERROR
        assert client.ask_h2().status == 200


def test_a_reset_of_a_stream_that_waits_for_its_body(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.ping()
        client.reset(stream, CANCEL)
        client.data(stream, b"late")  # may have been on its way
        assert client.ask_h2().status == 200
        assert REFUSED_STREAM not in [one.reset for one in client.answers.values()]
