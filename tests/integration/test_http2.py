# SPDX-License-Identifier: MIT
"""HTTP/2: requests, answers, bodies and streams, spoken frame by frame to the real server."""

import contextlib
import json
import struct
import subprocess

import h2.config
import h2.connection
import h2.events
import pytest

from h2_client import (
    CANCEL, DATA, ENABLE_CONNECT_PROTOCOL, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, NO_ERROR, NO_RFC7540_PRIORITIES, PRIORITY_UPDATE,
    H2Connection, head)
from raw_client import DEADLINE_S, RawConnection, request


@pytest.fixture
def shop(server):
    """A server of the httpbin example that speaks HTTP/2 without TLS."""
    return server("--http2-cleartext", app="httpbin")


def ask(server, path="/hello", **options):
    with H2Connection(server.address) as client:
        return client.ask_h2(path=path, **options)


# ---- which version is spoken -----------------------------------------------------------------

def test_the_preface_chooses_http_2_and_anything_else_is_http_1(shop):
    assert ask(shop).body == b"Hello, World!"
    with RawConnection(shop.address) as client:
        assert client.ask(request("/hello")).body == b"Hello, World!"
        assert client.ask(request("/hello")).status == 200


@pytest.mark.parametrize("method", ["PUT", "POST", "PROPFIND", "PRI"])
def test_a_request_that_begins_like_the_preface_and_comes_byte_by_byte_is_http_1(shop, method):
    with RawConnection(shop.address) as client:
        for byte in request("/anything", method=method):
            client.send(bytes([byte]))
        assert client.read_answer().version == "HTTP/1.1"


def test_a_preface_that_comes_byte_by_byte_is_http_2(shop):
    with H2Connection(shop.address, preface=False) as client:
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0":
            client.send(bytes([byte]))
        assert client.ask_h2().status == 200


def test_an_upgrade_to_h2c_is_not_taken(shop):
    fields = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
              ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    with RawConnection(shop.address) as client:
        answer = client.ask(request("/hello", fields=fields))
        assert (answer.version, answer.status) == ("HTTP/1.1", 200)
        assert client.ask(request("/hello")).status == 200


def test_without_the_setting_the_preface_is_a_bad_request_of_http_1(server):
    plain = server(app="httpbin")
    with RawConnection(plain.address) as client:
        assert client.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505


def test_the_list_of_protocols_decides_too(server):
    only_h1 = server("--http2-cleartext", "--http-protocols", "h1", app="httpbin")
    with RawConnection(only_h1.address) as client:
        assert client.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505
    only_h2 = server("--http2-cleartext", "--http-protocols", "h2", app="httpbin")
    assert ask(only_h2).status == 200
    with RawConnection(only_h2.address) as client:
        client.send(request("/hello"))
        assert b"HTTP/1.1" not in client.read_to_end()


def test_the_settings_are_those_that_were_set(server):
    chosen = server("--http2-cleartext", "--http2-max-concurrent-streams", "7",
                    "--http2-initial-window-size", "100000", "--http2-max-frame-size", "32k",
                    "--http2-max-header-list-size", "8k", app="httpbin")
    with H2Connection(chosen.address) as client:
        assert client.ask_h2().status == 200
        assert client.settings == {
            MAX_CONCURRENT_STREAMS: 7, INITIAL_WINDOW_SIZE: 100000, MAX_FRAME_SIZE: 32768,
            MAX_HEADER_LIST_SIZE: 8192, ENABLE_CONNECT_PROTOCOL: 1, NO_RFC7540_PRIORITIES: 1}
        assert client.acknowledged == 1


# ---- requests and answers --------------------------------------------------------------------

def test_an_answer_has_lower_case_fields_and_none_of_the_connection(shop):
    answer = ask(shop)
    names = [name for name, _ in answer.fields]
    assert names == [":status", "content-type", "date", "server", "content-length"]
    assert answer.get("content-length") == "13" and answer.get("server") == "uringcorn"


def test_the_application_sees_a_request_of_http_2(shop):
    answer = ask(shop, "/anything?a=b%20c&d", fields=[("x-one", "1"), ("x-one", "2")])
    seen = json.loads(answer.body)
    assert seen["args"] == {"a": "b c", "d": ""} and seen["method"] == "GET"
    assert seen["headers"]["Host"] == "test.example" and seen["headers"]["X-One"] == "1,2"
    assert seen["url"] == "http://test.example/anything?a=b%20c&d"


def test_cookie_crumbs_are_one_field_to_the_application(shop):
    crumbs = [("cookie", "a=b"), ("x-between", "y"), ("cookie", "c=d"), ("cookie", "e=f")]
    seen = json.loads(ask(shop, "/headers", fields=crumbs).body)
    assert seen["headers"]["Cookie"] == "a=b; c=d; e=f"
    assert json.loads(ask(shop, "/cookies", fields=crumbs).body)["cookies"] == {
        "a": "b", "c": "d", "e": "f"}


def test_a_body_with_and_without_a_length(shop):
    for fields in [("content-length", "11")], []:
        answer = ask(shop, "/post", method="POST", fields=fields, body=b"hello=world")
        seen = json.loads(answer.body)
        assert seen["data"] == "hello=world"


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 1_000_000])
def test_a_body_is_echoed_whole_whatever_its_size(shop, size):
    body = bytes(i * 7 % 251 for i in range(size))
    run = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-", f"{shop.url}/echo"],
        input=body, capture_output=True, timeout=60, check=True)
    assert run.stdout == body


def test_head_announces_the_length_and_sends_no_body(shop):
    answer = ask(shop, method="HEAD")
    assert answer.get("content-length") == "13" and answer.body == b"" and answer.ended


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_ends_with_its_head(shop, status):
    answer = ask(shop, f"/status/{status}")
    assert answer.status == status and answer.body == b""
    assert answer.get("content-length") is None


def test_options_for_the_whole_server(shop):
    assert ask(shop, "*", method="OPTIONS").status == 200


def test_connect_is_answered_501(shop):
    fields = [(":method", "CONNECT"), (":authority", "test.example:443")]
    with H2Connection(shop.address) as client:
        assert client.ask_h2(fields).status == 501
        assert client.ask_h2().status == 200


def test_expect_100_is_answered_when_the_body_is_read(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST", [("expect", "100-continue")]), False)
        client.read_until_true(lambda: client.answer(stream).interim)
        assert client.answer(stream).interim[0][0] == (":status", "100")
        client.data(stream, b"late", end_stream=True)
        assert json.loads(client.finish(stream).body)["data"] == "late"


def test_trailers_are_no_header_fields(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.data(stream, b"body")
        client.headers(stream, [("x-sum", "1")], end_stream=True)
        seen = json.loads(client.finish(stream).body)
        assert seen["data"] == "body" and "X-Sum" not in seen["headers"]


def test_a_streamed_answer_without_a_length(shop):
    answer = ask(shop, "/stream/5")
    assert answer.get("content-length") is None and answer.body.count(b"\n") == 5


def test_the_answer_to_a_request_whose_body_is_not_read_comes_at_once(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/hello", "GET"), end_stream=False)
        client.data(stream, b"x" * 1000)
        assert client.finish(stream).body == b"Hello, World!"
        assert client.ask_h2().status == 200
        # RFC 9113 section 8.1: the client need not send the rest.
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        assert client.answer(stream).reset == NO_ERROR
        assert client.ask_h2().status == 200


def test_a_client_may_end_a_body_that_is_not_read(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/not-there", "POST"), end_stream=False)
        client.data(stream, b"x" * 10_000)
        assert client.finish(stream).status == 404
        for sent in range(20_000, 210_000, 10_000):
            client.data(stream, b"x" * 10_000)
            client.read_until_true(lambda: client.credit.get(stream, 0) > sent - 65_535)
        client.data(stream, end_stream=True)
        client.ping()
        assert client.answer(stream).reset is None


def test_what_is_thrown_away_of_a_body_is_bounded(server):
    shop = server("--http2-cleartext", "--limit-unread-body", "40000", app="httpbin")
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/not-there", "POST"), end_stream=False)
        assert client.finish(stream).status == 404
        for _ in range(4):
            client.data(stream, b"x" * 10_000)
        client.read_until_true(lambda: client.credit.get(stream, 0) > 0)
        for _ in range(6):
            client.data(stream, b"x" * 10_000)
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        assert client.credit[stream] == 40_000


@pytest.mark.parametrize("size", [60_000, 10_000_000])
def test_curl_sees_the_answer_to_what_nobody_reads(shop, size):
    done = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-", "-w", "%{http_code}",
         f"{shop.url}/not-there"], input=b"x" * size, capture_output=True, timeout=DEADLINE_S)
    assert done.stderr == b""
    assert done.stdout.endswith(b"404")


# ---- streams ---------------------------------------------------------------------------------

def test_streams_run_beside_each_other_and_are_answered_as_they_are_ready(shop):
    with H2Connection(shop.address) as client:
        slow = client.begin(path="/delay/1")
        quick = client.begin()
        client.finish(quick)
        assert not client.answer(slow).is_over
        assert client.finish(slow).status == 200


def test_a_hundred_streams_at_once(shop):
    with H2Connection(shop.address) as client:
        streams = [client.begin(path=f"/anything?n={n}") for n in range(100)]
        for number, stream in enumerate(streams):
            assert json.loads(client.finish(stream).body)["args"] == {"n": str(number)}


def test_large_heads_for_clients_that_do_not_read_yet_stay_their_own(server):
    # Each takes several frames, which go out as their clients take them: in turns, in the end.
    shop = server("--http2-cleartext", "--limit-request-line", "40k", app="httpbin")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(H2Connection(shop.address)) for _ in range(3)]
        marks = {}
        for number, client in enumerate(clients):
            client.huffman = False
            for _ in range(60):
                # Of bytes that are not made shorter by Huffman's code, which takes Python long.
                mark = f"{number:02b}{client.next_stream:08b}".translate({48: "X", 49: "Z"}) * 2000
                stream = client.begin(path=f"/response-headers?x-mark={mark}", method="HEAD")
                marks[client, stream] = mark
        waiting = set(clients)
        while waiting:
            for client in list(waiting):
                client.read_frame()
                if sum(bool(answer.fields) for answer in client.answers.values()) == 60:
                    waiting.remove(client)
        assert {(client, stream): answer.get("x-mark") for client in clients
                for stream, answer in client.answers.items()} == marks


def test_streams_share_the_connection_fairly(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1 << 24}) as client:
        client.window_update(0, 1 << 24)
        streams = [client.begin(path="/bytes/400000") for _ in range(3)]
        order = []
        while not all(client.answer(stream).ended for stream in streams):
            frame = client.read_frame()
            if frame.type == DATA:
                order.append(frame.stream)
        first_end = min(len(order) - 1 - order[::-1].index(stream) for stream in streams)
        # When the first is done, each of the others has had nearly as many frames.
        share = [order[:first_end].count(stream) for stream in streams]
        assert min(share) > 0.7 * max(share), share


def order_of_ends(client, streams):
    ended = []
    while len(ended) < len(streams):
        client.read_frame()
        ended += [one for one in streams if client.answer(one).ended and one not in ended]
    return ended


def test_an_urgent_stream_goes_first(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1 << 24}) as client:
        # The connection's window is used up, so that nothing moves until all answers are ready.
        client.takes_data = False
        assert len(client.ask_h2(path="/bytes/65535").body) == 65535
        streams = [client.begin(path="/bytes/100000", fields=[("priority", priority)])
                   for priority in ("u=6", "u=3, i", "u=0")]
        client.read_until_true(lambda: all(client.answer(one).fields for one in streams))
        client.window_update(0, 1 << 24)
        assert order_of_ends(client, streams) == streams[::-1]


def test_streams_that_are_not_incremental_go_one_after_the_other(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1 << 24}) as client:
        client.takes_data = False
        assert len(client.ask_h2(path="/bytes/65535").body) == 65535
        streams = [client.begin(path="/filler/100000", fields=[("priority", "u=3")])
                   for _ in range(3)]
        client.read_until_true(lambda: all(client.answer(one).fields for one in streams))
        client.window_update(0, 1 << 24)
        for stream in streams:
            client.read_until_true(lambda: len(client.answer(stream).body) == 100_000)
            assert not any(client.answer(later).body for later in streams if later > stream)


def test_priority_updates_for_streams_that_are_over_are_forgotten(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1 << 24}) as client:
        client.takes_data = False
        over = [client.begin(path="/status/204") for _ in range(100)]
        for stream in over:
            client.finish(stream)
        for stream in over:
            client.frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", stream) + b"u=0")
        assert len(client.ask_h2(path="/bytes/65535").body) == 65535
        last = client.next_stream + 4
        client.frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", last) + b"u=0")
        streams = [client.begin(path="/bytes/100000") for _ in range(3)]
        client.read_until_true(lambda: all(client.answer(one).fields for one in streams))
        client.window_update(0, 1 << 24)
        assert order_of_ends(client, streams)[0] == last


def test_a_priority_update_counts_before_and_after_its_stream(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1 << 24}) as client:
        client.frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 7) + b"u=0")
        client.takes_data = False
        assert len(client.ask_h2(path="/bytes/65535").body) == 65535
        streams = [client.begin(path="/bytes/100000") for _ in range(3)]
        client.read_until_true(lambda: all(client.answer(one).fields for one in streams))
        client.frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 3) + b"u=7")
        client.window_update(0, 1 << 24)
        assert order_of_ends(client, streams) == [7, 5, 3]


def test_more_streams_than_allowed_are_refused_and_the_rest_served(server):
    few = server("--http2-cleartext", "--http2-max-concurrent-streams", "2", app="httpbin")
    with H2Connection(few.address) as client:
        client.read_until_true(lambda: client.settings is not None)
        client.ping()
        slow = [client.begin(path="/delay/0.5") for _ in range(2)]
        refused = client.begin()
        client.read_until_true(
            lambda: client.answer(refused).is_over or client.goaways)
        assert not client.answer(refused).fields
        if not client.goaways:
            assert all(client.finish(stream).status == 200 for stream in slow)


# ---- flow control ----------------------------------------------------------------------------

def test_a_body_that_nobody_reads_stops_the_client_at_the_stream_s_window(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/delay/10", "POST"), end_stream=False)
        for _ in range(3):
            client.data(stream, b"x" * 16_384)
        client.ping()
        assert client.credit.get(stream, 0) == 0
        assert client.credit[0] >= 3 * 16_384  # other streams have theirs
        assert client.ask_h2(method="POST", path="/post", body=b"y" * 16_000).status == 200


def test_credit_comes_as_the_body_is_read(shop):
    with H2Connection(shop.address) as client:
        stream = client.begin(head("/post", "POST"), end_stream=False)
        for _ in range(10):
            client.data(stream, b"x" * 16_000)
            sent = 16_000
            client.read_until_true(lambda: client.credit.get(stream, 0) > 0 or sent < 32_768)
        client.data(stream, end_stream=True)
        assert len(json.loads(client.finish(stream).body)["data"]) == 160_000


def test_a_client_that_gives_no_credit_stops_its_stream_and_no_other(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 1000}, takes_data=False) as client:
        stalled = client.begin(path="/bytes/1000000")
        client.read_until_true(lambda: len(client.answer(stalled).body) == 1000)
        assert client.ask_h2().body == b"Hello, World!"
        client.ping()
        assert len(client.answer(stalled).body) == 1000
        client.window_update(stalled, 500)
        client.read_until_true(lambda: len(client.answer(stalled).body) == 1500)


def test_credit_that_comes_with_settings_moves_streams_that_wait(shop):
    with H2Connection(shop.address, {INITIAL_WINDOW_SIZE: 0}, takes_data=False) as client:
        stream = client.begin()
        client.read_until_true(lambda: client.answer(stream).fields)
        client.ping()
        assert client.answer(stream).body == b""
        client.frame(4, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 5))
        client.read_until_true(lambda: client.answer(stream).body == b"Hello")
        client.frame(4, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 100))
        assert client.finish(stream).body == b"Hello, World!"


# ---- a stream that ends early ----------------------------------------------------------------

def test_a_stream_that_is_cancelled_leaves_the_others_alone(shop):
    with H2Connection(shop.address) as client:
        gone = client.begin(path="/delay/10")
        slow = client.begin(path="/delay/0.2")
        client.reset(gone, CANCEL)
        assert client.finish(slow).status == 200
        client.ping()
        assert not client.answer(gone).is_over


def test_a_cancelled_stream_is_499_in_the_access_log(server):
    logged = server("--http2-cleartext", "--access-logfile", "-",
                    "--access-log-format", "LOGGED %(r)s %(s)s %(b)s", app="httpbin")
    with H2Connection(logged.address) as client:
        gone = client.begin(path="/delay/10")
        client.ping()
        client.reset(gone)
        client.ping()
        assert client.ask_h2().status == 200
        logged.wait_for_log("LOGGED GET /hello HTTP/2.0 200 13")
        logged.wait_for_log("LOGGED GET /delay/10 HTTP/2.0 499 -")


# ---- other clients ---------------------------------------------------------------------------

def test_python_h2_as_a_client(shop):
    with RawConnection(shop.address) as client:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        connection.initiate_connection()
        for stream in (1, 3, 5):
            connection.send_headers(stream, head("/bytes/100000"), end_stream=True)
        client.send(connection.data_to_send())
        received, ended = {1: 0, 3: 0, 5: 0}, set()
        while len(ended) < 3:
            for event in connection.receive_data(client.socket.recv(65536)):
                if isinstance(event, h2.events.DataReceived):
                    received[event.stream_id] += len(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length,
                                                         event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
            client.send(connection.data_to_send())
        assert received == {1: 100000, 3: 100000, 5: 100000}
