# SPDX-License-Identifier: MIT
"""Clients of TLS: raw connections within Python's ssl (OpenSSL), and the openssl program."""
import ssl
import subprocess

from raw_client import DEADLINE_S, RawConnection, request


def client_context(authority, minimum=None, maximum=None, ciphers=None, client=None, alpn=None):
    """What a client trusts, asks for and shows."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    if ciphers:
        context.set_ciphers(ciphers)
    if client:
        context.load_cert_chain(client.certificate, client.key)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class TlsConnection(RawConnection):
    """A raw connection within TLS; `name` is the server's that is asked for."""

    def __init__(self, address, context, name="localhost", session=None, **options):
        super().__init__(address, **options)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session)
        except BaseException:
            self.socket.close()
            raise


def fetch(address, context, target="/get", name="localhost", **options):
    """The answer to one request on a connection of its own."""
    with TlsConnection(address, context, name, **options) as client:
        return client.ask(request(target, fields=[("Connection", "close")]))


def s_client(address, *arguments, data=b""):
    """What `openssl s_client` says."""
    host, port = address
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", *arguments],
                          input=data, capture_output=True, timeout=DEADLINE_S)
    return (done.stdout + done.stderr).decode(errors="replace")
