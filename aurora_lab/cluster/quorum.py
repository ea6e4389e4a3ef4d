"""What the volume's six storage nodes say together: quorums, and the log positions of the papers' rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aurora_lab.cluster.types import ClusterError
from aurora_lab.models import lsn
from aurora_lab.models.quorum import AURORA

NAMES = ("a1", "a2", "b1", "b2", "c1", "c2")
"""Two in each of three AZs, which the letter names."""
WRITE_QUORUM, READ_QUORUM = AURORA.write, AURORA.read
SYNCHRONOUS = f"ANY {WRITE_QUORUM} ({', '.join(NAMES)})"
"""`synchronous_standby_names` of every instance: a commit waits until so many storage nodes have flushed it."""


class NoReadQuorumError(ClusterError):
    """Too few storage nodes answer to say what was acknowledged: nobody may open the volume."""

    def __init__(self, answering: int) -> None:
        super().__init__(
            f"The cluster volume has no read quorum: {answering} of {len(NAMES)} storage nodes answer, and "
            f"{READ_QUORUM} are needed to know what was acknowledged. Bring storage nodes back "
            "(`aurora-lab fault storage-node NAME --undo`); then the cluster opens by itself."
        )
        self.answering = answering


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One storage node now."""

    name: str
    zone: str
    """The letter of its AZ."""
    state: str
    """`in-sync`, `catching-up`, `idle` (nobody writes), `starting`; or its fault: `killed`, `paused`, `cut`,
    `destroyed`."""
    scl: int
    """How far its copy of the log reaches, in bytes."""
    memory: int
    """Bytes of memory that its process takes (its proportional share)."""


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """The volume now; positions in bytes of the log."""

    epoch: int
    """How often it has been opened by a writer (FACTS 2.42)."""
    nodes: tuple[NodeStatus, ...]
    pgcl: int
    vcl: int
    vdl: int

    @property
    def attached(self) -> int:
        """How many storage nodes can acknowledge."""
        return sum(node.state == "in-sync" for node in self.nodes)

    @property
    def write_quorum(self) -> bool:
        """Whether commits are acknowledged."""
        return AURORA.can_write(self.attached)

    @property
    def read_quorum(self) -> bool:
        """Whether the volume can be opened again if its writer fails now."""
        return AURORA.can_read(sum(node.state not in FAULTS.values() for node in self.nodes))


FAULTS = {"kill": "killed", "pause": "paused", "cut": "cut", "destroy": "destroyed"}
"""What can be done to a storage node, and what it is then."""


def positions(scls: Iterable[int], boundaries: Iterable[int]) -> tuple[int, int, int]:
    """PGCL, VCL and VDL from the storage nodes' SCLs and from known ends of records.

    The volume is one protection group, so its VCL is the PGCL.
    """
    complete = lsn.pgcl(scls)
    return complete, complete, lsn.vdl(boundaries, complete)
