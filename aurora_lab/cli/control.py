"""`start`, `stop`, `status` and `events`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import click

from aurora_lab.cli import context
from aurora_lab.cli.options import home_option, region_options
from aurora_lab.cli.shells import USE, ancestors, detect
from aurora_lab.region import client
from aurora_lab.region.clock import timestamp


@click.command("start")
@region_options
@home_option
def start_command(runtime: str, scale: float | None) -> None:
    """Start the region, and return when it is ready.

    Where it runs already, nothing happens. Clusters of earlier days are taken up with their data.
    """
    home = context.home()
    info = context.start(home, runtime, scale)
    click.echo(f"The region {info.region} is ready ({info.runtime} runtime): {info.url}")
    click.echo(f"To use it in this shell: {USE[detect(ancestors())]}")


@click.command("stop")
@home_option
def stop_command() -> None:
    """Stop the region. Clusters and their data stay for the next start."""
    home = context.home()
    if home.folder.is_dir() and client.stop(home):
        click.echo("The region has stopped. Its clusters come back with `aurora-lab start`.")
    else:
        click.echo("The region is not running.")


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@home_option
def status_command(as_json: bool) -> None:
    """Show clusters, instances, roles, lag, endpoints, memory, runtime and the lab clock."""
    home = context.home()
    state = {"url": context.info(home).url, **client.status(home)}
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    from aurora_lab.cli.tables import show_status  # noqa: PLC0415 - rich takes its time

    show_status(state, context.console())


@click.command("events")
@click.option("--minutes", type=click.IntRange(1, 20160), default=60, help="How far back (default 60).")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@home_option
def events_command(minutes: int, as_json: bool) -> None:
    """List what happened to clusters and instances lately, oldest first."""
    home = context.home()
    context.info(home)
    since = timestamp(datetime.now(UTC) - timedelta(minutes=minutes))
    # Times of this form sort as text.
    events = [event for event in client.ask(home, "events") if event["at"] >= since]
    if as_json:
        click.echo(json.dumps(events, indent=2))
        return
    if not events:
        click.echo(f"Nothing happened in the last {minutes} minutes.")
    for event in events:
        at = datetime.fromisoformat(event["at"]).astimezone().strftime("%H:%M:%S")
        click.echo(f"{at}  {event['SourceType']} {event['SourceIdentifier']}: {event['Message']}")
