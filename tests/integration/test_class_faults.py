# SPDX-License-Identifier: MIT
"""What a fault costs in each worker class: who is replaced, and that nobody else loses anything.

The clients of exact_clients account for every request. In `sync` the fault is in place before they
begin, so that a worker has nothing but the request at fault, and not one of theirs may be lost."""
import contextlib
import json
import os
import pathlib
import re
import signal
import time

import pytest

from program import EXAMPLES
from exact_clients import Load
from raw_client import ConnectionEnded, RawConnection, request

UNSAFE = {"HTTPBIN_UNSAFE": "1"}
TIMEOUT_S = 3
THREADS = 2
OWN = f"{EXAMPLES}/libasio_own_server.so"
SHARED = f"{EXAMPLES}/libasio_shared_loop.so"

BUILT_IN = ["async", "threads", "sync"]
needs_boost = pytest.mark.skipif(not pathlib.Path(OWN).exists(),
                                 reason="the examples were built without Boost")
ALL = [*BUILT_IN, pytest.param("own", marks=needs_boost), pytest.param("shared", marks=needs_boost)]


class Place:
    """Two workers of a class, under load."""

    def __init__(self, server, worker_class):
        self.is_sync = worker_class == "sync"
        self.keeps = worker_class not in ("sync", "own")
        name = {"own": OWN, "shared": SHARED}.get(worker_class, worker_class)
        self.running = server("-k", name, "--workers", "2", "--threads", str(THREADS), "--timeout",
                              str(TIMEOUT_S), app=None if worker_class == "own" else "httpbin",
                              environment=UNSAFE)
        self.pids = self.running.wait_until_ready(2)
        # The server of the example keeps no connection, says so to nobody, and knows no /delay.
        kept = 0 if worker_class == "own" else 4
        self.load = Load(self.running.address, kept=kept, new=4, slow=2 if kept else 0)

    def wait_until_taken(self):
        """The worker of class sync that a request holds: idle ones take connections in turn, so
        it is the one that does not answer any more."""
        def taken():
            seen = {json.loads(self.running.get("/worker").body)["pid"] for _ in range(12)}
            return set(self.pids) - seen if len(seen) == 1 else None
        return self.running.wait_until(taken, "a worker that is at work").pop()

    def connection_to(self, worker):
        while True:
            client = RawConnection(self.running.address)
            if json.loads(client.ask(request("/worker")).body)["pid"] == worker:
                return client
            client.close()

    def wait_for_death(self, pattern):
        """The pid of the worker whose end is told so, and when that was."""
        line = self.running.wait_for_line(rf"Worker \d+ \(pid \d+\) was killed by .*{pattern}")
        return int(line.split("(pid ")[1].split(")")[0]), time.monotonic()

    def assert_only_lost_with(self, dead, died):
        """Nothing but what `dead` was at is lost; in `sync`, that was none of the load's."""
        losses = self.load.losses
        if self.is_sync:
            assert not losses
        assert all(loss.may_be_of(dead, died) for loss in losses), losses
        assert len(losses) <= len(self.load.clients)  # each has one request under way at a time
        assert len(self.running.lines(r"Worker \d+ \(pid \d+\) was killed by")) == 1


# ---- from outside ----------------------------------------------------------------------------

@pytest.mark.parametrize("fault, pattern", [
    (signal.SIGKILL, "it crashed, or somebody else sent the signal"),
    (signal.SIGSEGV, "it crashed, or somebody else sent the signal"),
    (signal.SIGSTOP, "it was silent for 3 s"),
], ids=["kill", "crash", "stop"])
@pytest.mark.parametrize("worker_class", ALL)
def test_a_worker_that_dies_or_stops_takes_only_its_own_requests(server, worker_class, fault,
                                                                 pattern):
    place = Place(server, worker_class)
    with RawConnection(place.running.address) as held:
        victim = place.pids[0]
        if place.is_sync:
            held.send(request("/block/600000"))
            victim = place.wait_until_taken()
        with place.load as load:
            load.wait_for(place.running, 3)
            os.kill(victim, fault)
            dead, died = place.wait_for_death(pattern)
            assert dead == victim
            place.running.wait_until_ready(2)
            load.wait_for(place.running, 3)
        place.assert_only_lost_with(dead, died)
        if place.is_sync:
            with pytest.raises((ConnectionEnded, ConnectionResetError)):
                held.read_answer()


# ---- in a handler ----------------------------------------------------------------------------

# What a worker is asked for, and by how many clients at a time.
FAULTS = {
    "crashes": ("/crash?after_ms=1500", 1),
    "crashes on a thread": ("/blocking-crash?after_ms=1500", 1),
    "spins": ("/burn/600000", 1),
    "sleeps in the kernel": ("/stick/600", 1),
    "blocks a thread": ("/blocking-stick/600", 1),
    "blocks all threads": ("/blocking-stick/600", THREADS),
    "never finishes": ("/wait-for-ever", 2 * THREADS),
}
DIES, IS_REPLACED, STAYS = "SIGSEGV", "it was silent for 3 s", None
# What becomes of the worker, in the order of the faults.
OUTCOMES = {
    "async": [DIES, DIES, IS_REPLACED, IS_REPLACED, STAYS, STAYS, STAYS],
    "shared": [DIES, DIES, IS_REPLACED, IS_REPLACED, STAYS, STAYS, STAYS],
    "threads": [DIES, DIES, STAYS, STAYS, STAYS, IS_REPLACED, STAYS],
    "sync": [DIES, DIES, IS_REPLACED, IS_REPLACED, IS_REPLACED, IS_REPLACED, IS_REPLACED],
}
CASES = [pytest.param(worker_class, fault, outcome, id=f"{worker_class}-{fault.replace(' ', '-')}",
                      marks=needs_boost if worker_class == "shared" else ())
         for worker_class, outcomes in OUTCOMES.items()
         for fault, outcome in zip(FAULTS, outcomes)]


@contextlib.contextmanager
def at_fault(place, target, count):
    """Asks one worker for `target`, and clients of all workers for other things; gives the
    connections at fault."""
    with contextlib.ExitStack() as stack:
        if place.is_sync:  # one request a worker
            clients = [stack.enter_context(RawConnection(place.running.address))]
            clients[0].send(request(target))
            place.wait_until_taken()
            stack.enter_context(place.load)
        else:
            clients = [stack.enter_context(place.connection_to(place.pids[0]))
                       for _ in range(count)]
            stack.enter_context(place.load)
            place.load.wait_for(place.running, 1)
            for client in clients:
                client.send(request(target))
        yield clients


@pytest.mark.parametrize("worker_class, fault, outcome", CASES)
def test_a_handler_at_fault_costs_what_its_class_says(server, worker_class, fault, outcome):
    target, count = FAULTS[fault]
    place = Place(server, worker_class)
    with at_fault(place, target, count) as clients:
        if outcome is STAYS:
            time.sleep(TIMEOUT_S + 2)  # the time itself is what is tested
        else:
            dead, died = place.wait_for_death(outcome)
            for client in clients:
                with pytest.raises((ConnectionEnded, ConnectionResetError)):
                    client.read_answer()
        place.running.wait_until_ready(2)
        place.load.wait_for(place.running, 3)
    if outcome is STAYS:
        assert not place.load.losses
        assert sorted(place.running.workers()) == sorted(place.pids)
    else:
        place.assert_only_lost_with(dead, died)
        assert place.running.lines(rf'was killed by .*it was in:.* "GET {re.escape(target)}"')


# ---- what the dying worker tells -------------------------------------------------------------

def places_told(running):
    """The report of the worker's end: what it says before the first place, and the lines about each
    place, by the thread's name."""
    lines = running.log.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.endswith("; where it was:"))
    intro, places, current = lines[begin:begin + 1], {}, None
    for line in lines[begin + 1:]:
        if named := re.fullmatch(r"  its (first thread,|thread) (\d+):", line):
            current = places.setdefault(("first " if "first" in named[1] else "") + named[2], [])
        elif line.startswith("["):  # the arbiter's
            continue
        else:
            (intro if current is None else current).append(line)
    return intro, places


def of_handler(lines):
    return any("libhttpbin.so(" in line for line in lines)


@pytest.mark.parametrize("target", ["/stick/600", "/burn/600000"])
def test_a_worker_whose_threads_are_stuck_tells_where_each_is(server, target):
    place = Place(server, "threads")
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS):
            stack.enter_context(place.connection_to(place.pids[0])).send(request(target))
        dead, _ = place.wait_for_death("it was silent for 3 s")
    intro, places = places_told(place.running)
    assert re.search(rf"worker \d+ \(pid {dead}\) aborted", intro[0])
    assert intro[1:] == [f"  in request: GET {target}"] * THREADS
    assert len(places) == 1 + THREADS
    assert not of_handler(places.pop(f"first {dead}"))  # the reactor
    assert all(of_handler(lines) for lines in places.values()), places


def test_threads_that_wait_for_work_are_not_asked_where_they_are(server):
    place = Place(server, "async")
    for _ in range(20):  # both of both workers have been at work
        place.running.get("/block/10")
    with RawConnection(place.running.address) as client:
        client.send(request("/stick/600"))
        dead, _ = place.wait_for_death("it was silent for 3 s")
    _, places = places_told(place.running)
    assert list(places) == [f"first {dead}"]
    assert of_handler(places[f"first {dead}"])


@pytest.mark.parametrize("worker_class, target", [
    ("async", "/crash"), ("async", "/blocking-crash"), ("async", "/overflow"),
    ("threads", "/crash"), ("threads", "/overflow"), ("sync", "/overflow")])
def test_a_worker_that_crashes_tells_where_it_did(server, worker_class, target):
    place = Place(server, worker_class)
    with RawConnection(place.running.address) as client:
        client.send(request(target))
        dead, _ = place.wait_for_death("SIGSEGV")
    intro, places = places_told(place.running)
    assert re.search(rf"worker \d+ \(pid {dead}\) crashed \(SIGSEGV\)", intro[0])
    assert intro[1] == f"  in request: GET {target}"
    on_reactor = worker_class == "async" and target != "/blocking-crash"
    assert len(places) == (1 if on_reactor else 2)
    # The thread at fault is the first to be told of; the reactor follows.
    assert [of_handler(lines) for lines in places.values()] == [True, False][:len(places)]


@pytest.mark.parametrize("worker_class", [*BUILT_IN, pytest.param("shared", marks=needs_boost)])
def test_a_handler_that_throws_costs_its_own_answer(server, worker_class):
    place = Place(server, worker_class)
    with place.load as load:
        load.wait_for(place.running, 1)
        for _ in range(20):
            assert place.running.get("/throw").status == 500
        load.wait_for(place.running, 3)
    assert not load.losses
    assert sorted(place.running.workers()) == sorted(place.pids)
