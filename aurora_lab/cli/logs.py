"""`logs`: the region's log, or that of one server."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import home_option
from aurora_lab.region.databases import server_of
from aurora_lab.region.home import Home
from aurora_lab.region.store import Store

LOOK_EVERY_SECONDS = 0.3


@click.command("logs")
@click.argument("instance", required=False)
@click.option("-n", "--lines", type=click.IntRange(1), default=50, help="How many lines (default 50).")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@home_option
def logs_command(instance: str | None, lines: int, follow: bool) -> None:
    """Show the region's log, or PostgreSQL's own log of INSTANCE. The region need not run."""
    home = context.home()
    path = home.log if instance is None else _server_log(home, instance)
    if not path.exists():
        raise LabError(f"There is no log yet: {path} does not exist.")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, maxlen=lines):
            click.echo(line, nl=False)
        while follow:
            if text := file.read():
                click.echo(text, nl=False)
            elif _replaced(path, file.tell()):
                file.seek(0)
            else:
                time.sleep(LOOK_EVERY_SECONDS)


def _server_log(home: Home, instance: str) -> Path:
    """The log of an instance's server, found in the state file. Raises LabError, StateError."""
    if not home.state.exists():
        raise LabError(f"There is no instance {instance!r}: no region was started on {home.folder} yet.")
    store = Store(home.state)
    try:
        found = store.get("DBInstance", instance.lower())
        there = [str(item["DBInstanceIdentifier"]) for item in store.all("DBInstance")]
        cluster = store.get("DBCluster", found.get("DBClusterIdentifier", "").lower()) if found else None
    finally:
        store.close()
    if found is None:
        raise LabError(f"There is no instance {instance!r}. Those there are: {', '.join(there) or 'none'}.")
    resource = str(cluster["DbClusterResourceId"] if cluster else found["_lab"]["plane"])
    server = server_of(found)
    return home.data / "clusters" / resource.lower() / "instances" / f"{server.lower()}.log"


def _replaced(path: Path, position: int) -> bool:
    """Whether the file was cut off or begun anew."""
    try:
        return path.stat().st_size < position
    except FileNotFoundError:
        return False
