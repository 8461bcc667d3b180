"""Films by several processes: the bytes of one, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restore.errors import InputError, OptionError, WorkerError
from restore.jobs.film_job import FilmTask
from restore.jobs.film_units import PlannedUnit, Stretch
from restore.jobs.films import Film, colorize_video
from restore.jobs.fingerprint import sampled_sha256
from restore.jobs.job import JOURNAL, UNITS, Job, job_folder, read_journal
from restore.jobs.workers import Workers
from restore.options import FilmOptions, UnitLengths
from restore.paint.network import Colorizer
from restore.paint.recipe import recipe_of
from restore.verify import verify_any
from tests.media import write_shots
from tests.restore.jobs.killer import Killer
from tests.tools import child_processes, film_options, run

UNITS_OF_A_FEW = UnitLengths(shortest=3, longest=6, context=4)
OPTIONS = film_options(codec="ffv1", threads=1, units=UNITS_OF_A_FEW)
TWO = Workers(2, threads=1)
SHOTS = (8, 17, 2, 9)
FRAMES = sum(SHOTS)

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for child processes in /proc")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shots(tmp_path_factory.mktemp("film") / "film.mkv", SHOTS)


@pytest.fixture(scope="module")
def whole(film: Path, toy_colorizer: Colorizer) -> bytes:
    """What one process makes."""
    target = film.with_name("whole.mkv")
    colorize_video(film, target, model=toy_colorizer, options=OPTIONS)
    return target.read_bytes()


def finished_frames(target: Path) -> int:
    entries = read_journal(job_folder(target) / JOURNAL).entries
    return sum(entry["unit"]["frames"] for entry in entries if "unit" in entry)


def workers_of(parent: int) -> set[int]:
    return child_processes(parent, "popen_loky")


def all_ended(processes: set[int], seconds: float = 20) -> bool:
    """Those of another parent are not ours to wait for; one that is only not collected yet has ended too."""
    end = time.monotonic() + seconds
    while any(is_running(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(is_running(process) for process in processes)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def at(frames: int, act: Callable[[], None]) -> Callable[[int, int | None], None]:
    """Progress that does something once so much is done."""
    acted: list[int] = []

    def progress(done: int, _: int | None) -> None:
        if done >= frames and not acted:
            acted.append(done)
            act()

    return progress


@linux
def test_two_workers_make_the_same_film_though_one_is_killed(
    film: Path, whole: bytes, toy_colorizer: Colorizer, tmp_path: Path
) -> None:
    target, killed = tmp_path / "out.mkv", []

    def kill() -> None:
        workers = workers_of(os.getpid())
        assert len(workers) == 2
        killed.append(min(workers))
        os.kill(killed[0], signal.SIGKILL)

    report = colorize_video(film, target, model=toy_colorizer, options=OPTIONS, workers=TWO, progress=at(4, kill))
    assert killed
    assert target.read_bytes() == whole
    assert report.frames == FRAMES
    assert verify_any(film, target).problems == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv", "out.mkv.json"]
    assert not workers_of(os.getpid())


@pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")
def test_a_killed_run_is_gone_on_with_by_any_number_of_workers(toy_model: Path, film: Path, tmp_path: Path) -> None:
    killer = Killer("film", toy_model)
    target, alone = tmp_path / "out.mkv", tmp_path / "alone.mkv"
    options: dict[str, Any] = {"codec": "ffv1", "preset": None}
    assert killer.run(film, target, jobs=2, kill_at=10, **options) == -signal.SIGKILL
    by_two = finished_frames(target)
    assert 10 <= by_two < 20
    assert killer.run(film, target, jobs=1, kill_at=FRAMES - 2, **options) == -signal.SIGKILL
    assert by_two < finished_frames(target) < FRAMES
    assert killer.run(film, target, jobs=2, **options) == 0
    assert killer.run(film, alone, **options) == 0
    assert target.read_bytes() == alone.read_bytes()
    assert not job_folder(target).exists()


def test_shots_that_are_drawn_go_to_one_worker_each(film: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    """And a unit that was damaged in the middle of a shot is made good."""

    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    alone, target = tmp_path / "alone.mkv", tmp_path / "out.mkv"
    colorize_video(film, alone, model=sampling_colorizer, options=OPTIONS)
    with pytest.raises(StopError):
        colorize_video(film, target, model=sampling_colorizer, options=OPTIONS, progress=at(FRAMES, stop))
    (job_folder(target) / UNITS / f"{14:09d}.unit").write_bytes(b"damaged")
    (job_folder(target) / UNITS / f"{14:09d}.given up").write_bytes(b"by an earlier run's worker")
    colorize_video(film, target, model=sampling_colorizer, options=OPTIONS, workers=TWO)
    assert target.read_bytes() == alone.read_bytes()
    assert not job_folder(target).exists()


# The command


@pytest.fixture
def command(film: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Without the output; units are short, which no option of the command line sets."""
    original = FilmOptions.__init__

    def with_short_units(options: FilmOptions, **chosen: Any) -> None:
        original(options, **{"units": UNITS_OF_A_FEW, **chosen})

    monkeypatch.setattr(FilmOptions, "__init__", with_short_units)
    options = ["--codec", "ffv1", "--device", "cpu", "--threads", "1", "--working-size", "64"]
    return ["video", str(film), "--model", str(toy_model), *options]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """As in a program in the foreground."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@linux
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_all_workers_and_the_same_command_goes_on(
    command: list[str],
    whole: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, seen = tmp_path / "out.mkv", set()
    add = Job.add

    def interrupted(job: Job, entry: dict[str, object], **how: bool) -> None:
        add(job, entry, **how)
        seen.update(workers_of(os.getpid()))
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "add", interrupted)
        assert run(*command, "--jobs", "2", "-o", target) == 130
    shown = capsys.readouterr().err.strip()
    assert shown == "interrupted; what is finished is kept: run the same command again to resume it"
    assert len(seen) == 2
    assert all_ended(seen)
    assert finished_frames(target) > 0
    assert run(*command, "-o", target) == 0
    assert target.read_bytes() == whole


def test_what_does_not_go_together_is_one_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    debug = ["--temporal-debug", str(tmp_path / "debug.mkv")]
    assert run(*command, "--jobs", "2", *debug, "-o", tmp_path / "out.mkv") == 2
    assert "leave --jobs and --cluster out" in capsys.readouterr().err
    assert run(*command, "--jobs", "2", "--cluster", "tcp://somewhere:8786", "-o", tmp_path / "out.mkv") == 2
    assert "leave --jobs out" in capsys.readouterr().err


# A worker by itself


@pytest.fixture
def work(film: Path, toy_colorizer: Colorizer, tmp_path: Path) -> Film:
    target = tmp_path / "out.mkv"
    (job_folder(target) / UNITS).mkdir(parents=True)
    (job_folder(target) / JOURNAL).touch()
    sha256 = sampled_sha256(film)["sha256_of_blocks"]
    return Film(film, target, OPTIONS, recipe=recipe_of("film", toy_colorizer), source_sha256=sha256)


def test_a_worker_that_sees_other_files_says_so(work: Film, tmp_path: Path) -> None:
    moved = replace(work, source=tmp_path / "film.mkv")
    with pytest.raises(InputError, match=r"does not see .*film\.mkv; sources and results must lie under the same path"):
        moved.open_painter()
    write_shots(tmp_path / "film.mkv", (5,))
    with pytest.raises(InputError, match=r"sees another .*film\.mkv"):
        moved.open_painter()
    (job_folder(work.target) / JOURNAL).unlink()
    with pytest.raises(WorkerError, match=r"does not see .*out\.mkv\.job"):
        work.open_painter()


def test_a_film_that_became_shorter_is_no_unit(work: Film) -> None:
    unit = PlannedUnit(FRAMES - 2, 4, True, "film", (FRAMES - 2,))
    stretch = Stretch(unit.first, unit.unit, unit.first, (unit,), frozenset({unit.first}), unit.end)
    with pytest.raises(WorkerError, match=r"2 frames of .* came where there were 4 before"):
        FilmTask(work)(stretch)
    assert list((job_folder(work.target) / UNITS).iterdir()) == []


def test_one_process_looks_at_the_temporal_pass(film: Path, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    options = film_options(temporal_debug=tmp_path / "debug.mkv")
    with pytest.raises(OptionError, match="looks at one process"):
        colorize_video(film, tmp_path / "out.mkv", model=toy_colorizer, options=options, workers=TWO)
