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
import hashlib
import ipaddress
import json
import os
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
ROUTER_ADDRESSES = tuple(LOOPBACK[number] for number in range(1, 33))
"""Where a region's router may listen. A client that names an address is refused, and gets to read why."""

_CONTEXTS_KEPT = 32

if TYPE_CHECKING:
    from aurora_lab.endpoints import signing


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
            if self._checked():
                return False
            now = self._now()
            made = False
            ca_end = self._end_of(self.ca_file, self.ca_key, frozenset())
            if ca_end - now < RENEW_BEFORE:
                made, ca_end = True, self._make_ca(now)
            end = self._end_of(self.certificate, self.key, frozenset(self.names()))
            if made or end - now < RENEW_BEFORE:
                made, end = True, self._make_server(now)
                self._contexts.clear()
            self._note_checked(min(ca_end, end))
            return made

    def describe(self) -> CaCertificate:
        """The certificate authority as the API shows it. `ensure` must have run."""
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        pem = self.ca_file.read_bytes()
        found = signing.facts(signing.Pair(pem, self.ca_key.read_bytes()), pem)
        return CaCertificate(CA_IDENTIFIER, found.thumbprint, found.valid_from, found.valid_till)

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
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        addresses = ROUTER_ADDRESSES if name == "localhost" else ()
        try:
            pair = signing.make_server(
                self._ca(), (name,), SERVER_LIFE, self._now(), addresses=addresses, quick=True
            )
        except ValueError:  # no name that a certificate can hold
            return refusal_context(self.certificate, self.key)
        # OpenSSL reads certificates from files only.
        with tempfile.TemporaryDirectory(prefix="aurora-lab-") as folder:
            crt, pem = Path(folder) / "crt", Path(folder) / "key"
            crt.write_bytes(pair.certificate)
            pem.write_bytes(pair.key)
            return refusal_context(crt, pem)

    # What was found good once is known by its digest, so that a later start need not look into it.

    def _checked(self) -> bool:
        """Whether the files are those that were found good, for these names and up to now."""
        try:
            found = json.loads((self.folder / "checked.json").read_text(encoding="utf-8"))
            renew = datetime.datetime.fromisoformat(found["renew"])
            return bool(
                found["digest"] == self._digest()
                and found["names"] == list(self.names())
                and self._now() < renew
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _note_checked(self, end: datetime.datetime) -> None:
        text = json.dumps(
            {"digest": self._digest(), "names": self.names(), "renew": (end - RENEW_BEFORE).isoformat()}
        )
        _write(self.folder / "checked.json", text.encode(), 0o600)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for path in (self.ca_file, self.ca_key, self.certificate, self.key):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _end_of(self, certificate: Path, key: Path, names: frozenset[str]) -> datetime.datetime:
        """When a certificate ends; long ago where it or its key cannot be used, or `names` are not in it."""
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        never = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        try:
            pair = signing.Pair(certificate.read_bytes(), key.read_bytes())
            found = signing.facts(pair, self.ca_file.read_bytes())
        except (OSError, ValueError):
            return never
        return found.valid_till if names <= found.names else never

    def _ca(self) -> signing.Pair:
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        return signing.Pair(self.ca_file.read_bytes(), self.ca_key.read_bytes())

    def _make_ca(self, now: datetime.datetime) -> datetime.datetime:
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        name = f"Aurora Lab {self.region} Root CA RSA2048 G1"
        pair = signing.make_ca(name, (DOMAIN, "localhost"), LOOPBACK, CA_LIFE, now)
        _write(self.ca_key, pair.key, 0o600)
        _write(self.ca_file, pair.certificate, 0o644)
        return signing.facts(pair, pair.certificate).valid_till

    def _make_server(self, now: datetime.datetime) -> datetime.datetime:
        from aurora_lab.endpoints import signing  # noqa: PLC0415  (it takes 10 MB)

        pair = signing.make_server(self._ca(), self.names(), SERVER_LIFE, now)
        _write(self.key, pair.key, 0o600)
        _write(self.certificate, pair.certificate, 0o644)
        return signing.facts(pair, self.ca_file.read_bytes()).valid_till


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
