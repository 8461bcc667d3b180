"""Colour a film: decode, colour, steady over time, enlarge along edges, encode; luma goes straight through."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from restore.errors import OptionError, OutputError
from restore.jobs.film_by_workers import colour_by_workers
from restore.jobs.film_job import FilmJob, is_finished_result
from restore.jobs.fingerprint import film_print, model_facts, program_facts
from restore.jobs.job import Job
from restore.jobs.recipe import recipe_of
from restore.jobs.report import file_sha256, plain, report_of, write_report
from restore.jobs.video_stages import (
    PreparedFrame,
    chroma_planes,
    film_stages,
    open_film,
    open_sink,
    plane_shape,
    prepared_frames,
    quarter_turns,
)
from restore.jobs.video_worker import VideoTask
from restore.jobs.workers import Workers
from restore.media.film.containers import default_output_path
from restore.media.film.debug import DebugFilm
from restore.media.film.source import FilmSource
from restore.options import VideoOptions
from restore.paint.network import Colorizer
from restore.paint.painter import open_painter

__all__ = [
    "PreparedFrame",
    "VideoOptions",
    "VideoReport",
    "chroma_planes",
    "colorize_video",
    "plane_shape",
    "prepared_frames",
    "quarter_turns",
    "report_path",
]

log = logging.getLogger(__name__)

NOT_IN_THE_RESULT = ("overwrite", "restart", "threads", "temporal_debug")
"""Options that change no bit of it, or (threads) that are told with the machine."""


@dataclass
class VideoReport:
    """What was done; ``report_path(output)`` holds it as JSON."""

    output: Path
    frames: int = 0
    seconds: float = 0.0
    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def report_path(output: Path) -> Path:
    """Where the JSON report of an output lies."""
    return output.with_name(f"{output.name}.json")


def debug_film_of(film: FilmSource, source: Path, target: Path) -> DebugFilm:
    return DebugFilm(target, source=source, rate=film.layout.average_rate, matrix=film.layout.matrix)


def job_bases(source: Path, colorizer: Colorizer, options: VideoOptions) -> dict[str, Any]:
    """Everything that changes a bit of the result."""
    chosen = {key: value for key, value in plain(options).items() if key not in NOT_IN_THE_RESULT}
    return {
        "source": film_print(source),
        "model": model_facts(colorizer),
        "options": chosen,
        "program": program_facts(options.threads),
    }


def video_task(
    source: Path, target: Path, bases: dict[str, Any], options: VideoOptions, colorizer: Colorizer, batch: int
) -> VideoTask:
    """The work on a film as it is sent to workers."""
    return VideoTask(
        source=source.absolute(),
        source_sha256=bases["source"]["sha256_of_blocks"],
        target=target.absolute(),
        options=options,
        recipe=recipe_of(colorizer),
        batch=batch,
    )


def colorize_video(
    source: Path | str,
    output: Path | str | None = None,
    *,
    colorizer: Colorizer | None = None,
    options: VideoOptions | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    workers: Workers | None = None,
) -> VideoReport:
    """Colours ``source`` into ``output`` (beside the source where not given) and writes a report beside it.

    ``progress(done, total)`` is called after every frame; ``total`` is an estimate or None. ``workers`` share the work;
    the result is what one process makes with as many threads as each of them. The output appears under
    its name only when it is complete. What is finished of it is kept beside it meanwhile: called again after whatever
    ended it, it goes on from there, to the same bytes. Raises the errors of :mod:`restore.errors`; ``InputError`` for
    a source that cannot be read, ``OutputError`` and ``EncoderError`` for a result that cannot be written.
    """
    options = options or VideoOptions()
    workers = workers or Workers()
    if not workers.alone:
        options = replace(options, threads=workers.threads_each)
        if options.temporal_debug is not None:
            raise OptionError("--temporal-debug looks at one process; leave --jobs and --cluster out")
    source = Path(source)
    chain = options.chain()
    target = Path(output) if output is not None else default_output_path(source, options.codec)
    if target.is_file() and not options.overwrite and not is_finished_result(target):
        raise OutputError(f"{target} exists; choose another name or use --overwrite")
    started = time.monotonic()
    reopen = partial(open_film, source, options)
    with reopen() as film:
        colorizer = colorizer or Colorizer(threads=options.threads)
        painter = open_painter(colorizer, seed=options.seed, temperature=options.temperature)
        sink = open_sink(target, film, options)
        decisions = film.decisions + sink.decisions + painter.decisions
        for decision in decisions:
            log.info("%s", decision)
        hints = {"batch": colorizer.largest_batch, "frames": film.layout.frame_count_estimate}
        bases = job_bases(source, colorizer, options)
        with Job(target, bases, hints=hints, restart=options.restart) as job, ExitStack() as stack:
            debug_film = None
            if options.temporal_debug is not None:
                debug_film = stack.enter_context(debug_film_of(film, source, options.temporal_debug))
            stages = film_stages(colorizer, options, film.layout, sink, job.hints["batch"], debug_film)
            film_job = FilmJob(job, sink, stages, options.units, progress)
            report = VideoReport(target, seconds=film_job.seconds)
            if workers.alone:
                film_job.colour(film, reopen)
            else:
                task = video_task(source, target, bases, options, colorizer, job.hints["batch"])
                colour_by_workers(film_job, film, reopen, workers, task, task.prepare)
            film_job.assemble()
            report.frames = film_job.frames_done
            report.seconds += time.monotonic() - started
            report.decisions = decisions
            report.warnings = film_job.source_warnings + sink.warnings
            facts = {
                "source": {"path": source.name, "sha256": file_sha256(source)},
                "output": {"path": target.name, "sha256": film_job.result_sha256},
                "frames": report.frames,
                "seconds": round(report.seconds, 2),
                "filters": chain,
                "decisions": report.decisions,
                "warnings": report.warnings,
            }
            write_report(report_of(colorizer, options, **facts), report_path(target))
            job.done()
    return report
