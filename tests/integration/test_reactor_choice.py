# SPDX-License-Identifier: MIT
"""Where io_uring is forbidden the server falls back to epoll, and says so."""

import urllib.request

from conftest import WITHOUT_IO_URING


def test_auto_falls_back_to_epoll_with_one_warning(server):
    running = server("--reactor", "auto", "--workers", "2", app="hello", prefix=WITHOUT_IO_URING)
    with urllib.request.urlopen(running.url, timeout=60) as answer:
        assert answer.status == 200
    warnings = [line for line in running.log.splitlines() if "io_uring" in line]
    assert len(warnings) == 1, running.log
    assert "EPERM" in warnings[0] and "seccomp" in warnings[0]
    assert "epoll" in running.log


def test_io_uring_that_is_forbidden_is_a_clear_error(server):
    running = server("--reactor", "io_uring", app="hello", prefix=WITHOUT_IO_URING, wait=False)
    assert running.wait() != 0
    errors = [line for line in running.log.splitlines() if "EPERM" in line]
    assert errors and "io_uring" in errors[0], running.log
