"""`map`: the live map in a terminal."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.keys import EndOfInputError, single_keys
from aurora_lab.cli.options import home_option
from aurora_lab.region import client
from aurora_lab.region.client import RegionError

if TYPE_CHECKING:
    from aurora_lab.region.home import Home
    from aurora_lab.view.frames import Frames

LOOK_SECONDS = 0.25
KEYS = "[q] quit"


@click.command("map")
@click.argument("cluster", required=False)
@click.option("--once", is_flag=True, help="Print it once, as it is now.")
@home_option
def map_command(*, cluster: str | None, once: bool) -> None:
    """Show the live map of the region, or of one CLUSTER.

    Who writes and who reads, where each endpoint leads now, connections, lag, storage nodes, RDS DB instances and
    the last events. It follows what happens until q or Ctrl-C. Without a terminal it is printed once.
    """
    home = context.home()
    context.info(home)
    seen = client.look(home)
    if cluster is not None and not any(item["id"] == cluster for item in seen["clusters"]):
        there = ", ".join(item["id"] for item in seen["clusters"]) or "none"
        raise LabError(f"There is no cluster {cluster} in the region. There are: {there}.")
    from aurora_lab.view.frames import Frames  # noqa: PLC0415 - not before it is known that there is something
    from aurora_lab.view.terminal_map import terminal_map  # noqa: PLC0415 - rich takes its time

    frames = Frames(seen, cluster)
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        console = context.console()
        console.print(terminal_map(frames.last, cluster, console.width))
        return
    _follow(home, cluster, frames)
    click.echo("The region goes on as it is.")


def _follow(home: Home, cluster: str | None, frames: Frames) -> None:
    """Look and show until `q`, Ctrl-C, or the end of the terminal."""
    from rich.console import Console  # noqa: PLC0415 - rich takes its time
    from rich.live import Live  # noqa: PLC0415

    from aurora_lab.view.terminal_map import terminal_map  # noqa: PLC0415

    console = Console(highlight=False)

    try:
        with single_keys() as read_key, Live(console=console, screen=True, auto_refresh=False) as live:
            size = None
            while True:
                before = frames.last
                if (
                    frames.after(_look(home), datetime.now().astimezone()) is not before
                    or size != console.size
                ):
                    size = console.size
                    live.update(terminal_map(frames.last, cluster, size.width, keys=KEYS), refresh=True)
                if read_key(LOOK_SECONDS) in ("q", "Q"):
                    return
    except (KeyboardInterrupt, EndOfInputError):
        return


def _look(home: Home) -> dict[str, object] | None:
    try:
        return client.look(home)
    except RegionError:
        return None
