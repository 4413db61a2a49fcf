# SPDX-License-Identifier: MIT
"""The service manager: activation by its sockets, and what it is told."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from processes import alive, children, end, wait_for_promotion, wait_until
from program import BINARY, EXAMPLES, ROOT
from raw_client import RawConnection, request

HELLO = request("/hello")
# Gives the program its own pid, as systemd does after its fork.
AS_LISTEN_PID = ("sh", "-c", 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"', "sh")


class NotifySocket:
    """Where a service manager listens."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path.replace("@", "\0", 1))
        self.socket.settimeout(60)
        self.received = []

    def receive(self):
        """The next message: its pid and its lines."""
        text, ancillary, _, _ = self.socket.recvmsg(4096, 100)
        pid = int.from_bytes(ancillary[0][2][:4], "little")
        self.received.append((pid, text.decode()))
        return self.received[-1]

    def wait_for(self, pattern, sender=None):
        """The match in the next message that has the pattern, from `sender`."""
        while True:
            pid, text = self.receive()
            match = re.search(pattern, text, re.MULTILINE)
            if match and sender in (None, pid):
                return match

    def texts(self):
        """All that has come by now."""
        self.socket.setblocking(False)
        try:
            while True:
                self.receive()
        except BlockingIOError:
            pass
        finally:
            self.socket.settimeout(60)
        return [text for _, text in self.received]


@pytest.fixture
def notify(tmp_path):
    listening = NotifySocket(f"{tmp_path}/notify")
    yield listening
    listening.socket.close()


def environment(notify, **more):
    return {"NOTIFY_SOCKET": notify.path, **more}


# ---- what it is told -------------------------------------------------------------------------

def test_the_manager_is_told_of_readiness_and_the_end(server, notify):
    running = server("--workers", "2", app="httpbin", environment=environment(notify))
    notify.wait_for("^READY=1$", running.pid)
    assert running.lines("is ready after")  # A worker was ready before it was said.
    running.signal(signal.SIGTERM)
    notify.wait_for("^STOPPING=1$", running.pid)
    assert running.wait() == 0
    assert sum("READY=1" in text for text in notify.texts()) == 1


def test_nothing_is_ready_when_no_worker_is(server, notify):
    running = server(app="/nonexistent/libsite.so", environment=environment(notify), wait=False)
    assert running.wait() == 4
    assert not [text for text in notify.texts() if "READY" in text]


def test_an_abstract_socket_is_understood(server):
    manager = NotifySocket(f"@uringcorn-test-{os.getpid()}-{time.monotonic_ns()}")
    try:
        running = server(environment=environment(manager))
        manager.wait_for("^READY=1$", running.pid)
    finally:
        manager.socket.close()


def test_a_reload_is_told_with_its_time(server, notify):
    running = server(environment=environment(notify))
    notify.wait_for("^READY=1$")
    before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    running.signal(signal.SIGHUP)
    told = int(notify.wait_for(r"^RELOADING=1\nMONOTONIC_USEC=(\d+)$", running.pid)[1])
    assert before <= told <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    notify.wait_for("^READY=1$", running.pid)
    assert running.lines("Reload done")


def test_a_reload_that_is_refused_or_abandoned_is_over_too(server, notify, tmp_path):
    app = tmp_path / "libsite.so"
    shutil.copy2(f"{EXAMPLES}/libhello.so", app)
    config = tmp_path / "uringcorn.toml"
    config.write_text("workers = 1\n")
    running = server(app=str(app), environment=environment(notify))
    notify.wait_for("^READY=1$")
    config.write_text("wrokers = 1\n")
    running.signal(signal.SIGHUP)
    notify.wait_for("^RELOADING=1$")
    notify.wait_for("^READY=1$")
    assert running.lines("Reload refused")
    config.write_text("workers = 1\n")
    broken = tmp_path / "broken"
    broken.write_text("no library")
    broken.rename(app)
    running.signal(signal.SIGHUP)
    notify.wait_for("^RELOADING=1$")
    notify.wait_for("^READY=1$")
    assert running.lines("Reload abandoned")


def test_a_reload_is_over_when_all_workers_are_retired(server, notify, tmp_path):
    app = tmp_path / "libsite.so"
    shutil.copy2(f"{EXAMPLES}/libhello.so", app)
    running = server("--workers", "2", app=str(app), environment=environment(notify))
    notify.wait_for("^READY=1$")
    worker, _ = running.wait_until_ready(2)
    running.pause(worker)  # It leaves, and with that the reload goes on, only when it runs again.
    running.signal(signal.SIGHUP)
    notify.wait_for("^RELOADING=1$")
    running.wait_for_line("generation 2")
    running.signal(signal.SIGWINCH)
    notify.wait_for("^READY=1$")
    os.kill(worker, signal.SIGCONT)
    running.wait_until(lambda: not running.workers(), "all workers to leave")
    running.signal(signal.SIGHUP)
    notify.wait_for("^RELOADING=1$")
    notify.wait_for("^READY=1$")
    running.wait_until_ready(2)


def test_the_status_has_live_numbers(server, notify):
    running = server("--workers", "2", "--keep-alive", "600", app="httpbin",
                     environment=environment(notify))
    running.wait_until_ready(2)
    with RawConnection(running.address) as idle, RawConnection(running.address) as busy:
        idle.ask(HELLO)
        busy.send(request("/delay/10"))
        notify.wait_for("^STATUS=2 workers ready, 2 connections, 1 requests in progress$",
                        running.pid)


def test_the_watchdog_is_fed_only_when_it_is_for_this_process(server, notify):
    fed = server(environment=environment(notify, WATCHDOG_USEC="400000"), prefix=AS_LISTEN_PID)
    first = time.monotonic()
    for _ in range(5):
        notify.wait_for("^WATCHDOG=1$", fed.pid)
    assert time.monotonic() - first < 5  # Four intervals of 0.2 s.
    fed.signal(signal.SIGTERM)
    assert fed.wait() == 0
    notify.texts()
    notify.received.clear()
    other = server(environment=environment(notify, WATCHDOG_USEC="400000", WATCHDOG_PID="1"))
    notify.wait_for("^STATUS=", other.pid)
    notify.wait_for("^STATUS=", other.pid)
    assert not [text for _, text in notify.received if "WATCHDOG" in text]


def test_a_manager_that_does_not_read_or_is_gone_holds_nothing_up(server, notify, tmp_path):
    running = server(environment=environment(notify, WATCHDOG_USEC="2000"), prefix=AS_LISTEN_PID)
    notify.wait_for("^READY=1$")
    running.wait_until_ready()
    notify.socket.close()  # From here on nobody takes anything.
    for _ in range(3):
        running.signal(signal.SIGHUP)
        assert running.get().status == 200
    assert server(environment={"NOTIFY_SOCKET": f"{tmp_path}/nobody"}).get().status == 200
    odd = server(environment={"NOTIFY_SOCKET": "vsock:2:1234"})
    odd.wait_for_line('NOTIFY_SOCKET is "vsock:2:1234", which is no unix socket')


# ---- an upgrade ------------------------------------------------------------------------------

def test_an_upgrade_hands_the_service_over(server, notify):
    running = server(environment=environment(notify, WATCHDOG_USEC="400000"), prefix=AS_LISTEN_PID)
    notify.wait_for("^READY=1$", running.pid)
    running.signal(signal.SIGUSR2)
    line = running.wait_for_line(r"\] .*serving beside the old arbiter")
    new = int(re.search(r"\[(\d+)\] \[INFO\]", line)[1])
    try:
        notify.texts()
        assert {pid for pid, _ in notify.received} == {running.pid}  # Who is main speaks.
        running.signal(signal.SIGTERM)
        notify.wait_for(rf"^MAINPID={new}$", running.pid)
        notify.wait_for("^READY=1$", new)
        notify.wait_for("^WATCHDOG=1$", new)
        assert running.wait() == 0
        assert not [text for _, text in notify.received if "STOPPING" in text]
        os.kill(new, signal.SIGTERM)
        notify.wait_for("^STOPPING=1$", new)
        wait_until(lambda: not alive(new), "the end of the new arbiter")
    finally:
        end(new)


# ---- its sockets -----------------------------------------------------------------------------

class Activated:
    """Sockets as the manager opens them: from descriptor 3 on."""

    def __init__(self, *names):
        self.names = names
        self.sockets = []
        for _ in names:
            one = socket.socket()
            one.bind(("127.0.0.1", 0))
            one.listen()
            self.sockets.append(one)

    def prefix(self):
        """The prefix of a command that gets them."""
        moves = " ".join(f"{3 + i}<&{one.fileno()}" for i, one in enumerate(self.sockets))
        # First out of the way: a number may be another one's place.
        script = (f'export LISTEN_PID=$$ LISTEN_FDS={len(self.names)} '
                  f'LISTEN_FDNAMES={":".join(self.names)}; exec "$@" {moves}')
        return ("bash", "-c", script, "bash")

    def numbers(self):
        return [one.fileno() for one in self.sockets]

    def close(self):
        for one in self.sockets:
            one.close()


@pytest.fixture
def activated():
    made = []

    def make(*names):
        # Their numbers here must not be among those that they get there.
        spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(10)]
        made.append(Activated(*names))
        for fd in spare:
            os.close(fd)
        return made[-1]

    yield make
    for each in made:
        each.close()


def start(server, sockets, *arguments, **keywords):
    return server(*arguments, app="httpbin", prefix=sockets.prefix(), pass_fds=sockets.numbers(),
                  **keywords)


def test_sockets_of_the_manager_replace_the_addresses(server, activated):
    sockets = activated("web", "admin")
    running = start(server, sockets, "--workers", "2")
    assert running.addresses == [one.getsockname() for one in sockets.sockets]
    for address in running.addresses:
        with RawConnection(address) as client:
            assert client.ask(HELLO).status == 200


def test_a_socket_can_be_chosen_by_its_name(server, activated):
    sockets = activated("web", "admin")
    running = start(server, sockets, "--bind", "fd://admin", "--bind", "127.0.0.1:0")
    assert running.addresses[0] == sockets.sockets[1].getsockname()
    assert len(running.addresses) == 2
    assert running.get("/hello").status == 200


def test_a_name_that_no_socket_has_is_told(server, activated):
    running = start(server, activated("web"), "--bind", "fd://shop", wait=False)
    assert running.wait() == 1
    assert ('cannot listen on fd://shop: the process was started without a socket of this name '
            '(LISTEN_FDNAMES has "web")') in running.log


def test_sockets_for_another_process_are_left_alone(server):
    running = server(environment={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert running.get().status == 200


def test_what_was_waiting_before_the_start_is_served(server, activated):
    sockets = activated("web")
    with RawConnection(sockets.sockets[0].getsockname()) as early:
        early.send(HELLO)
        start(server, sockets)
        assert early.read_answer().status == 200


def test_activated_sockets_live_through_reloads_and_upgrades(server, activated, tmp_path):
    sockets = activated("web", "admin")
    running = start(server, sockets, "--pid", "a.pid")
    running.wait_until_ready()
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done")
    assert running.get("/hello").status == 200
    running.signal(signal.SIGUSR2)
    line = running.wait_for_line("serving beside the old arbiter")
    new = int(re.search(r"\[(\d+)\] \[INFO\]", line)[1])
    try:
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        wait_for_promotion(tmp_path / "a.pid", new)
        for one in sockets.sockets:
            with RawConnection(one.getsockname()) as client:
                assert client.ask(HELLO).status == 200
        assert len(children(new)) == 1
    finally:
        end(new)


# ---- the units -------------------------------------------------------------------------------

@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_valid(tmp_path):
    packaged = ROOT / "packaging" / "systemd"
    units = []
    for unit in ("uringcorn.service", "uringcorn.socket"):
        text = (packaged / unit).read_text()
        text = text.replace("/usr/local/bin/uringcorn", str(pathlib.Path(BINARY).resolve()))
        (tmp_path / unit).write_text(text)
        units.append(str(tmp_path / unit))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert done.returncode == 0, done.stdout
    assert not [line for line in done.stdout.splitlines() if "uringcorn" in line], done.stdout


def test_the_service_starts_what_its_unit_says(server, tmp_path, reactor, request):
    unit = (ROOT / "packaging" / "systemd" / "uringcorn.service").read_text()
    command, = re.findall(r"^ExecStart=(\S+) (.*)$", unit, re.MULTILINE)
    assert command[0] == "/usr/local/bin/uringcorn"
    subcommand, *arguments = command[1].split()
    assert subcommand == "serve"
    config = tmp_path / "uringcorn.toml"
    config.write_text("workers = 1\n")
    arguments = [str(config) if word.startswith("/etc/") else word for word in arguments]
    assert server(*arguments).get().status == 200
