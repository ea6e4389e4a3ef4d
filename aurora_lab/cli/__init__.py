"""The `aurora-lab` command.

This file and the package's own `__init__.py` are the first to be read, also by a Python that is too old for
the rest, so both keep to syntax that Python 3.7 reads.
"""

import sys


def version_complaint(version: "tuple[int, int]") -> str:
    """Return the sentence for a Python `version` (major, minor) that is too old, or an empty string."""
    if version >= (3, 11):
        return ""
    return (
        "aurora-lab needs Python 3.11, 3.12 or 3.13, and this is Python {}.{}. "
        "Run `uv run --python 3.12 aurora-lab`, or install a newer Python.".format(*version)
    )


if version_complaint(sys.version_info[:2]):
    raise SystemExit(version_complaint(sys.version_info[:2]))
