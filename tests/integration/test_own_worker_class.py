# SPDX-License-Identifier: MIT
"""Worker classes of one's own, by the two examples for Boost.Asio: one with its own server, one
whose loop does the waiting for uringcorn's."""
import json
import os
import pathlib
import signal

import pytest

from program import EXAMPLES
from raw_client import ConnectionEnded, RawConnection, request

OWN = f"{EXAMPLES}/libasio_own_server.so"
SHARED = f"{EXAMPLES}/libasio_shared_loop.so"
UNSAFE = {"HTTPBIN_UNSAFE": "1"}

pytestmark = pytest.mark.skipif(not pathlib.Path(OWN).exists(),
                                reason="the examples were built without Boost")


@pytest.fixture(params=["own", "shared"])
def serve(request, server):
    """Starts either example; both answer /worker and /slow alike."""
    def start(*arguments):
        if request.param == "own":
            return server("-k", OWN, *arguments)
        return server("-k", SHARED, *arguments, app="httpbin", environment=UNSAFE)
    start.slow = "/slow" if request.param == "own" else "/delay/1"
    start.hang = "/hang" if request.param == "own" else "/stick/600"
    return start


def worker_of(running):
    return json.loads(running.get("/worker").body)


def begin(running, target):
    """A connection with a request that its worker is at: its log or scoreboard does not tell, but
    what is asked next on the one worker is answered after it was read."""
    client = RawConnection(running.address)
    client.send(request(target))
    return client


def test_it_binds_and_serves(serve):
    running = serve("--workers", "2")
    pids = running.wait_until_ready(2)
    seen = {worker_of(running)["pid"] for _ in range(20)}
    assert seen <= set(pids)


def test_its_heart_beats(serve):
    running = serve("--timeout", "2")
    first = running.wait_until_ready()
    assert running.get(serve.slow).status == 200
    for _ in range(4):
        assert running.get(serve.slow).status == 200
    assert running.workers() == first


def test_it_is_reloaded(serve):
    running = serve()
    first = running.wait_until_ready()
    generation = worker_of(running)["generation"]
    running.signal(signal.SIGHUP)
    running.wait_until(lambda: running.workers() and set(running.workers()).isdisjoint(first),
                       "the successor alone")
    assert worker_of(running)["generation"] == generation + 1


def test_it_drains(serve):
    running = serve()
    running.wait_until_ready()
    with begin(running, serve.slow) as client:
        running.get("/worker")
        running.signal(signal.SIGTERM)
        assert client.read_answer().status == 200
    assert running.wait() == 0


def test_a_signal_to_the_whole_process_group_boots_nobody(serve):
    running = serve("--workers", "2")
    running.wait_until_ready(2)
    os.killpg(running.pid, signal.SIGTERM)
    assert running.wait() == 0
    assert running.log.count("Booting worker") == 2


def test_one_that_is_told_to_leave_by_hand_is_replaced(serve):
    running = serve()
    worker, = running.wait_until_ready(1)
    os.kill(worker, signal.SIGTERM)
    running.wait_until(lambda: running.workers() not in ([worker], []), "a successor")
    running.wait_until(lambda: worker not in running.workers(), "the worker to leave")
    assert running.get("/worker").status == 200


def test_it_leaves_when_the_arbiter_does_not_answer(serve):
    running = serve()
    worker, = running.wait_until_ready(1)
    os.kill(running.pid, signal.SIGSTOP)
    os.kill(worker, signal.SIGTERM)
    running.wait_until(lambda: worker not in running.workers(), "the worker to leave")
    os.kill(running.pid, signal.SIGCONT)
    running.wait_until(running.workers, "a successor")
    assert running.get("/worker").status == 200


def test_it_stops_at_once_when_it_must(serve):
    running = serve("--graceful-timeout", "600")
    running.wait_until_ready()
    with begin(running, serve.slow):
        running.get("/worker")
        running.signal(signal.SIGINT)
        assert running.wait() == 0


def test_it_is_killed_when_it_hangs_and_tells_in_what(serve):
    running = serve("--timeout", "2")
    first = running.wait_until_ready()
    with RawConnection(running.address) as client:
        client.send(request(serve.hang))
        with pytest.raises((ConnectionEnded, ConnectionResetError)):
            client.read_answer()
    line = running.wait_for_line("was silent for 2 s")
    assert f"pid {first[0]}" in line
    running.wait_for_line(f"in request: GET {serve.hang}")
    running.wait_until(lambda: running.wait_until_ready() != first, "its successor")
    assert running.get("/worker").status == 200


def test_it_drains_when_the_arbiter_dies(serve):
    running = serve()
    worker = running.wait_until_ready()[0]
    running.signal(signal.SIGKILL)
    running.wait_for_log("the arbiter is gone; draining")
    running.wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the end of the worker")


def test_a_foreign_loop_serves_beside_its_own_work(server):
    running = server("-k", SHARED, app="httpbin")
    for _ in range(100):
        assert running.get("/hello").status == 200
    assert running.get("/delay/0.5").status == 200
    assert running.get("/block/1").status == 200
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    ticks = int(running.wait_for_line("Asio's timer fired").split("fired ")[1].split()[0])
    assert ticks >= 10


def test_a_class_that_is_none_is_refused(server):
    running = server("-k", f"{EXAMPLES}/libhello.so", wait=False)
    assert running.wait() == 4
    assert "cannot load the worker class" in running.log
    assert "it has no symbol uringcorn_worker_class" in running.log
    running = server("-k", "./nothing.so", wait=False)
    assert running.wait() == 4
    assert "cannot load the worker class ./nothing.so: no such file" in running.log
