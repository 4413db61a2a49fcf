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
import statistics
import subprocess
import sys
import tempfile
import time

import idle
import protocols
from classes import classes
from loads import LOAD_CORE, wrk
from peers import BUILD, ROOT, Peers, ask, free_port, verify
from processes import BenchError
from rounds import compare, measure

SERVER_CORE = 0
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


def load_scenario(name, options, peers, report, run, close=False):
    """One load, all servers."""
    reference = peers.learn_answer(close)
    with contextlib.ExitStack() as stack:
        series = {}
        for peer in options.peers:
            server = stack.enter_context(peers.start(peer, close))
            verify(peer, ask(server.port, close), reference)
            series[peer] = (server, run)
        costs = measure(name, "request", series, options, report)
    for what, base, limit in LIMITS[name]:
        compare(name, costs, what, base, limit, report)


def keep_alive(options, peers, report):
    load_scenario("keep-alive", options, peers, report, wrk())


def pipelined(options, peers, report):
    load_scenario("pipelined", options, peers, report,
                  wrk("-s", str(ROOT / "bench/pipeline.lua")))


def connection_each(options, peers, report):
    load_scenario("connection-each", options, peers, report, wrk("-H", "Connection: close"),
                  close=True)


def start(options, peers, report):
    """From exec to the first answer, four workers."""
    samples = []
    for _ in range(max(5, options.rounds)):
        port = free_port()
        cores = f"{SERVER_CORE},{LOAD_CORE}"
        began = time.monotonic()
        with peers.uringcorn("auto", workers=4, port=port, core=cores):
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


SCENARIOS = {"keep-alive": keep_alive, "pipelined": pipelined, "connection-each": connection_each,
             **protocols.SCENARIOS, **idle.SCENARIOS, "start": start, "classes": classes,
             "build": build}
ONLY_WHEN_NAMED = {"classes", "build"}


def parse():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measures CPU per request, memory and start.",
        epilog="`build`, and `classes`, which writes its numbers into docs/workers.md, run only "
               "when they are named.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help=f"{', '.join(SCENARIOS)} (default: all but build and classes)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run of a load")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds")
    parser.add_argument("--peers", nargs="+", default=ALL, choices=ALL,
                        help="what is measured with HTTP/1 in the clear")
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
