# SPDX-License-Identifier: MIT
"""Certificates of servers and of clients, tickets, and what becomes of them in a running server."""
import contextlib
import json
import os
import re
import shutil
import signal
import ssl

import pytest

from certificates import Authority, Pair, openssl
from processes import children
from raw_client import RawConnection, request
from tls_client import TlsConnection, client_context, fetch, s_client

GET = request("/get")
WORKER = request("/worker")


def shown(address, authority, name):
    """The DNS names of the certificate that a client gets who asks for `name`."""
    context = client_context(authority)
    context.check_hostname = False
    with TlsConnection(address, context, name) as client:
        found = client.socket.getpeercert()
        return [value for kind, value in found["subjectAltName"] if kind == "DNS"]


# ---- several certificates --------------------------------------------------------------------

def test_clients_get_the_certificate_for_the_name_they_ask_for(server, authority):
    pairs = [authority.issue(names=names) for names in (
        "DNS:default.example", "DNS:*.shop.example", "DNS:one.shop.example,DNS:other.example")]
    shop = server(*(flag for pair in pairs for flag in pair.flags), app="httpbin")
    for asked, expected in {
            "default.example": "default.example", "unknown.example": "default.example",
            None: "default.example", "a.shop.example": "*.shop.example",
            "A.SHOP.example": "*.shop.example", "a.shop.example.": "*.shop.example",
            "one.shop.example": "one.shop.example",
            "other.example": "one.shop.example", "a.b.shop.example": "default.example",
            "shop.example": "default.example"}.items():
        assert shown(shop.address, authority, asked)[0] == expected, asked


def test_a_listener_may_have_certificates_of_its_own(server, authority, pair, tmp_path):
    other = authority.issue(names="DNS:other.example")
    (tmp_path / "uringcorn.toml").write_text(
        f'certfile = "{pair.certificate}"\nkeyfile = "{pair.key}"\n'
        'bind = ["127.0.0.1:0", "http://127.0.0.2:0"]\n'
        f'[[listener]]\nbind = "https://127.0.0.3:0"\ncertfile = "{other.certificate}"\n'
        f'keyfile = "{other.key}"\ntls_min = "1.3"\n')
    shop = server("--config", "uringcorn.toml", app="httpbin")
    shop.wait_until(lambda: len(shop.addresses) == 3, "three listeners")
    first, clear, second = shop.addresses
    assert shown(first, authority, "localhost") == ["localhost"]
    assert shown(second, authority, "localhost") == ["other.example"]
    with pytest.raises(ssl.SSLError):
        TlsConnection(second, client_context(authority, maximum=ssl.TLSVersion.TLSv1_2))
    with RawConnection(clear) as client:
        assert json.loads(client.ask(GET).body)["url"].startswith("http://")


@pytest.mark.parametrize("bind, speaks_tls", [
    ("127.0.0.1:0", True), ("http://127.0.0.1:0", False), ("https://127.0.0.1:0", True)])
def test_a_scheme_in_front_of_the_address_decides(server, authority, pair, bind, speaks_tls):
    shop = server(*pair.flags, "--bind", bind, app="httpbin")
    if speaks_tls:
        assert fetch(shop.address, client_context(authority)).status == 200
        shop.wait_for_log("Listening at: https://")
    else:
        assert shop.get("/get").status == 200
        shop.wait_for_log("Listening at: http://")


def test_a_unix_socket_may_speak_tls(server, authority, pair, tmp_path):
    path = tmp_path / "shop.sock"
    shop = server(*pair.flags, "--bind", f"https://unix:{path}", app="httpbin")
    assert fetch(shop.address, client_context(authority)).status == 200


def test_the_key_may_be_in_the_file_of_the_certificate(server, authority, pair, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    shop = server("--certfile", str(both), app="httpbin")
    assert fetch(shop.address, client_context(authority)).status == 200


# ---- what cannot be used ---------------------------------------------------------------------

@pytest.fixture
def files(authority, pair, tmp_path):
    """Files by the names under which the cases below know them."""
    def encrypted():
        openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out",
                tmp_path / "encrypted")
    encrypted()
    (tmp_path / "garbage").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty").touch()
    (tmp_path / "other").write_bytes(authority.issue().key.read_bytes())
    (tmp_path / "cert").write_bytes(pair.certificate.read_bytes())
    (tmp_path / "key").write_bytes(pair.key.read_bytes())
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("certificate, key, reasons", [
    ("missing", "key", ["missing", "No such file or directory", "--certfile"]),
    ("cert", "missing", ["missing", "No such file or directory", "--keyfile"]),
    ("folder", "key", ["folder", "not a regular file"]),
    ("garbage", "key", ["garbage", "no certificate in PEM form"]),
    ("empty", "key", ["empty", "no certificate in PEM form"]),
    ("cert", "empty", ["empty", "no private key in PEM form"]),
    ("cert", "encrypted", ["encrypted", "openssl pkey"]),
    ("cert", "other", ["other", "is not that of the certificate", "cert"]),
])
def test_what_cannot_be_used_is_a_clear_error_at_start(server, files, certificate, key, reasons):
    shop = server("--certfile", str(files / certificate), "--keyfile", str(files / key),
                  wait=False)
    assert shop.wait() == 1
    line = shop.lines("uringcorn: ")[-1]
    assert all(reason in line for reason in reasons), line


@pytest.mark.parametrize("certified, other", [
    ("p384", "p384"), ("rsa", "rsa"), ("ed25519", "ed25519"), ("p256", "p384"), ("p256", "rsa"),
    ("rsa", "p256"), ("p256", "ed25519")])
def test_a_key_of_another_certificate_is_refused(server, authority, certified, other):
    certificate, key = authority.issue(key=certified).certificate, authority.issue(key=other).key
    shop = server("--certfile", str(certificate), "--keyfile", str(key), wait=False)
    assert shop.wait() == 1
    line = shop.lines("uringcorn: ")[-1]
    assert str(key) in line and re.search("is not that of|cannot be used", line), line


def test_a_key_that_may_not_be_read_is_a_clear_error(server, files):
    if os.geteuid() != 0:
        pytest.skip("the mode stops root only when its capabilities are taken away, by root")
    (files / "key").chmod(0o000)
    shop = server("--certfile", str(files / "cert"), "--keyfile", str(files / "key"), wait=False,
                  prefix=("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"))
    assert shop.wait() == 1
    assert "Permission denied" in shop.log and "--keyfile" in shop.log


@pytest.mark.parametrize("arguments, reason", [
    (["--bind", "https://127.0.0.1:0"], "needs a certificate"),
    (["--certfile", "a", "--certfile", "b", "--keyfile", "c"], "2 certificates and 1 keys"),
    (["--certfile", "a", "--cert-reqs", "required"], "--ca-certs"),
    (["--certfile", "a", "--ciphers", "RC4-SHA"], "RC4-SHA"),
    (["--certfile", "a", "--tls-min", "1.1"], "one of 1.2 or 1.3"),
])
def test_settings_that_contradict_each_other_are_refused(server, arguments, reason):
    shop = server(*arguments, wait=False)
    assert shop.wait() == 2
    assert reason in shop.log


def test_an_expired_certificate_is_served_with_an_error_in_the_log(server, authority):
    expired = authority.issue(days=-1)
    shop = server(*expired.flags, app="httpbin")
    shop.wait_for_line(r"\[ERROR\].*expired on 2020-02-01 00:00:00 UTC")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        TlsConnection(shop.address, client_context(authority))
    context = client_context(authority)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    assert fetch(shop.address, context).status == 200


def test_one_that_is_about_to_expire_is_told_of(server, authority):
    shop = server(*authority.issue(days=3).flags)
    shop.wait_for_line(r"\[WARNING\].*expires on ")


# ---- other certificates while the server runs ------------------------------------------------

@pytest.fixture
def place(authority, tmp_path):
    """A pair that tests replace."""
    pair = Pair(tmp_path / "serving.pem", tmp_path / "serving.key")
    put(authority.issue(names="DNS:old.example"), pair)
    return pair


def put(source, pair):
    """Replaces the files as certbot does: each at once."""
    for new, old in ((source.certificate, pair.certificate), (source.key, pair.key)):
        shutil.copy(new, f"{old}.new")
        os.replace(f"{old}.new", old)


def test_new_files_are_served_without_a_signal(server, authority, place):
    shop = server(*place.flags, "--workers", "2", app="httpbin")
    workers = shop.wait_until_ready(2)
    context = client_context(authority)
    context.check_hostname = False
    with TlsConnection(shop.address, context) as old:
        put(authority.issue(names="DNS:new.example"), place)
        shop.wait_for_log("New connections get the certificates")
        shop.wait_until(
            lambda: all(shown(shop.address, authority, "x") == ["new.example"] for _ in range(6)),
            "the new certificate on each worker")
        # Whoever was there already stays.
        assert old.ask(GET).status == 200
    assert sorted(shop.workers()) == sorted(workers)


def test_files_may_change_again_and_again(server, authority, place):
    shop = server(*place.flags, app="httpbin")
    workers = shop.wait_until_ready()
    for times in (1, 2, 3):
        name = f"new-{times}.example"
        put(authority.issue(names=f"DNS:{name}"), place)
        shop.wait_until(lambda: shown(shop.address, authority, "x") == [name], name)
        shop.wait_for_log(f"certificates that are now in {place.certificate}\n", times)
    assert shop.workers() == workers


def test_bad_new_files_are_refused_and_the_old_ones_go_on(server, authority, place):
    shop = server(*place.flags, app="httpbin")
    shutil.copy(authority.issue().key, place.key)
    shop.wait_for_log("Changed certificates refused: ")
    assert shown(shop.address, authority, "x") == ["old.example"]
    put(authority.issue(days=-1), place)
    shop.wait_for_log("expired on 2020-02-01")
    assert shown(shop.address, authority, "x") == ["old.example"]
    place.key.unlink()
    shop.wait_for_log("No such file or directory")
    assert shown(shop.address, authority, "x") == ["old.example"]
    put(authority.issue(names="DNS:new.example"), place)
    shop.wait_for_log("New connections get the certificates")
    assert shown(shop.address, authority, "x") == ["new.example"]


def test_a_reload_takes_the_new_files(server, authority, place):
    shop = server(*place.flags, app="httpbin")
    shop.wait_until_ready()
    put(authority.issue(names="DNS:new.example"), place)
    shop.signal(signal.SIGHUP)
    shop.wait_for_log("Reload done: generation 2 serves")
    # The worker that leaves still takes what is in the queue.
    shop.wait_until(lambda: len(shop.workers()) == 1, "the old worker to be gone")
    assert shown(shop.address, authority, "x") == ["new.example"]


@pytest.mark.parametrize("broken", ["pair", "missing", "expired", "encrypted"])
def test_a_reload_with_bad_files_is_refused(server, authority, place, broken):
    shop = server(*place.flags, app="httpbin")
    shop.wait_until_ready()
    if broken == "pair":
        shutil.copy(authority.issue().key, place.key)
    elif broken == "missing":
        place.certificate.unlink()
    elif broken == "encrypted":
        openssl("pkey", "-in", place.key, "-aes256", "-passout", "pass:x", "-out",
                f"{place.key}.new")
        os.replace(f"{place.key}.new", place.key)
    else:
        put(authority.issue(days=-1), place)
    shop.signal(signal.SIGHUP)
    shop.wait_for_log("Reload refused: ")
    assert "generation 1 goes on" in shop.log
    assert shown(shop.address, authority, "x") == ["old.example"]


# ---- clients that prove who they are ---------------------------------------------------------

@pytest.fixture(scope="session")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"), "Clients' Authority")


@pytest.fixture(scope="session")
def alice(clients):
    return clients.issue(subject="/C=DE/O=Shop/CN=alice", usage="clientAuth",
                         names="DNS:alice.example,email:alice@example.com,"
                               "URI:spiffe://shop/alice,IP:192.0.2.7,IP:2001:db8::7")


def who(address, context):
    return json.loads(fetch(address, context, "/client-certificate").body)


@pytest.mark.parametrize("word", ["required", "2", "optional", "1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_application_sees_the_certificate_of_the_client(server, authority, pair, clients,
                                                             alice, word, version):
    shop = server(*pair.flags, "--ca-certs", str(clients.certificate), "--cert-reqs", word,
                  app="httpbin")
    context = client_context(authority, minimum=version, maximum=version, client=alice)
    serial = openssl("x509", "-in", alice.certificate, "-noout", "-serial").stdout.decode()
    expected = {
        "subject": "/C=DE/O=Shop/CN=alice", "common_name": "alice",
        "issuer": "/CN=Clients' Authority", "fingerprint": alice.fingerprint(),
        "serial": serial.strip().partition("=")[2].lower()}
    for _ in range(2):  # a session that could be resumed would not show it again
        found = who(shop.address, context)
        names = found.pop("alternative_names")
        assert sorted(names) == sorted([
            "DNS:alice.example", "email:alice@example.com", "URI:spiffe://shop/alice",
            "IP:192.0.2.7", "IP:2001:db8::7"])
        assert found == expected


def test_without_a_certificate_there_is_none(server, authority, pair, clients, alice):
    optional = server(*pair.flags, "--ca-certs", str(clients.certificate), "--cert-reqs",
                      "optional", app="httpbin")
    assert who(optional.address, client_context(authority)) == {}
    unasked = server(*pair.flags, app="httpbin")
    assert who(unasked.address, client_context(authority, client=alice)) == {}
    clear = server(app="httpbin")
    assert json.loads(clear.get("/client-certificate").body) == {}


def refuses(address, context):
    """Under TLS 1.3 a client learns only after its handshake that it was refused."""
    try:
        fetch(address, context)
    except (ssl.SSLError, ConnectionError):
        return True
    return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_required_means_required(server, authority, pair, clients, alice, version):
    shop = server(*pair.flags, "--ca-certs", str(clients.certificate), "--cert-reqs", "required",
                  app="httpbin")
    assert refuses(shop.address, client_context(authority, minimum=version, maximum=version))
    assert fetch(shop.address, client_context(authority, client=alice)).status == 200


@pytest.mark.parametrize("version, alert", [("-tls1_2", "alert number 40"),
                                            ("-tls1_3", "alert number 116")])
def test_who_shows_no_certificate_is_told(server, pair, clients, version, alert):
    shop = server(*pair.flags, "--ca-certs", str(clients.certificate), "--cert-reqs", "required",
                  app="httpbin")
    assert alert in s_client(shop.address, version, "-ign_eof")


@pytest.mark.parametrize("word", ["optional", "required"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_is_shown_has_to_be_valid(server, authority, pair, clients, word,
                                                      version):
    shop = server(*pair.flags, "--ca-certs", str(clients.certificate), "--cert-reqs", word,
                  app="httpbin")
    for wrong in (authority.issue(usage="clientAuth"), clients.issue(days=-1, usage="clientAuth")):
        context = client_context(authority, minimum=version, maximum=version, client=wrong)
        assert refuses(shop.address, context)


# ---- sessions that go on ---------------------------------------------------------------------

def resumes(address, context, session):
    """(whether the session was resumed, a session to come back with, the worker's pid)"""
    with TlsConnection(address, context, session=session) as client:
        pid = json.loads(client.ask(WORKER).body)["pid"]
        return client.socket.session_reused, client.socket.session, pid


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_on_any_worker_and_through_a_reload(server, authority, pair, version):
    shop = server(*pair.flags, "--workers", "3", app="httpbin")
    shop.wait_until_ready(3)
    context = client_context(authority, minimum=version, maximum=version)
    reused, first, _ = resumes(shop.address, context, None)
    assert not reused
    pids = set()
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            if len(pids) == 3:
                break
            # Connections that stay make the others come to other workers.
            client = stack.enter_context(TlsConnection(shop.address, context, session=first))
            assert client.socket.session_reused
            pids.add(json.loads(client.ask(WORKER).body)["pid"])
    assert len(pids) == 3
    shop.signal(signal.SIGHUP)
    shop.wait_for_log("Reload done: generation 2 serves")
    shop.wait_until(lambda: len(shop.workers()) == 3, "the old workers to be gone")
    reused, _, pid = resumes(shop.address, context, first)
    assert reused and pid not in pids


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_through_an_upgrade_and_back(server, authority, pair, version):
    shop = server(*pair.flags, app="httpbin")
    context = client_context(authority, minimum=version, maximum=version)
    _, first, _ = resumes(shop.address, context, None)

    def upgrade(times):
        shop.signal(signal.SIGUSR2)
        line = shop.wait_for_line("starting a new arbiter with pid: ", times)
        shop.wait_for_log("serving beside the old arbiter", times)
        return int(re.search(r"with pid: (\d+)", line)[1])

    new = upgrade(1)
    shop.signal(signal.SIGWINCH)
    shop.wait_until(lambda: shop.workers() == [new], "the old worker to be gone")
    reused, of_the_new, pid = resumes(shop.address, context, first)
    assert reused and pid in children(new)
    shop.signal(signal.SIGHUP)
    shop.wait_for_log("Reload done")
    os.kill(new, signal.SIGTERM)
    shop.wait_for_line("The new arbiter .* has left")
    reused, _, pid = resumes(shop.address, context, of_the_new)
    assert reused and pid in shop.workers()

    new = upgrade(2)
    shop.signal(signal.SIGTERM)
    assert shop.wait() == 0
    reused, _, pid = resumes(shop.address, context, first)
    assert reused and pid in children(new)


def test_a_ticket_comes_before_the_client_has_the_last_word(server, authority, pair,
                                                            has_own_tls_library):
    if not has_own_tls_library:
        pytest.skip("the system's wolfSSL waits for the client")
    shop = server(*pair.flags, app="httpbin")
    context = client_context(authority, minimum=ssl.TLSVersion.TLSv1_3)
    received, unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(received, unsent, server_hostname="localhost")
    with RawConnection(shop.address) as connection:
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        connection.send(unsent.read())
        is_done = False
        while not (is_done and client.session.has_ticket):
            flight = connection.socket.recv(65536)
            assert flight, "the server ended the connection"
            received.write(flight)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                is_done = True
                client.read()
    reused, _, _ = resumes(shop.address, context, client.session)
    assert reused


def name_of_the_key(address):
    """With which tickets are made now: their first 16 bytes."""
    said = s_client(address, "-tls1_2", "-servername", "localhost")
    return re.search(r"TLS session ticket:\s+0000 - (.{47})", said)[1]


def test_new_keys_of_tickets_are_made_also_after_an_upgrade(server, pair):
    shop = server(*pair.flags, "--tls-ticket-lifetime", "2s", app="httpbin")

    def wait_for_another_key():
        first = name_of_the_key(shop.address)
        shop.wait_until(lambda: name_of_the_key(shop.address) != first, "another key")
    wait_for_another_key()
    shop.signal(signal.SIGUSR2)
    shop.wait_for_log("serving beside the old arbiter")
    wait_for_another_key()
    shop.signal(signal.SIGTERM)
    assert shop.wait() == 0
    wait_for_another_key()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_keys_of_tickets_are_forgotten(server, authority, pair, version):
    shop = server(*pair.flags, "--tls-ticket-lifetime", "2s", app="httpbin")
    context = client_context(authority, minimum=version, maximum=version)
    _, first, _ = resumes(shop.address, context, None)
    assert resumes(shop.address, context, first)[0]
    shop.wait_until(lambda: not resumes(shop.address, context, first)[0], "the key to be forgotten")
    # New tickets are made with new keys.
    _, second, _ = resumes(shop.address, context, None)
    assert resumes(shop.address, context, second)[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_can_be_switched_off(server, authority, pair, version):
    shop = server(*pair.flags, "--tls-ticket-lifetime", "0", app="httpbin")
    context = client_context(authority, minimum=version, maximum=version)
    _, session, _ = resumes(shop.address, context, None)
    assert session is None or not session.has_ticket
    assert not resumes(shop.address, context, None)[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_ticket_of_another_server_means_a_full_handshake(server, authority, pair, version):
    context = client_context(authority, minimum=version, maximum=version)
    one, other = (server(*pair.flags, app="httpbin") for _ in range(2))
    _, session, _ = resumes(one.address, context, None)
    reused, _, _ = resumes(other.address, context, session)
    assert not reused


# ---- OCSP ------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_an_ocsp_response_is_stapled(server, authority, version, tmp_path, has_own_tls_library):
    pair = authority.issue()
    response = authority.ocsp_response(pair)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pair.certificate.read_bytes() + authority.certificate.read_bytes())
    shop = server("--certfile", str(chain), "--keyfile", str(pair.key), "--ocsp-file",
                  str(response), app="httpbin", wait=has_own_tls_library)
    if not has_own_tls_library:  # it leaks
        assert shop.wait() == 1
        assert "cannot be stapled with the wolfSSL of the system" in shop.log
        return
    said = s_client(shop.address, version, "-status", "-servername", "localhost", "-CAfile",
                    str(authority.certificate))
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
    assert fetch(shop.address, client_context(authority)).status == 200


@pytest.mark.parametrize("what", ["garbage", "empty", "revoked", "of another one"])
def test_an_ocsp_response_that_is_not_sent_is_told_of(server, authority, tmp_path, what,
                                                      has_own_tls_library):
    if not has_own_tls_library:
        pytest.skip("nothing is stapled then")
    pair = authority.issue()
    good = authority.ocsp_response(pair).read_bytes()
    bad = {"garbage": lambda: b"garbage", "empty": lambda: b"",
           "revoked": lambda: authority.ocsp_response(pair, is_revoked=True).read_bytes(),
           "of another one": lambda: authority.ocsp_response(authority.issue()).read_bytes(),
           }[what]()
    chain, response = tmp_path / "chain.pem", tmp_path / "response.der"
    chain.write_bytes(pair.certificate.read_bytes() + authority.certificate.read_bytes())
    response.write_bytes(bad)
    shop = server("--certfile", str(chain), "--keyfile", str(pair.key), "--ocsp-file",
                  str(response), app="httpbin")
    complaint = f"[ERROR] The OCSP response in {response} is not sent with the certificate in"
    shop.wait_for_log(complaint)
    assert shown(shop.address, authority, "localhost") == ["localhost"]
    response.write_bytes(good)
    shop.wait_for_log("New connections get the certificates that are now in")
    assert "Cert Status: good" in s_client(shop.address, "-status")
    response.write_bytes(bad)
    shop.wait_for_log(complaint, 2)
