# SPDX-License-Identifier: MIT
"""A WebSocket client that sends exactly the frames that it is told and reads answers strictly."""
import base64
import hashlib
import os
import struct
import zlib

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


class RawWebSocket(RawConnection):
    """An open WebSocket to `address`. `behind` is sent together with the handshake."""

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

    def expect_end(self):
        """Nothing more comes; ours is the second FIN, as a good client's."""
        try:
            self._more()
            raise AssertionError(f"more came: {self.buffer[:100]!r}")
        except ConnectionEnded:
            assert not self.buffer
