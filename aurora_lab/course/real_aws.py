"""Optional cells on a real AWS account: off until asked for, the price said first, all that is made removed again.

The lab's environment holds dummy keys and the region's address, so that a lab command cannot reach an
account. A real session is one of its own (`real_account`): the learner's keys, no endpoint of the lab.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3  # type: ignore[import-untyped]

from aurora_lab.course.real_account import RealAwsError, guard, in_one_sentence, lab_session
from aurora_lab.course.real_aws_plan import BUDGET, HOURS, Plan, read_plan
from aurora_lab.course.real_aws_removal import PAUSE_SECONDS, SECONDS, Removal
from aurora_lab.course.real_aws_things import (
    EXPIRES_KEY,
    LESSON_KEY,
    TAG_KEY,
    TAG_VALUE,
    Thing,
)
from aurora_lab.models.price_book import PriceBook, price_book
from aurora_lab.models.price_list import book_from_price_list
from aurora_lab.region.home import RegionInfo

ENGINE = "aurora-postgresql"
LAB_PAUSE_SECONDS = 0.2
"""Between two looks at the lab's region, which takes no minutes."""
PRICING = "pricing"
PRICE_LIST_REGION = "us-east-1"
"""Where the prices of every Region are asked for."""
ASK = 'lab.use_real_aws("PROFILE"), with a profile of your own'


def to_stdout(sentence: str) -> None:
    """Say something in the cell's output."""
    sys.stdout.write(f"{sentence}\n")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose account is used."""

    account: str
    arn: str


class RealAws:
    """What the optional cells use, as `lab.aws`, and the command `aurora-lab aws`."""

    def __init__(
        self,
        session: boto3.Session,
        endpoint_url: str | None = None,
        hours: float = HOURS,
        budget: float = BUDGET,
        say: Callable[[str], None] = to_stdout,
    ) -> None:
        """`endpoint_url` is the lab's region in the place of AWS. Raises RealAwsError."""
        guard(session, endpoint_url)
        self._session = session
        self._endpoint_url = endpoint_url
        self._hours = hours
        self._budget = budget
        self._say = say
        self._lesson: str | None = None
        self._expires = ""

    @property
    def region(self) -> str:
        """The Region's name."""
        return str(self._session.region_name)

    @property
    def tags(self) -> list[dict[str, str]]:
        """For every resource that a cell makes: by them it is found again and removed. Raises RealAwsError."""
        if self._lesson is None:
            raise RealAwsError(
                "Nothing may be made on AWS before its price was said: run the cell that begins the part on AWS."
            )
        tags = {TAG_KEY: TAG_VALUE, LESSON_KEY: self._lesson, EXPIRES_KEY: self._expires}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    @cached_property
    def rds(self) -> Any:
        """An RDS client that talks to AWS."""
        return self._client("rds")

    def begin(self, plan: Plan) -> None:
        """From now on `tags` are those of this lesson. Raises RealAwsError where it is over the budget."""
        plan.check_budget(self._hours, self._budget)
        self._lesson = plan.lesson
        self._expires = f"{datetime.now(UTC) + timedelta(hours=self._hours):%Y-%m-%dT%H:%M:%SZ}"

    def price(self, plan: Plan) -> list[str]:
        """What a plan makes and costs here, a line each."""
        return plan.sentences(self.region, self._hours)

    def caller(self) -> Caller:
        """Whose keys these are, as STS says. Raises RealAwsError, CredentialsError."""
        with in_one_sentence():
            found = self._client("sts").get_caller_identity()
        return Caller(str(found["Account"]), str(found["Arn"]))

    def engine_version(self, engine: str = ENGINE) -> str:
        """The version that AWS takes by default now. Looked up: a version that is written down is retired one day.

        Raises RealAwsError.
        """
        with in_one_sentence():
            found = self.rds.describe_db_engine_versions(Engine=engine, DefaultOnly=True)["DBEngineVersions"]
        if not found:
            raise RealAwsError(
                f"AWS has no default version of {engine} in {self.region}: take another Region."
            )
        return str(found[0]["EngineVersion"])

    def prices(self) -> PriceBook:
        """Today's prices of this Region, as the AWS Price List says them. Raises RealAwsError, PriceBookError."""
        with in_one_sentence():
            client = self._client(PRICING)
            filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": self.region}]
            pages = client.get_paginator("get_products").paginate(ServiceCode="AmazonRDS", Filters=filters)
            products = [text for page in pages for text in page["PriceList"]]
        return book_from_price_list(products, self.region, price_book())

    def leftovers(self, lesson: str | None = None) -> list[Thing]:
        """All that carries our tag, of a lesson or of all. Raises RealAwsError."""
        return self._removal().find(lesson)

    def remove_everything(self, lesson: str | None = None, seconds: float = SECONDS) -> None:
        """Delete all that carries our tag, wait until it is gone, and look again. Raises RealAwsError.

        May be run again after any failure, also in another kernel.
        """
        self._removal().remove(lesson, seconds)

    def _removal(self) -> Removal:
        on_lab = self._endpoint_url is not None
        return Removal(self.rds, self._say, LAB_PAUSE_SECONDS if on_lab else PAUSE_SECONDS, on_lab)

    def _client(self, service: str) -> Any:
        with in_one_sentence():
            region = PRICE_LIST_REGION if service == PRICING else None
            return self._session.client(service, region_name=region, endpoint_url=self._endpoint_url)


def in_place_of_aws(info: RegionInfo, **settings: Any) -> RealAws:
    """The lab's own region in the place of AWS: the same calls, and nothing is billed."""
    return RealAws(lab_session(info), info.url, **settings)


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
            raise RealAwsError(f"This needs a real AWS account: ask for it with {ASK}.")
        return self._aws

    def allow(self, aws: RealAws) -> None:
        """From now on such cells run, with this account."""
        self._aws = aws

    def cell(self, line: str, source: str) -> None:
        """Run a cell, or say why it does not run. `line` is what it makes, as `read_plan` reads it, or nothing.

        Raises RealAwsError, also where the cell raises something: the notebook has shown that by then.
        """
        plan = read_plan(line) if line.strip() else None
        if self._aws is None:
            price = "" if plan is None else f" and cost {plan.summary}"
            self._say(f"Skipped: this cell would use a real AWS account{price}. It runs after {ASK}.")
            return
        if plan is not None:
            for sentence in self._aws.price(plan):
                self._say(sentence)
            self._aws.begin(plan)
        try:
            self._run(source)
        except BaseException as error:  # also where the learner has stopped it
            raise RealAwsError(
                "The cell did not end well. What it made is still there, and is billed: run the last cell of this "
                "part, or `aurora-lab aws teardown` in a terminal."
            ) from error
