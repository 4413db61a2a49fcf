# SPDX-License-Identifier: MIT
"""Where the server listens, and how connections are shared among its workers."""
import collections
import json
import os
import signal
import socket
import stat
import time

import pytest

from raw_client import RawConnection, request

HELLO = request("/hello")


# ---- sockets ---------------------------------------------------------------------------------

def test_the_port_that_was_chosen_for_port_0_is_printed(server):
    running = server(app="httpbin")
    assert running.address[1] != 0
    assert running.get("/hello").status == 200


def test_several_addresses_are_served(server, tmp_path):
    path = str(tmp_path / "shop.sock")
    running = server("--bind", "127.0.0.1:0", "--bind", "[::1]:0", "--bind", f"unix:{path}",
                     app="httpbin")
    ipv4, ipv6, local = running.addresses
    assert (ipv4[0], ipv6[0], local) == ("127.0.0.1", "::1", path)
    for address in (ipv4, local):
        with RawConnection(address) as client:
            assert client.ask(HELLO).status == 200
    with socket.create_connection(ipv6) as client:
        client.sendall(HELLO)
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_the_file_of_a_unix_socket_goes_with_the_server(server, tmp_path):
    path = tmp_path / "shop.sock"
    running = server("--bind", f"unix:{path}")
    assert stat.S_ISSOCK(path.stat().st_mode)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert not path.exists()


def test_the_unix_socket_of_a_killed_server_is_replaced(server, tmp_path):
    path = tmp_path / "shop.sock"
    killed = server("--bind", f"unix:{path}")
    workers = killed.wait_until_ready()
    for pid in [killed.pid, *workers]:
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    assert path.exists()
    server("--bind", f"unix:{path}", app="httpbin").wait_until_ready()
    with RawConnection(str(path)) as client:
        assert client.ask(HELLO).status == 200


def test_the_unix_socket_of_a_live_server_is_left_alone(server, tmp_path):
    path = tmp_path / "shop.sock"
    live = server("--bind", f"unix:{path}", app="httpbin")
    second = server("--bind", f"unix:{path}", wait=False)
    second.wait_for_line(r"another server answers there .*trying again \(1 of 5\)")
    assert second.wait() == 1
    assert "uringcorn: cannot listen on unix:" in second.log
    assert live.process.poll() is None
    with RawConnection(str(path)) as client:
        assert client.ask(HELLO).status == 200


def test_a_socket_that_the_process_was_started_with_is_served(server):
    with socket.socket() as inherited:
        inherited.bind(("127.0.0.1", 0))
        os.set_inheritable(inherited.fileno(), True)
        running = server("--bind", f"fd://{inherited.fileno()}", app="httpbin",
                         pass_fds=[inherited.fileno()])
        assert running.address == inherited.getsockname()
        assert running.get("/hello").status == 200


def test_an_address_in_use_is_told_after_some_tries(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = server("--bind", f"127.0.0.1:{port}", wait=False)
        assert running.wait() == 1
    assert len(running.lines("trying again")) == 5
    assert f"uringcorn: cannot listen on 127.0.0.1:{port}: address already in use" in running.log


# ---- sharing ---------------------------------------------------------------------------------

def shares(running, arrivals):
    """How many of the connections each worker got; they stay open until all are counted."""
    clients, counts = [], collections.Counter()
    try:
        for burst in arrivals:
            fresh = [RawConnection(running.address) for _ in range(burst)]
            clients += fresh
            for client in fresh:
                client.send(request("/worker"))
            for client in fresh:
                counts[json.loads(client.read_answer().body)["pid"]] += 1
    finally:
        for client in clients:
            client.close()
    return sorted(counts.values())


def check_even(counts, workers):
    fair = sum(counts) / workers
    assert len(counts) == workers, counts
    assert counts[0] >= 0.85 * fair and counts[-1] <= 1.15 * fair, counts


@pytest.fixture
def four_workers(server):
    running = server("--workers", "4", "--keep-alive", "600", "--request-head-timeout", "600",
                     app="httpbin")
    running.wait_until_ready(4)
    return running


def test_spaced_arrivals_are_shared_evenly(four_workers):
    check_even(shares(four_workers, [1] * 1000), 4)


def test_bursts_are_shared_evenly(four_workers):
    check_even(shares(four_workers, [256]), 4)
    four_workers.wait_until_no_connection()
    check_even(shares(four_workers, [256, 256]), 4)


def test_a_stopped_worker_strands_nobody(four_workers):
    stopped = four_workers.wait_until_ready(4)[0]
    four_workers.pause(stopped)
    try:
        start = time.monotonic()
        counts = shares(four_workers, [1] * 100 + [100])
        assert sum(counts) == 200
        assert time.monotonic() - start < 20
    finally:
        os.kill(stopped, signal.SIGCONT)
