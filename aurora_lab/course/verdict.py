"""Run one check and put what it says into plain data. The notebook's checker and the grader share this."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import monotonic, sleep
from typing import Any

from aurora_lab.course.exercises import Evidence, Exercise, Mistake, Passed
from aurora_lab.course.region_view import RegionGoneError, SqlError

log = logging.getLogger(__name__)

REGION_GONE = "region-gone"
CHECK_BROKE = "check-broke"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, ready to be sent between processes."""

    exercise: str
    passed: bool
    name: str
    """The mistake's name; empty after a pass."""
    seen: str
    expected: str = ""
    explanation: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


STARTING = ("", "57P01", "57P03")
"""No server answered, it is going down, or it is coming up."""
PATIENCE_SECONDS = 3.0
"""How long a server that is starting is waited for; it takes a few tenths of a second."""


def judge(exercise: Exercise, region: Any, evidence: Evidence) -> Verdict:
    """The verdict of an exercise's check. Raises nothing: what goes wrong is a verdict too."""
    try:
        passed = _patiently(lambda: exercise.check(region, evidence))
    except Mistake as mistake:
        return Verdict(
            exercise.id, False, mistake.name, mistake.seen, mistake.expected, exercise.explain(mistake)
        )
    except RegionGoneError as error:
        return Verdict(exercise.id, False, REGION_GONE, str(error), "A running region.")
    except SqlError as error:
        return Verdict(
            exercise.id,
            False,
            "database-refused",
            f"The database refused the check's query: {error}",
            "Instances that are available and answer.",
            "Look at `lab.map()`. An instance may be starting or failing over: try again in a moment.",
        )
    except Exception as error:
        log.exception("the check of %s broke", exercise.id)
        return Verdict(
            exercise.id,
            False,
            CHECK_BROKE,
            f"This check itself failed ({type(error).__name__}: {error}).",
            "A check that can answer.",
            "This is not your mistake. Run the check again; if it stays so, report it with this sentence.",
        )
    return Verdict(exercise.id, True, "", passed.seen)


def _patiently(check: Callable[[], Passed]) -> Passed:
    """Check once more where a server was just starting: a check only reads."""
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return check()
        except SqlError as error:
            if error.sqlstate not in STARTING or monotonic() > deadline:
                raise
        sleep(0.1)
