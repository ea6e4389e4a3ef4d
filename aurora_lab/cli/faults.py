"""`fault`: break something on purpose, and bring it back."""

from __future__ import annotations

from typing import Any

import click

from aurora_lab.cli import context
from aurora_lab.cli.options import home_option
from aurora_lab.region import client

DEFAULTS = {"storage-node": "kill", "az": "kill", "instance": "kill", "network": "cut"}
"""What is done where nothing is said."""
DONE = {
    "kill": "has been killed",
    "pause": "hangs",
    "cut": "is cut off",
    "destroy": "has lost its copy of the log",
    "undo": "is back",
}


@click.command("fault")
@click.argument("kind", type=click.Choice(list(DEFAULTS)))
@click.argument("name")
@click.option("--kill", "action", flag_value="kill", help="End it at once (the default, but for a network).")
@click.option("--pause", "action", flag_value="pause", help="Let it hang.")
@click.option("--cut", "action", flag_value="cut", help="Let nothing reach it (the default for a network).")
@click.option("--destroy", "action", flag_value="destroy", help="Of a storage node: its copy is gone too.")
@click.option("--undo", "action", flag_value="undo", help="Bring it back.")
@click.option("--cluster", help="Whose storage node; needed only where there are several clusters.")
@home_option
def fault_command(kind: str, name: str, action: str | None, cluster: str | None) -> None:
    """Break NAME on purpose: a storage node (a1 … c2), an AZ (us-west-2a, or a), an instance, or the network of one.

    Storage nodes and AZs stay as they are until --undo. An instance that was killed the region brings back by itself.
    """
    home = context.home()
    context.info(home)
    body: dict[str, Any] = {"kind": kind, "name": name, "action": action or DEFAULTS[kind]}
    if cluster is not None:
        body["cluster"] = cluster
    done = client.ask(home, "fault", body)
    what = {"az": "AZ", "storage-node": "Storage node", "instance": "Instance"}[done["kind"]]
    click.echo(f"{what} {done['name']} {DONE[done['action']]}.")
    if done["action"] == "undo":
        return
    click.echo("See what that means with `aurora-lab status`.")
    if (done["kind"], done["action"]) != ("instance", "kill"):
        of = f" --cluster {cluster}" if cluster else ""
        click.echo(f"Bring it back with `aurora-lab fault {kind} {name}{of} --undo`.")
