# SPDX-License-Identifier: MIT
"""The process itself: pid files, titles, users, folders, variables, the background."""
import fcntl
import json
import os
import pathlib
import pty
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pytest

from conftest import SETTINGS_VARIABLES
from processes import (alive, children, command_line, descriptors, end, ids, state, umask_of,
                       wait_until)
from program import BINARY, EXAMPLES
from raw_client import RawConnection, request

HELLO = request("/hello")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def refused(running, code):
    """The last line of a server that does not start."""
    assert running.wait() == code, running.log
    return running.log.splitlines()[-1]


# ---- pid files -------------------------------------------------------------------------------

def test_the_pid_file_is_there_while_the_server_is(server, tmp_path):
    running = server("--pid", "a.pid")
    running.wait_until_ready()
    path = tmp_path / "a.pid"
    assert path.read_text() == f"{running.pid}\n"
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done")
    assert path.read_text() == f"{running.pid}\n"
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert not path.exists()


def test_the_pid_file_of_a_live_server_is_left_alone(server, tmp_path):
    first = server("-p", "a.pid")
    first.wait_until_ready()
    line = refused(server("-p", "a.pid", wait=False), 1)
    assert line == (f"uringcorn: cannot write the pid file a.pid: the server of process {first.pid}"
                    " is running with it (stop that, or choose another --pid)")
    assert (tmp_path / "a.pid").read_text() == f"{first.pid}\n"
    assert first.get().status == 200


def test_the_pid_file_of_another_live_program_is_left_alone(server, tmp_path):
    (tmp_path / "a.pid").write_text(f"{os.getpid()}\n")
    line = refused(server("--pid", "a.pid", wait=False), 1)
    assert f"it belongs to process {os.getpid()}, which is running" in line
    assert (tmp_path / "a.pid").read_text() == f"{os.getpid()}\n"


def test_the_pid_file_of_a_killed_server_is_taken_over_while_its_workers_live(server, tmp_path):
    first = server("--pid", "a.pid", app="httpbin")
    worker, = first.wait_until_ready()
    with RawConnection(first.address) as client:
        client.send(request("/delay/3"))  # The worker stays to answer it.
        first.process.kill()
        first.process.wait()
        second = server("--pid", "a.pid")
        second.wait_until_ready()
        assert (tmp_path / "a.pid").read_text() == f"{second.pid}\n"
        assert alive(worker)
        assert client.read_answer().status == 200


def test_a_pid_file_that_was_replaced_is_not_removed(server, tmp_path):
    running = server("--pid", "a.pid")
    running.wait_until_ready()
    (tmp_path / "a.pid").unlink()
    (tmp_path / "a.pid").write_text("1\n")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert (tmp_path / "a.pid").read_text() == "1\n"


def test_a_pid_file_that_cannot_be_written_is_told(server):
    line = refused(server("--pid", "/nonexistent/a.pid", wait=False), 1)
    assert line == ("uringcorn: cannot write the pid file /nonexistent/a.pid: No such file or "
                    "directory")


def in_small_filesystem(folder, then=""):
    """The prefix of a command for which `folder` is a file system with room for next to nothing."""
    script = f"mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs {folder} && {then} exec \"$@\""
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")


def can_unshare():
    return subprocess.run(["unshare", "--map-root-user", "--mount", "true"], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(not can_unshare(), reason="no namespaces are allowed here")


@needs_namespaces
def test_a_pid_file_on_a_full_disk_is_told_and_not_left_behind(server, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    fill = f"head -c 4096 /dev/zero > {small}/full; (sleep 600 & echo $! > {tmp_path}/keeper);"
    running = server("--pid", "small/a.pid", wait=False, prefix=in_small_filesystem(small, fill))
    wait_until(lambda: (tmp_path / "keeper").exists() and (tmp_path / "keeper").read_text(), "it")
    keeper = int((tmp_path / "keeper").read_text())
    try:
        line = refused(running, 1)
        assert "cannot write the pid file small/a.pid: No space left on device" in line
        assert not pathlib.Path(f"/proc/{keeper}/root{small}/a.pid").exists()
        assert pathlib.Path(f"/proc/{keeper}/root{small}/full").exists()
    finally:
        end(keeper)


# ---- heartbeat files -------------------------------------------------------------------------

@needs_namespaces
def test_without_room_for_heartbeats_another_place_is_taken(server, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    fill = f"touch {small}/a {small}/b;"
    running = server("--worker-tmp-dir", str(small), "--timeout", "2",
                     prefix=in_small_filesystem(small, fill))
    running.wait_for_line(f"heartbeat files cannot be made in {small}: No space left on device; "
                          "using /tmp")
    running.wait_until_ready()
    assert running.get().status == 200


@needs_namespaces
def test_a_read_only_folder_for_heartbeats_is_told_and_another_taken(server, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    running = server("--worker-tmp-dir", str(small),
                     prefix=in_small_filesystem(small, f"mount -o remount,ro {small};"))
    running.wait_for_line("Read-only file system; using /tmp")
    running.wait_until_ready()


def test_a_missing_folder_for_heartbeats_is_told_and_another_taken(server):
    running = server("--worker-tmp-dir", "/nonexistent")
    running.wait_for_line("No such file or directory; using /tmp")
    running.wait_until_ready()
    assert running.get().status == 200


# ---- titles ----------------------------------------------------------------------------------

def test_the_processes_show_what_they_are(server):
    running = server("--workers", "2", "--name", "shop")
    workers = running.wait_until_ready(2)
    assert command_line(running.pid) == "uringcorn: arbiter [shop]"
    assert {command_line(pid) for pid in workers} == {"uringcorn: worker 0 [shop]",
                                                      "uringcorn: worker 1 [shop]"}
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(running.pid)], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    assert shown.strip() == "uringcorn: arbiter [shop]"


def test_without_a_name_the_processes_show_the_application(server):
    running = server(app="hello")
    running.wait_until_ready()
    assert command_line(running.pid) == f"uringcorn: arbiter [{EXAMPLES}/libhello.so]"


def test_a_title_that_is_longer_than_the_command_line_was_is_shown(server):
    name = "shop-" * 40
    running = server("--name", "x", environment={"URINGCORN_CMD_ARGS": ""})
    running.wait_until_ready()
    named = server(environment={"URINGCORN_CMD_ARGS": f"--name {name}", "PADDING": "y" * 300})
    named.wait_until_ready()
    assert command_line(named.pid) == f"uringcorn: arbiter [{name}]"


# ---- where, as whom, with what ---------------------------------------------------------------

def test_relative_names_begin_where_chdir_leads(server, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "uringcorn.toml").write_text('chdir = "site"\npid = "a.pid"\n')
    running = server("--bind", "unix:a.sock", "--error-logfile", "error.log", wait=False)
    error_log = tmp_path / "site" / "error.log"
    running.wait_until(lambda: error_log.exists() and "ready after" in error_log.read_text(), "it")
    assert (tmp_path / "site" / "a.pid").exists()
    assert (tmp_path / "site" / "a.sock").exists()
    running.signal(signal.SIGHUP)  # The configuration is found where the server was started.
    running.wait_until(lambda: "Reload done" in error_log.read_text(), "the reload")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == ["error.log"]


def test_variables_reach_the_application_and_a_reload_changes_them(server, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text('env = ["HTTPBIN_UNSAFE=1", "B=x=y"]\n')
    running = server("--env", "B=x=y", "-e", "HTTPBIN_UNSAFE=1", app="httpbin")
    worker, = running.wait_until_ready()
    with RawConnection(running.address) as client:
        client.send(request("/exit/7"))  # It is there only with the variable.
        client.read_to_end()
    running.wait_for_line(rf"pid {worker}\) exited with code 7")


@pytest.mark.parametrize("arguments, complaint", [
    (["--user", "nobody-here"], '--user: there is no user "nobody-here" (`getent passwd` lists '
                                'them)'),
    (["--group", "none-here"], '--group: there is no group "none-here" (`getent group` lists '
                               'them)'),
    (["--umask", "9"], '--umask: "9" is not an octal text such as "022" or "0077"'),
    (["--umask", "1777"], '--umask: "1777" is not an octal text such as "022" or "0077"'),
    (["--chdir", "/nonexistent"], '--chdir: cannot change to "/nonexistent": No such file or '
                                  'directory'),
    (["--chdir", "/etc/passwd"], '--chdir: cannot change to "/etc/passwd": it is no folder'),
    (["--env", "A"], '--env: "A" is not NAME=VALUE'),
    (["--bind", "unix:" + "p" * 120], "--bind: cannot listen on 'unix:" + "p" * 120 +
     "': the path has 120 bytes, and a Unix socket's has 107 at most"),
])
def test_what_cannot_be_is_one_sentence_and_exit_code_2(server, arguments, complaint):
    assert refused(server(*arguments, wait=False), 2) == f"uringcorn: {complaint}"


def test_the_same_mistakes_in_a_file_are_named_with_their_line(server, tmp_path):
    (tmp_path / "uringcorn.toml").write_text('workers = 1\nuser = "nobody-here"\n')
    line = refused(server(wait=False), 2)
    assert line.startswith('uringcorn: uringcorn.toml:2: user: there is no user "nobody-here"')


def test_a_daemon_in_the_file_is_a_boolean(server, tmp_path):
    (tmp_path / "uringcorn.toml").write_text('daemon = "yes"\n')
    line = refused(server(wait=False), 2)
    assert line == ('uringcorn: uringcorn.toml:1: daemon: expected true or false, found the string '
                    '"yes"')


def test_the_umask_holds_for_sockets_and_files(server, tmp_path):
    running = server("--bind", "unix:a.sock", "--umask", "027", "--access-logfile", "access.log",
                     app="httpbin")
    running.wait_until_ready()
    assert stat.S_IMODE((tmp_path / "a.sock").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "access.log").stat().st_mode) == 0o640
    open_socket = server("--bind", "unix:b.sock", "-m", "0", "--pid", "b.pid")
    open_socket.wait_until_ready()
    assert stat.S_IMODE((tmp_path / "b.sock").stat().st_mode) == 0o777
    assert stat.S_IMODE((tmp_path / "b.pid").stat().st_mode) == 0o644


def test_without_a_umask_it_is_the_inherited_one_again(server, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text('umask = "077"\n')
    running = server("--pid", "a.pid")
    worker, = running.wait_until_ready()
    inherited = umask_of(os.getpid())
    assert (umask_of(running.pid), umask_of(worker)) == (0o077, 0o077) != (inherited, inherited)
    config.write_text("")
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done")
    running.wait_until(lambda: len(running.workers()) == 1, "the old worker to leave")
    assert (umask_of(running.pid), umask_of(*running.workers())) == (inherited, inherited)


@needs_root
def test_workers_run_as_the_user_and_the_arbiter_does_not(server, tmp_path):
    tmp_path.chmod(0o755)
    running = server("--workers", "2", "--user", "daemon", "--group", "54321", "--timeout", "3",
                     app="httpbin")
    workers = running.wait_until_ready(2)
    assert ids(running.pid)[0] == 0
    for pid in workers:
        uid, gid, groups = ids(pid)
        assert (uid, gid) == (1, 54321)
        assert 0 not in groups and 54321 in groups
    begun = time.monotonic()
    # Their hearts beat: they outlive the timeout.
    running.wait_until(lambda: time.monotonic() > begun + 4.5, "some seconds to pass")
    assert running.wait_until_ready(2) == workers
    assert running.get("/hello").status == 200


@needs_root
def test_a_hanging_worker_of_another_user_is_caught_too(server):
    running = server("--user", "daemon", "--timeout", "2", app="httpbin")
    worker, = running.wait_until_ready()
    os.kill(worker, signal.SIGSTOP)
    running.wait_for_line(rf"pid {worker}\) was killed by SIGKILL .*it was silent")
    running.wait_until_ready()


@pytest.fixture
def open_folder():
    """A folder that any user can reach."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


@needs_root
def test_logs_and_sockets_belong_to_the_user_and_survive_a_rotation(server, tmp_path, open_folder):
    running = server("--bind", "unix:a.sock", "-u", "daemon", "-m", "007", app="httpbin",
                     environment={}, wait=False)
    running.wait_until_ready()
    owner = (tmp_path / "a.sock").stat()
    assert (owner.st_uid, owner.st_gid) == (1, 1)
    assert stat.S_IMODE(owner.st_mode) == 0o770
    access, error = open_folder / "access.log", open_folder / "error.log"
    logging = server("--user", "daemon", "--access-logfile", str(access), "--error-logfile",
                     str(error), app="httpbin", wait=False)
    logging.wait_until(lambda: error.exists() and "ready after" in error.read_text(), "the worker")
    for log in (access, error):
        assert log.stat().st_uid == 1
        log.rename(log.with_suffix(".1"))
    logging.signal(signal.SIGUSR1)
    logging.wait_until(lambda: error.exists() and access.exists(), "new logs")
    host, port = "127.0.0.1", int(error.with_suffix(".1").read_text().split("127.0.0.1:")[1].split()
                                  [0])
    def logged():
        with RawConnection((host, port)) as client:
            client.ask(HELLO)
        return "GET /hello" in access.read_text()
    logging.wait_until(logged, "the access log")
    assert access.stat().st_uid == error.stat().st_uid == 1
    assert "could not be opened" not in error.read_text()


@needs_root
def test_only_root_can_run_its_workers_as_somebody_else(server):
    drop = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
    line = refused(server("--user", "daemon", wait=False, prefix=drop), 1)
    assert line.startswith("uringcorn: only root can run its workers as somebody else")
    same = server("--user", "54321", "--group", "54321", prefix=drop, wait=False)
    same.wait_until_ready()


# ---- in the background -----------------------------------------------------------------------

class Daemon:
    """A server that was started with --daemon."""

    def __init__(self, folder, reactor, *arguments, app=None):
        variables = {name: value for name, value in os.environ.items()
                     if name not in SETTINGS_VARIABLES}
        self.folder = folder
        command = [BINARY, "serve", *([f"{EXAMPLES}/lib{app}.so"] if app else []), "--daemon",
                   "--pid", "d.pid", "--reactor", reactor, "--log-level", "debug"]
        if "--bind" not in arguments:
            command += ["--bind", f"unix:{folder}/d.sock"]
        self.command = subprocess.run([*command, *arguments], cwd=folder, env=variables, text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=60, check=False)

    @property
    def pid(self):
        return int((self.folder / "d.pid").read_text())

    def stop(self):
        if (self.folder / "d.pid").exists():
            end(self.pid)


@pytest.fixture
def daemon(tmp_path, reactor):
    started = []

    def start(*arguments, **keywords):
        started.append(Daemon(tmp_path, reactor, *arguments, **keywords))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_a_daemon_serves_when_the_command_returns(daemon, tmp_path):
    running = daemon("--error-logfile", "error.log", "--workers", "2", app="httpbin")
    assert running.command.returncode == 0
    assert running.command.stdout == ""
    with RawConnection(f"{tmp_path}/d.sock") as client:
        assert client.ask(HELLO).status == 200
    assert os.getsid(running.pid) not in (running.pid, os.getsid(0))
    wait_until(lambda: len(children(running.pid)) == 2, "both workers")
    for pid in [running.pid, *children(running.pid)]:
        wait_until(lambda: all(descriptors(pid)[fd] == "/dev/null" for fd in (0, 1, 2)),
                   "all to leave the terminal")
    os.kill(running.pid, signal.SIGTERM)
    wait_until(lambda: not (tmp_path / "d.pid").exists(), "the end")
    assert not (tmp_path / "d.sock").exists()


def test_nobody_keeps_the_terminal_of_a_daemon_open(daemon):
    # Its pipe has ended, or the command would not have returned: the logs were on it, too.
    running = daemon("--access-logfile", "-", "--workers", "3", app="httpbin")
    assert running.command.returncode == 0
    assert "Listening at: unix:" in running.command.stdout
    assert alive(running.pid)


@pytest.mark.parametrize("arguments, code, sentence", [
    (["./missing.so"], 4, "missing.so"),
    (["--bind", "unix:/nonexistent/a.sock"], 1, "the folder does not exist"),
    (["--error-logfile", "/nonexistent/error.log"], 1, "cannot open the log"),
    (["--workers", "0"], 2, "--workers"),
])
def test_a_daemon_that_fails_to_start_tells_the_caller(daemon, arguments, code, sentence):
    running = daemon(*arguments)
    assert running.command.returncode == code
    assert sentence in running.command.stdout
    assert not (running.folder / "d.pid").exists()


def test_a_daemon_whose_log_is_a_file_names_it_when_it_fails(daemon, tmp_path):
    running = daemon("--error-logfile", "error.log", "./missing.so")
    assert running.command.returncode == 4
    assert "no worker could be booted (error.log says why)" in running.command.stdout
    assert "missing.so" in (tmp_path / "error.log").read_text()


# ---- in a container --------------------------------------------------------------------------

@needs_namespaces
def test_as_process_1_it_serves_reaps_and_stops(server):
    prefix = ("unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    running = server("--workers", "2", app="httpbin", prefix=prefix)
    running.wait_for_log(" is ready after ", 2)
    assert running.get("/hello").status == 200
    arbiter, = children(running.pid)
    assert "NSpid:" in pathlib.Path(f"/proc/{arbiter}/status").read_text()
    worker = children(arbiter)[0]
    os.kill(worker, signal.SIGKILL)
    running.wait_for_log(" is ready after ", 3)
    assert running.get("/hello").status == 200
    os.kill(arbiter, signal.SIGTERM)
    assert running.wait() == 0


# ---- one socket for each worker --------------------------------------------------------------

def places(running, connections=60):
    """The numbers of the workers that answer."""
    return {json.loads(running.get("/worker").body)["slot"] for _ in range(connections)}


def test_with_reuse_port_each_worker_has_a_socket_of_its_own(server):
    running = server("--workers", "3", "--reuse-port", app="httpbin")
    workers = running.wait_until_ready(3)
    sockets = [{link for link in descriptors(pid).values() if link.startswith("socket:")}
               for pid in workers]
    listening = socket_inodes(running.address[1])
    assert len(listening) == 3
    assert all(len(own & listening) == 1 for own in sockets)
    assert running.lines("Listening at:") and len(running.lines("Listening at:")) == 1
    assert places(running) == {0, 1, 2}


def socket_inodes(port):
    """Of the sockets that listen on a port of 127.0.0.1."""
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii")][1:]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and
            row[3] == "0A"}


def test_with_reuse_port_another_server_is_kept_out(server):
    first = server("--reuse-port")
    line = refused(server("--bind", f"127.0.0.1:{first.address[1]}", "--reuse-port", wait=False), 1)
    assert "address already in use" in line


def test_with_reuse_port_a_successor_takes_what_waits_for_its_predecessor(server):
    running = server("--workers", "2", "--reuse-port", "--timeout", "0", app="httpbin")
    workers = running.wait_until_ready(2)
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
        # Until it has really stopped, it may still take a connection, and die with it.
        wait_until(lambda p=pid: state(p) == "T", "the worker to be stopped")
    waiting = [RawConnection(running.address) for _ in range(20)]
    for client in waiting:
        client.send(HELLO)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    assert [client.read_answer().status for client in waiting] == [200] * 20


def test_with_reuse_port_fewer_and_more_workers_strand_nobody(server):
    running = server("--workers", "3", "--reuse-port", app="httpbin")
    running.wait_until_ready(3)
    for number, count in ((signal.SIGTTOU, 2), (signal.SIGTTOU, 1), (signal.SIGTTIN, 2)):
        running.signal(number)
        for _ in range(200):
            assert running.get("/hello").status == 200
        running.wait_until(lambda n=count: len(running.workers()) == n, f"{count} workers")
    running.wait_until_ready(2)
    assert len(places(running)) == 2
    assert not running.lines("may wait for workers that are gone")


def test_with_reuse_port_retired_workers_leave_their_queue_to_the_next(server):
    running = server("--workers", "2", "--reuse-port", app="httpbin")
    running.wait_until_ready(2)
    running.signal(signal.SIGWINCH)
    running.wait_until(lambda: not running.workers(), "the end of the workers")
    waiting = [RawConnection(running.address) for _ in range(10)]
    for client in waiting:
        client.send(HELLO)
    running.signal(signal.SIGHUP)
    assert [client.read_answer().status for client in waiting] == [200] * 10


def test_reuse_port_changes_at_a_restart_only(server, tmp_path):
    config = tmp_path / "uringcorn.toml"
    config.write_text("reuse_port = true\n")
    running = server("--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    config.write_text("reuse_port = false\npid = \"a.pid\"\n")
    running.signal(signal.SIGHUP)
    running.wait_for_line("Reload done")
    assert running.lines("--reuse-port changes at a restart only")
    assert running.lines("--pid changes at a restart only")
    assert not (tmp_path / "a.pid").exists()
    assert places(running) == {0, 1}


# ---- a terminal ------------------------------------------------------------------------------

OPENS_TERMINAL = """
import os, sys
os.open(sys.argv[1], os.O_RDWR)
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_terminal_that_changes_its_size_retires_nobody(server):
    master, slave = pty.openpty()
    try:
        # Who leads a session, as servers of these tests do, gets the terminal that it opens.
        running = server("--workers", "2",
                         prefix=(sys.executable, "-c", OPENS_TERMINAL, os.ttyname(slave)))
        workers = running.wait_until_ready(2)
        for columns in (80, 100):
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            assert int(foreground_group(running.pid)) == running.pid
        for times in (1, 2):
            running.signal(signal.SIGUSR1)
            running.wait_for_line("Handling signal: USR1", times)
        assert not running.lines("WINCH")
        assert running.workers() == workers
        os.kill(running.pid, signal.SIGWINCH)
        running.wait_until(lambda: not running.workers(), "the end of the workers")
    finally:
        os.close(master)
        os.close(slave)


def foreground_group(pid):
    """Of the terminal of that process: whom its signals go to."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[5]


# ---- unix sockets ----------------------------------------------------------------------------

def test_a_file_in_the_place_of_a_unix_socket_is_an_error(server, tmp_path):
    (tmp_path / "precious").write_text("data")
    line = refused(server("--bind", "unix:precious", wait=False), 1)
    assert "the file exists and is not a socket" in line
    assert (tmp_path / "precious").read_text() == "data"


def test_the_file_of_another_server_in_its_place_is_not_removed(server, tmp_path):
    path = tmp_path / "a.sock"
    running = server("--bind", "unix:a.sock")
    running.wait_until_ready()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        assert path.exists()


# ---- limits ----------------------------------------------------------------------------------

@pytest.mark.skipif(b"__ubsan_handle" in pathlib.Path(BINARY).read_bytes(),
                    reason="UBSan needs a descriptor to look at an object, and finds fault without")
def test_at_the_limit_of_descriptors_workers_come_later(server):
    running = server("--workers", "8", prefix=("prlimit", "--nofile=18:18"))
    running.wait_for_line(r"cannot start worker \d: cannot make its (pipe|heartbeat file): Too "
                          r"many open files; trying again in ")
    running.wait_until_ready(1)
    assert running.get().status == 200
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
