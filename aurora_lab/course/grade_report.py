"""Grades as files: JSON for programs, JUnit for a CI's test view, Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from aurora_lab.course.grade import Result


@dataclass(frozen=True, slots=True)
class Submission:
    """A notebook and its grades."""

    name: str
    """The path of its file, as it was given."""
    sandbox: str = ""
    """How it was confined."""
    results: Sequence[Result] = field(default=())
    trouble: str = ""
    """Why it could not be graded; empty where it was."""

    @property
    def points(self) -> int:
        """What it has earned."""
        return sum(result.points for result in self.results)

    @property
    def of(self) -> int:
        """What it could have earned."""
        return sum(result.of for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "notebook": self.name,
            "lesson": self.results[0].lesson if self.results else "",
            "sandbox": self.sandbox,
            "points": self.points,
            "of": self.of,
            "trouble": self.trouble,
            "exercises": [
                {
                    name: value
                    for name, value in asdict(result).items()
                    if name not in ("notebook", "lesson", "kind")
                }
                for result in self.results
            ],
        }


def write_reports(folder: Path, submissions: Sequence[Submission]) -> list[Path]:
    """Write `grades.json`, `grades.xml` (JUnit) and `grades.md`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "grades.json": json.dumps([item.as_dict() for item in submissions], indent=1) + "\n",
        "grades.xml": junit(submissions),
        "grades.md": markdown(submissions),
    }
    paths = []
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def junit(submissions: Sequence[Submission]) -> str:
    """A test suite for each submission, a test case for each exercise."""
    top = ElementTree.Element("testsuites", name="aurora-lab grade")
    for item in submissions:
        failed = sum(not result.passed for result in item.results)
        suite = ElementTree.SubElement(
            top,
            "testsuite",
            name=item.name,
            tests=str(len(item.results) or 1),
            failures=str(failed),
            errors=str(int(bool(item.trouble))),
        )
        if item.trouble:
            case = ElementTree.SubElement(suite, "testcase", classname=item.name, name="grading")
            ElementTree.SubElement(case, "error", message=item.trouble)
        for result in item.results:
            case = ElementTree.SubElement(suite, "testcase", classname=item.name, name=result.item)
            if not result.passed:
                failure = ElementTree.SubElement(case, "failure", type=result.name, message=result.seen)
                failure.text = "\n".join(filter(None, [result.expected, result.explanation, *result.cells]))
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def markdown(submissions: Sequence[Submission]) -> str:
    """A table of all, and for each what is not solved yet."""
    lines = ["# Grades", "", "| notebook | points |", "|---|---|"]
    for item in submissions:
        lines.append(
            f"| {_safe(item.name)} | {'not graded' if item.trouble else f'{item.points} of {item.of}'} |"
        )
    for item in submissions:
        lines += ["", f"## {_safe(item.name)}", ""]
        lines += [_safe(item.trouble)] if item.trouble else []
        for result in item.results:
            lines.append(f"- [{'x' if result.passed else ' '}] {_safe(result.item)}: {_safe(result.seen)}")
            if not result.passed and result.explanation:
                lines.append(f"  {_safe(result.explanation)}")
        if item.sandbox:
            lines += ["", f"Graded {_safe(item.sandbox)}."]
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    """Text, some of it a learner's, that makes no link, picture, table cell or tag."""
    for character in "|<[!":
        text = text.replace(character, "&lt;" if character == "<" else f"\\{character}")
    return text
