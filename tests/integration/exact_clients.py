# SPDX-License-Identifier: MIT
"""Clients that account for each request: a reset, an end or a short answer is a loss."""
import json
import threading
import time
from dataclasses import dataclass

from raw_client import RawConnection, request

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


class Client(threading.Thread):
    """Asks one request after the other until stop() or, if that is `expected`, until nobody listens
    any more. `kept`: on one connection, for as long as the server keeps it; otherwise each request
    has a connection of its own."""

    def __init__(self, address, target, kept, pause_s=0.0):
        super().__init__(daemon=True)
        self.address, self.target, self.kept, self.pause_s = address, target, kept, pause_s
        self.sent = self.answered = 0
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
        fields = [] if self.kept else [("Connection", "close")]
        asked = time.monotonic()
        self.sent += 1
        try:
            answer = self._connection.ask(request(self.target, fields=fields))
            assert answer.status == 200, answer
            if answer.get("content-type") == "application/json":
                self._worker = json.loads(answer.body).get("pid")
                self.workers.add(self._worker)
            self.answered += 1
            self.longest_s = max(self.longest_s, time.monotonic() - asked)
            if answer.closes or not self.kept:
                self._hang_up()
        except Exception as error:  # pylint: disable=broad-except
            self._lose(error, asked)

    def _connect(self):
        self._opened = time.monotonic()
        try:
            self._connection = RawConnection(self.address, DEADLINE_S)
            return True
        except (ConnectionRefusedError, FileNotFoundError) as error:
            self.refused = repr(error)
            if not self.refusal_expected:
                self._lose(error, self._opened)
        except Exception as error:  # pylint: disable=broad-except
            self._lose(error, self._opened)
        return False

    def _lose(self, error, asked):
        self.losses.append(Loss(f"{'kept' if self.kept else 'new'} {self.target}", repr(error),
                                self._opened, asked, self._worker))
        self._hang_up()
        if len(self.losses) > 100:
            self._asked_to_stop.set()

    def _hang_up(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = self._worker = None


class Load:
    """Many clients at work. All requests are accounted for at its end."""

    def __init__(self, address, kept=6, new=4, slow=2):
        self.clients = (
            [Client(address, "/worker", kept=True) for _ in range(kept)] +
            # Rests longer than it works: a drain finds it idle.
            [Client(address, "/worker", kept=True, pause_s=0.1) for _ in range(kept // 2)] +
            [Client(address, "/worker", kept=False) for _ in range(new)] +
            [Client(address, "/delay/0.2", kept=bool(i % 2)) for i in range(slow)])

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
