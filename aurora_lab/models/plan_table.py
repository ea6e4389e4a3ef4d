"""Reads a table of a plan's TOML key by key; whatever is wrong is one sentence that names the key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

LARGEST = 10**15
"""No amount of a plan is above: what is, is a slip of the keyboard."""


class PlanError(Exception):
    """The plan cannot be priced; the message is one sentence that says what to do."""


class Table:
    """One table; `done` must be called once all of its keys are read. Methods raise PlanError."""

    def __init__(self, values: Any, where: str, form: str) -> None:
        """`where` is how the table is called in the file, empty for the file itself; `form` shows its keys."""
        if not isinstance(values, dict):
            raise PlanError(f"{where} must be a table: write it as {form}.")
        self._values: dict[str, Any] = values
        self._known: list[str] = []
        self.where = where

    def name(self, key: str) -> str:
        """How a key is called in an error."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """Whether it stands there."""
        self._known.append(key)
        return key in self._values

    def number(self, key: str, default: Fraction | int = 0, most: int = LARGEST) -> Fraction:
        """A number from 0 to `most`, exact."""
        if not self.has(key):
            return Fraction(default)
        return number(self._values[key], self.name(key), most)

    def count(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number."""
        value = self._values.get(key, default) if self.has(key) else default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise PlanError(
                f"{self.name(key)} must be a whole number from {least} to {most}, and is {value!r}."
            )
        return value

    def text(self, key: str, default: str = "", choices: Sequence[str] = ()) -> str:
        """A text; one of `choices`, where there are some."""
        value = self._values.get(key, default) if self.has(key) else default
        if not isinstance(value, str):
            raise PlanError(f"{self.name(key)} must be a text in quotes, and is {value!r}.")
        if choices and value not in choices:
            raise PlanError(f"{self.name(key)} must be one of {', '.join(choices)}, and is {value!r}.")
        return value

    def flag(self, key: str) -> bool:
        """true or false; false unless it is given."""
        value = self._values.get(key, False) if self.has(key) else False
        if not isinstance(value, bool):
            raise PlanError(f"{self.name(key)} must be true or false, and is {value!r}.")
        return value

    def day(self, key: str) -> date | None:
        """A date as 2026-12-01, without quotes."""
        value = self._values.get(key) if self.has(key) else None
        if value is not None and type(value) is not date:
            raise PlanError(
                f"{self.name(key)} must be a date as 2026-12-01, without quotes, and is {value!r}."
            )
        return value

    def value(self, key: str) -> Any:
        """Whatever stands there, or None."""
        return self._values[key] if self.has(key) else None

    def table(self, key: str, form: str) -> Table | None:
        """A table in it, or None."""
        return Table(self._values[key], self.name(key), form) if self.has(key) else None

    def tables(self, key: str, form: str) -> list[Table]:
        """The tables of an array of tables, numbered from 1."""
        if not self.has(key):
            return []
        values = self._values[key]
        if not isinstance(values, list):
            raise PlanError(f"{self.name(key)} must be a list of tables: write each as {form}.")
        return [Table(value, f"{self.name(key)}[{place}]", form) for place, value in enumerate(values, 1)]

    def done(self) -> None:
        """Nothing may be left: a key that nobody reads is a mistake."""
        for key in self._values:
            if key not in self._known:
                near = get_close_matches(key, self._known, 1, 0.6)
                hint = (
                    f"Did you mean {near[0]}?"
                    if near
                    else f"There are {', '.join(sorted(set(self._known)))}."
                )
                raise PlanError(f"{self.name(key)} is not known. {hint}")


def number(value: Any, name: str, most: int = LARGEST) -> Fraction:
    """A number of TOML from 0 to `most`. Raises PlanError, which calls it `name`."""
    fine = isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()
    if not fine or not 0 <= value <= most:
        raise PlanError(f"{name} must be a number from 0 to {most:,}, and is {_said(value)}.")
    return Fraction(value)


def _said(value: Any) -> str:
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else repr(value)
