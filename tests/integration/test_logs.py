# SPDX-License-Identifier: MIT
"""The access log and the error log of a running server."""
import json
import os
import re
import signal
import socket

import pytest

from conftest import DEADLINE_S
from program import EXAMPLES
from raw_client import RawConnection, request

COMBINED = re.compile(
    r'(?P<address>\S+) - (?P<user>\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referer>[^"]*)" '
    r'"(?P<agent>[^"]*)"')


def ask(server, data):
    with RawConnection(server.address) as client:
        return client.ask(data)


def head(target="/health", *fields):
    """A request whose fields may hold any byte that HTTP allows."""
    lines = [f"GET {target} HTTP/1.1".encode(), b"Host: test.example", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@pytest.fixture
def logged(server, tmp_path):
    """A server that logs to a file, and a function that waits for its lines."""
    def start(*arguments, **options):
        path = tmp_path / "access.log"
        running = server("--access-logfile", str(path), *arguments, **options)

        def lines(count):
            def all_there():
                text = path.read_text() if path.exists() else ""
                return len(text.splitlines()) >= count and text.splitlines()
            return running.wait_until(all_there, f"{count} lines in the access log")
        return running, lines
    return start


def test_without_a_flag_requests_are_not_logged(server):
    running = server()
    ask(running, request("/health"))
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert "GET /health" not in running.log


def test_a_request_is_a_line_in_the_combined_format(logged):
    running, lines = logged()
    answer = ask(running, head("/health?x=1", b"User-Agent: probe/1.0",
                               b"Referer: http://shop.example/",
                               b"Authorization: Basic YWxpY2U6c2VjcmV0"))
    line = COMBINED.fullmatch(lines(1)[0])
    assert line is not None, lines(1)
    assert line["address"] == "127.0.0.1"
    assert line["user"] == "alice"
    assert line["request"] == "GET /health?x=1 HTTP/1.1"
    assert line["status"] == "200"
    assert line["bytes"] == str(len(answer.body))
    assert line["referer"] == "http://shop.example/"
    assert line["agent"] == "probe/1.0"


def test_a_dash_is_standard_output(server):
    running = server("--access-logfile", "-")
    ask(running, request("/health"))
    running.wait_for_log('"GET /health HTTP/1.1" 200')


def test_a_template_chooses_its_atoms(logged):
    running, lines = logged("--access-logformat",
                            "%(m)s %(U)s %(q)s %(s)s %({x-tag}i)s %({content-type}o)s %(id)s%%")
    ask(running, head("/health?a=b", b"X-Tag: one two", b"X-Request-Id: r-7"))
    assert re.fullmatch(r"GET /health a=b 200 one\\x20two text/plain\S* r-7%", lines(1)[0])


def test_a_client_cannot_forge_a_line(logged):
    running, lines = logged()
    ask(running, head("/health", b'User-Agent: x" 200 1 "-" "y\xff\\\xc2\x85'))
    assert lines(1)[0].endswith(r'"x\x22 200 1 \x22-\x22 \x22y\xff\x5c\xc2\x85"')
    assert COMBINED.fullmatch(lines(1)[0])


def test_json_is_one_valid_object_a_line(logged):
    running, lines = logged("--access-log-format", "json")
    ask(running, head("/health?q", b'User-Agent: "},{"\xff\\', b"X-Request-Id: r-7"))
    entry = json.loads(lines(1)[0])
    assert entry["method"] == "GET"
    assert entry["target"] == "/health?q"
    assert entry["status"] == 200
    assert entry["user_agent"] == '"},{"\ufffd\\'
    assert entry["request_id"] == "r-7"
    assert entry["referer"] is None
    assert entry["duration_us"] >= 0
    assert entry["pid"] in running.workers()


def test_every_request_of_a_busy_connection_is_logged_in_order(logged):
    running, lines = logged("--access-logformat", "%(q)s")
    with RawConnection(running.address) as client:
        for first in range(0, 1000, 50):
            client.send(b"".join(request(f"/health?{n}") for n in range(first, first + 50)))
            for _ in range(50):
                assert client.read_answer().status == 200
    assert lines(1000) == [str(n) for n in range(1000)]


def test_what_was_logged_is_written_before_the_server_ends(logged):
    running, lines = logged("--access-logformat", "%(q)s")
    for n in range(20):
        ask(running, request(f"/health?{n}"))
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert lines(20) == [str(n) for n in range(20)]


def test_usr1_opens_both_logs_again_after_a_rotation(logged, tmp_path):
    error_log = tmp_path / "error.log"
    running, lines = logged("--access-logformat", "%(q)s", "--error-logfile", str(error_log),
                            "--bind", f"unix:{tmp_path}/server.sock", wait=False)
    running.wait_until(lambda: error_log.exists() and "Listening" in error_log.read_text(), "start")
    address = f"{tmp_path}/server.sock"

    def ask_there(target):
        with RawConnection(address) as client:
            client.ask(request(target))

    ask_there("/health?before")
    assert lines(1) == ["before"]
    for name in ("access.log", "error.log"):
        os.rename(tmp_path / name, tmp_path / f"{name}.1")
    running.signal(signal.SIGUSR1)
    for name in ("access.log", "error.log"):
        running.wait_until((tmp_path / name).exists, f"a new {name}")
    ask_there("/health?after")
    assert lines(1) == ["after"]
    assert (tmp_path / "access.log.1").read_text() == "before\n"
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert "Shutting down" in error_log.read_text()


def test_a_full_disk_stops_no_request_and_is_told_once(server):
    running = server("--access-logfile", "/dev/full")
    for _ in range(3):
        assert ask(running, request("/health")).status == 200
        running.wait_for_log("cannot write to /dev/full: No space left on device")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert running.log.count("cannot write to /dev/full") == 1


def test_the_log_level_hides_what_is_below_it(server, tmp_path):
    running = server("--log-level", "error", "--bind", f"unix:{tmp_path}/server.sock", wait=False)
    running.wait_until(lambda: (tmp_path / "server.sock").exists(), "the socket")
    running.wait_until(running.workers, "a worker")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert running.log == ""


def test_captured_output_goes_to_the_error_log_and_follows_its_rotation(server, tmp_path):
    log = tmp_path / "error.log"
    running = server("--capture-output", "--error-logfile", str(log),
                     "--bind", f"unix:{tmp_path}/server.sock",
                     app=f"{EXAMPLES}/libhttpbin.so:telling", wait=False)
    running.wait_until(lambda: log.exists() and "the startup hook runs\n" in log.read_text(),
                       "the application's own line")
    running.wait_until(lambda: " is ready after " in log.read_text(), "a worker")
    log.rename(tmp_path / "error.log.1")
    running.signal(signal.SIGUSR1)
    running.wait_until(log.exists, "a new log")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert "the shutdown hook runs\n" in log.read_text()
    assert "Shutting down" in log.read_text()
    assert running.log == ""


@pytest.fixture
def syslog_daemon(tmp_path):
    """Takes datagrams as a syslog daemon does: syslog_daemon(family) gives (address, take)."""
    sockets = []

    def start(family):
        daemon = socket.socket(family, socket.SOCK_DGRAM)
        sockets.append(daemon)
        daemon.settimeout(DEADLINE_S)
        if family == socket.AF_UNIX:
            daemon.bind(str(tmp_path / "log"))
            return f"unix://{tmp_path}/log", lambda: daemon.recv(65536).decode()
        daemon.bind(("127.0.0.1", 0))
        return f"udp://127.0.0.1:{daemon.getsockname()[1]}", lambda: daemon.recv(65536).decode()

    yield start
    for each in sockets:
        each.close()


def until(take, pattern):
    """The first message that matches; the ones before it are thrown away."""
    while not (found := re.fullmatch(pattern, message := take())):
        assert message
    return found


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_both_logs_go_to_syslog(server, syslog_daemon, family):
    address, take = syslog_daemon(family)
    running = server("--log-syslog", "--log-syslog-to", address, "--log-syslog-prefix", "shop",
                     "--log-syslog-facility", "local1")
    host = r"\S+ " if family == socket.AF_INET else ""
    head = rf"<(\d+)>\w{{3}} [ \d]\d \d\d:\d\d:\d\d {host}shop\."
    assert until(take, rf"{head}error\[(\d+)\]: \[INFO\] Listening at: .*").groups() == (
        str(17 * 8 + 6), str(running.pid))
    running.wait_until_ready()
    ask(running, request("/health?syslog"))
    line = until(take, rf'{head}access\[(\d+)\]: (.*)')
    assert line[1] == str(17 * 8 + 6)
    assert int(line[2]) in running.workers()
    assert '"GET /health?syslog HTTP/1.1" 200' in line[3]
    assert "Listening at" in running.log  # and where it went before, too


def test_the_access_log_can_be_kept_out_of_syslog(server, syslog_daemon):
    address, take = syslog_daemon(socket.AF_UNIX)
    running = server("--log-syslog", "--log-syslog-to", address,
                     "--disable-redirect-access-to-syslog")
    ask(running, request("/health"))
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    messages = []
    while not messages or "Shutting down" not in messages[-1]:
        messages.append(take())
    assert not [message for message in messages if ".access[" in message]


def test_a_syslog_daemon_that_is_not_there_is_one_sentence(server, tmp_path):
    running = server("--log-syslog", "--log-syslog-to", f"unix://{tmp_path}/nobody", wait=False)
    assert running.wait() == 1
    assert running.log == (f"uringcorn: cannot open the log unix://{tmp_path}/nobody: "
                           "No such file or directory\n")


def test_the_error_log_as_json(server):
    running = server("--error-log-format", "json", app="httpbin",
                     environment={"HTTPBIN_UNSAFE": "1"})
    assert '"message":"Listening at: ' in running.log
    running.wait_until(lambda: " is ready after " in running.log, "a worker")
    assert ask(running, request("/throw")).status == 500
    running.wait_for_log("exception in the handler")
    entries = [json.loads(line) for line in running.log.splitlines()]
    thrown = next(entry for entry in entries if "exception in the handler" in entry["message"])
    assert thrown["level"] == "error"
    assert thrown["pid"] in running.workers()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", thrown["time"])
    assert entries[0]["pid"] == running.pid


def test_a_reload_changes_the_error_log_of_every_worker(server, tmp_path):
    (tmp_path / "uringcorn.toml").write_text("")
    running = server(app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    old = running.wait_until_ready()
    (tmp_path / "uringcorn.toml").write_text('error_log_format = "json"\n')
    running.signal(signal.SIGHUP)
    running.wait_for_log("Reload done: generation 2 serves")
    running.wait_until(lambda: not set(old) & set(running.workers()), "the end of the old worker")
    assert ask(running, request("/throw")).status == 500
    running.wait_for_log("exception in the handler")
    assert running.lines("exception in the handler")[0].startswith('{"time":')


def test_usr1_leaves_a_worker_its_log_on_standard_error(server):
    running = server(app="httpbin", environment={"HTTPBIN_UNSAFE": "1"})
    running.wait_until_ready()
    for times in (1, 2):
        running.signal(signal.SIGUSR1)
        running.wait_for_log("Handling signal: USR1", times)
        assert ask(running, request("/throw")).status == 500
        running.wait_for_log("exception in the handler", times)


def listens_at(path):
    """The name is there a moment before anybody listens at it."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def test_a_pipe_that_nobody_reads_stops_no_request(server, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        running = server("--access-logfile", str(tmp_path / "pipe"), "--error-logfile",
                         str(tmp_path / "pipe"), "--access-logformat", "%(q)s",
                         "--bind", f"unix:{tmp_path}/server.sock", app="httpbin",
                         environment={"HTTPBIN_UNSAFE": "1"}, wait=False)
        running.wait_until(lambda: listens_at(tmp_path / "server.sock"), "the listener")
        filler = "x" * 4000
        with RawConnection(f"{tmp_path}/server.sock") as client:
            for number in range(2000):  # far more than the pipe takes, in both logs
                assert client.ask(request(f"/hello?{number}{filler}")).status == 200
                if number % 10 == 0:
                    assert client.ask(request("/throw")).status == 500
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    finally:
        os.close(reader)


def test_a_disk_that_was_full_is_written_again_without_torn_lines(server, tmp_path):
    log = tmp_path / "access.log"
    running = server("--access-logfile", str(log), "--access-logformat", "<%(q)s>",
                     prefix=("prlimit", "--fsize=50000"))
    filler = "x" * 3000
    for number in range(20):
        assert ask(running, request(f"/health?{number}{filler}")).status == 200
    running.wait_for_log(f"cannot write to {log}: File too large (it is tried again every second)")
    assert ask(running, request("/health?after")).status == 200
    os.truncate(log, 0)
    running.wait_for_log(f"{log} is written again")
    running.wait_until(lambda: "<after>\n" in log.read_text(), "the last line")
    lines = log.read_text().splitlines()
    assert all(re.fullmatch(rf"<\d+{filler}>", line) for line in lines[1:-1] if line)
    assert running.log.count("cannot write to") == 1
