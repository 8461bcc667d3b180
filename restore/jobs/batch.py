"""One run over films, photos or thermal files: skip what is there, make what is missing, report what became of it."""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from restore.errors import DeviceError, DiskError, OutputError, RechromaError, WorkerError, one_line
from restore.jobs.job import Job, job_folder, remove_job
from restore.jobs.plan import Plan, Target
from restore.jobs.records import FileRecord, Records, place_in, stamp_of
from restore.jobs.report import Report, report_path, variant_of
from restore.jobs.worker_process import cached, device_of_worker
from restore.jobs.workers import Workers
from restore.media.files import check_writable, clear_temporary, output_errors
from restore.paint.network import Colorizer
from restore.paint.painter import Painter
from restore.paint.recipe import Kind, PainterRecipe, recipe_of
from restore.paint.thermal import ThermalPainter

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Called after every picture or frame, also of files that were skipped or failed, with ``(done, total)``."""

Unit = tuple[Target, ...]
"""The files that one worker makes at a time."""

STOPS_ALL = (DiskError, DeviceError, WorkerError)
"""Errors that are not one file's own."""


@dataclass(frozen=True)
class MadeFile:
    """A file that is done, or failed for a reason; its results are complete, but may not have their names yet."""

    target: Target
    record: FileRecord
    unnamed: tuple[tuple[Path, Path], ...] = ()
    """Each result that has no name yet, and where it is."""

    def discard(self, only: Sequence[Path] | None = None) -> None:
        """Removes what did not get a name; ``only`` that of some results."""
        for result, temporary in self.unnamed:
            if only is None or result in only:
                temporary.unlink(missing_ok=True)

    def failing(self, reason: str) -> MadeFile:
        """Without results."""
        return MadeFile(self.target, self.record.failing(reason))

    def without(self, results: Sequence[Path], out: Path) -> MadeFile:
        """With fewer results."""
        record = self.record.without({place_in(out, result) for result in results})
        return replace(self, record=record, unnamed=tuple(pair for pair in self.unnamed if pair[0] not in results))


class Maker(Protocol):
    """What makes the results of a family of files."""

    def name(self, target: Target, plan: Plan) -> Target:
        """Gives a target its final name, where that depends on what is in the file. Raises ``RechromaError``."""

    def written(self, target: Target) -> Sequence[Path]:
        """Lists all files that may be written for a target."""

    def count(self, target: Target) -> int:
        """Says how many pictures or frames a file has, as far as that is cheap to know; at least 1."""

    def is_begun(self, target: Target) -> bool:
        """Says whether an earlier run left the file's own job unfinished."""

    def is_shared(self, target: Target) -> bool:
        """Says whether all workers share the work on this file, which :meth:`make` then hands out itself."""

    def make(self, targets: Iterable[Target], steps: Steps) -> Generator[MadeFile, None, None]:
        """Makes files one after the other; what a file's own job keeps is cleared away once the next is asked for.

        A family that names its results late is given one file at a time, and raises what is wrong with it. Of others
        a bad file is one without results; raises ``DiskError``, ``DeviceError``, and whatever stops them all.
        """

    def units(self, targets: Iterable[Target]) -> Iterator[Unit]:
        """Groups files into the portions that workers make."""

    def task(self) -> Task | None:
        """Gives what makes a unit in a worker, and can be pickled; None where all files are shared."""


class Task(Protocol):
    """Makes units in a worker."""

    def prepare(self) -> object:
        """Loads what the worker keeps, while the first units are planned."""

    def __call__(self, unit: Unit) -> list[MadeFile]: ...


class Steps:
    """How far a run is, in pictures and frames: a file counts as one until more is known of it."""

    def __init__(self, progress: Progress | None, files: int) -> None:
        self.progress = progress
        self.done, self.total = 0, files
        self.counts: dict[Path, int] = {}
        """Of files that are not done, and have more than one."""
        self.shown: tuple[int, int] | None = None

    def show(self, done: int) -> None:
        if self.progress is not None and (done, self.total) != self.shown:
            self.shown = done, self.total
            self.progress(done, self.total)

    def expect(self, target: Target, count: int) -> None:
        """Puts down how many pictures or frames a file has."""
        self.total += count - self.counts.get(target.source, 1)
        self.counts[target.source] = count

    def within(self, target: Target, done: int, total: int | None = None) -> None:
        """Shows that so many pictures or frames of the file that is made now are done."""
        if max(total or 0, done) > self.counts.get(target.source, 1):
            self.expect(target, max(total or 0, done))
        self.show(self.done + done)

    def finish(self, target: Target, count: int = 1) -> None:
        """Shows that a file is done, with so many pictures or frames."""
        self.total += max(count, 1) - self.counts.pop(target.source, 1)
        self.done += max(count, 1)
        self.show(self.done)


class Batch:
    """One run over a plan. A bad file never stops the rest: it is in the report with its reason.

    Only a single film, recording or thermal picture whose result is one file raises its error instead.
    """

    def __init__(
        self,
        plan: Plan,
        maker: Maker,
        *,
        identity: Mapping[str, Any],
        options: Mapping[str, Any],
        workers: Workers | None = None,
        overwrite: bool = False,
        restart: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """``identity`` is all that changes a bit of a result but for the sources: ``model``, ``options``, ``program``.

        ``options`` are those that the report tells.
        """
        self.plan, self.maker, self.identity, self.options = plan, maker, identity, options
        self.workers, self.overwrite, self.restart = workers or Workers(), overwrite, restart
        self.out = plan.out if plan.out is not None else Path()
        self.report = Report(plan.family.name, ignored=plan.ignored)
        self.report.failed, self.report.warnings = list(plan.failed), list(plan.warnings)
        self.steps = Steps(progress, len(plan.targets))
        self.records = Records(None, self.out)
        self.lock = RLock()
        """Of report, steps and records: with workers, files are named on a thread of their own."""

    def run(self) -> Report:
        """Makes everything that neither an earlier run finished nor was there before it.

        Raises the errors of :mod:`restore.errors` for what stops all of it.
        """
        started = time.monotonic()
        if not self.has_work():
            self.report.skipped = [result for target in self.plan.targets for result in target.results]
            self.steps.show(len(self.plan.targets))
            if self.plan.failed:
                self.write_report()
        elif self.has_job:
            self.check_output()
            kind, hints = self.plan.family.name, {"files": len(self.plan.targets)}
            with Job(self.out, dict(self.identity), kind=kind, hints=hints, restart=self.restart) as job:
                job.keeps_empty = self.plan.family.named_late
                self.records = Records(job, self.out)
                self.make_all(may_have_leftovers=job.was_begun)
                self.report.seconds = time.monotonic() - started
                self.write_report()
                if hasattr(os, "sync"):
                    os.sync()  # the journal goes, so what it vouches for must not need it any more
                job.done()
        else:
            self.check_output()
            self.make_all(may_have_leftovers=True)
        self.report.seconds = time.monotonic() - started
        return self.report

    def check_output(self) -> None:
        """Raises ``OutputError`` where results cannot be written."""
        if self.plan.single and not self.out.absolute().parent.is_dir():
            raise OutputError(f"the folder {self.out.parent} does not exist; create it first")
        if self.plan.out is not None:
            check_writable(self.out.absolute().parent if self.plan.single else self.out)

    @property
    def is_single(self) -> bool:
        """Whether there is one file with a place of its own, whose error is that of the run."""
        alone = self.plan.single or (self.plan.out is None and len(self.plan.targets) == 1)
        return alone and self.plan.family.named_late

    @property
    def has_job(self) -> bool:
        """Whether the batch has a job; films and recordings that are not in a folder have their own."""
        return self.plan.out is not None and not self.is_single

    def has_work(self) -> bool:
        """Whether a result is missing or a job is unfinished, where that is known without opening a file."""
        if self.overwrite or self.plan.family.named_late or job_folder(self.out).exists():
            return True
        return not all(result.exists() for target in self.plan.targets for result in target.results)

    # From targets to results

    def make_all(self, *, may_have_leftovers: bool) -> None:
        planned = [target for target in self.plan.targets if not self.take_over(target)]
        late = self.plan.family.named_late
        self.clears_each = may_have_leftovers and late
        if may_have_leftovers and not late:
            self.clear(planned)
        todo: Iterable[Target] = self.missing(planned)
        if not late:
            todo = list(todo)
            for target in todo:
                self.steps.expect(target, self.maker.count(target))
            self.steps.show(self.steps.done)
        if self.workers.alone:
            self.make_here(todo)
        else:
            try:
                self.make_in_workers(todo)
            finally:  # the dead leave what they were writing
                self.clear(self.plan.targets)

    def clear(self, targets: Iterable[Target]) -> None:
        clear_temporary([path for target in targets for path in self.maker.written(target)])

    def take_over(self, target: Target) -> bool:
        """Takes what an earlier run of this batch finished into the report; False where there is work left."""
        record = self.records.of(target)
        if record is None:
            return False
        if self.plan.family.named_late:
            for place in record.outputs:
                self.plan.taken.take(Path(place), target.source)
                remove_job(job_folder(self.out / place))  # of a film that was killed after its line in our journal
        self.report.skipped += [self.out / place for place in record.outputs]
        self.report.failed += [(Path(path), reason) for path, reason in record.failed]
        self.report.warnings += [(Path(path), warning) for path, warning in record.warnings]
        self.steps.finish(target, record.frames + len(record.failed))
        return True

    def missing(self, targets: Iterable[Target]) -> Iterator[Target]:
        """Gives files their names, and leaves out those whose results are there."""
        for planned in targets:
            try:
                target = self.maker.name(planned, self.plan)
            except (RechromaError, OSError, MemoryError) as error:
                self.fail(planned, error)
                continue
            if any(map(self.is_to_write, target.results)) or self.maker.is_begun(target):
                if self.clears_each:
                    self.clear([target])
                yield target
            elif self.is_single:
                raise OutputError(f"{target.output} exists; choose another name or use `overwrite`")
            else:
                with self.lock:
                    self.report.skipped += target.results
                    self.steps.finish(target)

    def is_to_write(self, result: Path) -> bool:
        """Whether a result is missing or to be replaced; what somebody else put there stays."""
        return self.overwrite or self.records.is_mine(result) or not result.exists()

    def make_here(self, targets: Iterable[Target]) -> None:
        if not self.plan.family.named_late:
            self.make_some(targets)
            return
        for target in targets:
            try:
                self.make_some([target])
            except (RechromaError, OSError, MemoryError) as error:
                self.fail(target, error)

    def make_some(self, targets: Iterable[Target]) -> None:
        with closing(self.maker.make(targets, self.steps)) as files:
            for made in files:
                self.take(made)

    def make_in_workers(self, targets: Iterable[Target]) -> None:
        task = self.maker.task()
        if task is None:
            self.make_here(targets)
            return
        shared: list[Target] = []

        def distributed() -> Iterator[Target]:
            for target in targets:
                if self.maker.is_shared(target):
                    shared.append(target)
                else:
                    yield target

        with closing(self.workers.run(task, self.maker.units(distributed()), prepare=task.prepare)) as results:
            for unit in results:
                while unit:
                    made = unit.pop(0)
                    with discarded_in_errors(unit):
                        self.take(made)
        self.make_here(shared)
        self.report.written.sort()
        self.report.failed.sort()
        self.report.warnings.sort()

    # From results to records

    def fail(self, target: Target, error: Exception) -> None:
        """Puts down that there is no result. Raises the error where it is the only file's, or stops all of them."""
        if self.is_single and isinstance(error, RechromaError):
            raise error
        self.take(failed_file(target, self.out, error))

    def take(self, made: MadeFile) -> None:
        """Names the results of a file, after a line in the journal, and reports them. Raises ``DiskError``."""
        with self.lock:
            unwanted = [result for result, _ in made.unnamed if not self.is_to_write(result)]
            if unwanted:
                made.discard(unwanted)
                made = made.without(unwanted, self.out)
            with discarded_in_errors([made]):
                self.records.note(made.record)
                made = self.named(made)
            self.tell(made, unwanted)

    def named(self, made: MadeFile) -> MadeFile:
        """The file with its results under their names, or a failure. Raises ``DiskError``."""
        count = 0
        try:
            for result, temporary in made.unnamed:
                with output_errors(result):
                    temporary.replace(result)
                count += 1
        except RechromaError as error:
            if not count:
                self.records.forget()
            if isinstance(error, DiskError):
                raise
            made.discard()
            made = made.failing(one_line(error))
            self.records.note(made.record)
        return made

    def tell(self, made: MadeFile, skipped: Iterable[Path]) -> None:
        """Takes a file into the report of this run."""
        record, report = made.record, self.report
        report.frames += record.frames
        named = [result for result, _ in made.unnamed]  # the plan's own paths: ten thousands of files take no more
        report.written += named or [self.out / place for place in record.outputs]
        report.skipped += skipped
        report.variants += [variant_of(self.out, variant) for variant in record.variants]
        report.warnings += [(Path(path), warning) for path, warning in record.warnings]
        for path, reason in record.failed:
            log.info("%s: %s", path, reason)
            report.failed.append((Path(path), reason))
        if not self.has_job and record.outputs:
            self.write_report(report_path(self.out / next(iter(record.outputs))))
        self.steps.finish(made.target, record.frames + len(record.failed))

    def write_report(self, path: Path | None = None) -> None:
        """Writes the JSON, at ``path`` or where that of the output lies."""
        records = self.records.here[-1:] if path is not None else self.records.all()
        sources = {str(target.source) for target in self.plan.targets}
        model = self.identity["model"]
        self.report.path = path or report_path(self.out)
        self.report.write(records, out=self.out, sources=sources, model=model, options=self.options)


def failed_file(target: Target, out: Path, error: Exception) -> MadeFile:
    """A file without results. Raises the error again where it is not one file's own."""
    if isinstance(error, STOPS_ALL):
        raise error
    record = FileRecord(place_in(out, target.planned), str(target.source), stamp_of(target.source))
    return MadeFile(target, record.failing(one_line(error, target.source)))


@contextmanager
def discarded_in_errors(files: Sequence[MadeFile]) -> Iterator[None]:
    """Removes what will get no name any more where the block fails."""
    try:
        yield
    except BaseException:
        for made in files:
            made.discard()
        raise


# In workers


@dataclass(frozen=True)
class PainterTask(ABC):
    """Makes units of files in a worker, which keeps the painter from one to the next."""

    out: Path
    recipe: PainterRecipe | Painter
    """How to open the painter; a painter itself where it can be pickled."""

    options: Any

    def prepare(self) -> Painter:
        """Opens the painter once a worker. Raises ``ModelError`` and ``DeviceError``."""
        if not isinstance(self.recipe, PainterRecipe):
            return self.recipe
        recipe = self.recipe
        return cached("painter", recipe, lambda: recipe.open(device=device_of_worker(recipe.device)))

    @abstractmethod
    def make(self, unit: Unit, painter: Painter) -> Iterator[MadeFile]:
        """Makes the files of a unit; a bad one is a file without results."""

    def __call__(self, unit: Unit) -> list[MadeFile]:
        """Makes a unit. Raises ``OutputError`` where the batch has ended meanwhile."""
        files: list[MadeFile] = []
        with discarded_in_errors(files):
            for made in self.make(unit, self.prepare()):
                files.append(made)
            if not job_folder(self.out).exists():
                raise OutputError(f"the batch of {self.out} has ended without this worker; begin it again")
        return files


def recipe_for_workers(kind: Kind, painter: Painter, threads: int | None) -> PainterRecipe | Painter:
    """How workers open a painter; painters that are not ours are pickled."""
    if isinstance(getattr(painter, "colorizer", painter), Colorizer | ThermalPainter):
        return replace(recipe_of(kind, painter), threads=threads)
    return painter
