# SPDX-License-Identifier: MIT
"""Reloads a loaded server again and again, and looks whether its arbiter grows.

Each round is a HUP, until the new generation serves and the old one is gone. Clients that count
each request run all the time, and wrk beside them. At the end, nothing may be lost, and the arbiter
may have no more descriptors, memory or processes than after the first rounds.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from peers import BUILD, ROOT
from processes import BenchError, private_bytes, tree

sys.path.insert(0, str(ROOT / "tests/integration"))
from exact_clients import Load  # noqa: E402 pylint: disable=wrong-import-position

WORKERS = 4
KEEP_ALIVE_S = 1
ROUNDS_OF_WARM_UP = 5
ROUNDS_COMPARED = 5
ROUND_SECONDS_MAX = 60
# What the allocator keeps for later is no growth.
MEMORY_GROWTH_MAX_KIB = 256


class Soaked:
    """The server. Its log goes to a file: a pipe that is full would be what is measured."""

    def __init__(self, options, folder):
        self.log_path = pathlib.Path(folder) / "server.log"
        self.processes_max = 1 + WORKERS + (1 if options.preload else 0)
        command = [BUILD / "uringcorn", "serve", BUILD / "examples/libhttpbin.so", "--bind",
                   "127.0.0.1:0", "--workers", str(WORKERS), "--reactor", options.reactor,
                   "--keep-alive", str(KEEP_ALIVE_S), *(["--preload"] if options.preload else [])]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        self.wait_until(lambda: "Listening at" in self.log and len(tree(self.pid)) > WORKERS,
                        "the start")

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    @property
    def address(self):
        name = self.log.split("Listening at: http://")[1].split()[0]
        host, port = name.rsplit(":", 1)
        return host, int(port)

    def wait_until(self, condition, what):
        """As the integration tests' servers have it."""
        deadline = time.monotonic() + ROUND_SECONDS_MAX
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise BenchError(f"waited in vain for {what}; the log ends:\n{self.log[-2000:]}")
            time.sleep(0.02)

    def reload(self):
        """From the signal until nobody of the old generation is left."""
        done = self.log.count("Reload done")
        self.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: self.log.count("Reload done") > done, "a reload")
        self.wait_until(lambda: len(tree(self.pid)) <= self.processes_max,
                        "the end of the old generation")

    def sample(self):
        return {"descriptors": len(os.listdir(f"/proc/{self.pid}/fd")),
                "KiB of memory": private_bytes(self.pid) // 1024,
                "processes": len(tree(self.pid))}

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()


def soak(options, server):
    """The samples of all rounds."""
    host, port = server.address
    seconds = int(options.minutes * 60)
    end = time.monotonic() + seconds
    wrk = subprocess.Popen(["wrk", "-t1", "-c32", f"-d{seconds}s", f"http://{host}:{port}/hello"],
                           stdout=subprocess.DEVNULL)
    samples = []
    try:
        with Load(server.address, kept=4, new=2, slow=2,
                  keep_alive_s=KEEP_ALIVE_S) as load:
            while time.monotonic() < end:
                began = time.monotonic()
                server.reload()
                samples.append(server.sample())
                print(f"\r{len(samples)} reloads, {load.answered} requests, "
                      f"{len(load.losses)} lost, {samples[-1]}   ", end="", flush=True)
                time.sleep(max(0.0, options.interval - (time.monotonic() - began)))
    finally:
        wrk.terminate()
        wrk.wait()
        print()
    print(f"{load.sent} requests: {load.answered} answered, {load.declined} on connections that "
          f"had been idle for --keep-alive, {len(load.losses)} lost")
    if load.losses:
        raise BenchError(f"{len(load.losses)} of {load.sent} requests lost: {load.losses[:5]}")
    return samples


def judge(samples):
    """Compares the rounds after the warm-up with the last ones."""
    if len(samples) < ROUNDS_OF_WARM_UP + 2 * ROUNDS_COMPARED:
        raise BenchError(f"only {len(samples)} reloads: too short to say anything")
    early = samples[ROUNDS_OF_WARM_UP:ROUNDS_OF_WARM_UP + ROUNDS_COMPARED]
    late = samples[-ROUNDS_COMPARED:]
    grown = []
    for what in samples[0]:
        before, after = (statistics.median(one[what] for one in part) for part in (early, late))
        allowed = MEMORY_GROWTH_MAX_KIB if "memory" in what else 0
        is_fine = after <= before + allowed
        print(f"{what:15} {before:8.0f} -> {after:8.0f}  {'ok' if is_fine else 'GROWN'}")
        grown += [] if is_fine else [what]
    if grown:
        raise BenchError(f"the arbiter has grown: {', '.join(grown)}")


def parse():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--interval", type=float, default=2, help="seconds between reloads")
    parser.add_argument("--reactor", default="auto", choices=["auto", "io_uring", "epoll"])
    parser.add_argument("--preload", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as folder, Soaked(options, folder) as server:
        judge(soak(options, server))


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"soak: {error}")
