"""Photos done by several processes: the same bytes, whoever did which window, and whoever died meanwhile."""

from __future__ import annotations

import gc
import json
import os
import pickle
import random
import signal
import sys
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restore.colour import FloatArray
from restore.errors import DiskError, ModelError, OptionError
from restore.jobs import photo_units
from restore.jobs.batch import MadeFile, Unit
from restore.jobs.job import job_folder
from restore.jobs.photo_maker import pixels_of
from restore.jobs.photo_units import windows_of
from restore.jobs.photos import colorize_photos
from restore.jobs.plan import PHOTOS, Target, make_plan
from restore.jobs.records import FileRecord, place_in
from restore.jobs.report import Report
from restore.jobs.workers import Workers
from restore.media.files import temporary_path
from restore.paint.network import Colorizer
from tests.media import picture, shard
from tests.painters import TopIsBlue
from tests.restore.jobs.killer import Killer
from tests.tools import photo_options
from tests.tools import run as rechroma

REPORT = "rechroma-report.json"
TWO = Workers(2, threads=1)
PICTURES = 14


def run(source: Path, out: Path, colorizer: Any, workers: Workers | None = None, **options: Any) -> Report:
    progress = options.pop("progress", None)
    chosen = photo_options(**{"threads": 1, **options})
    return colorize_photos([source], out, model=colorizer, options=chosen, workers=workers, progress=progress)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != REPORT)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four pictures, in this process, which plans them."""
    monkeypatch.setattr(photo_units, "WINDOW_PICTURES", 4)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes, a tar of some, and a bad file of each kind."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(PICTURES):
        shade = np.random.default_rng(number).normal(128, 30, (60 + 7 * (number % 3), 80)).clip(0, 255)
        Image.fromarray(shade.astype(np.uint8)).save(folder / f"{number:02}.{('png', 'jpg')[number % 2]}")
    (folder / "05bad.jpg").write_bytes(b"not a picture")
    shard(folder / "some.tar", {"1.png": picture("PNG"), "2.jpg": picture(seed=1), "bad.jpg": b"bad", "3.txt": b"text"})
    (folder / "cut.tar").write_bytes((folder / "some.tar").read_bytes()[:2000])
    return folder


class Here(Workers):
    """Workers that are this process, and give their results in another order."""

    alone = False

    def run(self, task: Any, items: Iterable[Any], *, prepare: Any = None) -> Generator[Any, None, None]:
        prepare()
        waiting: list[bytes] = []
        chance = random.Random(3)
        for unit in items:
            waiting.append(pickle.dumps(unit))
            if len(waiting) == 3:
                yield self.done(task, waiting.pop(chance.randrange(3)))
        for unit in waiting:
            yield self.done(task, unit)

    def done(self, task: Any, unit: bytes) -> Any:
        """Everything travels."""
        return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(task))(pickle.loads(unit))))


HERE = Here(2, threads=1)


@pytest.fixture
def whole(album: Path, toy_colorizer: Colorizer, tmp_path: Path) -> Path:
    """By one process."""
    run(album, tmp_path / "whole", toy_colorizer)
    return tmp_path / "whole"


def told(out: Path) -> dict[str, Any]:
    """The report, without what depends on the run and the place."""
    text = (out / REPORT).read_text(encoding="utf-8").replace(str(out), "OUT")
    report: dict[str, Any] = json.loads(text)
    report.pop("seconds")
    for entry in report["files"]:
        entry.pop("seconds")
    report["failed"] = sorted(report["failed"], key=str)
    report["warnings"] = sorted(report["warnings"], key=str)
    return report


def test_workers_make_the_same_bytes(album: Path, whole: Path, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    report = run(album, tmp_path / "out", toy_colorizer, HERE, progress=lambda *step: steps.append(step))
    assert content(tmp_path / "out") == content(whole)
    assert len(content(whole)) == PICTURES + 1
    assert told(tmp_path / "out") == told(whole)
    assert report.frames == PICTURES + 2
    assert steps[0] == (0, PICTURES + 1 + 3 + 1)
    assert steps[-1][0] == steps[-1][1]
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_drawn_pictures_too(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("00.png", "01.jpg", "02.png"):
        (source / name).write_bytes((album / name).read_bytes())
    for name, workers in (("whole", None), ("out", HERE)):
        run(source, tmp_path / name, sampling_colorizer, workers, samples=2, seed=3)
    assert len(content(tmp_path / "out")) == 3 * 3
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert told(tmp_path / "out") == told(tmp_path / "whole")


class StopError(Exception):
    pass


def stop_behind(pictures: int) -> Callable[[int, int | None], None]:
    def progress(done: int, _: int | None) -> None:
        if done >= pictures:
            raise StopError

    return progress


@pytest.mark.parametrize(("first", "second"), [(HERE, None), (None, HERE), (HERE, HERE)])
def test_a_batch_goes_on_with_other_workers(
    album: Path, whole: Path, toy_colorizer: Colorizer, tmp_path: Path, first: Workers | None, second: Workers | None
) -> None:
    out = tmp_path / "out"
    with pytest.raises(StopError) as caught:
        run(album, out, toy_colorizer, first, progress=stop_behind(9))
    assert "run the same command again" in caught.value.__notes__[0]
    finished = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.suffix in (".png", ".jpg", ".tar")}
    assert 3 < len(finished) < PICTURES
    assert not list(out.glob(".*.part"))
    run(album, out, toy_colorizer, second)
    assert content(out) == content(whole)
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    report = told(out)
    assert report["counts"] == {"files": PICTURES + 1, "frames": PICTURES + 2, "skipped": 0, "failed": 3}


def test_other_threads_of_pytorch_are_refused(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    """Its last bits hang on them, and what is drawn on those."""
    out = tmp_path / "out"
    threads = torch.get_num_threads()
    with pytest.raises(StopError):
        run(album, out, sampling_colorizer, Here(2, threads=threads), progress=stop_behind(9))
    with pytest.raises(OptionError, match=f"program.threads was {threads}, is {threads + 1}"):
        run(album, out, sampling_colorizer, Here(2, threads=threads + 1))
    run(album, out, sampling_colorizer)
    assert len(content(out)) == PICTURES + 1


def test_an_error_in_a_worker_ends_the_batch(
    album: Path, toy_colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy_colorizer, "weights_sha256", "0" * 64)
    with pytest.raises(ModelError, match="another model on this machine"):
        run(album, tmp_path / "out", toy_colorizer, HERE)
    assert content(tmp_path / "out") == {}


class Pretended(Workers):
    """Workers that make nothing in no time."""

    alone = False

    def run(self, task: Any, items: Iterable[Any], **_: Any) -> Generator[Any, None, None]:
        for unit in items:
            yield [pretend(task.out, each) for each in unit]


def pretend(out: Path, target: Target) -> MadeFile:
    result = target.output
    part = temporary_path(result)
    part.touch()
    place = place_in(out, result)
    record = FileRecord(place, str(target.source), [1, 1], outputs={place: "0" * 64})
    return MadeFile(target, record, ((result, part),))


@pytest.fixture
def ten_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files that are units of their own; what the driver holds of them from the beginning on are their paths."""
    monkeypatch.setattr(photo_units, "WINDOW_PICTURES", 1)
    monkeypatch.setattr("restore.jobs.photo_units.pixels_of", lambda _: 1)
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for number in range(10_000):
        (tmp_path / "in" / f"{number:05}.png").touch()
    return tmp_path / "in"


def test_what_the_driver_holds_does_not_grow(ten_thousand: Path, tmp_path: Path) -> None:
    """The last 2,000 of 10,000 units are watched, which shows what stays of each."""
    grown = 0

    def progress(done: int, _: int | None) -> None:
        nonlocal grown
        if done == 8_000:
            tracemalloc.start()
        if done == 10_000:
            gc.collect()
            ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/restore/*")])
            grown = sum(line.size for line in ours.statistics("filename"))  # other threads of the test run allocate too
            tracemalloc.stop()

    report = run(ten_thousand, tmp_path / "out", TopIsBlue(), Pretended(2), progress=progress)
    assert len(report.written) == 10_000
    assert 0 < grown < 2_000 * 200  # bytes: the report's references to paths, in a list that moves when it grows


class Simulated(Workers):
    """Processes that make nothing in no time."""

    def run(self, task: Any, items: Iterable[Any], **_: Any) -> Generator[Any, None, None]:
        return super().run(partial(pretend_unit, task.out), items)


def pretend_unit(out: Path, unit: Unit) -> list[MadeFile]:
    return [pretend(out, each) for each in unit]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_driver_of_many_units_in_processes(ten_thousand: Path, tmp_path: Path) -> None:
    """All that the process takes, joblib's part too; a kilobyte a unit would be eight megabytes."""
    sizes: dict[int, int] = {}

    def progress(done: int, _: int | None) -> None:
        if done in (2_000, 10_000):
            gc.collect()
            sizes[done] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    run(ten_thousand, tmp_path / "out", TopIsBlue(), Simulated(2, threads=1), progress=progress)
    print(f"resident: {sizes[2_000] / 2**20:.1f} MiB behind 2,000 units, {sizes[10_000] / 2**20:.1f} behind 10,000")
    assert sizes[10_000] - sizes[2_000] < 4 << 20


def test_windows_are_bounded_by_pictures_and_pixels(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By headers alone."""
    targets = [target for target in make_plan(PHOTOS, [album], album.with_name("out")).targets if not target.is_tar]
    sizes = [len(window) for window in windows_of(targets, 4)]
    assert sum(sizes) == len(targets)
    assert set(sizes[:-1]) == {4}
    monkeypatch.setattr(photo_units, "WINDOW_PIXELS", 3 * 80 * 67)
    by_pixels = list(windows_of(targets, 32))
    assert [target for window in by_pixels for target in window] == targets
    for window in by_pixels:
        pixels = sum(pixels_of(target.source) for target in window)
        assert len(window) == 1 or pixels <= 3 * 80 * 67
    assert len(by_pixels) > 1


def test_a_full_disk_in_the_driver_discards_what_workers_made(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskError, match="make room"):
        run(album, tmp_path / "out", TopIsBlue(), Pretended(2))
    assert not list((tmp_path / "out").rglob("*.part"))


def test_the_command_hands_its_options_on(
    album: Path, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def taking(*_: Any, **options: Any) -> Report:
        given.update(options)
        return Report("photos")

    def command(*arguments: str) -> int:
        return rechroma("photos", album, "-o", tmp_path / "out", "--model", toy_model, "--engine", "torch", *arguments)

    monkeypatch.setattr("restore.jobs.photos.colorize_photos", taking)
    threads = torch.get_num_threads()
    assert command("--jobs", "3", "--threads", str(threads)) == 0
    assert (given["options"].run.jobs, given["options"].run.threads) == (3, threads)
    assert command("--cluster", "tcp://first:8786") == 0
    assert given["options"].run.cluster == "tcp://first:8786"
    assert command("--jobs", "2", "--cluster", "tcp://first:8786") == 2


# With processes


class Deadly(TopIsBlue):
    """Dies in its second window, in the process that comes there first; in another it lives."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark = mark

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        if len(prepared) == 3 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return super().predict(prepared)


def test_a_worker_that_dies_is_made_good(album: Path, tmp_path: Path) -> None:
    """Its window has three pictures, for the fourth is bad. What one process did before, others go on with."""
    run(album, tmp_path / "whole", TopIsBlue())
    out = tmp_path / "out"
    with pytest.raises(StopError):
        run(album, out, TopIsBlue(), progress=stop_behind(2))
    report = run(album, out, Deadly(tmp_path / "mark"), TWO)
    assert (tmp_path / "mark").exists()
    assert content(out) == content(tmp_path / "whole")
    assert told(out) == told(tmp_path / "whole")
    assert report.frames == PICTURES + 2 - 2


@pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")
def test_a_killed_driver(album: Path, toy_model: Path, tmp_path: Path) -> None:
    killer = Killer("album", toy_model)
    out = tmp_path / "out"
    assert killer.run(album, tmp_path / "whole") == 0
    assert killer.run(album, out, jobs=2, kill_at=7) == -signal.SIGKILL
    assert job_folder(out).exists()
    time.sleep(1.5)  # its workers notice, and die as well
    before = set(out.rglob("*"))
    assert killer.run(album, out, jobs=1) == 0
    assert len(before) > 7
    assert content(out) == content(tmp_path / "whole")
    assert told(out)["counts"]["frames"] == PICTURES + 2
