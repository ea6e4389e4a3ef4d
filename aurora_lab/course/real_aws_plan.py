"""What the optional cells of a lesson make on AWS, and what that costs an hour, said before anything is made.

A cell says it in its first line, and `aurora-lab aws plan` reads it there:

    %%real_aws 02 | 1 RDS Multi-AZ db.t4g.medium 20 GB | 2 Aurora db.t4g.medium

Each price is one of the price book's; its date is that of its row in the fact table (section 8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aurora_lab.course.facts import Fact, facts
from aurora_lab.course.real_account import REGION, RealAwsError
from aurora_lab.models.bill import MONTH_HOURS
from aurora_lab.models.price_book import price_book

MAGIC = "%%real_aws"
BUDGET = 3.0
"""Dollars that a lesson may cost until it expires, unless the learner says otherwise."""
HOURS = 2.0
"""After how long what was made counts as forgotten."""
FORM = "`NN | 2 Aurora db.t4g.medium | 1 RDS Multi-AZ db.t4g.medium 20 GB`"


def _hourly(family: str) -> Mapping[str, tuple[float, str]]:
    found = {item.removeprefix(f"{family}."): price for item, price in price_book().prices.items()}
    return MappingProxyType(
        {size: (float(price.price), price.fact) for size, price in found.items() if size.startswith("db.")}
    )


AURORA: Final = _hourly("instance")
"""Dollars an hour of an instance (Aurora Standard, us-east-1), and the row that says so."""
RDS: Final = _hourly("rds")
"""The same of RDS for PostgreSQL, Single-AZ. Multi-AZ is twice that (FACTS 4.17, 8.22)."""
RDS_STORAGE: Final = (float(price_book().get("rds.gp3").price), price_book().get("rds.gp3").fact)
"""Dollars a GB-month of gp3, Single-AZ; Multi-AZ is twice that (FACTS 8.23)."""
BY_USE = ("8.1", "8.4")
"""Aurora's storage and I/O, which no plan can know."""
MINIMUM = "8.34"
"""How long an instance is billed at least."""

_ITEM = re.compile(r"(\d+) (Aurora|RDS(?: Multi-AZ)?) (db\.\S+)(?: (\d+) GB)?")


@dataclass(frozen=True, slots=True)
class Item:
    """Instances of one kind."""

    count: int
    product: str
    """`Aurora`, `RDS` or `RDS Multi-AZ`."""
    size: str
    """The instance class."""
    gigabytes: int = 0
    """Provisioned storage of each, of RDS only."""

    @property
    def hourly(self) -> float:
        """Dollars an hour."""
        if self.product == "Aurora":
            return self.count * AURORA[self.size][0]
        machines = self.count * (2 if self.product == "RDS Multi-AZ" else 1)
        return machines * (RDS[self.size][0] + self.gigabytes * RDS_STORAGE[0] / MONTH_HOURS)

    @property
    def rows(self) -> list[str]:
        """The facts that the price comes from."""
        if self.product == "Aurora":
            return [AURORA[self.size][1]]
        return [RDS[self.size][1], *([RDS_STORAGE[1]] if self.gigabytes else [])]

    def __str__(self) -> str:
        storage = f" with {self.gigabytes} GB" if self.gigabytes else ""
        return f"{self.count} x {self.product} {self.size}{storage}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a lesson makes."""

    lesson: str
    items: tuple[Item, ...]

    @property
    def hourly(self) -> float:
        """Dollars an hour in REGION, without what is billed by use."""
        return sum(item.hourly for item in self.items)

    @property
    def summary(self) -> str:
        """The price in one line, with its place and dates."""
        dates = sorted({facts().get(number).date for item in self.items for number in item.rows})
        return f"about ${self.hourly:.2f} an hour ({REGION}, prices of {' and '.join(dates)})"

    def cost(self, hours: float) -> float:
        """Dollars for so many hours."""
        return self.hourly * hours

    def rows(self) -> list[Fact]:
        """The rows of the fact table that the prices stand in."""
        numbers = [number for item in self.items for number in item.rows]
        return [facts().get(number) for number in dict.fromkeys([*numbers, *BY_USE, MINIMUM])]

    def sentences(self, region: str, hours: float) -> list[str]:
        """What it makes and costs, a line each."""
        lines = [f"Lesson {self.lesson} makes, in {region}:"]
        for item in self.items:
            dates = "; ".join(f"[{number}], {facts().get(number).date}" for number in item.rows)
            lines.append(f"  {item}: ${item.hourly:.3f} an hour (price of {REGION}: {dates})")
        lines.append(
            f"Together ${self.hourly:.2f} an hour, at most ${self.cost(hours):.2f} until it expires in {hours:g} h. "
            "An instance is billed for at least 10 minutes [8.34]; Aurora's storage and I/O by use [8.1] [8.4]."
        )
        if region != REGION:
            lines.append(
                f"The lessons know the prices of {REGION} only; those of {region} may be higher [8.25]."
            )
        return lines

    def check_budget(self, hours: float, budget: float) -> None:
        """Raises RealAwsError where it costs more than `budget` dollars in `hours`."""
        if not hours > 0:
            raise RealAwsError(f"What is made must have some time: {hours:g} h is none.")
        if not (cost := self.cost(hours)) <= budget:  # a budget that is no number allows nothing
            raise RealAwsError(
                f"Lesson {self.lesson} would cost up to ${cost:.2f} in {hours:g} h, more than the budget of "
                f"${budget:.2f}, so nothing is made: allow more, or fewer hours."
            )


def read_plan(line: str) -> Plan:
    """The plan in the first line of a cell, without the magic's name. Raises RealAwsError."""
    lesson, *items = (part.strip() for part in line.split("|"))
    if not re.fullmatch(r"\d\d", lesson) or not items:
        raise RealAwsError(f"{line.strip()!r} is no plan: write it as {FORM}.")
    return Plan(lesson, tuple(map(_item, items)))


def lesson_plan(notebook: Path) -> Plan | None:
    """What the optional cells of a lesson's notebook make; None where it has none. Raises RealAwsError."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        lines = [line for cell in cells if (line := magic_line("".join(cell["source"])))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RealAwsError(f"{notebook} cannot be read: {error}.") from error
    plans = [read_plan(line) for line in lines]
    if not plans:
        return None
    return Plan(plans[0].lesson, tuple(item for plan in plans for item in plan.items))


def magic_line(source: str) -> str:
    """What stands after the magic's name in the first line of a cell; empty where nothing does."""
    first = source.partition("\n")[0]
    return first.removeprefix(MAGIC).strip() if first.startswith(MAGIC) else ""


def _item(text: str) -> Item:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise RealAwsError(f"{text!r} is no part of a plan: write it as {FORM}.")
    item = Item(int(found[1]), found[2], found[3], int(found[4] or 0))
    known = AURORA if item.product == "Aurora" else RDS
    if item.size not in known:
        raise RealAwsError(
            f"The lessons know no price of {item.product} {item.size}: they know {', '.join(known)}."
        )
    return item
