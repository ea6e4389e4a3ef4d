"""A picture as HTML that every notebook shows, also one that is opened by somebody who has not run it.

Bare SVG is taken out there, and the words in it are left standing as text.
"""

from __future__ import annotations

import base64
from html import escape

DARK = "min(1,var(--jp-shadow-base-lightness,0))"
"""1 in a dark theme of JupyterLab, else 0: the one number among its variables that tells them apart."""
STYLE = f"max-width:100%;filter:invert({DARK}) hue-rotate(calc(180deg*{DARK}))"
"""An image knows nothing of the page's theme, so in a dark one it is turned dark: light and dark change places, and
hues stay."""


def image(svg: str, width: int, words: str) -> str:
    """The picture as an image of `width` pixels at most; `words` for whoever does not see it."""
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<img alt="{escape(words)}" width="{width}" style="{STYLE}" src="data:image/svg+xml;base64,{data}">'
    )
