"""The region's state: one SQLite file, changed only in transactions.

Every resource is one JSON document under a kind and an id. A `kill -9` between two statements leaves the
last committed transaction, whole: that is SQLite's promise in WAL mode, and the reason it is used here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Watcher = Callable[[str, Document | None], None]
"""Is told the id of a document, and what it is now; None: it was deleted."""

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, document TEXT NOT NULL
);
"""


class StateError(Exception):
    """The state file cannot be used; the message says what to do."""


class Store:
    """Documents by kind and id, and the event log. Safe to share between threads.

    Raises StateError where the file is damaged, of a newer version, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._watchers: dict[str, Watcher] = {}
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            check = self._db.execute("PRAGMA quick_check").fetchone()[0]
            if check != "ok":
                raise sqlite3.DatabaseError(check)
            if version > SCHEMA_VERSION:
                raise StateError(
                    f"{path} was written by a newer aurora-lab. Update aurora-lab, "
                    "or choose another home with --home."
                )
            self._db.executescript(SCHEMA)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error as error:
            raise StateError(
                f"The region's state file {path} cannot be used ({error}). "
                "Run `aurora-lab reset` to start afresh (it keeps the old folder beside the new one), "
                "or choose another home with --home."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes inside all at once or, where an exception leaves the block, not at all.

        May be nested; the outermost block decides. One thread at a time.
        """
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._db.execute("COMMIT")

    def get(self, kind: str, id: str) -> Document | None:
        """The document, or None. A copy: change it, then `put` it."""
        with self._lock:
            row = self._db.execute(
                "SELECT document FROM resource WHERE kind = ? AND id = ?", (kind, id)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, ordered by id."""
        with self._lock:
            rows = self._db.execute(
                "SELECT document FROM resource WHERE kind = ? ORDER BY id", (kind,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Call `watcher` in the transaction of each change of a document of this kind."""
        self._watchers[kind] = watcher

    def put(self, kind: str, id: str, document: Document) -> None:
        """Write a document; it replaces one of the same kind and id."""
        with self._watched(kind, id, document):
            self._db.execute(
                "INSERT INTO resource VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document",
                (kind, id, json.dumps(document)),
            )

    def delete(self, kind: str, id: str) -> None:
        """Remove a document; nothing happens where there is none."""
        with self._watched(kind, id, None):
            self._db.execute("DELETE FROM resource WHERE kind = ? AND id = ?", (kind, id))

    @contextmanager
    def _watched(self, kind: str, id: str, document: Document | None) -> Iterator[None]:
        watcher = self._watchers.get(kind)
        if watcher is None:
            with self._lock:
                yield
            return
        with self.transaction():
            yield
            watcher(id, document)

    def add_event(self, at: str, document: Document) -> None:
        """Append to the event log. `at` is an ISO 8601 time in UTC."""
        with self._lock:
            self._db.execute("INSERT INTO event (at, document) VALUES (?, ?)", (at, json.dumps(document)))

    def events(self) -> list[Document]:
        """The event log in order; each with its `sequence` and `at`."""
        with self._lock:
            rows = self._db.execute("SELECT sequence, at, document FROM event ORDER BY sequence").fetchall()
        return [{"sequence": number, "at": at, **json.loads(document)} for number, at, document in rows]

    def last_events(self, count: int) -> list[Document]:
        """The newest `count` of the event log, oldest first; as `events` gives them."""
        with self._lock:
            rows = self._db.execute(
                "SELECT sequence, at, document FROM event ORDER BY sequence DESC LIMIT ?", (count,)
            ).fetchall()
        return [{"sequence": number, "at": at, **json.loads(document)} for number, at, document in rows[::-1]]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
