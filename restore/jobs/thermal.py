"""Thermal pictures and recordings to believable colour: files and folders of every kind that cameras write."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from restore.errors import OutputError, RechromaError
from restore.jobs.batch import Batch, MadeFile, PainterTask, Progress, Steps, Unit, failed_file, recipe_for_workers
from restore.jobs.film_job import is_finished_result
from restore.jobs.films import open_painter
from restore.jobs.fingerprint import program_facts
from restore.jobs.photo_units import write_part
from restore.jobs.plan import THERMAL, THERMAL_STILLS, WRITABLE_FILMS, Plan, Target, make_plan
from restore.jobs.records import FileRecord, place_in, stamp_of
from restore.jobs.report import Report, file_sha256, plain
from restore.jobs.thermal_maker import ThermalFile, check_light, luma_mode
from restore.jobs.workers import Workers, with_workers
from restore.media.thermal import ThermalSource, open_thermal
from restore.media.thermal.writing import raw_paths
from restore.options import ThermalOptions
from restore.paint.painter import Painter
from restore.paint.recipe import Model

UNIT_FILES = 8
"""Pictures that a worker makes at a time."""


def colorize_thermal(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    model: Model | Painter | None = None,
    options: ThermalOptions | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Report:
    """Colours thermal files and folders of them into ``out``, a folder, or a file where the input is one.

    A bad file never stops the rest: it is in the report with its reason. Results are written beside their names and
    renamed; those that are there already are skipped unless ``options.run.overwrite``. Killed and called again, it
    resumes: finished files stay, and an unfinished recording, what of it was finished. Raises the errors of
    :mod:`restore.errors` for what stops all of it: no input, an output place that cannot be, a full disk, a model or
    device that is not there; and for whatever is wrong with the input where ``out`` is one file.
    """
    options = options or ThermalOptions()
    workers = workers or Workers(options.run.jobs, options.run.cluster, options.run.threads)
    if not workers.alone:
        options = with_workers(options, workers)
    paths, out = [Path(path) for path in inputs], Path(out)
    if workers.cluster is not None:  # whose workers are in folders of their own
        paths, out = [path.absolute() for path in paths], out.absolute()
    plan = make_plan(THERMAL, paths, out, recursive=options.recursive)
    painter = open_painter("thermal", options, model)
    luma_mode(options, painter)
    check_light(options, painter)
    identity = {
        "model": painter.identity,
        "options": {**options.identity(), "still_format": options.still_format},
        "program": program_facts(options.run.threads),
    }
    return Batch(
        plan,
        ThermalMaker(out, painter, options, workers),
        identity=identity,
        options=identity["options"],
        workers=workers,
        overwrite=options.run.overwrite,
        restart=options.run.restart,
        progress=progress,
    ).run()


class ThermalMaker:
    """Makes the results of thermal files, as :class:`restore.jobs.batch.Maker`."""

    def __init__(self, out: Path, painter: Painter, options: ThermalOptions, workers: Workers) -> None:
        self.out, self.painter, self.options, self.workers = out, painter, options, workers
        self.recordings: set[Path] = set()

    def name(self, target: Target, plan: Plan) -> Target:
        """Gives the ending of a picture or a recording, by what is in the file. Raises ``RechromaError``."""
        with open_source(target, self.options) as source:
            if source.is_recording:
                self.recordings.add(target.source)
            if plan.single:
                check_suffix(source, target.output)
            return plan.named(target, result_suffix(source, self.options))

    def written(self, target: Target) -> Sequence[Path]:
        """Lists the result, and the sensor's values that may be beside it."""
        return [target.output, *raw_paths(target.output).values()]

    def count(self, target: Target) -> int:  # noqa: ARG002 - the protocol's
        """Says one: frames are counted while they are made."""
        return 1

    def is_begun(self, target: Target) -> bool:
        """Says whether a recording was killed between naming its result and clearing up."""
        return target.source in self.recordings and is_finished_result(target.output)

    def is_shared(self, target: Target) -> bool:
        """Says yes for recordings: workers make their units."""
        return target.source in self.recordings

    def make(self, targets: Iterable[Target], steps: Steps) -> Generator[MadeFile, None, None]:
        """Makes files one after the other. Raises what is wrong with one of them."""
        for target in targets:
            yield from make_thermal(target, self.out, self.painter, self.options, self.workers, steps)

    def units(self, targets: Iterable[Target]) -> Iterator[Unit]:
        """Groups pictures into what one worker does at a time."""
        unit: list[Target] = []
        for target in targets:
            unit.append(target)
            if len(unit) == UNIT_FILES:
                yield tuple(unit)
                unit = []
        if unit:
            yield tuple(unit)

    def task(self) -> ThermalTask:
        """Gives what makes pictures in a worker."""
        recipe = recipe_for_workers("thermal", self.painter, self.options.run.threads)
        return ThermalTask(self.out, recipe, self.options)


@dataclass(frozen=True)
class ThermalTask(PainterTask):
    """Makes thermal pictures in a worker."""

    def make(self, unit: Unit, painter: Painter) -> Iterator[MadeFile]:
        """Makes the files of a unit."""
        for target in unit:
            try:
                yield from make_thermal(target, self.out, painter, self.options)
            except (RechromaError, OSError, MemoryError) as error:
                yield failed_file(target, self.out, error)


def open_source(target: Target, options: ThermalOptions) -> ThermalSource:
    """Raises as :func:`open_thermal`."""
    return open_thermal(target.source, palette=options.palette, threads=options.run.threads)


def make_thermal(
    target: Target,
    out: Path,
    painter: Painter,
    options: ThermalOptions,
    workers: Workers | None = None,
    steps: Steps | None = None,
) -> Iterator[MadeFile]:
    """Makes one file; the job of a recording is cleared away once the next is asked for. Raises ``RechromaError``."""
    progress = partial(steps.within, target) if steps is not None else None
    stamp = stamp_of(target.source)
    with open_source(target, options) as source:
        target.output.parent.mkdir(parents=True, exist_ok=True)
        sha256 = file_sha256(target.source)  # first: what cannot be read to its end leaves no result
        with ThermalFile(source, target.output, painter, options, workers=workers, progress=progress) as file:
            file.colour()
            unnamed: tuple[tuple[Path, Path], ...] = ()
            if file.still:
                unnamed = ((target.output, write_part(target.output, file.still)),)
            result_sha256 = hashlib.sha256(file.still).hexdigest() if file.still else file.result_sha256
            place, name = place_in(out, target.output), str(target.source)
            record = FileRecord(
                place_in(out, target.planned),
                name,
                stamp,
                sha256,
                {place: result_sha256},
                frames=file.frames,
                seconds=round(file.seconds, 3),
                decisions=file.all_decisions,
                warnings=[(name, line) for line in file.all_warnings],
                details=plain(file.facts()),
            )
            yield MadeFile(target, record.with_sizes(out), unnamed)
            file.done()


def result_suffix(source: ThermalSource, options: ThermalOptions) -> str:
    """The ending of a result in a folder."""
    if not source.is_recording:
        return "." + options.still_format.replace("jpeg", "jpg")
    suffix = source.path.suffix.lower()
    return suffix if suffix in WRITABLE_FILMS else ".mkv"


def check_suffix(source: ThermalSource, target: Path) -> None:
    """Raises ``OutputError`` for a single result whose name is one of the other kind."""
    known = WRITABLE_FILMS if source.is_recording else THERMAL_STILLS
    if target.suffix.lower() not in known:
        kind = "recording" if source.is_recording else "picture"
        raise OutputError(f"{source.path} is a {kind}; its result ends in {', '.join(sorted(known))}")
