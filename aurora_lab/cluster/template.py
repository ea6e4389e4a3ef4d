"""The cached template: a data directory that every new cluster volume starts as a copy of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aurora_lab.runtime.base import Runtime

Setting = dict[str, Any]
"""A row of pg_settings."""


class Template:
    """Makes the template once and hands out its folder.

    `folder` is where templates lie; each has a name made from PostgreSQL's version and from everything that
    goes into it, so an update of either makes a new one beside the old.
    """

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder

    def ensure(self) -> Path:
        """The template's data directory; made now where there is none yet (about a second).

        Restartable: a template under its final name is complete, everything else is rubbish of a dead attempt.
        """
        raise NotImplementedError

    def settings(self) -> list[Setting]:
        """The rows of pg_settings on a fresh server: name, setting, unit, vartype, context, min_val, max_val,
        enumvals, short_desc, boot_val, category.
        """
        raise NotImplementedError
