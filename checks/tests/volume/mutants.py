"""Regions with a fault built in, for the referee to find: `python mutants.py NAME --home DIR …`, as the real one.

What is left out is left out here, in the mutant's own process: the product knows nothing of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aurora_lab.cli.torture_region import SCALE, Arena
from aurora_lab.cluster import promotion
from aurora_lab.cluster.quorum import NAMES
from aurora_lab.cluster.storage_nodes import StorageNodes
from aurora_lab.region import client, daemon


def quorum_of_one() -> None:
    """A commit is acknowledged as soon as one storage node has it."""
    StorageNodes.synchronous = f"ANY 1 ({', '.join(NAMES)})"


def no_hand_over() -> None:
    """The new writer opens with the log that it has."""
    promotion.hand_over = lambda *_arguments: None


MUTANTS: dict[str, Callable[[], None]] = {"quorum-of-one": quorum_of_one, "no-hand-over": no_hand_over}


class MutantArena(Arena):
    """The referee's region, but for what is left out."""

    def __init__(self, folder: Path, mutant: str) -> None:
        super().__init__(folder)
        self._mutant = mutant

    def start(self) -> None:
        """Start the mutant if it does not run."""
        if client.running(self.home) is not None:
            return
        command = [sys.executable, __file__, self._mutant, "--home", str(self.home.folder)]
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
        process = subprocess.Popen(
            [*command, "--runtime", "embedded", "--scale", str(SCALE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=plain,
            start_new_session=True,
        )
        assert process.stdout is not None
        with process.stdout as lines:
            ready = any(json.loads(line).get("ready") for line in lines)
        process.returncode = 0  # It goes on by itself.
        assert ready, f"the mutant did not start; see {self.home.log}"


def mutant_arena(name: str) -> Callable[[Path], Arena]:
    """What makes an arena with this mutant."""
    return partial(MutantArena, mutant=name)


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(daemon.main(sys.argv[2:]))
