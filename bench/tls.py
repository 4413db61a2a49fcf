# SPDX-License-Identifier: MIT
"""TLS beside the same server in the clear, and beside nginx: P-256 certificates, TLS 1.3."""

import contextlib
import multiprocessing
import os
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import time

from peers import free_port
from processes import BenchError, Server, cpu_ns, private_bytes

LOAD_CORE = 1
CONNECTIONS = 64
IDLE_CONNECTIONS = 2_000
WARM_UP_SECONDS = 1
BLOCK_BYTES = 1 << 20
URING, CLEAR, NGINX = "uringcorn/io_uring, TLS", "uringcorn/io_uring, clear", "nginx, TLS"

NGINX_CONFIG = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx-tls.pid;
error_log stderr crit;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type "text/plain; charset=utf-8";
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location = /hello {{ return 200 "{body}"; }}
    location /filler/ {{ root {folder}; }}
  }}
}}
"""


def start(peers, name):
    """The context manager of one of the three."""
    certificate, key = make_certificate(peers.folder)
    if name == NGINX:
        (peers.folder / "filler").mkdir(exist_ok=True)
        (peers.folder / "filler" / str(BLOCK_BYTES)).write_bytes(b"x" * BLOCK_BYTES)
        port = free_port()
        config = peers.folder / "nginx-tls.conf"
        config.write_text(NGINX_CONFIG.format(folder=peers.folder, port=port, body=peers.body,
                                              certificate=certificate, key=key))
        return Server(["nginx", "-e", "stderr", "-c", config], peers.core, port=port)
    options = [] if name == CLEAR else ["--certfile", certificate, "--keyfile", key]
    return peers.uringcorn("io_uring", False, options=options)


def make_certificate(folder):
    certificate, key = folder / "bench.pem", folder / "bench.key"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-noenc", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
            check=True, capture_output=True)
    return certificate, key


def connect(port, context, session=None, patience_seconds=30):
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), patience_seconds)
            return context.wrap_socket(connection, session=session)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask(connection, close=False):
    field = b"Connection: close\r\n" if close else b""
    connection.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n")
    if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
        raise BenchError("a request was not answered")


def wrk(url, seconds):
    run = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
         "--timeout", "10s", url], capture_output=True, text=True, timeout=seconds + 60, check=True)
    if re.search(r"Non-2xx|Socket errors", run.stdout):
        raise BenchError(f"wrk saw errors:\n{run.stdout}")
    return int(re.search(r"(\d+) requests in", run.stdout)[1])


def load_scenario(name, options, peers, report, unit, run, limits):
    """`run(server, scheme, seconds)` gives how many units of work were done; interleaved rounds."""
    peers.learn_answer()
    names = [URING, CLEAR, NGINX] if any(CLEAR in limit for limit in limits) else [URING, NGINX]
    samples = {peer: [] for peer in names}
    with contextlib.ExitStack() as stack:
        servers = {peer: stack.enter_context(start(peers, peer)) for peer in names}
        for peer, server in servers.items():
            if peer != CLEAR:
                connect(server.port, client_context()).close()
            run(server, "http" if peer == CLEAR else "https", WARM_UP_SECONDS)
        for number in range(options.rounds):
            for peer, server in servers.items():
                server.drain_log()
                before = cpu_ns(server.pid)
                done = run(server, "http" if peer == CLEAR else "https", options.seconds)
                samples[peer].append((cpu_ns(server.pid) - before) / done / 1000)
                print(f"{name} {number + 1}/{options.rounds} {peer}: {samples[peer][-1]:.2f} us",
                      file=sys.stderr)
    medians = {peer: statistics.median(runs) for peer, runs in samples.items()}
    for peer, runs in samples.items():
        report.add(name, peer, medians[peer], f"us CPU/{unit}",
                   samples=[round(cost, 3) for cost in runs])
    for what, base, limit in limits:
        ratios = [ours / theirs for ours, theirs in zip(samples[what], samples[base])]
        report.add(name, f"{what} / {base}", statistics.median(ratios), "ratio", limit)
    return medians


def keep_alive(options, peers, report):
    def run(server, scheme, seconds):
        return wrk(f"{scheme}://127.0.0.1:{server.port}/hello", seconds)
    medians = load_scenario("tls-keep-alive", options, peers, report, "request", run,
                            [(URING, NGINX, 1.00), (URING, CLEAR, None)])
    report.add("tls-keep-alive", "TLS - 1.15 x clear", medians[URING] - 1.15 * medians[CLEAR],
               "us CPU/request", 3)


def block(options, peers, report):
    def run(server, scheme, seconds):
        return wrk(f"{scheme}://127.0.0.1:{server.port}/filler/{BLOCK_BYTES}", seconds)
    load_scenario("tls-1MiB", options, peers, report, "MiB", run,
                  [(URING, CLEAR, None), (URING, NGINX, None)])


def shake_hands(port, seconds, resumed, count):
    """A process that opens connections for a while: full handshakes, or all of one session."""
    os.sched_setaffinity(0, {LOAD_CORE})
    context = client_context()
    session = None
    if resumed:
        with connect(port, context) as first:
            ask(first)
            session = first.session
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with connect(port, context, session) as connection:
            if connection.session_reused != resumed:
                raise BenchError("a session was resumed, or not, against the plan")
            ask(connection, close=True)
        count.value += 1


def handshakes(resumed):
    def run(server, _scheme, seconds):
        count = multiprocessing.Value("q", 0)
        client = multiprocessing.Process(target=shake_hands,
                                         args=(server.port, seconds, resumed, count))
        client.start()
        client.join(seconds + 60)
        if client.exitcode != 0 or count.value == 0:
            raise BenchError("the client of the handshakes failed")
        return count.value
    return run


def full(options, peers, report):
    return load_scenario("tls-handshake", options, peers, report, "connection", handshakes(False),
                         [(URING, NGINX, 1.00)])


def resumed_and_full(options, peers, report):
    medians_full = full(options, peers, report)
    medians = load_scenario("tls-resumed", options, peers, report, "connection", handshakes(True),
                            [(URING, NGINX, None)])
    report.add("tls-resumed", "resumed / full", medians[URING] / medians_full[URING], "ratio", 0.5)


def idle(_options, peers, report):
    peers.learn_answer()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = client_context()
    for peer in (URING, NGINX):
        with start(peers, peer) as server:
            for _ in range(50):  # what is allocated once is not the connections'
                with connect(server.port, context) as warm:
                    ask(warm)
            before = private_bytes(server.worker_pid)
            connections = [connect(server.port, context) for _ in range(IDLE_CONNECTIONS)]
            for connection in connections:
                ask(connection)
            each = (private_bytes(server.worker_pid) - before) / IDLE_CONNECTIONS
            for connection in connections:
                connection.close()
        report.add("tls-idle", f"{peer}, memory of each", each, "bytes",
                   12 * 1024 if peer == URING else None)


SCENARIOS = {"tls-keep-alive": keep_alive, "tls-handshake": resumed_and_full, "tls-1MiB": block,
             "tls-idle": idle}
