# SPDX-License-Identifier: MIT
"""HTTP/2 and WebSockets in the worker classes `threads` and `sync`."""
import json
import time

import pytest

from h2_client import CANCEL, INTERNAL_ERROR, H2Connection
from raw_client import ConnectionEnded, RawConnection, request
from raw_websocket import RawWebSocket, handshake, text
from tls_client import TlsConnection, client_context

UNSAFE = {"HTTPBIN_UNSAFE": "1"}


@pytest.fixture
def threads(server):
    def start(*arguments):
        return server("-k", "threads", "--http2-cleartext", *arguments, app="httpbin",
                      environment=UNSAFE)
    return start


# ---- HTTP/2 in `threads` ---------------------------------------------------------------------

def ask_all(running, paths):
    """The answers to requests that one connection makes at the same time, and how long it took."""
    with H2Connection(running.address) as client:
        begin = time.monotonic()
        streams = [client.begin(path=path) for path in paths]
        answers = [client.finish(stream) for stream in streams]
        return answers, time.monotonic() - begin


def test_streams_of_one_connection_run_on_several_threads(threads):
    running = threads("--threads", "4")
    for path in ("/block/300", "/offload/300"):
        answers, seconds = ask_all(running, [path] * 4)
        assert [answer.status for answer in answers] == [200] * 4
        assert not any(json.loads(answer.body)["is_main_thread"] for answer in answers)
        assert seconds < 1.1


def test_streams_that_wait_hold_no_thread(threads):
    answers, seconds = ask_all(threads("--threads", "1"), ["/delay/0.5"] * 20)
    assert [answer.status for answer in answers] == [200] * 20
    assert seconds < 4


BODY = bytes(range(256)) * 1024  # more than is received ahead, and than a stream's first window


def upload(client, path):
    """A stream that BODY goes up on, as far as the server lets it."""
    stream = client.begin(path=path, method="POST", end_stream=False)
    sent, credit = 0, client.settings.get(4, 65_535)
    while sent < len(BODY):
        client.read_until_true(
            lambda: credit + client.credit.get(stream, 0) > sent or client.answer(stream).is_over)
        size = min(16_384, len(BODY) - sent, credit + client.credit.get(stream, 0) - sent)
        client.data(stream, BODY[sent:sent + size], end_stream=sent + size == len(BODY))
        sent += size
    return stream


def test_bodies_go_both_ways(threads):
    running = threads("--threads", "1")
    with H2Connection(running.address) as client:
        client.read_until_true(lambda: client.settings is not None)
        assert client.finish(upload(client, "/echo")).body == BODY
        answer = client.finish(upload(client, "/sum"))
        assert answer.body == b"%d bytes, sum %d\n" % (len(BODY), sum(BODY))
        streams = [client.begin(path="/sse/3?pause_ms=100") for _ in range(5)]
        for stream in streams:
            assert b"event 2" in client.finish(stream).body


def test_a_stream_that_finds_no_place_in_the_queue_is_told_to_come_again(threads):
    running = threads("--threads", "1", "--thread-queue", "1")
    with H2Connection(running.address) as client:
        blocked = client.begin(path="/block/600000")
        waiting = client.begin(path="/block/1")
        refused = client.finish(client.begin(path="/block/1"))
        assert refused.status == 503 and refused.get("retry-after") == "1"
        client.reset(blocked)  # its handler is asked to stop, and the one that waits has its turn
        assert client.finish(waiting).status == 200


@pytest.mark.parametrize("path", ["/stick/4", "/blocking-stick/4", "/burn/4000"])
def test_the_time_of_a_request_frees_the_stream_of_a_thread_that_heeds_nothing(threads, path):
    running = threads("--threads", "2", "--request-timeout", "300ms", "--access-logfile", "-")
    with H2Connection(running.address) as client:
        begin = time.monotonic()
        stuck = client.begin(path=path)
        answer = client.finish(stuck)
        assert (answer.status, answer.reset) == (504, None)
        assert b"request-timeout" in answer.body
        assert client.ask_h2(path="/hello").status == 200  # the other thread's
        assert time.monotonic() - begin < 3.5
        assert not running.lines(f'GET {path} HTTP/2.0" 504')  # its thread is still at it
        running.wait_for_line(f'GET {path} HTTP/2.0" 504')
        assert time.monotonic() - begin > 3.5
        assert client.ask_h2(path="/hello").status == 200


def test_the_time_of_a_request_frees_the_stream_of_an_async_handler_that_blocks(server):
    running = server("--http2-cleartext", "--request-timeout", "300ms", app="httpbin",
                     environment=UNSAFE)
    with H2Connection(running.address) as client:
        begin = time.monotonic()
        assert client.ask_h2(path="/blocking-stick/4").status == 504
        assert time.monotonic() - begin < 3.5


def test_the_time_of_a_request_ends_a_streamed_answer_that_heeds_nothing(threads):
    running = threads("--threads", "2", "--request-timeout", "300ms")
    begin = time.monotonic()
    with H2Connection(running.address) as client:
        answer = client.ask_h2(path="/stick-in-stream/4")
        assert (answer.status, answer.body, answer.reset) == (200, b"sticks\n", INTERNAL_ERROR)
        assert client.ask_h2(path="/hello").status == 200
    with RawConnection(running.address) as client:
        client.send(request("/stick-in-stream/4"))
        with pytest.raises((ConnectionEnded, ConnectionResetError)):
            client.read_answer()
    assert time.monotonic() - begin < 3.5


def test_streams_that_are_reset_at_any_moment_leave_nothing_behind(threads):
    running = threads("--threads", "2")
    with H2Connection(running.address) as client:
        for number in range(60):
            streams = [client.begin(path=path) for path in
                       ("/block/50", "/offload/50", "/delay/0.05", "/sse/9?pause_ms=9", "/place")]
            if number % 3:
                client.ping()
            for stream in streams:
                client.reset(stream, CANCEL)
            assert client.ask_h2(path="/hello").status == 200
    with H2Connection(running.address) as client:
        for path in ("/block/1", "/offload/1", "/place"):
            assert client.ask_h2(path=path).status == 200


# ---- HTTP/2 and `sync` -----------------------------------------------------------------------

def test_sync_offers_no_http2(server, authority, pair):
    running = server("-k", "sync", "--certfile", str(pair.certificate), "--keyfile", str(pair.key),
                     app="httpbin")
    context = client_context(authority, alpn=["h2", "http/1.1"])
    with TlsConnection(running.address, context) as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert client.ask(request("/hello")).closes


@pytest.mark.parametrize("arguments, named", [
    (["--http2-cleartext"], "http2_cleartext (true, --http2-cleartext)"),
    (["--http-protocols", "h2"], "http_protocols (h2, --http-protocols)")])
def test_sync_is_not_asked_for_http2(server, arguments, named):
    running = server("-k", "sync", *arguments, wait=False)
    assert running.wait() == 2
    assert running.log == (
        f"uringcorn: {named} asks for HTTP/2, and the worker_class sync (--worker-class) speaks "
        "HTTP/1.1 only: take the class threads or async\n")


# ---- WebSockets ------------------------------------------------------------------------------

def test_a_websocket_of_threads_holds_no_thread(threads):
    running = threads("--threads", "1")
    sockets = [RawWebSocket(running.address) for _ in range(5)]
    with RawConnection(running.address) as blocked:
        blocked.send(request("/block/600000"))
        for number, socket in enumerate(sockets):
            socket.send(text(f"message {number}"))
            assert socket.read_message()[1] == b"message %d" % number
    for socket in sockets:
        socket.close()
    assert running.get("/block/1").status == 200


def test_sync_opens_no_websocket(server):
    running = server("-k", "sync", app="httpbin")
    for _ in range(3):
        with RawConnection(running.address) as client:
            answer = client.ask(handshake("/ws/echo"))
            assert answer.status == 501 and answer.closes
            assert answer.get("Upgrade") is None
            assert client.read_to_end() == b""
    said = running.wait_for_line("WARNING.*GET /ws/echo is refused")
    assert "the class sync has one request at a time and opens no WebSockets" in said
    assert len(running.lines("WARNING.*WebSocket")) == 1
    assert running.get("/hello").status == 200
