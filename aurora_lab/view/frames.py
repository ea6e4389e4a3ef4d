"""From looks at the region to what a live map shows: the map, what changed, and whether it is of now. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from aurora_lab.view.changes import changes
from aurora_lab.view.cluster_map import ClusterMap, chosen, draw
from aurora_lab.view.words import Status

LIVE, AWAY, STILL = "live", "away", "still"
KEPT = 3
"""Lines of what changed: a failover has several within a second."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown at one moment."""

    seen: Status
    """What the region said last."""
    drawn: ClusterMap
    state: str
    """`live`; `away`: the region does not answer; `still`: nobody looks any more."""
    note: str
    """Of what time the map is, in a sentence."""
    said: tuple[str, ...] = ()
    """What changed lately, each with its time; the newest last."""

    def plain(self) -> dict[str, str | list[str]]:
        """As a notebook's front end gets it."""
        return {
            "svg": self.drawn.svg,
            "words": self.drawn.text,
            "state": self.state,
            "note": self.note,
            "said": list(self.said),
        }


class Frames:
    """One map's frames, one after the other. `cluster`: the one that it shows, or None for all."""

    def __init__(self, seen: Status, cluster: str | None = None, drawn: ClusterMap | None = None) -> None:
        self._cluster = cluster
        self.last = Frame(seen, drawn or draw(seen, cluster), LIVE, _LIVE)

    def after(self, seen: Status | None, now: datetime) -> Frame:
        """The frame after a look; None: the region did not answer."""
        last = self.last
        if seen is None:
            if last.state != AWAY:
                note = (
                    f"The region does not answer since {_clock(now)}. Shown is what was seen last; "
                    "`aurora-lab start` starts it."
                )
                self.last = replace(
                    last, state=AWAY, note=note, said=self._told(now, ["the region does not answer"])
                )
        elif seen != last.seen or last.state != LIVE:
            said = changes(chosen(last.seen, self._cluster), chosen(seen, self._cluster))
            if last.state == AWAY:
                said.insert(0, "the region answers again")
            drawn = draw(seen, self._cluster)
            self.last = Frame(seen, drawn, LIVE, _LIVE, self._told(now, said))
        return self.last

    def _told(self, now: datetime, said: list[str]) -> tuple[str, ...]:
        told = (*self.last.said, f"{_clock(now)} {'; '.join(said)}.") if said else self.last.said
        return told[-KEPT:]

    def stand_still(self, now: datetime, why: str) -> Frame:
        """The last frame; `why` is a clause."""
        self.last = replace(self.last, state=STILL, note=f"This map stands still since {_clock(now)}: {why}.")
        return self.last


_LIVE = "This map is live."


def _clock(now: datetime) -> str:
    return now.strftime("%H:%M:%S")
