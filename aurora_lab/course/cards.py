"""The cards that a notebook shows: the same words as HTML and as plain text."""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass, field
from enum import Enum

WIDTH = 92
NO_FORMULAS = ' class="mathjax_ignore tex2jax_ignore"'
"""MathJax 3 and 2 leave such an element alone: what stands between two prices would else be a formula."""


class Mood(Enum):
    """What a card tells at a glance: its sign and its colour (readable on light and dark)."""

    PASS = ("✓", "#2b9348")
    FAIL = ("✗", "#d4513a")
    NOTE = ("•", "#4a84d8")
    OPEN = ("○", "#8a919c")


@dataclass(frozen=True, slots=True)
class Card:
    """One answer to the learner. Jupyter shows it as HTML, a terminal as text."""

    mood: Mood
    title: str
    rows: tuple[tuple[str, str], ...] = ()
    """Label and text; `code` in a text is set as code. A row without a label is a paragraph."""
    passed: bool = field(default=False)

    def __repr__(self) -> str:
        lines = [f"{self.mood.value[0]} {self.title}"]
        for label, text in self.rows:
            head = f"  {label + ':':<11} " if label else "  "
            # A line break in the text stays one: hints hold commands.
            first, *more = text.splitlines() or [""]
            rest = " " * len(head)
            # A command must not be broken at its hyphens: it would be copied that way.
            wrapped = textwrap.wrap(
                first, WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False
            )
            lines += wrapped or [head]
            lines += [rest + line for line in more]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sign, colour = self.mood.value
        rows = "".join(_html_row(label, text) for label, text in self.rows)
        quiet = NO_FORMULAS if "$" in self.title + rows else ""
        return (
            f'<div{quiet} style="border-left: 5px solid {colour}; padding: 6px 14px; margin: 4px 0; max-width: 800px; '
            'line-height: 1.5; font-family: var(--jp-ui-font-family, sans-serif)">'
            # The words keep the theme's own colour: no other can be read well on light and on dark.
            f'<div style="font-weight: bold"><span style="color: {colour}">{sign}</span> {_inline(self.title)}</div>'
            f"{rows}</div>"
        )

    def bundle(self) -> dict[str, str]:
        """Both forms by their media type, as a notebook's output holds them."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.bundle()


def passing(exercise: str, title: str) -> str:
    """The title of the card of an exercise that is solved."""
    return f"{exercise} {title}: passed"


def reference(exercise: str, title: str) -> Card:
    """What stands under a check that was never run: when to run it, and what it will say in the end."""
    goal = (
        f"Run this cell after your answer. Solved, it says `{Mood.PASS.value[0]} {passing(exercise, title)}`."
    )
    return Card(Mood.OPEN, f"{exercise} {title}: not checked yet", (("", goal),))


def _html_row(label: str, text: str) -> str:
    head = f'<span style="opacity: 0.65">{html.escape(label)}: </span>' if label else ""
    first, *more = text.splitlines() or [""]
    block = (
        f'<pre style="margin: 4px 0 4px 14px; overflow-x: auto">{html.escape(chr(10).join(more))}</pre>'
        if more
        else ""
    )
    return f'<div style="margin-top: 4px">{head}{_inline(first)}{block}</div>'


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
