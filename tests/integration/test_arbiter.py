# SPDX-License-Identifier: MIT
"""The arbiter and its workers: stopping, dying, hanging, coming back."""
import json
import os
import signal
import socket
import threading
import time

import pytest

from conftest import DEADLINE_S
from raw_client import RawConnection, request

HELLO = request("/hello")
UNSAFE = {"HTTPBIN_UNSAFE": "1"}


def worker_of(client) -> int:
    """The pid of the worker behind a connection."""
    return json.loads(client.ask(request("/worker")).body)["pid"]


def alive(pid) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def begin(client, target):
    """Returns when the request is handled: the one before it, in the same bytes, is answered."""
    client.send(HELLO + request(target))
    assert client.read_answer().status == 200


def hang_a_worker(running, target="/burn/600000"):
    """A connection whose worker is blocked by now, and that worker's pid."""
    client = RawConnection(running.address)
    pid = worker_of(client)
    before = cpu_ticks(pid)
    client.send(request(target))
    # Until then it may still take other connections, which would hang with it.
    running.wait_until(lambda: cpu_ticks(pid) > before + 5, "the worker to be busy")
    return client, pid


def cpu_ticks(pid):
    """The processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


# ---- stopping --------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_that_was_asked_for_is_exit_code_0(server, number):
    running = server("--workers", "2")
    workers = running.wait_until_ready(2)
    assert running.get("/health").status == 200
    running.signal(number)
    assert running.wait() == 0
    assert not any(alive(pid) for pid in workers)
    with pytest.raises(ConnectionRefusedError):
        RawConnection(running.address)


def test_term_lets_requests_in_flight_finish(server):
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    with RawConnection(running.address) as client:
        begin(client, "/delay/2")
        running.signal(signal.SIGTERM)
        answer = client.read_answer()
        assert answer.status == 200
        assert answer.closes
    assert running.wait() == 0


def test_term_answers_an_idle_connection_or_ends_it_cleanly(server):
    running = server(app="httpbin")
    with RawConnection(running.address) as client:
        client.ask(HELLO)
        running.signal(signal.SIGTERM)
        assert client.read_to_end() == b""
    assert running.wait() == 0


def test_requests_that_outlive_the_graceful_timeout_are_cut_off(server):
    running = server("--graceful-timeout", "1", app="httpbin")
    with RawConnection(running.address) as client:
        begin(client, "/delay/10")
        start = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        assert time.monotonic() - start < 8


def test_int_ends_requests_in_flight_at_once(server):
    running = server(app="httpbin")
    with RawConnection(running.address) as client:
        begin(client, "/delay/10")
        start = time.monotonic()
        running.signal(signal.SIGINT)
        assert running.wait() == 0
        assert time.monotonic() - start < 8


def test_int_shortens_a_graceful_stop(server):
    running = server("--graceful-timeout", "600", app="httpbin")
    with RawConnection(running.address) as client:
        begin(client, "/delay/10")
        running.signal(signal.SIGTERM)
        running.wait_for_line("Handling signal: TERM")
        running.signal(signal.SIGINT)
        start = time.monotonic()
        assert running.wait() == 0
        assert time.monotonic() - start < 8


# ---- dying -----------------------------------------------------------------------------------

def test_a_killed_worker_is_replaced_while_the_others_serve(server):
    running = server("--workers", "2", app="httpbin")
    first, second = running.wait_until_ready(2)
    os.kill(first, signal.SIGKILL)
    line = running.wait_for_line(rf"pid {first}\) was killed by SIGKILL")
    for _ in range(20):
        assert json.loads(running.get("/worker").body)["pid"] != first
    assert "somebody else sent the signal" in line
    assert second in running.wait_until_ready(2)


def test_the_death_of_a_worker_names_the_requests_that_it_was_in(server):
    running = server(app="httpbin")
    with RawConnection(running.address) as client:
        pid = worker_of(client)
        begin(client, "/delay/9?customer=7")
        os.kill(pid, signal.SIGKILL)
        line = running.wait_for_line(rf"pid {pid}\) was killed")
        assert 'and 2 requests' in line
        assert 'it was in: "GET /delay/9?customer=7"' in line


def test_a_handler_that_crashes_takes_only_its_worker_down(server):
    running = server("--workers", "2", app="httpbin", environment=UNSAFE)
    running.wait_until_ready(2)
    with RawConnection(running.address) as client:
        pid = worker_of(client)
        client.send(request("/crash"))
        client.read_to_end()
    line = running.wait_for_line(rf"pid {pid}\) (was killed by SIG|exited with code)")
    assert '"GET /crash"' in line
    running.wait_until_ready(2)
    assert running.get("/hello").status == 200


def test_a_handler_that_exits_is_told_with_its_code(server):
    running = server(app="httpbin", environment=UNSAFE)
    with RawConnection(running.address) as client:
        client.send(request("/exit/7"))
        client.read_to_end()
    line = running.wait_for_line("exited with code 7")
    assert '"GET /exit/7"' in line
    running.wait_for_line(" is ready after ", 2)
    assert running.get("/hello").status == 200


# ---- hanging ---------------------------------------------------------------------------------

def test_a_worker_that_blocks_is_aborted_with_a_backtrace_and_its_requests(server):
    # Long enough for the other worker to be heard on a busy machine.
    running = server("--workers", "2", "--timeout", "6", app="httpbin", environment=UNSAFE)
    running.wait_until_ready(2)
    client, pid = hang_a_worker(running)
    for _ in range(20):
        assert running.get("/hello").status == 200
    line = running.wait_for_line(rf"pid {pid}\) was killed by SIGABRT")
    assert "it was silent for 6 s (--timeout)" in line
    assert '"GET /burn/600000"' in line
    assert "in request: GET /burn/600000" in running.log
    assert "libhttpbin.so" in running.log  # the backtrace goes through the handler
    client.close()
    assert len(running.wait_until_ready(2)) == 2


def test_a_stopped_worker_is_killed_and_strands_nobody(server):
    running = server("--workers", "2", "--timeout", "6", app="httpbin")
    stopped, _ = running.wait_until_ready(2)
    running.pause(stopped)
    for _ in range(50):
        assert running.get("/hello").status == 200
    line = running.wait_for_line(rf"pid {stopped}\) was killed by SIGKILL")
    assert "it was silent for 6 s (--timeout)" in line
    running.wait_until_ready(2)


@pytest.fixture
def library(tmp_path):
    """Compiles a shared library from C source; for what no example does."""
    def compile_one(source, name="application"):
        path = tmp_path / f"{name}.so"
        compiler = os.environ.get("CC", "clang-19")
        code = os.spawnvp(os.P_WAIT, compiler, [
            compiler, "-shared", "-fPIC", "-o", str(path), "-xc", str(write(tmp_path, source))])
        assert code == 0
        return str(path)

    def write(folder, source):
        file = folder / "source.c"
        file.write_text(source, encoding="ascii")
        return file
    return compile_one


HANGS_AT_LOAD = """
#include <unistd.h>
__attribute__((constructor)) static void hang(void) { for (;;) pause(); }
"""


def test_a_worker_that_hangs_while_booting_is_aborted(server, library):
    running = server("--boot-timeout", "1", app=library(HANGS_AT_LOAD), wait=False)
    assert running.wait() == 3
    assert "it was not ready within 1 s (--boot-timeout)" in running.log


# ---- not booting -----------------------------------------------------------------------------

def test_an_application_that_is_not_there_is_exit_code_4(server):
    running = server("--workers", "3", app="/nonexistent/libshop.so", wait=False)
    assert running.wait() == 4
    assert "/nonexistent/libshop.so" in running.log
    assert len(running.lines("No worker could be booted; leaving with code 4")) == 1
    assert len(running.lines("Booting worker")) <= 3


def test_a_library_that_is_no_application_is_exit_code_4(server, library):
    running = server(app=library("int nothing;"), wait=False)
    assert running.wait() == 4


def test_an_application_that_crashes_at_load_is_exit_code_3(server, library):
    source = "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }"
    running = server("--workers", "2", app=library(source), wait=False)
    assert running.wait() == 3
    assert len(running.lines("was killed by SIGABRT")) <= 2
    assert "it crashed while the application booted" in running.log


# ---- the end of the arbiter ------------------------------------------------------------------

def test_workers_leave_when_the_arbiter_was_killed(server):
    running = server("--workers", "2", app="httpbin")
    workers = running.wait_until_ready(2)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.wait_until(lambda: not any(alive(pid) for pid in workers), "the end of the workers")
    with socket.socket() as rebound:
        rebound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rebound.bind(running.address)
        rebound.listen()


def test_workers_whose_arbiter_was_killed_finish_their_requests(server):
    running = server(app="httpbin")
    with RawConnection(running.address) as client:
        begin(client, "/delay/2")
        os.kill(running.pid, signal.SIGKILL)
        assert client.read_answer().status == 200


# ---- more and fewer, and anew ----------------------------------------------------------------

def test_ttin_and_ttou_change_the_number_of_workers(server):
    running = server("--workers", "2")
    first = running.wait_until_ready(2)
    running.signal(signal.SIGTTIN)
    running.wait_until_ready(3)
    for left in (2, 1):
        running.signal(signal.SIGTTOU)
        running.wait_until(lambda count=left: len(running.workers()) == count, "fewer workers")
    running.signal(signal.SIGTTOU)
    running.wait_for_line("Handling signal: TTOU", 3)
    assert running.get("/health").status == 200
    assert not set(first) & set(running.workers())


def test_a_reload_loses_no_request(server):
    running = server("--workers", "2", app="httpbin")
    old = running.wait_until_ready(2)
    failures, count, stop = [], [0], threading.Event()

    def ask_for_ever():
        while not stop.is_set():
            try:
                assert running.get("/hello").status == 200
                count[0] += 1
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))
    askers = [threading.Thread(target=ask_for_ever) for _ in range(4)]
    for asker in askers:
        asker.start()
    for generation in range(2, 5):
        running.signal(signal.SIGHUP)
        running.wait_for_line(f"Reload done: generation {generation} serves")
    stop.set()
    for asker in askers:
        asker.join(DEADLINE_S)
    assert not failures
    assert count[0] > 0
    assert not set(old) & set(running.wait_until_ready(2))


def test_workers_know_their_place_and_generation(server):
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)

    def places():
        told = [json.loads(running.get("/worker").body) for _ in range(20)]
        return {(one["slot"], one["generation"]) for one in told}
    running.wait_until(lambda: places() == {(0, 1), (1, 1)}, "both workers to answer")
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done")
    running.wait_until(lambda: places() == {(0, 2), (1, 2)}, "the second generation")
