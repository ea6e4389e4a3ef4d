"""The notebook's side of the course: `from aurora_lab import lab`.

Importing it leads this kernel to the local region (and starts the region where none runs). Each method shows
a card; none of them raises at a learner.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aurora_lab.course.cards import Card, Mood, passing
from aurora_lab.course.catalog import read_catalog
from aurora_lab.course.checker import Checker, CheckerGoneError
from aurora_lab.course.facts import UnknownFactError, facts
from aurora_lab.course.places import CourseError, find_places
from aurora_lab.course.progress import Progress, progress_card
from aurora_lab.course.real_account import REGION, RealAwsError, real_session
from aurora_lab.course.real_aws import RealAws, RealAwsCells, to_stdout
from aurora_lab.course.real_aws_plan import BUDGET, HOURS
from aurora_lab.course.record import NotPlainError, Record, plain
from aurora_lab.course.short_errors import shorten
from aurora_lab.course.surroundings import enter_region, say
from aurora_lab.course.verdict import CHECK_BROKE, REGION_GONE
from aurora_lab.region import client
from aurora_lab.region.client import RegionError
from aurora_lab.region.fault_words import ACTIONS, DEFAULT_ACTIONS, asked, sentence
from aurora_lab.region.home import Home, default_home
from aurora_lab.view.live_map import LiveMap, LiveMaps

if TYPE_CHECKING:
    from aurora_lab.view.cluster_bill import ClusterBill

DNS_TTL_SECONDS = 5.0
"""What AWS's zones say (FACTS 3.16); the lab's clock makes it pass faster."""

RAISE_VARIABLE = "AURORA_LAB_CHECKS"
"""Set to `raise`, it makes a check that fails raise: for tools that see nothing else, as nbgrader."""

Shown = Callable[..., Any]


class CheckFailedError(Exception):
    """A check failed, where a tool wants to be told by an exception."""


def _card_instead_of_error(method: Shown) -> Shown:
    """Let a method answer with a card where something is wrong: no traceback reaches a learner."""

    @functools.wraps(method)
    def careful(self: Lab, *args: Any, **named: Any) -> Any:
        try:
            card = method(self, *args, **named)
        except (CourseError, CheckerGoneError, NotPlainError, RealAwsError, RegionError) as error:
            card = Card(Mood.FAIL, str(error))
        except OSError as error:
            card = Card(Mood.FAIL, f"The lab's own files cannot be used: {error}")
        if getattr(card, "mood", None) is Mood.FAIL and os.environ.get(RAISE_VARIABLE) == "raise":
            raise CheckFailedError(f"\n{card!r}")
        return card

    return careful


NO_HINT_HELPS = ("no-cluster", "not-available", "database-refused", REGION_GONE, CHECK_BROKE)
"""Mistakes that are none of the exercise's own: a hint would be spent for nothing."""


class Lab:
    """One kernel's lab. Use `from aurora_lab import lab`, which makes the one instance."""

    def __init__(
        self,
        home: Home,
        namespace: Callable[[], Mapping[str, Any]],
        checker: Checker,
        for_hints: Callable[[str], str] = lambda exercise: f'`lab.hint("{exercise}")` shows the next one.',
    ) -> None:
        self._home = home
        self._for_hints = for_hints
        self._namespace = namespace
        self._checker = checker
        self._about: dict[str, dict[str, Any]] = {}
        self._maps = LiveMaps(lambda: client.look(home))
        self.real_aws = RealAwsCells(run=_run_cell, say=to_stdout)

    def __repr__(self) -> str:
        return (
            "The lab. lab.check('05.1') checks an exercise, lab.hint('05.1') gives a hint, "
            "lab.predict('05.1', 'a') notes a prediction, lab.map() shows the region, "
            "lab.progress() shows what is done, lab.fact('3.11') where a fact comes from."
        )

    @_card_instead_of_error
    def check(self, exercise: str) -> Card:
        """Check an exercise against the region, and say what was seen."""
        about = self._exercise(exercise)
        record = self._record(exercise)
        record.answer(exercise, self._variables(about))
        evidence = record.entry(exercise).get("evidence", {})
        verdict = self._checker.request(op="check", exercise=exercise, evidence=evidence)
        if verdict["passed"]:
            record.passed(exercise)
            Progress(self._home).passed(exercise)
            return self._passed(about, record, verdict)
        tries = record.failed(exercise, verdict["name"])
        return self._failed(about, record, verdict, tries)

    @_card_instead_of_error
    def hint(self, exercise: str) -> Card:
        """Show the next hint of an exercise; after the last one, the last one again."""
        about = self._exercise(exercise)
        title = f"{about['id']} {about['title']}"
        return Card(Mood.NOTE, title, (self._next_hint(about, self._record(exercise)),))

    @_card_instead_of_error
    def predict(self, exercise: str, letter: str) -> Card:
        """Note the learner's prediction, once, before the experiment."""
        about = self._exercise(exercise)
        record = self._record(exercise)
        letters = ", ".join(about["letters"])
        chosen = str(letter).strip().lower()
        if not about["letters"]:
            return Card(Mood.NOTE, f"Exercise {exercise} asks for no prediction.")
        if len(chosen) != 1 or chosen not in about["letters"]:
            return Card(Mood.NOTE, f"Choose one of {letters} and run the cell again.")
        entry = record.entry(exercise)
        if "passed" in entry and "prediction" not in entry:
            return Card(Mood.NOTE, "You have seen the experiment already. Predict the next one.")
        standing = record.predict(exercise, chosen)
        if standing != chosen:
            return Card(Mood.NOTE, f"Your first prediction, {standing}, stands. Now do the experiment.")
        return Card(Mood.NOTE, f"Noted: {chosen}. Now do the experiment.")

    @_card_instead_of_error
    def answer(self, exercise: str, **evidence: Any) -> Card:
        """Keep evidence for a check, as `lab.answer("05.6", names=names)`."""
        self._exercise(exercise)
        self._record(exercise).answer(
            exercise, {name: plain(value, name) for name, value in evidence.items()}
        )
        return Card(Mood.NOTE, f"Noted for {exercise}: {', '.join(evidence) or 'nothing'}.")

    @_card_instead_of_error
    def progress(self) -> Card:
        """Show what is done of each lesson."""
        return progress_card(read_catalog(find_places().lessons), Progress(self._home))

    @_card_instead_of_error
    def fact(self, number: str | float) -> Card:
        """Show a row of the fact table with its source: `lab.fact("3.11")` for what is cited as [3.11]."""
        table = facts()
        try:
            return table.get(str(number)).card(table.keys)
        except UnknownFactError as error:
            return Card(Mood.NOTE, str(error))

    @_card_instead_of_error
    def map(self, cluster: str | None = None) -> LiveMap | Card:
        """A map of the region's clusters (or of one). In a notebook the newest one is live."""
        drawn = self._maps.map(cluster)
        if cluster is not None and not drawn.found:
            return Card(Mood.NOTE, f"There is no cluster {cluster} in the region.")
        return drawn

    @_card_instead_of_error
    def bill(self, cluster: str, since: datetime | None = None) -> ClusterBill | Card:
        """What a cluster has done, since a moment or since it was made, at AWS's prices; as `aurora-lab bill`."""
        # A kernel that asks for no bill starts sooner.
        from aurora_lab.models.price_book import PriceBookError, price_book  # noqa: PLC0415
        from aurora_lab.region.metered import UnknownClusterError  # noqa: PLC0415
        from aurora_lab.view.cluster_bill import cluster_bill  # noqa: PLC0415

        try:
            return cluster_bill(self._home, cluster, price_book(), since=since)
        except (PriceBookError, UnknownClusterError) as error:
            return Card(Mood.NOTE, str(error))

    @_card_instead_of_error
    def fault(self, kind: str, name: str, action: str | None = None, cluster: str | None = None) -> Card:
        """Break something on purpose, or bring it back with the action `undo`; as `aurora-lab fault` does.

        `kind` is instance, az, storage-node or network; `action` kill, pause, cut, destroy or undo.
        """
        if kind not in DEFAULT_ACTIONS:
            raise CourseError(f"A fault is one of {', '.join(DEFAULT_ACTIONS)}.")
        if action not in (None, *ACTIONS):
            raise CourseError(f"What can be done is {', '.join(ACTIONS)}.")
        return Card(Mood.NOTE, sentence(client.ask(self._home, "fault", asked(kind, name, action, cluster))))

    @_card_instead_of_error
    def clock(self, scale: float) -> Card:
        """Let durations that AWS documents pass `scale` times as fast; as `aurora-lab start --scale` does.

        A grader's clock stays as it is: a submission does not set it.
        """
        info = self._home.info()
        if info is not None and not info.token:
            now, stays = client.status(self._home)["scale"], " and is the grader's"
        else:
            now, stays = client.ask(self._home, "scale", {"scale": scale})["scale"], ""
        return Card(Mood.NOTE, f"The lab clock runs {now:g} times as fast as AWS's{stays}.")

    def minute(self) -> float:
        """How long a minute of AWS's documentation takes here, in real seconds: it passes by the lab clock."""
        return self._real(60.0)

    def dns_ttl(self) -> float:
        """How long a DNS answer lives here, in real seconds: 5 s on AWS, less by the lab clock's scale."""
        return self._real(DNS_TTL_SECONDS)

    @property
    def aws(self) -> RealAws:
        """A real AWS account, for `%%real_aws` cells. Raises RealAwsError where none was asked for."""
        return self.real_aws.aws

    @_card_instead_of_error
    def use_real_aws(
        self, profile: str, region: str = REGION, budget: float = BUDGET, hours: float = HOURS
    ) -> Card:
        """From now on the `%%real_aws` cells of this kernel run, on the account of `profile`, and cost money.

        `budget` is the most that a lesson may cost, in dollars, until it expires, `hours` after it was begun.
        """
        account = RealAws(real_session(profile, region), hours=hours, budget=budget)
        caller = account.caller()
        self.real_aws.allow(account)
        return Card(
            Mood.NOTE,
            f"%%real_aws cells now use your AWS account {caller.account}, in {region}.",
            (("As", caller.arn), ("Budget", f"${budget:.2f} a lesson in {hours:g} h")),
        )

    @_card_instead_of_error
    def follow(self, lesson: str) -> None:
        """From now on, note the variables that this lesson's checks want after each cell."""
        self.exercises(lesson)

    def exercises(self, lesson: str) -> list[dict[str, Any]]:
        """What is told of each exercise of a lesson. Raises CourseError, CheckerGoneError."""
        for item in self._checker.request(op="about", lesson=lesson)["exercises"]:
            self._about[item["id"]] = item
        return [item for item in self._about.values() if item["id"].startswith(f"{lesson}.")]

    def notice(self, *_: object) -> None:
        """After a cell: keep the variables that are evidence, for those who check from outside the notebook."""
        namespace = self._namespace()
        for about in self._about.values():
            there = [name for name in about["variables"] if _answered(namespace, name) is not None]
            with contextlib.suppress(NotPlainError, OSError):
                found = {name: plain(namespace[name], name) for name in there}
                record = self._record(about["id"])
                kept = record.entry(about["id"]).get("evidence", {}) if found else {}
                if any(kept.get(name) != value for name, value in found.items()):
                    record.answer(about["id"], found)

    # What the methods have in common.

    def _real(self, seconds: float) -> float:
        """How long so many seconds of AWS's documentation take here, in real ones."""
        try:
            return seconds / float(client.status(self._home)["scale"])
        except RegionError as error:
            say(error)
            return seconds

    def _exercise(self, identifier: str) -> dict[str, Any]:
        if identifier not in self._about:
            self.exercises(str(identifier).partition(".")[0])
        if identifier not in self._about:
            known = ", ".join(sorted(self._about))
            raise CourseError(f"There is no exercise {identifier!r}. This lesson has {known}.")
        return self._about[identifier]

    def _record(self, exercise: str) -> Record:
        return Record(self._home, exercise.partition(".")[0])

    def _variables(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """The notebook's variables that are evidence, as they are now; one that is missing counts as none."""
        namespace = self._namespace()
        return {name: plain(_answered(namespace, name), name) for name in about["variables"]}

    def _passed(self, about: Mapping[str, Any], record: Record, verdict: Mapping[str, Any]) -> Card:
        rows = [("Seen", verdict["seen"])]
        prediction = record.entry(about["id"]).get("prediction")
        if about["why"]:
            lead = (
                "You predicted that."
                if prediction == about["right"]
                else f"You predicted {prediction}; it is {about['right']}."
                if prediction
                else f"The answer is {about['right']}."
            )
            rows.append(("Prediction", f"{lead} {about['why']}"))
        rows.append(("Lesson", self._how_far(about["id"].partition(".")[0])))
        return Card(Mood.PASS, passing(about["id"], about["title"]), tuple(rows), passed=True)

    def _how_far(self, lesson: str) -> str:
        """How much of a lesson is done, and what is next."""
        done = Progress(self._home).done()
        there = [name for name in self._about if name.startswith(f"{lesson}.")]
        left = [name for name in there if name not in done]
        following = f"Next is {left[0]}." if left else "The lesson is done."
        return f"{len(there) - len(left)} of {len(there)} exercises solved. {following}"

    def _failed(
        self, about: Mapping[str, Any], record: Record, verdict: Mapping[str, Any], tries: int
    ) -> Card:
        rows = [("Seen", verdict["seen"]), ("Expected", verdict["expected"])]
        if verdict["explanation"]:
            rows.append(("Why", verdict["explanation"]))
        shown = record.entry(about["id"]).get("hints", 0)
        if verdict["name"] in NO_HINT_HELPS:
            pass
        elif shown < min(tries, about["hints"]):
            rows.append(self._next_hint(about, record))
        elif shown >= about["hints"]:
            rows.append(("Hint", f"You have seen them all. {self._for_solution(about['id'])}"))
        else:
            rows.append(("Hint", self._for_hints(about["id"])))
        return Card(Mood.FAIL, f"{about['id']} {about['title']}: not yet", tuple(rows))

    def _for_solution(self, exercise: str, /) -> str:
        """How to see a solution from here."""
        return f"`aurora-lab watch {exercise.partition('.')[0]}`, in a terminal, offers a solution."

    def _next_hint(self, about: Mapping[str, Any], record: Record) -> tuple[str, str]:
        number = record.hint(about["id"], about["hints"])
        hint = self._checker.request(op="hint", exercise=about["id"], number=number)
        return (f"Hint {number + 1} of {about['hints']}", hint["hint"])


def _shell() -> Any:
    """The notebook's IPython, or None."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _namespace() -> Mapping[str, Any]:
    """The notebook's variables; outside a notebook, none."""
    shell = _shell()
    return {} if shell is None else dict(shell.user_ns)


def _answered(namespace: Mapping[str, Any], name: str) -> Any:
    """The value of a variable; None where there is none, or the dots of the lesson are still in it."""
    value = namespace.get(name)
    return None if value is ... else value


def _run_cell(source: str) -> None:
    """Run the body of a cell in the notebook."""
    shell = _shell()
    if shell is not None:
        shell.run_cell(source).raise_error()


@functools.cache
def connect() -> Lab:
    """The kernel's one lab: its environment leads to the region, its checker is getting ready."""
    home = Home(default_home())
    try:
        enter_region(home, os.environ)
    except RegionError as error:
        say(error)
    checker = Checker(home)
    try:
        checker.warm()
    except OSError as error:
        say(f"The lab's home {home.folder} cannot be used: {error}")
    lab = Lab(home, _namespace, checker)
    shell = _shell()
    if shell is not None:
        shorten()
        shell.register_magic_function(lab.real_aws.cell, magic_kind="cell", magic_name="real_aws")
        shell.events.register("post_run_cell", lab.notice)
    return lab
