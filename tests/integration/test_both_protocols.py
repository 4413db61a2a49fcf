# SPDX-License-Identifier: MIT
"""One table of requests, asked over HTTP/1.1 and over HTTP/2: the same request gets the same
answer, and is refused for the same reason."""

import pytest

from h2_client import NO_ERROR, PROTOCOL_ERROR, H2Connection, head
from raw_client import RawConnection, request

LIMITS = ("--limit-request-line", "200", "--limit-request-fields", "10",
          "--limit-request-field-size", "300", "--limit-request-head", "1000",
          "--limit-request-body", "1000", "--limit-request-text", "500")


class OverHttp1:
    def __init__(self, server):
        self.server = server

    def ask(self, target, method, fields, body):
        with RawConnection(self.server.address) as client:
            client.send(request(target, method, fields, body or b""))
            answer = client.read_answer(to_head=method == "HEAD")
            return answer.status, answer.body, {k.lower(): v for k, v in answer.fields}

    def ask_for_hints(self, target, method):
        """The status and the fields of each interim answer, and the final status."""
        interim = []
        with RawConnection(self.server.address) as client:
            client.send(request(target, method))
            while (answer := client.read_head()).status < 200:
                interim.append((answer.status, {k.lower(): v for k, v in answer.fields}))
            return interim, answer.status

    def ask_with_trailers(self, body, trailers):
        """The body and the trailers of the answer, by names in lower case."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        chunks = f"{len(body):x}\r\n{body}\r\n" if body else ""
        with RawConnection(self.server.address) as client:
            client.send(request("/echo", "POST", [("Transfer-Encoding", "chunked")]) +
                        f"{chunks}0\r\n{lines}\r\n".encode())
            answer = client.read_answer()
            assert client.ask(request("/hello")).status == 200
            return answer.status, answer.body.decode(), [(k.lower(), v) for k, v in answer.trailers]


class OverHttp2:
    def __init__(self, server):
        self.server = server

    def ask(self, target, method, fields, body):
        fields = [(name.lower(), value) for name, value in fields]
        if body:
            fields.append(("content-length", str(len(body))))
        whole = head(target, method, fields)
        if method == "CONNECT":
            whole = [(":method", "CONNECT"), (":authority", target), *fields]
        with H2Connection(self.server.address) as client:
            stream = client.begin(whole, end_stream=not body)
            if body:
                client.data(stream, body, end_stream=True)
            client.read_until_true(
                lambda: client.answer(stream).ended or client.answer(stream).reset)
            answer = client.answer(stream)
            assert client.ask_h2().status == 200  # whatever it was, it was of one stream
            # NO_ERROR: the answer was ready before the body had come.
            assert answer.reset in (None, NO_ERROR, PROTOCOL_ERROR)
            return answer.status, answer.body, dict(answer.fields)

    def ask_for_hints(self, target, method):
        with H2Connection(self.server.address) as client:
            answer = client.ask_h2(head(target, method))
            interim = [dict(fields) for fields in answer.interim]
            return [(int(one.pop(":status")), one) for one in interim], answer.status

    def ask_with_trailers(self, body, trailers):
        with H2Connection(self.server.address) as client:
            stream = client.begin(head("/echo", "POST"), end_stream=False)
            client.data(stream, body.encode(), end_stream=not trailers)
            if trailers:
                client.headers(stream, [(name.lower(), value) for name, value in trailers])
            answer = client.finish(stream)
            assert answer.ended and client.ask_h2().status == 200
            return answer.status, answer.body.decode(), answer.trailers


@pytest.fixture(params=[OverHttp1, OverHttp2], ids=["h1", "h2"])
def shop(request, server):
    return request.param(server("--http2-cleartext", *LIMITS, app="httpbin"))


@pytest.mark.parametrize("target, method, fields, body, status", [
    ("/hello", "GET", [], None, 200),
    ("/hello", "HEAD", [], None, 200),
    ("/hello", "POST", [], None, 405),
    ("/nothing", "GET", [], None, 404),
    ("/hello", "BREW", [], None, 405),
    ("*", "OPTIONS", [], None, 200),
    ("/status/204", "GET", [], None, 204),
    ("/status/304", "GET", [], None, 304),
    ("/status/418", "GET", [], None, 418),
    ("/post", "POST", [], b"body", 200),
    ("test.example:443", "CONNECT", [], None, 501),
    # What cannot be a request.
    ("*", "GET", [], None, 400),
    ("/a#b", "GET", [], None, 400),
    ("/h\x80", "GET", [], None, 400),
    ("/%zz", "GET", [], None, 400),
    ("/%00", "GET", [], None, 400),
    ("/hello", "G(T", [], None, 400),
    ("test.example", "CONNECT", [], None, 400),
    # Fields.
    ("/hello", "GET", [("X", "\x7f")], None, 400),
    ("/hello", "GET", [("X", "a\x00b")], None, 400),
    ("/hello", "GET", [("X Y", "z")], None, 400),
    ("/hello", "GET", [("X(", "z")], None, 400),
    ("/hello", "GET", [("", "z")], None, 400),
    ("/hello", "GET", [("Host", "other.example")], None, 400),
    ("/hello", "GET", [("Content-Length", "+5")], None, 400),
    ("/hello", "GET", [("Content-Length", "5, 5")], None, 400),
    ("/hello", "GET", [("Content-Length", "0"), ("Content-Length", "0")], None, 400),
    ("/hello", "GET", [("Expect", "miracles")], None, 417),
    ("/hello", "GET", [("X", "caf\xe9")], None, 200),
    # Limits.
    ("/hello?" + "x" * 180, "GET", [], None, 200),
    ("/hello?" + "x" * 181, "GET", [], None, 414),
    ("/hello", "GET", [("X", "x" * 297)], None, 200),
    ("/hello", "GET", [("X", "x" * 298)], None, 431),
    ("/hello", "GET", [(f"X-{n}", "") for n in range(9)], None, 200),
    ("/hello", "GET", [(f"X-{n}", "") for n in range(10)], None, 431),
    ("/hello", "GET", [(f"X-{n}", "x" * 290) for n in range(4)], None, 431),
    ("/post", "POST", [], b"x" * 500, 200),
    ("/post", "POST", [], b"x" * 501, 413),
    ("/post", "POST", [], b"x" * 1001, 413),
])
def test_the_same_request_gets_the_same_status(shop, target, method, fields, body, status):
    assert shop.ask(target, method, fields, body)[0] == status


@pytest.mark.parametrize("target, method", [
    ("/hello", "GET"), ("/nothing", "GET"), ("/json", "GET"), ("/status/500", "GET"),
    ("/hello", "HEAD"), ("/redirect/1", "GET"), ("/response-headers?a=b", "GET")])
def test_the_same_answer_but_for_its_framing(server, target, method):
    both = server("--http2-cleartext", app="httpbin")
    answers = []
    for version in OverHttp1, OverHttp2:
        status, body, fields = version(both).ask(target, method, [], None)
        fields = {name: value for name, value in fields.items()
                  if name not in ("date", "connection", ":status")}
        answers.append((status, body, fields))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_early_hints_come_ahead_of_the_answer(shop, method):
    hints = {"link": "</style.css>; rel=preload; as=style"}
    assert shop.ask_for_hints("/early-hints", method) == ([(103, hints)], 200)


TRAILERS = [("X-Sum", "d41d8cd9"), ("Server-Timing", "a;dur=1"), ("X-Sum", "")]


@pytest.mark.parametrize("worker_class", ["async", "threads"])
@pytest.mark.parametrize("version", [OverHttp1, OverHttp2])
def test_trailers_come_and_go_behind_the_body(server, version, worker_class):
    echo = version(server("--http2-cleartext", "-k", worker_class, app="httpbin"))
    expected = [(name.lower(), value) for name, value in TRAILERS]
    assert echo.ask_with_trailers("body", TRAILERS) == (200, "body", expected)
    assert echo.ask_with_trailers("x" * 10_000, TRAILERS) == (200, "x" * 10_000, expected)
    assert echo.ask_with_trailers("body", []) == (200, "body", [])


def test_trailers_that_were_broken_off_are_nobodys(server):
    echo = OverHttp1(server(app="httpbin"))
    for _ in range(3):
        with RawConnection(echo.server.address) as client:
            client.send(request("/echo", "POST", [("Transfer-Encoding", "chunked")]) +
                        b"4\r\nbody\r\n0\r\nX-Secret: 1\r\nX-Ha")
            assert client.read_head().status == 200  # the end of the body is waited for
    expected = [(name.lower(), value) for name, value in TRAILERS]
    assert echo.ask_with_trailers("body", TRAILERS) == (200, "body", expected)


def test_trailers_beyond_what_can_be_kept_are_refused_whatever_the_limits(server):
    running = server("--http2-cleartext", "--limit-request-head", "16m", "--limit-request-fields",
                     "2000", app="httpbin")
    workers = running.workers()
    trailers = [("X-Sum", "x" * 4000)] * 300
    lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    with RawConnection(running.address) as client:
        client.send(request("/post", "POST", [("Transfer-Encoding", "chunked")]) +
                    f"0\r\n{lines}\r\n".encode())
        assert client.read_head().status == 431
    with H2Connection(running.address) as client:
        stream = client.begin(head("/post", "POST"), end_stream=False)
        client.headers(stream, [(name.lower(), value) for name, value in trailers])
        assert client.finish(stream).reset == PROTOCOL_ERROR
        assert client.ask_h2().status == 200
    assert running.workers() == workers


@pytest.mark.parametrize("fields, address, scheme", [
    ([("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")], "192.0.2.1", "https"),
    ([("Forwarded", 'for="[2001:db8::1]:80";proto=https')], "2001:db8::1", "https"),
    ([], "127.0.0.1", "http"),
])
def test_what_a_trusted_proxy_says(shop, fields, address, scheme):
    body = shop.ask("/get", "GET", fields, None)[1].decode()
    assert f'"origin": "{address}"' in body and f'"url": "{scheme}://' in body


def test_a_request_that_takes_too_long_is_504(server):
    slow = server("--http2-cleartext", "--request-timeout", "100ms", app="httpbin")
    for version in OverHttp1, OverHttp2:
        assert version(slow).ask("/delay/10", "GET", [], None)[0] == 504


def test_an_exception_is_500_and_one_line_in_the_log(server):
    bad = server("--http2-cleartext", app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    for number, version in enumerate((OverHttp1, OverHttp2), 1):
        assert version(bad).ask("/throw", "GET", [], None)[0] == 500
        bad.wait_for_log("exception in the handler", times=number)
