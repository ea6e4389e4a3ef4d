"""`bill`: what a plan would cost, or what a cluster of the lab would have cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import home_option
from aurora_lab.models.billing import bill, bill_database, bill_dsql
from aurora_lab.models.break_even import BreakEven, break_even
from aurora_lab.models.plan import FORM, read_plan
from aurora_lab.models.plan_table import PlanError
from aurora_lab.models.price_book import PriceBook, PriceBookError, price_book, read_book

if TYPE_CHECKING:
    from aurora_lab.models.bill import Bill

LARGEST_FILE = 1 << 20


@click.command("bill")
@click.argument("cluster", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="Price the plan in this TOML file instead.")
@click.option("--example", is_flag=True, help="Print a whole plan, to begin with.")
@click.option("--prices", type=click.Path(path_type=Path), help="Another price book (TOML).")
@click.option("--since", help="Only since this time, as 2026-12-01T10:00:00Z; of a CLUSTER.")
@click.option(
    "--last",
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    help="Only the last so many hours of the lab clock; of a CLUSTER.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this SVG file, too.")
@home_option
def bill_command(
    *,
    cluster: str | None,
    config: Path | None,
    example: bool,
    prices: Path | None,
    since: str | None,
    last: float | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Price what a CLUSTER of the lab has done, or a plan (--config FILE).

    Prices are dated rows of the fact table, of us-east-1. What the region does not measure is listed, and is not on
    the bill. `--example` prints a plan with everything that one may say.
    """
    if sum((cluster is not None, config is not None, example)) != 1:
        raise click.UsageError("Name a CLUSTER, or a plan with --config FILE, or --example.")
    if cluster is None and (since is not None or last is not None):
        raise click.UsageError("--since and --last are for a CLUSTER: a plan says its own hours.")
    if since is not None and last is not None:
        raise click.UsageError("Give --since or --last, not both.")
    if plot is not None and plot.suffix.lower() != ".svg":
        raise click.UsageError("--plot draws SVG: name a file that ends in .svg.")
    if example:
        click.echo(FORM, nl=False)
        return
    try:
        book = read_book(_text(prices), str(prices)) if prices else price_book()
        if config is not None:
            _plan(config, book, as_json, plot)
        else:
            assert cluster is not None
            _cluster(cluster, book, (_moment(since), last), as_json, plot)
    except (PlanError, PriceBookError) as error:
        raise LabError(str(error)) from error


def _plan(config: Path, book: PriceBook, as_json: bool, plot: Path | None) -> None:
    plan = read_plan(_text(config), str(config))
    bills: list[Bill] = []
    compared: BreakEven | None = None
    if plan.cluster is not None:
        bills.append(bill(book, plan.cluster, 0, plan.hours))
        compared = break_even(book, plan.cluster, 0, plan.hours)
    if plan.database is not None:
        bills.append(bill_database(book, plan.database, 0, plan.hours))
    if plan.dsql is not None:
        bills.append(bill_dsql(book, plan.dsql, 0, plan.hours))
    _show(bills, compared, as_json, plot, {"plan": plan.name})


def _cluster(
    cluster: str,
    book: PriceBook,
    window: tuple[datetime | None, float | None],
    as_json: bool,
    plot: Path | None,
) -> None:
    home = context.home()
    info = context.info(home)
    # Not before it is known that there is a region.
    from aurora_lab.region.metered import UnknownClusterError  # noqa: PLC0415
    from aurora_lab.view.cluster_bill import cluster_bill  # noqa: PLC0415

    since, last = window
    hours = None if last is None else Fraction(last)
    try:
        found = cluster_bill(home, cluster, book, since=since, last_hours=hours)
    except UnknownClusterError as error:
        raise LabError(str(error)) from error
    metered = found.metered
    speed = " and ".join(f"{scale:g}" for scale in metered.scales) or "no"
    said = [
        f"Hours are of the lab clock, which passes {speed} times as fast as yours.",
        f"The cluster is in the lab's {info.region}; on AWS it would cost what is billed here at the prices of "
        f"{book.region}.",
        *metered.assumed,
    ]
    about = {"cluster": cluster, "scales": list(metered.scales), "assumed": said}
    _show([found.bill], found.break_even, as_json, plot, about)


def _show(
    bills: Sequence[Bill],
    compared: BreakEven | None,
    as_json: bool,
    plot: Path | None,
    about: dict[str, Any],
) -> None:
    if plot is not None:
        from aurora_lab.view.bill_picture import bill_svg  # noqa: PLC0415 - only for a picture

        try:
            plot.write_text(bill_svg(bills, compared), encoding="utf-8")
        except OSError as error:
            why = (error.strerror or "no reason given").lower()
            raise LabError(f"{plot} cannot be written ({why}). Name another file.") from error
    if as_json:
        document = {**about, "bills": [each.document() for each in bills]}
        if compared is not None:
            document["break_even"] = compared.document()
        click.echo(json.dumps(document, indent=2))
        return
    from aurora_lab.cli import bill_tables  # noqa: PLC0415 - rich takes its time

    console = context.console()
    for each in bills:
        bill_tables.show_bill(each, console)
        console.print()
    if compared is not None:
        bill_tables.show_break_even(compared, console)
        console.print()
    if len(bills) > 1:
        bill_tables.show_comparison(bills, console)
        console.print()
    for sentence in about.get("assumed", []):
        console.print(sentence)
    bill_tables.show_prices(bills, console)
    if plot is not None:
        console.print(f"Drawn: {plot}")


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise LabError(f"{file} is larger than 1 MB: it is not the file that you mean.")
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LabError(f"There is no file {file}. Name one that is there.") from error
    except IsADirectoryError as error:
        raise LabError(f"{file} is a folder. Name a TOML file.") from error
    except UnicodeDecodeError as error:
        raise LabError(f"{file} is no text: it must be TOML in UTF-8.") from error
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise LabError(f"{file} cannot be read ({why}). Name another file.") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LabError(f"{text!r} is no time: write --since as 2026-12-01T10:00:00Z.") from error
    return moment if moment.tzinfo else moment.astimezone()
