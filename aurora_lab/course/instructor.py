"""What an instructor needs of a lesson, from the same source as the lesson: notes, answers, known mistakes."""

from __future__ import annotations

from collections.abc import Iterator

from aurora_lab.course.exercises import Exercise, Lesson
from aurora_lab.course.source import INSTRUCTOR, Source, solution


def instructor_notes(source: Source, lesson: Lesson) -> str:
    """A lesson's notes as Markdown: what its source says to instructors, and each exercise with its answers."""
    front = source.front
    parts = [
        f"# {front.lesson} · {front.title}: notes for instructors",
        f"{front.minutes} minutes, {len(lesson.exercises)} exercises. When late: {front.when_late}",
        "\n".join(["Afterwards a learner can:", "", *(f"- {item}" for item in front.objectives)]),
    ]
    for cell in source.cells:
        if cell.role == INSTRUCTOR:
            parts.append(cell.source)
        elif cell.role == "answer":
            parts += _exercise(lesson[cell.exercise], solution(source, cell.exercise))
    return "\n\n".join(parts) + "\n"


def _exercise(item: Exercise, answer: str) -> Iterator[str]:
    yield f"## {item.id} {item.title}"
    if item.prediction:
        yield f"Prediction: **{item.prediction.right}**. {item.prediction.why}"
    language = "bash" if answer.startswith("%%bash") else "python"
    yield f"```{language}\n{answer}\n```"
    yield "\n".join(
        ["Known mistakes:", "", *(f"- `{name}`: {wrong.explanation}" for name, wrong in item.wrong.items())]
    )
