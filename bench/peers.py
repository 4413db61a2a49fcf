# SPDX-License-Identifier: MIT
"""The servers that are measured, and the proof that they all send the same answer."""

import pathlib
import re
import socket
import time

from processes import BenchError, Server

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

NGINX_CONFIG = """
daemon off;
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
    listen 127.0.0.1:{port} backlog=4096;
    location = /hello {{ return 200 "{body}"; }}
  }}
}}
"""


class Peers:
    """Starts each server by its name; `folder` is scratch space."""

    def __init__(self, folder, core):
        self.folder = pathlib.Path(folder)
        self.core = core
        self.body = "Hello, World!"

    def start(self, name, close=False):
        """The context manager of the server called `name`."""
        kind, _, backend = name.partition("/")
        return {"floor": self.floor, "uringcorn": self.uringcorn, "nginx": self.nginx}[kind](
            backend, close)

    def floor(self, backend, close):
        options = (["--epoll"] if backend == "epoll" else []) + (["--close"] if close else [])
        answer = self.folder / ("answer-close" if close else "answer")
        return Server([BUILD / "bench/floor", *options, answer], self.core)

    def uringcorn(self, backend, _close, workers=1, port=0, core=None, options=()):
        return Server([
            BUILD / "uringcorn", "serve", BUILD / "examples/libhttpbin.so",
            "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--reactor", backend,
            "--keep-alive", "3600", "--request-head-timeout", "3600", *options],
            self.core if core is None else core, port=port or None)

    def nginx(self, _backend, _close):
        port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(folder=self.folder, port=port, body=self.body))
        return Server(["nginx", "-e", "stderr", "-c", config], self.core, port=port)

    def learn_answer(self, close=False):
        """Keeps the bytes of uringcorn's answer to /hello: they are what the floor sends."""
        with self.uringcorn("auto", close) as server:
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


def connect(port, timeout_seconds):
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout_seconds)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.0005)


def split(answer):
    """(status line, {field name: value} without Date and Server, body)"""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in
              (line.partition(":") for line in lines)}
    return status, {name: value for name, value in fields.items()
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
