"""Folders of films: mirrored, resumed wherever they were interrupted, and none stops the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import OptionError
from restore.jobs.films import colorize_films
from restore.jobs.job import job_folder
from restore.jobs.report import REPORT, Report, read_report
from restore.jobs.status import job_status
from restore.jobs.workers import Workers
from tests.fuzz.targets import JOB_OPTIONS, interrupt_at
from tests.media import noise_film
from tests.painters import BROWN
from tests.tools import change

FRAMES = 10
FILMS = ("a.mkv", "b.mkv", "deep/c.mkv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILMS:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        noise_film(tmp_path / "in" / name, FRAMES)
    (tmp_path / "in" / "bad.mkv").write_bytes(b"not a film")
    (tmp_path / "in" / "notes.txt").touch()
    return tmp_path / "in"


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.mkv")}


def run(folder: Path, out: Path, stop_at: int | None = None) -> Report:
    progress = None if stop_at is None else interrupt_at(stop_at)
    return colorize_films([folder], out, model=BROWN, options=JOB_OPTIONS, progress=progress)


def test_a_tree_is_mirrored_and_a_bad_film_fails_alone(folder: Path, tmp_path: Path) -> None:
    report = run(folder, tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == sorted(FILMS)
    assert [path.name for path, _ in report.failed] == ["bad.mkv"]
    assert (report.frames, report.ignored) == (len(FILMS) * FRAMES, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mkv", "b.mkv", "deep", REPORT]
    assert job_status(tmp_path / "out").complete


@pytest.mark.parametrize("stop_at", [5, FRAMES, 2 * FRAMES - 1, 3 * FRAMES])
def test_an_interrupted_folder_is_resumed_to_the_same_bytes(folder: Path, tmp_path: Path, stop_at: int) -> None:
    out = tmp_path / "out"
    run(folder, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt) as caught:
        run(folder, out, stop_at)
    assert len(caught.value.__notes__) == 1
    status = job_status(out)
    assert (status.what, status.total, status.running) == ("films", len(FILMS) + 1, False)
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("*.mkv") if path.is_file()}
    report = run(folder, out)
    assert contents(out) == contents(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    assert not [path for path in out.rglob("*") if path.suffix in (".job", ".part") or path == job_folder(out)]
    counts = read_report(report.path)["counts"]
    assert counts == {"files": len(FILMS), "frames": len(FILMS) * FRAMES, "skipped": 0, "failed": 1}


def test_a_debug_film_is_of_one_film(folder: Path, tmp_path: Path) -> None:
    options = change(JOB_OPTIONS, temporal="light", temporal_debug=tmp_path / "debug.mp4")
    with pytest.raises(OptionError, match="looks at one film"):
        colorize_films([folder], tmp_path / "out", model=BROWN, options=options, workers=Workers())
