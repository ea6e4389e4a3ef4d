"""`build` and `notes`: what is made of the lessons' sources."""

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


@click.command("notes")
@click.argument("lesson")
def notes_command(lesson: str) -> None:
    """Print the instructor's notes of LESSON (a number) as Markdown: timing, answers, known mistakes."""
    from aurora_lab.course.exercises import load_lesson  # noqa: PLC0415 - see above
    from aurora_lab.course.instructor import instructor_notes  # noqa: PLC0415
    from aurora_lab.course.source import SourceError, read_source  # noqa: PLC0415

    places = find_places()
    (number,) = _numbers(places, (lesson,))
    try:
        source = read_source(places.source(number))
    except SourceError as error:
        raise LabError(str(error)) from error
    click.echo(instructor_notes(source, load_lesson(places.check_file(number))), nl=False)


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
