"""What a notebook is told while it is graded, where otherwise the checker's process would answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aurora_lab.course.places import CourseError
from aurora_lab.region.home import Home


def desk_file(home: Home) -> Path:
    """Is there in a guest's home only. Holds what a notebook may know of the exercises."""
    return home.folder / "course" / "graded.json"


def is_guest(home: Home) -> bool:
    """Whether this is the home of a notebook that is being graded."""
    return desk_file(home).is_file()


def answer(home: Home, request: Mapping[str, Any]) -> dict[str, Any]:
    """The exercises, if they are asked for. Raises CourseError with what else there is to say."""
    if request.get("op") == "about":
        return dict(json.loads(desk_file(home).read_text()))
    raise CourseError("Noted. This notebook is being graded: the grader decides, outside of it.")
