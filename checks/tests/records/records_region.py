"""A region without servers: a real state file, and a note of what the actions asked of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from aurora_lab.region.api.context import RequestContext
from aurora_lab.region.api.errors import AwsError
from aurora_lab.region.api.models import service_model
from aurora_lab.region.rds.account import AccountActions
from aurora_lab.region.rds.certificates import CertificateActions
from aurora_lab.region.rds.database_offer import OfferActions
from aurora_lab.region.rds.engines import EngineActions
from aurora_lab.region.rds.events import EventActions
from aurora_lab.region.rds.maintenance import MaintenanceActions
from aurora_lab.region.rds.parameters import ParameterActions
from aurora_lab.region.rds.subnets import SubnetGroupActions
from aurora_lab.region.rds.tags import TagActions
from aurora_lab.region.store import Document, Store

HERE = Path(__file__).parent
# The rows of a real PostgreSQL 17.10, without its descriptions.
SETTINGS: list[dict[str, Any]] = json.loads((HERE / "pg_settings_17.json").read_text(encoding="utf-8"))
FAMILY = "aurora-postgresql17"
DEFAULT_GROUP = f"default.{FAMILY}"


@dataclass
class Catalogue:
    """As the region's: the engine and its settings."""

    engine_version: str = "17.10"
    settings: list[dict[str, Any]] = field(default_factory=lambda: SETTINGS)


class PlainRegion:
    """Has what `RegionLike` names, and nothing that runs."""

    name = "us-west-2"
    account = "123456789012"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.catalogue = Catalogue()
        self.time = "2026-11-23T12:00:00.000Z"
        self.changed: list[tuple[str, str]] = []

    def arn(self, kind: str, identifier: str) -> str:
        return f"arn:aws:rds:{self.name}:{self.account}:{kind}:{identifier}"

    def now(self) -> str:
        return self.time

    def add_event(
        self,
        source_type: str,
        identifier: str,
        categories: list[str],
        message: str,
        event_id: str | None = None,
    ) -> None:
        document = {
            "SourceIdentifier": identifier,
            "SourceType": source_type,
            "Message": message,
            "EventCategories": categories,
            "SourceArn": self.arn("db", identifier),
            "_lab": {"event_id": event_id},
        }
        self.store.add_event(self.now(), document)

    def parameters_changed(self, kind: str, group: str) -> None:
        self.changed.append((kind, group))


class Provider(
    ParameterActions,
    EngineActions,
    OfferActions,
    SubnetGroupActions,
    TagActions,
    EventActions,
    CertificateActions,
    AccountActions,
    MaintenanceActions,
):
    """All actions on records."""

    def __init__(self, region: PlainRegion) -> None:
        self.region = region


class Client:
    """Calls an operation by its AWS name, and holds what comes back against the API's model."""

    def __init__(self, region: PlainRegion) -> None:
        self.region = region
        self.provider = Provider(region)
        self.model = service_model("rds")

    def __call__(self, operation: str, **parameters: Any) -> Any:
        context = RequestContext("rds", self.region.name, self.region.account, operation)
        output = getattr(self.provider, xform_name(operation))(context, **parameters)
        shape = self.model.operation_model(operation).output_shape
        if shape is None:
            assert output == {}
        else:
            report = ParamValidator().validate(output, shape)
            assert not report.has_errors(), report.generate_report()
        return output

    def parameters(self, group: str, level: str = "Cluster", **more: Any) -> dict[str, Mapping[str, Any]]:
        """The parameters of a group by name; `level` is `Cluster` or empty."""
        operation = f"DescribeDB{level}Parameters"
        output = self(operation, **{f"DB{level}ParameterGroupName": group}, **more)
        return {item["ParameterName"]: item for item in output["Parameters"]}


def a_cluster(region: PlainRegion, name: str = "c1", **more: Any) -> Document:
    """A cluster's document, stored."""
    document: Document = {
        "DBClusterIdentifier": name,
        "DBClusterArn": region.arn("cluster", name),
        "DBClusterParameterGroup": DEFAULT_GROUP,
        "DBSubnetGroup": "default",
        "AllocatedStorage": 1,
        "Port": 5432,
        **more,
    }
    region.store.put("DBCluster", name, document)
    return document


def an_instance(region: PlainRegion, name: str = "i1", group: str = DEFAULT_GROUP, **more: Any) -> Document:
    """An instance's document, stored."""
    document: Document = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": region.arn("db", name),
        "DBInstanceClass": "db.r6g.large",
        "DBParameterGroups": [{"DBParameterGroupName": group, "ParameterApplyStatus": "in-sync"}],
        "_lab": {},
        **more,
    }
    region.store.put("DBInstance", name, document)
    return document


def refused(call: Client, operation: str, **parameters: Any) -> tuple[str, int, str]:
    """Code, HTTP status and message of the error that an operation answers with."""
    with pytest.raises(AwsError) as caught:
        call(operation, **parameters)
    return caught.value.code, caught.value.status, caught.value.message


def model_text(call: Client, operation: str, member: str) -> str:
    """What the API's model says of a parameter, without markup."""
    shape: Any = call.model.operation_model(operation).input_shape
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shape.members[member].documentation))
