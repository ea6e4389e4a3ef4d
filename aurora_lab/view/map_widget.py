"""The widget of the live map. Imported only where one is shown: its libraries take their time."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class MapWidget(anywidget.AnyWidget):
    """Shows what it is given: `shown` is `Frame.plain()`."""

    _esm = Path(__file__).with_name("live_map.js")
    _css = Path(__file__).with_name("live_map.css")
    shown = traitlets.Dict().tag(sync=True)
