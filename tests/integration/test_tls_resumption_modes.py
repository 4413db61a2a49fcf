# SPDX-License-Identifier: MIT
"""How a session of TLS 1.3 is resumed is up to what the client offers (RFC 8446, 4.2.9): with new
keys, or without, which would give forward secrecy away. No client at hand offers only the latter,
so that the first message is made here."""
import base64
import hashlib
import hmac
import os
import struct
import time

import pytest

from raw_client import RawConnection, request
from tls_client import s_client

PSK_KE, PSK_DHE_KE = 0, 1
KEY_SHARE, PRE_SHARED_KEY = 51, 41
HASH_BYTES = 32


def elements(der):
    """The (tag, content) pairs of DER."""
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        yield tag, der[start:start + length]
        der = der[start + length:]


class Session:
    """What a client keeps of a session, read from what `openssl s_client` writes."""

    def __init__(self, address, file):
        s_client(address, "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-ign_eof",
                 "-sess_out", str(file), data=request("/get", fields=[("Connection", "close")]))
        self.began = time.monotonic()
        lines = file.read_text().splitlines()[1:-1]
        (_, sequence), = elements(base64.b64decode("".join(lines)))
        parts = list(elements(sequence))
        optional = {tag & 0x1F: next(elements(content))[1]
                    for tag, content in parts if tag & 0xE0 == 0xA0}
        self.key, self.ticket = parts[4][1], optional[10]
        self.age_add = int.from_bytes(optional[14], "big")

    def age(self):
        passed_ms = int((time.monotonic() - self.began) * 1000)
        return (passed_ms + self.age_add) & 0xFFFFFFFF


def sized(form, content):
    return struct.pack(form, len(content)) + content


def short(content):
    return sized(">H", content)


def expand(secret, label, context):
    """One block of HKDF-Expand-Label (RFC 8446, 7.1)."""
    about = (struct.pack(">H", HASH_BYTES) + sized(">B", b"tls13 " + label) + sized(">B", context))
    return hmac.digest(secret, about + b"\1", "sha256")


def binder(key, truncated_hello):
    nothing = hashlib.sha256().digest()
    early_secret = hmac.digest(bytes(HASH_BYTES), key, "sha256")
    binder_key = expand(early_secret, b"res binder", nothing)
    return hmac.digest(expand(binder_key, b"finished", b""),
                       hashlib.sha256(truncated_hello).digest(), "sha256")


def client_hello(session, modes):
    """As a record."""
    point = os.urandom(31) + b"\0"
    binders_bytes = 2 + 1 + HASH_BYTES
    extensions = b"".join(struct.pack(">H", kind) + short(content) for kind, content in [
        (43, sized(">B", b"\x03\x04")),  # versions: TLS 1.3
        (10, short(b"\x00\x1d")),  # groups: X25519
        (13, short(b"\x04\x03")),  # signatures: ECDSA with P-256
        (KEY_SHARE, short(b"\x00\x1d" + short(point))),
        (45, sized(">B", bytes(modes)))])
    identities = short(short(session.ticket) + struct.pack(">I", session.age()))
    extensions += struct.pack(">HH", PRE_SHARED_KEY, len(identities) + binders_bytes) + identities
    body = (b"\x03\x03" + os.urandom(32) + b"\0" + short(b"\x13\x01") + b"\x01\0" +
            struct.pack(">H", len(extensions) + binders_bytes) + extensions)
    hello = b"\x01" + struct.pack(">I", len(body) + binders_bytes)[1:] + body
    hello += short(sized(">B", binder(session.key, hello)))
    return b"\x16\x03\x01" + short(hello)


def server_extensions(connection):
    """The kinds of the extensions in the server's first message."""
    kind, _, length = struct.unpack(">BHH", connection.read_exactly(5))
    hello = connection.read_exactly(length)
    assert (kind, hello[0]) == (22, 2), "not a ServerHello"
    rest = hello[4 + 2 + 32:]
    rest = rest[1 + rest[0] + 2 + 1 + 2:]
    kinds = set()
    while rest:
        kind, size = struct.unpack(">HH", rest[:4])
        kinds.add(kind)
        rest = rest[4 + size:]
    return kinds


@pytest.mark.parametrize("modes, resumes", [([PSK_DHE_KE], True), ([PSK_KE, PSK_DHE_KE], True),
                                            ([PSK_KE], False)])
def test_a_session_is_resumed_with_new_keys_or_not_at_all(server, pair, tmp_path,
                                                          has_own_tls_library, modes, resumes):
    if not has_own_tls_library:
        pytest.skip("the system's wolfSSL resumes without new keys, too")
    shop = server(*pair.flags, app="httpbin")
    session = Session(shop.address, tmp_path / "session")
    with RawConnection(shop.address) as client:
        client.send(client_hello(session, modes))
        kinds = server_extensions(client)
    assert KEY_SHARE in kinds
    assert (PRE_SHARED_KEY in kinds) == resumes
