# SPDX-License-Identifier: MIT
"""WebSockets as real clients use them: handshake, compression (Autobahn 12 and 13), limits."""
import asyncio
import zlib

import pytest
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from raw_client import RawConnection, request
from raw_websocket import (BINARY, FIN, PONG, RSV1, TEXT, binary, frame, fragments,
                           handshake, ping, text)

DEADLINE_S = 120
MESSAGE_MAX = 1 << 20


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


@pytest.fixture
def echo(server):
    return server("--http2-cleartext", "--websocket-max-message", "1m", app="httpbin")


def url_of(server):
    return server.url.replace("http", "ws") + "/ws/echo"


# ---- a real client

def test_a_real_client_talks(echo):
    async def talk():
        async with websockets.connect(url_of(echo)) as client:
            for message in ["Hello", "", b"", b"\x00\xff", "κόσμε" * 1000, b"x" * 300_000]:
                await client.send(message)
                assert await client.recv() == message
            await client.send(iter(["in ", "three ", "parts"]))
            assert await client.recv() == "in three parts"
            await (await client.ping())
        assert client.close_code == 1000
    run(talk())


def test_many_clients_talk_at_a_time(echo):
    async def talk(number):
        async with websockets.connect(url_of(echo), max_queue=None) as client:
            for i in range(50):
                await client.send(f"{number}:{i}" * 20)
            return [await client.recv() for i in range(50)]

    async def all_talk():
        return await asyncio.gather(*(talk(number) for number in range(40)))
    for number, messages in enumerate(run(all_talk())):
        assert messages == [f"{number}:{i}" * 20 for i in range(50)]


# ---- 9: limits and large messages

@pytest.mark.parametrize("size", [65_536, 262_144, MESSAGE_MAX])
@pytest.mark.parametrize("fragment", [None, 1024])
def test_large_messages_are_echoed(echo, websocket, size, fragment):
    payload = bytes(range(256)) * (size // 256)
    with websocket(echo.address) as client:
        pieces = [payload[at:at + fragment] for at in range(0, size, fragment)] if fragment else [
            payload]
        client.send(b"".join(fragments(BINARY, pieces)))
        assert client.read_message() == (BINARY, payload)


def test_sixteen_mebibytes_are_echoed_where_they_may(server):
    big = server("--http2-cleartext", "--websocket-max-message", "16m", app="httpbin")

    async def talk():
        async with websockets.connect(url_of(big), max_size=None, compression=None) as client:
            payload = b"*" * (16 << 20)
            await client.send(payload)
            assert await client.recv() == payload
    run(talk())


@pytest.mark.parametrize("sent", [
    binary(b"x" * (MESSAGE_MAX + 1)), binary(b"x" * (MESSAGE_MAX + 1))[:14],
    b"".join(fragments(BINARY, [b"x" * 600_000, b"x" * 600_000]))],
    ids=["whole", "only its head", "in fragments"])
def test_a_message_beyond_the_limit_is_refused(echo, websocket, sent):
    with websocket(echo.address) as client:
        client.send(sent)
        assert client.read_close()[0] == 1009


def test_a_frame_beyond_its_own_limit_is_refused(server, websocket):
    small = server("--http2-cleartext", "--websocket-max-frame", "1000", app="httpbin")
    with websocket(small.address) as client:
        client.send(b"".join(fragments(TEXT, [b"x" * 1000] * 3)))
        assert client.read_message() == (TEXT, b"x" * 3000)
        client.send(text("x" * 1001))
        assert client.read_close()[0] == 1009


# ---- 12 and 13: permessage-deflate

OFFERS = [dict(), dict(client_no_context_takeover=True), dict(server_no_context_takeover=True),
          dict(client_max_window_bits=9), dict(client_max_window_bits=True),
          dict(server_max_window_bits=9), dict(server_max_window_bits=15),
          dict(server_max_window_bits=10, client_max_window_bits=10,
               server_no_context_takeover=True, client_no_context_takeover=True)]


@pytest.mark.parametrize("mode", ["message", "context"])
def test_a_client_that_compresses_talks(server, mode):
    each = server("--http2-cleartext", "--websocket-compression", mode, app="httpbin")

    async def talk(factory):
        async with websockets.connect(url_of(each), compression=None,
                                      extensions=[factory]) as client:
            assert [extension.name for extension in client.extensions] == ["permessage-deflate"]
            words = " ".join(f"word {i % 97}" for i in range(3000))
            for size in [0, 16, 64, 256, 1024, 4096, 8192, 16384]:
                for _ in range(5):
                    await client.send(words[:size])
                    assert await client.recv() == words[:size]
            await client.send(iter([words[:100], words[100:5000], words[5000:]]))
            assert await client.recv() == words
    for offer in OFFERS:
        run(talk(ClientPerMessageDeflateFactory(
            server_no_context_takeover=offer.get("server_no_context_takeover", False),
            client_no_context_takeover=offer.get("client_no_context_takeover", False),
            server_max_window_bits=offer.get("server_max_window_bits"),
            client_max_window_bits=offer.get("client_max_window_bits"))))


def compressed(payload: bytes, compressor=None) -> bytes:
    compressor = compressor or zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


DEFLATE = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]


def test_a_compressed_answer_is_marked_and_smaller(echo, websocket):
    with websocket(echo.address, fields=DEFLATE) as client:
        assert client.answer.get("Sec-WebSocket-Extensions") == (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        payload = b"again and " * 1000
        client.send(frame(FIN | RSV1 | TEXT, compressed(payload)))
        first, answer = client.read_frame()
        assert first == FIN | RSV1 | TEXT and len(answer) < 200
        assert zlib.decompressobj(-15).decompress(answer + b"\x00\x00\xff\xff") == payload
        # A short one is not worth it, and a client may send what is not compressed.
        client.send(text("short"))
        assert client.read_frame() == (FIN | TEXT, b"short")


def test_control_frames_pass_between_compressed_fragments(echo, websocket):
    with websocket(echo.address, fields=DEFLATE) as client:
        payload = compressed(b"compressed as a whole " * 100)
        client.send(frame(RSV1 | TEXT, payload[:10]) + ping(b"now") + frame(0, payload[10:20]) +
                    frame(FIN, payload[20:]))
        assert client.read_message() == (PONG, b"now")
        assert client.read_message() == (TEXT, b"compressed as a whole " * 100)


def test_without_an_offer_nothing_is_compressed(server, websocket):
    off = server("--http2-cleartext", "--websocket-compression", "off", app="httpbin")
    with websocket(off.address, fields=DEFLATE) as client:
        assert client.answer.get("Sec-WebSocket-Extensions") is None
        client.send(text("x" * 10_000))
        assert client.read_frame() == (FIN | TEXT, b"x" * 10_000)
        client.send(frame(FIN | RSV1 | TEXT, compressed(b"x")))
        assert client.read_close()[0] == 1002


@pytest.mark.parametrize("payload, code", [
    (compressed(b"\x00" * 100_000_000), 1009), (b"\xff\xff\xff", 1007), (b"\x06", 1007),
    (compressed(b"\xce"), 1007)], ids=["bomb", "noise", "bad block", "no UTF-8"])
def test_compressed_data_that_is_no_good_is_refused(echo, websocket, payload, code):
    with websocket(echo.address, fields=DEFLATE) as client:
        client.send(frame(FIN | RSV1 | TEXT, payload))
        assert client.read_close()[0] == code


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_bombs_take_no_memory(echo, websocket):
    bomb = frame(FIN | RSV1 | BINARY, compressed(b"\x00" * 100_000_000))
    worker, = echo.wait_until_ready()
    with websocket(echo.address, fields=DEFLATE) as client:
        client.send(text("warm"))
        assert client.read_message() == (TEXT, b"warm")
    before = resident_kib(worker)
    for _ in range(20):
        with websocket(echo.address, fields=DEFLATE) as client:
            client.send(bomb)
            assert client.read_close()[0] == 1009
    assert resident_kib(worker) - before < 30_000


# ---- the handshake

def refused(server, data):
    with RawConnection(server.address) as client:
        client.send(data)
        answer = client.read_answer()
        # The connection is as good as before.
        client.send(request("/get"))
        assert client.read_answer().status == 200
        return answer


def test_handshakes_that_are_no_good_are_refused(echo):
    good = handshake()
    assert refused(echo, good.replace(b"Version: 13", b"Version: 12")).status == 426
    assert refused(echo, good.replace(b"Sec-WebSocket-Version: 13\r\n", b"")).status == 426
    assert refused(echo, good.replace(b"Key: dGh", b"Key: !!!")).status == 400
    assert refused(echo, good.replace(b"Upgrade: websocket", b"Upgrade: h2c")).status == 426
    assert refused(echo, good.replace(b"Connection: Upgrade\r\n", b"")).status == 426
    plain = refused(echo, request("/ws/echo"))
    assert plain.status == 426
    assert plain.get("Upgrade") == "websocket" and plain.get("Connection").lower() == "upgrade"


def test_a_path_without_a_websocket_answers_as_usual(echo):
    assert refused(echo, handshake("/get")).status == 200
    assert refused(echo, handshake("/nowhere")).status == 404


def test_upgrade_fields_in_any_case_are_understood(echo):
    data = handshake().replace(b"Upgrade: websocket", b"uPGRADE: foo, WebSocket").replace(
        b"Connection: Upgrade", b"connection: keep-alive, upgrade")
    with RawConnection(echo.address) as client:
        client.send(data)
        assert client.read_head().status == 101


def test_an_http_1_0_client_gets_no_websocket(echo):
    with RawConnection(echo.address) as client:
        client.send(handshake().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.read_answer().status == 426


@pytest.mark.parametrize("offered, chosen", [
    ("echo", "echo"), ("first, echo", "echo"), ("first", None), (None, None)])
def test_a_subprotocol_is_agreed_upon(echo, websocket, offered, chosen):
    fields = [("Sec-WebSocket-Protocol", offered)] if offered else []
    with websocket(echo.address, fields=fields) as client:
        assert client.answer.get("Sec-WebSocket-Protocol") == chosen


# ---- handlers

def test_a_handler_chooses_the_close_code(echo, websocket):
    for code in (1000, 1008, 3000, 4999):
        with websocket(echo.address, f"/ws/close/{code}") as client:
            assert client.read_message() == (8, code.to_bytes(2, "big") + b"as you wish")
    assert refused(echo, handshake("/ws/close/none")).status == 400


@pytest.mark.parametrize("worker_class", ["async", "threads"])
def test_websockets_are_open_in_both_worker_classes(server, websocket, worker_class):
    each = server("--http2-cleartext", "--worker-class", worker_class, app="httpbin")
    with websocket(each.address) as one, websocket(each.address) as other:
        for client in (one, other, one):
            client.send(text("hello"))
            assert client.read_message() == (TEXT, b"hello")
        # A parameter of the path, and what is no WebSocket meanwhile.
        with websocket(each.address, "/ws/close/4321") as client:
            assert client.read_message() == (8, (4321).to_bytes(2, "big") + b"as you wish")
        assert each.get("/get").status == 200
