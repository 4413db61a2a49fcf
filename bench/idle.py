# SPDX-License-Identifier: MIT
"""Memory of connections that were served once and now wait: what a worker has for itself."""

import sys
import time

import clients
import loads
from peers import ask
from processes import private_bytes
from rounds import WARM_UP_SECONDS, cost_us

CONNECTIONS = 10_000
PROTOCOL_CONNECTIONS = 2_000
WARM_UP_CONNECTIONS = 50
URING, NGINX = "uringcorn/io_uring", "nginx"
PLAIN_LIMIT_BYTES, LIMIT_BYTES = 2048, 12 * 1024
BESIDE_LIMIT = 1.15
REST_SECONDS = 2  # a server that has given nothing back for so long gives nothing back any more


def open_idle(port, count, use, context=None):
    connections = []
    for number in range(count):
        connections.append(clients.connect(port, context, number=number))
        use(connections[-1])
    return connections


def close(connections):
    for connection in connections:
        connection.close()


def bytes_of_each(server, count, use, context=None):
    """(memory of each of `count` connections, the connections)"""
    close(open_idle(server.port, WARM_UP_CONNECTIONS, use, context))  # what is allocated once
    before = private_bytes(server.worker_pid)
    connections = open_idle(server.port, count, use, context)
    return (private_bytes(server.worker_pid) - before) / count, connections


def bytes_at_rest(pid):
    """The memory of a process, once it does not fall any more."""
    least, seen = private_bytes(pid), time.monotonic()
    while time.monotonic() - seen < REST_SECONDS:
        time.sleep(REST_SECONDS / 10)
        now = private_bytes(pid)
        if now < least:
            least, seen = now, time.monotonic()
    return least


def http1(options, peers, report):
    """And what a normal client pays beside 10,000 of them."""
    peers.learn_answer()
    for peer in [peer for peer in options.peers if not peer.startswith("floor")]:
        with peers.start(peer) as server:
            ask(server.port)
            run = loads.wrk()
            run(server, WARM_UP_SECONDS)
            alone, _ = cost_us(server, run, options.seconds)
            each, connections = bytes_of_each(server, CONNECTIONS, clients.ask_http1)
            beside, _ = cost_us(server, run, options.seconds)
            for connection in connections[::100]:
                clients.ask_http1(connection)  # they are still served
            close(connections)
        is_ours = peer.startswith("uringcorn")
        report.add("10,000 idle", f"{peer}, memory of each", each, "bytes",
                   PLAIN_LIMIT_BYTES if is_ours else None)
        report.add("10,000 idle", f"{peer}, client beside them / alone", beside / alone, "ratio",
                   BESIDE_LIMIT if is_ours else None, alone_us=alone, beside_us=beside)


# (what, how it is started, what makes a connection idle, what does so again, ALPN, who is measured)
PROTOCOLS = [
    ("TLS", {"tls": True}, clients.ask_http1, clients.ask_http1, "http/1.1", (URING, NGINX)),
    ("HTTP/2", {"http2": True}, clients.ask_http2, clients.ask_http2_again, None, (URING, NGINX)),
    ("HTTP/2 over TLS", {"tls": True, "http2": True}, clients.ask_http2, clients.ask_http2_again,
     "h2", (URING, NGINX)),
    ("WebSocket", {}, clients.ask_websocket, clients.ask_echo, None, (URING,)),
    ("WebSocket over TLS", {"tls": True}, clients.ask_websocket, clients.ask_echo, "http/1.1",
     (URING,)),
]


def protocols(_options, peers, report):
    """All that is more than HTTP/1 in the clear: just after each connection was served once more,
    and when they have rested."""
    peers.learn_answer()
    for name, start, use, use_again, alpn, names in PROTOCOLS:
        context = clients.tls_context(alpn) if alpn else None
        for peer in names:
            with peers.start(peer, **start) as server:
                close(open_idle(server.port, WARM_UP_CONNECTIONS, use, context))
                before = private_bytes(server.worker_pid)
                connections = open_idle(server.port, PROTOCOL_CONNECTIONS, use, context)
                for connection in connections:
                    use_again(connection)
                held = {"at once": private_bytes(server.worker_pid),
                        "at rest": bytes_at_rest(server.worker_pid)}
                close(connections)
            for when, held_bytes in held.items():
                each = (held_bytes - before) / PROTOCOL_CONNECTIONS
                print(f"idle {name} {peer} {when}: {each:.0f} bytes", file=sys.stderr)
                limited = peer == URING and when == "at rest"
                report.add(f"{PROTOCOL_CONNECTIONS:,} idle",
                           f"{peer}, {name}, memory of each {when}", each, "bytes",
                           LIMIT_BYTES if limited else None)


SCENARIOS = {"idle": http1, "idle-protocols": protocols}
