"""Colour photos, folders of photos and tars of photos."""

from __future__ import annotations

import errno
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from PIL import Image

from restore.errors import DiskError, OutputError, RechromaError
from restore.media.photo_metadata import DIGITAL_SOURCE_TYPE
from restore.media.photo_source import read_bytes
from restore.media.photo_tar import copy_tar, count_pictures, pictures_of, read_member
from restore.photo_plan import TAR_SUFFIX, Job, plan_photos
from restore.photo_stages import Coloured, Palette, PhotoOptions, Work, colour_pictures, one_line
from restore.report import write_report
from restore.version import VERSION

__all__ = ["PhotoOptions", "PhotosReport", "colorize_photos"]

log = logging.getLogger(__name__)

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

Progress = Callable[[int, int | None], None]
"""Told after every picture, also one that was skipped or failed: how many are done, and of how many."""


@dataclass
class PhotosReport:
    """What was done with each file; a picture inside a tar is named ``shard.tar/member``."""

    written: list[Path] = field(default_factory=list)
    """Results, a tar once."""

    skipped: list[Path] = field(default_factory=list)
    """Results that were there already."""

    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and in a line each why there is no result. A failed member stays in its tar as it was."""

    warnings: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and what of them could not be kept."""

    pictures: int = 0
    """Coloured, those in tars too."""

    ignored: int = 0
    """Files in folders that are no pictures by their names."""

    seconds: float = 0.0
    model: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, dictionaries and numbers."""
        return {
            "program": f"rechroma {VERSION}",
            "digital_source_type": DIGITAL_SOURCE_TYPE,
            "model": self.model,
            "options": self.options,
            "pictures": self.pictures,
            "ignored": self.ignored,
            "seconds": round(self.seconds, 3),
            "written": [str(path) for path in self.written],
            "skipped": [str(path) for path in self.skipped],
            "failed": [{"path": str(path), "reason": reason} for path, reason in self.failed],
            "warnings": [{"path": str(path), "warning": warning} for path, warning in self.warnings],
        }


def colorize_photos(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    colorizer: Palette,
    options: PhotoOptions | None = None,
    progress: Progress | None = None,
) -> PhotosReport:
    """Colours files, folders (their trees mirrored in ``out``) and tars (the same members in the same order).

    ``report_path(out)`` holds the report as JSON, if there was anything to do.

    A bad file never stops the rest: it is in the report with its reason. Results are written beside their names and
    renamed, and those that are there already are skipped unless ``options.overwrite``.

    Raises:
        OptionError: options that nobody knows.
        InputError: nothing of ``inputs`` exists.
        OutputError: ``out`` is a file, cannot be written, or a result would replace an input.
        DiskError: the disk is full; what was finished before stays.
        DeviceError: the network cannot run.
    """
    options = options or PhotoOptions()
    options.check()
    started = time.monotonic()
    out = Path(out)
    plan = plan_photos([Path(path) for path in inputs], out, recursive=options.recursive)
    batch = Batch(colorizer, options, progress)
    report = batch.report
    report.failed += plan.failed
    report.ignored = plan.ignored
    todo = [job for job in plan.jobs if options.overwrite or not job.destination.exists()]
    left_out = set(plan.jobs) - set(todo)
    report.skipped += [job.destination for job in plan.jobs if job in left_out]
    if todo:
        check_writable(out.parent if out.suffix.lower() == TAR_SUFFIX and not out.is_dir() else out)
    batch.expect(plan.jobs, todo)
    # A huge scan is no reason for Pillow's warning about bombs: `check_size` refuses what is too large.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        batch.colour_files([job for job in todo if not job.is_tar])
        for job in todo:
            if job.is_tar:
                batch.colour_tar(job)
    report.seconds = time.monotonic() - started
    if todo or plan.failed:
        write_report(report.to_json(), report_path(out))
    return report


def report_path(out: Path) -> Path:
    """Where the JSON report of a batch lies: inside its folder, or beside its tar."""
    return out / "rechroma-report.json" if out.is_dir() else out.with_name(f"{out.name}.json")


class Batch:
    """One run: its report, and how far it is."""

    def __init__(self, palette: Palette, options: PhotoOptions, progress: Progress | None) -> None:
        self.palette, self.options, self.progress = palette, options, progress
        self.done, self.total = 0, 0
        self.report = PhotosReport(
            model={"name": palette.name, "version": palette.version, "weights_sha256": palette.weights_sha256},
            options=asdict(options),
        )

    def expect(self, jobs: Sequence[Job], todo: Sequence[Job]) -> None:
        """Counts all pictures, those in tars by the tars' headers; skipped ones are done."""
        self.done = len(jobs) - len(todo)
        self.total = len(jobs)
        for job in todo:
            if job.is_tar:
                try:
                    self.total += count_pictures(job.source) - 1
                except (RechromaError, OSError):
                    continue  # it fails again, and is reported, when its turn comes
        if self.progress is not None:
            self.progress(self.done, self.total)

    def step(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)

    def note(self, item: Coloured, path: Path) -> None:
        """Puts a picture into the report, other than under ``written``."""
        self.report.warnings += [(path, warning) for warning in item.warnings]
        if item.reason is not None:
            log.info("%s: %s", path, item.reason)
            self.report.failed.append((path, item.reason))
        else:
            self.report.pictures += 1
        self.step()

    def colour_files(self, jobs: Sequence[Job]) -> None:
        works = (Work(str(job.source), partial(read_bytes, job.source), job) for job in jobs)
        with closing(colour_pictures(works, self.palette, self.options)) as coloured:
            for item in coloured:
                job: Job = item.work.key
                if item.data is not None:
                    try:
                        with written_beside(job.destination) as file:
                            file.write(item.data)
                    except OutputError as error:
                        if isinstance(error, DiskError):
                            raise
                        item.reason = one_line(error)
                    else:
                        self.report.written.append(job.destination)
                self.note(item, job.source)

    def colour_tar(self, job: Job) -> None:
        source = job.source

        def works() -> Iterator[Work]:
            for member in pictures_of(source):
                yield Work(member.name, partial(read_member, source, member), must_keep_format=True)

        def bytes_of(item: Coloured) -> bytes | None:
            self.note(item, source / item.work.name)
            return item.data

        try:
            with (
                closing(colour_pictures(works(), self.palette, self.options)) as coloured,
                written_beside(job.destination) as file,
            ):
                copy_tar(source, file, coloured, bytes_of)
        except DiskError:
            raise
        except RechromaError as error:
            self.report.failed.append((source, one_line(error)))
        else:
            self.report.written.append(job.destination)


def check_writable(folder: Path) -> None:
    """Better to know before the first picture is coloured. Raises ``OutputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}; give another folder") from error


@contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete, and vanishes when it is not.

    Raises ``DiskError`` where the disk is full, ``OutputError`` where it cannot be written for another reason.
    """
    part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")  # short: the name itself may be as long as names get
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in DISK_ERRORS:
            raise DiskError(f"{path} cannot be written: {reason}; make room and run again, it goes on here") from error
        raise OutputError(f"{path} cannot be written: {reason}") from error
