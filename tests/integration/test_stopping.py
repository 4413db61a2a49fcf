# SPDX-License-Identifier: MIT
"""A graceful stop, step by step: who still gets in, who is answered, and what hurries it."""
import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from conftest import DEADLINE_S
from exact_clients import Load
from raw_client import RawConnection, request


@pytest.fixture(params=["tcp", "unix"])
def bind(request, tmp_path):
    return "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/shop.sock"


def test_who_waits_in_the_accept_queue_is_served(server, bind):
    running = server("--bind", bind, app="httpbin")
    worker, = running.wait_until_ready(1)
    running.pause(worker)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawConnection(running.address)) for _ in range(20)]
        running.signal(signal.SIGTERM)
        running.wait_for_line("Handling signal: TERM")
        time.sleep(0.5)  # Past the time of the arbiter's steps.
        os.kill(worker, signal.SIGCONT)
        for client in clients:
            answer = client.ask(request("/hello"))
            assert answer.status == 200 and answer.closes
    assert running.wait() == 0


def test_who_comes_later_is_refused_while_the_last_requests_finish(server, bind):
    running = server("--bind", bind, "--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    with RawConnection(running.address) as client:
        client.send(request("/hello") + request("/delay/3"))
        assert client.read_answer().status == 200
        running.signal(signal.SIGTERM)
        refused_after = time.monotonic()
        running.wait_until(lambda: refuses(running.address), "a refusal")
        assert time.monotonic() - refused_after < 2.5, "refused only when the last had finished"
        assert client.read_answer().status == 200
    assert running.wait() == 0


def test_a_signal_to_the_whole_process_group_stops_it_as_one_to_the_arbiter(server):
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    with RawConnection(running.address) as client:
        client.send(request("/hello") + request("/delay/1"))
        assert client.read_answer().status == 200
        os.killpg(running.pid, signal.SIGTERM)  # As timeout(1), systemd and terminals have it.
        assert client.read_answer().status == 200
    assert running.wait() == 0
    assert running.log.count("Booting worker") == 2


def test_who_is_in_the_middle_of_a_handshake_has_time_to_end_it(server):
    running = server()
    running.wait_until_ready(1)
    asked = time.monotonic()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    # Nobody is there, and yet the worker accepts for so long before it leaves.
    assert time.monotonic() - asked >= 0.1


def refuses(address):
    """A TCP client gets no answer at first: it tries again by itself."""
    try:
        RawConnection(address, 0.2).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except TimeoutError:
        pass
    return False


def test_a_drain_gives_idle_connections_their_keep_alive_time(server):
    running = server("--keep-alive", "2", app="httpbin")
    with RawConnection(running.address) as asks, RawConnection(running.address) as silent:
        for client in (asks, silent):
            assert not client.ask(request("/hello")).closes
        running.signal(signal.SIGTERM)
        running.wait_until(lambda: asks.ask(request("/hello")).closes, "an answer that closes")
        assert asks.read_to_end() == b""
        assert silent.read_to_end() == b""
        silent.send(request("/hello"))  # It crossed the end on its way: no reset answers it.
        assert silent.read_to_end() == b""
    assert running.wait() == 0


def test_the_shutdown_delay_serves_on_while_readiness_fails(server, bind):
    running = server("--bind", bind, "--shutdown-delay", "3", "--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    assert running.get("/health").status == 200
    with Load(running.address, kept=2, new=2, slow=1) as load:
        load.wait_for(running, 1)
        running.signal(signal.SIGTERM)
        begun = time.monotonic()
        running.wait_for_line("Handling signal: TERM")
        with RawConnection(running.address) as client:
            answer = client.ask(request("/health"))
            assert (answer.status, answer.body) == (503, b"shutting down\n")
            assert not answer.closes
            assert client.ask(request("/hello")).status == 200
        load.wait_for(running, 3)
        assert not load.losses
        load.expect_refusal()
        assert running.wait() == 0
        assert time.monotonic() - begun >= 3
        load.wait_until_refused()
    assert not load.losses


def test_the_readiness_of_the_welcome_application(server):
    running = server("--shutdown-delay", "60")
    assert running.get("/health").status == 200
    running.signal(signal.SIGTERM)
    running.wait_for_line("Handling signal: TERM")
    assert running.get("/health").status == 503
    assert running.get("/").status == 200
    running.signal(signal.SIGINT)
    assert running.wait(20) == 0


def test_a_worker_that_dies_during_the_shutdown_delay_is_replaced(server):
    running = server("--shutdown-delay", "60", app="httpbin")
    worker, = running.wait_until_ready(1)
    running.signal(signal.SIGTERM)
    running.wait_for_line("Handling signal: TERM")
    os.kill(worker, signal.SIGKILL)
    running.wait_for_line(" is ready after ", 2)
    assert running.get("/health").status == 503
    running.signal(signal.SIGQUIT)
    assert running.wait(20) == 0


def test_readiness_does_not_fail_at_a_reload(server):
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    statuses, over = set(), threading.Event()

    def probe():
        while not over.is_set():
            statuses.add(running.get("/health").status)
    prober = threading.Thread(target=probe)
    prober.start()
    for done in (1, 2):
        running.signal(signal.SIGHUP)
        running.wait_for_log("Reload done", done)
    over.set()
    prober.join(DEADLINE_S)
    assert statuses == {200}


def test_term_twice_is_one_graceful_stop(server):
    running = server(app="httpbin")
    with RawConnection(running.address) as client:
        client.send(request("/hello") + request("/delay/2"))
        assert client.read_answer().status == 200
        for times in (1, 2, 3):
            running.signal(signal.SIGTERM)
            running.wait_for_line("Handling signal: TERM", times)
        assert client.read_answer().status == 200
    assert running.wait() == 0


def test_a_second_int_does_not_wait_for_a_worker_that_does_not_end(server):
    running = server("--timeout", "0", app="httpbin")
    worker, = running.wait_until_ready(1)
    running.pause(worker)
    running.signal(signal.SIGTERM)
    running.wait_for_line("Handling signal: TERM")
    for times in (1, 2):
        running.signal(signal.SIGINT)
        running.wait_for_line("Handling signal: INT", times)
    assert running.wait(20) == 0
    assert running.lines(rf"pid {worker}\) was killed .* a second INT or QUIT does not wait")


def test_a_stop_while_the_server_starts(server):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        running = server("--workers", "4", app="httpbin", wait=False)
        running.wait_for_line("Starting uringcorn")
        running.signal(number)
        assert running.wait(30) == 0
        assert not running.workers()


def test_a_stop_in_the_middle_of_a_reload(server):
    running = server("--workers", "4", app="httpbin")
    running.wait_until_ready(4)
    with Load(running.address, kept=3, new=1, slow=2) as load:
        load.wait_for(running, 1)
        running.signal(signal.SIGHUP)
        running.wait_for_line("generation 2")
        load.expect_refusal()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        load.wait_until_refused()
    assert not load.losses
    # Workers of the new generation came in between, and had sockets.
    assert not running.lines("cannot accept connections|exited with code")


def test_an_inherited_socket_keeps_who_waits_in_it_for_the_next_server(server):
    with socket.create_server(("127.0.0.1", 0)) as owned:
        address = owned.getsockname()
        descriptor = owned.fileno()
        bind = f"fd://{descriptor}"
        first = server("--bind", bind, pass_fds=(descriptor,))
        first.wait_until_ready(1)
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
        with RawConnection(address) as client:
            client.send(request("/health"))
            server("--bind", bind, pass_fds=(descriptor,))
            assert client.read_answer().status == 200
