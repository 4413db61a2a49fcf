# SPDX-License-Identifier: MIT
"""WebSocket clients that send exactly the frames that they are told and read answers strictly, over
HTTP/1.1 and over HTTP/2."""
import base64
import hashlib
import os
import struct
import zlib
from dataclasses import dataclass

from h2_client import ENABLE_CONNECT_PROTOCOL, INITIAL_WINDOW_SIZE, Answer, H2Connection
from raw_client import ConnectionEnded, RawConnection

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
NO_CODE = 1005
ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(first: int, payload: bytes = b"", mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """A frame whose first byte is `first` (FIN, RSV and opcode)."""
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        length = b"\xfe" + struct.pack(">H", len(payload))
    else:
        length = b"\xff" + struct.pack(">Q", len(payload))
    repeated = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    masked = (int.from_bytes(payload, "big") ^ repeated).to_bytes(len(payload), "big")
    return bytes([first]) + length + mask + masked


def text(payload) -> bytes:
    return frame(FIN | TEXT, payload.encode() if isinstance(payload, str) else payload)


def binary(payload: bytes) -> bytes:
    return frame(FIN | BINARY, payload)


def ping(payload: bytes = b"") -> bytes:
    return frame(FIN | PING, payload)


def pong(payload: bytes = b"") -> bytes:
    return frame(FIN | PONG, payload)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(FIN | CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def fragments(opcode: int, pieces) -> list[bytes]:
    """The frames of a message in pieces."""
    pieces = list(pieces)
    return [frame((FIN if i == len(pieces) - 1 else 0) | (opcode if i == 0 else CONTINUATION),
                  piece) for i, piece in enumerate(pieces)]


def handshake(target="/ws/echo", fields=(), key=b"dGhlIHNhbXBsZSBub25jZQ==") -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: test", "Connection: Upgrade", "Upgrade: websocket",
             f"Sec-WebSocket-Key: {key.decode()}", "Sec-WebSocket-Version: 13"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def connect_head(target="/ws/echo", fields=(), protocol="websocket", authority="test"):
    """The fields of an extended CONNECT (RFC 8441 section 5)."""
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"),
            (":path", target), (":authority", authority), ("sec-websocket-version", "13"),
            *((name.lower(), value) for name, value in fields)]


@dataclass
class H2Handshake:
    """The answer to an extended CONNECT, with fields by whatever case of their names."""
    came: Answer

    @property
    def status(self):
        return self.came.status

    def get(self, name):
        return self.came.get(name.lower())


class FrameReader:
    """What is common to WebSockets over whatever has read_exactly() and expect_end()."""

    def read_frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame, whose length must be minimal."""
        first, length = self.read_exactly(2)
        assert length < 128, "a server does not mask"
        if length == 126:
            length = struct.unpack(">H", self.read_exactly(2))[0]
            assert length > 125
        elif length == 127:
            length = struct.unpack(">Q", self.read_exactly(8))[0]
            assert length > 65535
        if first & 0x08:
            assert first & FIN and length <= 125
        return first, self.read_exactly(length)

    def read_message(self) -> tuple[int, bytes]:
        """The opcode and the payload of the next message or control frame."""
        first, payload = self.read_frame()
        opcode, is_compressed = first & 0x0F, first & RSV1
        assert opcode != CONTINUATION and not first & (RSV2 | RSV3)
        while not first & FIN:
            first, more = self.read_frame()
            assert first & 0x7F == CONTINUATION
            payload += more
        if is_compressed:
            payload = self.inflater.decompress(payload + b"\x00\x00\xff\xff")
        return opcode, payload

    def read_close(self) -> tuple[int, bytes]:
        """The code and the reason of the Close frame that comes next, and then the end."""
        opcode, payload = self.read_message()
        assert opcode == CLOSE, (opcode, payload[:100])
        self.expect_end()
        return (struct.unpack(">H", payload[:2])[0], payload[2:]) if payload else (NO_CODE, b"")


class RawWebSocket(FrameReader, RawConnection):
    """An open WebSocket over HTTP/1.1 to `address`. `behind` is sent with the handshake."""

    version, opened = 1, 101

    @staticmethod
    def ask(address, target):
        """The status of the answer to a handshake."""
        with RawConnection(address) as client:
            client.send(handshake(target))
            return client.read_head().status

    def __init__(self, address, target="/ws/echo", fields=(), behind=b"", **options):
        super().__init__(address, **options)
        key = base64.b64encode(os.urandom(16))
        self.send(handshake(target, fields, key) + behind)
        self.answer = self.read_head()
        assert self.answer.status == 101, self.answer
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_SUFFIX).digest()).decode()
        assert self.answer.get("Sec-WebSocket-Accept") == accept
        assert self.answer.get("Connection").lower() == "upgrade"
        assert self.answer.get("Upgrade").lower() == "websocket"
        self.inflater = zlib.decompressobj(-15)

    def expect_end(self):
        """Nothing more comes; ours is the second FIN, as a good client's."""
        try:
            self._more()
            raise AssertionError(f"more came: {self.buffer[:100]!r}")
        except ConnectionEnded:
            assert not self.buffer


class H2WebSocket(FrameReader):
    """The same over one stream of HTTP/2 (RFC 8441), of a connection of its own or of one that is
    given. What the server's windows have no room for waits; what it sends meanwhile is kept."""

    version, opened = 2, 200

    @staticmethod
    def ask(address, target):
        """The status of the answer to an extended CONNECT."""
        with H2Connection(address) as client:
            stream = client.begin(connect_head(target), end_stream=False)
            client.read_until_true(lambda: client.answer(stream).fields)
            return client.answer(stream).status

    def __init__(self, address, target="/ws/echo", fields=(), behind=b"", **options):
        self.connection = (address if isinstance(address, H2Connection)
                           else H2Connection(address, **options))
        self.connection.read_until_true(lambda: self.connection.settings is not None)
        assert self.connection.settings[ENABLE_CONNECT_PROTOCOL] == 1
        self.taken = 0
        self.sent = 0
        self.inflater = zlib.decompressobj(-15)
        self.stream = self.connection.begin(connect_head(target, fields), end_stream=False)
        if behind:
            self.send(behind)
        self.connection.read_until_true(lambda: self.came.fields or self.came.is_over)
        self.answer = H2Handshake(self.came)
        assert self.answer.status == 200, self.came
        for name in ("connection", "upgrade", "sec-websocket-accept", "content-length"):
            assert self.answer.get(name) is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    @property
    def came(self):
        return self.connection.answer(self.stream)

    @property
    def socket(self):
        return self.connection.socket

    def room(self):
        """How much may be sent now."""
        credit = self.connection.credit
        of_stream = self.connection.settings[INITIAL_WINDOW_SIZE] + credit.get(self.stream, 0)
        of_all = 65_535 + credit.get(0, 0)
        return min(of_stream - self.sent, of_all - self.connection.data_sent)

    def send(self, data: bytes):
        while data:
            self.connection.read_until_true(lambda: self.room() > 0 or self.came.is_over)
            if self.came.reset is not None:
                raise ConnectionResetError(self.came.reset)
            size = min(self.room(), 16_384)
            if size <= 0:
                return  # the server has said the end, and takes no more
            piece, data = data[:size], data[size:]
            self.connection.data(self.stream, piece)
            self.sent += len(piece)

    def send_end(self):
        self.connection.data(self.stream, end_stream=True)

    def read_exactly(self, count: int) -> bytes:
        self.connection.read_until_true(
            lambda: len(self.came.body) - self.taken >= count or self.came.is_over)
        data = self.came.body[self.taken:self.taken + count]
        if len(data) < count:
            if self.came.ended:
                raise ConnectionEnded(data)
            raise ConnectionResetError(self.came.reset)
        self.taken += count
        return data

    def expect_end(self):
        """Nothing more comes; ours is the second END_STREAM, upon which the stream is over."""
        self.connection.read_until_true(lambda: self.came.is_over)
        assert self.came.ended and self.came.reset is None, self.came
        assert self.taken == len(self.came.body), self.came.body[self.taken:]
        self.send_end()
