"""Remove what carries our tags, wait, and look again until nothing is left: also what a crash has left behind.

Nothing is remembered between two rounds. Each round asks AWS what is there and takes the first kind of it (see
KINDS), so a removal that was cut short goes on wherever it is started again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from aurora_lab.course.real_account import DENIED, RealAwsError, explained, in_one_sentence
from aurora_lab.course.real_aws_things import CLUSTER, INSTANCE, TAG_KEY, TAG_VALUE, Thing, find_things

SECONDS = 1800.0
"""How long a removal may take."""
PAUSE_SECONDS = 15.0
"""Between two looks: AWS takes minutes, and limits how often it may be asked."""
GONE = ("NotFound", "NotFoundFault")
BUSY = ("State", "StateFault")
"""How codes end that say: not now. It is being made, changed or deleted, or something needs it still."""


class Removal:
    """Removes things by their tags."""

    def __init__(
        self, rds: Any, say: Callable[[str], None], pause: float = PAUSE_SECONDS, on_lab: bool = False
    ) -> None:
        self._rds = rds
        self._say = say
        self._pause = pause
        self._on_lab = on_lab
        self._told: set[str] = set()
        self._refused: dict[str, str] = {}
        """What AWS last said of a thing that it did not delete."""

    def find(self, lesson: str | None = None) -> list[Thing]:
        """What there is, of a lesson or of all. Raises RealAwsError."""
        with in_one_sentence():
            return find_things(self._rds, lesson, skip_unknown=self._on_lab)

    def remove(self, lesson: str | None = None, seconds: float = SECONDS) -> None:
        """Delete it all, wait until it is gone, and look again. Raises RealAwsError where something does not go."""
        deadline = time.monotonic() + seconds
        while left := self.find(lesson):
            if time.monotonic() > deadline:
                raise RealAwsError(self._will_not_go(left))
            self._unlock(left)
            first = [thing for thing in left if thing.place == left[0].place]
            going = [thing for thing in first if self._delete(thing)]
            for thing in going:
                self._wait(thing, deadline)
            if len(going) < len(first) or not left[0].kind.gone:
                time.sleep(self._pause)
        of = f" and lesson={lesson}" if lesson else ""
        self._say(f"Looked again: nothing tagged {TAG_KEY}={TAG_VALUE}{of} is left in this Region.")

    def _unlock(self, left: list[Thing]) -> None:
        """AWS deletes nothing that is protected, nor the last instance of a cluster that is, nor a stopped cluster."""
        for thing in left:
            if thing.protected and thing.tags:
                self._once(f"taking the deletion protection off {thing}")
                unprotect = getattr(self._rds, thing.kind.protected)
                off = {thing.kind.name: thing.name, "DeletionProtection": False, "ApplyImmediately": True}
                self._try(thing, unprotect, **off)
            if thing.kind is CLUSTER and thing.status == "stopped":
                self._once(f"starting {thing}: AWS deletes no stopped cluster")
                self._try(thing, self._rds.start_db_cluster, DBClusterIdentifier=thing.name)

    def _delete(self, thing: Thing) -> bool:
        """Ask AWS to delete it; whether it is on its way out now."""
        if thing.status == "deleting":
            return True
        self._once(f"deleting {thing}")
        options = dict(thing.kind.options)
        if thing.kind is INSTANCE and thing.cluster:
            options = {}  # an instance of a cluster has neither snapshots nor backups of its own
        return self._try(
            thing, getattr(self._rds, thing.kind.delete), **{thing.kind.name: thing.name}, **options
        )

    def _try(self, thing: Thing, action: Callable[..., Any], **what: Any) -> bool:
        """Whether AWS took the call, or the thing is gone; False where it says: not now."""
        try:
            action(**what)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code.endswith(GONE):
                return True
            why = explained(error)
            if (
                code.endswith(BUSY) or "deletion protection" in str(error).lower()
            ):  # which goes after a moment
                self._refused[str(thing)] = str(why)
                return False
            if code in DENIED:
                raise RealAwsError(f"{thing} stays there, and is billed. {why}") from error
            raise type(why)(f"{thing} could not be deleted, and is billed still. {why}") from error
        return True

    def _wait(self, thing: Thing, deadline: float) -> None:
        if not thing.kind.gone:
            return
        looks = max(1, math.ceil((deadline - time.monotonic()) / self._pause))
        waiter = self._rds.get_waiter(thing.kind.gone)
        try:
            waiter.wait(
                **{thing.kind.name: thing.name}, WaiterConfig={"Delay": self._pause, "MaxAttempts": looks}
            )
        except WaiterError:
            # Too late, or in a state that the waiter does not expect: the next round looks, and says so.
            time.sleep(self._pause)

    def _once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._say(sentence)

    def _will_not_go(self, left: list[Thing]) -> str:
        named = ", ".join(f"{thing} ({thing.status or 'still there'})" for thing in left)
        said = [self._refused[str(thing)] for thing in left if str(thing) in self._refused]
        return (
            f"Not removed in time, and still billed: {named}. Run the same again; if it does not go then either, "
            f"delete it in the AWS console.{f' {said[0]}' if said else ''}"
        )
