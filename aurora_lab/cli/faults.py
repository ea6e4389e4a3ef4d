"""`fault` and `lag`: break something on purpose, bring it back, and have readers lag behind."""

from __future__ import annotations

import click

from aurora_lab.cli import context
from aurora_lab.cli.options import home_option
from aurora_lab.region import client
from aurora_lab.region.fault_words import DEFAULT_ACTIONS, asked, sentence
from aurora_lab.region.replica_lag import DEFAULT_MS, MOST_MS


@click.command("fault")
@click.argument("kind", type=click.Choice(list(DEFAULT_ACTIONS)))
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
    done = client.ask(home, "fault", asked(kind, name, action, cluster))
    click.echo(sentence(done))
    if done["action"] == "undo":
        return
    click.echo("See what that means with `aurora-lab status`.")
    if (done["kind"], done["action"]) != ("instance", "kill"):
        of = f" --cluster {cluster}" if cluster else ""
        click.echo(f"Bring it back with `aurora-lab fault {kind} {name}{of} --undo`.")


@click.command("lag")
@click.argument("milliseconds", type=click.IntRange(0, MOST_MS), required=False)
@home_option
def lag_command(milliseconds: int | None) -> None:
    """Show after how many MILLISECONDS readers show a commit; with a number, set it, for every Aurora cluster."""
    home = context.home()
    context.info(home)
    if milliseconds is None:
        now = client.status(home)["replica_lag_ms"]
        click.echo(f"Readers show a commit {now} ms after it was made.")
    else:
        now = client.ask(home, "replica-lag", {"milliseconds": milliseconds})["milliseconds"]
        click.echo(
            f"From now on readers show a commit {now} ms after it was made (the default is {DEFAULT_MS} ms)."
        )
