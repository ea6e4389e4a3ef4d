"""`aws`: the optional cells' real AWS account, looked at, priced and cleaned from a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import F, home_option
from aurora_lab.course.places import find_places
from aurora_lab.course.real_account import REGION, CredentialsError, RealAwsError, real_session
from aurora_lab.course.real_aws import ENGINE, RealAws, in_place_of_aws
from aurora_lab.course.real_aws_plan import BUDGET, HOURS, Plan, lesson_plan
from aurora_lab.course.real_aws_removal import SECONDS
from aurora_lab.course.real_aws_things import EXPIRES_KEY, LESSON_KEY, TAG_KEY, TAG_VALUE, Thing
from aurora_lab.models.price_book import PriceBookError
from aurora_lab.models.price_list import as_toml

NO_CREDENTIALS = 3
"""The exit code where AWS cannot know who is asking."""
ENGINES = (ENGINE, "postgres")


class NobodyError(LabError):
    """AWS cannot know who is asking."""

    exit_code = NO_CREDENTIALS


@contextmanager
def explained() -> Iterator[None]:
    """Let what is wrong with the account reach the terminal as a sentence."""
    try:
        yield
    except CredentialsError as error:
        raise NobodyError(str(error)) from error
    except RealAwsError as error:
        raise LabError(str(error)) from error


def account_options(command: F) -> F:
    """`--profile`, `--region`, `--on-lab`: which account."""
    for option in (
        home_option,
        click.option(
            "--on-lab", is_flag=True, help="Try it on the lab's own region instead: nothing costs anything."
        ),
        click.option("--region", default=REGION, show_default=True, help="The AWS Region."),
        click.option(
            "--profile",
            help="The profile of ~/.aws whose keys are used. Otherwise those of your shell; in a shell of the lab, "
            "the profile `default`.",
        ),
    ):
        command = option(command)
    return command


def _say(sentence: str) -> None:
    click.echo(sentence)


def open_account(asked: Mapping[str, Any], **settings: Any) -> RealAws:
    """The account that the options name. Raises RealAwsError, LabError."""
    if asked["on_lab"]:
        return in_place_of_aws(context.info(context.home()), say=_say, **settings)
    return RealAws(real_session(asked["profile"], asked["region"]), say=_say, **settings)


@click.group("aws")
def aws_command() -> None:
    """Use a real AWS account for the optional cells of the lessons: look at it, see prices, remove everything.

    The lab needs none of this. Only these commands, and cells after lab.use_real_aws(...), ever reach AWS.

    Exit codes: 0 done; 1 something is wrong, and the sentence says what to do; 3 no credentials, or none that AWS
    accepts.
    """


@aws_command.command("check")
@account_options
def check_command(**asked: Any) -> None:
    """Show whose account and Region it is, today's engine versions, and what lessons have left there."""
    with explained():
        account = open_account(asked)
        _show_account(account, asked)
        for engine in ENGINES:
            click.echo(f"{engine}: version {account.engine_version(engine)} by default today")
        left = account.leftovers()
    if left:
        _list_things(left)
        click.echo("Remove it with `aurora-lab aws teardown`.")
    else:
        click.echo(f"Nothing tagged {TAG_KEY}={TAG_VALUE} is there.")


@aws_command.command("plan")
@click.argument("lesson")
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    default=HOURS,
    show_default=True,
    help="Hours until what is made expires.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    default=BUDGET,
    show_default=True,
    help="Dollars that it may cost until then.",
)
@account_options
def plan_command(lesson: str, hours: float, budget: float, **asked: Any) -> None:
    """Show what the optional cells of LESSON make, its price an hour, and for whom. It makes nothing."""
    with explained():
        plan = _plan(lesson)
        for line in plan.sentences(asked["region"], hours):
            click.echo(line)
        for fact in plan.rows():
            click.echo(f"  [{fact.number}] {fact.text.replace('**', '')} ({fact.source}, {fact.date})")
        plan.check_budget(hours, budget)
        account = open_account(asked, hours=hours, budget=budget)
        account.begin(plan)
        _show_account(account, asked)
        click.echo(f"Versions, looked up: {', '.join(_versions(account, plan))}")
        tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in account.tags)
        click.echo(f"Tags: {tags}")
        left = account.leftovers(plan.lesson)
    if left:
        _list_things(left)
    click.echo(
        "Nothing was made. To make it, run the optional cells of the lesson; to remove it, "
        f"`aurora-lab aws teardown {plan.lesson}`."
    )


@aws_command.command("prices")
@account_options
def prices_command(**asked: Any) -> None:
    """Print today's price book of a Region, from the AWS Price List: for `aurora-lab bill --prices FILE`."""
    if asked["on_lab"]:
        raise LabError("The lab's region has no price list: ask AWS, without --on-lab.")
    with explained():
        try:
            click.echo(as_toml(open_account(asked).prices()), nl=False)
        except PriceBookError as error:
            raise LabError(str(error)) from error


@aws_command.command("teardown")
@click.argument("lesson", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--minutes",
    type=click.IntRange(1, 600),
    default=int(SECONDS / 60),
    show_default=True,
    help="How long it may take.",
)
@account_options
def teardown_command(lesson: str | None, yes: bool, minutes: int, **asked: Any) -> None:
    """Remove all that lessons (or LESSON) have made, wait, and look again. Run it again after any failure."""
    number = None if lesson is None else _number(lesson)
    with explained():
        account = open_account(asked)
        _show_account(account, asked)
        left = account.leftovers(number)
        if left:
            _list_things(left)
            if not yes and not click.confirm("Delete all of this, without a snapshot?"):
                raise LabError("Nothing was removed, and it is billed on.")
        account.remove_everything(number, minutes * 60)


def _plan(lesson: str) -> Plan:
    number = _number(lesson)
    plan = lesson_plan(find_places().lesson(number))
    if plan is None:
        raise LabError(f"Lesson {number} has no cells for a real AWS account.")
    return plan


def _number(lesson: str) -> str:
    if not lesson.isdecimal() or len(lesson) > 2:
        raise LabError(f"{lesson!r} is no lesson: name it by its number, as 05.")
    return lesson.zfill(2)


def _versions(account: RealAws, plan: Plan) -> list[str]:
    engines = {ENGINE if item.product == "Aurora" else "postgres" for item in plan.items}
    return [f"{engine} {account.engine_version(engine)}" for engine in sorted(engines)]


def _show_account(account: RealAws, asked: Mapping[str, Any]) -> None:
    caller = account.caller()
    where = f"{account.region} of the lab on this machine, not of AWS" if asked["on_lab"] else account.region
    click.echo(f"Account {caller.account}, as {caller.arn}; Region {where}")


def _list_things(things: list[Thing], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    click.echo(f"There, tagged {TAG_KEY}={TAG_VALUE}:")
    for thing in things:
        click.echo(f"  {thing}{f' ({thing.status})' if thing.status else ''}: {_whose(thing, now())}")


def _whose(thing: Thing, now: datetime) -> str:
    if not thing.tags:
        return f"of cluster {thing.cluster}"
    lesson = f"lesson {thing.tags[LESSON_KEY]}" if LESSON_KEY in thing.tags else "no lesson named"
    try:
        expires = datetime.fromisoformat(thing.tags[EXPIRES_KEY])
        hours = (expires - now).total_seconds() / 3600
    except (KeyError, ValueError, TypeError):
        return lesson
    return f"{lesson}, expires in {hours:.1f} h" if hours > 0 else f"{lesson}, expired {-hours:.1f} h ago"
