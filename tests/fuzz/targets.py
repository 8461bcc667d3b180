"""What is fuzzed: each target takes a damaged file and a scratch folder, and may only refuse it in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from restore.errors import InputError
from restore.jobs.films import colorize_video
from restore.jobs.photos import colorize_photos
from restore.jobs.report import report_path
from restore.media.film.source import FilmSource
from restore.media.photo.reading import read_photo
from restore.media.thermal import open_thermal
from restore.options import UnitLengths
from tests.media import noise_film, picture
from tests.painters import BROWN
from tests.tools import film_options, photo_options

__all__ = ["JOB_TARGETS", "TARGETS", "Target", "make_jobs"]

SECONDS_OF_FILM = 0.4


@dataclass(frozen=True)
class Target:
    """One way into the program."""

    run: Callable[[Path, Path, Path], object]
    """Takes the damaged file, the whole one and an empty folder for results. Raises ``RechromaError`` to refuse."""

    files: Callable[[Path], list[Path]]
    """Whole files to damage, from the folder of shared data and that of :func:`make_jobs`, whichever it needs."""


def files_of(*folder: str) -> Callable[[Path], list[Path]]:
    return lambda data: sorted(path for path in data.joinpath(*folder).iterdir() if path.is_file())


def colour_photo(damaged: Path, _: Path, out: Path) -> None:
    """Decoded, coloured and written; what was written can be read again."""
    report = colorize_photos([damaged], out, model=BROWN, options=photo_options(threads=1))
    results = [path for path in out.iterdir() if path.name != report_path(out).name]
    if report.failed:
        assert not results
        raise InputError(report.failed[0][1])
    assert results == report.written
    read_photo(results[0])


def read_film(damaged: Path, _: Path, __: Path) -> None:
    """Every frame."""
    with FilmSource(damaged, threads=1) as film:
        for frame in film.frames():
            frame.luma_codes()


def colour_film(damaged: Path, _: Path, out: Path) -> None:
    """Its first part with all other streams, into a file that can be read again."""
    options = film_options(codec="ffv1", temporal="off", threads=1, duration_seconds=SECONDS_OF_FILM)
    report = colorize_video(damaged, out / "result.mkv", model=BROWN, options=options)
    with FilmSource(report.written[0], threads=1) as film:
        assert sum(1 for _ in film.frames()) == report.frames


def read_thermal(damaged: Path, _: Path, __: Path) -> None:
    """Every frame of raw values."""
    with open_thermal(damaged, threads=1) as source:
        for frame in source.frames():
            assert frame.raw.size


# Jobs that were interrupted: `make_jobs` makes a template of each, and a case damages one file in a copy of it.

UNITS = UnitLengths(shortest=3, longest=4, context=2)
JOB_OPTIONS = film_options(codec="ffv1", threads=1, units=UNITS)
FRAMES, PHOTOS = 10, 6
FRAMES_BEFORE, PHOTOS_BEFORE = 9, 4  # where the interrupt comes: two units of four frames are done, three photos


def interrupt_at(number: int) -> Callable[[int, int | None], None]:
    def progress(done: int, _: int | None) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


def make_jobs(folder: Path) -> None:
    """``film`` and ``album``: sources, the ``whole`` result, and in ``out`` a job that was interrupted."""
    (folder / "film" / "out").mkdir(parents=True)
    noise_film(folder / "film" / "in.mkv", FRAMES)
    (folder / "album" / "in").mkdir(parents=True)
    for number in range(PHOTOS):
        (folder / "album" / "in" / f"{number}.png").write_bytes(picture("PNG", (48, 64), number))
    run_film(folder / "film" / "in.mkv", folder / "film" / "whole.mkv")
    run_album(folder / "album" / "in", folder / "album" / "whole")
    with suppress(KeyboardInterrupt):
        run_film(folder / "film" / "in.mkv", folder / "film" / "out" / "out.mkv", interrupt_at(FRAMES_BEFORE))
    with suppress(KeyboardInterrupt):
        run_album(folder / "album" / "in", folder / "album" / "out", interrupt_at(PHOTOS_BEFORE))


def run_film(source: Path, target: Path, progress: Callable[[int, int | None], None] | None = None) -> None:
    colorize_video(source, target, model=BROWN, options=JOB_OPTIONS, progress=progress)


def run_album(source: Path, target: Path, progress: Callable[[int, int | None], None] | None = None) -> None:
    colorize_photos([source], target, model=BROWN, options=photo_options(threads=1), progress=progress)


def job_with(damaged: Path, whole: Path, out: Path, template: Path) -> None:
    """A copy of a template's job in ``out``, with the damaged file in place of the whole one."""
    shutil.copytree(template / "out", out, dirs_exist_ok=True)
    shutil.copyfile(damaged, out / whole.relative_to(template / "out"))


def continue_film(damaged: Path, whole: Path, out: Path) -> None:
    """Damage to a journal or a unit costs work, never a byte of the result."""
    template = next(folder for folder in whole.parents if folder.name == "film")
    job_with(damaged, whole, out, template)
    run_film(template / "in.mkv", out / "out.mkv")
    assert (out / "out.mkv").read_bytes() == (template / "whole.mkv").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["out.mkv", "out.mkv.json"]


def continue_album(damaged: Path, whole: Path, out: Path) -> None:
    """The same for photos. A finished result is damaged only while its journal is whole."""
    template = next(folder for folder in whole.parents if folder.name == "album")
    job_with(damaged, whole, out, template)
    run_album(template / "in", out)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in (template / "whole").iterdir())
    for result in (template / "whole").glob("*.png"):
        assert (out / result.name).read_bytes() == result.read_bytes()


def files_of_job(name: str) -> Callable[[Path], list[Path]]:
    """Journal, units and finished results."""
    return lambda jobs: sorted(
        path for path in (jobs / name / "out").rglob("*") if path.is_file() and path.name != "lock"
    )


TARGETS: dict[str, Target] = {
    "photo": Target(colour_photo, files_of("formats", "photo")),
    "film": Target(read_film, files_of("formats", "video")),
    "film to file": Target(colour_film, files_of("formats", "video")),
    "thermal": Target(read_thermal, files_of("thermal", "radiometric")),
    "film job": Target(continue_film, files_of_job("film")),
    "album job": Target(continue_album, files_of_job("album")),
}
JOB_TARGETS = ("film job", "album job")
"""Those whose files :func:`make_jobs` makes."""
