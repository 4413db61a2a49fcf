# SPDX-License-Identifier: MIT
"""--preload: one process loads the application, and the workers are forked from it."""
import os
import pathlib
import re
import signal

import pytest

from exact_clients import Load
from program import EXAMPLES, replace

HTTPBIN = f"{EXAMPLES}/libhttpbin.so"
MIB = 1 << 20


def reload(running, outcome="Reload done"):
    told = len(running.lines(outcome))
    running.signal(signal.SIGHUP)
    return running.wait_for_line(outcome, told + 1)


def templates(running):
    told = running.lines("Loading the application")
    return [int(re.search(r"pid (\d+)", line)[1]) for line in told]


def workers(running):
    return [pid for pid in running.workers() if pid not in templates(running)]


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def private_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", text, re.M))


# ---- new code --------------------------------------------------------------------------------

def test_a_reload_serves_what_is_on_disk_then(server, deployed):
    running = server("--workers", "3", "--preload", app=str(deployed))
    running.wait_until_ready(3)
    assert running.get("/").body == b"Hello, world!\n"
    old, = templates(running)
    replace(deployed, HTTPBIN)
    # Not before the reload: who is restarted has the code of its generation.
    victim = workers(running)[0]
    os.kill(victim, signal.SIGKILL)
    running.wait_for_line(rf"pid {victim}\) was killed by SIGKILL")
    running.wait_for_line(" is ready after ", 4)
    for _ in range(20):
        assert running.get("/").body == b"Hello, world!\n"
    reload(running)
    running.wait_until(lambda: len(workers(running)) == 3, "the end of the old generation")
    for _ in range(20):
        assert b"httpbin" in running.get("/").body
    running.wait_until(lambda: not is_alive(old), "the end of the old template")
    assert len(templates(running)) == 2


def test_no_request_is_lost_meanwhile(server):
    running = server("--workers", "4", "--preload", "--max-requests", "200", app="httpbin")
    running.wait_until_ready(4)
    with Load(running.address) as load:
        for _ in range(5):
            reload(running)
            load.wait_for(running, 1)
        victim = workers(running)[0]
        assert not load.losses
        load.expect_refusal()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        load.wait_until_refused()
    assert not load.losses
    running.wait_until(lambda: not is_alive(victim) and not any(map(is_alive, templates(running))),
                       "the end of all processes")


@pytest.mark.parametrize("name, cause", [
    ("failing", "failing, as it was asked to"),
    ("failing_startup", "failing at startup, as it was asked to"),
    ("hanging", "it had not loaded the application in time (--boot-timeout)"),
    ("nobody", "it has no symbol uringcorn_app_nobody"),
])
def test_what_does_not_boot_changes_nothing(server, tmp_path, name, cause):
    text = 'app = "{}"\nbind = "127.0.0.1:0"\nworkers = 2\nboot_timeout = "2s"\npreload = true\n'
    running = server(configuration=text.format(HTTPBIN))
    old = running.wait_until_ready(2)
    (tmp_path / "uringcorn.toml").write_text(text.format(f"{HTTPBIN}:{name}"), encoding="utf-8")
    assert "generation 1 goes on" in reload(running, "Reload abandoned")
    assert cause in running.log
    assert sorted(workers(running)) == sorted(old)
    running.wait_until(lambda: not is_alive(templates(running)[1]), "the end of the new template")
    assert running.get("/hello").status == 200
    # The old template is there still.
    running.signal(signal.SIGTTIN)
    running.wait_until_ready(3)
    assert len(templates(running)) == 2


@pytest.mark.parametrize("app, code", [(f"{HTTPBIN}:nobody", 4), (f"{HTTPBIN}:failing", 3),
                                       (f"{HTTPBIN}:failing_startup", 3), ("./none.so", 4)],
                         ids=["no symbol", "failing", "failing startup", "no file"])
def test_a_server_that_cannot_boot_at_all(server, app, code):
    running = server("--workers", "3", "--preload", app=app, wait=False)
    assert running.wait() == code
    assert len(running.lines("No worker could be booted")) == 1


def test_preloading_may_come_and_go_with_a_reload(server, tmp_path):
    text = f'app = "{HTTPBIN}"\nbind = "127.0.0.1:0"\nworkers = 2\n'
    running = server(configuration=text)
    running.wait_until_ready(2)
    for preloads, expected in ((True, 1), (False, 0)):
        (tmp_path / "uringcorn.toml").write_text(
            text + f"preload = {str(preloads).lower()}\n", encoding="utf-8")
        reload(running)
        running.wait_until(lambda e=expected: sum(map(is_alive, templates(running))) == e and
                           len(workers(running)) == 2, "the workers and their template")
        assert running.get("/hello").status == 200


# ---- memory ----------------------------------------------------------------------------------

def test_workers_share_what_was_loaded(server):
    running = server(f"{HTTPBIN}:weighty", "--workers", "2", "--preload",
                     "--max-worker-memory", "32m")
    for pid in running.wait_until_ready(2):
        running.get("/")
        assert private_bytes(pid) < 16 * MIB
    alone = server(f"{HTTPBIN}:weighty")
    assert private_bytes(alone.wait_until_ready(1)[0]) > 64 * MIB
    # What is shared is none of a worker's own: nobody was due.
    assert not running.lines("A successor is due")


# ---- the template ----------------------------------------------------------------------------

def test_a_template_that_dies_is_made_anew_when_it_is_needed(server):
    running = server("--workers", "2", "--preload", app="httpbin")
    old = running.wait_until_ready(2)
    template, = templates(running)
    os.kill(template, signal.SIGKILL)
    running.wait_for_line(rf"The template of generation 1 \(pid {template}\) was killed by SIGKILL")
    assert sorted(workers(running)) == sorted(old)
    assert running.get("/hello").status == 200
    os.kill(old[0], signal.SIGKILL)
    running.wait_for_line(rf"pid {old[0]}\) was killed by SIGKILL")
    running.wait_until(lambda: len(running.wait_until_ready(2)) == 2, "two workers again")
    assert len(templates(running)) == 2
    reload(running)


def test_a_stopped_template_delays_workers_and_nobody_else(server):
    running = server("--workers", "2", "--preload", "--boot-timeout", "2", app="httpbin")
    old = running.wait_until_ready(2)
    template, = templates(running)
    os.kill(template, signal.SIGSTOP)
    os.kill(old[0], signal.SIGKILL)
    running.wait_for_line(r"cannot start worker \d+: its template could not fork it")
    assert running.get("/hello").status == 200
    os.kill(template, signal.SIGCONT)
    running.wait_until(lambda: len(running.wait_until_ready(2)) == 2, "two workers again")
    # Those that were ordered and given up find nobody who hears them, and leave.
    running.wait_until(lambda: len(workers(running)) == 2, "the end of who came too late")
    assert running.get("/hello").status == 200


def test_nothing_is_left_when_the_arbiter_is_killed(server):
    running = server("--workers", "2", "--preload", app="httpbin")
    everybody = running.wait_until_ready(2) + templates(running)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.wait_until(lambda: not any(map(is_alive, everybody)), "the end of all")


def test_a_rotated_log_is_left_by_the_template_too(server, tmp_path):
    running = server("--preload", "--error-logfile", "error.log", "--max-requests", "3",
                     app="httpbin", wait=False)
    log = tmp_path / "error.log"

    def lines(path, pattern):
        return re.findall(pattern, path.read_text(errors="replace")) if path.exists() else []
    running.wait_until(lambda: lines(log, "is ready after .* s\n"), "the start")
    host, port = re.search(r"http://([\d.]+):(\d+)", log.read_text()).groups()
    log.rename(tmp_path / "error.log.1")
    running.signal(signal.SIGUSR1)
    running.wait_until(log.exists, "the new file")
    with Load((host, int(port)), kept=1, new=1, slow=0) as load:
        # Said by workers that were forked after the rotation.
        told = r"\[(\d+)\] \[INFO\] A successor is due"
        running.wait_until(lambda: len(set(lines(log, told))) > 2, "workers in the new file")
    assert not load.losses
    assert not lines(tmp_path / "error.log.1", r"A successor is due(?s:.*)A successor is due")
