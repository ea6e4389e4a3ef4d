"""A map of the region at one moment, as a picture and in words.

`draw` draws what the region says (`GET /_lab/live`); it is pure.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape

from aurora_lab.view import picture, words
from aurora_lab.view.words import Status

DARK = "min(1,var(--jp-shadow-base-lightness,0))"
"""1 in a dark theme of JupyterLab, else 0: the one number among its variables that tells them apart."""
STYLE = f"max-width:100%;filter:invert({DARK}) hue-rotate(calc(180deg*{DARK}))"
"""An image knows nothing of the page's theme, so in a dark one it is turned dark: light and dark change places, and
hues stay."""


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """A drawn region. Jupyter shows the picture, a terminal the lines."""

    svg: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def bundle(self) -> dict[str, str]:
        """Both forms by their media type, as a notebook's output holds them."""
        # An image in HTML and not bare SVG, which Jupyter shows only to whoever ran the cell.
        data = base64.b64encode(self.svg.encode()).decode()
        html = (
            f'<img alt="cluster map: {escape(self.text)}" width="{picture.WIDTH}" style="{STYLE}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
        return {"text/plain": self.text, "text/html": html}

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.bundle()


def chosen(seen: Status, cluster: str | None) -> tuple[list[Status], list[Status]]:
    """The clusters and databases that a map of `cluster` (or of all) shows."""
    clusters = [item for item in seen["clusters"] if cluster in (None, item["id"])]
    return clusters, list(seen.get("databases") or ()) if cluster is None else []


def draw(seen: Status, cluster: str | None = None) -> ClusterMap:
    """The map of one cluster, or of all there is."""
    clusters, databases = chosen(seen, cluster)
    nothing = words.nothing(cluster)
    return ClusterMap(
        picture.svg(seen, clusters, databases, nothing), words.text(seen, clusters, databases, nothing)
    )
