"""What of a widget is kept in a notebook's file."""

from __future__ import annotations

from typing import Any

from aurora_lab.course.stored import WIDGET_VIEW, before_save


def notebook(**data: Any) -> dict[str, Any]:
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    cells = [{"cell_type": "code", "outputs": [output]}, {"cell_type": "markdown", "source": ""}]
    return {"cells": cells, "metadata": {"widgets": {"state": {}}, "kernelspec": {"name": "python3"}}}


def test_a_map_is_stored_as_its_picture() -> None:
    content = notebook(**{WIDGET_VIEW: {"model_id": "x"}, "text/html": "<img>", "text/plain": "map"})
    before_save(model={"type": "notebook", "content": content}, path="x.ipynb", contents_manager=None)
    assert content["cells"][0]["outputs"][0]["data"] == {"text/html": "<img>", "text/plain": "map"}
    assert content["metadata"] == {"kernelspec": {"name": "python3"}}


def test_what_has_no_other_form_and_other_files_stay() -> None:
    content = notebook(**{WIDGET_VIEW: {"model_id": "x"}, "text/plain": "A()"})
    before_save({"type": "notebook", "content": content})
    assert WIDGET_VIEW in content["cells"][0]["outputs"][0]["data"]
    for model in ({"type": "file", "content": "text"}, {"type": "directory", "content": None}):
        before_save(dict(model))
