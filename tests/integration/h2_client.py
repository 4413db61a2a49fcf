# SPDX-License-Identifier: MIT
"""A client of HTTP/2 that sends exactly the frames that it is told, good or bad, and keeps what
comes back. It answers nothing by itself but SETTINGS, PING and, unless told otherwise, DATA."""

import contextlib
import struct
from dataclasses import dataclass, field

import hpack

from raw_client import DEADLINE_S, ConnectionEnded, RawConnection

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE = 5, 6, 7, 8, 9, 16

END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 5, 6, 8, 9

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = 0, 1, 2, 3, 4
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
CONNECT_ERROR, ENHANCE_YOUR_CALM = 10, 11

LAST_POSSIBLE_STREAM = 2**31 - 1


@dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def error(self):
        """The code of RST_STREAM or GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.type == RST_STREAM
                             else self.payload[4:8])[0]

    @property
    def last_stream(self):
        return struct.unpack(">I", self.payload[:4])[0] & LAST_POSSIBLE_STREAM


@dataclass
class Answer:
    """What came on one stream."""
    fields: list[tuple[str, str]] = field(default_factory=list)
    interim: list[list[tuple[str, str]]] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self):
        return int(self.get(":status")) if self.fields else None

    def get(self, name):
        return dict(self.fields).get(name)

    @property
    def is_over(self):
        return self.ended or self.reset is not None


def frame_bytes(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings_payload(values):
    return b"".join(struct.pack(">HI", key, value) for key, value in values.items())


def head(path="/hello", method="GET", fields=(), authority="test.example", scheme="http"):
    """The fields of a well-formed request."""
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *fields]


class H2Connection(RawConnection):
    """One connection; `settings` are the client's. Its streams are in `answers`, by their ids."""

    def __init__(self, address, settings=None, timeout=DEADLINE_S, preface=True, takes_data=True):
        super().__init__(address, timeout)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.takes_data = takes_data
        self.huffman = True  # in the heads that are sent
        self.answers: dict[int, Answer] = {}
        self.settings: dict[int, int] | None = None
        self.acknowledged = 0
        self.goaways: list[Frame] = []
        self.pongs: list[bytes] = []
        self.data_sent = 0  # on all streams
        self.credit: dict[int, int] = {}  # what WINDOW_UPDATE frames gave, by stream
        self.next_stream = 1
        self._block = b""
        if preface:
            self.begin_preface(settings or {})

    def begin_preface(self, settings):
        self.send(PREFACE)
        self.frame(SETTINGS, payload=settings_payload(settings))

    # ---- sending

    def frame(self, kind, flags=0, stream=0, payload=b""):
        self.send(frame_bytes(kind, flags, stream, payload))

    def headers(self, stream, fields, end_stream=True):
        block = self.encoder.encode(fields, self.huffman)
        pieces = [block[i:i + 16_384] for i in range(0, len(block), 16_384)]
        for number, piece in enumerate(pieces):
            last = END_HEADERS if number == len(pieces) - 1 else 0
            first = END_STREAM if end_stream and number == 0 else 0
            self.frame(CONTINUATION if number else HEADERS, first | last, stream, piece)

    def data(self, stream, payload=b"", end_stream=False):
        self.frame(DATA, END_STREAM if end_stream else 0, stream, payload)
        self.data_sent += len(payload)

    def begin(self, whole_head=None, end_stream=True, **options):
        """Opens the next stream with that head, or one of these options; gives its id."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.headers(stream, head(**options) if whole_head is None else whole_head, end_stream)
        return stream

    def window_update(self, stream, increment):
        self.frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))

    def reset(self, stream, error=CANCEL):
        self.frame(RST_STREAM, 0, stream, struct.pack(">I", error))

    # ---- receiving

    def read_frame(self):
        """The next frame, and keeps what it says."""
        start = self.read_exactly(9)
        length = int.from_bytes(start[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", start[3:])
        frame = Frame(kind, flags, stream & LAST_POSSIBLE_STREAM, self.read_exactly(length))
        self._keep(frame)
        return frame

    def _keep(self, frame):
        if frame.type == SETTINGS:
            if frame.flags & ACK:
                self.acknowledged += 1
            else:
                self.settings = dict(struct.iter_unpack(">HI", frame.payload))
                self._reply(SETTINGS, ACK, 0, b"")
        elif frame.type == PING:
            if frame.flags & ACK:
                self.pongs.append(frame.payload)
            else:
                self._reply(PING, ACK, 0, frame.payload)
        elif frame.type == GOAWAY:
            self.goaways.append(frame)
        elif frame.type == WINDOW_UPDATE:
            increment = struct.unpack(">I", frame.payload)[0]
            self.credit[frame.stream] = self.credit.get(frame.stream, 0) + increment
        elif frame.type == RST_STREAM:
            self.answer(frame.stream).reset = frame.error
        elif frame.type in (HEADERS, CONTINUATION):
            self._keep_headers(frame)
        elif frame.type == DATA:
            self._keep_data(frame)

    def _keep_headers(self, frame):
        answer = self.answer(frame.stream)
        self._block += frame.payload
        if frame.flags & END_HEADERS:
            block, self._block = self._block, b""
            fields = self.decoder.decode(block)
            if answer.fields:
                answer.trailers = fields
            elif fields[0][1].startswith("1"):
                answer.interim.append(fields)
            else:
                answer.fields = fields
        answer.ended |= frame.type == HEADERS and bool(frame.flags & END_STREAM)

    def _keep_data(self, frame):
        answer = self.answer(frame.stream)
        answer.body += frame.payload
        answer.ended |= bool(frame.flags & END_STREAM)
        if self.takes_data and frame.payload:
            increment = struct.pack(">I", len(frame.payload))
            self._reply(WINDOW_UPDATE, 0, 0, increment)
            if not answer.ended:
                self._reply(WINDOW_UPDATE, 0, frame.stream, increment)

    def _reply(self, kind, flags, stream, payload):
        """What the client says by itself; a server that is gone does not hear it."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.frame(kind, flags, stream, payload)

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def read_until_true(self, condition):
        while not condition():
            self.read_frame()

    def finish(self, stream):
        """The answer on that stream, once it is whole or reset."""
        self.read_until_true(lambda: self.answer(stream).is_over)
        return self.answer(stream)

    def ask_h2(self, whole_head=None, body=None, **options):
        """One request and its answer."""
        stream = self.begin(whole_head, end_stream=body is None, **options)
        if body is not None:
            self.data(stream, body, end_stream=True)
        return self.finish(stream)

    def ping(self, payload=b"in order"):
        """Until the server has dealt with all that was sent before."""
        seen = len(self.pongs)
        self.frame(PING, 0, 0, payload)
        self.read_until_true(lambda: len(self.pongs) > seen)
        assert self.pongs[-1] == payload

    def read_to_goaway(self):
        """The code of the GOAWAY that ends the connection; reads up to the server's FIN."""
        try:
            while True:
                self.read_frame()
        except ConnectionEnded:
            pass
        except ConnectionResetError:
            # The server closed while more was on its way; what it said came before.
            pass
        return self.goaways[-1].error if self.goaways else None
