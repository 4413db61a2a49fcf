# SPDX-License-Identifier: MIT
"""WebSockets and the life of the worker, of the client and of the connection between them."""
import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
import websockets

from raw_client import ConnectionEnded
from raw_websocket import CLOSE, PING, TEXT, RawWebSocket, binary, close, ping, pong, text

GOING_AWAY = b"\x03\xe9the server is going away"
DEADLINE_S = 120


@pytest.fixture
def open_echo(server, websocket):
    """open_echo() starts a server and opens a WebSocket to it, which sends messages back."""
    def start(*arguments):
        echo = server("--http2-cleartext", *arguments, app="httpbin")
        echo.wait_until_ready()
        return echo, websocket(echo.address)
    return start


def says(client, word):
    client.send(text(word))
    assert client.read_message() == (TEXT, word.encode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_says_1001(open_echo, number):
    echo, client = open_echo()
    with client:
        says(client, "hello")
        echo.signal(number)
        assert client.read_message() == (CLOSE, GOING_AWAY)
        if number == signal.SIGTERM:  # the other way is quick, and waits for no answer
            client.send(close(1001))
            client.expect_end()
    assert echo.wait() == 0


def test_a_server_that_stops_waits_for_the_answer_to_its_close(open_echo):
    echo, client = open_echo()
    with client:
        says(client, "hello")
        worker, = echo.workers()
        echo.signal(signal.SIGTERM)
        assert client.read_message() == (CLOSE, GOING_AWAY)
        assert echo.process.poll() is None and worker in echo.workers()
        client.send(close(1001))
        assert echo.wait() == 0


def test_a_reload_moves_clients_to_the_new_workers(server):
    echo = server("--workers", "2", app="httpbin")
    old = echo.wait_until_ready(2)

    async def client_of(number):
        """Connects again whenever it is told 1001, until the old workers are gone."""
        codes = []
        while True:
            async with websockets.connect(echo.url.replace("http", "ws") + "/ws/echo") as client:
                try:
                    await client.send(f"client {number}")
                    assert await client.recv() == f"client {number}"
                    ready.add(number)
                    closed = asyncio.ensure_future(client.wait_closed())
                    gone = asyncio.ensure_future(old_are_gone.wait())
                    await asyncio.wait({closed, gone}, return_when=asyncio.FIRST_COMPLETED)
                    gone.cancel()
                    if client.open:
                        await client.send("still here")
                        assert await client.recv() == "still here"
                        return codes
                except websockets.ConnectionClosed:
                    pass
            codes.append(client.close_code)

    async def reload_when_all_talk():
        while len(ready) < 10:
            await asyncio.sleep(0.01)
        echo.signal(signal.SIGHUP)
        while set(old) & set(echo.workers()):
            await asyncio.sleep(0.01)
        old_are_gone.set()

    async def both():
        results = await asyncio.gather(reload_when_all_talk(), *(client_of(n) for n in range(10)))
        return results[1:]

    ready = set()
    old_are_gone = asyncio.Event()
    for codes in asyncio.run(asyncio.wait_for(both(), DEADLINE_S)):
        assert codes and set(codes) == {1001}


def test_neither_the_request_timeout_nor_the_idle_timeout_ends_a_websocket(open_echo):
    _, client = open_echo("--request-timeout", "0.5", "--keep-alive", "0.2")
    with client:
        says(client, "before")
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            time.sleep(0.1)
        says(client, "after")


def test_a_handler_that_opens_too_late_opens_nothing(server, websocket):
    late = server("--http2-cleartext", "--request-timeout", "200ms", "--access-logfile", "-",
                  app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    assert websocket.ask(late.address, "/ws/late/1") == 504
    late.wait_for_line('/ws/late/1 HTTP/[^"]*" 504')
    assert websocket.ask(late.address, "/ws/late/0") == websocket.opened
    assert "exception" not in late.log


def test_the_access_log_has_the_opening_with_what_was_sent(open_echo):
    echo, client = open_echo("--access-logfile", "-")
    with client:
        says(client, "12345")
        client.send(close(1000))
        assert client.read_close()[0] == 1000
    opening = "GET /ws/echo HTTP/1.1" if client.version == 1 else "CONNECT /ws/echo HTTP/2.0"
    line = echo.wait_for_line(f'"{opening}"')
    assert f'" {client.opened} 5 ' in line, line


def test_a_silent_client_is_pinged_again_and_again(open_echo):
    _, client = open_echo("--websocket-ping-interval", "0.1")
    with client:
        for _ in range(4):
            assert client.read_message() == (PING, b"")
            client.send(pong())


def test_a_client_that_answers_no_ping_is_given_up(open_echo):
    _, client = open_echo("--websocket-ping-interval", "0.1",
                          "--websocket-ping-timeout", "0.2")
    with client:
        assert client.read_message() == (PING, b"")
        with pytest.raises((ConnectionResetError, ConnectionEnded)):
            client.read_frame()


def test_without_an_interval_nobody_is_pinged(open_echo):
    _, client = open_echo("--websocket-ping-interval", "0")
    with client:
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.read_frame()


def test_a_client_that_is_killed_leaves_nothing_behind(server, websocket):
    echo = server("--http2-cleartext", app="httpbin")
    code = ("import sys; sys.path.insert(0, sys.argv[1]);"
            "from raw_websocket import *;"
            f"client = {websocket.__name__}((sys.argv[2], int(sys.argv[3])));"
            "client.send(text('alive')); print(client.read_message(), flush=True);"
            "client.read_message()")
    here = os.path.dirname(os.path.abspath(__file__))
    process = subprocess.Popen([sys.executable, "-c", code, here, *map(str, echo.address)],
                               stdout=subprocess.PIPE)
    try:
        assert b"alive" in process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    echo.wait_until_no_connection()
    assert echo.get("/get").status == 200


def test_a_connection_that_is_reset_leaves_nothing_behind(open_echo):
    echo, client = open_echo()
    says(client, "hello")
    client.send(text("no end")[:-2])
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    echo.wait_until_no_connection()
    assert "exception" not in echo.log and "[ERROR]" not in echo.log


def send_until_stuck(client, data):
    """Sends without reading until the server takes nothing for a while, or gives up; gives the
    bytes sent."""
    sent = 0
    client.socket.settimeout(1)
    try:
        while sent < 200 << 20:
            sent += client.socket.send(data[sent % len(data):])
    except (TimeoutError, ConnectionError):
        pass
    client.socket.settimeout(DEADLINE_S)
    return sent


# A stream of HTTP/2 is bound by its windows: see test_websocket_http2.py.
over_http_1 = pytest.mark.parametrize("websocket", [RawWebSocket], ids=["h1"])


@over_http_1
def test_a_client_that_does_not_read_is_not_read_from(open_echo):
    echo, client = open_echo("--write-timeout", "0")
    with client:
        message = binary(b"x" * 50_000)
        sent = send_until_stuck(client, message)
        assert sent < 100 << 20
        worker, = echo.workers()
        with open(f"/proc/{worker}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        assert resident < 60_000
        # Others are served, and when it reads at last it gets all its answers.
        assert echo.get("/get").status == 200
        for _ in range(sent // len(message)):
            assert client.read_message()[1] == b"x" * 50_000


@over_http_1
def test_a_client_that_never_reads_is_given_up(open_echo):
    echo, client = open_echo("--write-timeout", "0.5", "--websocket-close-timeout", "0.5")
    with client:
        send_until_stuck(client, binary(b"x" * 50_000))
        echo.wait_until_no_connection()


@over_http_1
def test_a_flood_of_pings_takes_no_memory(open_echo):
    echo, client = open_echo("--write-timeout", "0")
    with client:
        worker, = echo.workers()
        sent = 0
        client.socket.settimeout(1)
        flood = ping(b"x" * 125) * 1000
        try:
            for _ in range(400):
                client.socket.sendall(flood)
                sent += len(flood)
        except TimeoutError:
            pass
        with open(f"/proc/{worker}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        assert resident < 60_000
        assert echo.get("/get").status == 200


def test_the_scoreboard_counts_a_websocket_as_a_request(open_echo):
    """A worker that hangs tells which requests it was in: the open WebSocket is one."""
    echo, client = open_echo("--timeout", "2")
    with client:
        says(client, "hello")
        worker, = echo.workers()
        os.kill(worker, signal.SIGABRT)
        echo.wait_for_line("GET /ws/echo" if client.version == 1 else "CONNECT /ws/echo")
