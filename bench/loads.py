# SPDX-License-Identifier: MIT
"""The loads. Each is a function that makes one: run(server, seconds), which gives how many units
of work were done. They run on a core of their own."""

import multiprocessing
import os
import re
import subprocess

import clients
from peers import BUILD
from processes import BenchError

LOAD_CORE = 1
CONNECTIONS = 64
HTTP2_CONNECTIONS, HTTP2_STREAMS = 16, 32


def run_program(seconds, *command):
    """What the program writes; it is over soon after `seconds`."""
    run = subprocess.run(["taskset", "-c", str(LOAD_CORE), *map(str, command)],
                         capture_output=True, text=True, timeout=seconds + 60, check=False)
    if run.returncode != 0:
        raise BenchError(f"{command[0]} failed: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout


def wrk(*options, path="/hello", scheme="http", connections=CONNECTIONS):
    """Requests over HTTP/1.1."""
    def run(server, seconds):
        output = run_program(seconds, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                             "--timeout", "10s", *options,
                             f"{scheme}://127.0.0.1:{server.port}{path}")
        if re.search(r"Non-2xx|Socket errors", output):
            raise BenchError(f"wrk saw errors:\n{output}")
        return int(re.search(r"(\d+) requests in", output)[1])
    return run


def h2load(scheme, path="/hello"):
    """Requests over HTTP/2, as many streams of each connection at a time."""
    def run(server, seconds):
        output = run_program(seconds, "h2load", "-t1", f"-c{HTTP2_CONNECTIONS}",
                             f"-m{HTTP2_STREAMS}", f"-D{seconds}",
                             f"{scheme}://127.0.0.1:{server.port}{path}")
        done, failed = (int(re.search(rf"(\d+) {word}", output)[1])
                        for word in ("succeeded", "failed"))
        if failed or not done or "Application protocol: h2" not in output:
            raise BenchError(f"h2load saw errors:\n{output}")
        return done
    return run


def websocket_echoes():
    """Messages of 64 bytes that came back."""
    def run(server, seconds):
        return int(run_program(seconds, BUILD / "bench/websocket_echo", server.port, CONNECTIONS,
                               seconds))
    return run


def connections(version=None, resumed=False):
    """Connections with one request each, some at a time: with TLS if there is a version; all of one
    session then, or each with a full handshake."""
    def run(server, seconds):
        count = multiprocessing.Value("q", 0)
        client = multiprocessing.Process(
            target=connect_often, args=(server.port, seconds, version, resumed, count))
        client.start()
        client.join(seconds + 60)
        if client.exitcode != 0 or count.value == 0:
            raise BenchError("the client that connects often failed")
        return count.value
    return run


def connect_often(port, seconds, version, resumed, count):
    os.sched_setaffinity(0, {LOAD_CORE})
    count.value = clients.connect_often(port, seconds, version, resumed)
