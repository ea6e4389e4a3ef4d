"""`build`: the lessons' notebooks from their sources."""

from __future__ import annotations

import click

from aurora_lab.cli.failure import LabError
from aurora_lab.course.places import Places, find_places


@click.command("build")
@click.argument("lessons", nargs=-1, metavar="[LESSON]…")
@click.option(
    "--check", is_flag=True, help="Build nothing; fail where a notebook is not what its source gives."
)
def build_command(lessons: tuple[str, ...], check: bool) -> None:
    """Build lessons/NN_slug.ipynb and solutions/NN_slug.ipynb from solutions/NN_slug.py.

    LESSON is a number; without one, all. The solved notebook is executed on a region of its own.
    """
    from aurora_lab.course.build import build  # noqa: PLC0415 - notebooks take their time
    from aurora_lab.course.source import SourceError  # noqa: PLC0415 - so does this

    places = find_places()
    faults = []
    for number in _numbers(places, lessons):
        click.echo(f"Lesson {number}: {'checking' if check else 'building'} ...", err=True)
        try:
            faults += build(places, number, check=check)
        except SourceError as error:
            faults.append(str(error))
    if faults:
        raise LabError("\n".join(faults))


def _numbers(places: Places, wanted: tuple[str, ...]) -> list[str]:
    """The lessons meant: those named, or all that have a source. Raises LabError."""
    there = places.numbers()
    chosen = [word.partition("_")[0].zfill(2) for word in wanted]
    unknown = [word for word, number in zip(wanted, chosen, strict=True) if number not in there]
    if unknown or not there:
        named = ", ".join(there) or f"none in {places.solutions}"
        raise LabError(
            f"There is no source of lesson {', '.join(unknown) or 'any kind'}. There are: {named}."
        )
    return chosen or there
