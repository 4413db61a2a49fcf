# SPDX-License-Identifier: MIT
"""HTTP/2 clients that only keep the server busy. Each is ended or bounded, the worker's memory
stays what it was, and a normal client is served meanwhile and afterwards."""

import contextlib
import pathlib
import re
import socket
import struct
import threading
import time

import pytest

from h2_client import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS,
    INITIAL_WINDOW_SIZE, PING, PRIORITY, PROTOCOL_ERROR, SETTINGS, SETTINGS_TIMEOUT, PREFACE,
    WINDOW_UPDATE, H2Connection, frame_bytes, head, settings_payload)

MEMORY_GROWTH_MAX = 24 << 20
FRAMES = 40_000


@pytest.fixture
def shop(server):
    one = server("--http2-cleartext", app="httpbin")
    one.wait_until_ready()
    return one


def private_bytes(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))


@contextlib.contextmanager
def others_are_served(server):
    """A normal client asks all the while, and the same worker is no larger at the end."""
    worker, = server.workers()
    served, stop, problems = [0], threading.Event(), []

    def ask():
        try:
            with H2Connection(server.address) as client:
                while not stop.is_set():
                    assert client.ask_h2().body == b"Hello, World!"
                    served[0] += 1
        except Exception as problem:  # shown by the test
            problems.append(problem)

    with H2Connection(server.address) as client:
        assert client.ask_h2().status == 200
    before = private_bytes(worker)
    beside = threading.Thread(target=ask)
    beside.start()
    try:
        server.wait_until(lambda: served[0] > 0 or problems, "the normal client's first answer")
        yield
        seen = served[0]
        server.wait_until(lambda: served[0] > seen or problems, "one more answer")
    finally:
        stop.set()
        beside.join()
    assert not problems, problems
    assert server.workers() == [worker]
    assert private_bytes(worker) - before < MEMORY_GROWTH_MAX


def flood(client, make_frame, frames=FRAMES, batch=500):
    """Sends frames until all are sent or the server ends the connection; gives its GOAWAY code."""
    sent = 0
    try:
        while sent < frames:
            client.send(b"".join(make_frame(sent + i) for i in range(batch)))
            sent += batch
        client.send_end()
    except (BrokenPipeError, ConnectionResetError):
        pass
    return client.read_to_goaway()


def head_block():
    # The same bytes for each: no entry of the dynamic table is used.
    return b"\x82\x86\x41\x01a\x44\x06/hello"


@pytest.mark.parametrize("make_frame", [
    pytest.param(lambda n: frame_bytes(PING, 0, 0, struct.pack(">Q", n)), id="ping"),
    pytest.param(lambda n: frame_bytes(PING, ACK, 0, struct.pack(">Q", n)), id="ping-ack"),
    pytest.param(lambda n: frame_bytes(SETTINGS, 0, 0, b""), id="settings"),
    pytest.param(lambda n: frame_bytes(SETTINGS, 0, 0, settings_payload(
        {INITIAL_WINDOW_SIZE: 65_535 + n % 2})), id="settings-that-change"),
    pytest.param(lambda n: frame_bytes(PRIORITY, 0, 2 * n + 1, bytes(5)), id="priority"),
    pytest.param(lambda n: frame_bytes(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)), id="window"),
])
def test_a_flood_of_frames_that_ask_for_nothing(shop, make_frame):
    with others_are_served(shop), H2Connection(shop.address) as client:
        assert flood(client, make_frame) == ENHANCE_YOUR_CALM


def test_a_flood_of_unknown_frames_changes_nothing(shop):
    # nghttp2 skips them. They do not keep a connection open that is idle.
    with others_are_served(shop), H2Connection(shop.address) as client:
        for _ in range(20):
            client.send(frame_bytes(0x20, 0, 0, b"") * 1000)
        assert client.ask_h2().status == 200


def test_a_flood_of_empty_data(shop):
    with others_are_served(shop), H2Connection(shop.address) as client:
        stream = client.begin(head("/delay/10", "POST"), end_stream=False)
        assert flood(client, lambda n: frame_bytes(DATA, 0, stream)) == ENHANCE_YOUR_CALM


def test_rapid_reset(shop):
    # CVE-2023-44487
    def open_and_reset(number):
        stream = 2 * number + 1
        return (frame_bytes(HEADERS, END_HEADERS | END_STREAM, stream, head_block())
                + frame_bytes(3, 0, stream, struct.pack(">I", CANCEL)))

    with others_are_served(shop), H2Connection(shop.address) as client:
        assert flood(client, open_and_reset) == ENHANCE_YOUR_CALM


def test_made_you_reset(shop):
    # CVE-2025-8671: it is the server that is made to reset the streams, by a window of nothing or
    # by requests that are malformed.
    def open_and_provoke(number):
        stream = 2 * number + 1
        return (frame_bytes(HEADERS, END_HEADERS, stream, b"\x83\x86\x41\x01a\x44\x09/delay/10")
                + frame_bytes(HEADERS, END_HEADERS, stream, b"\x00\x01x\x01y"))

    with others_are_served(shop), H2Connection(shop.address) as client:
        assert flood(client, open_and_provoke) == ENHANCE_YOUR_CALM


def test_made_you_reset_by_windows_that_overflow(shop):
    def open_and_provoke(number):
        stream = 2 * number + 1
        return (frame_bytes(HEADERS, END_HEADERS, stream, b"\x83\x86\x41\x01a\x44\x09/delay/10")
                + frame_bytes(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7fffffff)))

    with others_are_served(shop), H2Connection(shop.address) as client:
        assert flood(client, open_and_provoke) == ENHANCE_YOUR_CALM


def test_a_flood_of_continuation(shop):
    # CVE-2024-27316
    with others_are_served(shop), H2Connection(shop.address) as client:
        client.frame(HEADERS, END_STREAM, 1, head_block())
        field = b"\x00\x01x\x7f\x81\x00" + bytes(255).replace(b"\0", b"v")
        code = flood(client, lambda n: frame_bytes(CONTINUATION, 0, 1, field), batch=10)
        assert code in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR)


def test_a_flood_of_empty_continuation(shop):
    with others_are_served(shop), H2Connection(shop.address) as client:
        client.frame(HEADERS, END_STREAM, 1, head_block())
        code = flood(client, lambda n: frame_bytes(CONTINUATION, 0, 1, b""))
        assert code in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR)


def test_a_bomb_of_compressed_fields(shop):
    # One field of 4,000 bytes goes into the table; each byte after it is that field again.
    with others_are_served(shop), H2Connection(shop.address) as client:
        bomb = b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4000 + b"\xbe" * 12_000
        client.frame(HEADERS, END_HEADERS | END_STREAM, 1, head_block() + bomb)
        assert client.read_to_goaway() == ENHANCE_YOUR_CALM


def test_a_head_that_is_a_little_too_large_is_answered(shop):
    with H2Connection(shop.address) as client:
        answer = client.ask_h2(fields=[(f"x-{n}", "v" * 8000) for n in range(9)])
        assert answer.status == 431
        assert client.ask_h2().status == 200


def test_streams_that_are_never_ended_hold_their_share_and_no_more(shop):
    with others_are_served(shop), H2Connection(shop.address) as client:
        client.read_until_true(lambda: client.settings is not None)
        client.ping()
        streams = [client.begin(head("/post", "POST"), end_stream=False) for _ in range(100)]
        for stream in streams:
            client.data(stream, bytes(1000))
        client.ping()
        assert not any(client.answer(stream).is_over for stream in streams)


def test_a_body_that_stands_still_is_408(server):
    shop = server("--http2-cleartext", "--body-timeout", "200ms", app="httpbin")
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.data(stream, b"never more")
        assert client.finish(stream).status == 408
        assert client.ask_h2().status == 200


def test_answers_that_nobody_takes_end_after_write_timeout(server):
    shop = server("--http2-cleartext", "--write-timeout", "300ms", app="httpbin")
    shop.wait_until_ready()
    with others_are_served(shop), \
            H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 0}, takes_data=False) as client:
        streams = [client.begin(path="/bytes/10000000") for _ in range(50)]
        streams += [client.begin(path="/hello") for _ in range(50)]
        client.read_until_true(
            lambda: all(client.answer(one).reset == CANCEL for one in streams))
        client.frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 1000}))
        assert client.ask_h2().body == b"Hello, World!"


def test_hints_that_are_never_read_wait_in_the_handler(shop):
    count = 200_000
    with others_are_served(shop), H2Connection(shop.address) as client:
        stream = client.begin(path=f"/early-hints?count={count}")
        shop.wait_until(lambda: client.socket.recv(1, socket.MSG_PEEK), "the first of them")
    with H2Connection(shop.address) as client:
        stream = client.begin(path=f"/early-hints?count={count // 10}")
        answer = client.finish(stream)
        assert len(answer.interim) == count // 10 and answer.body == b"hinted\n"


def test_what_stands_still_is_timed_from_when_there_was_something_to_take(server):
    # The second byte comes late, and has as long as any other.
    shop = server("--http2-cleartext", "--write-timeout", "500ms", app="httpbin")
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1}, takes_data=False) as client:
        began = time.monotonic()
        stream = client.begin(path="/drip?duration=0.8&numbytes=2&delay=0")
        client.read_until_true(lambda: client.answer(stream).reset == CANCEL)
        assert client.answer(stream).body == b"*"
        assert time.monotonic() - began >= 0.9


def test_a_client_that_reads_nothing_at_all_is_given_up(server):
    shop = server("--http2-cleartext", "--write-timeout", "500ms", app="httpbin")
    shop.wait_until_ready()
    with others_are_served(shop), \
            H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 0x7fffffff}) as client:
        client.window_update(0, 0x7fff0000)
        for _ in range(50):
            client.begin(path="/bytes/100000000")
        # It sends on, and reads nothing: at last nothing is taken from it either, then it is cut.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            while True:
                client.frame(PING, 0, 0, bytes(8))


def test_settings_that_are_never_acknowledged(server):
    shop = server("--http2-cleartext", "--http2-ack-timeout", "200ms", app="httpbin")
    with H2Connection(shop.address, preface=False) as client:
        client.send(PREFACE + frame_bytes(SETTINGS))
        while not client.goaways:
            start = client.read_exactly(9)  # without acknowledging anything
            payload = client.read_exactly(int.from_bytes(start[:3], "big"))
            if start[3] == 7:
                assert struct.unpack(">I", payload[4:8])[0] == SETTINGS_TIMEOUT
                break


def test_a_client_that_does_not_answer_a_ping_is_given_up(server):
    shop = server("--http2-cleartext", "--http2-ping-interval", "200ms", "--http2-ack-timeout",
                  "200ms", app="httpbin")
    with H2Connection(shop.address) as alive, H2Connection(shop.address) as dead:
        slow = alive.begin(path="/delay/2")
        dead.read_until_true(lambda: dead.acknowledged)
        dead.begin(path="/delay/10")
        assert alive.finish(slow).status == 200  # it answers what it is asked meanwhile
        dead.read_to_end()  # no frame is looked at, so none is answered
        assert not dead.answers


def test_a_head_that_comes_too_slowly(server):
    shop = server("--http2-cleartext", "--request-head-timeout", "300ms", app="httpbin")
    with H2Connection(shop.address) as client:
        assert client.ask_h2().status == 200
        client.frame(HEADERS, END_STREAM, 3, head_block())
        assert client.read_to_goaway() == ENHANCE_YOUR_CALM
