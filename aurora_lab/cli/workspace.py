"""The learner's folder: lessons are copied to it, and nothing that a learner changed is ever overwritten.

The rules, for each file of the course:

    in the workspace              what is done
    not there                     it is copied
    as the course has it          nothing
    as an earlier copy left it    it is refreshed
    anything else                 it is the learner's. A version of the course that was not offered before is
                                  put beside it, under a name of its own, once

What was copied is known by its hash, kept in `.aurora-lab/manifest.json`. A lost or damaged manifest makes
files count as the learner's, never the other way round; so does a copy that was interrupted. Of a notebook the
cells are hashed, and not what JupyterLab notes beside them when it is only opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from aurora_lab.cli.failure import LabError

BACKUPS = "backups"


@dataclass(slots=True)
class Report:
    """What `refresh` did; paths are relative to the workspace."""

    copied: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    beside: list[tuple[str, str]] = field(default_factory=list)
    """The learner's file, and the name of the new version beside it."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson of the course."""

    number: str
    """Two digits."""
    slug: str
    path: Path
    """The course's notebook."""

    @property
    def name(self) -> str:
        """The notebook's file name."""
        return self.path.name


def default_workspace() -> Path:
    """`$AURORA_LAB_WORKSPACE`, or `~/aurora-lab` (if that is a clone of the project, `~/aurora-lab-work`)."""
    if given := os.environ.get("AURORA_LAB_WORKSPACE"):
        return Path(given).expanduser().absolute()
    folder = Path.home() / "aurora-lab"
    return folder.with_name("aurora-lab-work") if (folder / "pyproject.toml").exists() else folder


def chosen_workspace(given: Path | None) -> Path:
    """The folder named with `--workspace`, or the default one; absolute."""
    return (given.expanduser() if given else default_workspace()).absolute()


def list_lessons(course: Path) -> list[Lesson]:
    """The lessons of the course in order."""
    found = []
    for path in sorted(course.glob("*.ipynb")):
        if match := re.fullmatch(r"(\d\d)_(\w+)", path.stem):
            found.append(Lesson(match[1], match[2], path))
    return found


def find_lesson(course: Path, wanted: str) -> Lesson:
    """The lesson that is meant by a number, slug or file name. Raises LabError, naming the lessons."""
    lessons = list_lessons(course)
    plain = PurePosixPath(wanted.replace("\\", "/")).name.removesuffix(".ipynb").replace("-", "_").lower()
    for lesson in lessons:
        if plain in {lesson.number, lesson.slug, lesson.path.stem} or (
            plain.isdecimal() and int(plain) == int(lesson.number)
        ):
            return lesson
    there = ", ".join(lesson.path.stem for lesson in lessons) or "none"
    raise LabError(f"There is no lesson {wanted!r}. The lessons are: {there}.")


class Workspace:
    """The folder in which a learner works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def manifest(self) -> Path:
        """Remembers the hash of each file as it was last put here."""
        return self.folder / ".aurora-lab" / "manifest.json"

    def refresh(self, course: Path) -> Report:
        """Bring the course's files here by the rules above. Raises OSError."""
        report = Report()
        self.manifest.parent.mkdir(parents=True, exist_ok=True)
        known = self._read_manifest()
        for name, content in _files(course):
            self._refresh_one(name, content, known, report)
        text = json.dumps({"version": 1, "files": known}, indent=1, sort_keys=True)
        if not self.manifest.is_file() or self.manifest.read_text(encoding="utf-8") != text:
            _write(self.manifest, text.encode())
        return report

    def reset(self, lesson: Lesson, now: datetime) -> Path | None:
        """Put the course's version of a lesson here; return where the learner's went, if there was one.

        Raises OSError.
        """
        target = self.folder / lesson.name
        backup = None
        if target.exists() or target.is_symlink():
            backup = self._free(f"{BACKUPS}/{lesson.path.stem}.{now:%Y-%m-%d-%H%M%S}.ipynb")
            backup.parent.mkdir(parents=True, exist_ok=True)
            # Renamed, not copied: at no moment is there no copy of the learner's work.
            target.rename(backup)
        content = lesson.path.read_bytes()
        _write(target, content)
        self.manifest.parent.mkdir(parents=True, exist_ok=True)
        known = self._read_manifest()
        known[lesson.name] = _digest(lesson.name, content)
        known.pop(f"offered:{lesson.name}", None)
        _write(self.manifest, json.dumps({"version": 1, "files": known}, indent=1, sort_keys=True).encode())
        return backup

    def keep(self, path: Path, now: datetime) -> Path:
        """Keep a copy of a file of the learner's under a dated name; return it. Raises OSError."""
        backup = self._free(f"{BACKUPS}/{path.stem}.{now:%Y-%m-%d-%H%M%S}{path.suffix}")
        _write(backup, path.read_bytes())
        return backup

    def _refresh_one(self, name: str, content: bytes, known: dict[str, str], report: Report) -> None:
        target = self.folder / name
        new = _digest(name, content)
        if not target.exists() and not target.is_symlink():
            _write(target, content)
            report.copied.append(name)
        elif (here := _digest_of(target)) == new:
            pass
        elif here is not None and here == known.get(name):
            _write(target, content)
            report.refreshed.append(name)
        elif known.get(f"offered:{name}", known.get(name)) != new:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a relative path as text
            beside = self._free(f"{stem}.updated{suffix}")
            _write(beside, content)
            report.beside.append((name, beside.relative_to(self.folder).as_posix()))
            known[f"offered:{name}"] = new
            return
        else:
            return
        known[name] = new
        known.pop(f"offered:{name}", None)

    def _free(self, name: str) -> Path:
        """The path for `name`, with a number where something of that name is there."""
        wanted = self.folder / name
        path, number = wanted, 2
        while path.exists() or path.is_symlink():
            path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            number += 1
        return path

    def _read_manifest(self) -> dict[str, str]:
        try:
            files = json.loads(self.manifest.read_text(encoding="utf-8"))["files"]
            return {name: digest for name, digest in files.items() if isinstance(digest, str)}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _files(course: Path) -> Iterator[tuple[str, bytes]]:
    """The course's files by relative name; none that is hidden or lies in a hidden folder."""
    for path in sorted(course.rglob("*")):
        relative = path.relative_to(course)
        if path.is_file() and not any(part.startswith((".", "__")) for part in relative.parts):
            yield relative.as_posix(), path.read_bytes()


def _digest(name: str, content: bytes) -> str:
    """The hash of what a learner can change in the file."""
    if name.endswith(".ipynb"):
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            cells = [_cell(cell) for cell in json.loads(content)["cells"]]
            content = json.dumps(cells, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell in one of the several ways in which it can be written down: text whole, nothing empty."""
    return {name: value for name, value in _whole(cell).items() if value not in ({}, [], None)}


def _whole(value: Any) -> Any:
    """A value whose texts are whole: a notebook may hold any of them as a list of lines."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        lines = bool(value) and all(isinstance(item, str) for item in value)
        return "".join(value) if lines else [_whole(item) for item in value]
    return value


def _digest_of(path: Path) -> str | None:
    """The hash of a plain file; None for what this module would never have put there."""
    return None if path.is_symlink() or not path.is_file() else _digest(path.name, path.read_bytes())


def _write(path: Path, content: bytes) -> None:
    """Write by rename: whoever reads sees the old file or the new, and a full disk leaves the old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".aurora-lab-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
