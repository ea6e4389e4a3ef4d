"""The fact table: what a lesson says of Aurora stands in one of its rows, with source and date.

`facts.md` beside this module is the table. A row is cited by its number, as [3.11]; items of the numbered lists of
section 14 are cited the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aurora_lab.course.cards import Card, Mood

_SECTION = re.compile(r"^## (\d+)\. (.+)$")
_ROW = re.compile(r"^\| (\d+\.\d+) \|")
_KEY = re.compile(r"^\| ([A-Z][A-Z0-9+-]*) \| (.+)")
_ITEM = re.compile(r"^(\d+)\. (.+)$")
_CELLS = re.compile(r"(?<!\\)\|")
_NUMBER = re.compile(r"\d+\.\d+")
CONFIDENCE = {
    "H": "read in the primary source",
    "M": "a strong secondary source, an excerpt, or sources that differ",
    "L": "one secondary source, or inferred",
    "?": "not confirmed: not to be taught as a fact",
}


class UnknownFactError(Exception):
    """There is no such row; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row."""

    number: str
    section: str
    """The title of its section."""
    text: str
    source: str
    date: str
    """Of the copy of the source that was read; empty where the source's own date says it."""
    confidence: str
    """One of CONFIDENCE, or empty."""

    def card(self, keys: Mapping[str, str]) -> Card:
        """The row as a card; `keys` spells out the abbreviations of the sources."""
        rows = [("", self.text.replace("**", ""))]
        if self.source:
            rows.append(("source", self.source))
        rows += [(key, keys[key].replace("**", "")) for key in self._keys(keys)]
        if self.date:
            rows.append(("date", self.date))
        if self.confidence:
            words = CONFIDENCE.get(self.confidence, "")
            rows.append(("confidence", f"{self.confidence} ({words})" if words else self.confidence))
        return Card(Mood.NOTE, f"[{self.number}] {self.section}", tuple(rows))

    def _keys(self, keys: Mapping[str, str]) -> list[str]:
        named = re.findall(r"(?<![\w`-])[A-Z][A-Z0-9+-]*(?![\w`])", self.source)
        return [key for key in dict.fromkeys(named) if key in keys]


@dataclass(frozen=True, slots=True)
class Facts:
    """The whole table."""

    rows: Mapping[str, Fact]
    keys: Mapping[str, str]
    """What the abbreviations of the sources stand for."""

    def get(self, number: str) -> Fact:
        """One row, by its number with or without brackets. Raises UnknownFactError."""
        wanted = number.strip().strip("[]")
        if wanted in self.rows:
            return self.rows[wanted]
        if not _NUMBER.fullmatch(wanted):
            raise UnknownFactError(f"{number!r} is not the number of a fact. Write it as 3.11.")
        section = wanted.split(".", maxsplit=1)[0]
        there = [fact.number for fact in self.rows.values() if fact.number.startswith(f"{section}.")]
        if not there:
            last = list(self.rows)[-1].split(".", maxsplit=1)[0]
            raise UnknownFactError(f"There is no fact {wanted}: the sections are 1 to {last}.")
        raise UnknownFactError(f"There is no fact {wanted}: section {section} has {there[0]} to {there[-1]}.")

    def search(self, words: str) -> list[Fact]:
        """The rows that have all these words, in any order and case."""
        wanted = words.lower().split()
        return [
            fact
            for fact in self.rows.values()
            if all(word in f"{fact.text} {fact.source}".lower() for word in wanted)
        ]

    def sections(self) -> dict[str, list[Fact]]:
        """The rows by the titles of their sections."""
        found: dict[str, list[Fact]] = {}
        for fact in self.rows.values():
            found.setdefault(fact.section, []).append(fact)
        return found


@cache
def facts() -> Facts:
    """The table."""
    text = Path(__file__).with_name("facts.md").read_text(encoding="utf-8")
    keys = {found[1]: _cells(line)[1] for line in text.splitlines() if (found := _KEY.match(line))}
    return Facts({fact.number: fact for fact in _rows(text)}, keys)


def _rows(text: str) -> Iterator[Fact]:
    section = number = ""
    header: list[str] = []
    for line in text.splitlines():
        if found := _SECTION.match(line):
            number, section = found[1], found[2]
        elif line.startswith("| # |"):
            header = [cell.lower() for cell in _cells(line)]
        elif _ROW.match(line):
            yield _row(section, dict(zip(header, _cells(line), strict=True)))
        elif number and (found := _ITEM.match(line)):
            yield Fact(f"{number}.{found[1]}", section, found[2], "", "", "")


def _row(section: str, cells: dict[str, str]) -> Fact:
    """The tables differ in their columns: what is neither number nor origin is part of the fact."""
    origin = {
        "source": next((name for name in cells if name.startswith(("source", "evidence"))), ""),
        "date": next((name for name in cells if name.startswith("date")), ""),
        "conf": next((name for name in cells if name.startswith("conf")), ""),
    }
    said = [text for name, text in cells.items() if name != "#" and name not in origin.values() and text]
    return Fact(
        cells["#"],
        section,
        " — ".join(said),
        cells.get(origin["source"], ""),
        cells.get(origin["date"], ""),
        cells.get(origin["conf"], ""),
    )


def _cells(line: str) -> list[str]:
    cells = (cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1])
    return ["" if cell == "—" else cell for cell in cells]
