# SPDX-License-Identifier: MIT
"""Measures uringcorn beside a bare responder (the floor) and nginx.

The servers run on one core, the load on another; rounds are interleaved, so that what the machine
does meanwhile hits all alike. What is judged is the server's CPU time per request, user and system,
of its whole process tree; requests per second on one machine mostly measure the load generator.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import tls
from classes import classes
from peers import BUILD, ROOT, Peers, ask, free_port, request, verify
from processes import BenchError, cpu_ns, private_bytes

SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = 64
IDLE_CONNECTIONS = 10_000
WARM_UP_SECONDS = 1
ALL = ["floor/io_uring", "floor/epoll", "uringcorn/io_uring", "uringcorn/epoll", "nginx"]
URING, EPOLL, FLOOR, NGINX = "uringcorn/io_uring", "uringcorn/epoll", "floor/io_uring", "nginx"

# (what, over what, limit): CPU per request, the median of the rounds' ratios.
LIMITS = {
    "keep-alive": [(URING, FLOOR, 1.10), (URING, NGINX, 1.00), (EPOLL, URING, 1.15)],
    "pipelined": [(URING, FLOOR, 2.00), (EPOLL, URING, 1.15)],
    "connection-each": [(URING, FLOOR, None), (URING, NGINX, 1.00), (EPOLL, URING, 1.15)],
}


class Report:
    """Collects rows, prints them as a table and appends them to bench/results/."""

    def __init__(self, options):
        self.rows = []
        self.machine = {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": git_commit(), "kernel": platform.release(), "cpu": cpu_model(),
            "seconds": options.seconds, "rounds": options.rounds}

    def add(self, scenario, what, value, unit, limit=None, **details):
        self.rows.append({"scenario": scenario, "what": what, "value": value, "unit": unit,
                          "limit": limit, **details})

    def write(self):
        folder = ROOT / "bench/results"
        folder.mkdir(exist_ok=True)
        name = self.machine["date"][:10] + ".jsonl"
        with open(folder / name, "a", encoding="utf-8") as file:
            file.write(json.dumps({**self.machine, "results": self.rows}) + "\n")
        return folder / name

    def print(self):
        print(f"\n{self.machine['cpu']}, Linux {self.machine['kernel']},"
              f" {self.machine['date']}, commit {self.machine['commit']}\n")
        print("| scenario | what | measured | limit | |")
        print("|---|---|---:|---:|---|")
        for row in sorted(self.rows, key=lambda row: row["unit"] != "ratio"):
            limit = "" if row["limit"] is None else f"{row['limit']:.2f}"
            verdict = "" if row["limit"] is None else (
                "ok" if row["value"] <= row["limit"] else "**over**")
            unit = "x" if row["unit"] == "ratio" else f" {row['unit']}"
            print(f"| {row['scenario']} | {row['what']} | {row['value']:.2f}{unit}"
                  f" | {limit} | {verdict} |")


def git_commit():
    try:
        return subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                              capture_output=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu_model():
    match = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{match[1] if match else platform.machine()} x {os.cpu_count()}"


def wrk(url, seconds, *options, connections=CONNECTIONS):
    """Runs wrk against /hello and gives (answers counted, answers per second)."""
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "--timeout", "10s", *options, f"{url}/hello"],
        capture_output=True, text=True, timeout=seconds + 60, check=True)
    if re.search(r"Non-2xx|Socket errors", run.stdout):
        raise BenchError(f"wrk saw errors:\n{run.stdout}")
    return (int(re.search(r"(\d+) requests in", run.stdout)[1]),
            float(re.search(r"Requests/sec: +([\d.]+)", run.stdout)[1]))


def cpu_per_request(server, seconds, *options):
    """(CPU microseconds per request, requests per second) of one run of wrk."""
    server.drain_log()
    before = cpu_ns(server.pid)
    answers, per_second = wrk(server.url, seconds, *options)
    return (cpu_ns(server.pid) - before) / answers / 1000, per_second


def load_scenario(name, options, peers, report, *wrk_options, close=False):
    """One load, all servers, interleaved rounds; adds the medians and the ratios."""
    reference = peers.learn_answer(close)
    samples = {peer: [] for peer in options.peers}
    with contextlib.ExitStack() as stack:
        servers = {peer: stack.enter_context(peers.start(peer, close)) for peer in options.peers}
        for peer, server in servers.items():
            verify(peer, ask(server.port, close), reference)
            wrk(server.url, WARM_UP_SECONDS, *wrk_options)
        for number in range(options.rounds):
            for peer, server in servers.items():
                samples[peer].append(cpu_per_request(server, options.seconds, *wrk_options))
                print(f"{name} {number + 1}/{options.rounds} {peer}:"
                      f" {samples[peer][-1][0]:.3f} us, {samples[peer][-1][1]:.0f}/s",
                      file=sys.stderr)
    medians = {peer: statistics.median(cost for cost, _ in runs) for peer, runs in samples.items()}
    for peer, runs in samples.items():
        report.add(name, peer, medians[peer], "us CPU/request",
                   samples=[round(cost, 4) for cost, _ in runs],
                   per_second=round(statistics.median(rate for _, rate in runs)))
    for what, base, limit in LIMITS[name]:
        if what in samples and base in samples:
            # Neighbours in time are compared: what slows a round down slows both.
            ratios = [ours[0] / theirs[0] for ours, theirs in zip(samples[what], samples[base])]
            report.add(name, f"{what} / {base}", statistics.median(ratios), "ratio", limit)


def keep_alive(options, peers, report):
    load_scenario("keep-alive", options, peers, report)


def pipelined(options, peers, report):
    load_scenario("pipelined", options, peers, report, "-s", str(ROOT / "bench/pipeline.lua"))


def connection_each(options, peers, report):
    load_scenario("connection-each", options, peers, report, "-H", "Connection: close", close=True)


def open_idle(port, count):
    """`count` connections that each had one answer and now wait."""
    connections = []
    for number in range(count):
        connection = socket.socket()
        # A source address holds some 28,000 ports; four hold enough after earlier runs too.
        connection.bind((f"127.0.0.{2 + number % 4}", 0))
        connection.settimeout(30)
        connection.connect(("127.0.0.1", port))
        connections.append(connection)
        connection.sendall(request(port))
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            raise BenchError(f"connection {number} was not answered")
    return connections


def idle(options, peers, report):
    """Memory of an idle connection, and what a normal client pays beside 10,000 of them."""
    peers.learn_answer()
    for peer in [peer for peer in options.peers if not peer.startswith("floor")]:
        with peers.start(peer) as server:
            ask(server.port)
            wrk(server.url, WARM_UP_SECONDS)
            alone, _ = cpu_per_request(server, options.seconds)
            before = private_bytes(server.worker_pid)
            connections = open_idle(server.port, IDLE_CONNECTIONS)
            each = (private_bytes(server.worker_pid) - before) / IDLE_CONNECTIONS
            beside, _ = cpu_per_request(server, options.seconds)
            for connection in connections[::100]:  # the idle ones are still served
                connection.sendall(request(server.port))
                if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                    raise BenchError("an idle connection is no longer served")
            for connection in connections:
                connection.close()
        limit = 2048 if peer.startswith("uringcorn") else None
        report.add("10,000 idle", f"{peer}, memory of each", each, "bytes", limit)
        report.add("10,000 idle", f"{peer}, client beside them / alone", beside / alone, "ratio",
                   1.15 if limit else None, alone_us=alone, beside_us=beside)


def start(options, peers, report):
    """From exec to the first answer, four workers."""
    samples = []
    for _ in range(max(5, options.rounds)):
        port = free_port()
        cores = f"{SERVER_CORE},{LOAD_CORE}"
        began = time.monotonic()
        with peers.uringcorn("auto", False, workers=4, port=port, core=cores):
            ask(port)
            samples.append((time.monotonic() - began) * 1000)
    report.add("start", "4 workers to the first answer", statistics.median(samples), "ms", 100,
               samples=samples)


def build(_options, peers, report):
    """From nothing to the release binary, without a compiler cache."""
    folder = peers.folder / "build"
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    began = time.monotonic()
    for command in (["meson", "setup", folder, ROOT, "--buildtype=release", "-Doptimization=2",
                     "-Dtests=false"], ["ninja", "-C", folder]):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True,
                       timeout=1800)
    report.add("build", "from nothing", (time.monotonic() - began) / 60, "minutes", 4)
    shutil.rmtree(folder)


def echoes(port, seconds):
    """Runs the load of echoes over WebSocket and gives how many came back."""
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), BUILD / "bench/websocket_echo", str(port),
         str(CONNECTIONS), str(seconds)],
        capture_output=True, text=True, timeout=seconds + 60, check=False)
    if run.returncode != 0:
        raise BenchError(run.stderr.strip())
    return int(run.stdout)


def websocket(options, peers, report):
    """An echo of 64 bytes over WebSocket, beside a keep-alive request to the same server."""
    for peer in [peer for peer in options.peers if peer.startswith("uringcorn")]:
        costs, ratios = [], []
        with peers.start(peer) as server:
            ask(server.port)
            wrk(server.url, WARM_UP_SECONDS)
            echoes(server.port, WARM_UP_SECONDS)
            for number in range(options.rounds):
                request_us, _ = cpu_per_request(server, options.seconds)
                before = cpu_ns(server.pid)
                count = echoes(server.port, options.seconds)
                costs.append((cpu_ns(server.pid) - before) / count / 1000)
                ratios.append(costs[-1] / request_us)
                print(f"websocket {number + 1}/{options.rounds} {peer}: {costs[-1]:.3f} us,"
                      f" a request {request_us:.3f} us", file=sys.stderr)
        report.add("websocket", peer, statistics.median(costs), "us CPU/message",
                   samples=[round(cost, 4) for cost in costs])
        report.add("websocket", f"{peer}, message / request", statistics.median(ratios), "ratio",
                   1.30)


SCENARIOS = {"keep-alive": keep_alive, "pipelined": pipelined, "connection-each": connection_each,
             "websocket": websocket, "idle": idle, "start": start, "classes": classes,
             "build": build, **tls.SCENARIOS}
ONLY_WHEN_NAMED = {"classes", "build"}


def parse():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measures CPU per request, memory and start.",
        epilog="`build`, and `classes`, which writes its numbers into docs/workers.md, run only "
               "when they are named.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help=f"{', '.join(SCENARIOS)} (default: all but build and classes)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run of wrk")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds")
    parser.add_argument("--peers", nargs="+", default=ALL, choices=ALL, help="what is measured")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no such scenario: {name} (there are {', '.join(SCENARIOS)})")
    options.scenarios = options.scenarios or [
        name for name in SCENARIOS if name not in ONLY_WHEN_NAMED]
    return options


def main():
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if len(os.sched_getaffinity(0)) < 2:
        raise BenchError("two cores are needed: one for the server, one for the load")
    subprocess.run(["ninja", "-C", BUILD, "bench/floor", "bench/websocket_echo"],
                   check=True, stdout=subprocess.DEVNULL)
    report = Report(options)
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(folder, SERVER_CORE)
        for name in options.scenarios:
            SCENARIOS[name](options, peers, report)
    report.print()
    print(f"\nappended to {report.write().relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
