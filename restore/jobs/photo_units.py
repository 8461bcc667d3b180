"""The work on photos in units: a window of pictures, or a tar. It can be done in any process, in any order.

Whoever does a unit writes its results beside their names, complete but unnamed, and tells of them in plain data. Only
the driver gives names, behind the lines of its journal, so that a worker may die, or be done over, at any moment.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedWriter, FileIO
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from restore.errors import DiskError, RechromaError, one_line
from restore.jobs.batch import MadeFile, Unit
from restore.jobs.photo_maker import PhotoInput, PhotoResult, colour_photos, pixels_of
from restore.jobs.plan import Target
from restore.jobs.records import FileRecord, place_in, stamp_of
from restore.jobs.report import file_sha256
from restore.media.files import input_errors, output_errors, temporary_path
from restore.media.photo.reading import read_bytes
from restore.media.photo.tar import copy_tar, pictures_of, read_member
from restore.options import PhotoOptions
from restore.paint.painter import Painter

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Step = Callable[[int], None]
"""Called after each picture of a tar with the number of those that are done."""


WINDOW_PICTURES = 32
WINDOW_PIXELS = 48_000_000


# Planning


def windows_of(jobs: Iterable[Target], pictures: int | None = None) -> Iterator[Unit]:
    """Groups files into what one worker does at a time: so many pictures, and no more pixels than a window has."""
    pictures = pictures or WINDOW_PICTURES
    window: list[Target] = []
    pixels = 0
    for job in jobs:
        size = pixels_of(job.source)
        if window and (len(window) == pictures or pixels + size > WINDOW_PIXELS):
            yield tuple(window)
            window, pixels = [], 0
        window.append(job)
        pixels += size
    if window:
        yield tuple(window)


# Making


def make_pictures(
    jobs: Iterable[Target], out: Path, painter: Painter, options: PhotoOptions
) -> Generator[MadeFile, None, None]:
    """Colours files one after the other. Raises ``DiskError``, and whatever stops them all."""
    inputs = (PhotoInput(str(job.source), content, (job, content)) for job in jobs for content in [Content(job.source)])
    with closing(colour_photos(inputs, painter, options)) as coloured:
        for source, results in groupby(coloured, key=attrgetter("source")):
            job, content = source.key
            yield made_of(results, job, content, out)


class Content:
    """A source's bytes, read once, and what the journal says of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp: list[int] = []
        self.sha256 = ""

    def __call__(self) -> bytes:
        """Reads the file. Raises ``InputError`` and ``OSError``."""
        self.stamp = stamp_of(self.path)  # before it is read
        data = read_bytes(self.path)
        self.sha256 = hashlib.sha256(data).hexdigest()
        return data


def made_of(results: Iterator[PhotoResult], job: Target, content: Content, out: Path) -> MadeFile:
    """The results of one file, all or none."""
    first = next(results)
    record = FileRecord(
        place_in(out, job.output),
        str(job.source),
        content.stamp or stamp_of(job.source),
        content.sha256,
        warnings=[(str(job.source), warning) for warning in first.warnings],
    )
    parts: list[tuple[Path, Path]] = []
    made = MadeFile(job, record)
    try:
        for result, path in zip(chain([first], results), job.results, strict=False):  # a bad file is one result
            if result.data is None:
                raise RechromaError(result.reason)
            parts.append((path, write_part(path, result.data)))
            place = place_in(out, path)
            record.outputs[place] = hashlib.sha256(result.data).hexdigest()
            record.variants.extend(facts_of_sample(result, place))
    except BaseException as error:
        replace(made, unnamed=tuple(parts)).discard()
        if isinstance(error, DiskError) or not isinstance(error, RechromaError):
            raise
        return made.failing(one_line(error))
    return replace(made, unnamed=tuple(parts))


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


def make_tar(job: Target, out: Path, painter: Painter, options: PhotoOptions, step: Step | None = None) -> MadeFile:
    """Colours a tar's pictures; ``step`` is told of each. Raises ``DiskError``, and whatever stops all of them."""
    source, place = job.source, place_in(out, job.output)
    record = FileRecord(place, str(source), stamp_of(source), frames=0)
    pictures = 0

    def members() -> Iterator[PhotoInput]:
        for member in pictures_of(source):
            yield PhotoInput(member.name, partial(read_member, source, member), must_keep_format=True)

    def bytes_of(result: PhotoResult) -> bytes | None:
        nonlocal pictures
        path = str(source / result.source.name)
        record.warnings.extend((path, warning) for warning in result.warnings)
        if result.reason is not None:
            record.failed.append((path, result.reason))
        else:
            pictures += 1
        record.variants.extend(facts_of_sample(result, f"{place}/{result.source.name}"))
        if step is not None:
            step(pictures + len(record.failed))
        return result.data

    part = temporary_path(job.output)
    try:
        with (
            removed_in_errors(part),
            input_errors(source),
            closing(colour_photos(members(), painter, options)) as coloured,
        ):
            with output_errors(job.output):
                part.parent.mkdir(parents=True, exist_ok=True)
                file = ResultFile(part, job.output)
            with file:
                copy_tar(source, file, coloured, bytes_of)
            sha256 = file_sha256(source)
            with output_errors(job.output), part.open("rb") as written:
                record.outputs[place] = hashlib.file_digest(written, "sha256").hexdigest()
    except DiskError:
        raise
    except RechromaError as error:
        return MadeFile(job, record).failing(one_line(error))
    record = replace(record, source_sha256=sha256, frames=pictures)
    return MadeFile(job, record, ((job.output, part),))


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


def facts_of_sample(result: PhotoResult, place: str) -> list[dict[str, Any]]:
    """Returns what the report says of a sampled colouring; nothing of what was not sampled, and of sheets."""
    if result.data is None or result.log_likelihood is None or result.is_sheet:
        return []
    return [{"place": place, "seed": result.seed, "log_likelihood": round(result.log_likelihood, 2)}]


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """A huge scan is no reason for its warning about bombs: :func:`check_size` refuses what is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of broken metadata, which is copied as it is
        yield
