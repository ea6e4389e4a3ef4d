"""Errors of AWS and of PostgreSQL as a learner needs them: what it is, and in which line of the notebook.

Their tracebacks are forty lines of a library's own. IPython asks an exception how it wants to be shown
(`_render_traceback_`), whatever the front end.
"""

from __future__ import annotations

import traceback
from types import TracebackType

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

NOTEBOOK = "__main__"
"""The module that a notebook's cells are."""
EXISTS = "It is there already: perhaps this cell was run before. What comes after this line was not run now."


def shorten() -> None:
    """Have the errors of botocore and psycopg shown short, in this process."""
    for kind in (ClientError, BotoCoreError, psycopg.Error):
        kind._render_traceback_ = _lines  # type: ignore[union-attr]


def _lines(error: BaseException) -> list[str]:
    """What is shown of an error: its name and message, and the notebook's own lines that led to it."""
    shown = [f"\x1b[31m{_name(error)}\x1b[0m: {_message(error)}"]
    shown += [f"    line {number}: {source}" for number, source in _own_lines(error.__traceback__)]
    if _name(error).endswith(("AlreadyExists", "AlreadyExistsFault")):
        shown.append(EXISTS)
    return shown


def _name(error: BaseException) -> str:
    """As the service or the database names it."""
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Code", type(error).__name__))
    return type(error).__name__


def _message(error: BaseException) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Message", error))
    return str(error)


def _own_lines(trace: TracebackType | None) -> list[tuple[int, str]]:
    """The lines of cells that an error came through, the outermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    found = zip(frames, traceback.extract_tb(trace), strict=True)
    return [
        (line.lineno or 0, line.line or "")
        for frame, line in found
        if frame.f_globals.get("__name__") == NOTEBOOK
    ]
