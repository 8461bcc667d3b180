"""The work on photos in units: a window of pictures, or a tar. It can be done in any process, in any order.

Whoever does a unit writes its results beside their names, complete but unnamed, and tells of them in plain data. Only
the driver gives names, behind the lines of its journal, so that a worker may die, or be done over, at any moment.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedWriter, FileIO
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from restore.errors import DiskError, OutputError, RechromaError
from restore.jobs.job import job_folder
from restore.jobs.photo_journal import Finished, ToDo, place_in, stamp_of
from restore.jobs.photo_options import PhotoOptions
from restore.jobs.photo_stages import Coloured, Loaded, Palette, Work, colour_pictures, one_line, pixels_of, windows
from restore.jobs.plan import Target
from restore.jobs.recipe import ColorizerRecipe
from restore.jobs.worker_process import kept
from restore.media.files import input_errors, output_errors, temporary_path
from restore.media.photo.reading import read_bytes
from restore.media.photo.tar import copy_tar, pictures_of, read_member

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "Made",
    "Unit",
    "UnitTask",
    "discard",
    "discarded_in_errors",
    "make_pictures",
    "make_tar",
    "quiet_pillow",
    "units_of",
]

Step = Callable[[], None]
"""Told of each picture of a tar."""


Unit = tuple[ToDo, ...]
"""The files of one window, or a tar alone."""


@dataclass(frozen=True)
class Made:
    """A file that is done, or failed for a reason; its results are complete, but for their names."""

    job: Target
    finished: Finished
    parts: tuple[tuple[Path, Path], ...] = ()
    """Each result, and where it lies."""

    def without(self, unwanted: Iterable[Path], out: Path) -> Made:
        """With fewer results."""
        places = {place_in(out, result) for result in unwanted}
        finished = replace(
            self.finished,
            results={place: sha256 for place, sha256 in self.finished.results.items() if place not in places},
            variants=[variant for variant in self.finished.variants if variant["place"] not in places],
        )
        kept_parts = (part for part in self.parts if place_in(out, part[0]) not in places)
        return replace(self, finished=finished, parts=tuple(kept_parts))

    def failing(self, reason: str) -> Made:
        """Without results."""
        failed = [*self.finished.failed, (str(self.job.source), reason)]
        return Made(self.job, replace(self.finished, results={}, variants=[], pictures=0, failed=failed))


def discard(several: Iterable[Made], *, only: Collection[Path] | None = None) -> None:
    """Removes what did not get a name; ``only`` that of some results."""
    for made in several:
        for result, part in made.parts:
            if only is None or result in only:
                part.unlink(missing_ok=True)


@contextmanager
def discarded_in_errors(several: Sequence[Made]) -> Iterator[None]:
    """Nobody will name it then."""
    try:
        yield
    except BaseException:
        discard(several)
        raise


# Planning


def units_of(todo: Iterable[ToDo], options: PhotoOptions) -> Iterator[Unit]:
    """The windows that :func:`make_pictures` would form, by headers alone."""

    def measured() -> Iterator[Loaded]:
        for each in todo:
            work = Work("", bytes, each, starts_window=each.starts_window, wanted=each.wanted)
            yield Loaded(work, pixels=pixels_of(each.job.source))

    for window in windows(measured(), options):
        yield tuple(loaded.work.key for loaded in window)


# Making


def make_pictures(
    todo: Iterable[ToDo], out: Path, palette: Palette, options: PhotoOptions
) -> Generator[Made, None, None]:
    """Colours files window by window, one after the other. Raises ``DiskError``, and whatever stops them all."""
    works = (
        Work(
            str(each.job.source),
            partial(read_bytes, each.job.source),
            (each.job, stamp_of(each.job.source)),  # before it is read
            starts_window=each.starts_window,
            wanted=each.wanted,
        )
        for each in todo
    )
    with closing(colour_pictures(works, palette, options)) as coloured:
        for work, items in groupby(coloured, key=attrgetter("work")):
            if work.wanted:
                job, stamp = work.key
                yield made_of(items, job, stamp, out)


def made_of(items: Iterator[Coloured], job: Target, stamp: list[int], out: Path) -> Made:
    """The results of one file, all or none."""
    first = next(items)
    finished = Finished(
        place_in(out, job.output),
        str(job.source),
        stamp,
        starts_window=first.starts_window,
        warnings=[(str(job.source), warning) for warning in first.warnings],
    )
    parts: list[tuple[Path, Path]] = []
    made = Made(job, finished)
    try:
        for item, result in zip(chain([first], items), job.results, strict=False):  # a bad file is one item
            if item.data is None:
                raise RechromaError(item.reason)
            parts.append((result, write_part(result, item.data)))
            place = place_in(out, result)
            finished.results[place] = hashlib.sha256(item.data).hexdigest()
            finished.variants.extend(facts_of_draw(item, place))
    except BaseException as error:
        discard([replace(made, parts=tuple(parts))])
        if isinstance(error, DiskError) or not isinstance(error, RechromaError):
            raise
        return made.failing(one_line(error))
    return replace(made, parts=tuple(parts))


def write_part(result: Path, data: bytes) -> Path:
    """Raises ``DiskError`` and ``OutputError``."""
    part = temporary_path(result)
    with output_errors(result), removed_in_errors(part):
        result.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
    return part


@contextmanager
def removed_in_errors(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_tar(job: Target, out: Path, palette: Palette, options: PhotoOptions, step: Step | None = None) -> Made:
    """Colours a tar's pictures; ``step`` is told of each. Raises ``DiskError``, and whatever stops all of them."""
    source, place = job.source, place_in(out, job.output)
    finished = Finished(place, str(source), stamp_of(source), pictures=0)
    pictures = 0

    def works() -> Iterator[Work]:
        for member in pictures_of(source):
            yield Work(member.name, partial(read_member, source, member), must_keep_format=True)

    def bytes_of(item: Coloured) -> bytes | None:
        nonlocal pictures
        path = str(source / item.work.name)
        finished.warnings.extend((path, warning) for warning in item.warnings)
        if item.reason is not None:
            finished.failed.append((path, item.reason))
        else:
            pictures += 1
        finished.variants.extend(facts_of_draw(item, f"{place}/{item.work.name}"))
        if step is not None:
            step()
        return item.data

    part = temporary_path(job.output)
    try:
        with (
            removed_in_errors(part),
            input_errors(source),
            closing(colour_pictures(works(), palette, options)) as coloured,
        ):
            with output_errors(job.output):
                part.parent.mkdir(parents=True, exist_ok=True)
                file = ResultFile(part, job.output)
            with file:
                copy_tar(source, file, coloured, bytes_of)
            with output_errors(job.output), part.open("rb") as written:
                finished.results[place] = hashlib.file_digest(written, "sha256").hexdigest()
    except DiskError:
        raise
    except RechromaError as error:
        return Made(job, finished).failing(one_line(error))
    return Made(job, replace(finished, pictures=pictures), ((job.output, part),))


class ResultFile(BufferedWriter):
    """Says itself what is wrong with its disk, so that all else is the source's."""

    def __init__(self, path: Path, result: Path) -> None:
        super().__init__(FileIO(path, "wb"))
        self.result = result

    def write(self, data: ReadableBuffer) -> int:
        with output_errors(self.result):
            return super().write(data)

    def flush(self) -> None:
        with output_errors(self.result):
            super().flush()


def facts_of_draw(item: Coloured, place: str) -> list[dict[str, Any]]:
    """For the report; nothing of what was not drawn, and of sheets."""
    if item.data is None or item.log_likelihood is None or item.is_sheet:
        return []
    return [{"place": place, "seed": item.seed, "log_likelihood": round(item.log_likelihood, 2)}]


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """A huge scan is no reason for its warning about bombs: :func:`check_size` refuses what is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of broken metadata, which is copied as it is
        yield


# In workers


@dataclass(frozen=True)
class UnitTask:
    """Does units in a worker."""

    out: Path
    palette: ColorizerRecipe | Palette
    """A recipe, or something that can be pickled."""

    options: PhotoOptions

    def open_palette(self) -> Palette:
        """Once a worker."""
        if isinstance(self.palette, ColorizerRecipe):
            return kept("colorizer", self.palette, self.palette.open)
        return self.palette

    def __call__(self, unit: Unit) -> list[Made]:
        done: list[Made] = []
        palette = self.open_palette()
        options = replace(self.options, threads=self.options.threads or torch.get_num_threads())
        with discarded_in_errors(done):
            with quiet_pillow():
                if unit[0].job.is_tar:
                    done.append(make_tar(unit[0].job, self.out, palette, options))
                else:
                    for made in make_pictures(unit, self.out, palette, options):
                        done.append(made)
            if not job_folder(self.out).exists():
                raise OutputError(f"the batch of {self.out} has ended without this worker; begin it again")
        return done
