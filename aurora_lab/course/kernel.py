"""The kernel in which a submission runs: nbval's, but confined, and with no long wait for the dead or the loud."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import sys
import time
from collections import deque
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from nbval.kernel import RunningKernel  # type: ignore[import-untyped]

from aurora_lab.course.sandbox import Confined

LOOK_SECONDS = 0.25
"""How often a silent kernel is looked at."""
START_SECONDS = 60.0
LONGEST_SOCKET_PATH = 100
"""Unix sockets have paths of 104 to 108 bytes at most."""
LOUD_BYTES = 10_000_000
"""What one cell may print and display."""
MESSAGE_BYTES = 300
"""What a message weighs at least."""
KEPT_CHARACTERS = 10_000
"""How much of one output is kept: nobody looks at more."""
CHANNELS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


class KernelDiedError(Exception):
    """The kernel's process ended while a cell ran, or before."""


class TooLoudError(Exception):
    """A cell printed more than is reasonable."""


def write_connection(folder: Path) -> Path:
    """A connection file in the kernel's own folder: Unix sockets beside it. Returns its path."""
    file = folder / "connection.json"
    connection: dict[str, Any] = {
        **{name: number for number, name in enumerate(CHANNELS, 1)},
        "transport": "ipc",
        "ip": str(folder / "k"),
        "key": secrets.token_hex(16),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }
    file.write_text(json.dumps(connection))
    return file


def kernel_command(connection: Path, aws_socket: Path) -> list[str]:
    """The command that runs a kernel of this Python, and beside it the AWS CLI's server."""
    return [sys.executable, "-P", "-m", "aurora_lab.course.graded_kernel", str(connection), str(aws_socket)]


class GradingKernel(RunningKernel):  # type: ignore[misc]
    """A running kernel. Remembers the last reply, which says `error` where nbval sees nothing."""

    def __init__(self, confined: Confined, connection: Any) -> None:
        """Wait until it answers. Raises KernelDiedError."""
        self.reply: dict[str, Any] = {}
        self.confined = confined
        self._outputs: deque[Any] = deque()
        self._loud = 0
        self.kc: Any = BlockingKernelClient()
        self.kc.load_connection_info(connection)
        self.kc.start_channels(stdin=False, hb=False)
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _await_ready(self) -> None:
        """Until it answers, and its outputs reach us, too."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            request = self.kc.kernel_info()
            with contextlib.suppress(Empty):
                self.await_reply(request, timeout=deadline - time.monotonic())
                self.await_idle(request, timeout=1)
                return
        raise KernelDiedError(f"The kernel gave no answer within {START_SECONDS:g} seconds.")

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> Any:
        """Begin to run a cell."""
        self._loud = 0
        self._outputs.clear()
        self.reply = {}
        return super().execute_cell_input(cell_input, allow_stdin)

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """The next message of a channel.

        Raises Empty after `timeout` seconds, KernelDiedError and TooLoudError at once.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if stream == "iopub" and self._outputs:
                return self._outputs.popleft()
            left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
            try:
                if stream == "iopub":
                    return self._weighed(self.kc.get_iopub_msg(timeout=max(left, 0.01)))
                # What it prints meanwhile is taken, too: it must not pile up.
                self._take_outputs()
                return self.kc.get_shell_msg(timeout=max(left, 0.01))
            except Empty:
                if not self.is_alive():
                    raise KernelDiedError(self.confined.ended_by()) from None
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    def _take_outputs(self) -> None:
        until = time.monotonic() + LOOK_SECONDS
        with contextlib.suppress(Empty):
            while time.monotonic() < until:
                self._outputs.append(self._weighed(self.kc.get_iopub_msg(timeout=0)))

    def _weighed(self, message: Any) -> Any:
        """The message, counted and cut to what is of use. Raises TooLoudError."""
        content = message["content"]
        texts = [content, *(item for item in content.values() if isinstance(item, dict))]
        for holder in texts:
            for name, value in holder.items():
                if isinstance(value, str):
                    self._loud += len(value)
                    holder[name] = value[:KEPT_CHARACTERS]
        self._loud += MESSAGE_BYTES
        if self._loud > LOUD_BYTES:
            raise TooLoudError(f"It printed more than {LOUD_BYTES // 1_000_000} MB and was stopped.")
        return message

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to a request and keep it. Raises Empty, KernelDiedError, TooLoudError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.01)
            message = self.get_message("shell", timeout=left)
            if message["parent_header"].get("msg_id") == msg_id:
                self.reply = dict(message["content"])
                return

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.confined.alive()

    def interrupt(self) -> None:
        """Ask it to stop what it does."""
        self.kc.control_channel.send(self.kc.session.msg("interrupt_request", {}))

    def stop(self) -> None:
        """End the kernel, dead or alive, and let go of all that belongs to it. May be called twice."""
        if self.kc is not None:
            client, self.kc = self.kc, None
            client.stop_channels()
        self.confined.end()

    close = stop

    def failure(self) -> str:
        """What the last reply says went wrong, in one line; empty where nothing did."""
        if self.reply.get("status") == "ok":
            return ""
        name = self.reply.get("ename", self.reply.get("status", "It gave no reply"))
        return one_line(f"{name}: {self.reply.get('evalue', '')}".strip(": "))


def one_line(text: str, longest: int = 400) -> str:
    """A learner's text as it may stand in a report: no control characters, one line, not too long."""
    bare = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text[: 4 * longest])
    line = " ".join("".join(item if item.isprintable() else " " for item in bare).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
