"""Spare copies of the template: taken by a rename, made anew, and never needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_lab.cluster import spares as module
from aurora_lab.cluster.spares import Spares
from aurora_lab.cluster.template import Template
from small_cluster import Ground, until


@pytest.fixture
def template(embedded_ground: Ground, tmp_path: Path) -> Template:
    """A template of the test's own, so that nobody else takes its spares."""
    made = Template(embedded_ground.runtime, tmp_path / "template")
    source = embedded_ground.template.ensure().parent
    made.folder.mkdir()
    embedded_ground.runtime.copy_tree(source, made.folder / source.name)
    return made


@pytest.fixture
def spares(template: Template) -> Iterator[Spares]:
    """Spares that are made at once."""
    made = Spares(template, count=2, delay=0.01)
    yield made
    made.close()


def there(template: Template) -> list[str]:
    """The spares that are complete."""
    return sorted(path.name[-1] for path in template.folder.glob("*.spare-?"))


def test_a_spare_is_taken_by_a_rename_and_made_anew(
    template: Template, spares: Spares, tmp_path: Path
) -> None:
    spares.start()
    until(lambda: there(template) == ["0", "1"], "both spares are there")
    number = next(template.folder.glob("*.spare-0")).stat().st_ino
    template.copy(tmp_path / "one")
    assert (tmp_path / "one").stat().st_ino == number
    assert (tmp_path / "one" / "PG_VERSION").read_text() == (template.ensure() / "PG_VERSION").read_text()
    until(lambda: there(template) == ["0", "1"], "there are two again")


def test_without_a_spare_the_template_is_copied(template: Template, spares: Spares, tmp_path: Path) -> None:
    template.copy(tmp_path / "before")
    assert there(template) == []
    spares.start()
    spares.close()
    for path in template.folder.glob("*.spare-?"):
        template.runtime.remove_tree(path)
    template.copy(tmp_path / "after")
    for name in ("before", "after"):
        assert (tmp_path / name / "PG_VERSION").exists()


def test_what_a_dead_attempt_left_is_removed(template: Template, spares: Spares) -> None:
    half = template.folder / f"{template.ensure().parent.name}.spare-0.new-abc"
    other = template.folder / "16.1-of-another-template.spare-0"
    for path in (half, other):
        path.mkdir()
    spares.start()
    until(lambda: not half.exists() and not other.exists(), "the rubbish is gone")


def test_no_spare_is_made_where_the_disk_has_no_room(
    template: Template, spares: Spares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_BYTES", 1 << 62)
    spares.start()
    template.copy(tmp_path / "one")
    spares.close()
    assert there(template) == []
