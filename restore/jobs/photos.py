"""Colour photos, folders of photos and tars of photos."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import torch

from restore.errors import DiskError, RechromaError
from restore.jobs.fingerprint import model_facts, program_facts
from restore.jobs.job import Job, job_folder
from restore.jobs.photo_journal import PhotoJournal, ToDo
from restore.jobs.photo_options import PhotoOptions
from restore.jobs.photo_report import PhotosReport, variant_of, write_whole_report
from restore.jobs.photo_stages import Palette, one_line, open_brush
from restore.jobs.photo_units import (
    Made,
    UnitTask,
    discard,
    discarded_in_errors,
    make_pictures,
    make_tar,
    quiet_pillow,
    units_of,
)
from restore.jobs.plan import PHOTOS, TAR_SUFFIX, Target, make_plan, with_variants
from restore.jobs.recipe import recipe_of
from restore.jobs.workers import Workers
from restore.media.files import check_writable, clear_temporary, output_errors
from restore.media.photo.tar import count_pictures
from restore.paint.network import Colorizer
from restore.paint.sampling import samples

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
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> PhotosReport:
    """Colours files, folders (their trees mirrored in ``out``) and tars (the same members in the same order).

    With ``workers``, other processes do it, of this machine or of a cluster that shares the disks: windows of pictures
    and whole tars each. The results are the same bytes. ``colorizer`` then is a :class:`restore.Colorizer`, or can be
    pickled.

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
        WorkerError: workers die again and again, or a cluster cannot be reached.
    """
    options = options or PhotoOptions()
    options.check()
    open_brush(colorizer, options)  # refuses before the work starts
    if samples(colorizer):
        options = replace(options, seed=options.seeds[0], temperature=options.drawn_at)
    started = time.monotonic()
    workers = workers or Workers()
    paths, out = [Path(path) for path in inputs], Path(out)
    if workers.cluster is not None:  # whose workers are in folders of their own
        paths, out = [path.absolute() for path in paths], out.absolute()
    plan = make_plan(PHOTOS, paths, out, recursive=options.recursive)
    if options.samples > 1:
        plan = with_variants(plan, options.seeds)
    report = PhotosReport(
        model={"name": colorizer.name, "version": colorizer.version, "weights_sha256": colorizer.weights_sha256},
        options=asdict(options),
        failed=list(plan.failed),
        warnings=list(plan.warnings),
        ignored=plan.ignored,
    )
    is_missing = options.overwrite or not all(result.exists() for job in plan.targets for result in job.results)
    if is_missing or job_folder(out).exists():
        check_writable(out.parent if out.suffix.lower() == TAR_SUFFIX and not out.is_dir() else out)
        bases = {
            "model": model_facts(colorizer),
            "options": {key: value for key, value in asdict(options).items() if key in OF_THE_RESULT},
            "program": {**program_facts(None), "threads": threads_that_count(colorizer, workers)},
        }
        with Job(out, bases, kind="photos", hints={"files": len(plan.targets)}, restart=options.restart) as folder:
            if folder.was_begun:
                clear_temporary([result for job in plan.targets for result in job.results])
            batch = Batch(colorizer, options, workers, progress, report, PhotoJournal(folder, out))
            try:
                batch.colour(plan.targets)
            finally:
                if not workers.alone:  # the dead leave what they were writing
                    clear_temporary([result for job in plan.targets for result in job.results])
            report.seconds = time.monotonic() - started
            write_whole_report(report, batch.journal, out, plan)
            if hasattr(os, "sync"):
                os.sync()  # the journal goes, so what it vouches for must not need it any more
            folder.done()
    else:
        report.skipped = [result for job in plan.targets for result in job.results]
        if progress is not None:
            progress(len(plan.targets), len(plan.targets))
        if plan.failed:
            write_whole_report(report, None, out, plan)
    return report


def threads_that_count(colorizer: Palette, workers: Workers) -> int | None:
    """Those of PyTorch on a CPU, whose last bits hang on their number; other engines' do not."""
    facts = model_facts(colorizer)
    if (facts.get("engine"), facts.get("device")) != ("torch", "cpu"):
        return None
    return torch.get_num_threads() if workers.alone else workers.threads_each


class Batch:
    """One run: its report, and how far it is."""

    def __init__(
        self,
        palette: Palette,
        options: PhotoOptions,
        workers: Workers,
        progress: Progress | None,
        report: PhotosReport,
        journal: PhotoJournal,
    ) -> None:
        self.palette, self.options, self.workers, self.progress = palette, options, workers, progress
        self.report, self.journal = report, journal
        self.done, self.total = 0, 0

    def colour(self, jobs: Sequence[Target]) -> None:
        """Everything that neither an earlier run of this batch finished nor was there before it."""
        files: list[Target] = []
        tars: list[Target] = []
        others = 0
        for job in jobs:
            is_done = self.journal.is_done(job)
            is_todo = not is_done and any(map(self.is_to_write, job.results))
            if job.is_tar and is_todo:
                tars.append(job)
            elif not job.is_tar and (is_todo or is_done):
                files.append(job)
            if not is_todo:
                self.take_over(job)
                others += 1
        self.expect(len(jobs), others, tars)
        if self.workers.alone:
            self.colour_here(files, tars)
        else:
            self.colour_in_workers(files, tars)

    def is_to_write(self, result: Path) -> bool:
        """What somebody else put there stays."""
        return self.options.overwrite or self.journal.is_mine(result) or not result.exists()

    def take_over(self, job: Target) -> None:
        """What is there, or failed before, goes into this run's report."""
        earlier = self.journal.finished.get(self.journal.place(job))
        if earlier is None or earlier.results:
            self.report.skipped += job.results
        if earlier is not None:
            self.report.failed += [(Path(path), reason) for path, reason in earlier.failed]
            self.report.warnings += [(Path(path), warning) for path, warning in earlier.warnings]

    def expect(self, total: int, done: int, tars: Sequence[Target]) -> None:
        """Counts all pictures, those in tars by the tars' headers; skipped ones are done."""
        self.done, self.total = done, total
        for job in tars:
            try:
                self.total += max(count_pictures(job.source), 1) - 1
            except (RechromaError, OSError):
                continue  # it fails again, and is reported, when its turn comes
        self.step(0)

    def step(self, pictures: int = 1) -> None:
        self.done += pictures
        if self.progress is not None:
            self.progress(self.done, self.total)

    def colour_here(self, files: Sequence[Target], tars: Iterable[Target]) -> None:
        with quiet_pillow():
            todo = self.journal.windows_to_do(files)
            with closing(make_pictures(todo, self.journal.out, self.palette, self.options)) as pictures:
                for made in pictures:
                    self.take(made)
                    self.step()
            for job in tars:
                self.take(make_tar(job, self.journal.out, self.palette, self.options, self.step))

    def colour_in_workers(self, files: Sequence[Target], tars: Iterable[Target]) -> None:
        """Tars first: they are the longest."""
        threads = self.workers.threads_each
        recipe = recipe_of(self.palette).with_threads(threads) if isinstance(self.palette, Colorizer) else self.palette
        task = UnitTask(self.journal.out, recipe, replace(self.options, threads=self.options.threads or threads))
        windows = units_of(self.journal.windows_to_do(files), self.options)
        units = chain(((ToDo(job),) for job in tars), windows)
        with closing(self.workers.run(task, units, prepare=task.open_palette)) as results:
            for unit in results:
                while unit:
                    made = unit.pop(0)
                    with discarded_in_errors(unit):
                        self.take(made)
                    self.step(max(made.finished.pictures + len(made.finished.failed), 1))
        self.report.written.sort()
        self.report.failed.sort()
        self.report.warnings.sort()

    def take(self, made: Made) -> None:
        """Names the results of a file, behind a line of the journal, and reports them. Raises ``DiskError``."""
        unwanted = [result for result, _ in made.parts if not self.is_to_write(result)]
        if unwanted:
            discard([made], only=unwanted)
            made = made.without(unwanted, self.journal.out)
        with discarded_in_errors([made]):
            self.journal.note(made.finished)
            made = self.named(made)
        self.tell(made, unwanted)

    def named(self, made: Made) -> Made:
        """With its results under their names, or a failure. Raises ``DiskError``."""
        named = 0
        try:
            for result, part in made.parts:
                with output_errors(result):
                    part.replace(result)
                named += 1
        except RechromaError as error:
            if not named:
                self.journal.forget()
            if isinstance(error, DiskError):
                raise
            discard([made])
            made = made.failing(one_line(error))
            self.journal.note(made.finished)
        return made

    def tell(self, made: Made, skipped: Iterable[Path]) -> None:
        finished, report = made.finished, self.report
        report.pictures += finished.pictures
        report.written += [result for result, _ in made.parts]
        report.skipped += skipped
        report.variants += [variant_of(self.journal.out, variant) for variant in finished.variants]
        report.warnings += [(Path(path), warning) for path, warning in finished.warnings]
        for path, reason in finished.failed:
            log.info("%s: %s", path, reason)
            report.failed.append((Path(path), reason))
