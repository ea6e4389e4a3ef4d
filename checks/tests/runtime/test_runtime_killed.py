"""What is left of a server whose end was begun by somebody who was killed himself in the middle of it."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from lab_servers import Lab

from aurora_lab.runtime import processes
from aurora_lab.runtime.base import Runtime


def test_a_server_that_was_half_killed_can_be_found_and_killed(
    embedded_runtime: Runtime, server_folder: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = server_folder / "cluster"
    embedded_runtime.make_folder(root)
    spec = Lab(embedded_runtime, root, template).primary()
    embedded_runtime.start(spec)
    main = processes.main_process(spec.data.resolve())
    assert main is not None
    family = processes.family(main)
    send, killed = psutil.Process.send_signal, []

    def send_one(process: psutil.Process, number: int) -> None:
        if number == signal.SIGKILL:
            if killed:
                raise KeyboardInterrupt
            killed.append(process)
        send(process, number)

    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "send_signal", send_one)
        with pytest.raises(KeyboardInterrupt):
            processes.kill(main, spec.data.resolve())
    # Frozen orphans would keep their clients waiting, and nobody would know of them.
    (found,) = embedded_runtime.strays(root, ())
    found.kill()
    assert not [process for process in family if processes.alive(process)]
    embedded_runtime.remove_tree(root)
