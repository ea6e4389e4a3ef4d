"""Compile what kernels import, once: where an environment was installed without bytecode, or a kernel may not
write it, each `aws` call compiles its program anew, which takes longer than the call itself.
"""

from __future__ import annotations

import compileall
import importlib.util
from pathlib import Path

PACKAGES = ("awscli", "botocore", "boto3", "s3transfer", "psycopg", "ipykernel", "IPython", "jupyter_client")


def compile_packages() -> None:
    """Write the bytecode that is missing; where it may not be written, nothing happens."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        if not any((folder / "__pycache__").glob("*.pyc")):
            compileall.compile_dir(folder, quiet=2, workers=0)
