# SPDX-License-Identifier: MIT
"""A day of an operator, under load: whatever is done to the server, no request is lost.

Clients on kept connections and clients with a new connection for each request count exactly. What
may fail is what a worker that is killed was in; nothing else."""
import contextlib
import os
import signal
import time

import pytest

from exact_clients import Load

WORKERS = 4
KEEP_ALIVE_S = 2


@pytest.fixture(params=[("tcp", "async"), ("unix", "async"), ("tcp", "threads"),
                        ("unix", "sync")], ids="-".join)
def running(server, request, tmp_path):
    network, worker_class = request.param
    bind = "127.0.0.1:0" if network == "tcp" else f"unix:{tmp_path}/shop.sock"
    one = server("--workers", str(WORKERS), "--bind", bind, "--worker-class", worker_class,
                 "--timeout", "3", "--keep-alive", str(KEEP_ALIVE_S), "--max-requests", "400",
                 "--max-requests-jitter", "200", "--log-level", "debug", app="httpbin")
    one.wait_until_ready(WORKERS)
    return one


def reload(running):
    done = len(running.lines("Reload done"))
    running.signal(signal.SIGHUP)
    running.wait_for_log("Reload done", done + 1)


def retire_all(running, but=()):
    """WINCH, and until the workers that there were have gone."""
    old = set(running.workers()) - set(but)
    running.signal(signal.SIGWINCH)
    running.wait_until(lambda: not old & set(running.workers()), "the end of all workers")


def strike(running, number, and_then=lambda: None):
    """Sends a worker the signal that it dies of, and calls `and_then`. Gives its pid, and when its
    death was told."""
    while True:
        # Not the next one to be recycled; and if it leaves by itself all the same, it is no victim.
        victim = running.wait_until_ready(WORKERS)[-1]
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, number)
        and_then()
        end = running.wait_for_line(rf"\(pid {victim}\) (was killed by SIGKILL|left after)")
        if "killed" in end:
            return victim, time.monotonic()


def test_no_request_is_lost_in_a_day_of_an_operator(running):
    excused = []
    with Load(running.address, keep_alive_s=KEEP_ALIVE_S) as load:
        load.wait_for(running, 3)
        for _ in range(10):
            reload(running)
            load.wait_for(running, 1)
        assert not load.losses

        for number, count in ((signal.SIGTTIN, 5), (signal.SIGTTIN, 6), (signal.SIGTTOU, 5),
                              (signal.SIGTTOU, 4), (signal.SIGTTOU, 3), (signal.SIGTTIN, 4)):
            handled = len(running.lines("Handling signal: TT"))
            running.signal(number)
            running.wait_for_line("Handling signal: TT", handled + 1)
            running.wait_until_ready(count)
            load.wait_for(running, 1)
        assert not load.losses

        excused.append(strike(running, signal.SIGKILL))
        running.wait_until_ready(WORKERS)
        load.wait_for(running, 3)

        before = []
        victim, when = strike(running, signal.SIGSTOP, lambda: before.append(load.answered))
        assert running.lines(rf"pid {victim}\) was killed .* silent for 3 s \(--timeout\)")
        assert load.answered > before[-1], "a stopped worker stopped the others"
        excused.append((victim, when))
        load.wait_for(running, 3)

        recycled = len(running.lines("A successor is due after"))
        assert recycled > 0
        load.expect_refusal()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        load.wait_until_refused()
    lost = [loss for loss in load.losses if not any(loss.may_be_of(*death) for death in excused)]
    assert not lost, lost
    assert load.sent == load.answered + load.declined + len(load.losses)
    assert len(load.losses) <= 2 * len(load.clients)


def test_no_request_is_lost_in_upgrades(running):
    def upgrade(times):
        running.signal(signal.SIGUSR2)
        line = running.wait_for_line(r"starting a new arbiter with pid: \d+", times)
        running.wait_for_line(r"serving beside the old arbiter", times)
        return int(line.split("pid: ")[1].split(",")[0])

    with Load(running.address, keep_alive_s=KEEP_ALIVE_S) as load:
        load.wait_for(running, 1)
        new = upgrade(1)
        load.wait_for(running, 1)
        retire_all(running, but=[new])
        load.wait_for(running, 1)
        reload(running)  # brings the old workers back
        os.kill(new, signal.SIGTERM)
        running.wait_for_line(rf"The new arbiter \(pid {new}\) has left")
        load.wait_for(running, 1)
        assert not load.losses

        new = upgrade(2)
        retire_all(running, but=[new])
        running.signal(signal.SIGQUIT)
        assert running.wait() == 0
        running.wait_for_line("is gone; this one is in its place")
        load.wait_for(running, 1)
        assert not load.losses

        load.expect_refusal()
        os.kill(new, signal.SIGTERM)
        load.wait_until_refused()
    assert not load.losses
    assert load.sent == load.answered + load.declined
