# SPDX-License-Identifier: MIT
"""HTTP/1.1 on the wire: RFC 9110 and 9112, spoken byte by byte to the real server."""
import socket
import time

import pytest

from processes import cpu_seconds, wait_until
from raw_client import DEADLINE_S, ConnectionEnded, RawConnection, request

HELLO = request("/hello")


@pytest.fixture
def shop(server):
    """A server of the httpbin example."""
    return server(app="httpbin")


def refused(address, data: bytes, status: int):
    """`data` is answered by `status`, and the connection is closed."""
    with RawConnection(address) as client:
        answer = client.ask(data)
        assert answer.status == status, answer
        assert answer.closes, answer
        assert client.read_to_end() == b""


# ---- the request line ------------------------------------------------------------------------

@pytest.mark.parametrize("line, status", [
    (b"GET /hello HTTP/1.1", 200),
    (b"GET http://test.example/hello HTTP/1.1", 200),
    (b"get /hello HTTP/1.1", 405),
    (b"OPTIONS * HTTP/1.1", 200),
    (b"OPTIONS http://test.example HTTP/1.1", 200),
])
def test_a_good_request_line(shop, line, status):
    with RawConnection(shop.address) as client:
        assert client.ask(line + b"\r\nHost: test.example\r\n\r\n").status == status


@pytest.mark.parametrize("line, status", [
    (b"GET  /hello HTTP/1.1", 400),
    (b"GET /hello  HTTP/1.1", 400),
    (b"GET\t/hello HTTP/1.1", 400),
    (b" GET /hello HTTP/1.1", 400),
    (b"GET /hello HTTP/1.1 ", 400),
    (b"GET /hello", 400),
    (b"GET /he llo HTTP/1.1", 400),
    (b"GET /hello#part HTTP/1.1", 400),
    (b"GET /h\x80llo HTTP/1.1", 400),
    (b"GET /h\x00llo HTTP/1.1", 400),
    (b"GET hello HTTP/1.1", 400),
    (b"GET * HTTP/1.1", 400),
    (b"G(T /hello HTTP/1.1", 400),
    (b"GET /hello http/1.1", 400),
    (b"GET /hello HTTP/1.10", 400),
    (b"GET /hello HTTP/2.0", 505),
    (b"CONNECT test.example:443 HTTP/1.1", 501),
])
def test_a_bad_request_line_is_refused_and_the_connection_closed(shop, line, status):
    refused(shop.address, line + b"\r\nHost: test.example\r\n\r\n", status)


def test_one_empty_line_before_a_request_is_tolerated(shop):
    with RawConnection(shop.address) as client:
        assert client.ask(b"\r\n" + HELLO).status == 200
        assert client.ask(b"\r\n" + HELLO).status == 200


# ---- fields ----------------------------------------------------------------------------------

@pytest.mark.parametrize("fields", [
    b"Host: test.example\nX: y",
    b"Host: test.example\rX: y",
    b"Host: test.example\r\nX: a\x00b",
    b"Host: test.example\r\nX: a\x01b",
    b"Host: test.example\r\nX : y",
    b"Host: test.example\r\n X: y",
    b"Host: test.example\r\nX: a\r\n b",
    b"Host: test.example\r\n: y",
    b"Host: test.example\r\nX",
    b"Host: test.example\r\nX(y): z",
    b"X: y",
    b"Host: one.example\r\nHost: two.example",
    b"Host: one.example\r\nHost: one.example",
    b"Host: a b",
    b"Host: user@test.example",
    b"Host: test.example:port",
    b"Host: test.example/path",
])
def test_a_bad_field_section_is_refused(shop, fields):
    refused(shop.address, b"GET /hello HTTP/1.1\r\n" + fields + b"\r\n\r\n", 400)


def test_http_1_0_needs_no_host(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(b"GET /hello HTTP/1.0\r\n\r\n")
        assert answer.status == 200 and answer.body == b"Hello, World!"
        assert client.read_to_end() == b""


# ---- framing: nothing after bad framing is ever parsed as a request --------------------------

@pytest.mark.parametrize("fields, status", [
    (b"Content-Length: +5", 400),
    (b"Content-Length: -5", 400),
    (b"Content-Length: 5, 5", 400),
    (b"Content-Length: 5\r\nContent-Length: 5", 400),
    (b"Content-Length: 5\r\nContent-Length: 6", 400),
    (b"Content-Length: 0x5", 400),
    (b"Content-Length: ", 400),
    (b"Content-Length: 99999999999999999999", 400),
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
    (b"Transfer-Encoding: chunked, chunked", 400),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    (b"Transfer-Encoding: gzip", 501),
    (b"Transfer-Encoding: gzip, chunked", 501),
    (b"Transfer-Encoding: xchunked", 501),
    (b"Transfer-Encoding : chunked", 400),
    (b"Transfer-Encoding: \x0bchunked", 400),
])
def test_ambiguous_framing_is_refused(shop, fields, status):
    smuggled = b"GET /status/418 HTTP/1.1\r\nHost: test.example\r\n\r\n"
    head = b"POST /echo HTTP/1.1\r\nHost: test.example\r\n" + fields + b"\r\n\r\n"
    refused(shop.address, head + smuggled, status)


def test_transfer_encoding_in_http_1_0_is_refused(shop):
    head = b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
    refused(shop.address, head + b"0\r\n\r\n", 400)


CHUNKED = b"POST /echo HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunked_body_is_put_together(shop):
    body = b'5;name=value;other="quo ted"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n'
    with RawConnection(shop.address) as client:
        assert client.ask(CHUNKED + body).body == b"hello world"
        assert client.ask(HELLO).status == 200


def test_a_chunked_body_sent_a_byte_at_a_time(shop):
    with RawConnection(shop.address) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in CHUNKED + b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n":
            client.send(bytes([byte]))
        assert client.read_answer().body == b"hello0123456789"


@pytest.mark.parametrize("body", [
    b"G\r\n",
    b"-1\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5;\x00\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
    b"5\r\nhello\r\n0\r\nBad Name: 3\r\n\r\n",
])
def test_a_bad_chunk_ends_the_connection_and_nothing_behind_it_is_answered(shop, body):
    with RawConnection(shop.address) as client:
        # /post reads the whole body before it answers, so that its client learns of the error.
        client.send(CHUNKED.replace(b"/echo", b"/post") + body + HELLO + HELLO)
        answer = client.read_answer()
        assert answer.status == 400 and answer.closes
        assert client.read_to_end() == b""


def test_a_chunk_larger_than_any_number_is_answered_413(shop):
    head = CHUNKED.replace(b"/echo", b"/post")
    refused(shop.address, head + b"FFFFFFFFFFFFFFFFFF\r\n" + HELLO, 413)


def test_a_body_that_ends_early_is_an_error(shop):
    with RawConnection(shop.address) as client:
        client.send(b"POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        client.send_end()
        assert not client.read_to_end().startswith(b"HTTP/1.1 200")


def test_an_upload_that_its_client_breaks_off_is_no_error_of_the_application(shop):
    with RawConnection(shop.address) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        assert client.read_head().status == 200  # its producer reads the rest of the body
        client.send_end()
        assert client.read_to_end() == b"abc"
    shop.wait_for_log("the answer was broken off")
    assert not shop.lines("ERROR")


# ---- Expect, HEAD, statuses without a body ----------------------------------------------------

EXPECTING = b"Host: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def test_expect_100_is_answered_when_the_body_is_read(shop):
    with RawConnection(shop.address) as client:
        client.send(b"POST /post HTTP/1.1\r\n" + EXPECTING)
        assert client.read_head().status == 100
        client.send(b"hello")
        assert client.read_answer().status == 200
        assert client.ask(HELLO).status == 200


def test_expect_100_is_not_answered_when_the_handler_does_not_read(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(b"POST /status/403 HTTP/1.1\r\n" + EXPECTING)
        assert answer.status == 403
        assert answer.closes  # whether the body will follow is anybody's guess
        assert client.read_to_end() == b""


def test_other_expectations_fail(shop):
    with RawConnection(shop.address) as client:
        assert client.ask(request("/hello", fields=[("Expect", "coffee")])).status == 417


def test_head_has_the_fields_of_get_and_no_body(shop):
    with RawConnection(shop.address) as client:
        got = client.ask(HELLO)
        head = client.ask(request("/hello", "HEAD"), to_head=True)
        assert head.status == 200
        assert head.get("content-length") == got.get("content-length") == "13"
        assert client.ask(HELLO).body == b"Hello, World!"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(shop, status):
    with RawConnection(shop.address) as client:
        answer = client.ask(request(f"/status/{status}"))
        assert answer.status == status
        assert answer.get("transfer-encoding") is None
        assert client.ask(HELLO).body == b"Hello, World!"


# ---- keep-alive and pipelining -----------------------------------------------------------------

def test_connection_close_is_a_token_of_a_list(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(request("/hello", fields=[("Connection", "foo, Close ,bar")]))
        assert answer.closes
        assert client.read_to_end() == b""


def test_the_last_answer_is_whole_though_the_client_sends_more_than_it_should(server):
    site = server(app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    last = request("/burn/1000", fields=[("Connection", "close")])
    worker, = site.wait_until_ready()
    with RawConnection(site.address) as client:
        before = cpu_seconds(worker)
        client.send(last)
        wait_until(lambda: cpu_seconds(worker) > before + 0.02, "the handler to be at work")
        client.send(b"\r\n")  # lies in the socket when it is closed
        answer = client.read_answer()
        assert answer.status == 200 and answer.closes


def test_http_1_0_keeps_the_connection_when_asked_to(shop):
    with RawConnection(shop.address) as client:
        for _ in range(3):
            answer = client.ask(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert answer.get("connection") == "keep-alive"
            assert answer.body == b"Hello, World!"


def test_http_1_0_streams_end_with_the_connection(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(b"GET /stream/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.get("transfer-encoding") is None
        assert answer.body.count(b"\n") == 3


def test_pipelined_requests_are_answered_in_order(shop):
    count = 200
    with RawConnection(shop.address) as client:
        client.send(b"".join(request(f"/anything/{n}") for n in range(count)))
        for n in range(count):
            assert f'/anything/{n}"'.encode() in client.read_answer().body


def test_a_slow_handler_is_not_overtaken(shop):
    with RawConnection(shop.address) as client:
        client.send(HELLO + request("/delay/1") + HELLO)
        assert client.read_answer().body == b"Hello, World!"
        assert b"/delay/1" in client.read_answer().body
        assert client.read_answer().body == b"Hello, World!"


def test_the_answers_before_a_slow_handler_are_not_held_back(shop):
    with RawConnection(shop.address) as client:
        client.send(HELLO + request("/delay/10"))
        start = time.monotonic()
        assert client.read_answer().body == b"Hello, World!"
        assert time.monotonic() - start < 8


def test_pipelined_answers_come_in_one_send(shop):
    with RawConnection(shop.address) as client:
        client.ask(HELLO)
        client.send(HELLO * 10)
        first = client.socket.recv(65536)
        assert first.count(b"Hello, World!") == 10


def test_a_pipelining_client_that_half_closes_gets_its_answers(shop):
    with RawConnection(shop.address) as client:
        client.send(HELLO * 5)
        client.send_end()
        assert client.read_to_end().count(b"Hello, World!") == 5


# ---- bodies that nobody reads ------------------------------------------------------------------

def test_a_small_unread_body_is_drained_and_the_connection_kept(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(request("/status/200", "POST", body=b"x" * 10_000))
        assert answer.status == 200 and not answer.closes
        assert client.ask(HELLO).status == 200


def test_the_answer_to_a_large_unread_body_is_seen(shop):
    with RawConnection(shop.address) as client:
        client.send(b"POST /status/403 HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n")
        try:
            for _ in range(200):
                client.send(b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = client.read_answer()
        assert answer.status == 403 and answer.closes


# ---- limits ------------------------------------------------------------------------------------

def test_limits_of_the_head(server):
    running = server("--limit-request-line", "100", "--limit-request-fields", "5",
                     "--limit-request-field-size", "50", app="httpbin")
    refused(running.address, request("/" + "x" * 100), 414)
    refused(running.address, request("/hello", fields=[(f"X-{n}", "y") for n in range(5)]), 431)
    refused(running.address, request("/hello", fields=[("X", "y" * 60)]), 431)
    with RawConnection(running.address) as client:
        most = [(f"X-{n}", "y") for n in range(4)]
        assert client.ask(request("/hello", fields=most)).status == 200


def test_a_head_that_never_ends_is_refused_while_it_is_sent(shop):
    with RawConnection(shop.address) as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: t\r\nX: ")
        try:
            for _ in range(100):
                client.send(b"y" * 1000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.read_answer().status == 431


def test_the_limit_of_a_body(server):
    running = server("--limit-request-body", "1000", app="httpbin")
    with RawConnection(running.address) as client:
        assert client.ask(request("/echo", "POST", body=b"x" * 1000)).body == b"x" * 1000
    refused(running.address, request("/post", "POST", body=b"x" * 1001), 413)
    with RawConnection(running.address) as client:
        answer = client.ask(CHUNKED.replace(b"/echo", b"/post") + b"3E9\r\n" + b"x" * 1001)
        assert answer.status == 413 and answer.closes


def test_the_limit_of_requests_a_connection(server):
    running = server("--limit-keepalive-requests", "3", app="httpbin")
    with RawConnection(running.address) as client:
        assert [client.ask(HELLO).closes for _ in range(3)] == [False, False, True]
        assert client.read_to_end() == b""


# ---- timeouts: each ends when it should, and not before ---------------------------------------

EARLY_S = 0.1


def test_a_head_that_comes_too_slowly_is_answered_408(server):
    running = server("--request-head-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        start = time.monotonic()
        client.send(b"GET /hello HT")
        answer = client.read_answer()
        assert answer.status == 408 and answer.closes
        assert time.monotonic() - start >= 1 - EARLY_S


def test_a_slowloris_does_not_extend_the_time_by_its_drips(server):
    running = server("--request-head-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        client.socket.settimeout(0.05)
        client.send(b"GET /hello HTTP/1.1\r\nHost: t\r\n")
        deadline = time.monotonic() + DEADLINE_S
        data = b""
        while b"408" not in data:
            assert time.monotonic() < deadline
            try:
                client.send(b"X: y\r\n")
                data += client.socket.recv(65536)
            except socket.timeout:
                pass


def test_an_idle_connection_is_closed_without_an_answer(server):
    running = server("--keep-alive", "1", app="httpbin")
    with RawConnection(running.address) as client:
        client.ask(HELLO)
        start = time.monotonic()
        assert client.read_to_end() == b""
        assert time.monotonic() - start >= 1 - EARLY_S


def test_keep_alive_0_closes_after_each_answer(server):
    running = server("--keep-alive", "0", app="httpbin")
    with RawConnection(running.address) as client:
        assert client.ask(HELLO).closes
        assert client.read_to_end() == b""


def test_a_body_without_progress_is_answered_408(server):
    running = server("--body-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        client.send(b"POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        start = time.monotonic()
        answer = client.read_answer()
        assert answer.status == 408 and answer.closes
        assert time.monotonic() - start >= 1 - EARLY_S


def test_a_client_that_takes_nothing_is_dropped(server):
    running = server("--write-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(request("/bytes/100000000"))
        assert client.socket.recv(1)
        running.wait_until_no_connection()
        with pytest.raises((ConnectionResetError, ConnectionEnded)):
            client.read_exactly(100_000_000)


def test_a_request_past_its_time_is_answered_504(server):
    running = server("--request-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        start = time.monotonic()
        answer = client.ask(request("/delay/10"))
        assert answer.status == 504
        assert 1 - EARLY_S <= time.monotonic() - start < 9


# ---- answers -----------------------------------------------------------------------------------

def test_the_fields_of_an_answer(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(HELLO)
        assert answer.version == "HTTP/1.1" and answer.reason == "OK"
        assert answer.get("server") == "uringcorn"
        assert answer.get("content-length") == "13"
        assert time.strptime(answer.get("date"), "%a, %d %b %Y %H:%M:%S GMT")
        assert answer.get("connection") is None


def test_the_server_field_can_be_set_and_removed(server):
    with RawConnection(server("--server-header", "tea pot", app="httpbin").address) as client:
        assert client.ask(HELLO).get("server") == "tea pot"
    with RawConnection(server("--server-header", "", app="httpbin").address) as client:
        assert client.ask(HELLO).get("server") is None


def test_an_exception_in_a_handler_is_a_500_and_keeps_the_connection(server):
    running = server(app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    with RawConnection(running.address) as client:
        answer = client.ask(request("/throw"))
        assert answer.status == 500 and not answer.closes
        assert client.ask(HELLO).status == 200
    running.wait_for_log("/throw")


def test_a_response_cannot_be_split(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(request("/response-headers?X=a%0d%0aSet-Cookie:%20b"))
        assert answer.status in (400, 500)
        assert answer.get("set-cookie") is None
        assert client.ask(HELLO).status == 200


def test_a_client_that_leaves_cancels_its_handler(shop):
    client = RawConnection(shop.address)
    client.send(HELLO + request("/delay/10"))
    client.read_answer()
    client.close()
    start = time.monotonic()
    shop.wait_until_no_connection()
    assert time.monotonic() - start < 9


def test_error_pages_are_small_and_plain(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(request("/no/such/page"))
        assert answer.status == 404
        assert answer.get("content-type").startswith("text/plain")
        assert len(answer.body) < 200
