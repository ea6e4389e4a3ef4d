"""The loop behind `aurora-lab watch`, with a notebook that another program runs and saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_lab.course import notebooks
from aurora_lab.course.cards import Card
from aurora_lab.course.following import Follower
from aurora_lab.course.loop import Loop, OutsideLab, Tools
from aurora_lab.course.notebooks import Notebook
from aurora_lab.course.places import CourseError
from aurora_lab.course.plaintext import cells_of, replace_answer, to_text
from aurora_lab.course.progress import Progress
from aurora_lab.course.record import Record
from aurora_lab.region.home import Home


class FakeChecker:
    """Two exercises; one passes where it is told so."""

    def __init__(self) -> None:
        self.passing: set[str] = set()
        self.evidence: dict[str, Any] = {}

    def request(self, **request: Any) -> dict[str, Any]:
        if request["op"] == "about":
            shared = {"points": 1, "hints": 3, "variables": ["x"], "letters": "", "right": "", "why": ""}
            return {"exercises": [{"id": f"99.{n}", "title": f"Title {n}", **shared} for n in (1, 2, 3)]}
        if request["op"] == "hint":
            return {"hint": f"hint number {request['number']}", "count": 3}
        self.evidence = request["evidence"]
        passed = request["exercise"] in self.passing
        told = {"name": "", "seen": "All.", "expected": "", "explanation": ""}
        return {"passed": passed, **told, **({} if passed else {"name": "no", "expected": "More."})}


def cell(role: str, exercise: str, source: str) -> Notebook:
    made = notebooks.code(source, id=f"{role}-{exercise.replace('.', '-')}" if exercise else "given")
    made.metadata["aurora_lab"] = {"role": role, "id": made.id} | ({"exercise": exercise} if exercise else {})
    return made


def lesson() -> Notebook:
    """A given cell, then three exercises."""
    made = notebooks.new()
    made.cells = [notebooks.prose("# Words", id="words"), cell("given", "", "import os")]
    for number in ("99.1", "99.2", "99.3"):
        made.cells += [cell("prediction", number, 'choice = "?"')]
        made.cells += [cell("answer", number, "# Your answer goes here."), cell("check", number, "check()")]
    return made


class Desk:
    """A loop on a lesson's file, what it said, and which cells it ran."""

    def __init__(self, folder: Path, *, text: bool = False) -> None:
        self.said: list[str] = []
        self.ran: list[str] = []
        self.checker = FakeChecker()
        self.home = Home(folder / "home")
        self.path = folder / ("99_lesson.py" if text else "99_lesson.ipynb")
        self.path.write_text(to_text(lesson(), "99") if text else notebooks.dumps(lesson()))
        tools = Tools(
            lab=OutsideLab(self.home, dict, self.checker, for_hints=lambda _: "[h] shows it"),  # type: ignore[arg-type]
            record=Record(self.home, "99"),
            progress=Progress(self.home),
            follower=Follower(self.path),
            handed_out=lesson(),
            runner=self if text else None,
            solution=self.solution,
            keep=self.keep,
            say=self.said.append,
            show=self.show,
        )
        self.loop = Loop("99", tools)
        self.tools = tools

    def run(self, source: str) -> bool:
        self.ran.append(source)
        return True

    def show(self, card: Card) -> None:
        self.said.append(repr(card))

    def solution(self, exercise: str) -> str:
        if exercise == "99.3":
            raise CourseError("There is none.")
        return f"solve({exercise})"

    def keep(self, path: Path) -> Path:
        return path

    def heard(self) -> str:
        """What was said since the last time."""
        text = "\n".join(self.said)
        self.said.clear()
        return text

    def save(self, **answers: str) -> str:
        """Save the file with these answers, as `a1="x = 1"`; what is said to it."""
        notebook = notebooks.read(self.path)
        for name, source in answers.items():
            (found,) = (each for each in notebook.cells if each.id == f"answer-99-{name[1:]}")
            found.source = source
        self.path.write_text(notebooks.dumps(notebook))
        if self.tools.follower.saved():
            self.loop.saved()
        return self.heard()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def text(tmp_path: Path) -> Desk:
    return Desk(tmp_path, text=True)


def test_a_save_checks_what_changed_and_nothing_else(desk: Desk) -> None:
    desk.checker.passing = {"99.1", "99.2"}
    said = desk.save(a2="x = 2")
    assert "99.2 Title 2: passed" in said
    assert "99.1" not in said.replace("Next is 99.1", "")
    assert desk.save() == ""


def test_of_several_failures_only_the_first_is_told(desk: Desk) -> None:
    desk.checker.passing = {"99.1"}
    said = desk.save(a1="x = 1", a2="x = 2", a3="x = 3")
    assert [f"Checking 99.{number}" in said for number in (1, 2, 3)] == [True, True, False]
    assert "99.2 Title 2: not yet" in said
    assert desk.loop.current == "99.2"


def test_a_cell_that_was_run_again_is_work_too(desk: Desk) -> None:
    notebook = notebooks.read(desk.path)
    notebook.cells[3].execution_count = 7
    desk.path.write_text(notebooks.dumps(notebook))
    assert desk.tools.follower.saved()
    assert desk.loop.saved()
    assert "99.1 Title 1: not yet" in desk.heard()


def test_a_cell_of_the_learners_own_belongs_to_the_exercise_around_it(desk: Desk) -> None:
    notebook = notebooks.read(desk.path)
    notebook.cells.insert(6, notebooks.code("y = 2", id="mine"))
    desk.path.write_text(notebooks.dumps(notebook))
    assert desk.loop.saved()
    assert "99.2 Title 2: not yet" in desk.heard()


def test_evidence_is_what_the_notebooks_kernel_kept(desk: Desk) -> None:
    Record(desk.home, "99").answer("99.1", {"x": [1, 2]})
    desk.loop.press("c")
    assert desk.checker.evidence == {"x": [1, 2]}
    desk.loop.press("c")
    assert Record(desk.home, "99").entry("99.1")["evidence"] == {"x": [1, 2]}


def test_hints_come_one_by_one(desk: Desk) -> None:
    shown = []
    for _ in range(4):
        desk.loop.press("h")
        shown.append(desk.heard())
    assert [f"hint number {number}" in shown[place] for place, number in enumerate((0, 1, 2, 2))] == [
        True
    ] * 4
    desk.loop.press("c")
    assert "[s] shows a solution" in desk.heard()


def test_the_solution_is_offered_after_a_pass_or_three_tries(desk: Desk) -> None:
    assert "[s]" not in desk.loop.prompt()
    desk.loop.press("s")
    assert "tried 3 times (so far 0)" in desk.heard()
    for _ in range(3):
        desk.loop.press("\n")
    assert "[s] solution" in desk.loop.prompt()
    desk.heard()
    desk.loop.press("S")
    assert "solve(99.1)" in desk.heard()
    desk.checker.passing = {"99.2"}
    desk.save(a2="x = 2")
    desk.loop.press("s")
    assert "solve(99.2)" in desk.heard()


def test_solutions_that_are_not_installed_are_named(desk: Desk) -> None:
    desk.checker.passing = {"99.3"}
    desk.save(a3="x = 3")
    desk.loop.press("s")
    assert "The solutions are not installed here" in desk.heard()


def test_next_goes_to_what_is_not_solved_and_round(desk: Desk) -> None:
    desk.checker.passing = {"99.1", "99.2", "99.3"}
    desk.save(a2="x = 2")
    desk.loop.press("n")
    assert desk.loop.current == "99.3"
    desk.loop.press("n")
    assert (desk.loop.current, "99.3 is not solved yet" in desk.heard()) == ("99.1", True)
    assert "Lesson 99 is done." in desk.save(a1="x = 1", a3="x = 3")
    desk.loop.press("n")
    assert "Lesson 99 is done." in desk.heard()


def test_the_list_marks_what_is_solved_tried_and_current(desk: Desk) -> None:
    desk.checker.passing = {"99.1"}
    desk.save(a1="x = 1", a2="x = 2")
    desk.loop.press("l")
    assert desk.heard().splitlines() == ["  ✓ 99.1 Title 1", "> ✗ 99.2 Title 2", "  ○ 99.3 Title 3"]


def test_reset_asks_first(desk: Desk) -> None:
    desk.save(a1="x = 1")
    before = desk.path.read_text()
    for key in ("r", "q"):
        assert desk.loop.press(key)
    assert desk.path.read_text() == before
    desk.heard()
    for key in ("r", "y"):
        desk.loop.press(key)
    assert notebooks.read(desk.path).cells[3].source == "# Your answer goes here."
    assert "Reload Notebook from Disk" in desk.heard()
    assert Record(desk.home, "99").tries("99.1") == 0
    assert not desk.tools.follower.saved(), "its own writing is no save of the learner's"


def test_a_file_that_is_being_written_is_looked_at_again(desk: Desk) -> None:
    whole = desk.path.read_text().replace("# Your answer goes here.", "x = 1", 1)
    desk.path.write_text(whole[: len(whole) // 2])
    said = [desk.loop.saved() for _ in range(20)]
    assert said.count(True) == 1
    assert "is not a notebook" in desk.heard()
    desk.path.write_text(whole)
    assert desk.tools.follower.saved()
    assert desk.loop.saved()
    assert "99.1 Title 1: not yet" in desk.heard()


def test_unknown_keys_do_nothing_and_q_ends(desk: Desk) -> None:
    assert desk.loop.press("?")
    assert desk.heard() == ""
    assert not desk.loop.press("q")


def test_a_text_file_says_the_same_as_the_notebook(text: Desk) -> None:
    cells = list(cells_of(text.path.read_text()))
    assert cells == [
        (notebooks.mark(each)["role"], notebooks.mark(each).get("exercise", ""), each.source)
        for each in lesson().cells
        if each.cell_type == "code"
    ]


def test_of_a_text_file_what_changed_is_run_and_checked(text: Desk) -> None:
    def save(exercise: str, source: str) -> str:
        text.path.write_text(replace_answer(text.path.read_text(), exercise, source))
        text.loop.saved()
        return text.heard()

    assert "99.2 Title 2: not yet" in save("99.2", "%%bash\necho 2")
    assert text.ran == ["import os", "%%bash\necho 2"], "given cells first, other answers not"
    save("99.2", "%%bash\necho 3")
    assert text.ran[2:] == ["%%bash\necho 3"]
    text.loop.press("x")
    assert text.ran[3:] == ["%%bash\necho 3"]


def test_a_prediction_in_a_text_file_is_run_and_not_checked(text: Desk) -> None:
    text.path.write_text(text.path.read_text().replace('choice = "?"', 'choice = "a"', 1))
    text.loop.saved()
    assert text.ran == ["import os", 'choice = "a"']
    assert "Checking" not in text.heard()
