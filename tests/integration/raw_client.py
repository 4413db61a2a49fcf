# SPDX-License-Identifier: MIT
"""A client that sends exactly the bytes that it is told and reads answers strictly."""
import socket
from dataclasses import dataclass, field

DEADLINE_S = 60


class ConnectionEnded(Exception):
    """The server ended the connection where bytes were expected."""


@dataclass
class Answer:
    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def closes(self) -> bool:
        return "close" in (self.get("connection") or "").lower()


class RawConnection:
    """One connection to `address`: (host, port) or the path of a unix socket. `source` is the
    address that it comes from, 127.0.0.2 for instance."""

    def __init__(self, address, timeout: float = DEADLINE_S, source: str | None = None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        self.socket.sendall(data)

    def send_end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionEnded(self.buffer)
        self.buffer += data

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def read_exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_to_end(self) -> bytes:
        """Everything up to the server's FIN; a reset is an error."""
        try:
            while True:
                self._more()
        except ConnectionEnded:
            data, self.buffer = self.buffer, b""
            return data

    def read_head(self) -> Answer:
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        assert all(len(one) == 2 for one in fields), lines
        return Answer(version, int(status), reason, fields)

    def read_answer(self, to_head: bool = False) -> Answer:
        """One final answer with its body; interim ones come from read_head()."""
        answer = self.read_head()
        if to_head or answer.status < 200 or answer.status in (204, 304):
            return answer
        if (answer.get("transfer-encoding") or "").lower() == "chunked":
            answer.body, answer.trailers = self._read_chunked()
        elif answer.get("content-length") is not None:
            answer.body = self.read_exactly(int(answer.get("content-length")))
        else:
            answer.body = self.read_to_end()
        return answer

    def _read_chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        trailers = []
        while line := self.read_until(b"\r\n"):
            name, value = line.decode("latin-1").split(":", 1)
            trailers.append((name, value.strip()))
        return body, trailers

    def ask(self, data: bytes, to_head: bool = False) -> Answer:
        self.send(data)
        return self.read_answer(to_head)


def request(target="/", method="GET", fields=(), body: bytes = b"", version="1.1") -> bytes:
    """A well-formed request."""
    lines = [f"{method} {target} HTTP/{version}", "Host: test.example"]
    lines += [f"{name}: {value}" for name, value in fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
