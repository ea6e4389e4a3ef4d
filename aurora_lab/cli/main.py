"""The `aurora-lab` command: which commands there are, and what becomes of a failure."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

import click

from aurora_lab.cli.failure import keep_traceback, sentence_for
from aurora_lab.cli.options import home_option

COMMANDS = {
    "open": ("opening", "Start the region and open the lessons in JupyterLab (also: aurora-lab alone)."),
    "start": ("control", "Start the region."),
    "stop": ("control", "Stop the region; its clusters and their data stay."),
    "status": ("control", "Show clusters, instances, roles, lag, endpoints, memory and the lab clock."),
    "map": ("mapping", "Show the live map: who writes, where endpoints lead, storage nodes, events."),
    "events": ("control", "List what happened to clusters and instances lately."),
    "fault": (
        "faults",
        "Break a storage node, an AZ, an instance or a network on purpose, and bring it back.",
    ),
    "lag": ("faults", "Show or set how far readers are behind their writer."),
    "bill": ("billing", "Price what a cluster has done, or a plan: Standard, I/O-Optimized, RDS and DSQL."),
    "logs": ("logs", "Show the region's log, or the log of an instance's server."),
    "env": ("connect", "Print shell lines that lead AWS clients and psql to the region."),
    "psql": ("connect", "Connect to a cluster with psql."),
    "doctor": ("doctor", "Say what this machine has and lacks, and what to do."),
    "watch": ("watching", "Check a lesson at each save, with keys for hints, solutions and more."),
    "progress": ("progressing", "Show what is done of each lesson."),
    "facts": ("showing_facts", "Show a row of the fact table with its source, or find rows by words."),
    "reset": ("resetting", "Start afresh: the whole region, or one lesson. Nothing is deleted."),
    "checkpoint": ("joining", "Bring the region and your notebook to the start of a lesson."),
    "build": ("building", "Build the lessons' notebooks from their sources (for those who write them)."),
    "notes": ("building", "Print the instructor's notes of a lesson: timing, answers, known mistakes."),
    "aws": ("aws", "Use a real AWS account for optional cells: look at it, see prices, remove everything."),
    "grade": ("grading", "Grade notebooks, each in a fresh region and kept apart."),
    "torture": ("torture", "Break a cluster under load, again and again, and see that nothing is lost."),
    "bench": ("bench_command", "Measure the lab on this machine, each figure against its floor."),
}
"""Name, module in this folder, and one line of help. A module is imported when its command is used."""


class AuroraLab(click.Group):
    """The group of commands; without a command it opens the lessons."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"aurora_lab.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `aurora-lab`, `aurora-lab --no-browser` and `aurora-lab 05` mean `aurora-lab open …`."""
        if not ctx.resilient_parsing and self._means_open(args):
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """As click's, but each failure is one sentence, and exit code 1 where the failure names no other."""
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            result = run(*args, standalone_mode=False, **extra)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "aurora-lab"
            _fail(f"{error.format_message()} See `{path} --help`.")
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except Exception as error:
            _fail(_explain(error))
        sys.exit(result if isinstance(result, int) else 0)

    def _means_open(self, args: list[str]) -> bool:
        """Whether no command is named: only options of `open`, or a lesson's number."""
        if "--help" in args or "--version" in args:
            return False
        valued = {"--home", "--runtime", "--scale", "--port", "--workspace"}
        words = iter(args)
        for word in words:
            if word in valued:
                next(words, None)
            elif not word.startswith("-"):
                return word[0].isdecimal()
        return True


def _explain(error: Exception) -> str:
    """The sentence for any exception."""
    from aurora_lab.cli.context import FAILURES  # noqa: PLC0415 - not needed when all goes well

    if isinstance(error, FAILURES):
        return str(error)
    if isinstance(error, OSError) and (sentence := sentence_for(error)):
        return sentence
    log = keep_traceback(error)
    what = " ".join(str(error).split()) or "no message"
    return (
        f"Something went wrong that aurora-lab did not expect ({type(error).__name__}: {what}). "
        f"The details are in {log}. Please report it, with that file."
    )


def _fail(sentence: str, code: int = 1) -> NoReturn:
    click.echo(f"aurora-lab: {sentence}", err=True)
    sys.exit(code)


def _version() -> str:
    try:
        return version("aurora-lab")
    except PackageNotFoundError:
        return "unknown"


@click.command(cls=AuroraLab, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="aurora-lab")
@home_option
def main() -> None:
    """Learn Amazon Aurora by experiment, on a local Aurora region.

    Without a command, aurora-lab starts the region and opens the lessons in JupyterLab.
    """


if __name__ == "__main__":
    main()
