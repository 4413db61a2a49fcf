# SPDX-License-Identifier: MIT
"""Workers that are replaced because they are worn out, and workers that die again and again."""
import os
import re
import signal

import pytest

from exact_clients import Client, Load
from raw_client import RawConnection, request

UNSAFE = {"HTTPBIN_UNSAFE": "1"}


def position(running, pattern, at=0):
    """Where in the log the line is."""
    lines = running.log.splitlines()
    return lines.index(running.wait_for_line(pattern), at)


# ---- recycling -------------------------------------------------------------------------------

def test_a_worker_is_replaced_after_its_requests_and_serves_until_then(server):
    running = server("--max-requests", "20", app="httpbin")
    old, = running.wait_until_ready(1)
    client = Client(running.address, "/worker", kept=True)
    client.start()
    running.wait_until(lambda: len(client.workers) > 2, "the second successor")
    client.stop()
    client.join()
    assert not client.losses
    assert running.lines(r"A successor is due after 20 requests \(--max-requests\)")
    left = position(running, rf"pid {old}\) left after")
    assert position(running, " is ready after ", 0) < left
    before = [line for line in running.log.splitlines()[:left] if " is ready after " in line]
    assert len(before) == 2


def test_jitter_spreads_the_ends_of_the_workers(server):
    running = server("--workers", "2", "--max-requests", "10",
                     "--max-requests-jitter", "1000000000", app="httpbin")
    old = running.wait_until_ready(2)
    with Load(running.address, kept=4, new=2, slow=0) as load:
        load.wait_for(running, 100)
        assert load.workers == set(old)
    assert not load.losses


def test_one_worker_at_a_time_is_recycled(server):
    running = server("--workers", "4", "--max-requests", "30", app="httpbin")
    running.wait_until_ready(4)
    most = 0
    with Load(running.address, kept=4, new=2, slow=2) as load:
        def four_have_left():
            nonlocal most
            most = max(most, len(running.workers()))
            return len(running.lines(r"\) left after")) >= 4
        running.wait_until(four_have_left, "four to be recycled")
    assert not load.losses
    assert most == 5


def test_a_worker_with_too_much_memory_of_its_own_is_replaced(server):
    running = server("--max-worker-memory", "64m", app="httpbin", environment=UNSAFE)
    old, = running.wait_until_ready(1)
    with RawConnection(running.address) as client:
        assert client.ask(request("/leak/80000000")).status == 200
        line = running.wait_for_line(r"A successor is due at \d+ KiB of memory")
        assert 78000 < int(line.split(" KiB")[0].rsplit(" ", 1)[1]) < 120000
        running.wait_for_line(rf"Booting worker with pid: (?!{old}\b)")
        running.wait_for_line(" is ready after ", 2)
        running.wait_until(lambda: client.ask(request("/hello")).closes, "an answer that closes")
    running.wait_for_line(rf"pid {old}\) left after")
    assert running.get("/hello").status == 200


def test_a_limit_below_what_is_needed_at_all_recycles_no_worker_in_its_first_second(server):
    running = server("--max-worker-memory", "100k", "--workers", "2")
    running.wait_until(lambda: len(running.lines(r"\) left after")) >= 4, "four to be recycled")
    ages = [float(re.search(r"left after ([\d.]+) s", line)[1])
            for line in running.lines(r"\) left after")]
    assert min(ages) >= 1
    assert running.get("/health").status == 200


# ---- crash loops -----------------------------------------------------------------------------

def test_a_crash_loop_ends_the_server_with_the_code_of_a_worker(server):
    running = server("--max-restarts", "2", app="httpbin", environment=UNSAFE)
    for times in range(1, 4):
        running.wait_for_line(" is ready after ", times)
        with RawConnection(running.address) as client:
            client.send(request("/exit/7"))
            client.read_to_end()
    assert running.wait() == 7
    assert running.lines(r"CRITICAL.*All workers have died too often: 2 restarts")
    pids = {line.split("pid ")[1].split(")")[0] for line in running.lines("exited with code 7")}
    assert len(pids) == 3


def test_no_crash_loop_ends_a_server_that_serves(server):
    running = server("--max-restarts", "1", "--restart-window", "8", "--workers", "2",
                     app="httpbin")
    victim, other = running.wait_until_ready(2)
    for times in range(1, 3):
        os.kill(victim, signal.SIGKILL)
        running.wait_for_line("was killed by SIGKILL", times)
        if times == 1:
            victim = next(pid for pid in running.wait_until_ready(2) if pid != other)
    assert running.get("/hello").status == 200
    assert running.workers() == [other]
    running.wait_until_ready(2)  # The window allows it again.
    assert running.process.poll() is None


def test_a_reload_gives_all_restarts_back(server):
    running = server("--max-restarts", "1", "--restart-window", "3600", "--workers", "2",
                     app="httpbin")
    victim, other = running.wait_until_ready(2)
    for times in range(1, 3):
        os.kill(victim, signal.SIGKILL)
        running.wait_for_line("was killed by SIGKILL", times)
        if times == 1:
            victim = next(pid for pid in running.wait_until_ready(2) if pid != other)
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done: generation 2 serves")
    running.wait_until_ready(2)


# ---- what is said of a death -----------------------------------------------------------------

@pytest.mark.skipif(not os.access("/sys/fs/cgroup/memory/cgroup.procs", os.W_OK),
                    reason="needs a memory cgroup (v1) that can be written to")
def test_a_worker_without_memory_is_told_from_one_that_was_killed(server, tmp_path):
    group = f"/sys/fs/cgroup/memory/uringcorn-test-{os.getpid()}"
    os.mkdir(group)
    try:
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            if os.path.exists(f"{group}/{name}"):
                write(f"{group}/{name}", "80M")
        prefix = ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"')
        running = server("--workers", "2", app="httpbin", environment=UNSAFE, prefix=prefix)
        running.wait_until_ready(2)
        with RawConnection(running.address) as client:
            client.send(request("/leak/200000000"))
            client.read_to_end()
        line = running.wait_for_line("was killed by SIGKILL")
        assert "the cgroup ran out of memory" in line
        assert '"GET /leak/200000000"' in line
        running.wait_until_ready(2)
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    finally:
        running.stop()
        running.wait_until(lambda: not read(f"{group}/cgroup.procs"), "the end of the group")
        os.rmdir(group)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()
