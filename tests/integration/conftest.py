# SPDX-License-Identifier: MIT
"""The `server` fixture: the real program on a free port, started and stopped by a test."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from certificates import Authority
from program import BINARY, EXAMPLES
from raw_client import RawConnection
from raw_client import request as raw_request
from raw_websocket import H2WebSocket, RawWebSocket

# The prefix of a command that shall not have io_uring.
WITHOUT_IO_URING = (sys.executable, str(pathlib.Path(__file__).parent / "without_io_uring.py"))
# Generous: what is waited for comes at once, unless the machine is very busy.
DEADLINE_S = 60
# Settings that the machine's own environment may carry.
SETTINGS_VARIABLES = ("PORT", "WEB_CONCURRENCY", "URINGCORN_CMD_ARGS", "FORWARDED_ALLOW_IPS",
                      "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "HTTPBIN_UNSAFE")
SANITIZER_FINDING = re.compile(
    r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def pytest_addoption(parser):
    parser.addoption("--reactor", default="auto", choices=["auto", "io_uring", "epoll"],
                     help="the reactor that the servers run on")
    parser.addoption("--without-io-uring", action="store_true",
                     help="the servers run where io_uring is forbidden")


@pytest.fixture(scope="session")
def has_own_tls_library():
    """Whether the program was built with wolfSSL's source, and not with the system's library."""
    said = subprocess.run([BINARY, "check"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return re.search(r"^TLS +wolfSSL .*, bundled$", said, re.MULTILINE) is not None


@pytest.fixture(scope="session")
def reactor(request):
    """The name of the reactor that the tests run on."""
    return request.config.getoption("--reactor")


def process_state(pid):
    """The letter of proc(5): R, S, T (stopped), Z (dead, not yet waited for), ..."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Server:
    """A running `uringcorn serve`, in a process group of its own."""

    def __init__(self, arguments, environment, log_path, prefix=(), pass_fds=()):
        variables = {name: value for name, value in os.environ.items()
                     if name not in SETTINGS_VARIABLES}
        variables.update(environment or {})
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*prefix, BINARY, "serve", *arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=variables, cwd=log_path.parent, start_new_session=True,
                pass_fds=pass_fds)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        """All that the server has written so far, to both of its outputs."""
        return self.log_path.read_text(errors="replace")

    @property
    def addresses(self):
        """Where it listens: (host, port), or the path of a unix socket; in the order of --bind."""
        found = []
        for name in re.findall(r"Listening at: (\S+)", self.log):
            tcp = re.fullmatch(r"https?://\[?([^]]+?)\]?:(\d+)", name)
            found.append((tcp[1], int(tcp[2])) if tcp else name.removeprefix("unix:"))
        return found

    @property
    def address(self):
        return self.addresses[0]

    @property
    def url(self):
        host, port = self.address
        return f"http://{host}:{port}"

    def workers(self):
        """The pids of its living children."""
        path = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        alive = []
        for pid in path.read_text().split() if path.exists() else []:
            with contextlib.suppress(OSError):
                if process_state(pid) != "Z":
                    alive.append(int(pid))
        return alive

    def pause(self, worker):
        """Stops a worker. Until its state says so, it may still take a connection."""
        os.kill(worker, signal.SIGSTOP)
        self.wait_until(lambda: process_state(worker) == "T", "the worker to be stopped")

    def wait_until(self, condition, what, deadline_s=DEADLINE_S):
        """Waits for condition() to be true; `what` says in a failure what was waited for."""
        deadline = time.monotonic() + deadline_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"waited in vain for {what}; the log:\n{self.log}"
            time.sleep(0.01)
        return result

    def wait_for_log(self, text, times=1):
        self.wait_until(lambda: self.log.count(text) >= times, f"{text!r} in the log")

    def wait_until_listening(self):
        self.wait_until(lambda: self.addresses or self.process.poll() is not None, "the listener")
        assert self.addresses, f"the server ended with code {self.process.returncode}:\n{self.log}"

    def lines(self, pattern):
        """The lines of the log that match."""
        return [line for line in self.log.splitlines() if re.search(pattern, line)]

    def wait_for_line(self, pattern, times=1):
        """The line that is the times-th to match."""
        found = self.wait_until(lambda: self.lines(pattern)[times - 1:], f"{pattern!r} in the log")
        return found[0]

    def wait_until_ready(self, count=1):
        """The pids of all living workers that are ready, once there are as many."""
        def ready():
            assert self.process.poll() is None, f"the server ended:\n{self.log}"
            told = [int(re.search(r"pid (\d+)", line)[1])
                    for line in self.lines(" is ready after ")]
            alive = [pid for pid in self.workers() if pid in told]
            return alive if len(alive) >= count else None
        return self.wait_until(ready, f"{count} workers to be ready")

    def open_connections(self):
        """How many connections the server has not closed, by the kernel's own table."""
        port = f":{self.address[1]:04X}"
        open_states = {"01", "08"}  # established, and ended by the client alone
        rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii")][1:]
        return sum(row[1].endswith(port) and row[3] in open_states for row in rows)

    def wait_until_no_connection(self):
        self.wait_until(lambda: self.open_connections() == 0, "the end of all connections")

    def get(self, target="/", timeout=DEADLINE_S):
        """The answer to one request on a connection of its own."""
        with RawConnection(self.address, timeout) as client:
            return client.ask(raw_request(target, fields=[("Connection", "close")]))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline_s=DEADLINE_S):
        """The exit code, once it has ended."""
        return self.process.wait(deadline_s)

    def stop(self):
        """Ends it the quick way, and what is left of its group for certain."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(10)
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)


@pytest.fixture
def server(tmp_path, reactor, request):
    """server(*arguments, app=None, configuration=None, environment=None, wait=True, prefix=(),
    pass_fds=()) starts one.

    `configuration` is a uringcorn.toml, which then has to say what its flags do not. `app` names an
    example, or is a path; None is the welcome application. Unless the arguments say otherwise: one
    worker, a free port of 127.0.0.1, the reactor under test. `prefix` is a command to run it under.
    """
    running = []
    forbidden = request.config.getoption("--without-io-uring")

    def start(*arguments, app=None, configuration=None, environment=None, wait=True, prefix=(),
              pass_fds=()):
        command = []
        if app is not None:
            command.append(app if "/" in app else f"{EXAMPLES}/lib{app}.so")
        defaults = [("--reactor", reactor), ("--log-level", "debug")]
        if configuration is not None:
            (tmp_path / "uringcorn.toml").write_text(configuration, encoding="utf-8")
        elif "--config" in arguments:  # where to listen is up to the file then
            defaults += [("--workers", "1")]
        else:
            defaults += [("--bind", "127.0.0.1:0"), ("--workers", "1")]
        for flag, value in defaults:
            if flag not in arguments:
                command += [flag, value]
        prefix = prefix or (WITHOUT_IO_URING if forbidden else ())
        log_path = tmp_path / f"server-{len(running)}.log"
        running.append(Server([*command, *arguments], environment, log_path, prefix, pass_fds))
        if wait:
            running[-1].wait_until_listening()
        return running[-1]

    yield start
    for each in running:
        each.stop()
    for each in running:
        assert not SANITIZER_FINDING.search(each.log), each.log


@pytest.fixture
def deployed(tmp_path):
    """The path of an application that a test may replace; `hello` at first."""
    path = tmp_path / "libshop.so"
    shutil.copy(f"{EXAMPLES}/libhello.so", path)
    return path


@pytest.fixture(params=[RawWebSocket, H2WebSocket], ids=["h1", "h2"])
def websocket(request):
    """Opens a WebSocket to a server, over HTTP/1.1 and over HTTP/2, without TLS."""
    return request.param


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority that issues certificates."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def pair(authority):
    """A certificate for localhost, and its key."""
    return authority.issue()
