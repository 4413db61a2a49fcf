# SPDX-License-Identifier: MIT
"""The servers that are measured, and the proof that they all send the same answer."""

import contextlib
import pathlib
import re
import socket
import subprocess
import time

from processes import BenchError, Server

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

NGINX_CONFIG = """
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
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
  server {{
    listen 127.0.0.1:{port}{protocols} backlog=4096;
    {tls}
    location = /hello {{ return 200 "{body}"; }}
    location /filler/ {{ root {folder}; }}
  }}
}}
"""
NGINX_TLS = """
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
"""
BLOCK_BYTES = 1 << 20
BLOCK = f"/filler/{BLOCK_BYTES}"


class Peers:
    """Starts each server by its name; `folder` is scratch space."""

    def __init__(self, folder, core):
        self.folder = pathlib.Path(folder)
        self.core = core
        self.body = "Hello, World!"
        (self.folder / "filler").mkdir()
        (self.folder / BLOCK[1:]).write_bytes(b"x" * BLOCK_BYTES)

    @contextlib.contextmanager
    def start(self, name, close=False, tls=False, http2=False):
        """The context manager of the server called `name`, which listens from then on."""
        kind, _, backend = name.partition("/")
        if kind == "floor":
            server = self.floor(backend, close)
        elif kind == "nginx":
            server = self.nginx(tls, http2)
        else:
            options = self.certificate_options() if tls else []
            options += ["--http2-cleartext"] if http2 and not tls else []
            server = self.uringcorn(backend, options=options)
        with server:
            connect(server.port).close()
            yield server

    def floor(self, backend, close):
        options = (["--epoll"] if backend == "epoll" else []) + (["--close"] if close else [])
        answer = self.folder / ("answer-close" if close else "answer")
        return Server([BUILD / "bench/floor", *options, answer], self.core)

    def uringcorn(self, backend, workers=1, port=0, core=None, options=()):
        return Server([
            BUILD / "uringcorn", "serve", BUILD / "examples/libhttpbin.so",
            "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--reactor", backend,
            "--keep-alive", "3600", "--request-head-timeout", "3600", *options],
            self.core if core is None else core, port=port or None)

    def nginx(self, tls, http2):
        port = free_port()
        certificate, key = self.certificate() if tls else ("", "")
        config = self.folder / f"nginx-{port}.conf"
        config.write_text(NGINX_CONFIG.format(
            folder=self.folder, port=port, body=self.body,
            protocols=(" ssl" if tls else "") + (" http2" if http2 else ""),
            tls=NGINX_TLS.format(certificate=certificate, key=key) if tls else ""))
        return Server(["nginx", "-e", "stderr", "-c", config], self.core, port=port)

    def certificate(self):
        """(certificate, key) of this run: ECDSA with P-256."""
        certificate, key = self.folder / "bench.pem", self.folder / "bench.key"
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-noenc", "-keyout", key, "-out", certificate,
                 "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        return certificate, key

    def certificate_options(self):
        certificate, key = self.certificate()
        return ["--certfile", certificate, "--keyfile", key]

    def learn_answer(self, close=False):
        """Keeps the bytes of uringcorn's answer to /hello: they are what the floor sends."""
        with self.uringcorn("auto") as server:
            answer = ask(server.port, close)
        (self.folder / ("answer-close" if close else "answer")).write_bytes(answer)
        self.body = split(answer)[2].decode()
        return answer


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def ask(port, close=False, timeout_seconds=30):
    """The bytes of the answer to GET /hello; waits for the server to listen."""
    connection = connect(port, timeout_seconds)
    with connection:
        connection.settimeout(timeout_seconds)
        connection.sendall(request(port, close))
        answer = b""
        while True:
            more = connection.recv(65536)
            answer += more
            head, end, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            if end and length and len(body) >= int(length[1]):
                return answer
            if not more:
                raise BenchError(f"port {port}: the answer ends early: {answer!r}")


def request(port, close=False):
    field = "Connection: close\r\n" if close else ""
    return f"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{field}\r\n".encode()


def curl(scheme, server, *options, path="/hello"):
    """The bytes of an answer as curl shows them, whatever the protocol."""
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--insecure", "--include", *options,
         f"{scheme}://127.0.0.1:{server.port}{path}"],
        capture_output=True, timeout=60, check=True).stdout


def connect(port, timeout_seconds=30):
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout_seconds)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.0005)


def split(answer):
    """(status code, {field name: value} without Date and Server, body)"""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in
              (line.partition(":") for line in lines)}
    return status_line.split()[1], {name: value for name, value in fields.items()
                    if name not in ("date", "server")}, body


def verify(name, answer, reference):
    """Refuses an answer that is not the reference; nginx may add its Connection field."""
    status, fields, body = split(answer)
    expected_status, expected_fields, expected_body = split(reference)
    if name == "nginx":
        fields = {key: value for key, value in fields.items() if key != "connection"}
        expected_fields = {k: v for k, v in expected_fields.items() if k != "connection"}
    if (status, fields, body) != (expected_status, expected_fields, expected_body):
        raise BenchError(f"{name} answers\n{answer!r}\nand not\n{reference!r}")
    if name.startswith("floor") and answer != reference:
        raise BenchError(f"{name}: {answer!r} is not byte for byte {reference!r}")
