"""Colour a film: decode, colour, steady over time, enlarge along edges, encode; luma goes straight through."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from restore.colorizer import Colorizer
from restore.colour import FloatArray, codes_from_chroma, luma_from_codes, pull_into_gamut
from restore.compare import beside_gray
from restore.errors import OptionError, OutputError
from restore.jobs.film import FilmJob, FilmStages, is_finished_result
from restore.jobs.fingerprint import film_print, model_facts, program_facts
from restore.jobs.job import Job
from restore.jobs.units import UnitLengths
from restore.media.filters import RESTORE_PRESETS
from restore.media.video_sink import EncodeOptions, VideoSink, default_output_path
from restore.media.video_source import SourceFrame, VideoFormat, VideoSource
from restore.painters import open_painter
from restore.report import MACHINE_MADE, file_sha256, plain, report_of, write_report
from restore.temporal import ChromaFrame, Strength
from restore.temporal.debug import DebugFilm
from restore.upsample import UPSAMPLE_METHODS, upsample_chroma

__all__ = ["PreparedFrame", "VideoOptions", "VideoReport", "colorize_video", "report_path"]

log = logging.getLogger(__name__)

NOT_IN_THE_RESULT = ("overwrite", "restart", "threads", "temporal_debug")
"""Options that change no bit of it, or (threads) that are told with the machine."""

Planes = tuple[Any, Any]
"""Codes of Cb and Cr, uint8 or uint16, at the size of the output's chroma planes."""


@dataclass(frozen=True)
class VideoOptions:
    """What a user can choose; the defaults keep everything of the original."""

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    deinterlace: str = "auto"
    filter_chain: str | None = None
    restore_preset: str | None = None
    """Key of :data:`restore.media.filters.RESTORE_PRESETS`; not together with ``filter_chain``."""
    start_seconds: float | None = None
    duration_seconds: float | None = None
    compare: bool = False
    temporal: str = "light"
    """off, light or strong."""
    temporal_debug: Path | None = None
    """A film to write beside, of what the temporal pass saw and did."""
    seed: int | None = None
    temperature: float | None = None
    """Of a model that samples; its own defaults where not given."""
    saturation: float = 1.0
    upsampling: str = "guided"
    threads: int | None = None
    overwrite: bool = False
    restart: bool = False
    """Forget what an earlier run finished of this output."""
    units: UnitLengths = field(default_factory=UnitLengths)
    """How much is done before it is kept."""

    def __post_init__(self) -> None:
        strengths = [strength.value for strength in Strength]
        if self.temporal not in strengths:
            raise OptionError(f"unknown temporal strength {self.temporal!r}; use {', '.join(strengths)}")
        if self.temporal_debug is not None and self.temporal == "off":
            raise OptionError("there is no temporal pass to look at; use --temporal-debug with light or strong")
        if self.upsampling not in UPSAMPLE_METHODS:
            raise OptionError(f"unknown upsampling {self.upsampling!r}; use {', '.join(UPSAMPLE_METHODS)}")
        if not 0 <= self.saturation < inf:
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")

    def chain(self) -> str | None:
        """The filter chain to run before colouring. Raises ``OptionError``."""
        if self.restore_preset is None:
            return self.filter_chain
        if self.filter_chain is not None:
            raise OptionError("give --filter or --restore, not both; a preset can be written out as a chain")
        if self.restore_preset not in RESTORE_PRESETS:
            raise OptionError(f"unknown preset {self.restore_preset!r}; known are {', '.join(RESTORE_PRESETS)}")
        return RESTORE_PRESETS[self.restore_preset]


@dataclass
class VideoReport:
    """What was done; ``report_path(output)`` holds it as JSON."""

    output: Path
    frames: int = 0
    seconds: float = 0.0
    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedFrame:
    """A source frame on its way, with its luma in the two sizes that the middle of the pipeline works at."""

    source: SourceFrame
    guide: FloatArray
    """``H x W`` in [0, 1], at the chroma planes' size."""
    luma: FloatArray
    """``h x w`` in [0, 1], upright, as the network sees it."""


def report_path(output: Path) -> Path:
    """Where the JSON report of an output lies."""
    return output.with_name(f"{output.name}.json")


def quarter_turns(rotation: float) -> int:
    """Counter-clockwise quarter turns that show a frame upright; other angles count as none."""
    return round(rotation / 90) % 4 if rotation % 90 == 0 else 0


def plane_shape(layout: VideoFormat, subsampling: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width of the chroma planes; ``subsampling`` (log2 of width and height) where not the source's own."""
    across, down = subsampling if subsampling is not None else layout.subsampling
    return -(-layout.height >> down), -(-layout.width >> across)


def prepared_frames(
    frames: Iterable[SourceFrame], colorizer: Colorizer, layout: VideoFormat, shape: tuple[int, int]
) -> Iterator[PreparedFrame]:
    """Border from codes to luma. ``shape`` is that of the chroma planes to be made."""
    turns = quarter_turns(layout.rotation)
    for frame in frames:
        codes = frame.luma_codes()
        small: Any = codes if codes.shape == shape else cv2.resize(codes, shape[::-1], interpolation=cv2.INTER_AREA)
        guide = luma_from_codes(small, bit_depth=layout.bit_depth, full_range=layout.full_range)
        seen = guide
        if min(shape) < min(colorizer.working_size, *codes.shape):
            seen = luma_from_codes(codes, bit_depth=layout.bit_depth, full_range=layout.full_range)
        yield PreparedFrame(frame, guide, colorizer.prepare(np.ascontiguousarray(np.rot90(seen, turns))))


def chroma_planes(
    frames: Iterable[ChromaFrame], options: VideoOptions, layout: VideoFormat, bit_depth: int
) -> Iterator[tuple[SourceFrame, Planes]]:
    """Border back to codes: enlarge along the luma's edges, keep inside the gamut, quantise."""
    turns = quarter_turns(layout.rotation)
    for frame in frames:
        assert isinstance(frame.payload, PreparedFrame)
        guide = frame.payload.guide
        small = np.ascontiguousarray(np.rot90(frame.chroma, -turns, axes=(1, 2)))
        chroma = upsample_chroma(small, guide, method=options.upsampling)
        if options.saturation != 1.0:
            chroma *= np.float32(options.saturation)
        chroma = pull_into_gamut(guide, chroma, layout.matrix)
        cb, cr = codes_from_chroma(chroma, bit_depth=bit_depth, full_range=layout.full_range)
        yield frame.payload.source, (cb, cr)


def debug_film_of(film: VideoSource, source: Path, target: Path) -> DebugFilm:
    return DebugFilm(target, source=source, rate=film.format.average_rate, matrix=film.format.matrix)


def film_stages(
    colorizer: Colorizer,
    options: VideoOptions,
    layout: VideoFormat,
    sink: VideoSink,
    batch_size: int,
    debug_film: DebugFilm | None = None,
) -> FilmStages[PreparedFrame]:
    """The middle of the pipeline, which neither decodes nor encodes; ``debug_film`` sees what this run does."""

    def finish(steady: Iterable[ChromaFrame]) -> Iterator[tuple[SourceFrame, Planes]]:
        watched = debug_film.watch(steady) if debug_film is not None else steady
        return chroma_planes(watched, options, layout, sink.bit_depth)

    def picture(frame: SourceFrame, planes: Planes) -> av.VideoFrame:
        if not options.compare:
            return sink.picture(frame, planes)
        luma, cb, cr = beside_gray(
            frame.luma_codes(),
            *planes,
            bit_depth=sink.bit_depth,
            chroma_shape=sink.chroma_shape,
            turns=quarter_turns(layout.rotation),
        )
        return sink.picture_of_planes(luma, (cb, cr), like=frame)

    return FilmStages(
        prepare=lambda frames: prepared_frames(frames, colorizer, layout, plane_shape(layout, sink.subsampling)),
        painter=lambda: open_painter(colorizer, seed=options.seed, temperature=options.temperature),
        finish=finish,
        picture=picture,
        strength=Strength(options.temporal),
        batch=batch_size,
    )


def job_bases(source: Path, colorizer: Colorizer, options: VideoOptions) -> dict[str, Any]:
    """Everything that changes a bit of the result."""
    chosen = {key: value for key, value in plain(options).items() if key not in NOT_IN_THE_RESULT}
    return {
        "source": film_print(source),
        "model": model_facts(colorizer),
        "options": chosen,
        "program": program_facts(options.threads),
    }


def colorize_video(
    source: Path | str,
    output: Path | str | None = None,
    *,
    colorizer: Colorizer | None = None,
    options: VideoOptions | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> VideoReport:
    """Colours ``source`` into ``output`` (beside the source where not given) and writes a report beside it.

    ``progress(done, total)`` is called after every frame; ``total`` is an estimate or None. The output appears under
    its name only when it is complete. What is finished of it is kept beside it meanwhile: called again after whatever
    ended it, it goes on from there, to the same bytes. Raises the errors of :mod:`restore.errors`; ``InputError`` for
    a source that cannot be read, ``OutputError`` and ``EncoderError`` for a result that cannot be written.
    """
    options = options or VideoOptions()
    source = Path(source)
    chain = options.chain()
    target = Path(output) if output is not None else default_output_path(source, options.codec)
    if target.is_file() and not options.overwrite and not is_finished_result(target):
        raise OutputError(f"{target} exists; choose another name or use --overwrite")
    encode = EncodeOptions(
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        pix_fmt=options.pix_fmt,
        threads=options.threads,
        comment=MACHINE_MADE,
    )
    started = time.monotonic()
    open_film = partial(
        VideoSource,
        source,
        deinterlace=options.deinterlace,
        filter_chain=chain,
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        threads=options.threads,
    )
    with open_film() as film:
        colorizer = colorizer or Colorizer(threads=options.threads)
        painter = open_painter(colorizer, seed=options.seed, temperature=options.temperature)
        turns = quarter_turns(film.format.rotation)
        width = film.format.width * (2 if options.compare and turns % 2 == 0 else 1)
        height = film.format.height * (2 if options.compare and turns % 2 == 1 else 1)
        sink = VideoSink(target, film, encode, width=width, height=height)
        decisions = film.decisions + sink.decisions + painter.decisions
        for decision in decisions:
            log.info("%s", decision)
        notes = {"batch": colorizer.largest_batch, "frames": film.format.frame_count_estimate}
        bases = job_bases(source, colorizer, options)
        with Job(target, bases, notes=notes, restart=options.restart) as job, ExitStack() as stack:
            debug_film = None
            if options.temporal_debug is not None:
                debug_film = stack.enter_context(debug_film_of(film, source, options.temporal_debug))
            stages = film_stages(colorizer, options, film.format, sink, job.notes["batch"], debug_film)
            film_job = FilmJob(job, sink, stages, options.units, progress)
            report = VideoReport(target, seconds=film_job.seconds)
            film_job.colour(film, open_film)
            film_job.assemble()
            report.frames = film_job.frames_done
            report.seconds += time.monotonic() - started
            report.decisions = decisions
            report.warnings = film_job.source_warnings + sink.warnings
            facts = {
                "source": {"path": source.name, "sha256": file_sha256(source)},
                "output": {"path": target.name, "sha256": file_sha256(target)},
                "frames": report.frames,
                "seconds": round(report.seconds, 2),
                "filters": chain,
                "decisions": report.decisions,
                "warnings": report.warnings,
            }
            write_report(report_of(colorizer, options, **facts), report_path(target))
            job.done()
    return report
