"""Making and reading certificates, apart from everything else, because of what it takes: 10 MB of memory.

It is imported when a certificate is made or looked into, which a region that is started again need not do.
Everything comes and goes as PEM.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says."""

    names: frozenset[str]
    """Its DNS names."""
    valid_from: datetime.datetime
    valid_till: datetime.datetime
    thumbprint: str
    """SHA-1, in hexadecimal, lower case."""


def make_ca(
    name: str,
    domains: Sequence[str],
    network: ipaddress.IPv4Network,
    life: datetime.timedelta,
    now: datetime.datetime,
) -> Pair:
    """A certificate authority that may sign for `domains` and the addresses of `network` only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Aurora Lab"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    allowed = [*map(x509.DNSName, domains), x509.IPAddress(network)]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(key.public_key(), subject, subject, life, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_server(
    ca: Pair,
    names: Sequence[str],
    life: datetime.timedelta,
    now: datetime.datetime,
    *,
    addresses: Sequence[_Address] = (),
    quick: bool = False,
) -> Pair:
    """A server certificate signed by the CA. `quick`: with a key that takes well under a millisecond to make.

    Raises ValueError for a name that no certificate can hold.
    """
    authority, ca_key = x509.load_pem_x509_certificate(ca.certificate), _rsa_key(ca.key)
    key: _PrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if quick
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    alternative = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Aurora Lab")])
    certificate = (
        _builder(key.public_key(), subject, authority.subject, life, now)
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
    return _pair(certificate, key)


def facts(pair: Pair, ca: bytes) -> Facts:
    """What a certificate says. Raises ValueError where it is none, its key is another's, or not this CA signed it."""
    try:
        found = x509.load_pem_x509_certificate(pair.certificate)
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
        same = _rsa_key(pair.key).public_key() == found.public_key()
    except (TypeError, InvalidSignature) as error:
        raise ValueError(f"no certificate of this authority: {error}") from error
    if not same:
        raise ValueError("certificate and key do not belong together")
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = frozenset(alternative.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = frozenset()
    thumbprint = found.fingerprint(hashes.SHA1()).hex()
    return Facts(names, found.not_valid_before_utc, found.not_valid_after_utc, thumbprint)


def _builder(
    key: _PublicKey, subject: x509.Name, issuer: x509.Name, life: datetime.timedelta, now: datetime.datetime
) -> x509.CertificateBuilder:
    # A day back: a container's or a guest's clock may be behind.
    begin = now - datetime.timedelta(days=1)
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


def _rsa_key(pem: bytes) -> rsa.RSAPrivateKey:
    # The full check takes 50 ms, longer than a client that is refused should wait, and the file is our own.
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def _pair(certificate: x509.Certificate, key: _PrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
