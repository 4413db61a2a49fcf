# SPDX-License-Identifier: MIT
"""Certificates for tests, made by the openssl program: an authority, and what it issues."""

import pathlib
import subprocess

KEYS = {"p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "rsa": ["rsa:2048"], "ed25519": ["ed25519"]}


def openssl(*arguments, check=True, **options):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=check,
                          timeout=120, **options)


class Pair:
    """A certificate and its key: the names of their files."""

    def __init__(self, certificate, key):
        self.certificate = pathlib.Path(certificate)
        self.key = pathlib.Path(key)

    @property
    def flags(self):
        """What `serve` is told."""
        return "--certfile", str(self.certificate), "--keyfile", str(self.key)

    @property
    def der(self):
        return openssl("x509", "-in", self.certificate, "-outform", "der").stdout

    def fingerprint(self):
        import hashlib
        return hashlib.sha256(self.der).hexdigest()


class Authority:
    """Issues certificates into `folder`; its own is `certificate`."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = 0
        self.name = name
        self.certificate = self.folder / "authority.pem"
        self.key = self.folder / "authority.key"
        openssl("req", "-x509", "-newkey", *KEYS["p256"], "-noenc", "-keyout", self.key, "-out",
                self.certificate, "-days", "30", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")

    def issue(self, subject="/CN=localhost", names="DNS:localhost,IP:127.0.0.1", key="p256",
              days=20, usage="serverAuth", extensions=()):
        """A new pair. `days` may be negative: expired since so long."""
        self.count += 1
        stem = self.folder / f"issued-{self.count}"
        pair = Pair(f"{stem}.pem", f"{stem}.key")
        request = f"{stem}.csr"
        openssl("req", "-newkey", *KEYS[key], "-noenc", "-keyout", pair.key, "-out", request,
                "-subj", subject)
        extension_file = pathlib.Path(f"{stem}.ext")
        lines = [f"extendedKeyUsage={usage}", *extensions]
        if names:
            lines.append(f"subjectAltName={names}")
        extension_file.write_text("\n".join(lines) + "\n")
        if days > 0:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                    "-CAcreateserial", "-out", pair.certificate, "-days", days, "-extfile",
                    extension_file)
        else:
            self._issue_expired(request, pair, extension_file)
        return pair

    def _issue_expired(self, request, pair, extension_file):
        database = self.folder / "database"
        database.mkdir(exist_ok=True)
        (database / "index.txt").touch()
        configuration = self.folder / "ca.conf"
        configuration.write_text(
            "[ca]\ndefault_ca=own\n[own]\n"
            f"dir={database}\ndatabase={database}/index.txt\nnew_certs_dir={database}\n"
            f"certificate={self.certificate}\nprivate_key={self.key}\nrand_serial=yes\n"
            "default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", configuration, "-in", request, "-out",
                pair.certificate, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
                "-extfile", extension_file)

    def ocsp_response(self, pair, is_revoked=False):
        """A DER file that says that the pair's certificate is good, or revoked."""
        serial = openssl("x509", "-in", pair.certificate, "-noout", "-serial").stdout.decode()
        serial = serial.strip().partition("=")[2]
        end = "301231235959Z"
        index = self.folder / f"index-{self.count}.txt"
        state = f"R\t{end}\t200101000000Z" if is_revoked else f"V\t{end}\t"
        index.write_text(f"{state}\t{serial}\tunknown\t/CN=any\n")
        request = self.folder / f"ocsp-{self.count}.req"
        response = self.folder / f"ocsp-{self.count}.der"
        openssl("ocsp", "-issuer", self.certificate, "-cert", pair.certificate, "-reqout", request)
        openssl("ocsp", "-index", index, "-CA", self.certificate, "-rsigner", self.certificate,
                "-rkey", self.key, "-reqin", request, "-respout", response, "-ndays", "7")
        return response
