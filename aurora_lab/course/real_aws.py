"""Optional cells on a real AWS account: off until asked for, the price said first, all that is made removed again.

The lab's environment holds dummy keys and the region's address, so that a lab command cannot reach an
account. A real session is one of its own: keys from a named profile, no endpoint of the lab.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3  # type: ignore[import-untyped]
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ENGINE = "aurora-postgresql"
TAG_KEY, TAG_VALUE = "made-by", "aurora-lab"
REGION = "us-east-1"
"""The Region of the prices in the fact table."""
SECONDS = 1800.0
"""How long a removal may take."""


def to_stdout(sentence: str) -> None:
    """Say something in the cell's output."""
    sys.stdout.write(f"{sentence}\n")


class RealAwsError(Exception):
    """Real AWS cannot be used, or something is left there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Price:
    """A price an hour, and where and when it was read."""

    hourly: float
    what: str
    date: str
    fact: str
    region: str = REGION

    def __str__(self) -> str:
        return (
            f"{self.what}: ${self.hourly:.3f} an hour in {self.region} (price of {self.date}) [{self.fact}], "
            "and storage by the gigabyte. An instance is billed for at least 10 minutes [8.34]."
        )


def real_session(
    profile: str,
    region: str,
    config_file: str = "~/.aws/config",
    credentials_file: str = "~/.aws/credentials",
) -> boto3.Session:
    """A session with the keys of `profile`, whatever the environment holds. Raises RealAwsError."""
    session = botocore.session.Session(profile=profile)
    session.set_config_variable("config_file", config_file)
    session.set_config_variable("credentials_file", credentials_file)
    session.set_config_variable("region", region)
    try:
        if session.get_credentials() is None:
            raise RealAwsError(f"The profile {profile!r} has no credentials. Set them with `aws configure`.")
    except BotoCoreError as error:
        raise RealAwsError(f"The profile {profile!r} cannot be used: {error}") from error
    return boto3.Session(botocore_session=session)


class RealAws:
    """What the optional cells use, as `lab.aws`."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url  # only tests give one

    @property
    def tags(self) -> list[dict[str, str]]:
        """For every resource that a cell makes: by them it is found again and removed."""
        return [{"Key": TAG_KEY, "Value": TAG_VALUE}]

    @cached_property
    def rds(self) -> Any:
        """An RDS client that talks to AWS."""
        options: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
        return self._session.client("rds", endpoint_url=self._endpoint_url, config=Config(**options))

    def engine_version(self) -> str:
        """The version that AWS takes by default now. Looked up: a version that is written down is retired one day."""
        found = self.rds.describe_db_engine_versions(Engine=ENGINE, DefaultOnly=True)["DBEngineVersions"]
        return str(found[0]["EngineVersion"])

    def leftovers(self) -> tuple[list[str], list[str]]:
        """The identifiers of the clusters and of the instances that carry our tag."""
        clusters = self._tagged("describe_db_clusters", "DBClusters", "DBClusterIdentifier")
        instances = self._tagged("describe_db_instances", "DBInstances", "DBInstanceIdentifier")
        return clusters, instances

    def remove_everything(self, say: Callable[[str], None] = to_stdout, seconds: float = SECONDS) -> None:
        """Delete all that carries our tag, wait until it is gone, and look again. Raises RealAwsError.

        May be run again after any failure.
        """
        deadline = time.monotonic() + seconds
        told: set[str] = set()
        while any(left := self.leftovers()):
            if time.monotonic() > deadline:
                raise RealAwsError(f"Still there, and still billed: {left}. Run this cell again.")
            clusters, instances = left
            for name in {*clusters, *instances} - told:
                say(f"deleting {name}")
            told |= {*clusters, *instances}
            for name in instances:
                self._delete(self.rds.delete_db_instance, DBInstanceIdentifier=name, SkipFinalSnapshot=True)
            for name in clusters:
                self._delete(self.rds.delete_db_cluster, DBClusterIdentifier=name, SkipFinalSnapshot=True)
            # Seldom: AWS takes minutes, and limits how often it may be asked.
            time.sleep(15.0 if self._endpoint_url is None else 0.05)
        say("Nothing tagged made-by=aurora-lab is left in this Region.")

    def _delete(self, action: Callable[..., Any], **what: Any) -> None:
        try:
            action(**what)
        except ClientError as error:
            # It is being deleted already, or waits for its instances to go: the next round asks again.
            if error.response["Error"]["Code"] not in (
                "InvalidDBInstanceState",
                "InvalidDBClusterStateFault",
                "DBInstanceNotFound",
                "DBClusterNotFoundFault",
            ):
                raise RealAwsError(f"AWS refused to delete {what}: {error}") from error

    def _tagged(self, action: str, key: str, name: str) -> list[str]:
        pages = self.rds.get_paginator(action).paginate()
        wanted = {"Key": TAG_KEY, "Value": TAG_VALUE}
        return [str(item[name]) for page in pages for item in page[key] if wanted in item.get("TagList", [])]


class RealAwsCells:
    """The `%%real_aws` cell magic: nothing happens until `lab.use_real_aws` was called in this kernel."""

    def __init__(self, run: Callable[[str], None], say: Callable[[str], None]) -> None:
        self._run = run
        self._say = say
        self._aws: RealAws | None = None

    @property
    def aws(self) -> RealAws:
        """The account that was allowed. Raises RealAwsError."""
        if self._aws is None:
            raise RealAwsError(
                'This needs a real AWS account. Ask for it with lab.use_real_aws("PROFILE"), a profile of yours.'
            )
        return self._aws

    def allow(self, aws: RealAws) -> None:
        """From now on such cells run, with this account."""
        self._aws = aws

    def cell(self, line: str, source: str) -> None:
        """Run a cell, or say why it does not run. `line` is the price: hourly, what, date, fact, by `|`."""
        price = _price(line)
        if price is not None:
            self._say(str(price))
        if self._aws is None:
            self._say(
                "Skipped: this cell would use a real AWS account. It runs after "
                'lab.use_real_aws("PROFILE") with a profile of your own.'
            )
            return
        self._run(source)


def _price(line: str) -> Price | None:
    parts = [part.strip() for part in line.split("|")]
    if len(parts) != 4:
        return None
    return Price(float(parts[0]), parts[1], parts[2], parts[3])
