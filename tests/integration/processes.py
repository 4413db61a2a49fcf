# SPDX-License-Identifier: MIT
"""What the kernel tells about processes."""
import os
import pathlib
import re
import signal
import time

DEADLINE_S = 60


def state(pid) -> str:
    """The kernel's letter: R, S, T for stopped, Z for one that waits to be reaped; - for none."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return "-"
    return stat.rpartition(")")[2].split()[0]


def alive(pid) -> bool:
    """Whether it runs: what waits to be reaped does not."""
    return state(pid) not in "Z-"


def cpu_seconds(pid) -> float:
    """The processor time of its main thread."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def private_bytes(pid) -> int:
    """The memory that it shares with nobody."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))


def command_line(pid) -> str:
    """As ps shows it."""
    raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return raw.rstrip(b"\0").replace(b"\0", b" ").decode()


def children(pid) -> list[int]:
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split() if alive(int(child))]


def ids(pid) -> tuple[int, int, set[int]]:
    """The effective user and group, and the supplementary groups."""
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1]),
            {int(group) for group in fields["Groups"].split()})


def umask_of(pid) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^Umask:\s+(\d+)$", status, re.MULTILINE)[1], 8)


def environment(pid) -> dict[str, str]:
    """As it was given to the program that the process executes."""
    raw = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)


def descriptors(pid) -> dict[int, str]:
    found = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue
    return found


def wait_until(condition, what, deadline_s=DEADLINE_S):
    deadline = time.monotonic() + deadline_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return result


def wait_for_promotion(pid_file, pid):
    """Until the file is this process's; between the two there is none for a moment."""
    wait_until(lambda: pid_file.exists() and pid_file.read_text() == f"{pid}\n", "the promotion")


def end(pid):
    """Ends a process that is no child of ours, and its children, for certain."""
    if not alive(pid):
        return
    family = [pid, *children(pid)]
    for one in family:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not any(alive(one) for one in family), "the end of the processes")
