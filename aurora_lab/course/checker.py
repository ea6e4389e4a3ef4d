"""The process that runs checks: a warm child of the notebook's kernel, spoken to by lines of JSON.

The learner's kernel holds neither the checks nor the connection by which they look. One request a line:

    {"op": "about", "lesson": "05"}                        the exercises, without their checks
    {"op": "check", "exercise": "05.1", "evidence": {…}}   a verdict
    {"op": "hint", "exercise": "05.1", "number": 0}        the text of a hint

One answer a line: the result, or {"error": "a sentence"}. The process ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from aurora_lab.course import guest_desk
from aurora_lab.course.exercises import Exercise, Lesson, load_lesson
from aurora_lab.course.places import CourseError, find_places
from aurora_lab.course.region_view import RegionGoneError, RegionView
from aurora_lab.course.verdict import REGION_GONE, Verdict, judge
from aurora_lab.region.home import Home, default_home

SECONDS = 60.0
"""The longest that a check may take."""


class CheckerGoneError(Exception):
    """The checker's process ended or does not answer; the message says what to do."""


class Checks:
    """Answers requests inside the checker's process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lessons: dict[str, tuple[float, Lesson]] = {}
        self._view: RegionView | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises CourseError."""
        operation = request.get("op")
        if operation == "about":
            return {"exercises": [_about(item) for item in self.lesson(request["lesson"]).exercises.values()]}
        exercise = self.exercise(str(request.get("exercise")))
        if operation == "hint":
            return {"hint": exercise.hints[int(request["number"])], "count": len(exercise.hints)}
        if operation == "check":
            return self.check(exercise, request.get("evidence") or {}).as_dict()
        raise CourseError(f"The checker knows no operation {operation!r}.")

    def check(self, exercise: Exercise, evidence: dict[str, Any]) -> Verdict:
        """The verdict on an exercise as the region stands now."""
        try:
            view = self.view()
        except RegionGoneError as error:
            return Verdict(exercise.id, False, REGION_GONE, str(error), "A running region.")
        return judge(exercise, view, evidence)

    def exercise(self, identifier: str) -> Exercise:
        """The exercise of this id. Raises CourseError."""
        return self.lesson(identifier.partition(".")[0])[identifier]

    def lesson(self, number: str) -> Lesson:
        """The lesson's checks, read again when their file has changed. Raises CourseError."""
        path = find_places().check_file(number)
        changed = path.stat().st_mtime
        kept = self._lessons.get(number)
        if kept is None or kept[0] != changed:
            kept = self._lessons[number] = (changed, load_lesson(path))
        return kept[1]

    def view(self) -> RegionView:
        """The region that runs on the home now; a region that was started again is another one."""
        if self._view is None or self._view.info != self.home.info():
            self._view = RegionView.of(self.home)
        return self._view

    def warm(self) -> None:
        """Make the first check as quick as the others."""
        with contextlib.suppress(RegionGoneError):
            self.view().warm()


def _about(exercise: Exercise) -> dict[str, Any]:
    prediction = exercise.prediction
    return {
        "id": exercise.id,
        "title": exercise.title,
        "points": exercise.points,
        "hints": len(exercise.hints),
        "variables": list(exercise.variables),
        "letters": prediction.letters if prediction else "",
        "right": prediction.right if prediction else "",
        "why": prediction.why if prediction else "",
    }


def serve(requests: IO[str], answers: IO[str], home: Home) -> None:
    """Answer requests line by line until the input ends."""
    checks = Checks(home)
    threading.Thread(target=checks.warm, daemon=True).start()
    for line in requests:
        try:
            answer = checks.answer(json.loads(line))
        except CourseError as error:
            answer = {"error": str(error)}
        except Exception as error:
            logging.getLogger(__name__).exception("a request failed")
            answer = {"error": f"The checker could not answer ({type(error).__name__}: {error})."}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Checker:
    """The notebook's end: starts the process when it is needed, and again when it has ended."""

    def __init__(self, home: Home, seconds: float = SECONDS) -> None:
        self.home = home
        self.seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def warm(self) -> None:
        """Start the process if it does not run; it makes itself ready while the caller goes on."""
        if not guest_desk.is_guest(self.home):
            with self._lock:
                self._running()

    def request(self, **request: Any) -> dict[str, Any]:
        """The answer to one request. Raises CourseError with the checker's sentence, or CheckerGoneError."""
        if guest_desk.is_guest(self.home):
            return guest_desk.answer(self.home, request)
        with self._lock:
            answer = self._exchange(json.dumps(request))
        if "error" in answer:
            raise CourseError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _exchange(self, line: str) -> dict[str, Any]:
        for attempt in (1, 2):
            process = self._running()
            assert process.stdin is not None
            try:
                process.stdin.write(line + "\n")
                process.stdin.flush()
                reply = self._lines.get(timeout=self.seconds)
            except OSError:
                reply = ""
            except queue.Empty:
                self._end()
                raise CheckerGoneError(
                    f"The check gave no answer within {self.seconds:g} seconds. Look at `lab.map()`: is the "
                    "region up? Then run the check again."
                ) from None
            if reply:
                return dict(json.loads(reply))
            self._end()
            if attempt == 2:
                break
        raise CheckerGoneError(
            "The checker's process ended twice. Restart the kernel and run the check again."
        )

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            log = self.home.folder / "course" / "checker.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "aurora_lab.course.checker", str(self.home.folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    # Not in the kernel's group: an interrupt of a cell must not end the checker.
                    start_new_session=True,
                )
            self._lines = queue.Queue()
            threading.Thread(target=_pump, args=(self._process.stdout, self._lines), daemon=True).start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pump(lines: IO[str] | None, into: queue.Queue[str]) -> None:
    """Pass on the process's answers; an empty line says that it has ended."""
    if lines is not None:
        with lines:
            for line in lines:
                into.put(line)
    into.put("")


def main() -> None:
    """Serve requests on standard input and output; a check that prints does not disturb the answers."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    home = Home(Path(sys.argv[1])) if len(sys.argv) > 1 else Home(default_home())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, answers, home)


if __name__ == "__main__":
    main()
