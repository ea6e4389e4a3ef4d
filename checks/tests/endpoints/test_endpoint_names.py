"""Host names of endpoints."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_lab.endpoints import names
from aurora_lab.endpoints.names import EndpointKind, HostName

LABEL = ("c7tj4example", "us-west-2")


def test_names_are_auroras() -> None:
    """The forms that the User Guide shows (FACTS 3.1 to 3.4)."""
    end = "c7tj4example.us-west-2.rds.amazonaws.com"
    assert names.cluster_endpoint("mydbcluster", *LABEL) == f"mydbcluster.cluster-{end}"
    assert names.reader_endpoint("mydbcluster", *LABEL) == f"mydbcluster.cluster-ro-{end}"
    assert names.custom_endpoint("reports", *LABEL) == f"reports.cluster-custom-{end}"
    assert names.instance_endpoint("mydbinstance", *LABEL) == f"mydbinstance.{end}"


@settings(deadline=None)
@given(
    st.sampled_from(EndpointKind),
    st.from_regex(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*", fullmatch=True).filter(
        lambda name: len(name) <= 63
    ),
    st.from_regex(r"[a-z0-9]{12}", fullmatch=True),
    st.sampled_from(["us-west-2", "ap-southeast-4", "us-gov-east-1"]),
)
def test_a_name_is_read_as_it_was_made(kind: EndpointKind, name: str, dns_id: str, region: str) -> None:
    make = {
        EndpointKind.WRITER: names.cluster_endpoint,
        EndpointKind.READER: names.reader_endpoint,
        EndpointKind.CUSTOM: names.custom_endpoint,
        EndpointKind.INSTANCE: names.instance_endpoint,
    }[kind]
    host = make(name, dns_id, region)
    expected = HostName(kind, name.lower(), dns_id, region)
    assert names.parse(host) == names.parse(host.upper()) == names.parse(host + ".") == expected


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "127.0.0.1",
        "rds.amazonaws.com",
        "shop.cluster-c7tj4example.us-west-2.rds.amazonaws.com.example.com",
        "shop.cluster-other-c7tj4example.us-west-2.rds.amazonaws.com",
        "a.shop.cluster-c7tj4example.us-west-2.rds.amazonaws.com",
        ".cluster-c7tj4example.us-west-2.rds.amazonaws.com",
        "shop.cluster-.us-west-2.rds.amazonaws.com",
        "shop.cluster-c7tj4example.us-west-2.rds.amazonaws.com..",
    ],
)
def test_other_names_are_none(host: str) -> None:
    assert names.parse(host) is None
