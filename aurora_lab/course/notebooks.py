"""Read, write and make notebooks. The one place that touches nbformat, which has no types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

_nbformat: Any = nbformat

Notebook = Any
"""A notebook of format 4, as nbformat gives it: attributes and items both work."""
LARGEST_BYTES, MOST_CELLS = 20_000_000, 2_000


class NotebookError(Exception):
    """A file is not a notebook that can be used; the message says what to do."""


def read(path: Path) -> Notebook:
    """The notebook in a file, brought to format 4. Raises NotebookError."""
    if path.exists() and not path.is_file():
        raise NotebookError(f"{path.name} is no file. Give the notebook itself.")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise NotebookError(
                f"{path.name} is larger than {LARGEST_BYTES // 1_000_000} MB. Clear its outputs and save it."
            )
        found = loads(path.read_text(encoding="utf-8"))
        if not _is_notebook(found):
            raise ValueError("it has no list of cells with a source each")
        if len(found.cells) > MOST_CELLS:
            raise NotebookError(f"{path.name} has more than {MOST_CELLS:,} cells. Remove what is not needed.")
        return found
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path} cannot be read: {error}") from error
    except ValueError as error:
        what = " ".join(str(error).split())[:160]
        raise NotebookError(f"{path.name} is not a notebook (Jupyter saves it as JSON): {what}") from error


def _is_notebook(found: Any) -> bool:
    """Whether it has what everybody here relies on; nbformat only logs what is not valid."""
    cells = found.get("cells")
    return (
        isinstance(cells, list)
        and isinstance(found.get("metadata"), dict)
        and all(
            isinstance(cell, dict)
            and isinstance(cell.get("cell_type"), str)
            and isinstance(cell.get("source"), str)
            and isinstance(cell.get("metadata"), dict)
            for cell in cells
        )
    )


def loads(text: str) -> Notebook:
    """The notebook in a text. Raises ValueError."""
    try:
        return _nbformat.reads(text, as_version=4)
    except Exception as error:
        # nbformat raises whatever it stumbles over: KeyError, AttributeError, its own classes.
        raise ValueError(str(error) or type(error).__name__) from error


def dumps(notebook: Notebook) -> str:
    """A notebook as it is written to its file."""
    return str(_nbformat.writes(notebook)) + "\n"


def new() -> Notebook:
    """An empty notebook."""
    return _nbformat.v4.new_notebook()


def prose(source: str, id: str) -> Notebook:
    """A Markdown cell."""
    return _nbformat.v4.new_markdown_cell(source, id=id)


def code(source: str, id: str) -> Notebook:
    """A code cell without outputs."""
    return _nbformat.v4.new_code_cell(source, id=id)


def shown(data: dict[str, str]) -> Any:
    """An output of a cell that showed this, by media type."""
    return _nbformat.v4.new_output("execute_result", data=data, execution_count=None)


def from_dict(value: Any) -> Any:
    """Plain JSON values as nbformat's."""
    return _nbformat.from_dict(value)


def validate(notebook: Notebook) -> None:
    """Raises nbformat's ValidationError where a notebook is not valid."""
    _nbformat.validate(notebook)


def mark(cell: Notebook) -> dict[str, Any]:
    """Our mark of a cell: role, id, exercise. Empty for a cell of the learner's own."""
    found = cell.get("metadata", {}).get("aurora_lab")
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        return {}
    return dict(found)
