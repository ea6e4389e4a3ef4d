from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
from stand_in_region import Run

from aurora_lab.cli import context, diagnosis
from aurora_lab.cli.diagnosis import Level
from aurora_lab.cli.failure import sentence_for
from aurora_lab.cli.opening import choose_lesson
from aurora_lab.course.progress import Progress
from aurora_lab.course.record import Record
from aurora_lab.region.home import Home

Usage = namedtuple("Usage", "total used free")


def one_sentence(stderr: str) -> str:
    """The sentence, which stands alone."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("aurora-lab: ")
    return lines[0]


@pytest.mark.parametrize("command", [["start"], ["open", "--no-browser"]])
def test_a_home_that_cannot_be_made(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").touch()
    result = run(*command, "--home", str(tmp_path / "file" / "home"))
    assert result.exit_code == 1
    assert re.search("cannot be written .*Choose another with --home", one_sentence(result.stderr))


def test_a_home_of_somebody_else(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(context.tempfile, "TemporaryFile", refuse)
    result = run("start", "--home", str(tmp_path / "home"))
    assert result.exit_code == 1
    assert "cannot be written (permission denied)" in one_sentence(result.stderr)


def test_a_full_disk_is_seen_before_anything_is_started(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context.shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 3 * 2**20))
    result = run("start")
    assert result.exit_code == 1
    assert "is full: 3 MB are left, and a small cluster needs 200 MB" in one_sentence(result.stderr)


def test_a_disk_that_is_really_full(run: Run, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=False)
    if done.returncode:
        pytest.skip("this machine does not let root mount a small disk")
    try:
        with (disk / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
            while True:
                ballast.write(bytes(4096))
        result = run("start", "--home", str(disk))
        assert result.exit_code == 1
        assert f"The disk that holds {disk} is full" in one_sentence(result.stderr)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.usefixtures("region")
def test_a_workspace_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("open", "--no-browser", "--workspace", str(tmp_path / "file" / "work"))
    assert result.exit_code == 1
    assert re.search("folder of notebooks .* cannot be written.*--workspace", one_sentence(result.stderr))


def test_a_lesson_that_is_not_there(run: Run) -> None:
    for command in (["open", "42"], ["42"], ["reset", "42"]):
        result = run(*command)
        assert result.exit_code == 1
        assert "There is no lesson '42'. The lessons are: 05_hands_on_psql, 07" in one_sentence(result.stderr)


@pytest.mark.usefixtures("region")
def test_a_port_that_is_taken(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("open", "--no-browser", "--port", str(port))
    assert result.exit_code == 1
    assert f"Port {port} is taken. Choose another with --port" in one_sentence(result.stderr)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "The disk that holds /x/y is full."),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "You have no permission for /x."),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "You have no permission for /x."),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x"), "/x is in the way"),
    ],
)
def test_the_systems_refusals_in_plain_words(error: OSError, sentence: str) -> None:
    assert (sentence_for(error) or "").startswith(sentence)


def test_a_refusal_without_plain_words_keeps_its_traceback() -> None:
    assert sentence_for(OSError(errno.EIO, "Input/output error", "/x")) is None


def test_reset_moves_the_home_aside_and_says_where(run: Run, home: Home) -> None:
    home.folder.mkdir()
    (home.folder / "region.sqlite3").write_text("state")
    assert run("reset", input="n\n").exit_code == 130
    assert home.folder.exists()
    result = run("reset", "--yes")
    assert result.exit_code == 0
    (aside,) = home.folder.parent.glob("home.20*")
    assert re.fullmatch(r"home\.\d{4}-\d\d-\d\d-\d{6}", aside.name)
    assert str(aside) in result.stdout
    assert (aside / "region.sqlite3").read_text() == "state"
    assert not home.folder.exists()


def test_reset_takes_servers_files_that_lie_elsewhere_along(
    run: Run, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = tmp_path / "apart" / "data"
    apart.mkdir(parents=True)
    (apart / "PG_VERSION").write_text("17")
    home.folder.mkdir()
    monkeypatch.setattr(Home, "data", property(lambda _: apart))
    result = run("reset", "--yes")
    (aside,) = apart.parent.glob("data.20*")
    assert (aside / "PG_VERSION").exists()
    assert str(aside) in result.stdout


def test_reset_where_there_is_nothing(run: Run) -> None:
    result = run("reset", "--yes")
    assert result.exit_code == 0
    assert "nothing to reset" in result.stdout


def test_reset_of_a_lesson_says_where_the_work_is(run: Run, workspace: Path) -> None:
    workspace.mkdir()
    (workspace / "05_hands_on_psql.ipynb").write_text("my work")
    result = run("reset", "05")
    (backup,) = (workspace / "backups").iterdir()
    assert backup.read_text() == "my work"
    assert str(backup) in result.stdout


def test_reset_of_a_lesson_begins_it_anew_and_keeps_what_was_noted(run: Run, home: Home) -> None:
    Record(home, "05").predict("05.1", "a")
    for exercise in ("05.1", "07.1"):
        Progress(home).passed(exercise)
    result = run("reset", "05")
    assert Record(home, "05").all() == {}
    (kept,) = (home.folder / "course").glob("lesson-05.*.json")
    assert "prediction" in kept.read_text()
    assert str(kept) in result.stdout
    assert list(Progress(home).done()) == ["07.1"]


def test_reset_of_the_region_keeps_what_was_solved(run: Run, home: Home) -> None:
    Progress(home).passed("05.1")
    home.log.write_text("a region was here")
    run("reset", "--yes")
    assert not home.log.exists()
    assert list(Progress(home).done()) == ["05.1"]
    assert "nothing to reset" in run("reset", "--yes").stdout


def test_watch_without_a_terminal_says_so(run: Run) -> None:
    result = run("watch")
    assert result.exit_code == 1
    assert "`watch` needs a terminal" in one_sentence(result.stderr)


def test_the_first_lesson_that_is_not_done_is_chosen(course: Path, home: Home) -> None:
    path = course / "05_hands_on_psql.ipynb"
    notebook = json.loads(path.read_text())
    mark = {"aurora_lab": {"role": "check", "exercise": "05.1"}}
    notebook["cells"].append({"cell_type": "code", "metadata": mark, "source": ""})
    path.write_text(json.dumps(notebook))
    before = choose_lesson(course, None)
    Progress(home).passed("05.1")
    after, named = choose_lesson(course, None), choose_lesson(course, "5")
    assert [item and item.number for item in (before, after, named)] == ["05", "07", "05"]


def test_progress_says_what_is_done_and_where_it_is_kept(run: Run, home: Home) -> None:
    result = run("progress")
    assert "05 hands on psql:" in result.stdout
    assert f"Kept in {home.folder / 'progress.txt'}." in result.stderr


def test_logs_show_the_end_and_nothing_else(run: Run, home: Home) -> None:
    assert "There is no log yet" in run("logs").stderr
    home.folder.mkdir()
    home.log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert run("logs", "-n", "2").stdout == "line 98\nline 99\n"
    assert "There is no instance 'shop-1'" in run("logs", "shop-1").stderr


def test_the_doctor_finds_this_machine_fit(run: Run, home: Home) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "The lab can run here." in result.stdout
    for name in ("Python", "PostgreSQL", "Docker", "JupyterLab", "AWS CLI", "psql", "Home", "Disk", "Region"):
        assert re.search(rf"(ok|note) +{name} ", result.stdout), name
    assert not home.folder.exists(), "looking changes nothing"


def test_the_doctor_says_what_is_missing_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.environ["AURORA_LAB_PG_BIN"] = str(tmp_path)
    result = run("doctor", "--home", str(tmp_path / "home"))
    assert result.exit_code == 1
    assert re.search(r"missing +PostgreSQL", result.stdout)
    assert "The lab cannot run yet: PostgreSQL." in result.stdout


def test_an_older_aws_before_ours_is_named(tmp_path: Path) -> None:
    older = tmp_path / "aws"
    older.write_text("#!/bin/sh\necho aws-cli/1.44.0 Python/3.11\n")
    older.chmod(0o755)
    found = diagnosis.check_aws({"PATH": str(tmp_path)})
    assert found.level is Level.NOTE
    assert f"in this shell `aws` means another one, {older}" in found.found


@pytest.mark.parametrize(
    ("known", "obeys"),
    [((1, 44, 9), False), ((1, 46, 0), True), ((2, 9, 19), False), ((2, 13, 0), True), ((), False)],
)
def test_which_aws_obeys_the_endpoint(known: tuple[int, ...], obeys: bool) -> None:
    assert diagnosis._obeys(known) is obeys


def test_findings_about_what_is_low() -> None:
    assert diagnosis.check_memory(100 * 2**20).level is Level.NOTE
    assert diagnosis.check_python((3, 10)).level is Level.MISSING
    assert diagnosis.check_python((3, 14)).level is Level.MISSING
    assert diagnosis.check_environment({"AWS_PROFILE": "work"}).found.endswith(
        "AWS_PROFILE may lead elsewhere"
    )
