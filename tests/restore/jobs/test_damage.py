"""Job folders that were damaged, disks that fill up or fail, devices without memory: a line, and the same bytes."""

from __future__ import annotations

import errno
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restore.errors import DeviceError, DiskError, InputError
from restore.jobs.films import colorize_video
from restore.jobs.job import JOURNAL, job_folder, read_journal
from restore.media.files import PartialFile, temporary_path, temporary_stem
from restore.media.film.source import FilmSource
from restore.paint.network import Colorizer
from tests.fuzz.targets import FRAMES, JOB_OPTIONS, interrupt_at, make_jobs, run_album, run_film
from tests.painters import BROWN
from tests.tools import change, missing

PAGE = 4096  # bytes; the disk gives no less. Each unit of three frames takes three pages, a photo's result two


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    make_jobs(folder)
    return folder


@pytest.fixture
def film(templates: Path, tmp_path: Path) -> Path:
    """``out.mkv`` to come, of which two units are done."""
    shutil.copytree(templates / "film" / "out", tmp_path, dirs_exist_ok=True)
    return tmp_path / "out.mkv"


@pytest.fixture
def album(templates: Path, tmp_path: Path) -> Path:
    """A folder with the results of some photos, and a job that goes on."""
    return shutil.copytree(templates / "album" / "out", tmp_path / "out")


def is_whole_film(target: Path, templates: Path) -> bool:
    return target.read_bytes() == (templates / "film" / "whole.mkv").read_bytes() and not job_folder(target).exists()


def is_whole_album(out: Path, templates: Path) -> bool:
    whole = sorted((templates / "album" / "whole").glob("*.png"))
    return [path.read_bytes() for path in sorted(out.glob("*.png"))] == [path.read_bytes() for path in whole]


def finished_units(target: Path) -> list[int]:
    return [entry["unit"]["first"] for entry in read_journal(job_folder(target) / JOURNAL).entries if "unit" in entry]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# Damage


def test_a_damaged_unit_is_done_again_and_said(film: Path, templates: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert finished_units(film) == [0, 3]
    damage(next((job_folder(film) / "units").glob("000000003.*")))
    seen: list[int] = []
    run_film(templates / "film" / "in.mkv", film, lambda done, _: seen.append(done))
    assert is_whole_film(film, templates)
    assert "frames 3 to 5 are damaged and done again" in caplog.text
    assert seen == list(range(4, FRAMES + 1)), "the sound unit was not done again"


def test_a_damaged_line_is_done_again_and_said(film: Path, templates: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = job_folder(film) / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], lines[1].replace(b'"frames": 3', b'"frames": 2'), *lines[2:]]))
    run_film(templates / "film" / "in.mkv", film)
    assert is_whole_film(film, templates)
    assert "1 lines of the journal" in caplog.text


def test_a_damaged_photo_is_done_again_and_said(album: Path, templates: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage(album / "1.png")
    run_album(templates / "album" / "in", album)
    assert is_whole_album(album, templates)
    assert "1.png is damaged and is done again" in caplog.text


def test_a_changed_photo_is_done_again_however_often_it_is_interrupted(templates: Path, tmp_path: Path) -> None:
    source, out = shutil.copytree(templates / "album" / "in", tmp_path / "in"), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_album(source, out, interrupt_at(4))
    before = (out / "1.png").read_bytes()
    Image.fromarray(np.full((48, 64), 90, np.uint8)).save(source / "1.png")
    with pytest.raises(KeyboardInterrupt):
        run_album(source, out, interrupt_at(3))  # before anything is written
    run_album(source, out)
    assert (out / "1.png").read_bytes() != before
    run_album(source, tmp_path / "anew")
    assert (out / "1.png").read_bytes() == (tmp_path / "anew" / "1.png").read_bytes()


def test_a_photo_that_is_none_of_ours_is_left_alone(album: Path, templates: Path) -> None:
    (album / "5.png").write_bytes(b"mine")
    run_album(templates / "album" / "in", album)
    assert (album / "5.png").read_bytes() == b"mine"


def test_what_a_killed_batch_left_is_cleared_away_and_nothing_else(album: Path, templates: Path) -> None:
    ours = [temporary_path(album / "4.png"), temporary_path(album / "5.png")]
    others = [temporary_path(album / "9.png"), album / f"{temporary_stem(album / '4.png')}.x.part"]
    others += [album / name for name in (".4.png.part", ".4.png.0123456789ab.part", "4.png.x.part", "a.part")]
    for path in [*ours, *others]:
        path.write_bytes(b"half")
    run_album(templates / "album" / "in", album)
    assert is_whole_album(album, templates)
    assert not any(path.exists() for path in ours)
    assert all(path.read_bytes() == b"half" for path in others)
    ours[0].write_bytes(b"half")
    run_album(templates / "album" / "in", album)  # no killed batch, so nobody knows whose it is
    assert ours[0].exists()


# Full and failing disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few pages, to be grown by ``make_room``."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={7 * PAGE}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        missing("only root can mount the small disk that this test fills")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@pytest.mark.parametrize(("pages", "finished"), [(8, [0, 3]), (13, [0, 3, 6, 9])], ids=["in a unit", "in the result"])
def test_a_film_goes_on_when_a_full_disk_has_room_again(
    small_disk: Path, templates: Path, pages: int, finished: list[int]
) -> None:
    source, target = templates / "film" / "in.mkv", small_disk / "out.mkv"
    resize(small_disk, pages * PAGE)
    with pytest.raises(DiskError, match="No space left on device; make room") as caught:
        run_film(source, target)
    assert "run the same command again" in caught.value.__notes__[0]
    assert finished_units(target) == finished
    assert [path.name for path in small_disk.iterdir()] == ["out.mkv.job"]
    assert not list(small_disk.rglob("*.part"))
    resize(small_disk, 200 * PAGE)
    seen: list[int] = []
    run_film(source, target, lambda done, _: seen.append(done))
    assert seen == (list(range(7, FRAMES + 1)) if finished[-1] == 3 else [FRAMES]), (
        "what was finished is not done again"
    )
    assert is_whole_film(target, templates)


def test_an_album_goes_on_when_a_full_disk_has_room_again(small_disk: Path, templates: Path) -> None:
    with pytest.raises(DiskError, match="No space left on device; make room"):
        run_album(templates / "album" / "in", small_disk)
    finished = {path.name: path.stat().st_mtime_ns for path in small_disk.glob("*.png")}
    assert 0 < len(finished) < 6
    assert not list(small_disk.rglob("*.part"))
    resize(small_disk, 200 * PAGE)
    run_album(templates / "album" / "in", small_disk)
    assert is_whole_album(small_disk, templates)
    assert all((small_disk / name).stat().st_mtime_ns == time for name, time in finished.items())


def test_a_disk_that_fills_up_when_the_film_gets_its_name(
    film: Path, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskError("out.mkv could not be written: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(PartialFile, "commit", full)
        with pytest.raises(DiskError):
            run_film(templates / "film" / "in.mkv", film)
    assert [path.name for path in film.parent.iterdir()] == ["out.mkv.job"]
    run_film(templates / "film" / "in.mkv", film)
    assert is_whole_film(film, templates)


def test_a_read_error_in_mid_film(templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = templates / "film" / "in.mkv", tmp_path / "out.mkv"
    frames = FilmSource.frames

    def failing(film: FilmSource) -> Iterator[object]:
        for frame in frames(film):
            if frame.index == FRAMES - 2:
                raise InputError("in.mkv cannot be read on: Input/output error; check its disk")
            yield frame

    options = change(JOB_OPTIONS, temporal="off")  # which looks so far ahead that it would meet the error at once
    colorize_video(source, tmp_path / "whole.mkv", model=BROWN, options=options)
    with monkeypatch.context() as patched:
        patched.setattr(FilmSource, "frames", failing)
        with pytest.raises(InputError, match="read on") as caught:
            colorize_video(source, target, model=BROWN, options=options)
    assert "run the same command again" in caught.value.__notes__[0]
    assert finished_units(target) == [0]
    colorize_video(source, target, model=BROWN, options=options)
    assert target.read_bytes() == (tmp_path / "whole.mkv").read_bytes()


def test_a_source_that_cannot_be_opened_for_its_print(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path_open = Path.open

    def failing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "in.mkv":
            raise OSError(errno.EIO, "Input/output error")
        return path_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(InputError, match=r"in.mkv cannot be read on: Input/output error"):
        run_film(templates / "film" / "in.mkv", tmp_path / "out.mkv")


def test_a_source_that_cannot_be_read_again_for_the_report(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its film is there by then, and stays; the next run has only the report to write."""
    source, target = templates / "film" / "in.mkv", tmp_path / "out.mkv"
    digest = hashlib.file_digest

    def failing(file: Any, kind: Any) -> Any:
        if file.name == str(source):
            raise OSError(errno.EIO, "Input/output error")
        return digest(file, kind)

    with monkeypatch.context() as patched:
        patched.setattr(hashlib, "file_digest", failing)
        with pytest.raises(InputError, match=r"in.mkv cannot be read on: Input/output error") as caught:
            run_film(source, target)
    assert "run the same command again" in caught.value.__notes__[0]
    assert target.read_bytes() == (templates / "film" / "whole.mkv").read_bytes()
    assert not target.with_name("out.mkv.json").exists()
    seen: list[int] = []
    run_film(source, target, lambda done, _: seen.append(done))
    assert seen == [FRAMES]
    assert is_whole_film(target, templates)
    assert target.with_name("out.mkv.json").exists()


# Devices without memory


def out_of_memory(colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, *, largest: int) -> None:
    """The engine takes no more than so many pictures at a time."""
    engine = colorizer.engine

    def small(luma: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> object:
        if len(luma) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return engine(luma)

    small.name = engine.name  # type: ignore[attr-defined]
    monkeypatch.setattr(colorizer, "engine", small)


def toy(model: Path) -> Colorizer:
    return Colorizer(str(model), device="cpu", engine="torch", threads=1, working_size=32, batch=4)


def test_a_device_that_runs_out_of_memory_works_on_in_smaller_batches(
    templates: Path, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames are the same to the bit where the network's are, whatever the batch: here, on the CPU."""
    source = templates / "film" / "in.mkv"
    colorize_video(source, tmp_path / "whole.mkv", model=toy(toy_model), options=JOB_OPTIONS)
    colorizer = toy(toy_model)
    out_of_memory(colorizer, monkeypatch, largest=2)
    report = colorize_video(source, tmp_path / "out.mkv", model=colorizer, options=JOB_OPTIONS)
    assert (report.frames, colorizer.batch) == (FRAMES, 2)
    assert (tmp_path / "out.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()


def test_a_device_too_small_for_one_picture_stops_a_film_that_then_goes_on(
    templates: Path, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = templates / "film" / "in.mkv", tmp_path / "out.mkv"
    colorize_video(source, tmp_path / "whole.mkv", model=toy(toy_model), options=JOB_OPTIONS)
    colorizer = toy(toy_model)

    def memory_goes(done: int, _: int | None) -> None:
        if done == 4:
            out_of_memory(colorizer, monkeypatch, largest=0)

    with pytest.raises(DeviceError, match="no memory left for one picture") as caught:
        colorize_video(source, target, model=colorizer, options=JOB_OPTIONS, progress=memory_goes)
    assert "run the same command again" in caught.value.__notes__[0]
    assert finished_units(target)[:1] == [0]
    colorize_video(source, target, model=toy(toy_model), options=JOB_OPTIONS)
    assert target.read_bytes() == (tmp_path / "whole.mkv").read_bytes()
