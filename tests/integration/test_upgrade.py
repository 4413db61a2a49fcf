# SPDX-License-Identifier: MIT
"""USR2: a new arbiter from the program now on disk, beside the old one and then in its place."""
import json
import os
import pathlib
import re
import shutil
import signal
import threading

import pytest

import conftest
from processes import (alive, children, command_line, descriptors, end, environment,
                       umask_of, wait_for_promotion, wait_until)
from raw_client import ConnectionEnded, RawConnection, request

HELLO = request("/hello")
LIBRARY = "liburingcorn.so.0"  # beside the program, where that looks for it
BUILD = pathlib.Path(conftest.BINARY).resolve().parent


class Upgraded:
    """A server from a program of its own, so that it can be replaced on disk."""

    def __init__(self, server, folder, *arguments, monkeypatch, **keywords):
        self.program = folder / "uringcorn"
        (folder / LIBRARY).symlink_to(BUILD / LIBRARY)
        self.install(BUILD / "uringcorn")
        monkeypatch.setattr(conftest, "BINARY", str(self.program))
        self.running = server(*arguments, app="httpbin", **keywords)

    def install(self, source):
        """As a package manager does it: the new file takes the old one's name."""
        fresh = self.program.with_suffix(".new")
        shutil.copy2(source, fresh)
        fresh.rename(self.program)

    def install_script(self, text):
        fresh = self.program.with_suffix(".new")
        fresh.write_text(f"#!/bin/sh\n{text}\n")
        fresh.chmod(0o755)
        fresh.rename(self.program)

    def begin(self, times=1):
        """USR2; the pid of the new arbiter."""
        os.kill(self.running.pid, signal.SIGUSR2)
        line = self.running.wait_for_line(rf"\[{self.running.pid}\].* starting a new arbiter with "
                                          r"pid: \d+", times)
        return int(re.search(r"pid: (\d+)", line)[1])

    def upgrade(self):
        """The pid of a new arbiter that serves beside the old one."""
        new = self.begin()
        self.running.wait_for_line(rf"\[{new}\] .*serving beside the old arbiter \(pid "
                                   rf"{self.running.pid}\)")
        return new


@pytest.fixture
def upgraded(server, tmp_path, monkeypatch):
    started = []

    def start(*arguments, **keywords):
        started.append(Upgraded(server, tmp_path, *arguments, monkeypatch=monkeypatch, **keywords))
        return started[-1]

    yield start
    for each in started:
        for pid in re.findall(r"starting a new arbiter with pid: (\d+)", each.running.log):
            if pathlib.Path(f"/proc/{pid}").exists() and "uringcorn" in command_line(pid):
                end(int(pid))


def workers_that_answer(address, connections=40):
    pids = set()
    for _ in range(connections):
        with RawConnection(address) as client:
            pids.add(json.loads(client.ask(request("/worker", fields=[("Connection", "close")]))
                                .body)["pid"])
    return pids


def kept_alive_by(address, arbiter):
    """Whether only workers of this arbiter answer."""
    return workers_that_answer(address) <= set(children(arbiter))


class Clients:
    """Connections under way through all that happens: each request is accounted for."""

    def __init__(self, address):
        self.address = address
        self.answered = 0
        self.lost = []
        self.done = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=run) for run in
                        (self.kept, self.kept, self.new, self.new)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def count(self, error=None):
        with self.lock:
            if error is None:
                self.answered += 1
            else:
                self.lost.append(error)

    def new(self):
        while not self.done.is_set():
            try:
                with RawConnection(self.address) as client:
                    answer = client.ask(request("/hello", fields=[("Connection", "close")]))
                    assert answer.status == 200
                self.count()
            except (OSError, ConnectionEnded, AssertionError) as error:
                self.count(error)

    def kept(self):
        """The server may end an idle connection after an answer that says so, and only then."""
        client = RawConnection(self.address)
        while not self.done.is_set():
            try:
                answer = client.ask(HELLO)
                assert answer.status == 200
                self.count()
                if answer.closes:
                    client.close()
                    client = RawConnection(self.address)
            except (OSError, ConnectionEnded, AssertionError) as error:
                self.count(error)
                client.close()
                client = RawConnection(self.address)
        client.close()

    def wait_for_more(self, count=200):
        goal = self.answered + count
        wait_until(lambda: self.answered >= goal or self.lost, "answers")
        assert not self.lost, self.lost


# ---- forward ---------------------------------------------------------------------------------

@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:a.sock"])
@pytest.mark.parametrize("options", [(), ("--reuse-port",)])
def test_an_upgrade_loses_nothing(upgraded, tmp_path, bind, options):
    one = upgraded("--workers", "2", "--bind", bind, "--pid", "a.pid", *options)
    running = one.running
    running.wait_until_ready(2)
    address = running.address if "unix" not in bind else f"{tmp_path}/a.sock"
    pid_file, new_pid_file = tmp_path / "a.pid", tmp_path / "a.pid.2"
    with Clients(address) as clients:
        clients.wait_for_more()
        one.install(BUILD / "uringcorn")
        new = one.upgrade()
        assert pid_file.read_text() == f"{running.pid}\n"
        assert new_pid_file.read_text() == f"{new}\n"
        wait_until(lambda: len(children(new)) == 2, "the new workers")
        clients.wait_for_more()
        os.kill(running.pid, signal.SIGWINCH)
        wait_until(lambda: children(running.pid) == [new], "the old workers to leave")
        assert kept_alive_by(address, new)
        clients.wait_for_more()
        os.kill(running.pid, signal.SIGQUIT)
        assert running.wait() == 0
        wait_for_promotion(pid_file, new)
        assert not new_pid_file.exists()
        clients.wait_for_more()
    assert not clients.lost, clients.lost
    running.wait_for_line(rf"\[{new}\] .*The old arbiter \(pid {running.pid}\) is gone")
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not alive(new), "the end of the new arbiter")
    assert not pid_file.exists()
    assert not (tmp_path / "a.sock").exists()


def test_the_new_arbiter_can_be_upgraded_in_its_turn(upgraded, tmp_path):
    one = upgraded("--pid", "a.pid")
    one.running.wait_until_ready()
    new = one.upgrade()
    one.running.signal(signal.SIGTERM)
    assert one.running.wait() == 0
    wait_for_promotion(tmp_path / "a.pid", new)
    os.kill(new, signal.SIGUSR2)
    line = one.running.wait_for_line(rf"\[{new}\].* starting a new arbiter with pid: \d+")
    newest = int(re.search(r"pid: (\d+)", line)[1])
    one.running.wait_for_line(rf"\[{newest}\] .*serving beside the old arbiter")
    os.kill(new, signal.SIGTERM)
    wait_for_promotion(tmp_path / "a.pid", newest)
    assert kept_alive_by(one.running.address, newest)


def test_the_program_now_on_disk_is_started(upgraded, tmp_path):
    one = upgraded()
    one.running.wait_until_ready()
    one.install_script(f'echo "$0 $*" > {tmp_path}/started; exec {shutil.which("sleep")} 600')
    new = one.begin()
    wait_until(lambda: (tmp_path / "started").exists(), "the new program")
    wait_until(lambda: (tmp_path / "started").read_text(), "the new program")
    assert (tmp_path / "started").read_text().split()[1] == "serve"
    os.kill(new, signal.SIGKILL)


def test_a_link_in_the_path_of_the_program_leads_to_the_new_one(server, tmp_path, monkeypatch):
    for release in ("1", "2"):
        (tmp_path / release).mkdir()
        shutil.copy2(conftest.BINARY, tmp_path / release / "uringcorn")
        (tmp_path / release / LIBRARY).symlink_to(BUILD / LIBRARY)
    (tmp_path / "current").symlink_to("1")
    monkeypatch.setattr(conftest, "BINARY", str(tmp_path / "current" / "uringcorn"))
    running = server()
    running.wait_until_ready()
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").rename(tmp_path / "current")
    running.signal(signal.SIGUSR2)
    line = running.wait_for_line("serving beside the old arbiter")
    new = int(re.search(r"\[(\d+)\] \[INFO\]", line)[1])
    try:
        assert os.readlink(f"/proc/{new}/exe") == str(tmp_path / "2" / "uringcorn")
    finally:
        end(new)


def test_the_new_arbiter_is_started_as_the_old_one_was(upgraded, tmp_path):
    (tmp_path / "site").mkdir()
    one = upgraded("--chdir", "site", "--env", "HTTPBIN_UNSAFE=1",
                   environment={"OUTER": "1", "URINGCORN_CMD_ARGS": "--name shop"})
    one.running.wait_until_ready()
    new = one.upgrade()
    variables = environment(new)
    assert variables["OUTER"] == "1"
    assert "HTTPBIN_UNSAFE" not in variables
    assert os.readlink(f"/proc/{new}/cwd") == str(tmp_path / "site")
    assert command_line(new) == command_line(one.running.pid) == "uringcorn: arbiter [shop]"
    one.running.signal(signal.SIGTERM)
    assert one.running.wait() == 0
    with RawConnection(one.running.address) as client:
        client.send(request("/exit/7"))  # It is there only with the variable.
        client.read_to_end()
    one.running.wait_for_line(rf"\[{new}\] .*exited with code 7")


def test_the_new_arbiter_inherits_the_umask_that_the_old_one_did(upgraded, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text('umask = "077"\n')
    one = upgraded()
    one.running.wait_until_ready()
    assert umask_of(one.running.pid) == 0o077
    config.write_text("")
    assert umask_of(one.upgrade()) == umask_of(os.getpid())


def test_nothing_but_the_sockets_is_handed_over(upgraded, tmp_path):
    one = upgraded("--bind", "127.0.0.1:0", "--bind", "unix:a.sock", "--pid", "a.pid",
                   "--error-logfile", "error.log", "--access-logfile", "access.log", wait=False)
    log = tmp_path / "error.log"
    one.running.wait_until(lambda: log.exists() and "ready after" in log.read_text(), "the worker")
    os.kill(one.running.pid, signal.SIGUSR2)
    one.running.wait_until(lambda: "serving beside" in log.read_text(), "the new arbiter")
    new = int(re.search(r"starting a new arbiter with pid: (\d+)", log.read_text())[1])
    try:
        own = {link for fd, link in descriptors(new).items() if fd > 2}
        shared = {link.split(":")[0] + f" {sorted(own).count(link)}" for link in own
                  if ":[" in link and not link.startswith("anon_inode") and
                  link in descriptors(one.running.pid).values()}
        assert shared == {"socket 1", "pipe 1"}
        sockets = [link for link in own if link.startswith("socket:")]
        assert len(sockets) == 2
        assert {link for link in own if link.endswith(".pid.2")} == {f"{tmp_path}/a.pid.2"}
        assert not {link for link in own if link.endswith(".pid")}
    finally:
        end(new)


# ---- back ------------------------------------------------------------------------------------

def test_going_back_loses_nothing(upgraded, tmp_path):
    one = upgraded("--workers", "2", "--bind", "unix:a.sock", "--pid", "a.pid")
    running, address = one.running, f"{tmp_path}/a.sock"
    running.wait_until_ready(2)
    with Clients(address) as clients:
        clients.wait_for_more()
        new = one.upgrade()
        running.signal(signal.SIGWINCH)
        wait_until(lambda: children(running.pid) == [new], "the old workers to leave")
        clients.wait_for_more()
        running.signal(signal.SIGHUP)
        wait_until(lambda: len(children(running.pid)) == 3, "the old arbiter's workers")
        running.wait_for_line("Reload done")
        os.kill(new, signal.SIGTERM)
        wait_until(lambda: not alive(new), "the new arbiter to leave")
        running.wait_for_line(rf"The new arbiter \(pid {new}\) has left; this one goes on")
        clients.wait_for_more()
        assert (tmp_path / "a.pid").read_text() == f"{running.pid}\n"
        assert not (tmp_path / "a.pid.2").exists()
        assert (tmp_path / "a.sock").exists()
        # And once more, for good.
        newer = one.begin(times=2)
        running.wait_for_line(rf"\[{newer}\] .*serving beside the old arbiter")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        clients.wait_for_more()
    assert not clients.lost, clients.lost
    end(newer)


# ---- what fails ------------------------------------------------------------------------------

@pytest.mark.parametrize("script, told", [
    ("exit 7", r"ended with code 7; this one goes on"),
    ("kill -SEGV $$", r"was killed by SIGSEGV; this one goes on"),
])
def test_a_new_program_that_fails_leaves_the_old_one_serving(upgraded, tmp_path, script, told):
    one = upgraded("--pid", "a.pid")
    one.running.wait_until_ready()
    one.install_script(script)
    one.begin()
    one.running.wait_for_line(told)
    assert one.running.get("/hello").status == 200
    assert (tmp_path / "a.pid").read_text() == f"{one.running.pid}\n"
    one.install(BUILD / "uringcorn")
    one.begin(times=2)
    one.running.wait_for_line("serving beside the old arbiter")


def test_a_program_that_is_gone_or_no_program_is_told(upgraded):
    one = upgraded()
    one.running.wait_until_ready()
    one.program.unlink()
    one.begin()
    one.running.wait_for_line("Upgrade failed: cannot execute .*: No such file or directory")
    one.running.wait_for_line("ended with code 127; this one goes on")
    one.program.write_text("no program")
    one.begin(times=2)
    one.running.wait_for_line("Upgrade failed: cannot execute .*: Permission denied")
    assert one.running.get("/hello").status == 200


def test_a_new_configuration_that_cannot_be_used_leaves_the_old_one_serving(upgraded, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text("workers = 1\n")
    one = upgraded()
    one.running.wait_until_ready()
    config.write_text("wrokers = 1\n")
    one.begin()
    one.running.wait_for_line("ended with code 2; this one goes on")
    config.write_text('name = "other"\n')
    new = one.begin(times=2)
    one.running.wait_for_line("serving beside the old arbiter")
    assert command_line(new) == "uringcorn: arbiter [other]"


def test_an_application_that_fails_to_boot_in_the_new_one_leaves_the_old_one_serving(
        server, tmp_path):
    app = tmp_path / "libsite.so"
    shutil.copy2(f"{conftest.EXAMPLES}/libhello.so", app)
    running = server("--bind", "unix:a.sock", app=str(app))
    running.wait_until_ready()
    broken = tmp_path / "broken"
    broken.write_text("no library")
    broken.rename(app)
    running.signal(signal.SIGUSR2)
    running.wait_for_line("ended with code 4; this one goes on")
    with RawConnection(f"{tmp_path}/a.sock") as client:
        assert client.ask(request("/")).status == 200


def test_a_new_arbiter_that_is_killed_leaves_the_old_one_serving(upgraded, tmp_path):
    one = upgraded("--bind", "unix:a.sock", "--pid", "a.pid")
    one.running.wait_until_ready()
    new = one.upgrade()
    os.kill(new, signal.SIGKILL)
    one.running.wait_for_line(rf"The new arbiter \(pid {new}\) was killed by SIGKILL; this one")
    wait_until(lambda: workers_that_answer(f"{tmp_path}/a.sock") == set(children(one.running.pid)),
               "the killed one's workers to leave")
    # What it left behind is in nobody's way.
    newer = one.begin(times=2)
    one.running.wait_for_line(rf"\[{newer}\] .*serving beside the old arbiter")
    assert (tmp_path / "a.pid.2").read_text() == f"{newer}\n"


def test_a_program_that_is_killed_before_it_serves_is_told(upgraded):
    one = upgraded()
    one.running.wait_until_ready()
    one.install_script("sleep 600 & wait")
    new = one.begin()
    os.kill(new, signal.SIGKILL)
    one.running.wait_for_line(rf"The new arbiter \(pid {new}\) was killed by SIGKILL")
    assert one.running.get("/hello").status == 200


def test_when_the_old_arbiter_is_killed_the_new_one_takes_its_place(upgraded, tmp_path):
    one = upgraded("--bind", "unix:a.sock", "--pid", "a.pid")
    one.running.wait_until_ready()
    new = one.upgrade()
    one.running.process.kill()
    one.running.process.wait()
    wait_for_promotion(tmp_path / "a.pid", new)
    assert not (tmp_path / "a.pid.2").exists()
    wait_until(lambda: kept_alive_by(f"{tmp_path}/a.sock", new), "the new workers alone")
    os.kill(new, signal.SIGTERM)
    wait_until(lambda: not alive(new), "the end")
    assert not (tmp_path / "a.sock").exists()
    assert not (tmp_path / "a.pid").exists()


# ---- at awkward times ------------------------------------------------------------------------

def test_a_second_usr2_is_refused_while_both_are_alive(upgraded):
    one = upgraded()
    one.running.wait_until_ready()
    new = one.upgrade()
    one.running.signal(signal.SIGUSR2)
    one.running.wait_for_line(rf"Upgrade refused: the new arbiter \(pid {new}\) of the last one is "
                              "alive")
    os.kill(new, signal.SIGUSR2)
    one.running.wait_for_line(rf"Upgrade refused: the old arbiter \(pid {one.running.pid}\) is "
                              "alive")
    assert len(one.running.lines("starting a new arbiter")) == 1


def test_usr2_during_a_reload_and_a_reload_during_usr2(upgraded):
    one = upgraded("--workers", "3")
    one.running.wait_until_ready(3)
    with Clients(one.running.address) as clients:
        clients.wait_for_more(50)
        one.running.signal(signal.SIGHUP)
        new = one.begin()
        one.running.signal(signal.SIGHUP)
        os.kill(new, signal.SIGHUP)
        one.running.wait_for_line(rf"\[{new}\] .*serving beside the old arbiter")
        one.running.wait_for_line(rf"\[{one.running.pid}\] .*Reload done")
        one.running.wait_for_line(rf"\[{new}\] .*Reload done")
        one.running.signal(signal.SIGTERM)
        assert one.running.wait() == 0
        clients.wait_for_more(50)
    assert not clients.lost, clients.lost


def test_term_to_both_ends_both_and_leaves_nothing_behind(upgraded, tmp_path):
    one = upgraded("--bind", "unix:a.sock", "--pid", "a.pid")
    one.running.wait_until_ready()
    new = one.upgrade()
    for pid in (one.running.pid, new):
        os.kill(pid, signal.SIGTERM)
    assert one.running.wait() == 0
    wait_until(lambda: not alive(new), "the end of the new arbiter")
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"a.sock", "a.pid", "a.pid.2"}


def test_term_to_a_new_arbiter_that_has_not_begun_yet_ends_it(upgraded):
    one = upgraded()
    one.running.wait_until_ready()
    one.install_script(f"sleep 1; exec {BUILD}/uringcorn \"$@\"")
    new = one.begin()
    os.kill(new, signal.SIGTERM)  # Nobody listens for it yet, and it is not lost.
    one.running.wait_for_line(rf"The new arbiter \(pid {new}\) (has left|was killed by SIGTERM)")
    assert one.running.get("/hello").status == 200


def test_a_stopping_server_starts_no_new_one(upgraded):
    one = upgraded()
    one.running.wait_until_ready()
    with RawConnection(one.running.address) as client:
        client.send(HELLO + request("/delay/2"))
        assert client.read_answer().status == 200
        one.running.signal(signal.SIGTERM)
        one.running.wait_for_line("Handling signal: TERM")
        one.running.signal(signal.SIGUSR2)
        one.running.wait_for_line("Ignoring it: the server is stopping")
        assert one.running.wait() == 0
    assert not one.running.lines("starting a new arbiter")


def test_the_reactor_stays_the_same_through_an_upgrade(upgraded, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text('reactor = "auto"\n')
    one = upgraded("--reactor=auto", "--workers", "2")
    one.running.wait_until_ready(2)
    used = one.running.lines("Using reactor")[0].split("reactor: ")[1].split(",")[0]
    config.write_text("")
    new = one.upgrade()
    assert any(f"[{new}]" in line and f"reactor: {used}" in line
               for line in one.running.lines("Using reactor"))


def test_other_addresses_in_the_new_configuration_are_bound_and_old_ones_let_go(
        upgraded, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text('bind = ["unix:a.sock", "unix:b.sock"]\n')
    one = upgraded("--bind=unix:a.sock", "--bind=unix:b.sock", "--bind", "unix:c.sock", wait=False)
    one.running.wait_until_ready()
    new = one.upgrade()
    one.running.signal(signal.SIGTERM)
    assert one.running.wait() == 0
    for name in ("a", "b", "c"):
        with RawConnection(f"{tmp_path}/{name}.sock") as client:
            assert client.ask(HELLO).status == 200
    end(new)
