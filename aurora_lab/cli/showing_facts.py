"""`facts`: where a sentence of a lesson comes from."""

from __future__ import annotations

import textwrap

import click

from aurora_lab.cli.failure import LabError
from aurora_lab.course.facts import Facts, UnknownFactError, facts

SHOWN = 20
WIDTH = 100


@click.command("facts")
@click.argument("words", nargs=-1)
def facts_command(words: tuple[str, ...]) -> None:
    """Show the fact that a lesson cites as [3.11] (`facts 3.11`), or find facts by WORDS.

    Without words it lists the sections.
    """
    table = facts()
    if not words:
        _sections(table)
    elif len(words) == 1 and words[0].strip("[]").replace(".", "").isdigit():
        try:
            click.echo(repr(table.get(words[0]).card(table.keys)))
        except UnknownFactError as error:
            raise LabError(str(error)) from error
    else:
        _found(table, " ".join(words))


def _sections(table: Facts) -> None:
    for section, rows in table.sections().items():
        click.echo(f"{rows[0].number:>5} to {rows[-1].number:<6} {section}")
    click.echo("One of them: aurora-lab facts 3.11. Some of them: aurora-lab facts reader endpoint.")


def _found(table: Facts, words: str) -> None:
    found = table.search(words)
    if not found:
        raise LabError(f"No fact has all of these words: {words}. Try fewer.")
    for fact in found[:SHOWN]:
        click.echo(
            f"{fact.number:>6}  {textwrap.shorten(fact.text.replace('**', ''), WIDTH, placeholder=' …')}"
        )
    if len(found) > SHOWN:
        click.echo(f"{len(found) - SHOWN} more. Say more words to see them.")
