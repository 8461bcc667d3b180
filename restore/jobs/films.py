"""Colour a film: decode, colour, steady over time, enlarge along edges, encode; luma goes straight through."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av

from restore.colour import codes_from_chroma
from restore.errors import OptionError
from restore.frames import Canvas, Painted
from restore.jobs.batch import Batch, MadeFile, Progress, Steps, Unit
from restore.jobs.film_job import FilmJob, FilmTask, is_finished_result
from restore.jobs.film_maker import FilmMaker, FilmWork
from restore.jobs.fingerprint import program_facts, sampled_sha256
from restore.jobs.job import Job
from restore.jobs.plan import FILMS, Plan, Target, make_plan
from restore.jobs.records import FileRecord, place_in, stamp_of
from restore.jobs.report import MACHINE_MADE, Report, file_sha256
from restore.jobs.workers import Workers, with_workers
from restore.media.film.codecs import Encoding as SinkEncoding
from restore.media.film.compare import beside_gray
from restore.media.film.containers import default_output_path
from restore.media.film.debug import DebugFilm
from restore.media.film.frames import FilmLayout
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.options import FilmOptions, Options
from restore.paint.network import Colorizer
from restore.paint.painter import Painter
from restore.paint.recipe import Kind, Model, open_model, painter_for, recipe_of
from restore.paint.thermal import ThermalPainter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Film(FilmWork):
    """A film to be coloured."""

    options: FilmOptions

    def open_source(self) -> FilmSource:
        """Raises as :class:`FilmSource`."""
        options = self.options
        return FilmSource(
            self.source,
            deinterlace=options.deinterlace,
            filter_chain=options.chain,
            start_seconds=options.start_seconds,
            duration_seconds=options.duration_seconds,
            threads=options.run.threads,
        )

    def open_sink(self, source: FilmSource) -> FilmSink:
        """Returns what writes the result, not entered yet. Raises as :class:`FilmSink`."""
        layout = source.layout
        if self.options.compare and layout.orientation in (1, 3):
            layout = replace(layout, width=2 * layout.width)
        elif self.options.compare:
            layout = replace(layout, height=2 * layout.height)
        return FilmSink(self.target, layout, source.copied, sink_encoding(self.options, MACHINE_MADE))

    def canvas(self, source: FilmSource, sink: FilmSink) -> Canvas:
        return film_canvas(source.layout, sink.subsampling)

    def render(self, painted: Painted, sink: FilmSink) -> av.VideoFrame:
        assert painted.frame is not None
        picture, layout = painted.frame.picture, sink.layout
        cb, cr = codes_from_chroma(painted.chroma, bit_depth=sink.bit_depth, full_range=layout.full_range)
        if not self.options.compare:
            return sink.picture(picture, (cb, cr))
        luma, cb, cr = beside_gray(
            picture.luma_codes(),
            cb,
            cr,
            bit_depth=sink.bit_depth,
            chroma_shape=sink.chroma_shape,
            orientation=layout.orientation,
        )
        return sink.picture_of_planes(luma, (cb, cr), pts=picture.pts, duration=picture.frame.duration or 0)


def film_canvas(layout: FilmLayout, subsampling: tuple[int, int]) -> Canvas:
    """Describes chroma planes of a frame of the film; ``subsampling`` is log2 of width and height."""
    across, down = subsampling
    shape = -(-layout.height >> down), -(-layout.width >> across)
    return Canvas(guide_shape=shape, chroma_shape=shape, matrix=layout.matrix)


def open_painter(kind: Kind, options: Options, model: Model | Painter | None = None) -> Painter:
    """Opens what the options ask for; a ``model`` that is open already takes the place of theirs.

    Raises ``ModelError``, ``DeviceError`` and ``OptionError``.
    """
    look = options.look
    if model is not None and not isinstance(model, Colorizer | ThermalPainter):
        return model
    model = model or model_of(kind, options)
    seeds = look.seeds if look.seed is not None or look.samples > 1 else None
    return painter_for(kind, model, seeds=seeds, temperature=look.temperature)


def model_of(kind: Kind, options: Options) -> Model:
    """Opens the model that the options name. Raises ``ModelError``, ``DeviceError`` and ``OptionError``."""
    look, run = options.look, options.run
    return open_model(
        kind,
        look.model,
        engine=run.engine,
        device=run.device,
        precision=run.precision,
        batch=run.batch,
        threads=run.threads,
        working_size=look.working_size,
    )


def sink_encoding(options: Any, comment: str, **more: Any) -> SinkEncoding:
    encoding = options.encoding
    return SinkEncoding(
        codec=encoding.codec,
        crf=encoding.crf,
        preset=encoding.preset,
        pix_fmt=encoding.pix_fmt,
        threads=options.run.threads,
        comment=comment,
        **more,
    )


def colorize_films(
    inputs: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    model: Model | Painter | None = None,
    options: FilmOptions | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Report:
    """Colours films and folders of films into ``out``, a folder, or a file where the input is one.

    Without ``out`` each result is beside its source, as ``NAME.colour.EXT``. ``progress(done, total)`` is called after
    every frame; ``total`` is an estimate. With ``options.run.jobs`` or ``cluster`` other processes share the work on
    each film; the result is what one process makes with as many threads as each of them.

    A bad film never stops the rest: it is in the report with its reason. A result appears under its name only when it
    is complete. What is finished is kept meanwhile: called again after whatever ended it, it resumes, to the same
    bytes. Results that are there already are skipped unless ``options.run.overwrite``.

    Raises the errors of :mod:`restore.errors` for what stops all of it; and for a single film whose result is one
    file, ``InputError`` where it cannot be read, ``OutputError`` and ``EncoderError`` where it cannot be written.
    """
    options = options or FilmOptions()
    workers = workers or Workers(options.run.jobs, options.run.cluster, options.run.threads)
    if not workers.alone:
        options = with_workers(options, workers)
    folder = None if out is None else Path(out)
    plan = make_plan(FILMS, [Path(path) for path in inputs], folder, recursive=options.recursive)
    if options.temporal_debug is not None and len(plan.targets) > 1:
        raise OptionError("`temporal_debug` looks at one film; leave it out, or give one")
    maker = FilmFileMaker(plan.out or Path(), model, options, workers)
    program = program_facts(options.run.threads)
    return Batch(
        plan,
        maker,
        identity={"model": maker.painter.identity, "options": options.identity(), "program": program},
        options=options.identity(),
        workers=workers,
        overwrite=options.run.overwrite,
        restart=options.run.restart,
        progress=progress,
    ).run()


def colorize_video(source: Path | str, output: Path | str | None = None, **options: Any) -> Report:
    """Colours one film, as :func:`colorize_films`."""
    return colorize_films([source], output, **options)


class FilmFileMaker:
    """Makes films, as :class:`restore.jobs.batch.Maker`."""

    def __init__(self, out: Path, model: Model | Painter | None, options: FilmOptions, workers: Workers) -> None:
        self.out, self.options, self.workers = out, options, workers
        self.model = model or model_of("film", options)
        self.painter = open_painter("film", options, self.model)

    def name(self, target: Target, plan: Plan) -> Target:
        """Gives the ending of the container, by codec and streams. Raises as opening the film."""
        if plan.single:
            return plan.named(target, "")
        return plan.named(target, default_output_path(target.source, self.options.encoding.codec).suffix)

    def written(self, target: Target) -> Sequence[Path]:
        """Lists the result."""
        return target.results

    def count(self, target: Target) -> int:  # noqa: ARG002 - the protocol's
        """Says one: frames are counted while they are made."""
        return 1

    def is_begun(self, target: Target) -> bool:
        """Says whether a film was killed between naming its result and clearing up."""
        return is_finished_result(target.output)

    def is_shared(self, target: Target) -> bool:  # noqa: ARG002
        """Says yes: workers make the units of each film."""
        return True

    def make(self, targets: Iterable[Target], steps: Steps) -> Generator[MadeFile, None, None]:
        """Makes films one after the other. Raises what is wrong with one of them."""
        for target in targets:
            yield from self.make_film(target, partial(steps.within, target))

    def units(self, targets: Iterable[Target]) -> Iterator[Unit]:
        """Gives films one by one; no worker makes one alone."""
        yield from ((target,) for target in targets)

    def task(self) -> None:
        """Gives nothing: all films are shared."""

    def make_film(self, target: Target, progress: Progress) -> Iterator[MadeFile]:
        """Makes a film; its job is cleared away once the next is asked for."""
        started = time.monotonic()
        options, run, source = self.options, self.options.run, target.source
        stamp = stamp_of(source)
        target.output.parent.mkdir(parents=True, exist_ok=True)
        film = Film(source.absolute(), target.output.absolute(), options)
        with ExitStack() as stack:
            maker = stack.enter_context(FilmMaker(film, lambda: open_painter("film", options, self.model)))
            opened, painter, sink = maker.source, maker.painter, maker.sink
            decisions = opened.decisions + sink.decisions + painter.decisions
            for decision in decisions:
                log.info("%s", decision)
            identity = {
                "source": sampled_sha256(source),
                "model": painter.identity,
                "options": options.identity(),
                "program": program_facts(run.threads),
            }
            hints = {"batch": painter.batch, "frames": opened.layout.frame_count_estimate}
            job = stack.enter_context(Job(target.output, identity, hints=hints, restart=run.restart))
            if options.temporal_debug is not None:
                layout = opened.layout
                debug_film = DebugFilm(
                    options.temporal_debug, source=source, rate=layout.average_rate, matrix=layout.matrix
                )
                maker.watch = stack.enter_context(debug_film).watch
            film_job = FilmJob(job, maker, progress)
            seconds = film_job.seconds
            task = None
            if not self.workers.alone:
                recipe = replace(recipe_of("film", painter), batch=job.hints["batch"], threads=run.threads)
                sha256 = identity["source"]["sha256_of_blocks"]
                task = FilmTask(replace(film, recipe=recipe, source_sha256=sha256))
            film_job.colour(self.workers, task)
            film_job.assemble()
            warnings = film_job.source_warnings + sink.warnings
            record = FileRecord(
                place_in(self.out, target.planned),
                str(source),
                stamp,
                file_sha256(source),
                {place_in(self.out, target.output): film_job.result_sha256},
                frames=film_job.frames_done,
                seconds=round(seconds + time.monotonic() - started, 3),
                decisions=decisions,
                warnings=[(str(source), warning) for warning in warnings],
                details={"filters": options.chain},
            )
            yield MadeFile(target, record.with_sizes(self.out))
            job.done()
