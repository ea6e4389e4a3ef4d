"""`progress`: what is done of each lesson."""

from __future__ import annotations

import click

from aurora_lab.cli import context
from aurora_lab.cli.options import home_option
from aurora_lab.course.catalog import read_catalog
from aurora_lab.course.places import find_places
from aurora_lab.course.progress import Progress, progress_card


@click.command("progress")
@home_option
def progress_command() -> None:
    """Show what is done of each lesson. It is kept in a text file, whose place is said."""
    progress = Progress(context.home())
    click.echo(repr(progress_card(read_catalog(find_places().lessons), progress)))
    click.echo(f"Kept in {progress.path}.", err=True)
