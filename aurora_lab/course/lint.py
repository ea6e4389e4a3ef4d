"""What every lesson must have; each fault is a sentence that says where."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from aurora_lab.course.exercises import Exercise, Lesson
from aurora_lab.course.facts import facts
from aurora_lab.course.real_account import RealAwsError
from aurora_lab.course.real_aws_plan import MAGIC, magic_line, read_plan
from aurora_lab.course.source import GIVEN, INSTRUCTOR, REAL_AWS, FrontMatter, Source, solution

MAX_CODE_LINES = 25
MAX_CODE_WIDTH = 92
"""What JupyterLab shows of a line beside its file list."""
MAX_WORDS = 120
MIN_EXERCISES = 6
MIN_HINTS = 3
MIN_WRONG = 3
MINUTES = range(5, 91)
CITATION = re.compile(r"\[\d+\.\d+\]")
LOOKS_CITED = re.compile(r"\[\d+\.\d+(?:\s*[,;]\s*\d+\.\d+)*\]|[\[(]FACTS?[^\])]*[\])]")
"""What was meant as a citation, written well or not."""
PRICE = re.compile(r"\$\d")
MATHS = re.compile(r"(?<!\\)\$")
"""Two of them in a paragraph, and JupyterLab shows what is between them as a formula."""
DATE = re.compile(r"\b20\d\d-\d\d\b")
FIGURE = re.compile(r"\b\d[\d.,]*\s?(?:%|(?:[KMGTP]i?B|ACUs?|IOPS|vCPUs?|years?|days?)\b)")
"""A quantity of the kind that AWS states and changes."""


def lint(source: Source, lesson: Lesson) -> list[str]:
    """The faults of a lesson and its checks; none is the aim."""
    return [
        *_front(source.path.name, source.front),
        *_cells(source),
        *_citations(source),
        *_real_aws(source),
        *_pairs(source, lesson),
        *_registry(source, lesson),
        *_whole(source),
    ]


def _front(name: str, front: FrontMatter) -> Iterator[str]:
    if front.minutes not in MINUTES:
        yield f"{name}: {front.minutes} minutes, at least {MINUTES[0]} and at most {MINUTES[-1]}."
    if not any(item.strip() for item in front.objectives):
        yield f"{name}: the front matter names no objective."
    if not front.when_late.strip():
        yield f"{name}: the front matter does not say what to leave out when late."


def _cells(source: Source) -> Iterator[str]:
    for number, cell in enumerate(source.cells, start=1):
        where = f"{source.path.name}, cell {number}"
        lines = len(cell.source.splitlines())
        words = len(re.findall(r"\w+", re.sub(r"`[^`]*`|\([^)]*\)|\|", " ", cell.source)))
        if cell.kind == "code" and lines > MAX_CODE_LINES:
            yield f"{where}: {lines} lines of code, at most {MAX_CODE_LINES}."
        wide = max(map(len, cell.source.splitlines()), default=0)
        if cell.kind == "code" and wide > MAX_CODE_WIDTH:
            yield f"{where}: a line of code of {wide} characters, at most {MAX_CODE_WIDTH}."
        if cell.kind == "markdown" and cell.role != INSTRUCTOR and words > MAX_WORDS:
            yield f"{where}: {words} words of prose, at most {MAX_WORDS}."
        prose = (
            re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL) if cell.kind == "markdown" else ""
        )
        if any(len(MATHS.findall(paragraph)) > 1 for paragraph in re.split(r"\n\s*\n", prose)):
            yield f"{where}: two dollar signs in a paragraph are shown as a formula; write \\$ for each."
        if cell.picture and f"attachment:{cell.picture}" not in cell.source:
            yield f"{where}: the prose does not show its picture {cell.picture}."


def _citations(source: Source) -> Iterator[str]:
    """Facts are cited by number: prices with their date, AWS's figures in the paragraph that names them."""
    for number, cell in enumerate(source.cells, start=1):
        if cell.kind != "markdown":
            continue
        where = f"{source.path.name}, cell {number}"
        for found in LOOKS_CITED.findall(cell.source):
            if not CITATION.fullmatch(found):
                yield f"{where}: {found} is not a citation; write each as [3.11]."
        for found in CITATION.findall(cell.source):
            if found.strip("[]") not in facts().rows:
                yield f"{where}: {found} is no row of the fact table."
        for paragraph in re.split(r"\n\s*\n", cell.source):
            cited = bool(CITATION.search(paragraph))
            if PRICE.search(paragraph) and not (cited and DATE.search(paragraph)):
                yield f"{where}: a price needs its citation and its date (2026-03)."
            for sentence in re.split(r"(?<=[.?!])\s", paragraph):
                figure = FIGURE.search(sentence)
                if figure and re.search(r"\b(?:AWS|Aurora)\b", sentence) and not cited:
                    yield f"{where}: {figure[0]!r} is a figure of AWS's and needs its citation, as [3.11]."


def _real_aws(source: Source) -> Iterator[str]:
    """An optional cell does nothing unless it is asked for, and the first says what it makes, for its price."""
    cells = [cell for cell in source.cells if cell.role == REAL_AWS and cell.kind == "code"]
    running = [cell for cell in cells if not all(line.startswith("#") for line in cell.source.splitlines())]
    for cell in running:
        if not cell.source.startswith(MAGIC):
            yield f"{source.path.name}: a cell tagged {REAL_AWS} begins with {MAGIC}, or it would run unasked."
    lines = [line for cell in running if (line := magic_line(cell.source))]
    if running and not magic_line(running[0].source):
        yield f"{source.path.name}: the first cell on AWS does not say what it makes ({MAGIC} 05 | 1 Aurora ...)."
    for line in lines:
        try:
            plan = read_plan(line)
        except RealAwsError as error:
            yield f"{source.path.name}: {error}"
        else:
            if plan.lesson != source.front.lesson:
                yield f"{source.path.name}: a plan of lesson {plan.lesson} in lesson {source.front.lesson}."


def _pairs(source: Source, lesson: Lesson) -> Iterator[str]:
    """Each exercise has one answer and one check in the lesson, and a prediction where it expects one."""
    found = Counter((cell.exercise, cell.role) for cell in source.cells if cell.exercise)
    for identifier, item in lesson.exercises.items():
        for role, wanted in (("answer", 1), ("check", 1), ("prediction", 1 if item.prediction else 0)):
            if found.pop((identifier, role), 0) != wanted:
                yield f"{source.path.name}: exercise {identifier} needs {wanted} {role} cell."
    for identifier, role in found:
        yield f"{source.path.name}: the {role} cell of {identifier} belongs to no exercise."
    if len(lesson.exercises) < MIN_EXERCISES:
        yield f"{source.path.name}: {len(lesson.exercises)} exercises, at least {MIN_EXERCISES}."


def _registry(source: Source, lesson: Lesson) -> Iterator[str]:
    for item in lesson.exercises.values():
        yield from _exercise(item)
        answer = " ".join(solution(source, item.id).split())
        if any(answer and answer in " ".join(hint.split()) for hint in item.hints):
            yield f"exercise {item.id}: a hint is the whole solution; the last one is nearly it."


def _exercise(item: Exercise) -> Iterator[str]:
    if len(item.hints) < MIN_HINTS:
        yield f"exercise {item.id}: {len(item.hints)} hints, at least {MIN_HINTS}."
    if len({hint.strip() for hint in item.hints} - {""}) < len(item.hints):
        yield f"exercise {item.id}: a hint is empty, or there twice."
    if len(item.wrong) < MIN_WRONG:
        yield f"exercise {item.id}: {len(item.wrong)} wrong answers, at least {MIN_WRONG}."
    for name, wrong in item.wrong.items():
        if not wrong.explanation.strip():
            yield f"exercise {item.id}: the wrong answer {name!r} is not explained."
    if item.prediction and item.prediction.right not in item.prediction.letters:
        yield f"exercise {item.id}: the right prediction is none of its letters."


def _whole(source: Source) -> Iterator[str]:
    cells = [cell for cell in source.cells if cell.role != INSTRUCTOR]
    prose = "\n".join(cell.source for cell in cells if cell.kind == "markdown")
    if not CITATION.search(prose):
        yield f"{source.path.name}: no fact is cited, as [3.11]."
    if "real here" not in prose.lower() or "only on aws" not in prose.lower():
        yield f"{source.path.name}: the honesty table is missing (real here, simulated here, only on AWS)."
    last = cells[-1]
    if last.kind != "markdown" or last.role != GIVEN or "?" not in last.source:
        yield f"{source.path.name}: the lesson does not end with a question that leads to the next."
