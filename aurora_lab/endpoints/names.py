"""The host names of a region's endpoints: how they are made and how they are read.

All endpoints of one account in one region share one opaque label, the customer DNS identifier (FACTS 3.5).
What stands before it says the kind of endpoint (FACTS 3.1 to 3.4):

    NAME.cluster-ID.REGION.rds.amazonaws.com          writer endpoint of the cluster NAME
    NAME.cluster-ro-ID.REGION.rds.amazonaws.com       reader endpoint of the cluster NAME
    NAME.cluster-custom-ID.REGION.rds.amazonaws.com   custom endpoint NAME
    NAME.ID.REGION.rds.amazonaws.com                  instance NAME
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

DOMAIN = "rds.amazonaws.com"


class EndpointKind(StrEnum):
    """The kinds of endpoint that a cluster has."""

    WRITER = "writer"
    READER = "reader"
    CUSTOM = "custom"
    INSTANCE = "instance"


LABEL_PREFIXES = {
    EndpointKind.WRITER: "cluster-",
    EndpointKind.READER: "cluster-ro-",
    EndpointKind.CUSTOM: "cluster-custom-",
    EndpointKind.INSTANCE: "",
}
"""What stands before the DNS identifier in its label, for each kind."""

# The identifier has no hyphen, so the prefix of its label is read without doubt.
_HOST = re.compile(
    r"(?P<name>[a-z0-9-]+)\.(?P<prefix>cluster-(?:ro-|custom-)?)?(?P<dns_id>[a-z0-9]+)"
    r"\.(?P<region>[a-z0-9-]+)\." + re.escape(DOMAIN)
)


class HostName(NamedTuple):
    """A host name taken apart. `name` is the cluster's, the custom endpoint's or the instance's."""

    kind: EndpointKind
    name: str
    dns_id: str
    region: str


def cluster_endpoint(name: str, dns_id: str, region: str) -> str:
    """The writer endpoint of the cluster `name` (FACTS 3.1)."""
    return _host(EndpointKind.WRITER, name, dns_id, region)


def reader_endpoint(name: str, dns_id: str, region: str) -> str:
    """The reader endpoint of the cluster `name` (FACTS 3.2)."""
    return _host(EndpointKind.READER, name, dns_id, region)


def custom_endpoint(name: str, dns_id: str, region: str) -> str:
    """The custom endpoint `name` (FACTS 3.4)."""
    return _host(EndpointKind.CUSTOM, name, dns_id, region)


def instance_endpoint(name: str, dns_id: str, region: str) -> str:
    """The endpoint of the instance `name`; it stays when the instance changes its role (FACTS 3.3)."""
    return _host(EndpointKind.INSTANCE, name, dns_id, region)


def normal(host: str) -> str:
    """A host name as the region writes it: lower case, without the dot of a fully qualified name."""
    return host.lower().removesuffix(".")


def parse(host: str) -> HostName | None:
    """Take an endpoint's host name apart; None where it is none. Upper and lower case are the same."""
    match = _HOST.fullmatch(normal(host))
    if match is None:
        return None
    prefix = match["prefix"] or ""
    kind = next(kind for kind, known in LABEL_PREFIXES.items() if known == prefix)
    return HostName(kind, match["name"], match["dns_id"], match["region"])


def _host(kind: EndpointKind, name: str, dns_id: str, region: str) -> str:
    return normal(f"{name}.{LABEL_PREFIXES[kind]}{dns_id}.{region}.{DOMAIN}")
