# SPDX-License-Identifier: MIT
"""Interleaved rounds: several loads in turn, and what each cost the server that answered it."""

import statistics
import sys
import time

from processes import BenchError, cpu_ns

WARM_UP_SECONDS = 1


def cost_us(server, run, seconds):
    """(CPU microseconds of a unit of work, units a second) of one run."""
    server.drain_log()
    before, began = cpu_ns(server.pid), time.monotonic()
    done = run(server, seconds)
    if done == 0:
        raise BenchError(f"nothing was done in {seconds} s: the machine is busy, or --seconds low")
    return (cpu_ns(server.pid) - before) / done / 1000, done / (time.monotonic() - began)


def measure(scenario, unit, series, options, report):
    """Adds the median cost of each of `series`, {what: (server, run)}, where run(server, seconds)
    does the load and gives how many units of work were done. Gives {what: [cost of each round]}."""
    costs, rates = {what: [] for what in series}, {what: [] for what in series}
    for server, run in series.values():
        run(server, WARM_UP_SECONDS)
    for number in range(options.rounds):
        for what, (server, run) in series.items():
            cost, rate = cost_us(server, run, options.seconds)
            costs[what].append(cost)
            rates[what].append(rate)
            print(f"{scenario} {number + 1}/{options.rounds} {what}: {cost:.3f} us, {rate:.0f}/s",
                  file=sys.stderr)
    for what, samples in costs.items():
        report.add(scenario, what, statistics.median(samples), f"us CPU/{unit}",
                   samples=[round(cost, 4) for cost in samples],
                   per_second=round(statistics.median(rates[what])))
    return costs


def compare(scenario, costs, what, base, limit, report):
    """Adds the median of the rounds' ratios: neighbours in time are compared, because what slows a
    round down slows both."""
    if what in costs and base in costs:
        ratios = [ours / theirs for ours, theirs in zip(costs[what], costs[base])]
        report.add(scenario, f"{what} / {base}", statistics.median(ratios), "ratio", limit)
