"""`env` and `psql`: the ways by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import click

from aurora_lab.cli import context, shells
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.options import home_option
from aurora_lab.region import client
from aurora_lab.region.environment import enter, leave

ENDPOINTS = ("writer", "reader")
PSQL_WORDS = "aurora_lab.psql_words"


@click.command("env")
@click.option(
    "--shell", type=click.Choice(shells.SHELLS), help="Whose syntax to print (default: the shell you are in)."
)
@click.option("--unset", is_flag=True, help="Print the way back: your own AWS settings, or none.")
@home_option
def env_command(shell: str | None, unset: bool) -> None:
    """Print shell lines that lead AWS clients and psql to the region.

    Have them carried out with: eval "$(aurora-lab env)"
    """
    home = context.home()
    shell = shell or shells.detect(shells.ancestors())
    if unset:
        change = leave(home, context.tools(), os.environ)
    else:
        change = enter(home, context.info(home), context.tools(), os.environ)
    click.echo(shells.render(change, shell), nl=False)
    if sys.stdout.isatty():
        use = shells.USE[shell].replace(
            "aurora-lab env", "aurora-lab env --unset" if unset else "aurora-lab env"
        )
        click.echo(f"# Nothing has changed yet. To have these lines carried out: {use}", err=True)


class ForPsql(click.Command):
    """A command whose words after `--` are for psql, whatever came before."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split at the first `--`."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[PSQL_WORDS] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])


@click.command("psql", cls=ForPsql, options_metavar="[OPTIONS]")
@click.argument("cluster")
@click.argument("endpoint", default="writer")
@click.option("-U", "--username", help="The database user (default: the cluster's master user).")
@click.option("-d", "--dbname", help="The database (default: the one made with the cluster, or postgres).")
@home_option
@click.pass_context
def psql_command(
    ctx: click.Context, cluster: str, endpoint: str, username: str | None, dbname: str | None
) -> None:
    """Connect to CLUSTER with psql.

    ENDPOINT is writer (the default), reader, the name of an instance, or that of a custom endpoint. An RDS DB
    instance is named in CLUSTER's place, and has one endpoint. What follows -- goes to psql:
    aurora-lab psql my-cluster reader -- -c 'SELECT 1'

    psql asks for the password, unless PGPASSWORD or ~/.pgpass has it.
    """
    home = context.home()
    found = context.info(home)
    described = _describe(client.status(home), cluster)
    host = _host(described, endpoint)
    username = username or str(described["master_username"])
    dbname = dbname or str(described.get("database") or "postgres")
    tools = context.tools()
    if tools is None:
        raise LabError("psql was not found. `aurora-lab doctor` says what to do.")
    environment = enter(home, found, tools, os.environ).apply(os.environ)
    words = ["-h", host, "-p", str(described["port"]), "-U", username, "-d", dbname, *ctx.meta[PSQL_WORDS]]
    _run([str(tools / "psql"), *words], environment)


def _describe(state: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    clusters = [*(state.get("clusters") or []), *(state.get("databases") or [])]
    for cluster in clusters:
        if str(cluster["id"]).lower() == wanted.lower():
            return dict(cluster)
    if not clusters:
        raise LabError(f"There is no cluster {wanted!r}: the region has no cluster yet.")
    raise LabError(f"There is no cluster {wanted!r}. Those there are: {_names(clusters)}.")


def _host(cluster: Mapping[str, Any], wanted: str) -> str:
    if "instances" not in cluster:
        return _database_host(cluster, wanted)
    instances = cluster.get("instances") or []
    if wanted == "writer":
        return str(cluster["endpoint"])
    if wanted == "reader":
        return str(cluster["reader_endpoint"])
    customs = [{**item, "id": item["endpoint"].split(".")[0]} for item in cluster.get("custom") or []]
    for item in (*instances, *customs):
        if str(item["id"]).lower() == wanted.lower():
            if not item.get("endpoint"):
                raise LabError(
                    f"{wanted} has no endpoint yet: it is {item.get('status')}. Try again in a moment."
                )
            return str(item["endpoint"])
    raise LabError(
        f"The cluster {cluster['id']} has no instance or endpoint {wanted!r}. "
        f"There are: {', '.join((*ENDPOINTS, *(str(item['id']) for item in (*instances, *customs))))}."
    )


def _database_host(database: Mapping[str, Any], wanted: str) -> str:
    """The one name of an RDS DB instance; its standby has none."""
    if wanted not in ("writer", str(database["id"]).lower()):
        raise LabError(
            f"{database['id']} is an RDS DB instance and has one endpoint: leave {wanted!r} out. "
            "A read replica is an instance of its own."
        )
    if not database.get("endpoint"):
        raise LabError(
            f"{database['id']} has no endpoint yet: it is {database.get('status')}. Try again in a moment."
        )
    return str(database["endpoint"])


def _names(items: list[Mapping[str, Any]]) -> str:
    return ", ".join(str(item["id"]) for item in items)


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Become `command`; on Windows, which cannot do that, run it and end as it ends."""
    if os.name != "nt":
        os.execve(command[0], command, dict(environment))
    sys.exit(subprocess.run(command, env=dict(environment), check=False).returncode)
