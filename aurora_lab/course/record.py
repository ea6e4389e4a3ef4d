"""What a learner has done in one lesson: predictions, evidence, hints seen, tries, passes. One file a lesson."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from aurora_lab.region.clock import timestamp
from aurora_lab.region.home import Home

MAX_BYTES = 64_000
"""The longest evidence of one exercise, as JSON."""


LOCK_SECONDS = 10.0


class NotPlainError(Exception):
    """Evidence that is not plain data; the message says what would be."""


def plain(value: Any, name: str) -> Any:
    """`value` as JSON values: text, numbers, lists, dictionaries. Raises NotPlainError."""
    found = _plain(value, name)
    if len(json.dumps(found)) > MAX_BYTES:
        raise NotPlainError(f"`{name}` is longer than {MAX_BYTES // 1000} kB.")
    return found


def _plain(value: Any, name: str, depth: int = 0) -> Any:
    if depth > 8:
        raise NotPlainError(f"`{name}` is nested too deeply.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, name, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, name, depth + 1) for item in value]
    raise NotPlainError(
        f"`{name}` holds a {type(value).__name__}. Give text, numbers, lists or dictionaries of these."
    )


class Record:
    """The record of one lesson, kept in the region's home beside the state that it belongs to."""

    def __init__(self, home: Home, lesson: str) -> None:
        self.path = home.folder / "course" / f"lesson-{lesson}.json"

    def entry(self, exercise: str) -> dict[str, Any]:
        """What is recorded of an exercise: prediction, evidence, tries, hints, passed."""
        found = self._read().get(exercise)
        return found if isinstance(found, dict) else {}

    def all(self) -> dict[str, dict[str, Any]]:
        """Every exercise's entry by its id."""
        return {name: item for name, item in self._read().items() if isinstance(item, dict)}

    def predict(self, exercise: str, letter: str) -> str:
        """Commit to a prediction; the first one stays. Returns the one that stands."""
        return str(self._change(exercise, lambda item: item.setdefault("prediction", letter)))

    def answer(self, exercise: str, evidence: Mapping[str, Any]) -> dict[str, Any]:
        """Keep evidence, beside what there is. Returns all evidence of the exercise."""

        def keep(item: dict[str, Any]) -> dict[str, Any]:
            item["evidence"] = {**item.get("evidence", {}), **evidence}
            return dict(item["evidence"])

        return dict(self._change(exercise, keep))

    def failed(self, exercise: str, mistake: str) -> int:
        """Count a failed try. Returns how often this exercise has failed so far."""

        def count(item: dict[str, Any]) -> int:
            item["tries"] = item.get("tries", 0) + 1
            item["mistakes"] = Counter(item.get("mistakes", {})) + Counter([mistake])
            return int(item["tries"])

        return int(self._change(exercise, count))

    def passed(self, exercise: str) -> None:
        """Note the first pass."""
        self._change(exercise, lambda item: item.setdefault("passed", timestamp()))

    def hint(self, exercise: str, count: int, *, again: bool = False) -> int:
        """The number (from 0) of the hint to show now: the next one, or with `again` the last one shown."""

        def step(item: dict[str, Any]) -> int:
            shown = int(item.get("hints", 0))
            item["hints"] = max(shown, 1) if again else min(shown + 1, count)
            return int(item["hints"]) - 1

        return int(self._change(exercise, step))

    def tries(self, exercise: str) -> int:
        """How often an exercise has failed."""
        found = self.entry(exercise).get("tries", 0)
        return found if isinstance(found, int) else 0

    def forget(self, exercise: str) -> None:
        """An exercise begins anew; its prediction stands."""

        def clear(item: dict[str, Any]) -> None:
            for name in set(item) - {"prediction"}:
                del item[name]

        self._change(exercise, clear)

    def set_aside(self, stamp: str) -> Path | None:
        """The lesson begins anew: the record goes to a name with this stamp; None where there is none."""
        kept = self.path.with_suffix(f".{stamp}.json")
        try:
            self.path.rename(kept)
        except FileNotFoundError:
            return None
        return kept

    def _change(self, exercise: str, change: Any) -> Any:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A notebook and `aurora-lab watch` may both be at it.
        with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
            everything = self._read()
            entry = everything.get(exercise)
            if not isinstance(entry, dict):
                entry = everything[exercise] = {}
            result = change(entry)
            temporary = self.path.with_suffix(f".{secrets.token_hex(4)}")
            temporary.write_text(json.dumps(everything, indent=1))
            temporary.replace(self.path)
        return result

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            # A record that cannot be read is begun anew: it holds nothing that the region does not show.
            return {}
        return found if isinstance(found, dict) else {}
