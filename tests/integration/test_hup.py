# SPDX-License-Identifier: MIT
"""HUP: what changes, what stays, and what happens when the new generation is no good."""
import contextlib
import json
import os
import signal
import socket
import threading

import pytest

from conftest import DEADLINE_S, process_state
from exact_clients import Client, Load
from program import EXAMPLES, replace
from raw_client import RawConnection, request


@pytest.fixture
def configure(tmp_path):
    """Writes the configuration anew."""
    def write(text):
        fresh = tmp_path / "uringcorn.toml.new"
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, tmp_path / "uringcorn.toml")
    return write


def reload(running, outcome="Reload done"):
    """Gives the line that tells the outcome."""
    told = len(running.lines(outcome))
    running.signal(signal.SIGHUP)
    return running.wait_for_line(outcome, told + 1)


def refuses(address):
    try:
        RawConnection(address, DEADLINE_S).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


# ---- the application -------------------------------------------------------------------------

def test_a_reload_loads_the_application_anew(server, deployed):
    running = server("--workers", "2", app=str(deployed))
    running.wait_until_ready(2)
    assert running.get("/").body == b"Hello, world!\n"
    replace(deployed, f"{EXAMPLES}/libhttpbin.so")
    reload(running)
    running.wait_until(lambda: len(running.workers()) == 2, "the end of the old generation")
    assert running.get("/hello").body == b"Hello, World!"
    assert b"httpbin" in running.get("/").body


def test_an_application_that_cannot_be_loaded_changes_nothing(server, deployed):
    running = server("--workers", "2", app=str(deployed))
    old = running.wait_until_ready(2)
    (deployed.parent / "half.so").write_bytes(deployed.read_bytes()[:5000])
    replace(deployed, deployed.parent / "half.so")
    line = reload(running, "Reload abandoned")
    assert "generation 2 fails to boot, generation 1 goes on" in line
    assert len(running.lines("cannot load the application .*: the file is cut short")) == 1
    assert sorted(running.workers()) == sorted(old)
    assert running.get("/").body == b"Hello, world!\n"
    replace(deployed, f"{EXAMPLES}/libhttpbin.so")
    assert "generation 3 serves" in reload(running)
    running.wait_until(lambda: not set(old) & set(running.workers()), "the end of the old ones")


@pytest.mark.parametrize("name, cause", [
    ("hanging", "it was not ready within 2 s (--boot-timeout)"),
    ("failing", "failing, as it was asked to"),
    ("failing_startup", "failing at startup, as it was asked to"),
])
def test_an_application_that_does_not_boot_changes_nothing(server, configure, name, cause):
    text = 'app = "{}"\nbind = "127.0.0.1:0"\nworkers = 2\nboot_timeout = "2s"\n'
    running = server(configuration=text.format(f"{EXAMPLES}/libhttpbin.so"))
    old = running.wait_until_ready(2)
    configure(text.format(f"{EXAMPLES}/libhttpbin.so:{name}"))
    assert "generation 1 goes on" in reload(running, "Reload abandoned")
    assert cause in running.log
    assert sorted(running.workers()) == sorted(old)
    assert running.get("/hello").status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_that_die_while_another_application_is_tried_are_replaced_as_they_were(
        server, configure, workers):
    text = (f'app = "{{}}"\nbind = "127.0.0.1:0"\nworkers = {workers}\nboot_timeout = "90s"\n')
    running = server(configuration=text.format(f"{EXAMPLES}/libhttpbin.so"))
    old = running.wait_until_ready(workers)
    configure(text.format(f"{EXAMPLES}/libhttpbin.so:hanging"))
    running.signal(signal.SIGHUP)
    running.wait_for_line("Booting worker .* generation 2")
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    running.wait_for_line("Booting worker .* generation 1", 2 * workers)
    running.wait_for_line(" is ready after ", 2 * workers)
    assert running.get("/hello").status == 200
    assert len(running.lines("Booting worker .* generation 2")) == 1
    configure(text.format(f"{EXAMPLES}/libhello.so"))
    assert "generation 3 serves" in reload(running)


# ---- the configuration -----------------------------------------------------------------------

def test_a_bad_configuration_is_one_error_and_changes_nothing(server, configure):
    running = server(configuration='bind = "127.0.0.1:0"\nworkers = 2\n')
    old = running.wait_until_ready(2)
    configure('bind = "127.0.0.1:0"\nworkers = "many"\n')
    line = reload(running, "Reload refused")
    assert "uringcorn.toml:2: workers" in line and "generation 1 goes on" in line
    assert len(running.lines(r"\[ERROR\]")) == 1
    assert sorted(running.workers()) == sorted(old)
    assert running.get("/health").status == 200


def test_an_address_that_is_taken_is_one_error_and_changes_nothing(server, configure):
    running = server(configuration='bind = "127.0.0.1:0"\n')
    old = running.wait_until_ready(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        configure(f'bind = ["127.0.0.1:0", "127.0.0.1:{port}"]\n')
        assert f"127.0.0.1:{port}" in reload(running, "Reload refused")
    assert running.workers() == old
    assert running.get("/health").status == 200


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_address_that_is_given_up_loses_no_request(server, configure, tmp_path, kind):
    text = f'app = "{EXAMPLES}/libhttpbin.so"\nworkers = 2\nbind = ["127.0.0.1:0"{{}}]\n'
    other = "127.0.0.2:0" if kind == "tcp" else f"unix:{tmp_path}/shop.sock"
    running = server(configuration=text.format(f', "{other}"'))
    running.wait_until_ready(2)
    kept, given_up = running.addresses
    with Load(kept) as stayers, Load(given_up) as leavers:
        stayers.wait_for(running, 1)
        leavers.wait_for(running, 1)
        leavers.expect_refusal()
        configure(text.format(""))
        reload(running)
        leavers.wait_until_refused()
        stayers.wait_for(running, 1)
    assert not leavers.losses and not stayers.losses
    assert refuses(given_up)
    configure(text.format(f', "{other}"'))
    reload(running)
    with RawConnection(running.addresses[2]) as client:
        assert client.ask(request("/hello")).status == 200


def test_the_number_of_workers_is_kept_unless_the_configured_one_changes(server, configure):
    running = server(configuration='bind = "127.0.0.1:0"\nworkers = 2\n')
    running.wait_until_ready(2)
    running.signal(signal.SIGTTIN)
    running.wait_until_ready(3)
    reload(running)
    running.wait_until(lambda: len(running.workers()) == 3, "three workers to stay")
    configure('bind = "127.0.0.1:0"\nworkers = 1\n')
    reload(running)
    running.wait_until(lambda: len(running.workers()) == 1, "the configured number")
    assert running.get("/health").status == 200


def waiting_room(path):
    """How many can connect to a unix socket from which nobody accepts."""
    with contextlib.ExitStack() as stack:
        for count in range(1000):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(path)
            except BlockingIOError:
                return count
    return 1000


def test_a_reload_changes_the_length_of_the_accept_queue(server, configure, tmp_path):
    path = f"{tmp_path}/a.sock"
    text = f'bind = "unix:{path}"\nbacklog = {{}}\n'
    running = server(configuration=text.format(2))
    running.wait_until_ready(1)
    for backlog in (30, 5):
        configure(text.format(backlog))
        reload(running)
        running.signal(signal.SIGWINCH)
        running.wait_until(lambda: not running.workers(), "the end of the worker")
        assert backlog <= waiting_room(path) <= backlog + 1
        running.signal(signal.SIGTTIN)
        running.wait_until_ready(1)


def test_what_changes_at_a_restart_only_says_so(server, configure, tmp_path):
    text = 'bind = "127.0.0.1:0"\n'
    running = server(configuration=text)
    running.wait_until_ready(1)
    others = {"pid": f'"{tmp_path}/a.pid"', "chdir": '"/"', "worker_tmp_dir": '"/tmp"',
              "reuse_port": "true", "daemon": "true", "tls_ticket_lifetime": '"1h"'}
    configure(text + "".join(f"{name} = {value}\n" for name, value in others.items()) +
              'error_logfile = "error.log"\n')
    reload(running)
    for name in others:
        flag = "--" + name.replace("_", "-")
        assert len(running.lines(f"{flag} changes at a restart only")) == 1, name
    assert running.get("/health").status == 200


def test_a_reload_opens_the_logs_again(server, tmp_path):
    running = server("--access-logfile", "access.log", app="httpbin")
    running.get("/hello")
    log = tmp_path / "access.log"
    running.wait_until(log.read_text, "the line of the request")
    log.rename(tmp_path / "access.log.1")
    reload(running)
    running.wait_until(lambda: running.get("/hello") and log.exists() and log.read_text(),
                       "a line in the new file")


# ---- how it goes -----------------------------------------------------------------------------

class Watch(threading.Thread):
    """Counts how many workers are there at most."""

    def __init__(self, running):
        super().__init__(daemon=True)
        self.running, self.most, self.over = running, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.002):
            self.most = max(self.most, len(self.running.workers()))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_reload_never_has_more_than_its_batch_in_excess(server, batch):
    running = server("--workers", "4", "--reload-batch", str(batch), "--keep-alive", "1",
                     app="httpbin")
    running.wait_until_ready(4)
    with Load(running.address, kept=2, new=1, slow=2) as load:
        watch = Watch(running)
        watch.start()
        reload(running)
        reload(running)
        watch.over.set()
        watch.join()
    assert not load.losses
    assert 4 < watch.most <= 4 + batch


def test_reloads_in_a_burst_end_with_the_last_generation(server):
    running = server("--workers", "3")
    running.wait_until_ready(3)
    for _ in range(20):
        running.signal(signal.SIGHUP)
        running.get("/health")

    def last_is_done():
        last = 1 + len(running.lines("Handling signal: HUP"))
        return last > 1 and running.lines(f"Reload done: generation {last} serves")
    running.wait_until(last_is_done, "the last reload")
    running.wait_until(lambda: len(running.workers()) == 3, "the end of all others")
    assert running.get("/health").status == 200


def test_signals_that_come_together_are_each_heeded_once(server):
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    # SIGCONT would take back TTIN and TTOU: to the kernel they are kinds of a stop.
    together = (signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH)
    with Load(running.address, kept=2, new=1, slow=1) as load:
        load.wait_for(running, 1)
        running.signal(signal.SIGSTOP)
        running.wait_until(lambda: process_state(running.pid) == "T", "the arbiter to stop")
        for number in together * 5:
            running.signal(number)
        running.signal(signal.SIGCONT)
        running.wait_until(lambda: not running.workers(), "the end of all workers")
        assert len(running.lines("Handling signal")) == len(together)
        running.signal(signal.SIGTTIN)
        running.wait_for_line("Reload done: generation 2 serves")
        load.wait_for(running, 1)
    assert not load.losses
    for number in (signal.SIGTTIN, signal.SIGHUP, signal.SIGTERM):
        running.signal(number)
    assert running.wait() == 0
    assert not running.lines(r"\[ERROR\]")


def test_a_worker_that_hangs_is_noticed_during_a_reload(server):
    running = server("--workers", "2", "--timeout", "2", app="httpbin")
    workers = running.wait_until_ready(2)
    first = int(running.wait_for_line("Booting worker").split("pid: ")[1].split()[0])
    other, = set(workers) - {first}
    with contextlib.ExitStack() as stack:
        def connect_to_first():
            client = stack.enter_context(RawConnection(running.address))
            pid = json.loads(client.ask(request("/worker")).body)["pid"]
            return client if pid == first else None
        client = running.wait_until(connect_to_first, "a connection to the first worker")
        client.send(request("/delay/10"))
        running.signal(signal.SIGHUP)
        running.wait_for_line("generation 2")
        running.pause(other)
        # The reload waits for the one with the request; nobody waits for the one that hangs.
        running.wait_for_line(rf"pid {other}\) was killed .* silent for 2 s")
        assert not running.lines(rf"pid {first}\) left")
        running.wait_for_line("Reload done: generation 2 serves")
        assert client.read_answer().status == 200


def test_a_reload_while_the_server_starts_and_one_while_it_stops(server):
    running = server("--workers", "2", app="httpbin", wait=False)
    running.wait_for_line("Starting uringcorn")
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done: generation 2 serves")
    # One that leaves still accepts who was in the queue, for one answer.
    running.wait_until(lambda: len(running.workers()) == 2, "those of generation 1 to be gone")
    with RawConnection(running.address) as client:
        client.ask(request("/hello"))
        client.send(request("/hello") + request("/delay/3"))
        assert client.read_answer().status == 200
        running.signal(signal.SIGTERM)
        running.wait_for_line("Handling signal: TERM")
        running.signal(signal.SIGHUP)
        running.signal(signal.SIGTTIN)
        running.wait_for_line("Ignoring it: the server is stopping", 2)
        assert client.read_answer().status == 200
    assert running.wait() == 0
    assert not running.lines("generation 3")


def test_retired_workers_come_back_with_a_reload(server):
    running = server("--workers", "2")
    running.wait_until_ready(2)
    running.signal(signal.SIGWINCH)
    running.wait_until(lambda: not running.workers(), "the end of all workers")
    # Who connects now is served by those that come.
    with RawConnection(running.address) as client:
        client.send(request("/health"))
        reload(running)
        assert client.read_answer().status == 200
    assert len(running.wait_until_ready(2)) == 2


def test_retired_workers_come_back_with_ttin_as_many_as_they_were(server):
    running = server("--workers", "3")
    running.wait_until_ready(3)
    running.signal(signal.SIGWINCH)
    running.wait_until(lambda: not running.workers(), "the end of all workers")
    running.signal(signal.SIGTTOU)  # There is none that could leave.
    running.wait_for_line("Ignoring it: all workers are retired")
    assert not running.workers()
    running.signal(signal.SIGTTIN)
    assert len(running.wait_until_ready(3)) == 3


def test_workers_that_are_retired_during_a_reload_come_back_as_new_ones(server):
    running = server("--workers", "3", app="httpbin")
    old = running.wait_until_ready(3)
    with RawConnection(running.address) as client:
        client.send(request("/delay/1"))
        running.signal(signal.SIGHUP)
        running.wait_for_line("generation 2")
        running.signal(signal.SIGWINCH)
        assert client.read_answer().status == 200
    running.wait_until(lambda: not running.workers(), "the end of all workers")
    running.signal(signal.SIGTTIN)
    running.wait_for_line("Reload done: generation 2 serves")
    running.wait_until(lambda: len(running.workers()) == 3, "three workers")
    assert not set(old) & set(running.workers())
    assert running.get("/hello").status == 200


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2,
                                    signal.SIGWINCH])
def test_what_is_meant_for_the_arbiter_does_not_harm_a_worker(server, number):
    running = server("--workers", "1", app="httpbin")
    worker, = running.wait_until_ready(1)
    client = Client(running.address, "/hello", kept=True)
    client.start()
    os.kill(worker, number)
    running.wait_until(lambda: client.answered > 50, "answers after the signal")
    client.stop()
    client.join(DEADLINE_S)
    assert not client.losses
    assert running.workers() == [worker]
