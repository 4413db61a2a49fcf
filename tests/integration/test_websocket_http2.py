# SPDX-License-Identifier: MIT
"""WebSockets over HTTP/2 (RFC 8441): the extended CONNECT, and streams beside each other. What
holds for every WebSocket is in the other files, whose tests run over both versions."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import struct

import h2.config
import h2.connection
import h2.events
import hpack
import pytest

from h2_client import (CANCEL, DATA, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE,
                       LAST_POSSIBLE_STREAM, NO_ERROR, PROTOCOL_ERROR, RST_STREAM, SETTINGS,
                       WINDOW_UPDATE, H2Connection, frame_bytes, head, settings_payload)
from raw_client import ConnectionEnded
from raw_websocket import (BINARY, CLOSE, FIN, PONG, TEXT, H2WebSocket, binary, close,
                           connect_head, frame, ping, text)

GOING_AWAY = b"\x03\xe9the server is going away"
WINDOW = 65_536  # what --http2-initial-window-size is by default


@pytest.fixture
def echo(server):
    one = server("--http2-cleartext", "--access-logfile", "-", app="httpbin")
    one.wait_until_ready()
    return one


def says(client, word):
    client.send(text(word))
    assert client.read_message() == (TEXT, word.encode())


def closes_well(client):
    client.send(close(1000))
    assert client.read_close() == (1000, b"")


def without(fields, *names):
    return [(name, value) for name, value in fields if name not in names]


def replaced(fields, **values):
    values = {f":{name}": value for name, value in values.items()}
    return [(name, values.get(name, value)) for name, value in fields]


# ---- the extended CONNECT

GOOD = connect_head()


@pytest.mark.parametrize("fields, status, reset", [
    # RFC 8441 section 4: what an extended CONNECT must be made of.
    pytest.param(replaced(GOOD, method="GET"), 400, PROTOCOL_ERROR, id="a protocol with GET"),
    pytest.param(without(GOOD, ":scheme"), 400, PROTOCOL_ERROR, id="no scheme"),
    pytest.param(without(GOOD, ":path"), 400, PROTOCOL_ERROR, id="no path"),
    pytest.param(without(GOOD, ":authority"), 400, PROTOCOL_ERROR, id="no authority"),
    pytest.param(without(GOOD, ":authority") + [("host", "test")], 400, PROTOCOL_ERROR,
                 id="a host in place of the authority"),
    pytest.param(without(GOOD, ":protocol"), 400, PROTOCOL_ERROR, id="no protocol"),
    pytest.param(replaced(GOOD, path="*"), 400, PROTOCOL_ERROR, id="the whole server"),
    pytest.param(replaced(GOOD, path=""), 400, PROTOCOL_ERROR, id="an empty path"),
    pytest.param(replaced(GOOD, path="nowhere"), 400, PROTOCOL_ERROR, id="a path without a slash"),
    pytest.param(replaced(GOOD, authority="a b"), 400, PROTOCOL_ERROR, id="a bad authority"),
    pytest.param(GOOD + [("host", "other")], 400, PROTOCOL_ERROR, id="two authorities"),
    pytest.param([(":protocol", "websocket"), *GOOD], 400, PROTOCOL_ERROR, id="two protocols"),
    pytest.param(without(GOOD, ":protocol") + [(":protocol", "websocket")], 400, PROTOCOL_ERROR,
                 id="the protocol behind a field"),
    pytest.param(GOOD + [("upgrade", "websocket")], 400, PROTOCOL_ERROR, id="an upgrade"),
    pytest.param(GOOD + [("connection", "upgrade")], 400, PROTOCOL_ERROR, id="a connection"),
    pytest.param(replaced(GOOD, protocol="connect-ip"), 501, NO_ERROR, id="another protocol"),
    pytest.param(replaced(GOOD, protocol=""), 501, NO_ERROR, id="no name of a protocol"),
    # What RFC 6455 asks of the fields.
    pytest.param(without(GOOD, "sec-websocket-version"), 400, NO_ERROR, id="no version"),
    pytest.param(GOOD + [("sec-websocket-version", "13")], 400, NO_ERROR, id="two versions"),
    pytest.param(GOOD + [("sec-websocket-protocol", "a, a")], 400, NO_ERROR, id="bad protocols"),
    pytest.param(GOOD + [("sec-websocket-extensions", ";")], 400, NO_ERROR, id="bad extensions"),
    pytest.param(GOOD + [("content-length", "5")], 400, NO_ERROR, id="a body"),
    # Where there is none.
    pytest.param(replaced(GOOD, path="/get"), 405, NO_ERROR, id="a page"),
    pytest.param(replaced(GOOD, path="/nowhere"), 404, NO_ERROR, id="nothing"),
    pytest.param(replaced(GOOD, path="/ws/close/none"), 400, NO_ERROR, id="a handler's refusal"),
])
def test_a_connect_that_opens_no_websocket(echo, fields, status, reset):
    with H2Connection(echo.address) as client:
        stream = client.begin(fields, end_stream=False)
        client.read_until_true(lambda: client.answer(stream).reset is not None)
        answer = client.answer(stream)
        assert (answer.status, answer.ended, answer.reset) == (status, True, reset)
        if status == 400 and "version" in answer.body.decode():
            assert answer.get("sec-websocket-version") == "13"
        assert answer.get("upgrade") is None
        # The connection is as good as before.
        other = H2WebSocket(client)
        says(other, "hello")
        closes_well(other)


def test_the_name_of_the_protocol_may_be_in_any_case(echo):
    # RFC 9110 section 7.8, whose names these are.
    with H2Connection(echo.address) as client:
        stream = client.begin(replaced(GOOD, protocol="WebSocket"), end_stream=False)
        client.read_until_true(lambda: client.answer(stream).fields)
        assert client.answer(stream).status == 200


def test_a_length_of_nothing_says_nothing_of_the_frames(echo):
    with H2WebSocket(echo.address, fields=[("content-length", "0")]) as client:
        says(client, "hello")
        closes_well(client)


def test_a_get_for_a_websocket_is_told_the_method(echo):
    with H2Connection(echo.address) as client:
        answer = client.ask_h2(path="/ws/echo")
        assert answer.status == 405 and "CONNECT" in answer.get("allow")
        assert answer.get("upgrade") is None


def test_the_page_of_another_site_may_not_connect(server):
    chat = server("--http2-cleartext", app="chat")
    with H2Connection(chat.address) as client:
        for origin, status in ("http://evil.example", 403), ("null", 403), ("http://test", 200):
            stream = client.begin(connect_head("/chat", [("origin", origin)]), end_stream=False)
            client.read_until_true(lambda: client.answer(stream).fields)
            assert client.answer(stream).status == status, origin


def test_an_independent_client_talks(echo):
    """python3-h2, which keeps the rules of both sides."""
    with contextlib.closing(H2Connection(echo.address, preface=False)) as wire:
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        wire.send(client.data_to_send())
        events = []

        def read_until(kind):
            while not any(isinstance(event, kind) for event in events):
                events.extend(client.receive_data(wire.socket.recv(65536)))
                wire.send(client.data_to_send())
            found = next(event for event in events if isinstance(event, kind))
            events.remove(found)
            return found

        assert read_until(h2.events.RemoteSettingsChanged).changed_settings[8].new_value == 1
        client.send_headers(1, connect_head())
        client.send_data(1, text("hello"))
        wire.send(client.data_to_send())
        assert dict(read_until(h2.events.ResponseReceived).headers)[b":status"] == b"200"
        assert read_until(h2.events.DataReceived).data == b"\x81\x05hello"
        client.send_data(1, close(1000), end_stream=True)
        wire.send(client.data_to_send())
        assert read_until(h2.events.DataReceived).data == b"\x88\x02\x03\xe8"
        read_until(h2.events.StreamEnded)


def test_frames_may_come_with_the_connect(echo):
    with H2WebSocket(echo.address, behind=text("early") + ping(b"!")) as client:
        assert sorted(client.read_message() for _ in range(2)) == [(TEXT, b"early"), (PONG, b"!")]


# ---- streams beside each other

def test_websockets_and_requests_share_a_connection(echo):
    with H2Connection(echo.address) as connection:
        clients = [H2WebSocket(connection) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(text(f"client {number}"))
            assert connection.ask_h2(path="/hello").status == 200
        for number, client in reversed(list(enumerate(clients))):
            assert client.read_message() == (TEXT, f"client {number}".encode())
        for client in clients[::2]:
            closes_well(client)
        for client in clients[1::2]:
            says(client, "still here")


def fill(client, message):
    """Sends without taking anything until there is no room for more; gives the bytes sent."""
    while client.room() >= len(message):
        client.send(message)
    client.connection.ping()
    if client.room() >= len(message):
        return fill(client, message)
    return client.sent


def test_a_client_that_takes_nothing_stops_its_own_stream_only(server):
    echo = server("--http2-cleartext", "--write-timeout", "0", "--websocket-queue", "100k",
                  app="httpbin")
    with H2Connection(echo.address, takes_data=False) as connection:
        stuck = H2WebSocket(connection)
        message = binary(b"x" * 10_000)
        sent = fill(stuck, message)
        # What both sides and the windows between them hold.
        assert WINDOW < sent < 2_000_000
        connection.window_update(0, 1 << 20)
        for _ in range(3):
            assert connection.ask_h2(path="/hello").status == 200
        other = H2WebSocket(connection)
        says(other, "hello")
        # All answers come when they are taken.
        connection.window_update(0, 10_000_000)
        connection.window_update(stuck.stream, 10_000_000)
        for _ in range(sent // len(message)):
            assert stuck.read_message() == (BINARY, b"x" * 10_000)
        stuck.send(text("and on it goes"))
        assert stuck.read_message() == (TEXT, b"and on it goes")


def test_a_window_of_nothing_holds_an_answer_back_and_no_other_stream(echo):
    with H2Connection(echo.address, {INITIAL_WINDOW_SIZE: 0}) as connection:
        client = H2WebSocket(connection)  # a head needs no window
        client.send(text("hello"))
        connection.ping()
        assert not client.came.body
        stream = connection.begin(path="/status/204")
        assert connection.finish(stream).status == 204
        connection.window_update(client.stream, 3)
        connection.read_until_true(lambda: len(client.came.body) == 3)
        connection.window_update(client.stream, 1000)
        assert client.read_message() == (TEXT, b"hello")


def test_a_stream_whose_window_stays_at_nothing_is_reset_after_write_timeout(server):
    echo = server("--http2-cleartext", "--write-timeout", "0.3", app="httpbin")
    with H2Connection(echo.address, {INITIAL_WINDOW_SIZE: 0}) as connection:
        client = H2WebSocket(connection)
        client.send(text("hello"))
        connection.read_until_true(lambda: client.came.reset is not None)
        assert client.came.reset == CANCEL
        assert connection.ask_h2(path="/status/204").status == 204


def test_what_a_client_sends_gets_credit_when_it_is_received(echo):
    with H2WebSocket(echo.address) as client:
        for _ in range(50):
            client.send(binary(b"x" * 20_000))
            assert client.read_message() == (BINARY, b"x" * 20_000)
        assert client.sent > 10 * WINDOW
        closes_well(client)


# ---- limits of requests that are none of a WebSocket

def test_the_limits_on_bodies_are_not_for_websockets(server):
    echo = server("--http2-cleartext", "--limit-request-body", "100", "--body-timeout", "0.2",
                  "--request-timeout", "0.3", "--limit-request-text", "10", app="httpbin")
    with H2WebSocket(echo.address) as client:
        says(client, "x" * 500)
        waiting = client.connection.begin(path="/delay/0.25")
        client.connection.finish(waiting)
        waiting = client.connection.begin(path="/delay/0.25")
        client.connection.finish(waiting)
        says(client, "x" * 500)
        closes_well(client)


def test_the_ping_of_the_connection_goes_on(server):
    echo = server("--http2-cleartext", "--http2-ping-interval", "0.2", "--http2-ack-timeout",
                  "0.2", app="httpbin")
    with H2WebSocket(echo.address) as client:
        with pytest.raises((ConnectionEnded, ConnectionResetError)):
            while True:  # no frame is looked at, so none is answered
                client.connection.read_exactly(1)
    echo.wait_until_no_connection()


# ---- the end

def log_line(echo, count=1):
    return echo.wait_for_line(r'"CONNECT /ws/echo HTTP/2.0" 200', times=count)


def test_a_stream_that_is_reset_is_a_client_that_is_gone(echo):
    with H2Connection(echo.address) as connection:
        client, other = H2WebSocket(connection), H2WebSocket(connection)
        says(client, "hello")
        connection.reset(client.stream)
        log_line(echo)
        says(other, "still here")
    assert "[ERROR]" not in echo.log


def test_a_client_that_only_ends_its_side_is_gone(echo):
    with H2Connection(echo.address) as connection:
        client, other = H2WebSocket(connection), H2WebSocket(connection)
        client.send(text("last words")[:-3])
        client.send_end()
        connection.read_until_true(lambda: client.came.is_over)
        assert client.came.ended and not client.came.body
        log_line(echo)
        says(other, "still here")


def test_a_connect_that_has_ended_already_opens_and_ends(echo):
    with H2Connection(echo.address) as connection:
        answer = connection.finish(connection.begin(GOOD, end_stream=True))
        assert (answer.status, answer.ended, answer.reset) == (200, True, None)
        assert answer.body in (b"", b"\x88\x00")


def test_trailers_are_no_end_of_a_websocket_that_could_be_misread(echo):
    with H2Connection(echo.address) as connection:
        client, other = H2WebSocket(connection), H2WebSocket(connection)
        connection.headers(client.stream, [("x-sum", "1")], end_stream=True)
        connection.read_until_true(lambda: client.came.is_over)
        says(other, "still here")


def test_a_client_that_sends_on_after_the_close_is_reset(server):
    echo = server("--http2-cleartext", app="httpbin")
    with H2WebSocket(echo.address) as client:
        client.send(close(1000))
        assert client.read_message()[0] == CLOSE
        client.send(text("more"))  # and its side is never ended
        client.connection.read_until_true(lambda: client.came.reset is not None)
        assert client.came.ended and client.came.reset == NO_ERROR
        assert client.connection.ask_h2().status == 200


def test_a_client_that_does_not_answer_a_close_is_reset(server):
    echo = server("--http2-cleartext", "--websocket-close-timeout", "0.2", app="httpbin")
    with H2WebSocket(echo.address, "/ws/close/4000") as client:
        assert client.read_message()[0] == CLOSE
        client.connection.read_until_true(lambda: client.came.is_over)
        assert client.came.reset == CANCEL
        assert client.connection.ask_h2().status == 200


def test_a_connection_that_breaks_ends_all_its_websockets(echo):
    connection = H2Connection(echo.address)
    for _ in range(10):
        says(H2WebSocket(connection), "hello")
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    log_line(echo, count=10)
    echo.wait_until_no_connection()
    assert "[ERROR]" not in echo.log


def test_a_protocol_error_ends_all_websockets_of_the_connection(echo):
    with H2Connection(echo.address) as connection:
        for _ in range(10):
            says(H2WebSocket(connection), "hello")
        connection.frame(DATA, 0, 0, b"on no stream")
        assert connection.read_to_goaway() == PROTOCOL_ERROR
    log_line(echo, count=10)
    assert "[ERROR]" not in echo.log


def test_a_drain_says_goaway_and_1001(echo):
    with H2Connection(echo.address) as connection:
        clients = [H2WebSocket(connection) for _ in range(5)]
        slow = connection.begin(path="/delay/0.5")
        for client in clients:
            says(client, "hello")
        echo.signal(signal.SIGTERM)
        for client in clients:
            assert client.read_message() == (CLOSE, GOING_AWAY)
            client.send(close(1001))
            client.expect_end()
        assert connection.finish(slow).status == 200
        assert connection.read_to_goaway() == NO_ERROR
        assert [one.last_stream for one in connection.goaways] == [
            LAST_POSSIBLE_STREAM, slow]
    assert echo.wait() == 0


def test_a_reload_moves_websockets_to_the_new_worker(echo):
    old, = echo.wait_until_ready()
    with H2Connection(echo.address) as connection:
        clients = [H2WebSocket(connection) for _ in range(5)]
        for client in clients:
            says(client, "hello")
        echo.signal(signal.SIGHUP)
        for client in clients:
            assert client.read_message() == (CLOSE, GOING_AWAY)
            client.send(close(1001))
            client.expect_end()
        assert connection.read_to_goaway() == NO_ERROR
    echo.wait_until(lambda: old not in echo.workers(), "the old worker to leave")
    with H2WebSocket(echo.address) as other:
        says(other, "hello again")
        closes_well(other)


# ---- over TLS

def test_over_tls(server, authority):
    echo = server(*authority.issue().flags, app="httpbin")
    connection = H2Connection(echo.address, preface=False)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2"])
    connection.socket = context.wrap_socket(connection.socket, server_hostname="localhost")
    connection.begin_preface({})
    with connection:
        clients = [H2WebSocket(connection) for _ in range(3)]
        for size in (0, 1, 125, 126, 16_384, 65_536, 500_000):
            payload = os.urandom(size)
            for client in clients:
                client.send(binary(payload))
                assert client.read_message() == (BINARY, payload)
        for client in clients[1:]:
            closes_well(client)
        echo.signal(signal.SIGTERM)
        assert clients[0].read_message() == (CLOSE, GOING_AWAY)
        clients[0].send(close(1001))
        clients[0].expect_end()
    assert echo.wait() == 0


# ---- clients that mean harm

def private_bytes(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))


@pytest.fixture
def bounded(echo):
    """The server, which must be no larger afterwards, nor have lost its worker."""
    worker, = echo.workers()
    with H2WebSocket(echo.address) as client:
        says(client, "warm")
    before = private_bytes(worker)
    yield echo
    assert echo.workers() == [worker]
    assert private_bytes(worker) - before < 24 << 20
    with H2WebSocket(echo.address) as client:
        says(client, "served as ever")
    assert "[ERROR]" not in echo.log


def ends_calmly(connection, make_frames, batches=200):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for number in range(batches):
            connection.send(make_frames(number))
        connection.send_end()
    return connection.read_to_goaway() == ENHANCE_YOUR_CALM


def test_websockets_that_are_opened_and_reset(bounded):
    encoder = hpack.Encoder()
    encoder.header_table_size = 0  # each head by itself
    block = encoder.encode(GOOD)

    def frames(number):
        streams = range(400 * number + 1, 400 * (number + 1), 2)
        return b"".join(frame_bytes(HEADERS, END_HEADERS, stream, block)
                        + frame_bytes(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))
                        for stream in streams)
    with H2Connection(bounded.address) as connection:
        assert ends_calmly(connection, frames)


def test_a_flood_of_empty_data_on_a_websocket(bounded):
    with H2WebSocket(bounded.address) as client:
        assert ends_calmly(client.connection,
                           lambda _: 500 * frame_bytes(DATA, 0, client.stream))


def test_a_flood_of_pings_that_are_never_taken(bounded):
    with H2Connection(bounded.address, {INITIAL_WINDOW_SIZE: 0}, takes_data=False) as connection:
        client = H2WebSocket(connection)
        flood = 100 * ping(b"x" * 125)
        for _ in range(400):  # the pongs have no room, yet the pings are read
            client.send(flood)
        assert not client.came.body


def test_windows_that_open_by_one(bounded):
    with H2Connection(bounded.address, {INITIAL_WINDOW_SIZE: 0}) as connection:
        client = H2WebSocket(connection)
        client.send(binary(b"x" * 2000))
        one = frame_bytes(WINDOW_UPDATE, 0, client.stream, struct.pack(">I", 1))
        connection.send(2004 * one)
        assert client.read_message() == (BINARY, b"x" * 2000)
        assert ends_calmly(connection, lambda _: 500 * one)  # with nothing to take


def test_windows_of_websockets_that_overflow(bounded):
    with H2Connection(bounded.address) as connection:
        client, other = H2WebSocket(connection), H2WebSocket(connection)
        connection.window_update(client.stream, LAST_POSSIBLE_STREAM)
        connection.read_until_true(lambda: client.came.reset is not None)
        says(other, "still here")


def test_settings_that_change_the_windows_of_open_websockets(bounded):
    with H2Connection(bounded.address) as connection:
        client = H2WebSocket(connection)
        says(client, "hello")
        connection.frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 0}))
        client.send(text("held back"))
        connection.ping()
        assert client.taken == len(client.came.body)
        connection.frame(SETTINGS, 0, 0, settings_payload({INITIAL_WINDOW_SIZE: 65_535}))
        assert client.read_message() == (TEXT, b"held back")


def test_as_many_silent_websockets_as_there_may_be_streams(bounded):
    with H2Connection(bounded.address) as connection:
        for _ in range(100):
            H2WebSocket(connection)
        with H2Connection(bounded.address) as other:
            assert other.ask_h2(head("/hello")).status == 200


def test_frames_that_are_cut_to_single_bytes(bounded):
    with H2WebSocket(bounded.address) as client:
        data = b"".join(frame(FIN | TEXT, b"%d" % i) for i in range(300))
        for byte in data:
            client.connection.data(client.stream, bytes([byte]))
            client.sent += 1
        for i in range(300):
            assert client.read_message() == (TEXT, b"%d" % i)
