"""The place of storage nodes where there are none: an RDS instance has its data on a disk of its own."""

from __future__ import annotations

from pathlib import Path

from aurora_lab.cluster.quorum import NodeStatus
from aurora_lab.cluster.storage_nodes import StorageNodes


class NoStorageNodes(StorageNodes):
    """Nobody to fence, to follow or to look after."""

    synchronous = ""

    def require_read_quorum(self) -> None:
        """Nothing is needed."""

    def fence(self) -> None:
        """There is nobody to fence."""

    def truth(self) -> Path | None:
        """There is no log but the servers' own."""

    def follow(self, writer: str) -> None:
        """Nobody follows."""

    def await_quorum(self, writer: str, seconds: float = 0.0) -> bool:  # noqa: ARG002
        """There is nobody to wait for."""
        return True

    def tend(self, *_: object) -> list[str]:
        """There is nobody to look after."""
        return []

    def status(self, writer: str | None, memory: bool = True) -> tuple[NodeStatus, ...]:  # noqa: ARG002
        """None."""
        return ()

    def stop(self) -> None:
        """There is nothing to end."""
