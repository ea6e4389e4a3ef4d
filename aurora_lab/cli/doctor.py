"""`doctor`: the table of what this machine has and lacks. The checks themselves are in `diagnosis`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from aurora_lab.cli import context
from aurora_lab.cli.diagnosis import Finding, Level, diagnose
from aurora_lab.cli.options import home_option

MARKS = {Level.GOOD: ("ok", "green"), Level.NOTE: ("note", "yellow"), Level.MISSING: ("missing", "bold red")}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@home_option
def doctor_command(as_json: bool) -> None:
    """Say what this machine has and lacks, and what to do.

    The exit code is 1 only where something is missing that the lab cannot do without.
    """
    home = context.home()
    findings = diagnose(home, os.environ)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    missing = [finding.name for finding in findings if finding.level is Level.MISSING]
    if missing and not as_json:
        click.echo(f"\nThe lab cannot run yet: {', '.join(missing)}.")
    elif not as_json:
        click.echo("\nThe lab can run here.")
    sys.exit(1 if missing else 0)


def _show(findings: list[Finding]) -> None:
    from rich.table import Table  # noqa: PLC0415 - takes its time
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("", "check", "what was found, and what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        word, style = MARKS[finding.level]
        text = Text(finding.found)
        if finding.advice:
            text.append(f"\n{finding.advice}", style="" if finding.level is Level.MISSING else "dim")
        table.add_row(Text(word, style=style), finding.name, text)
    console = context.console()
    console.soft_wrap = False
    console.print(table)
