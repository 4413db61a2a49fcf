# SPDX-License-Identifier: MIT
"""What the machine does to a server: no processes, another time, another process 1."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from exact_clients import Load
from raw_client import RawConnection, request

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def is_alive(pid):
    try:
        return state_of(pid) != "Z"
    except FileNotFoundError:
        return False


# ---- no processes ----------------------------------------------------------------------------

# Nobody else has it, so that its processes are the server's alone.
LONELY_USER = 64000 + os.getpid() % 1000
AS_USER = ("setpriv", f"--reuid={LONELY_USER}", f"--regid={LONELY_USER}", "--clear-groups")


def allow_no_more(running, more=0):
    """The server and its workers may have as many tasks as they have now, and so many more."""
    count = sum(len(os.listdir(f"/proc/{pid}/task")) for pid in [running.pid, *running.workers()])
    subprocess.run([*AS_USER, "prlimit", f"--pid={running.pid}", f"--nproc={count + more}:200"],
                   check=True)


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_server_that_cannot_fork_says_so_and_goes_on_when_it_can(server, tmp_path):
    tmp_path.chmod(0o777)
    running = server("--workers", "1", app="httpbin",
                     prefix=("prlimit", "--nproc=100:200", *AS_USER))
    running.wait_until_ready(1)
    allow_no_more(running)
    running.signal(signal.SIGTTIN)
    line = running.wait_for_line("cannot start worker 1")
    assert "cannot fork: Resource temporarily unavailable; trying again in 0.1 s" in line
    running.wait_for_line("cannot start worker 1.*trying again in 0.4 s")
    assert running.get("/hello").status == 200
    allow_no_more(running, 100)
    old = running.wait_until_ready(2)
    # Without a process for a successor a reload waits, nothing is lost, and it goes on by itself.
    allow_no_more(running)
    failures = len(running.lines("cannot start worker"))
    running.signal(signal.SIGHUP)
    running.wait_for_line("cannot start worker", failures + 2)
    assert sorted(running.workers()) == sorted(old)
    assert running.get("/hello").status == 200
    allow_no_more(running, 100)
    running.wait_for_line("Reload done: generation 2 serves")


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_template_that_cannot_fork_says_so(server, tmp_path):
    tmp_path.chmod(0o777)
    running = server("--workers", "1", "--preload", app="httpbin",
                     prefix=("prlimit", "--nproc=100:200", *AS_USER))
    running.wait_until_ready(1)
    template = running.lines("Loading the application")[0].split("pid ")[1].split()[0]
    subprocess.run([*AS_USER, "prlimit", f"--pid={template}", "--nproc=1:200"], check=True)
    running.signal(signal.SIGTTIN)
    running.wait_for_line("the template cannot fork worker 1: Resource temporarily unavailable")
    running.wait_for_line("cannot start worker 1: its template could not fork it")
    assert running.get("/hello").status == 200
    subprocess.run([*AS_USER, "prlimit", f"--pid={template}", "--nproc=100:200"], check=True)
    running.wait_until_ready(2)


# ---- no descriptors --------------------------------------------------------------------------

def test_at_the_limit_of_descriptors_connections_wait_their_turn(server):
    running = server(app="httpbin", prefix=("prlimit", "--nofile=150:150"))
    running.wait_until_ready(1)
    with contextlib.ExitStack() as stack:
        clients = [RawConnection(running.address) for _ in range(300)]
        for client in clients:
            stack.callback(client.close)
            client.send(request("/hello"))
        for client in clients:
            assert client.read_answer().status == 200
            client.close()
    assert len(running.lines("connections are open, the limit of this worker: others wait")) >= 1
    assert len(running.workers()) == 1


# ---- time ------------------------------------------------------------------------------------

# The wall clock of the processes that load it is wrong by as many seconds as a file says.
WRONG_CLOCK = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long error_now(void) {
  long seconds = 0;
  FILE* file = fopen(getenv("WRONG_BY"), "r");
  if (file != NULL) {
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
  }
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  // Not through dlsym(), which allocates: sanitizers ask for the time within malloc.
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    time->tv_sec += error_now();
  }
  return result;
}

time_t time(time_t* place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place != NULL) *place = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict place, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  place->tv_sec = now.tv_sec;
  place->tv_usec = now.tv_nsec / 1000;
  return 0;
}
"""


def test_jumps_of_the_wall_clock_mean_nothing(server, tmp_path):
    source, library, wrong_by = (tmp_path / name for name in ("clock.c", "clock.so", "wrong_by"))
    source.write_text(WRONG_CLOCK, encoding="ascii")
    wrong_by.write_text("0")
    compiler = os.environ.get("CC", "clang-19").split()
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    preload = ":".join([str(library), *os.environ.get("LD_PRELOAD", "").split()])
    running = server("--workers", "2", "--timeout", "10", app="httpbin",
                     environment={"LD_PRELOAD": preload, "WRONG_BY": str(wrong_by)})
    old = running.wait_until_ready(2)

    def year():
        with RawConnection(running.address) as client:
            return int(client.ask(request("/hello")).get("date").split()[3])
    this_year = year()
    with Load(running.address, kept=2, new=1, slow=1) as load:
        for days in (5000, -5000, 0):
            wrong_by.write_text(str(days * 86400))
            expected = {5000: this_year + 13, -5000: this_year - 14, 0: this_year}[days]
            running.wait_until(lambda e=expected: abs(year() - e) <= 1, "the year to jump")
            load.wait_for(running, 5)
    assert not load.losses
    running.signal(signal.SIGHUP)  # The arbiter has looked at its deadlines since.
    running.wait_for_line("Reload done")
    assert not running.lines("ERROR|silent|killed")
    running.wait_until(lambda: not set(old) & set(running.workers()), "the end of the old ones")


def test_a_stopped_arbiter_stops_nobody_and_goes_on_later(server):
    running = server("--workers", "2", "--timeout", "2", app="httpbin")
    old = running.wait_until_ready(2)
    running.signal(signal.SIGSTOP)
    running.wait_until(lambda: state_of(running.pid) == "T", "the arbiter to stop")
    with Load(running.address, kept=2, new=2, slow=1) as load:
        load.wait_for(running, 10)
        time.sleep(4)  # Longer than the timeout: the time itself is what is tested.
        os.kill(old[0], signal.SIGUSR1)
        running.signal(signal.SIGHUP)
        load.wait_for(running, 10)
        assert sorted(running.workers()) == sorted(old)
        running.signal(signal.SIGCONT)
        running.wait_for_line("Reload done: generation 2 serves")
        running.signal(signal.SIGTTIN)
        running.wait_until(lambda: len(running.workers()) == 3, "one worker more")
    assert not load.losses
    assert not running.lines("silent|killed")


@pytest.mark.parametrize("drains", [False, True], ids=["serving", "draining"])
def test_what_came_in_time_is_answered_however_late_the_worker_wakes_up(server, drains):
    running = server("--keep-alive", "1", app="httpbin")
    worker, = running.wait_until_ready(1)
    with RawConnection(running.address) as client:
        assert client.ask(request("/hello")).status == 200
        running.pause(worker)
        if drains:
            running.signal(signal.SIGTERM)
            running.wait_for_line("Handling signal: TERM")
        client.send(request("/hello"))
        # Longer than a connection may be idle: the time itself is what is tested.
        time.sleep(1.5)
        os.kill(worker, signal.SIGCONT)
        assert client.read_answer().status == 200
        assert client.read_to_end() == b""
    assert not drains or running.wait() == 0


# ---- the end of the arbiter ------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_the_addresses_of_a_killed_arbiter_are_free_at_once(server, tmp_path, kind):
    bind = "127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/shop.sock"
    first = server("--workers", "3", "--bind", bind, app="httpbin")
    workers = first.wait_until_ready(3)
    with RawConnection(first.address) as client:
        client.send(request("/hello") + request("/delay/8"))
        assert client.read_answer().status == 200
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        again = bind if kind == "unix" else f"127.0.0.1:{first.address[1]}"
        second = server("--bind", again, app="httpbin")
        assert second.get("/hello").status == 200
        # The last request of the first server still finishes.
        assert any(is_alive(pid) for pid in workers)
        assert client.read_answer().status == 200
    first.wait_until(lambda: not any(is_alive(pid) for pid in workers), "the end of the workers")
    assert second.get("/hello").status == 200


# ---- process 1 -------------------------------------------------------------------------------

AS_PROCESS_1 = ("unshare", "--pid", "--fork", "--mount-proc")


def can_be_process_1():
    return shutil.which("unshare") is not None and subprocess.run(
        [*AS_PROCESS_1, "true"], check=False, stdin=subprocess.DEVNULL,
        capture_output=True).returncode == 0


@pytest.mark.skipif(not can_be_process_1(), reason="no namespaces are allowed here")
def test_process_1_reaps_orphans_and_serves(server, tmp_path):
    # Leaves a child behind that nobody waits for, and becomes the server.
    orphans = tmp_path / "orphans"
    script = ('(sleep 0.2 & echo $! >> ' + str(orphans) + ') & '
              'exec "$0" "$@"')
    running = server("--workers", "2", app="httpbin", prefix=(
        *AS_PROCESS_1, "sh", "-c", script))
    arbiter = running.wait_until(lambda: children_of(running.pid), "process 1 of the namespace")[0]
    assert inner_pid(arbiter) == 1
    running.wait_for_log(" is ready after ", 2)
    running.wait_until(orphans.exists, "the orphan")
    running.wait_until(lambda: len(children_of(arbiter)) == 2, "the orphan to be reaped")
    assert running.get("/hello").status == 200
    worker = children_of(arbiter)[0]
    os.kill(worker, signal.SIGKILL)
    running.wait_for_log(" is ready after ", 3)
    os.kill(arbiter, signal.SIGHUP)
    running.wait_for_log("Reload done")
    os.kill(arbiter, signal.SIGTERM)
    assert running.wait() == 0
    assert not running.lines("Traceback|CRITICAL")


def children_of(pid):
    """Dead ones that nobody has waited for included."""
    return [int(one) for one in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def inner_pid(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
    return int(line.split()[-1])
