"""What a check may see of the region: the API's state, the event log, the router's journal, SQL on any instance.

Everything here reads. A check that wants to know what a learner's client would see connects as one (`ask`);
everything else is asked as the region's own administrator, so that it does not depend on the learner's
passwords and grants.
"""

from __future__ import annotations

import functools
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from aurora_lab.region.client import RegionError
from aurora_lab.region.home import DUMMY_KEY, DUMMY_SECRET, TOKEN_HEADER, Home, RegionInfo
from aurora_lab.region.metered import CloudWatch, Metered, UnknownClusterError, meter

Document = dict[str, Any]
Row = tuple[Any, ...]

SECONDS = 5.0
"""How long a check waits for one answer of the region."""
CLOUDWATCH_SECONDS = 60.0
"""How long one for CloudWatch, which the region loads only when it is asked for the first time."""
LOG_MINUTES = 20160
"""The event log goes back 14 days; DescribeEvents shows one hour unless told otherwise."""


class RegionGoneError(Exception):
    """The region does not answer; the message says what to do."""


class SqlError(Exception):
    """The database refused a check's query."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        """As `42P01`: undefined table. Empty where no server answered."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who connects, as a learner's client would."""

    user: str
    password: str
    database: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection that a client made, as the router's journal has it."""

    at: datetime
    instance: str
    """Where the name led at that moment."""


class RegionView:
    """Reads the region of one home. Methods raise RegionGoneError where the region does not answer."""

    def __init__(self, info: RegionInfo, ca_file: Path) -> None:
        self.info = info
        self._ca_file = ca_file

    @classmethod
    def of(cls, home: Home) -> RegionView:
        """The region that runs on this home. Raises RegionGoneError."""
        info = home.info()
        if info is None:
            raise RegionGoneError("No region runs. Start it with `aurora-lab start` in a terminal.")
        return cls(info, home.ca_file)

    # The API.

    @cached_property
    def _rds(self) -> Any:
        return self._client("rds")

    @cached_property
    def _scaling(self) -> Any:
        return self._client("application-autoscaling")

    def _client(self, service: str, seconds: float = SECONDS) -> Any:
        # botocore and not boto3, which takes half as long again to load: a learner waits for it.
        config = Config(
            connect_timeout=SECONDS, read_timeout=seconds, retries={"total_max_attempts": 1}, proxies={}
        )
        return _session().create_client(
            service,
            region_name=self.info.region,
            endpoint_url=self.info.url,
            aws_access_key_id=DUMMY_KEY,
            aws_secret_access_key=DUMMY_SECRET,
            config=config,
        )

    def warm(self) -> None:
        """Read what a first question needs: it takes longer than the question."""
        self.cluster("none")

    def cluster(self, identifier: str) -> Document | None:
        """The DB cluster as DescribeDBClusters shows it, or None."""
        return self._one("describe_db_clusters", "DBClusters", DBClusterIdentifier=identifier)

    def instance(self, identifier: str) -> Document | None:
        """The DB instance as DescribeDBInstances shows it, or None."""
        return self._one("describe_db_instances", "DBInstances", DBInstanceIdentifier=identifier)

    def instances(self, cluster: str) -> dict[str, Document]:
        """The cluster's DB instances by identifier."""
        found = self._all("describe_db_instances", "DBInstances")
        return {
            item["DBInstanceIdentifier"]: item for item in found if item.get("DBClusterIdentifier") == cluster
        }

    def endpoints(self, cluster: str) -> list[Document]:
        """The cluster's endpoints, custom ones too, as DescribeDBClusterEndpoints shows them."""
        return [
            item
            for item in self._all("describe_db_cluster_endpoints", "DBClusterEndpoints")
            if item["DBClusterIdentifier"] == cluster
        ]

    def engine_versions(self, engine: str) -> set[str]:
        """The versions of an engine that the region offers."""
        found = self._all("describe_db_engine_versions", "DBEngineVersions", Engine=engine)
        return {str(item["EngineVersion"]) for item in found}

    def events(self, identifier: str, source_type: str = "db-cluster") -> list[Document]:
        """The events of one source, oldest first; deleted ones' too."""
        return self._all(
            "describe_events",
            "Events",
            SourceIdentifier=identifier,
            SourceType=source_type,
            Duration=LOG_MINUTES,
        )

    def scalable_target(self, cluster: str) -> Document | None:
        """The target of the cluster's readers as DescribeScalableTargets shows it, or None."""
        found = self._scaled(
            "describe_scalable_targets", "ScalableTargets", ResourceIds=[f"cluster:{cluster}"]
        )
        return found[0] if found else None

    def scaling_policies(self, cluster: str) -> dict[str, Document]:
        """The policies of the cluster's readers by name."""
        found = self._scaled("describe_scaling_policies", "ScalingPolicies", ResourceId=f"cluster:{cluster}")
        return {item["PolicyName"]: item for item in found}

    def scaling_activities(self, cluster: str) -> list[Document]:
        """What was done to the cluster's readers, newest first; without what was not done."""
        return self._scaled(
            "describe_scaling_activities", "ScalingActivities", ResourceId=f"cluster:{cluster}"
        )

    def _scaled(self, action: str, key: str, **parameters: Any) -> list[Document]:
        return self._pages(self._scaling, action, key, ServiceNamespace="rds", **parameters)

    def _one(self, action: str, key: str, **parameters: Any) -> Document | None:
        found = self._all(action, key, **parameters)
        return found[0] if found else None

    def _all(self, action: str, key: str, **parameters: Any) -> list[Document]:
        return self._pages(self._rds, action, key, **parameters)

    def _pages(self, service: Any, action: str, key: str, **parameters: Any) -> list[Document]:
        try:
            pages = service.get_paginator(action).paginate(**parameters)
            return [item for page in pages for item in page[key]]
        except ClientError as error:
            if error.response["Error"]["Code"].startswith(
                ("DBClusterNotFound", "DBInstanceNotFound", "DBClusterEndpointNotFound")
            ):
                return []
            raise RegionGoneError(f"The region refused {action}: {error}.") from error
        except (EndpointConnectionError, BotoCoreError) as error:
            raise RegionGoneError(
                "The region does not answer. Start it again with `aurora-lab start` in a terminal; "
                "your clusters and their data are kept."
            ) from error

    # The databases.

    def sql(self, instance: str, query: str, *parameters: Any, database: str = "postgres") -> list[Row]:
        """Rows of a query on one instance, asked as the region's administrator in a read-only transaction.

        Raises SqlError.
        """
        body = {"instance": instance, "database": database, "sql": query, "parameters": list(parameters)}
        answer = self._lab("sql", body)
        return [tuple(row) for row in answer["rows"]]

    def ask(self, host: str, query: str, login: Login) -> list[Row]:
        """Rows of a query by a new connection to an endpoint, as a client with full verification makes it.

        Raises SqlError.
        """
        try:
            with psycopg.connect(
                host=host,
                hostaddr=self.info.address,
                port=self.info.port,
                user=login.user,
                password=login.password,
                dbname=login.database,
                sslmode="verify-full",
                sslrootcert=str(self._ca_file),
                connect_timeout=int(SECONDS),
                application_name="aurora-lab check",
            ) as connection:
                return connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise SqlError(error.sqlstate or "", str(error).strip().splitlines()[0]) from error

    # The region's own interface.

    def connections(self, host: str) -> list[Connection]:
        """The connections made to this host name, oldest first, and where the router led each."""
        answer = self._lab(f"connections?host={urllib.parse.quote(host)}")
        return [
            Connection(datetime.fromisoformat(item["at"]), item["instance"]) for item in answer["connections"]
        ]

    def metered(self, cluster: str) -> Metered | None:
        """What the cluster did until now, as far as it is billed; None where there never was one of this name."""
        try:
            source = CloudWatch(self._client("cloudwatch", CLOUDWATCH_SECONDS))
            return meter(self._lab("ledger"), source, cluster)
        except UnknownClusterError:
            return None
        except RegionError as error:
            raise RegionGoneError(str(error)) from error

    def capacity(self, cluster: str) -> list[Document]:
        """The capacity over time of each serverless instance that a cluster has or had: `instance`, and `points` of
        when (seconds since the epoch), `acus` and the `scale` of the lab clock, each good until the next.
        """
        found: list[Document] = self._lab(f"capacity?cluster={urllib.parse.quote(cluster)}")["instances"]
        return found

    def _lab(self, path: str, body: Document | None = None) -> Document:
        request = urllib.request.Request(
            f"{self.info.url}/_lab/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={TOKEN_HEADER: self.info.token, "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                sentence = str(_json(error.read()).get("error", error))
            state = re.match(r"[0-9A-Z]{5}(?= )", sentence)
            raise SqlError(state[0] if state else "", sentence) from error
        except OSError as error:
            raise RegionGoneError(
                "The region does not answer. Start it again with `aurora-lab start` in a terminal."
            ) from error


@functools.cache
def _session() -> Any:
    """It keeps the API's model, which takes longer to read than a check takes."""
    return botocore.session.Session()


def _json(text: bytes) -> Document:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
