"""The AWS API's own description of its services, as botocore carries it: read once, shared, never changed."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape


def _loader() -> Loader:
    # Only what botocore ships: a learner's own ~/.aws/models must not change the region's API.
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service by botocore's name for it (`rds`, `application-autoscaling`).

    Raises botocore's UnknownServiceError. The first call for a service reads its file (0.1 s for RDS).
    """
    return ServiceModel(_loader().load_service_model(service, "service-2"), service_name=service)


@cache
def paginators(service: str) -> dict[str, dict[str, Any]]:
    """What botocore's paginators know of the service, by operation."""
    try:
        found: dict[str, dict[str, Any]] = _loader().load_service_model(service, "paginators-1")["pagination"]
    except DataNotFoundError:
        return {}
    return found


@cache
def protocol_of(service: str) -> str | None:
    """The protocol of any AWS service, or None where botocore has none of that name. Its model is not kept."""
    try:
        model = _loader().load_service_model(service, "service-2")
    except (UnknownServiceError, DataNotFoundError):
        return None
    return str(model["metadata"]["protocol"])


@cache
def error_shapes(service: str) -> dict[str, Shape]:
    """The service's modelled errors by shape name and, where that differs, by error code too."""
    shapes = service_model(service).error_shapes
    by_code: dict[str, Shape] = {error_code(shape): shape for shape in shapes}
    return by_code | {shape.name: shape for shape in shapes}


def error_code(shape: Shape) -> str:
    """The `Code` under which the error travels: RDS shortens some (`DBInstanceNotFound`)."""
    return str(shape.metadata.get("error", {}).get("code") or shape.name)
