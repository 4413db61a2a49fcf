# SPDX-License-Identifier: MIT
"""Behind proxies: PROXY headers, X-Forwarded-* and Forwarded, as a proxy would send them."""
import json
import socket
import struct

import pytest

from raw_client import ConnectionEnded, RawConnection, request

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = request("/get")
# Not in the lists of trusted peers, which have 127.0.0.1.
STRANGER = "127.0.0.2"


def v2(command=0x21, family=0x11, block=None):
    if block is None:
        block = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1")
        block += struct.pack(">HH", 56192, 443)
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(block)) + block


def seen(answer):
    """What the application saw: the client's address and the URL."""
    assert answer.status == 200, answer
    report = json.loads(answer.body)
    return report["origin"], report["url"]


def ask(address, fields=(), header=b"", source=None):
    with RawConnection(address, source=source) as client:
        return seen(client.ask(header + request("/get", fields=fields)))


def is_refused(address, data):
    """The connection ends without an answer."""
    with RawConnection(address) as client:
        client.send(data)
        try:
            return client.read_to_end() == b""
        except ConnectionResetError:
            return True


# ---- PROXY headers ---------------------------------------------------------------------------

@pytest.mark.parametrize("mode, header", [
    ("v1", V1), ("v2", v2()), ("auto", V1), ("auto", v2()),
    ("auto", v2(block=v2()[16:] + b"\x04\x00\x03abc")),
], ids=["v1", "v2", "auto-v1", "auto-v2", "extension"])
def test_the_proxy_header_names_the_client_of_every_request(server, mode, header):
    shop = server("--proxy-protocol", mode, "--access-logfile", "-", app="httpbin")
    with RawConnection(shop.address) as client:
        client.send(header + GET + GET)
        assert seen(client.read_answer()) == ("192.0.2.7", "http://test.example/get")
        assert seen(client.read_answer()) == ("192.0.2.7", "http://test.example/get")
        assert seen(client.ask(GET)) == ("192.0.2.7", "http://test.example/get")
    shop.wait_for_log('192.0.2.7 - - [', times=3)


def test_the_proxy_header_may_be_of_ipv6(server):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    v1 = b"PROXY TCP6 2001:DB8::7 2001:db8::1 56192 443\r\n"
    assert ask(shop.address, header=v1)[0] == "2001:db8::7"
    block = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack(">HH", 1, 2)
    assert ask(shop.address, header=v2(family=0x21, block=block))[0] == "2001:db8::7"


@pytest.mark.parametrize("header", [V1, v2()], ids=["v1", "v2"])
def test_the_proxy_header_may_come_byte_by_byte(server, header):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    with RawConnection(shop.address) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header + GET:
            client.send(bytes([byte]))
        assert seen(client.read_answer())[0] == "192.0.2.7"


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", v2(command=0x20, family=0, block=b""), v2(family=0, block=b""),
    v2(family=0x31, block=bytes(216)),
], ids=["unknown", "local", "unspecified", "unix"])
def test_a_proxy_that_names_nobody_is_the_peer_itself(server, header):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    assert ask(shop.address, header=header)[0] == "127.0.0.1"


@pytest.mark.parametrize("mode, data, reason", [
    ("auto", GET, "it does not begin with a PROXY header"),
    ("v1", v2() + GET, "it does not begin with a PROXY header"),
    ("v2", V1 + GET, "it does not begin with a PROXY header"),
    ("auto", b"PROXY TCP4 192.0.2.7 198.51.100.1 1 99999\r\n" + GET, "does not end in two ports"),
    ("auto", v2(command=0x31) + GET, "unknown version"),
    ("auto", SIGNATURE + b"\x21\x11\xff\xff", "longer than 4096 bytes"),
    ("auto", b"PROXY UNKNOWN " + 200 * b"x", "longer than 107 bytes"),
], ids=["none", "not-v1", "not-v2", "ports", "version", "v2-length", "v1-length"])
def test_a_listed_proxy_without_a_proper_header_is_refused(server, mode, data, reason):
    shop = server("--proxy-protocol", mode, app="httpbin")
    assert is_refused(shop.address, data)
    shop.wait_for_log("refused a connection from 127.0.0.1: ")
    shop.wait_for_log(reason)
    assert ask(shop.address, header=V1 if mode != "v2" else v2())[0] == "192.0.2.7"


@pytest.mark.parametrize("sent", [b"", V1[:20]], ids=["nothing", "part"])
def test_a_proxy_header_has_the_time_of_a_request_head(server, sent):
    shop = server("--proxy-protocol", "auto", "--request-head-timeout", "200ms", app="httpbin")
    with RawConnection(shop.address) as client:
        client.send(sent)
        assert client.read_to_end() == b""
    shop.wait_for_log("its PROXY header did not come in time")


def test_probes_that_say_nothing_leave_no_trace(server):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    for _ in range(10):
        with RawConnection(shop.address) as client:
            client.send_end()
            assert client.read_to_end() == b""
    assert ask(shop.address, header=V1)[0] == "192.0.2.7"
    assert "refused" not in shop.log


def test_others_than_the_listed_proxies_speak_plainly(server):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    assert ask(shop.address, source=STRANGER)[0] == STRANGER
    for header in (V1, v2()):
        with RawConnection(shop.address, source=STRANGER) as client:
            assert client.ask(header + GET).status == 400


def test_the_list_of_proxies_is_a_setting(server):
    shop = server("--proxy-protocol", "auto", "--proxy-allow-from", "127.0.0.2/31", app="httpbin")
    assert ask(shop.address, header=V1, source=STRANGER)[0] == "192.0.2.7"
    assert ask(shop.address)[0] == "127.0.0.1"
    everybody = server("--proxy-protocol", "auto", "--proxy-allow-from", "*", app="httpbin")
    assert ask(everybody.address, header=V1, source=STRANGER)[0] == "192.0.2.7"


def test_without_proxy_protocol_the_header_is_a_bad_request(server):
    shop = server(app="httpbin")
    with RawConnection(shop.address) as client:
        assert client.ask(V1 + GET).status == 400


def test_a_proxy_on_a_unix_socket_is_always_listed(server, tmp_path):
    path = str(tmp_path / "shop.sock")
    shop = server("--bind", f"unix:{path}", "--proxy-protocol", "auto", "--proxy-allow-from", "",
                  app="httpbin")
    assert ask(path, header=V1)[0] == "192.0.2.7"
    assert is_refused(path, GET)
    shop.wait_for_log("refused a connection from a unix socket: ")


# ---- forwarding fields -----------------------------------------------------------------------

FORWARDED = [("X-Forwarded-For", "198.51.100.9, 192.0.2.7"), ("X-Forwarded-Proto", "https"),
             ("X-Forwarded-Host", "shop.example:8443")]


def test_forwarding_fields_of_a_trusted_proxy_are_believed(server):
    shop = server("--access-logfile", "-", app="httpbin")
    assert ask(shop.address, FORWARDED) == ("192.0.2.7", "https://shop.example:8443/get")
    shop.wait_for_log('192.0.2.7 - - [')


def test_forwarding_fields_of_strangers_are_ignored(server):
    shop = server("--access-logfile", "-", app="httpbin")
    plain = (STRANGER, "http://test.example/get")
    assert ask(shop.address, FORWARDED, source=STRANGER) == plain
    rfc = [("Forwarded", "for=192.0.2.7;proto=https;host=shop.example")]
    assert ask(shop.address, rfc, source=STRANGER) == plain
    shop.wait_for_log(f'{STRANGER} - - [', times=2)
    assert "192.0.2.7" not in shop.log


def test_each_request_of_a_connection_has_its_own_client(server):
    shop = server(app="httpbin")
    with RawConnection(shop.address) as proxy:
        for address in ("192.0.2.7", "2001:db8::7", "198.51.100.9"):
            answer = proxy.ask(request("/get", fields=[("X-Forwarded-For", address)]))
            assert seen(answer)[0] == address
        assert seen(proxy.ask(GET)) == ("127.0.0.1", "http://test.example/get")


@pytest.mark.parametrize("fields, expected", [
    ([("Forwarded", 'for="[2001:db8::7]:4711";proto=https;host="shop.example"')],
     ("2001:db8::7", "https://shop.example/get")),
    ([("Forwarded", 'for=192.0.2.7, for="127.0.0.1:80";proto=https')],
     ("192.0.2.7", "https://test.example/get")),
    ([("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "127.0.0.1, ::1")],
     ("192.0.2.7", "http://test.example/get")),
    ([("X-Forwarded-For", "192.0.2.7, unknown")], ("127.0.0.1", "http://test.example/get")),
    ([("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "a/b")],
     ("127.0.0.1", "http://test.example/get")),
    ([("Forwarded", "for=198.51.100.9;proto=https"), ("X-Forwarded-For", "192.0.2.7")],
     ("192.0.2.7", "http://test.example/get")),
], ids=["forwarded", "chain", "lines", "unknown", "nonsense", "both"])
def test_forwarding_fields_are_read_from_the_right(server, fields, expected):
    shop = server(app="httpbin")
    assert ask(shop.address, fields) == expected


def test_the_trusted_proxies_are_a_setting(server):
    shop = server("--forwarded-allow-ips", "127.0.0.2,192.0.2.0/24", app="httpbin")
    assert ask(shop.address, FORWARDED)[0] == "127.0.0.1"
    assert ask(shop.address, FORWARDED, source=STRANGER)[0] == "198.51.100.9"
    by_variable = server(app="httpbin", environment={"FORWARDED_ALLOW_IPS": "*"})
    assert ask(by_variable.address, FORWARDED, source=STRANGER)[0] == "198.51.100.9"


def test_a_proxy_on_a_unix_socket_is_always_trusted(server, tmp_path):
    path = str(tmp_path / "shop.sock")
    server("--bind", f"unix:{path}", "--forwarded-allow-ips", "", app="httpbin")
    assert ask(path, FORWARDED) == ("192.0.2.7", "https://shop.example:8443/get")


def test_fields_through_a_tcp_proxy_are_those_of_its_client(server):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    assert ask(shop.address, FORWARDED, header=V1) == ("192.0.2.7", "http://test.example/get")
    edge = server("--proxy-protocol", "auto", "--forwarded-allow-ips", "192.0.2.7", app="httpbin")
    assert ask(edge.address, [("X-Forwarded-For", "203.0.113.5")], header=V1)[0] == "203.0.113.5"


# ---- the settings ----------------------------------------------------------------------------

@pytest.mark.parametrize("arguments, sentence", [
    (["--proxy-protocol", "v3"], '"v3" is not one of off, v1, v2 or auto'),
    (["--proxy-allow-from", "10.1.2.3/8"],
     '"10.1.2.3/8" has bits set after the first 8 (the network is 10.0.0.0/8)'),
    (["--forwarded-allow-ips", "localhost"],
     '"localhost" is not an IP address, a network such as 10.0.0.0/8, or *'),
])
def test_a_bad_setting_is_named(server, arguments, sentence):
    refused = server(*arguments, wait=False)
    assert refused.wait() == 2
    assert refused.log == f"uringcorn: {arguments[0]}: {sentence}\n"


def test_a_connection_that_is_cut_in_its_header_harms_nobody(server):
    shop = server("--proxy-protocol", "auto", app="httpbin")
    for length in range(1, len(V1)):
        with RawConnection(shop.address) as client:
            client.send(V1[:length])
    with RawConnection(shop.address) as client:
        client.send(V1 + b"GET /get HTTP/1.1\r\n")
        client.send_end()
        try:
            client.read_answer()
        except (ConnectionEnded, ConnectionResetError):
            pass
    assert ask(shop.address, header=V1)[0] == "192.0.2.7"
    shop.wait_for_log("it ended within its PROXY header")
