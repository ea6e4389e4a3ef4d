"""`checkpoint`: for those who join late, the region and the notebook as a lesson begins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from aurora_lab.cli import context
from aurora_lab.cli.failure import LabError
from aurora_lab.cli.opening import fill, tell
from aurora_lab.cli.options import home_option, region_options, workspace_option
from aurora_lab.cli.resetting import reset_lesson
from aurora_lab.cli.workspace import Workspace, chosen_workspace, find_lesson
from aurora_lab.course.places import find_places


@click.command("checkpoint")
@click.argument("lesson")
@click.option("--yes", is_flag=True, help="Do not ask before clusters are removed.")
@workspace_option
@region_options
@home_option
def checkpoint_command(
    *, lesson: str, yes: bool, workspace: Path | None, runtime: str, scale: float | None
) -> None:
    """Bring the region and your notebook to the start of LESSON (a number or a name).

    The region's clusters are removed with their data, and what the lesson starts from is made. A notebook that
    you have worked in is kept as a backup.
    """
    from aurora_lab.course import checkpoint  # noqa: PLC0415 - boto3 takes its time
    from aurora_lab.course.exercises import load_lesson  # noqa: PLC0415
    from aurora_lab.course.runner import Runner  # noqa: PLC0415

    places = find_places()
    chosen = find_lesson(places.lessons, lesson)
    begun = load_lesson(places.check_file(chosen.number))
    home = context.home()
    context.lead_here(home, context.start(home, runtime, scale))
    rds = checkpoint.rds_client()
    _ask(checkpoint.clusters(rds), yes)
    checkpoint.remove_clusters(rds, lambda sentence: click.echo(sentence, err=True))
    mine = Workspace(chosen_workspace(workspace))
    tell(fill(mine, places.lessons))
    if begun.begin:
        click.echo(f"Making what lesson {chosen.number} starts from ...", err=True)
    runner = Runner(mine.folder, os.environ, chosen.number, lambda text: click.echo(text, nl=False, err=True))
    checkpoint.begin(begun, runner)
    reset_lesson(chosen, mine)
    click.echo(f"The region is where lesson {chosen.number} begins.")
    click.echo("A notebook that is open: File > Reload Notebook from Disk, then Kernel > Restart Kernel.")


def _ask(clusters: list[str], yes: bool) -> None:
    """Have the removal of clusters agreed to. Raises LabError, click.Abort."""
    if not clusters or yes:
        return
    what = f"the cluster{'s' if len(clusters) > 1 else ''} {', '.join(clusters)}, with all data,"
    if not sys.stdin.isatty():
        raise LabError(f"This would remove {what} from the region. Run it with --yes if you mean it.")
    click.confirm(f"Remove {what} from the region?", abort=True, err=True)
