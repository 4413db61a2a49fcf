# SPDX-License-Identifier: MIT
"""TLS as clients meet it: Python's ssl (OpenSSL), the openssl program, curl, and raw bytes."""
import contextlib
import json
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from processes import private_bytes
from raw_client import DEADLINE_S, ConnectionEnded, RawConnection, request
from tls_client import TlsConnection, client_context, fetch, s_client

GET = request("/get")


@pytest.fixture
def many_descriptors():
    """For clients by the thousand in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def shop(server, pair):
    """A TLS server of the httpbin example."""
    return server(*pair.flags, app="httpbin")


# ---- HTTP within TLS -------------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_answered_on_one_connection(shop, authority, version):
    context = client_context(authority, minimum=version, maximum=version)
    with TlsConnection(shop.address, context) as client:
        assert client.socket.version() == version.name.replace("TLSv1_", "TLSv1.")
        for _ in range(3):
            answer = client.ask(GET)
            assert answer.status == 200
            assert json.loads(answer.body)["url"] == "https://test.example/get"


def test_pipelined_requests_are_answered_in_order(shop, authority):
    with TlsConnection(shop.address, client_context(authority)) as client:
        client.send(b"".join(request(f"/anything/{n}") for n in range(50)))
        for n in range(50):
            assert json.loads(client.read_answer().body)["url"].endswith(f"/anything/{n}")


@pytest.mark.parametrize("size", [1, 16 * 1024, 16 * 1024 + 1, 300_000, 1_500_000])
def test_bodies_of_any_size_go_both_ways(shop, authority, size):
    body = os.urandom(size)
    with TlsConnection(shop.address, client_context(authority)) as client:
        answer = client.ask(request("/echo", method="POST", body=body))
        assert answer.status == 200 and answer.body == body
        assert client.ask(GET).status == 200


def test_a_client_that_reads_slowly_gets_everything(shop, authority):
    size = 200_000
    target = f"/bytes/{size}?seed=7"
    with TlsConnection(shop.address, client_context(authority)) as client:
        expected = client.ask(request(target)).body
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(request(target))
        assert client.read_head().status == 200
        received = client.buffer
        client.buffer = b""
        while len(received) < size:
            received += client.socket.recv(1000)
        assert len(expected) == size and received == expected


def test_a_client_that_takes_nothing_is_given_up(server, authority, pair):
    shop = server(*pair.flags, "--write-timeout", "300ms", app="httpbin")
    with TlsConnection(shop.address, client_context(authority)) as client:
        client.send(request("/filler/100000000"))
        shop.wait_until_no_connection()
        with pytest.raises((ConnectionEnded, ConnectionError, ssl.SSLError)):
            client.read_answer()


def test_a_client_that_is_stopped_for_a_while_loses_nothing(shop, authority, tmp_path):
    size, part = 100_000_000, tmp_path / "part"
    host, port = shop.address
    client = subprocess.Popen(
        ["curl", "--silent", "--show-error", "--insecure", "--limit-rate", "50M", "--output", part,
         f"https://{host}:{port}/filler/{size}"])
    try:
        shop.wait_until(lambda: part.exists() and part.stat().st_size > 0, "the first bytes")
        client.send_signal(signal.SIGSTOP)
        for _ in range(20):
            assert fetch(shop.address, client_context(authority)).status == 200
        client.send_signal(signal.SIGCONT)
        assert client.wait(DEADLINE_S) == 0
        assert part.stat().st_size == size
    finally:
        client.kill()
        client.wait()


def test_head_and_body_of_a_small_answer_are_one_record(shop, authority):
    context = client_context(authority, maximum=ssl.TLSVersion.TLSv1_2)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawConnection(shop.address) as client:
        def step(action):
            while True:
                try:
                    result = action()
                    client.send(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    if data := outgoing.read():
                        client.send(data)
                    incoming.write(client.socket.recv(65536))
        step(tls.do_handshake)
        tls.write(GET)
        client.send(outgoing.read())
        kind, _, length = struct.unpack(">BHH", client.read_exactly(5))
        record = client.read_exactly(length)
        incoming.write(struct.pack(">BHH", kind, 0x0303, length) + record)
        answer = tls.read(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert kind == 23 and head.startswith(b"HTTP/1.1 200") and json.loads(body)


def test_the_records_of_a_large_answer_are_full(shop, authority):
    size, full = 200_000, 16 * 1024
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    lengths = []
    with RawConnection(shop.address) as client:
        def read_record():
            head = client.read_exactly(5)
            lengths.append(int.from_bytes(head[3:], "big"))
            incoming.write(head + client.read_exactly(lengths[-1]))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        client.send(outgoing.read())
        while outgoing.pending == 0:
            read_record()
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
        tls.write(request(f"/bytes/{size}"))
        client.send(outgoing.read())
        lengths.clear()
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < size:
            read_record()
            with contextlib.suppress(ssl.SSLWantReadError):
                received += tls.read(full)
    # The type of what is inside and the tag make 17 bytes (RFC 8446, 5.2).
    assert lengths.count(full + 17) == size // full, lengths
    # Tickets, the head, what is left of the body.
    assert len(lengths) <= size // full + 4, lengths


def test_the_end_of_a_connection_is_told_by_close_notify(shop, authority):
    context = client_context(authority)
    for target, fields in (("/get", [("Connection", "close")]), ("/get\x01", [])):
        with TlsConnection(shop.address, context) as client:
            client.send(request(target, fields=fields))
            # Python reports an end without close_notify as an error.
            assert client.read_to_end().startswith(b"HTTP/1.1 ")


def test_a_client_that_ends_without_close_notify_is_one_that_ends(shop, authority):
    with TlsConnection(shop.address, client_context(authority)) as client:
        assert client.ask(GET).status == 200
        raw = socket.socket(fileno=os.dup(client.socket.fileno()))
        raw.shutdown(socket.SHUT_WR)
        raw.close()
    shop.wait_until_no_connection()
    assert fetch(shop.address, client_context(authority)).status == 200


def test_a_proxy_header_comes_before_the_handshake(server, authority, pair):
    shop = server(*pair.flags, "--proxy-protocol", "auto", app="httpbin")
    for header in (b"PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n",
                   b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.7")
                   + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 56192, 443)):
        connection = RawConnection(shop.address)
        connection.send(header)
        connection.socket = client_context(authority).wrap_socket(connection.socket,
                                                                  server_hostname="localhost")
        with connection as client:
            report = json.loads(client.ask(GET).body)
            assert (report["origin"], report["url"]) == ("192.0.2.7", "https://test.example/get")


def test_a_proxy_header_and_the_hello_may_come_together(server, authority, pair):
    shop = server(*pair.flags, "--proxy-protocol", "auto", app="httpbin")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawConnection(shop.address) as client:
        pending = b"PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n"
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(pending + outgoing.read())
                pending = b""
                incoming.write(client.socket.recv(65536))
        tls.write(GET)
        client.send(outgoing.read())
        answer = b""
        while b"192.0.2.7" not in answer:
            incoming.write(client.socket.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += tls.read(65536)


def test_the_scheme_of_a_trusted_proxy_counts_more_than_ours(shop, authority):
    context = client_context(authority)
    with TlsConnection(shop.address, context) as client:
        answer = client.ask(request("/get", fields=[("X-Forwarded-Proto", "http")]))
        assert json.loads(answer.body)["url"] == "http://test.example/get"


def test_requests_in_flight_are_answered_at_a_stop(shop, authority):
    shop.wait_until_ready()
    with TlsConnection(shop.address, client_context(authority)) as client:
        client.send(request("/delay/1"))
        with TlsConnection(shop.address, client_context(authority)) as idle:
            assert idle.ask(GET).status == 200
            shop.signal(signal.SIGTERM)
            shop.wait_for_log("Handling signal: TERM")
            answer = client.read_answer()
            assert answer.status == 200
            # Python reports an end without close_notify as an error.
            assert idle.read_to_end() == b""
    assert shop.wait() == 0


def test_a_handler_learns_that_its_tls_client_is_gone(server, authority, pair):
    shop = server(*pair.flags, "--access-logfile", "-", app="httpbin")
    for how in ("close_notify", "reset"):
        with TlsConnection(shop.address, client_context(authority)) as client:
            client.send(request(f"/drip?duration=60&numbytes=60&{how}"))
            client.read_head()
            if how == "close_notify":
                client.socket.setblocking(False)
                with contextlib.suppress(ssl.SSLError, OSError):
                    client.socket.unwrap()
            else:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        shop.wait_for_line(rf"/drip\S+{how} HTTP/1.1\" 499")


# ---- what is agreed upon ---------------------------------------------------------------------

@pytest.mark.parametrize("offered, agreed", [
    (["http/1.1"], "http/1.1"), (["spdy/3", "http/1.1"], "http/1.1"), (None, None)])
def test_alpn_agrees_on_http_1_1(shop, authority, offered, agreed):
    with TlsConnection(shop.address, client_context(authority, alpn=offered)) as client:
        assert client.socket.selected_alpn_protocol() == agreed
        assert client.ask(GET).status == 200


def test_a_client_that_speaks_no_http_is_refused_by_alpn(shop, authority):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        TlsConnection(shop.address, client_context(authority, alpn=["imap"]))


@pytest.mark.parametrize("key", ["p256", "p384", "rsa", "ed25519"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_keys_of_all_kinds_are_served(server, authority, key, version):
    shop = server(*authority.issue(key=key).flags, app="httpbin")
    context = client_context(authority, minimum=version, maximum=version)
    assert fetch(shop.address, context).status == 200


@pytest.mark.parametrize("name", [
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384"])
def test_the_client_may_choose_among_the_suites_of_tls_1_2(shop, authority, name):
    context = client_context(authority, maximum=ssl.TLSVersion.TLSv1_2, ciphers=name)
    with TlsConnection(shop.address, context) as client:
        assert client.socket.cipher()[0] == name
        assert client.ask(GET).status == 200


def test_ciphers_names_the_suites_and_their_order(server, authority, pair):
    shop = server(*pair.flags, "--ciphers", "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
                  app="httpbin")
    with TlsConnection(shop.address, client_context(authority)) as client:
        assert client.socket.cipher()[0] == "TLS_AES_256_GCM_SHA384"
    with TlsConnection(shop.address,
                       client_context(authority, maximum=ssl.TLSVersion.TLSv1_2)) as client:
        assert client.socket.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    context = client_context(authority, maximum=ssl.TLSVersion.TLSv1_2,
                             ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError):
        TlsConnection(shop.address, context)


def test_tls_min_refuses_older_versions(server, authority, pair):
    shop = server(*pair.flags, "--tls-min", "1.3", app="httpbin")
    assert fetch(shop.address, client_context(authority)).status == 200
    with pytest.raises(ssl.SSLError, match="(?i)version"):
        TlsConnection(shop.address, client_context(authority, maximum=ssl.TLSVersion.TLSv1_2))


# ---- what is refused -------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_of_tls_are_refused(shop, version):
    said = s_client(shop.address, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said and "alert protocol version" in said, said


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_python_cannot_speak_old_versions_of_tls_either(shop, authority, version):
    context = client_context(authority, ciphers="ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="(?i)version"):
        TlsConnection(shop.address, context)


@pytest.mark.parametrize("ciphers", [
    "aRSA+kRSA", "AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "aNULL",
    "eNULL", "ARIA", "CAMELLIA", "ECDHE-ECDSA-AES128-CCM8", "DHE"])
def test_weak_suites_are_refused(shop, authority, ciphers):
    context = client_context(authority, maximum=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)handshake.failure|alert"):
        TlsConnection(shop.address, context)
    said = s_client(shop.address, "-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said, said


def test_there_is_no_compression_and_no_renegotiation(shop):
    said = s_client(shop.address, "-tls1_2", "-comp", data=b"R\n")
    assert "Compression: NONE" in said and "Secure Renegotiation IS supported" in said, said
    # The handshake that the client begins within the connection is the end of it.
    assert "Cipher is ECDHE" in said and said.count("RENEGOTIATING") == 1, said
    assert "error" in said.partition("RENEGOTIATING")[2], said


def test_http_in_the_clear_is_told_where_it_is(shop):
    with RawConnection(shop.address) as client:
        answer = client.ask(GET)
        assert answer.status == 400 and answer.closes
        assert b"HTTPS" in answer.body
        assert client.read_to_end() == b""


def test_tls_on_a_port_in_the_clear_is_a_malformed_request(server, authority):
    shop = server(app="httpbin")
    with pytest.raises(ssl.SSLError):
        TlsConnection(shop.address, client_context(authority))
    shop.wait_for_log("refused with 400: It begins as TLS does, and this port speaks HTTP without")
    assert shop.get("/get").status == 200


# ---- attacks ---------------------------------------------------------------------------------

def client_hello(authority):
    """The bytes with which a client begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def ends(client):
    """The server ends the connection, after an alert or not."""
    try:
        return client.read_to_end() is not None
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("garbage", [
    b"\x16", b"\x16\x03\x01\xff\xff" + bytes(70_000), b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    b"\x80\x2e\x01\x03\x01" + bytes(60), b"\x17\x03\x03\x00\x10" + bytes(16), bytes(1000),
    b"\x15\x03\x03\x00\x02\x02\x28", b"\x14\x03\x03\x00\x01\x01" * 1000,
    b"\x16\x03\x03\x00\x00" * 1000, os.urandom(5000).lstrip(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")],
    ids=["part", "oversized", "cut-hello", "sslv2", "data", "zeros", "alert", "ccs", "empty",
         "random"])
def test_garbage_in_the_place_of_a_handshake_ends_the_connection(shop, authority, garbage):
    with RawConnection(shop.address) as client:
        with contextlib.suppress(ConnectionError):
            client.send(garbage)
            client.send_end()
        assert ends(client)
    assert fetch(shop.address, client_context(authority)).status == 200


def test_a_handshake_may_be_cut_off_at_any_byte(shop, authority):
    hello = client_hello(authority)
    for length in range(1, len(hello), 7):
        with RawConnection(shop.address) as client:
            client.send(hello[:length])
    with RawConnection(shop.address) as client:
        client.send(hello)
        client.read_exactly(100)
    assert fetch(shop.address, client_context(authority)).status == 200
    shop.wait_until_no_connection()


def test_every_byte_of_a_hello_may_be_wrong(shop, authority):
    hello = bytearray(client_hello(authority))
    for position in range(0, len(hello), 3):
        mutated = bytearray(hello)
        mutated[position] ^= 0xff
        if chr(mutated[0]) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            continue
        with RawConnection(shop.address) as client:
            client.send(bytes(mutated))
            client.send_end()
    assert fetch(shop.address, client_context(authority)).status == 200
    shop.wait_until_no_connection()


def test_a_handshake_may_come_byte_by_byte(shop, authority):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawConnection(shop.address) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send_slowly():
            for byte in outgoing.read():
                client.send(bytes([byte]))

        def step(action):
            while True:
                try:
                    result = action()
                    send_slowly()
                    return result
                except ssl.SSLWantReadError:
                    send_slowly()
                    incoming.write(client.socket.recv(65536))
        step(tls.do_handshake)
        tls.write(GET)
        assert step(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200")


def test_a_handshake_has_its_time(server, authority, pair):
    shop = server(*pair.flags, "--tls-handshake-timeout", "300ms", app="httpbin")
    hello = client_hello(authority)
    for sent in (b"", hello[:5], hello[:100], hello):
        with RawConnection(shop.address) as client:
            client.send(sent)
            assert ends(client)
    # Dribbling does not win more of it.
    with RawConnection(shop.address) as client:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in hello[:-1]:
                client.send(bytes([byte]))
                time.sleep(0.01)
                if time.monotonic() - began > DEADLINE_S:
                    pytest.fail("a dribbling client is never given up")
        assert ends(client)
    assert fetch(shop.address, client_context(authority)).status == 200


def test_half_handshakes_do_not_keep_others_out(server, authority, pair):
    shop = server(*pair.flags, "--tls-handshakes", "8", app="httpbin")
    hello = client_hello(authority)
    with contextlib.ExitStack() as stack:
        stuck = [stack.enter_context(RawConnection(shop.address)) for _ in range(40)]
        for client in stuck:
            client.send(hello[:50])
        for _ in range(5):
            assert fetch(shop.address, client_context(authority)).status == 200
        # The oldest of them had to go.
        assert ends(stuck[0])


def test_thousands_of_half_handshakes_are_bounded(shop, authority, many_descriptors):
    hello, context = client_hello(authority), client_context(authority)
    handshakes_max, each_max = 1024, 80 * 1024  # --tls-handshakes; of the system's library
    worker, = shop.wait_until_ready()
    with contextlib.ExitStack() as stack, TlsConnection(shop.address, context) as normal:
        before = private_bytes(worker)
        for number in range(2000):
            # Half of them stop amidst their first message, half when it is answered.
            client = stack.enter_context(RawConnection(shop.address))
            client.send(hello[:50] if number % 2 else hello)
            if number % 100 == 99:
                assert normal.ask(GET).status == 200
                assert fetch(shop.address, context).status == 200
        shop.wait_until(lambda: shop.open_connections() <= handshakes_max + 1, "the oldest to go")
        assert private_bytes(worker) - before < handshakes_max * each_max


def test_killed_clients_leave_nothing_behind(shop, authority):
    script = ("import socket,ssl,sys,time\n"
              "c=ssl._create_unverified_context()\n"
              "s=[c.wrap_socket(socket.create_connection(('127.0.0.1',int(sys.argv[1]))))"
              " for _ in range(5)]\n"
              "for each in s: each.sendall(b'GET /get HTTP/1.1\\r\\nHost: x\\r\\n')\n"
              "print('ready',flush=True)\ntime.sleep(600)\n")
    client = subprocess.Popen(["/usr/bin/python3", "-c", script, str(shop.address[1])],
                              stdout=subprocess.PIPE)
    try:
        assert client.stdout.readline() == b"ready\n"
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()
    shop.wait_until_no_connection()
    assert fetch(shop.address, client_context(authority)).status == 200


def test_a_record_that_was_tampered_with_ends_the_connection(shop, authority):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawConnection(shop.address) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(outgoing.read())
                incoming.write(client.socket.recv(65536))
        tls.write(GET)
        sent = bytearray(outgoing.read())
        sent[-1] ^= 1
        client.send(bytes(sent))
        assert b"HTTP/1.1" not in client.read_to_end()
    assert fetch(shop.address, client_context(authority)).status == 200


@pytest.mark.parametrize("size", [16_641, 0xffff])
def test_an_oversized_record_ends_the_connection(shop, authority, size):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawConnection(shop.address) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(outgoing.read())
                incoming.write(client.socket.recv(65536))
        with contextlib.suppress(ConnectionError):
            client.send(outgoing.read() + struct.pack(">BHH", 23, 0x0303, size) + bytes(size))
        assert ends(client)
    assert fetch(shop.address, client_context(authority)).status == 200


def test_key_updates_are_answered_and_do_no_harm(shop, authority):
    host, port = shop.address
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_3"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    killer = threading.Timer(DEADLINE_S, client.kill)
    killer.start()

    def say(data, until):
        client.stdin.write(data)
        client.stdin.flush()
        for line in client.stdout:
            if until in line:
                return
        pytest.fail(f"the connection ended before {until}")
    try:
        # A line with K alone makes the client change keys, and ask the server to do so, too.
        for _ in range(20):
            say(b"K\n", b"KEYUPDATE")
            say(GET, b"HTTP/1.1 200")
    finally:
        killer.cancel()
        client.kill()
        client.communicate()
    assert fetch(shop.address, client_context(authority)).status == 200
