"""What of a live map is kept in a notebook's file: the picture as it was drawn, nothing of the widget.

A widget lives in its kernel. In a file that is opened again tomorrow it would be one line, "model not found", where
the picture could be.
"""

from __future__ import annotations

from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def forget_widgets(notebook: Any) -> None:
    """Take widget views and widget state out of a notebook; the other forms of an output stay."""
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("widgets", None)
    for cell in notebook.get("cells") or ():
        for output in cell.get("outputs") or ():
            data = output.get("data")
            # A widget without another form stays: it is not ours, and there would be nothing left.
            if isinstance(data, dict) and "text/html" in data:
                data.pop(WIDGET_VIEW, None)


def before_save(model: dict[str, Any], **_: object) -> None:
    """JupyterLab calls it with what it is about to write; what is on the screen stays as it is."""
    if model.get("type") == "notebook" and isinstance(model.get("content"), dict):
        forget_widgets(model["content"])
