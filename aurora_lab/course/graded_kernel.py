"""The kernel of a submission, and beside it the AWS CLI, loaded once: `python -P -m … CONNECTION AWS_SOCKET`."""

from __future__ import annotations

import os
import sys

from aurora_lab.course import aws_server

PACED = "aurora_lab.course.paced.PacedStream"
"""By name: the AWS CLI's server has no use for ipykernel."""


def load_more() -> None:
    """Import what the kernel's companion would import when it is first asked."""
    aws_server.load()


def main(arguments: list[str]) -> None:
    """Run the kernel; does not return before it ends."""
    connection, aws_socket = arguments
    if os.fork() == 0:
        aws_server.main(aws_socket)
        os._exit(0)
    # Python's -P keeps a learner's files out of what is imported so far; their own cells may import them.
    packages = [place for place, path in enumerate(sys.path) if path.endswith("-packages")]
    sys.path.insert(packages[0] if packages else 0, "")
    from ipykernel import kernelapp  # noqa: PLC0415 - the companion has no use for it

    kernelapp.launch_new_instance(argv=["-f", connection, f"--IPKernelApp.outstream_class={PACED}"])


if __name__ == "__main__":
    main(sys.argv[1:])
