"""The certificate authorities of RDS, by name.

The names and their validity are AWS's, so that commands which name one work here too. The certificates that
this region's servers really show are signed by the region's own authority: its bundle is what a client
verifies against. So no thumbprint is given here: AWS's would not be that of the region's bundle.
"""

from __future__ import annotations

from typing import Any, Final

from aurora_lab.region.api.errors import fault
from aurora_lab.region.rds.common import Filters, RegionLike, bad_combination, no_filters
from aurora_lab.region.store import Document

DEFAULT_AUTHORITY = "rds-ca-rsa2048-g1"
"""Since 2024-01-26 (FACTS 3.23)."""
# FACTS 3.23; validity: the AWS CLI's documented output of describe-certificates.
AUTHORITIES: Final = (
    ("rds-ca-ecc384-g1", "2021-05-24T22:06:59Z", "2121-05-24T23:06:59Z"),
    ("rds-ca-rsa2048-g1", "2021-05-24T21:59:00Z", "2061-05-24T22:59:00Z"),
    ("rds-ca-rsa4096-g1", "2021-05-24T22:03:20Z", "2121-05-24T23:03:20Z"),
)
AUTHORITY_NAMES: Final = tuple(name for name, _, _ in AUTHORITIES)


class CertificateActions:
    """DescribeCertificates and ModifyCertificates."""

    region: RegionLike

    def describe_certificates(
        self,
        _context: object,
        *,
        CertificateIdentifier: str | None = None,
        Filters: Filters | None = None,
        **_: Any,
    ) -> Document:
        """All authorities, or the one that is named (in any case). Raises CertificateNotFound."""
        no_filters(Filters)
        default, _overridden = self._default()
        return {
            "DefaultCertificateForNewLaunches": default,
            "Certificates": [
                self._certificate(name)
                for name in AUTHORITY_NAMES
                if CertificateIdentifier is None or name == _known(CertificateIdentifier)
            ],
        }

    def modify_certificates(
        self,
        _context: object,
        *,
        CertificateIdentifier: str | None = None,
        RemoveCustomerOverride: bool | None = None,
    ) -> Document:
        """Name another authority as default for new instances, or take that back.

        Raises CertificateNotFound, InvalidParameterCombination.
        """
        if (CertificateIdentifier is None) == (not RemoveCustomerOverride):
            raise bad_combination(
                "Either CertificateIdentifier or RemoveCustomerOverride must be specified, and not both."
            )
        store = self.region.store
        if CertificateIdentifier is None:
            store.delete("Region", "certificate-override")
            return {"Certificate": self._certificate(DEFAULT_AUTHORITY)}
        name = _known(CertificateIdentifier)
        store.put("Region", "certificate-override", {"CertificateIdentifier": name})
        return {"Certificate": self._certificate(name)}

    def _default(self) -> tuple[str, bool]:
        """The authority of new instances, and whether the user chose it."""
        chosen = self.region.store.get("Region", "certificate-override")
        return (chosen["CertificateIdentifier"], True) if chosen else (DEFAULT_AUTHORITY, False)

    def _certificate(self, name: str) -> Document:
        _, begin, end = next(item for item in AUTHORITIES if item[0] == name)
        default, overridden = self._default()
        shape: Document = {
            "CertificateIdentifier": name,
            "CertificateType": "CA",
            "ValidFrom": begin,
            "ValidTill": end,
            "CertificateArn": f"arn:aws:rds:{self.region.name}::cert:{name}",
            "CustomerOverride": overridden and name == default,
        }
        if shape["CustomerOverride"]:
            shape["CustomerOverrideValidTill"] = end
        return shape


def _known(name: str) -> str:
    if name.lower() not in AUTHORITY_NAMES:
        raise fault("CertificateNotFoundFault", f"Certificate not found: {name}")
    return name.lower()
