# SPDX-License-Identifier: MIT
"""TLS, HTTP/2 and WebSocket, beside the same server in the clear and beside nginx. The certificates
are ECDSA with P-256; curl, wrk, h2load and Python agree on TLS 1.3 with both servers."""

import contextlib
import ssl
import statistics

from loads import connections, h2load, websocket_echoes, wrk
from peers import BLOCK, curl, split, verify
from processes import BenchError
from rounds import compare, measure

URING, NGINX = "uringcorn/io_uring", "nginx"
TLS_FACTOR, TLS_SURCHARGE_US = 1.15, 3


def tls_keep_alive(options, peers, report):
    """What encryption adds to a small answer."""
    name, clear, ours, nginx = "tls-keep-alive", f"{URING}, clear", f"{URING}, TLS", f"{NGINX}, TLS"
    reference = peers.learn_answer()
    with contextlib.ExitStack() as stack:
        series = {clear: (stack.enter_context(peers.start(URING)), wrk())}
        for peer, what in ((URING, ours), (NGINX, nginx)):
            server = stack.enter_context(peers.start(peer, tls=True))
            verify(peer, curl("https", server, "--http1.1"), reference)
            series[what] = (server, wrk(scheme="https"))
        costs = measure(name, "request", series, options, report)
    compare(name, costs, ours, nginx, 1.00, report)
    over = [tls - TLS_FACTOR * plain for tls, plain in zip(costs[ours], costs[clear])]
    report.add(name, f"TLS over {TLS_FACTOR} x clear", statistics.median(over), "us CPU/request",
               TLS_SURCHARGE_US)


def tls_handshakes(options, peers, report):
    """Connections of one request that begin with a full handshake, or go on with a session. What
    the same connection costs the same server in the clear is no part of a handshake."""
    name, ours, nginx = "tls-handshake", f"{URING}, ", f"{NGINX}, "
    versions = {"": ssl.TLSVersion.TLSv1_3, ", TLS 1.2": ssl.TLSVersion.TLSv1_2}
    reference = peers.learn_answer(close=True)
    with contextlib.ExitStack() as stack:
        series = {}
        for peer in (URING, NGINX):
            clear = stack.enter_context(peers.start(peer))
            series[f"{peer}, clear"] = (clear, connections())
            server = stack.enter_context(peers.start(peer, tls=True))
            verify(peer, curl("https", server, "--http1.1", "--header", "Connection: close"),
                   reference)
            for kind, version in versions.items():
                series[f"{peer}, full{kind}"] = (server, connections(version))
                series[f"{peer}, resumed{kind}"] = (server, connections(version, resumed=True))
        costs = measure(name, "connection", series, options, report)
    shakes = {what: [cost - clear for cost, clear in
                     zip(samples, costs[f"{what.partition(',')[0]}, clear"])]
              for what, samples in costs.items()}
    for kind in versions:
        full, resumed = f"full{kind}", f"resumed{kind}"
        for way in (full, resumed):
            report.add(name, f"a handshake: {ours}{way}", statistics.median(shakes[ours + way]),
                       "us CPU")
            compare(name, shakes, ours + way, nginx + way, 1.00, report)
        compare(name, shakes, ours + resumed, ours + full, 0.50, report)
        compare(name, shakes, ours + resumed, nginx + full, 0.50, report)
        compare(name, shakes, nginx + resumed, nginx + full, None, report)


def tls_block(options, peers, report):
    """1 MiB, encrypted and in the clear."""
    name = "tls-1MiB"
    with contextlib.ExitStack() as stack:
        series = {}
        for tls in (False, True):
            for peer in (URING, NGINX):
                server = stack.enter_context(peers.start(peer, tls=tls))
                scheme = "https" if tls else "http"
                status, fields, body = split(curl(scheme, server, "--http1.1", path=BLOCK))
                if (status, int(fields["content-length"]), body) != (
                        "200", len(body), b"x" * len(body)) or not body:
                    raise BenchError(f"{peer} answers {BLOCK} with {status}")
                series[f"{peer}, {'TLS' if tls else 'clear'}"] = (
                    server, wrk(path=BLOCK, scheme=scheme))
        costs = measure(name, "MiB", series, options, report)
    compare(name, costs, f"{URING}, TLS", f"{NGINX}, TLS", None, report)
    compare(name, costs, f"{URING}, TLS", f"{URING}, clear", None, report)
    compare(name, costs, f"{URING}, clear", f"{NGINX}, clear", None, report)


def http2(name, tls):
    """32 requests at a time on each connection; with TLS, or without."""
    def scenario(options, peers, report):
        scheme, how = ("https", "--http2") if tls else ("http", "--http2-prior-knowledge")
        reference = peers.learn_answer()
        with contextlib.ExitStack() as stack:
            series = {}
            for peer in (URING, NGINX):
                server = stack.enter_context(peers.start(peer, tls=tls, http2=True))
                verify(peer, curl(scheme, server, how), reference)
                series[peer] = (server, h2load(scheme))
            costs = measure(name, "request", series, options, report)
        compare(name, costs, URING, NGINX, 1.00, report)
    return scenario


def websocket(options, peers, report):
    """An echo of 64 bytes, beside a keep-alive request to the same server."""
    name = "websocket"
    with contextlib.ExitStack() as stack:
        series = {}
        for peer in [peer for peer in options.peers if peer.startswith("uringcorn")]:
            server = stack.enter_context(peers.start(peer))
            series[f"{peer}, message"] = (server, websocket_echoes())
            series[f"{peer}, request"] = (server, wrk())
        costs = measure(name, "piece", series, options, report)
    for peer in options.peers:
        compare(name, costs, f"{peer}, message", f"{peer}, request", 1.30, report)


SCENARIOS = {"tls-keep-alive": tls_keep_alive, "tls-handshake": tls_handshakes,
             "tls-1MiB": tls_block, "http2": http2("http2", tls=True),
             "http2-cleartext": http2("http2-cleartext", tls=False), "websocket": websocket}
