"""Colour photos, folders of photos and tars of photos."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import partial
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from PIL import Image

from restore.errors import DiskError, RechromaError
from restore.jobs.fingerprint import model_facts, program_facts
from restore.jobs.job import Job as JobFolder
from restore.jobs.job import job_folder
from restore.media.photo_source import read_bytes
from restore.media.photo_tar import copy_tar, count_pictures, pictures_of, read_member
from restore.photo_job import Finished, PhotoJournal, stamp_of
from restore.photo_options import PhotoOptions
from restore.photo_parts import check_writable, clear_parts, written_beside
from restore.photo_plan import TAR_SUFFIX, Job, plan_photos, with_variants
from restore.photo_report import PhotosReport, variant_of, write_whole_report
from restore.photo_stages import Coloured, Palette, Work, colour_pictures, one_line, open_brush
from restore.report import file_sha256
from restore.variants import samples

__all__ = ["PhotoOptions", "PhotosReport", "colorize_photos"]

log = logging.getLogger(__name__)

OF_THE_RESULT = ("saturation", "upsampling", "samples", "seed", "temperature")
"""Options that change it."""

Progress = Callable[[int, int | None], None]
"""Told after every picture, also one that was skipped or failed: how many are done, and of how many."""


def colorize_photos(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    colorizer: Palette,
    options: PhotoOptions | None = None,
    progress: Progress | None = None,
) -> PhotosReport:
    """Colours files, folders (their trees mirrored in ``out``) and tars (the same members in the same order).

    Of several ``options.samples`` each is a file named by its seed, and a contact sheet shows them together.

    ``report_path(out)`` holds the report as JSON, if there was anything to do.

    A bad file never stops the rest: it is in the report with its reason. Results are written beside their names and
    renamed, and those that are there already are skipped unless ``options.overwrite``. A batch that was killed goes on
    when it is called again, and the report is that of all its runs.

    Raises:
        OptionError: options that nobody knows.
        ModelError: samples, seed or temperature for a model that does not sample.
        InputError: nothing of ``inputs`` exists, or there is no picture in it.
        OutputError: ``out`` is a file, cannot be written, or a result would replace an input.
        DiskError: the disk is full; what was finished before stays.
        DeviceError: the network cannot run.
    """
    options = options or PhotoOptions()
    options.check()
    open_brush(colorizer, options)  # refuses before the work starts
    if samples(colorizer):
        options = replace(options, seed=options.seeds[0], temperature=options.drawn_at)
    started = time.monotonic()
    out = Path(out)
    plan = plan_photos([Path(path) for path in inputs], out, recursive=options.recursive)
    if options.samples > 1:
        plan = with_variants(plan, options.seeds)
    report = PhotosReport(
        model={"name": colorizer.name, "version": colorizer.version, "weights_sha256": colorizer.weights_sha256},
        options=asdict(options),
        failed=list(plan.failed),
        warnings=list(plan.warnings),
        ignored=plan.ignored,
    )
    missing = [job for job in plan.jobs if options.overwrite or not all(map(Path.exists, job.results))]
    if missing or job_folder(out).exists():
        check_writable(out.parent if out.suffix.lower() == TAR_SUFFIX and not out.is_dir() else out)
        bases = {
            "model": model_facts(colorizer),
            "options": {key: value for key, value in asdict(options).items() if key in OF_THE_RESULT},
            "program": program_facts(None),
        }
        with JobFolder(out, bases, notes={"photos": len(plan.jobs)}, restart=options.restart) as folder:
            if folder.was_begun:
                clear_parts([result for job in plan.jobs for result in job.results])
            batch = Batch(colorizer, options, progress, report, PhotoJournal(folder, out))
            batch.colour(plan.jobs)
            report.seconds = time.monotonic() - started
            write_whole_report(report, batch.journal, out, plan)
            if hasattr(os, "sync"):
                os.sync()  # the journal goes, so what it vouches for must not need it any more
            folder.done()
    else:
        report.skipped = [result for job in plan.jobs for result in job.results]
        if progress is not None:
            progress(len(plan.jobs), len(plan.jobs))
        if plan.failed:
            write_whole_report(report, None, out, plan)
    return report


class Batch:
    """One run: its report, and how far it is."""

    def __init__(
        self,
        palette: Palette,
        options: PhotoOptions,
        progress: Progress | None,
        report: PhotosReport,
        journal: PhotoJournal,
    ) -> None:
        self.palette, self.options, self.progress = palette, options, progress
        self.report, self.journal = report, journal
        self.done, self.total = 0, 0

    def colour(self, jobs: Sequence[Job]) -> None:
        """Everything that neither an earlier run of this batch finished nor was there before it."""
        mine = [job for job in jobs if self.journal.is_done(job) or any(map(self.is_to_write, job.results))]
        todo = [job for job in mine if not self.journal.is_done(job)]
        busy = set(todo)
        self.take_over([job for job in jobs if job not in busy])
        self.expect(jobs, todo)
        # A huge scan is no reason for Pillow's warning about bombs: `check_size` refuses what is too large.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", module=r"PIL\.")  # of broken metadata, which is copied as it is
            self.colour_files([job for job in mine if not job.is_tar])
            for job in todo:
                if job.is_tar:
                    self.colour_tar(job)

    def is_to_write(self, result: Path) -> bool:
        """What somebody else put there stays."""
        return self.options.overwrite or self.journal.is_mine(result) or not result.exists()

    def take_over(self, jobs: Sequence[Job]) -> None:
        """What is there, or failed before, goes into this run's report."""
        for job in jobs:
            earlier = self.journal.finished.get(self.journal.place(job))
            if earlier is None or earlier.results:
                self.report.skipped += job.results
            if earlier is not None:
                self.report.failed += [(Path(path), reason) for path, reason in earlier.failed]
                self.report.warnings += [(Path(path), warning) for path, warning in earlier.warnings]

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

    def note(self, path: Path, warnings: Iterable[str], reason: str | None) -> None:
        """Puts a picture into the report, other than under its results."""
        self.report.warnings += [(path, warning) for warning in warnings]
        if reason is not None:
            log.info("%s: %s", path, reason)
            self.report.failed.append((path, reason))
        else:
            self.report.pictures += 1
        self.step()

    def colour_files(self, jobs: Sequence[Job]) -> None:
        works = (
            Work(str(job.source), partial(read_bytes, job.source), job, starts_window=starts, wanted=wanted)
            for job, starts, wanted in self.journal.windows_to_do(jobs)
        )
        with closing(colour_pictures(works, self.palette, self.options)) as coloured:
            for work, items in groupby(coloured, key=attrgetter("work")):
                if work.wanted:
                    self.write_file(items, work.key)

    def write_file(self, items: Iterator[Coloured], job: Job) -> None:
        """The results of one file, which get their names together, when all are complete."""
        first = next(items)
        finished = Finished(
            self.journal.place(job),
            str(job.source),
            stamp_of(job.source),
            starts_window=first.starts_window,
            warnings=[(str(job.source), warning) for warning in first.warnings],
        )
        named: list[Path] = []
        reason: str | None = None
        try:
            with ExitStack() as parts:
                for item, result in zip(chain([first], items), job.results, strict=False):  # a bad file is one item
                    if item.data is None:
                        raise RechromaError(item.reason)
                    if self.is_to_write(result):
                        parts.enter_context(written_beside(result)).write(item.data)
                        place = os.path.relpath(result, self.journal.out)
                        finished.results[place] = hashlib.sha256(item.data).hexdigest()
                        finished.variants.extend(facts_of_draw(item, place))
                        named.append(result)
                self.journal.note(finished)
        except RechromaError as error:
            self.journal.forget(finished)
            if isinstance(error, DiskError):
                raise
            reason = one_line(error)
            failed = [(str(job.source), reason)]
            self.journal.note(replace(finished, results={}, variants=[], pictures=0, failed=failed))
        else:
            self.report.written += named
            self.report.skipped += [result for result in job.results if result not in named]
            self.report.variants += [variant_of(self.journal.out, variant) for variant in finished.variants]
        self.note(job.source, first.warnings, reason)

    def colour_tar(self, job: Job) -> None:
        source = job.source
        finished = Finished(self.journal.place(job), str(source), stamp_of(source), pictures=0)

        def works() -> Iterator[Work]:
            for member in pictures_of(source):
                yield Work(member.name, partial(read_member, source, member), must_keep_format=True)

        def bytes_of(item: Coloured) -> bytes | None:
            path = source / item.work.name
            finished.warnings.extend((str(path), warning) for warning in item.warnings)
            if item.reason is not None:
                finished.failed.append((str(path), item.reason))
            finished.variants.extend(facts_of_draw(item, f"{finished.place}/{item.work.name}"))
            self.note(path, item.warnings, item.reason)
            return item.data

        before = self.report.pictures
        try:
            with (
                closing(colour_pictures(works(), self.palette, self.options)) as coloured,
                written_beside(job.destination) as file,
            ):
                copy_tar(source, file, coloured, bytes_of)
                file.flush()
                pictures = self.report.pictures - before
                results = {finished.place: file_sha256(Path(file.name))}
                self.journal.note(replace(finished, results=results, pictures=pictures))
        except DiskError:
            raise
        except RechromaError as error:
            finished.failed.append((str(source), one_line(error)))
            self.report.failed.append((source, one_line(error)))
            self.journal.note(replace(finished, variants=[]))
        else:
            self.report.written.append(job.destination)
            self.report.variants += [variant_of(self.journal.out, variant) for variant in finished.variants]


def facts_of_draw(item: Coloured, place: str) -> list[dict[str, Any]]:
    """For the report; nothing of what was not drawn, and of sheets."""
    if item.data is None or item.log_likelihood is None or item.is_sheet:
        return []
    return [{"place": place, "seed": item.seed, "log_likelihood": round(item.log_likelihood, 2)}]
