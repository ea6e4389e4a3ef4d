"""Which files of this machine a kernel needs to see, and which in their midst it must not."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import aurora_lab
from aurora_lab.course.surroundings import tools_folder

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    *("passwd", "group", "nsswitch.conf", "hosts", "localtime", "ssl", "alternatives"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "mime.types", "services", "protocols"),
)
"""Below /etc."""


def visible_paths() -> list[Path]:
    """What a kernel sees, read-only: programs, Python, this package. Not the checkout around it."""
    found = [Path(path) for path in SYSTEM]
    found += [Path("/etc") / name for name in SETTINGS]
    package = Path(aurora_lab.__file__).resolve().parent
    for folder in (sys.base_prefix, sys.prefix, sysconfig.get_path("purelib")):
        found += [Path(folder), Path(folder).resolve()]
    found.append(package)
    tools = tools_folder()
    if tools is not None:
        found.append(tools.resolve().parent)
    existing = [path for path in dict.fromkeys(found) if path.exists() or path.is_symlink()]
    # What lies in a folder that is shown already needs no showing of its own.
    return [path for path in existing if not any(other in path.parents for other in existing)]


def hidden_folders() -> list[Path]:
    """What is in an installed package and is none of a submission's business: the checks."""
    course = Path(aurora_lab.__file__).resolve().parent / "_course"
    return [course / "checks", course / "solutions"]
