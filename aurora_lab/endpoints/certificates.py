"""The region's certificate authority: what clients verify the endpoints against, as with AWS's bundle.

One server certificate serves every instance, because its names are wildcards: one label for the name, then
the region's own labels (FACTS 3.5). It is also the router's, for the refusals. For a name that the wildcards
do not cover (a typing error, an endpoint copied from a tutorial) the authority signs a certificate on the
spot, so that the client gets to read that the name is unknown.

The CA may sign for `rds.amazonaws.com` and this machine only (name constraints), so that a client that
trusts it, trusts it for nothing else.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aurora_lab.endpoints.names import DOMAIN, normal
from aurora_lab.endpoints.refusal import refusal_context

CA_IDENTIFIER = "rds-ca-rsa2048-g1"
"""The default certificate authority's name in the API (FACTS 3.23)."""

CA_LIFE = datetime.timedelta(days=40 * 365)
SERVER_LIFE = datetime.timedelta(days=3 * 365)
"""How long a server certificate lives where it is not rotated without a restart (FACTS 3.25)."""
RENEW_BEFORE = datetime.timedelta(days=90)
"""A certificate that ends sooner than this is made anew when the region starts."""

LABEL_PREFIXES = ("", "cluster-", "cluster-ro-", "cluster-custom-", "proxy-")
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
ROUTER_ADDRESSES = tuple(LOOPBACK[number] for number in range(1, 33))
"""Where a region's router may listen. A client that names an address is refused, and gets to read why."""

_CONTEXTS_KEPT = 32

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """What the API says of the certificate authority (DescribeCertificates)."""

    identifier: str
    thumbprint: str
    """SHA-1 of the certificate, in hexadecimal, lower case."""
    valid_from: datetime.datetime
    valid_till: datetime.datetime


class Authority:
    """The certificate files of a region in `folder`.

    `dns_id` and `region` are the labels in its endpoints' names. `now` gives the time in UTC.
    """

    def __init__(
        self,
        folder: Path,
        dns_id: str,
        region: str,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.folder = folder
        self.dns_id = dns_id
        self.region = region
        self._now = now
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def ca_file(self) -> Path:
        """The CA certificate: what AWS calls the global bundle (FACTS 3.24)."""
        return self.folder / "global-bundle.pem"

    @property
    def certificate(self) -> Path:
        """The server certificate of every instance."""
        return self.folder / "server.crt"

    @property
    def key(self) -> Path:
        """The server certificate's private key."""
        return self.folder / "server.key"

    @property
    def ca_key(self) -> Path:
        """The CA's private key."""
        return self.folder / "ca.key"

    def names(self) -> tuple[str, ...]:
        """The DNS names in the server certificate."""
        return tuple(f"*.{prefix}{self.dns_id}.{self.region}.{DOMAIN}" for prefix in LABEL_PREFIXES)

    def ensure(self) -> bool:
        """Make what is missing, about to end, or made for other names; return whether anything was made.

        Each file appears whole, by rename, and a certificate after its key: after a `kill -9` at any point
        the next call completes the set. Where the CA stays, clients that have its file go on working.
        Raises OSError where the folder cannot be written.
        """
        with self._lock:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            new_ca = not self._usable(self.ca_file, self.ca_key, frozenset())
            if new_ca:
                self._make_ca()
            new_server = new_ca or not self._usable(self.certificate, self.key, frozenset(self.names()))
            if new_server:
                self._make_server()
                self._contexts.clear()
            return new_server

    def describe(self) -> CaCertificate:
        """The certificate authority as the API shows it. `ensure` must have run."""
        ca = _read_certificate(self.ca_file)
        return CaCertificate(
            CA_IDENTIFIER,
            ca.fingerprint(hashes.SHA1()).hex(),
            ca.not_valid_before_utc,
            ca.not_valid_after_utc,
        )

    def context_for(self, server_name: str | None) -> ssl.SSLContext:
        """A TLS context for refusing a client that asked for `server_name`, made such that it accepts that.

        None stands for a client that named no host: it may have named an address of this machine. Names that
        no certificate of this CA can cover get the servers' certificate.
        """
        name = normal(server_name or "localhost")
        known = name.partition(".")[2] in {pattern.removeprefix("*.") for pattern in self.names()}
        signable = name == "localhost" or name.endswith("." + DOMAIN)
        key = name if signable and not known else ""
        with self._lock:
            if key not in self._contexts:
                if len(self._contexts) >= _CONTEXTS_KEPT:
                    self._contexts.clear()
                self._contexts[key] = self._new_context(key)
            return self._contexts[key]

    def _new_context(self, name: str) -> ssl.SSLContext:
        if not name:
            return refusal_context(self.certificate, self.key)
        key = ec.generate_private_key(ec.SECP256R1())  # made in well under a millisecond
        addresses = ROUTER_ADDRESSES if name == "localhost" else ()
        try:
            certificate = self._sign(key, (name,), SERVER_LIFE, addresses)
        except ValueError:  # no name that a certificate can hold
            return refusal_context(self.certificate, self.key)
        # OpenSSL reads certificates from files only.
        with tempfile.TemporaryDirectory(prefix="aurora-lab-") as folder:
            crt, pem = Path(folder) / "crt", Path(folder) / "key"
            crt.write_bytes(_pem(certificate))
            pem.write_bytes(_key_pem(key))
            return refusal_context(crt, pem)

    def _usable(self, certificate: Path, key: Path, names: frozenset[str]) -> bool:
        """Whether both files are there, belong together and last a while, and `names` are in the certificate."""
        try:
            found = _read_certificate(certificate)
            private = _read_key(key)
            ca = _read_certificate(self.ca_file)
            found.verify_directly_issued_by(ca)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        if (
            private.public_key() != found.public_key()
            or found.not_valid_after_utc - self._now() < RENEW_BEFORE
        ):
            return False
        if not names:
            return True
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names <= frozenset(alternative.get_values_for_type(x509.DNSName))

    def _make_ca(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Aurora Lab"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Aurora Lab {self.region} Root CA RSA2048 G1"),
            ]
        )
        allowed = [x509.DNSName(DOMAIN), x509.DNSName("localhost"), x509.IPAddress(LOOPBACK)]
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            self._builder(key.public_key(), name, name, CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.NameConstraints(allowed, None), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.ca_key, _key_pem(key), 0o600)
        _write(self.ca_file, _pem(certificate), 0o644)

    def _make_server(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = self._sign(key, self.names(), SERVER_LIFE)
        _write(self.key, _key_pem(key), 0o600)
        _write(self.certificate, _pem(certificate), 0o644)

    def _sign(
        self,
        key: _PrivateKey,
        names: tuple[str, ...],
        life: datetime.timedelta,
        addresses: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...] = (),
    ) -> x509.Certificate:
        """A server certificate for `names` and `addresses`, signed by the CA."""
        ca = _read_certificate(self.ca_file)
        ca_key = _read_key(self.ca_key)
        alternative = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Aurora Lab")])
        return (
            self._builder(key.public_key(), subject, ca.subject, life)
            .add_extension(x509.SubjectAlternativeName(alternative), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )

    def _builder(
        self,
        key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
        subject: x509.Name,
        issuer: x509.Name,
        life: datetime.timedelta,
    ) -> x509.CertificateBuilder:
        # A day back: a container's or a guest's clock may be behind.
        begin = self._now() - datetime.timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + life)
        )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _read_key(path: Path) -> rsa.RSAPrivateKey:
    # The full check takes 50 ms, longer than a client that is refused should wait, and the file is our own.
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} holds no RSA key")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file by rename, from the first moment with no more rights than `mode`.

    Not synced to disk: what a power cut leaves damaged, `ensure` makes again.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
