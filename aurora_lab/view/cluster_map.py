"""A map of the region at one moment, as a picture and in words.

`draw` draws what the region says (`GET /_lab/live`); it is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_lab.view import picture, words
from aurora_lab.view.image import image
from aurora_lab.view.words import Status


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """A drawn region. Jupyter shows the picture, a terminal the lines."""

    svg: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def bundle(self) -> dict[str, str]:
        """Both forms by their media type, as a notebook's output holds them."""
        html = image(self.svg, picture.WIDTH, f"cluster map: {self.text}")
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
