# SPDX-License-Identifier: MIT
"""`uringcorn check` and `serve --check-config`: what is wrong, in which words and exit codes."""
import os
import platform
import re
import shutil
import socket
import subprocess

import pytest

from conftest import DEADLINE_S, SETTINGS_VARIABLES, WITHOUT_IO_URING
from program import BINARY, EXAMPLES

HELLO = f"{EXAMPLES}/libhello.so"
HTTPBIN = f"{EXAMPLES}/libhttpbin.so"


@pytest.fixture
def check(tmp_path):
    """Runs `uringcorn check` to its end, in a directory of the test's own."""
    def run(*arguments, command=("check",), prefix=(), **options):
        variables = {name: value for name, value in os.environ.items()
                     if name not in SETTINGS_VARIABLES}
        return subprocess.run([*prefix, BINARY, *command, *arguments], cwd=tmp_path, env=variables,
                              text=True, capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=DEADLINE_S, check=False, **options)
    return run


def findings(result):
    """The report, line by line."""
    lines = [line for line in result.stdout.splitlines() if line != "OK"]
    return dict(re.fullmatch(r"(\w+(?: \w+)?) +(.+)", line).groups() for line in lines)


@pytest.mark.parametrize("command", [("check",), ("serve", "--check-config")])
def test_all_is_well(check, command, tmp_path):
    (tmp_path / "uringcorn.toml").write_text("workers = 3\n")
    result = check(HELLO, "-b", ":1", "-b", "unix:/x", command=command)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("\nOK\n")
    report = findings(result)
    assert report["settings"] == "uringcorn.toml"
    assert report["application"] == f"{HELLO} loads"
    assert report["listeners"] == ":1, unix:/x (not bound)"
    assert report["workers"] == "3"
    assert report["kernel"] == f"Linux {platform.release()}"
    cpus = len(os.sched_getaffinity(0))
    assert re.fullmatch(rf"{cpus} by affinity, (\d+|no limit) by cgroup", report["processors"])
    assert re.fullmatch(r"\d+[kmg]? by cgroup|no limit by cgroup", report["memory"])
    assert re.fullmatch(r"wolfSSL \d+\.\d+\.\d+, (bundled|of the system: slow.*)", report["TLS"])


def test_nothing_is_bound_and_no_log_is_made(check, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = check("-b", f"127.0.0.1:{port}", "-b", "unix:here.sock", "--error-logfile",
                       "error.log", "--access-logfile", "access.log")
    assert result.returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments, code, sentence", [
    (["--wrkers", "4"], 2, 'unknown option "--wrkers" (did you mean --workers?)'),
    (["libshop.so"], 4, "cannot load the application libshop.so: no such file"),
    ([f"{HTTPBIN}:shop"], 4, f"cannot load the application {HTTPBIN}: it has no symbol"),
    ([f"{HTTPBIN}:failing"], 3, "the application failed to boot: failing, as it was asked to"),
    (["--error-logfile", "/nonexistent/e.log"], 1,
     "cannot open the log /nonexistent/e.log: No such file or directory"),
], ids=["option", "no file", "no symbol", "failing", "log"])
def test_what_is_wrong_is_one_sentence_and_the_exit_code_of_serve(check, arguments, code, sentence):
    result = check(*arguments)
    assert result.returncode == code, result.stderr
    assert result.stderr.startswith(f"uringcorn: {sentence}")
    assert len(result.stderr.splitlines()) == 1
    assert "OK" not in result.stdout


def test_the_startup_of_the_application_is_not_run(check):
    assert check(f"{HTTPBIN}:failing_startup").returncode == 0


def test_an_application_that_crashes_while_it_is_loaded_is_told_apart(check, tmp_path):
    source = tmp_path / "crash.c"
    source.write_text("__attribute__((constructor)) static void f(void) { __builtin_trap(); }\n")
    subprocess.run([os.environ.get("CC", "clang-19"), "-shared", "-fPIC", "-o",
                    tmp_path / "libcrash.so", source], check=True, timeout=DEADLINE_S)
    result = check("./libcrash.so")
    assert result.returncode == 3
    assert result.stderr == ("uringcorn: the application ./libcrash.so crashes when it is loaded: "
                             "Illegal instruction\n")


def test_a_part_of_an_application_is_refused(check, tmp_path):
    shutil.copy(HTTPBIN, tmp_path / "libpart.so")
    os.truncate(tmp_path / "libpart.so", 16 << 10)  # less than what is loaded, in any build
    result = check("./libpart.so")
    assert result.returncode == 4
    assert "the file is cut short" in result.stderr


def test_limits_of_the_process_are_told(check):
    result = check(prefix=("prlimit", "--nofile=500:600"))
    assert findings(result)["open files"] == (
        "500 a process (hard limit 600): 436 connections a worker")


def test_where_io_uring_is_forbidden_the_cause_is_told(check):
    result = check(prefix=WITHOUT_IO_URING)
    assert result.returncode == 0
    assert "EPERM" in findings(result)["io_uring"]
    assert findings(result)["reactor"] == "epoll"
    result = check("--reactor", "io_uring", prefix=WITHOUT_IO_URING)
    assert result.returncode == 1
    assert result.stderr.startswith("uringcorn: --reactor io_uring cannot be had: ")


def test_print_config_is_also_an_answer_of_check(check):
    result = check("-w", "5", "--print-config")
    assert "workers = 5  # --workers" in result.stdout.splitlines()


def test_certificates_are_read(check, pair, authority):
    result = check(*pair.flags)
    assert result.returncode == 0
    assert findings(result)["certificate"].startswith(f"{pair.certificate}: until 20")
    assert findings(result)["listeners"] == "https://127.0.0.1:8000 (not bound)"
    result = check("--certfile", str(pair.certificate), "--keyfile", str(authority.issue().key))
    assert result.returncode == 1
    assert "is not that of the certificate" in result.stderr


def test_what_clients_will_not_like_of_a_certificate_is_told(check, authority, tmp_path,
                                                             has_own_tls_library):
    old = authority.issue(days=-1)
    result = check(*old.flags)
    assert findings(result)["certificate"] == (
        f"{old.certificate}: EXPIRED on 2020-02-01 00:00:00 UTC")
    if not has_own_tls_library:
        return  # nothing is stapled
    pair = authority.issue()
    pair.certificate.write_bytes(
        pair.certificate.read_bytes() + authority.certificate.read_bytes())
    response = authority.ocsp_response(pair)
    result = check(*pair.flags, "--ocsp-file", str(response))
    assert findings(result)["OCSP response"] == f"{response}: is stapled"
    (tmp_path / "garbage").write_bytes(b"garbage")
    result = check(*pair.flags, "--ocsp-file", "garbage")
    assert findings(result)["OCSP response"].startswith("garbage: NOT SENT: ")
