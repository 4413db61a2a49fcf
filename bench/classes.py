# SPDX-License-Identifier: MIT
"""The worker classes beside each other: what a request costs in each, and what becomes of a handler
of 20 ms, one that blocks and one that awaits, with more and more clients."""

import contextlib
import re
import statistics
import subprocess
import sys

from peers import BUILD, ROOT, ask
from plot import Panel, write_svg
from processes import BenchError, Server, cpu_ns

LOAD_CORE = 1
CLIENTS = [1, 8, 64, 512]
AT_A_TIME = 32
# The same number of blocking handlers at a time in each: threads of one worker, or workers.
CLASSES = {
    "async": ["-k", "async", "--threads", str(AT_A_TIME)],
    "threads": ["-k", "threads", "--threads", str(AT_A_TIME)],
    "sync": ["-k", "sync", "--workers", str(AT_A_TIME)],
}
HANDLERS = {"blocks": "/block/20", "awaits": "/delay/0.02"}
POOL_LIMIT_US = 5
PAGE, PLOT = ROOT / "docs/workers.md", ROOT / "docs/workers.svg"
TABLE_BEGIN, TABLE_END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"


def start(arguments):
    return Server([BUILD / "uringcorn", "serve", BUILD / "examples/libhttpbin.so", "--bind",
                   "127.0.0.1:0", "--keep-alive", "3600", *arguments], "0,1")


def load(server, target, clients, seconds, *options):
    """One run of wrk: (answers, answers a second, 99th percentile in ms)."""
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{clients}", f"-d{seconds}s",
         "--timeout", "30s", "--latency", *options, f"{server.url}{target}"],
        capture_output=True, text=True, timeout=seconds + 120, check=True)
    if "Non-2xx" in run.stdout:
        raise BenchError(f"wrk saw errors:\n{run.stdout}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", run.stdout).groups()
    return (int(re.search(r"(\d+) requests in", run.stdout)[1]),
            float(re.search(r"Requests/sec: +([\d.]+)", run.stdout)[1]),
            float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def cost(server, target, seconds, *options):
    """CPU microseconds of one request."""
    before = cpu_ns(server.pid)
    answers, _, _ = load(server, target, 64, seconds, *options)
    return (cpu_ns(server.pid) - before) / answers / 1000


def costs(options, report):
    """Hello world in each class, and what the way through the pool adds."""
    close = ["-H", "Connection: close"]
    cases = {
        "async": ("async", "/hello", []), "threads": ("threads", "/hello", []),
        "async, blocking()": ("async", "/blocking-hello", []),
        "async, a connection each": ("async", "/hello", close),
        "sync, a connection each": ("sync", "/hello", close),
    }
    samples = {name: [] for name in cases}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in ("async", "threads", "sync"):
            arguments = ["-k", name, "--threads", "2", "--workers", "1"]
            servers[name] = stack.enter_context(start(arguments))
            ask(servers[name].port)
        for number in range(options.rounds):
            for name, (worker_class, target, extra) in cases.items():
                value = cost(servers[worker_class], target, options.seconds, *extra)
                samples[name].append(value)
                print(f"classes {number + 1}/{options.rounds} {name}: {value:.2f} us",
                      file=sys.stderr)
    for name, values in samples.items():
        report.add("classes, hello world", name, statistics.median(values), "us CPU/request",
                   samples=values)
    for name in ("threads", "async, blocking()"):
        added = [mine - plain for mine, plain in zip(samples[name], samples["async"])]
        report.add("classes, added by the pool", name, statistics.median(added),
                   "us CPU/request", POOL_LIMIT_US, samples=added)
    return {name: statistics.median(values) for name, values in samples.items()}


def handlers(options, report):
    """{handler: {class: [(answers a second, p99 in ms) for each number of clients]}}"""
    results = {}
    for handler, target in HANDLERS.items():
        for name, arguments in CLASSES.items():
            with start(arguments) as server:
                ask(server.port)
                runs = [load(server, target, clients, options.seconds) for clients in CLIENTS]
            results.setdefault(handler, {})[name] = [run[1:] for run in runs]
            for clients, (_, per_second, p99) in zip(CLIENTS, runs):
                what = f"{name}, {handler} 20 ms, {clients} clients"
                print(f"{what}: {per_second:.0f}/s, p99 {p99:.1f} ms", file=sys.stderr)
                report.add("classes, throughput", what, per_second, "answers/s", p99_ms=p99)
    return results


def table_of(results, cost_of):
    lines = ["| handler | class |" + "".join(f" {clients} |" for clients in CLIENTS),
             "|---|---|" + "---:|" * len(CLIENTS)]
    for handler, classes in results.items():
        for name, runs in classes.items():
            cells = "".join(f" {rate:.0f}/s, {p99:.0f} ms |" for rate, p99 in runs)
            lines.append(f"| {handler} 20 ms | `{name}` |{cells}")
    lines += ["", "| hello world | CPU of a request |", "|---|---:|"]
    lines += [f"| {name} | {value:.1f} us |" for name, value in cost_of.items()]
    return "\n".join(lines) + "\n"


def write_page(results, cost_of, machine):
    """Puts the numbers and the plot into the documentation."""
    panels = []
    for handler, classes in results.items():
        rates = {name: [run[0] for run in runs] for name, runs in classes.items()}
        tails = {name: [run[1] for run in runs] for name, runs in classes.items()}
        panels.append(Panel(f"A handler {handler} 20 ms: answers a second", CLIENTS, rates))
        panels.append(Panel(f"A handler {handler} 20 ms: 99th percentile, ms", CLIENTS, tails))
    write_svg(PLOT, panels, x_label="clients")
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(TABLE_BEGIN)
    _, _, tail = rest.partition(TABLE_END)
    measured = f"\n({machine['cpu']}, Linux {machine['kernel']}, {machine['date'][:10]})\n"
    PAGE.write_text(f"{head}{TABLE_BEGIN}{table_of(results, cost_of)}{measured}{TABLE_END}{tail}",
                    encoding="utf-8")


def classes(options, _peers, report):
    cost_of = costs(options, report)
    results = handlers(options, report)
    write_page(results, cost_of, report.machine)
