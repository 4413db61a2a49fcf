# SPDX-License-Identifier: MIT
"""TLS, HTTP/2 and WebSockets through what an operator does, under load: nothing is lost, and who is
on a connection that ends is told so, by GOAWAY or by 1001."""
import os
import signal

import pytest

from exact_clients import Client, H2Client, MixedLoad
from processes import alive
from tls_client import client_context

WORKERS = 2
KEEP_ALIVE_S = 2


@pytest.fixture(params=[("tls", "async"), ("tls", "threads"), ("clear", "async"),
                        ("tls", "sync")], ids="-".join)
def busy(request, server, authority, pair):
    """A server under load: (the server, the load)."""
    transport, worker_class = request.param

    def context(kind):
        return client_context(authority, alpn=["h2"] if kind is H2Client else ["http/1.1"])

    flags = pair.flags if transport == "tls" else ("--http2-cleartext",)
    running = server(*flags, "-k", worker_class, "--workers", str(WORKERS), "--keep-alive",
                     str(KEEP_ALIVE_S), app="httpbin")
    running.wait_until_ready(WORKERS)
    # A `sync` worker speaks nothing else.
    kinds = (Client,) if worker_class == "sync" else MixedLoad.ALL
    with MixedLoad(running.address, kinds, context if transport == "tls" else None,
                   KEEP_ALIVE_S) as load:
        load.wait_for(running, 2)
        yield running, load
    assert not load.losses
    assert load.sent == load.answered + load.declined


def wait_until_told(running, load, times):
    """Until so many ends have been announced to clients of each protocol."""
    running.wait_until(lambda: all(load.farewells(kind) >= times
                                   for kind in {type(client) for client in load.clients}),
                       f"{times} announced ends")


def test_reloads_upgrades_and_a_stop_lose_nothing(busy):
    running, load = busy
    for done in (1, 2):
        running.signal(signal.SIGHUP)
        running.wait_for_log("Reload done", done)
        load.wait_for(running, 1)
    wait_until_told(running, load, 2)
    assert not load.losses

    running.signal(signal.SIGUSR2)
    running.wait_for_log("serving beside the old arbiter")
    old = set(running.workers())
    new, = [pid for pid in old if f"arbiter with pid: {pid}" in running.log]
    running.signal(signal.SIGWINCH)
    running.wait_until(lambda: running.workers() == [new], "the end of the old workers")
    running.signal(signal.SIGQUIT)
    assert running.wait() == 0
    running.wait_for_log("is gone; this one is in its place")
    load.wait_for(running, 1)
    assert not load.losses

    load.expect_refusal()
    os.kill(new, signal.SIGTERM)
    load.wait_until_refused()
    wait_until_told(running, load, 4)
    running.wait_until(lambda: not alive(new), "the end of the new arbiter")
