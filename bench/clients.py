# SPDX-License-Identifier: MIT
"""Clients that hold connections: each speaks one protocol as far as the bench needs it."""

import contextlib
import socket
import ssl
import struct
import time

from peers import request
from processes import BenchError

PATIENCE_SECONDS = 30
TOGETHER = 32
FRAME_HEADERS, FRAME_SETTINGS = 1, 4
END_STREAM, ACK, END_STREAM_AND_HEADERS = 1, 1, 5
WEBSOCKET_REQUEST = (
    b"GET /ws/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
MASK = b"\x12\x34\x56\x78"
MESSAGE = b"a" * 64


def tls_context(protocol="http/1.1", version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def connect(port, context=None, session=None, number=0):
    """A connection, with TLS if there is a context. The `number` spreads many of them over source
    addresses: one holds some 28,000 ports; four hold enough after earlier runs too."""
    connection = socket.socket()
    connection.bind((f"127.0.0.{2 + number % 4}", 0))
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect(("127.0.0.1", port))
    # What a handshake ends with and the request behind it are two writes.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection if context is None else context.wrap_socket(connection, session=session)


def receive(connection, count):
    received = b""
    while len(received) < count:
        more = connection.recv(count - len(received))
        if not more:
            raise BenchError(f"the connection ends after {received!r}")
        received += more
    return received


def ask_http1(connection):
    connection.sendall(request(connection.getpeername()[1]))
    if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
        raise BenchError("a request was not answered")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def ask_http2(connection):
    """The first request on a connection."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(FRAME_SETTINGS, 0, 0))
    ask_http2_on(connection, 1)


def ask_http2_on(connection, request_stream):
    scheme = b"\x87" if isinstance(connection, ssl.SSLSocket) else b"\x86"
    head = b"\x82" + scheme + b"\x04\x06/hello" + b"\x01\x09localhost"  # RFC 7541: not Huffman
    connection.sendall(frame(FRAME_HEADERS, END_STREAM_AND_HEADERS, request_stream, head))
    while True:
        length, kind, flags, stream = struct.unpack(">IBBI", b"\0" + receive(connection, 9))
        payload = receive(connection, length)
        if kind == FRAME_SETTINGS and not flags & ACK:
            connection.sendall(frame(FRAME_SETTINGS, ACK, 0))
        if kind == FRAME_HEADERS and payload[0] != 0x88:
            raise BenchError(f"an answer that is not 200: {payload!r}")
        if stream == request_stream and flags & END_STREAM:
            return


def ask_http2_again(connection):
    """The second one."""
    ask_http2_on(connection, 3)


def ask_websocket(connection):
    """Opens a WebSocket and has a message come back."""
    connection.sendall(WEBSOCKET_REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(connection, 1)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise BenchError(f"no WebSocket: {head!r}")
    ask_echo(connection)


def ask_echo(connection):
    masked = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(MESSAGE))
    connection.sendall(bytes([0x81, 0x80 | len(MESSAGE)]) + MASK + masked)
    echo = receive(connection, 2 + len(MESSAGE))
    if echo != bytes([0x81, len(MESSAGE)]) + MESSAGE:
        raise BenchError(f"not an echo: {echo!r}")


def visit(port, context=None, session=None):
    """One request, the last of its connection. A generator, so that many connections can go in
    step: it gives what is to be sent, and takes what comes of it."""
    said = request(port, close=True)
    if context is None:
        answer = yield said
    else:
        received, unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(received, unsent, session=session)
        answer = None
        while answer is None:
            try:
                tls.do_handshake()
                if said:
                    tls.write(said)
                    said = None
                answer = tls.read(65536)
            except ssl.SSLWantReadError:
                received.write((yield unsent.read()))
        if tls.session_reused != (session is not None):
            raise BenchError("a session was resumed, or not, against the plan")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise BenchError("a request was not answered")


def visit_in_step(port, visits, first_number):
    """Each visit on a connection of its own; all say what they have to say at the same time."""
    with contextlib.ExitStack() as stack:
        under_way = [(stack.enter_context(connect(port, number=number)), a_visit, next(a_visit))
                     for number, a_visit in enumerate(visits, first_number)]
        while under_way:
            for connection, _, said in under_way:
                connection.sendall(said)
            heard = [(connection, a_visit, connection.recv(65536))
                     for connection, a_visit, _ in under_way]
            under_way = []
            for connection, a_visit, answer in heard:
                with contextlib.suppress(StopIteration):
                    under_way.append((connection, a_visit, a_visit.send(answer)))


def connect_often(port, seconds, version=None, resumed=False):
    """How many connections with one request each came about, `TOGETHER` at a time: a server that
    has several to serve does not go to sleep for each of their steps."""
    context = tls_context(version=version) if version else None
    session, count = None, 0
    if resumed:
        with connect(port, context) as first:
            ask_http1(first)
            session = first.session
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        visit_in_step(port, [visit(port, context, session) for _ in range(TOGETHER)], count)
        count += TOGETHER
    return count
