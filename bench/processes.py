# SPDX-License-Identifier: MIT
"""Starts programs on a chosen core, reads what they cost from /proc, and ends them for certain."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10


class BenchError(Exception):
    """Something that makes the measurement worthless; the message says what."""


def tree(pid):
    """The process and all that descend from it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def cpu_ns(pid):
    """User and system time of all threads of the whole tree, in nanoseconds."""
    total = 0
    for member in tree(pid):
        for task in pathlib.Path(f"/proc/{member}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def private_bytes(pid):
    """The memory of one process that it shares with nobody."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))


class Server:
    """A server on one core. Use as a context manager; `url` is where it answers."""

    def __init__(self, command, core, port=None, cwd=None):
        self.command = ["taskset", "-c", str(core), *map(str, command)]
        self.port = port
        self.cwd = cwd
        self.process = None
        self.log = None

    def __enter__(self):
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=write_end,
                                        stderr=write_end, cwd=self.cwd, start_new_session=True)
        os.close(write_end)
        self.log = read_end
        if self.port is None:
            try:
                self.port = self._announced_port()
            except BaseException:
                self.__exit__()
                raise
        return self

    def _announced_port(self):
        output, deadline = b"", time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(BlockingIOError):
                output += os.read(self.log, 65536)
            match = re.search(rb"127\.0\.0\.1:(\d+)", output)
            if match and int(match[1]):
                return int(match[1])
            time.sleep(0.01)
        raise BenchError(f"{' '.join(self.command)} does not start: {output.decode()}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def worker_pid(self):
        """The process that answers: the last of the tree (each has one worker or is its own)."""
        return max(tree(self.pid))

    def drain_log(self):
        """Empties the pipe, so that a server that logs much does not wait for its reader."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.log, 65536):
                pass

    def __exit__(self, *unused):
        members = tree(self.pid)
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.log)
