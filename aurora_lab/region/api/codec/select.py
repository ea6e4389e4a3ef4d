"""The codec of a service."""

from __future__ import annotations

from functools import cache

from aurora_lab.region.api.codec.base import Codec
from aurora_lab.region.api.codec.json_rpc import JsonCodec
from aurora_lab.region.api.codec.query import QueryCodec
from aurora_lab.region.api.codec.rest_json import RestJsonCodec
from aurora_lab.region.api.models import service_model


@cache
def codec_for(service: str) -> Codec:
    """The codec for a service by botocore's name for it.

    Where a service speaks several protocols, the first of them that is known here.
    Raises ValueError where none is.
    """
    model = service_model(service)
    for protocol in model.metadata.get("protocols") or [model.metadata["protocol"]]:
        if protocol == "query":
            return QueryCodec(model)
        if protocol == "json":
            return JsonCodec(model)
        if protocol == "rest-json":
            return RestJsonCodec(model)
    raise ValueError(f"{service} speaks {model.metadata['protocol']}, for which there is no codec")
