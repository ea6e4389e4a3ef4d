"""Long answers come in pages, for every operation that AWS pages."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from aurora_lab.region.api.dispatch import method_name
from aurora_lab.region.api.models import paginators, service_model
from aurora_lab.region.api.pagination import pages_of
from aurora_lab.region.api.validation import InvalidInputError
from stub_region import boto, serving

PAGED = [
    (service, name)
    for service in ("rds", "application-autoscaling", "dsql")
    for name in service_model(service).operation_names
    if pages_of(service, name)
]


def test_every_paginator_is_served() -> None:
    by_hand = {"DownloadDBLogFilePortion"}  # its pages are not a list's
    assert set(paginators("rds")) - by_hand <= {name for service, name in PAGED if service == "rds"}
    assert ("rds", "DescribeDBShardGroups") in PAGED


@pytest.mark.parametrize(("service", "name"), PAGED)
def test_pages_cover_everything_once(service: str, name: str) -> None:
    pages = pages_of(service, name)
    assert pages is not None
    items = [{"n": n} for n in range(2 * pages.low + 7)]
    output: Any = items
    for step in reversed(pages.items):
        output = {step: output}
    seen, marker = [], None
    for _ in range(10):
        start, size = pages.window({pages.limit: pages.low} | ({pages.marker: marker} if marker else {}))
        part = pages.cut(output, start, size)
        found: Any = part
        for step in pages.items:
            found = found[step]
        assert len(found) <= pages.low
        seen += found
        marker = part
        for step in pages.next_marker:
            marker = marker.get(step) if marker else None
        if not marker:
            break
    assert seen == items


@pytest.mark.parametrize(
    ("service", "name", "limits"),
    [
        ("rds", "DescribeDBClusters", (20, 100, 100)),
        ("rds", "DescribeOrderableDBInstanceOptions", (20, 1000, 100)),
        ("rds", "DescribeServerlessV2PlatformVersions", (1, 200, 20)),
        ("rds", "DescribeDBClusterAutomatedBackups", (20, 100, 100)),
        ("application-autoscaling", "DescribeScalableTargets", (1, 50, 50)),
        ("application-autoscaling", "DescribeScalingPolicies", (1, 10, 10)),
    ],
)
def test_limits_are_those_of_the_documentation(service: str, name: str, limits: tuple[int, int, int]) -> None:
    pages = pages_of(service, name)
    assert pages is not None
    assert (pages.low, pages.high, pages.usual) == limits


def test_a_marker_belongs_to_its_operation() -> None:
    clusters, instances = pages_of("rds", "DescribeDBClusters"), pages_of("rds", "DescribeDBInstances")
    assert clusters is not None
    assert instances is not None
    marker = clusters.cut({"DBClusters": [{}] * 30}, 0, 20)["Marker"]
    assert clusters.window({"Marker": marker}) == (20, 100)
    for wrong in (marker[:-1], marker[:-4] + "AAAA", "", "é"):
        with pytest.raises(InvalidInputError):
            clusters.window({"Marker": wrong})
    with pytest.raises(InvalidInputError):
        instances.window({"Marker": marker})


class Many:
    """Answers with 250 of everything."""

    def describe_db_clusters(self, _context: object) -> dict[str, Any]:
        return {"DBClusters": [{"DBClusterIdentifier": f"c{n}"} for n in range(250)]}

    def describe_engine_default_cluster_parameters(
        self, _context: object, *, DBParameterGroupFamily: str
    ) -> dict[str, Any]:
        parameters = [{"ParameterName": f"p{n}"} for n in range(250)]
        return {
            "EngineDefaults": {"DBParameterGroupFamily": DBParameterGroupFamily, "Parameters": parameters}
        }

    def describe_db_log_files(
        self, _context: object, *, DBInstanceIdentifier: str, Marker: str = "0", MaxRecords: int = 100
    ) -> dict[str, Any]:
        # Pages by itself: it names the marker.
        return {
            "DescribeDBLogFiles": [{"LogFileName": f"{DBInstanceIdentifier}{Marker}"}] * MaxRecords,
            "Marker": "9" if Marker == "0" else None,
        }


def test_boto3_paginators() -> None:
    with serving({"rds": Many()}) as server:
        client = boto(server, "rds")
        pages = list(client.get_paginator("describe_db_clusters").paginate(PaginationConfig={"PageSize": 40}))
        assert [len(page["DBClusters"]) for page in pages] == [40] * 6 + [10]
        assert len({c["DBClusterIdentifier"] for page in pages for c in page["DBClusters"]}) == 250
        family = "aurora-postgresql17"
        pages = list(
            client.get_paginator("describe_engine_default_cluster_parameters").paginate(
                DBParameterGroupFamily=family
            )
        )
        assert [len(page["EngineDefaults"]["Parameters"]) for page in pages] == [100, 100, 50]
        assert {page["EngineDefaults"]["DBParameterGroupFamily"] for page in pages} == {family}
        pages = client.get_paginator("describe_db_log_files").paginate(DBInstanceIdentifier="i")
        names = [file["LogFileName"] for page in pages for file in page["DescribeDBLogFiles"]]
        assert [name for name, _ in itertools.groupby(names)] == ["i0", "i9"]


def test_method_names_are_botos() -> None:
    assert method_name("DescribeDBClusterEndpoints") == "describe_db_cluster_endpoints"
    assert method_name("CreateDBInstanceReadReplica") == "create_db_instance_read_replica"
