"""Grade many notebooks at a time: a few processes, and a second try for those that a lost process has left."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from aurora_lab.course.forked import sharing
from aurora_lab.course.grade import GradeError, Options, grade_batch
from aurora_lab.course.grade_report import Submission

IN_ONE_PROCESS = 10
"""Notebooks for one process: it takes a second to start."""


def at_a_time() -> int:
    """How many notebooks at a time: half as many again as processors, since each waits now and then."""
    processors = os.cpu_count() or 1
    return processors + (processors + 1) // 2


def grade_class(
    notebooks: Sequence[Path],
    options: Options,
    jobs: int,
    done: Callable[[Submission], None] = lambda _submission: None,
) -> list[Submission]:
    """The grades of all notebooks, in the order given. `done` is told of each when it is graded.

    Raises nothing for a single notebook: what goes wrong is said in its `trouble`.
    """
    size = max(1, min(IN_ONE_PROCESS, -(-len(notebooks) // jobs)))
    batches = [notebooks[start : start + size] for start in range(0, len(notebooks), size)]

    with sharing(options.runtime) as shared, ThreadPoolExecutor(jobs) as pool:
        together = replace(options, shared=shared)

        def graded(batch: Sequence[Path]) -> list[Submission]:
            found = _batch(batch, together)
            for item in found:
                done(item)
            return found

        return [item for batch in pool.map(graded, batches) for item in batch]


def _batch(batch: Sequence[Path], options: Options) -> list[Submission]:
    try:
        graded = grade_batch(batch, replace(options, seconds=options.seconds * len(batch)))
    except GradeError as error:
        if len(batch) == 1:
            return [Submission(str(batch[0]), trouble=_first_lines(str(error)))]
        return [item for notebook in batch for item in _batch([notebook], options)]
    found = []
    for notebook, results in zip(batch, graded.results, strict=True):
        if results:
            kept = [result for result in results if result.kind == "exercise"]
            found.append(Submission(str(notebook), graded.sandbox, kept))
        elif len(batch) == 1:
            found.append(Submission(str(notebook), trouble=_first_lines(graded.output)))
        else:
            found += _batch([notebook], options)
    return found


def _first_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join([*lines[:1], *lines[-1:]] if len(lines) > 1 else lines)
