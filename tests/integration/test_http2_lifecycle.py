# SPDX-License-Identifier: MIT
"""How HTTP/2 connections end: idle, at a limit, with a worker that leaves; and HTTP/2 over TLS."""

import contextlib
import pathlib
import re
import signal
import ssl
import struct
import subprocess
import time

import pytest

from certificates import Authority
from h2_client import (
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LAST_POSSIBLE_STREAM, NO_ERROR,
    PRIORITY_UPDATE, PROTOCOL_ERROR, H2Connection, frame_bytes, head)
from raw_client import RawConnection, request


@pytest.fixture
def shop(server):
    one = server("--http2-cleartext", app="httpbin")
    one.wait_until_ready()
    return one


def ends_in_order(client, last_stream):
    """GOAWAY comes twice: first for no stream in particular, then with the last that is served."""
    assert client.read_to_goaway() == NO_ERROR
    assert [one.last_stream for one in client.goaways] == [LAST_POSSIBLE_STREAM, last_stream]


# ---- a worker that leaves --------------------------------------------------------------------

def test_a_drain_is_announced_and_streams_are_finished(shop):
    with H2Connection(shop.address) as client:
        slow = client.begin(path="/delay/1")
        client.ping()
        shop.signal(signal.SIGTERM)
        client.read_until_true(lambda: client.goaways)
        assert client.goaways[0].last_stream == LAST_POSSIBLE_STREAM
        assert client.finish(slow).status == 200
        ends_in_order(client, slow)
        assert shop.wait() == 0


def test_a_request_that_crosses_the_first_goaway_is_served(shop):
    with H2Connection(shop.address) as client:
        slow = client.begin(path="/delay/1")
        client.ping()
        shop.signal(signal.SIGTERM)
        # Its PING is unanswered for as long as nothing is read: the second GOAWAY waits for that.
        shop.wait_for_log("Handling signal")
        late = client.begin()
        assert client.finish(late).status == 200
        assert client.finish(slow).status == 200
        ends_in_order(client, late)
    assert shop.wait() == 0


def test_an_idle_connection_is_told_and_ended_at_once(shop):
    with H2Connection(shop.address) as client:
        assert client.ask_h2().status == 200
        shop.signal(signal.SIGTERM)
        ends_in_order(client, 1)
    assert shop.wait() == 0


def test_a_reload_loses_no_stream(shop):
    with H2Connection(shop.address) as client:
        slow = [client.begin(path="/delay/0.5") for _ in range(20)]
        client.ping()
        shop.signal(signal.SIGHUP)
        assert all(client.finish(one).status == 200 for one in slow)
        ends_in_order(client, slow[-1])
    with H2Connection(shop.address) as client:
        assert client.ask_h2().status == 200


def test_the_graceful_timeout_ends_what_goes_on(server):
    shop = server("--http2-cleartext", "--graceful-timeout", "300ms", app="httpbin")
    with H2Connection(shop.address) as client:
        client.begin(path="/delay/10")
        client.ping()
        shop.signal(signal.SIGTERM)
        client.read_to_goaway()
    assert shop.wait() == 0


# ---- limits and idleness ---------------------------------------------------------------------

def test_an_idle_connection_ends_after_keep_alive(server):
    shop = server("--http2-cleartext", "--keep-alive", "300ms", app="httpbin")
    with H2Connection(shop.address) as client:
        assert client.ask_h2(path="/delay/1").status == 200  # longer than that, but not idle
        assert client.read_to_goaway() == NO_ERROR
        assert client.goaways[-1].last_stream == 1


def test_without_keep_alive_the_connection_ends_after_its_first_requests(server):
    shop = server("--http2-cleartext", "--keep-alive", "0", app="httpbin")
    with H2Connection(shop.address) as client:
        assert client.ask_h2().status == 200
        ends_in_order(client, 1)


def test_a_connection_ends_after_limit_keepalive_requests(server):
    shop = server("--http2-cleartext", "--limit-keepalive-requests", "3", app="httpbin")
    with H2Connection(shop.address) as client:
        streams = [client.begin() for _ in range(3)]
        assert all(client.finish(one).status == 200 for one in streams)
        ends_in_order(client, streams[-1])


def private_bytes(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))


@pytest.mark.parametrize(
    ("path", "seconds", "warm_ups"), [("/hello", 0, 20), ("/delay/1.2", 1.2, 3)],
    ids=["after an answer", "after an answer that took longer"])
def test_connections_that_rest_hold_less_and_are_served_as_before(server, path, seconds, warm_ups):
    shop = server("--http2-cleartext", "--keep-alive", "100", app="httpbin")
    worker, = shop.wait_until_ready()
    with contextlib.ExitStack() as stack:
        # They say nothing behind an answer.
        clients = [stack.enter_context(H2Connection(shop.address, takes_data=False))
                   for _ in range(60)]

        def serve_all():
            """False, if a client rested before the last was served."""
            began = time.monotonic()
            streams = [client.begin(path=path, fields=[("x-kept", "in the table")])
                       for client in clients]
            for client, one in zip(clients, streams):
                assert client.finish(one).status == 200
            return time.monotonic() - began < seconds + 0.9

        def a_page_of_each_is_given_back():
            """What else the worker needs or frees meanwhile may hide it: then it is tried again."""
            if not serve_all():
                return False
            busy, end = private_bytes(worker), time.monotonic() + 4
            while time.monotonic() < end:
                if busy - private_bytes(worker) > len(clients) * 2500:
                    return True
                time.sleep(0.1)
            return False

        for _ in range(warm_ups):
            serve_all()  # the worker's own buffers are used once
        for _ in range(2):
            shop.wait_until(a_page_of_each_is_given_back, "a page of each to be given back")


def test_a_connection_that_rests_keeps_its_streams(shop):
    with H2Connection(shop.address) as client:
        later = client.next_stream + 2
        client.frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", later) + b"u=0")
        # A connection rests after a second without a word.
        assert client.ask_h2(path="/delay/1.5").status == 200
        assert client.ask_h2().status == 200


def test_a_connection_that_asks_nothing_ends_after_request_head_timeout(server):
    shop = server("--http2-cleartext", "--request-head-timeout", "300ms", app="httpbin")
    with H2Connection(shop.address) as client:
        assert client.read_to_goaway() == NO_ERROR


def test_a_streamed_answer_that_takes_longer_than_request_timeout_is_reset(server):
    shop = server("--http2-cleartext", "--request-timeout", "300ms", app="httpbin")
    with H2Connection(shop.address) as client:
        stream = client.begin(path="/drip?duration=10&numbytes=100&delay=0")
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        assert client.answer(stream).status == 200
        assert client.ask_h2().status == 200
    shop.wait_for_log("was broken off")


def test_a_client_that_breaks_off_is_no_error_of_ours(server):
    # The answers to what came before can be sent to nobody.
    shop = server("--http2-cleartext", app="httpbin")
    with H2Connection(shop.address) as client:
        heads = b"".join(frame_bytes(HEADERS, END_HEADERS | END_STREAM, stream,
                                     b"\x82\x86\x41\x01a\x44\x06/hello")
                         for stream in range(1, 41, 2))
        client.send(heads + frame_bytes(DATA, 0, 0, b"on no stream"))
        assert client.read_to_goaway() == PROTOCOL_ERROR
    with H2Connection(shop.address) as client:
        for _ in range(20):
            client.begin(path="/drip?duration=10&numbytes=100&delay=0")
        client.frame(GOAWAY, 0, 0, bytes(8))
    shop.wait_until_no_connection()
    with H2Connection(shop.address) as client:
        assert client.ask_h2().status == 200
    assert "[ERROR]" not in shop.log and "could not be sent" not in shop.log


# ---- over TLS --------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class TlsH2Connection(H2Connection):
    def __init__(self, address, authority, protocols=("h2",)):
        super().__init__(address, preface=False)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.set_alpn_protocols(list(protocols))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.begin_preface({})


def test_alpn_chooses_the_version(server, authority):
    shop = server(*authority.issue().flags, app="httpbin")
    with TlsH2Connection(shop.address, authority, ["h2", "http/1.1"]) as client:
        assert client.socket.selected_alpn_protocol() == "h2"
        answer = client.ask_h2(head("/get", scheme="https"))
        assert b'"url": "https://test.example/get"' in answer.body
    for choice, version in (["--http2"], "2"), (["--http1.1"], "1.1"):
        run = subprocess.run(
            ["curl", "-sS", *choice, "--cacert", str(authority.certificate), "-w",
             " %{http_version}", f"https://localhost:{shop.address[1]}/hello", "--resolve",
             f"localhost:{shop.address[1]}:127.0.0.1"],
            capture_output=True, text=True, timeout=60, check=True)
        assert run.stdout == f"Hello, World! {version}"


def test_a_listener_without_h2_offers_none(server, authority):
    shop = server(*authority.issue().flags, "--http-protocols", "h1", app="httpbin")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with RawConnection(shop.address) as client:
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert client.ask(request("/hello")).status == 200


def test_large_bodies_over_tls(server, authority):
    shop = server(*authority.issue().flags, app="httpbin")
    body = bytes(i * 7 % 251 for i in range(500_000))
    run = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", str(authority.certificate), "--data-binary", "@-",
         f"https://localhost:{shop.address[1]}/echo", "--resolve",
         f"localhost:{shop.address[1]}:127.0.0.1"],
        input=body, capture_output=True, timeout=60, check=True)
    assert run.stdout == body


def test_a_drain_over_tls(server, authority):
    shop = server(*authority.issue().flags, app="httpbin")
    with TlsH2Connection(shop.address, authority) as client:
        slow = client.begin(path="/delay/0.5")
        client.ping()
        shop.signal(signal.SIGTERM)
        assert client.finish(slow).status == 200
        ends_in_order(client, slow)
    assert shop.wait() == 0
