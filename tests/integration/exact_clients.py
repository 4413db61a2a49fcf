# SPDX-License-Identifier: MIT
"""Clients that account for each request: a reset, an end or a short answer is a loss."""
import json
import struct
import threading
import time
from dataclasses import dataclass

from h2_client import REFUSED_STREAM, H2Connection
from raw_client import ConnectionEnded, RawConnection, request
from raw_websocket import CLOSE, PING, TEXT, RawWebSocket, close, pong, text
from tls_client import TlsConnection

DEADLINE_S = 60


@dataclass
class Loss:
    """A request without a whole answer, and the connection that it was on."""
    client: str
    error: str
    opened: float         # when the connection was
    asked: float          # when the request was sent
    worker: int | None    # which had answered on the connection before

    def may_be_of(self, pid: int, died: float) -> bool:
        """Whether the death of worker `pid` excuses it."""
        return self.opened <= died and self.worker in (pid, None)


class ExactClient(threading.Thread):
    """Asks one request after the other until stop() or, if that is `expected`, until nobody listens
    any more. `context`: over TLS."""

    def __init__(self, address, target, pause_s=0.0, context=None):
        super().__init__(daemon=True)
        self.address, self.target, self.pause_s = address, target, pause_s
        self.context = context
        self.sent = self.answered = 0
        self.declined = 0   # the server did not deal with them, and has said so or need not
        self.farewells = 0  # ends that the server has announced
        self.losses = []
        self.workers = set()
        self.refused = None
        self.refusal_expected = False
        self.longest_s = 0.0
        self._asked_to_stop = threading.Event()
        self._connection = None
        self._opened = 0.0
        self._worker = None

    def stop(self):
        self._asked_to_stop.set()

    def run(self):
        while not self._asked_to_stop.is_set() and self.refused is None:
            self._ask()
            if self.pause_s:
                self._asked_to_stop.wait(self.pause_s)
        self._hang_up()

    def _ask(self):
        if self._connection is None and not self._connect():
            return
        self._ask_on_connection(time.monotonic())

    def _connect(self):
        self._opened = time.monotonic()
        try:
            self._connection = self._open()
            return True
        except (ConnectionRefusedError, FileNotFoundError) as error:
            self.refused = repr(error)
            if not self.refusal_expected:
                self._lose(error, self._opened)
        except Exception as error:  # pylint: disable=broad-except
            self._lose(error, self._opened)
        return False

    def _open(self):
        raise NotImplementedError

    def _ask_on_connection(self, asked):
        raise NotImplementedError

    def _note_answer(self, asked):
        self.answered += 1
        self.longest_s = max(self.longest_s, time.monotonic() - asked)

    def _lose(self, error, asked):
        self.losses.append(Loss(f"{type(self).__name__} {self.target}", repr(error), self._opened,
                                asked, self._worker))
        self._hang_up()
        if len(self.losses) > 100:
            self._asked_to_stop.set()

    def _hang_up(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = self._worker = None


class Client(ExactClient):
    """HTTP/1.1. `kept`: on one connection, for as long as the server keeps it; otherwise each
    request has a connection of its own. `keep_alive_s`: the server's time for idle connections. A
    client that was held up for so long, by a busy machine, finds its connection ended by right; as
    any client it asks again then."""

    def __init__(self, address, target, kept, keep_alive_s=None, **options):
        super().__init__(address, target, **options)
        self.kept, self.keep_alive_s = kept, keep_alive_s
        self._heard = None  # when there was an answer on this connection

    def _open(self):
        connection = (TlsConnection(self.address, self.context, timeout=DEADLINE_S)
                      if self.context else RawConnection(self.address, DEADLINE_S))
        self._heard = None
        return connection

    def _ask_on_connection(self, asked):
        fields = [] if self.kept else [("Connection", "close")]
        self.sent += 1
        sent_at = None
        try:
            self._connection.send(request(self.target, fields=fields))
            sent_at = time.monotonic()
            answer = self._connection.read_answer()
            assert answer.status == 200, answer
            if answer.get("content-type") == "application/json":
                self._worker = json.loads(answer.body).get("pid")
                self.workers.add(self._worker)
            self._note_answer(asked)
            self._heard = time.monotonic()
            if answer.closes:
                self.farewells += 1
            if answer.closes or not self.kept:
                self._hang_up()
        except Exception as error:  # pylint: disable=broad-except
            if self._was_idle_too_long(error, sent_at or time.monotonic()):
                self.declined += 1
                self._hang_up()
            else:
                self._lose(error, asked)

    def _was_idle_too_long(self, error, sent_at):
        has_ended = isinstance(error, ConnectionError) or (
            isinstance(error, ConnectionEnded) and error.args == (b"",))
        return (has_ended and None not in (self.keep_alive_s, self._heard) and
                sent_at - self._heard > 0.9 * self.keep_alive_s)


class H2OverTls(H2Connection):
    def __init__(self, address, context):
        super().__init__(address, timeout=DEADLINE_S, preface=False)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.begin_preface({})


class H2Client(ExactClient):
    """HTTP/2, some streams at a time on a connection that is kept until a GOAWAY. A stream that a
    GOAWAY says was not dealt with is declined, no loss."""

    def __init__(self, address, target, streams=3, **options):
        super().__init__(address, target, **options)
        self.streams = streams

    def _open(self):
        return H2OverTls(self.address, self.context) if self.context else H2Connection(
            self.address, timeout=DEADLINE_S)

    def _ask_on_connection(self, asked):
        client, streams, failure = self._connection, [], None

        def is_declined(stream):
            is_beyond = client.goaways and stream > client.goaways[-1].last_stream
            return is_beyond or client.answer(stream).reset == REFUSED_STREAM

        try:
            for _ in range(self.streams):
                streams.append(client.next_stream)
                self.sent += 1
                client.begin(path=self.target)
        except OSError as error:
            failure = error  # The server has ended the connection; what it had said can be read.
        try:
            client.read_until_true(lambda: all(client.answer(one).is_over or is_declined(one)
                                               for one in streams))
        except Exception as error:  # pylint: disable=broad-except
            failure = error
        for stream in streams:
            answer = client.answer(stream)
            if answer.ended and answer.status == 200:
                self._note_answer(asked)
            elif is_declined(stream):
                self.declined += 1
            else:
                self._lose(failure or AssertionError(answer), asked)
        self.farewells += bool(client.goaways)
        if failure or client.goaways:
            self._hang_up()


class WebSocketOverTls(RawWebSocket, TlsConnection):
    """The handshake of the one within that of the other."""


class WebSocketClient(ExactClient):
    """Says something to an echo, on a WebSocket that is kept until the server closes it with 1001:
    "going away". What it says meanwhile is declined."""

    GOING_AWAY = 1001

    def _open(self):
        if self.context:
            return WebSocketOverTls(self.address, self.target, context=self.context,
                                    timeout=DEADLINE_S)
        return RawWebSocket(self.address, self.target, timeout=DEADLINE_S)

    def _ask_on_connection(self, asked):
        said = f"{self.sent}".encode()
        self.sent += 1
        try:
            self._connection.send(text(said))
            opcode, payload = self._connection.read_message()
            while opcode == PING:
                self._connection.send(pong(payload))
                opcode, payload = self._connection.read_message()
            if opcode == CLOSE:
                assert struct.unpack(">H", payload[:2])[0] == self.GOING_AWAY, payload
                self._connection.send(close(self.GOING_AWAY))
                self._connection.expect_end()
                self.declined += 1
                self.farewells += 1
                self._hang_up()
            else:
                assert (opcode, payload) == (TEXT, said)
                self._note_answer(asked)
        except Exception as error:  # pylint: disable=broad-except
            self._lose(error, asked)


class Load:
    """Many clients at work. All requests are accounted for at its end."""

    def __init__(self, address, kept=6, new=4, slow=2, keep_alive_s=None):
        def client(target, **options):
            return Client(address, target, keep_alive_s=keep_alive_s, **options)
        self.clients = (
            [client("/worker", kept=True) for _ in range(kept)] +
            # Rests longer than it works: a drain finds it idle.
            [client("/worker", kept=True, pause_s=0.1) for _ in range(kept // 2)] +
            [client("/worker", kept=False) for _ in range(new)] +
            [client("/delay/0.1", kept=bool(i % 2)) for i in range(slow)])

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.stop()
        for client in self.clients:
            client.join(DEADLINE_S)
        assert not any(client.is_alive() for client in self.clients)

    @property
    def answered(self):
        return sum(client.answered for client in self.clients)

    @property
    def sent(self):
        return sum(client.sent for client in self.clients)

    @property
    def declined(self):
        return sum(client.declined for client in self.clients)

    @property
    def losses(self):
        return [loss for client in self.clients for loss in client.losses]

    @property
    def workers(self):
        return set().union(*(client.workers for client in self.clients))

    def wait_for(self, running, count):
        """Until each client has had so many more answers."""
        goals = [(client, client.answered + count) for client in self.clients]
        running.wait_until(lambda: all(client.answered >= goal for client, goal in goals),
                           f"{count} more answers to each client; losses: {self.losses}")

    def expect_refusal(self):
        for client in self.clients:
            client.refusal_expected = True

    def wait_until_refused(self):
        for client in self.clients:
            client.join(DEADLINE_S)
        assert all(client.refused for client in self.clients), "somebody was never refused"


class MixedLoad(Load):
    """Clients of these protocols at one address. `context`: over TLS, with what it gives for a kind
    of clients."""

    ALL = (Client, H2Client, WebSocketClient)

    def __init__(self, address, kinds=ALL, context=None, keep_alive_s=None):
        # pylint: disable=super-init-not-called
        def client(kind, target, rests=False, **options):
            return kind(address, target, pause_s=0.1 if rests else 0.0,
                        context=context(kind) if context else None, **options)
        kept = {"kept": True, "keep_alive_s": keep_alive_s}
        clients = [
            client(Client, "/worker", **kept), client(Client, "/worker", kept=False),
            client(Client, "/worker", rests=True, **kept), client(Client, "/delay/0.1", **kept),
            client(H2Client, "/worker"), client(H2Client, "/worker", rests=True),
            client(H2Client, "/delay/0.1"),
            client(WebSocketClient, "/ws/echo"), client(WebSocketClient, "/ws/echo", rests=True)]
        self.clients = [one for one in clients if isinstance(one, kinds)]

    def farewells(self, kind):
        """How many ends were announced to clients of that kind."""
        return sum(client.farewells for client in self.clients if isinstance(client, kind))
