"""A thermal recording as a job that survives its process, in the units that films have.

The range of counts hangs on all frames of a shot before, so every run reads a recording from its beginning and lets the
range follow it; network, temporal pass and encoder start where the finished units end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import av

from restore.colour import FloatArray
from restore.frames import HasLuma
from restore.jobs.film_job import FilmJob
from restore.jobs.film_stages import FilmStages
from restore.jobs.fingerprint import film_print, program_facts
from restore.jobs.job import Job
from restore.jobs.report import plain
from restore.jobs.thermal_output import Planes, film_planes, film_sink
from restore.jobs.thermal_stages import Normalised, ThermalOptions, in_range, normalised, painted, shown
from restore.jobs.video_stages import quarter_turns
from restore.media.film.frames import SourceFrame
from restore.media.film.sink import FilmSink
from restore.media.thermal import ThermalFrame, ThermalSource
from restore.paint.thermal import ThermalPainter
from restore.temporal import ChromaFrame, Strength

__all__ = ["Colouring", "colour_recording"]

NOT_IN_THE_RESULT = ("overwrite", "restart", "threads", "still_format")
"""Options that change no bit of it, or (threads) that are told with the machine."""


@dataclass
class Colouring:
    """What colours a recording, and what is known of it by then."""

    target: Path
    painter: ThermalPainter
    options: ThermalOptions
    black_hot: bool

    open: Callable[[], ThermalSource]
    """The recording once more, from its beginning."""

    watch: Callable[[ThermalSource], Iterator[ThermalFrame]]
    """Its frames, counted, measured and kept on their way; what is known of them holds once they all went by."""


@dataclass(frozen=True)
class Coloured:
    """For the report."""

    seconds: float
    """What all units took, in this run and before."""

    decisions: list[str]
    warnings: list[str]


@dataclass
class HeatFrame(SourceFrame):
    """A frame of a recording in its range. The picture of ``frame`` is empty: it is only the time."""

    luma: FloatArray
    """``H x W`` in [0, 1], white-hot."""


class HeatFilm:
    """A recording as jobs read films: frames from the first on; a context manager."""

    def __init__(self, colouring: Colouring) -> None:
        self.colouring = colouring
        self.source = colouring.open()
        self.layout = FrameCount(self.source.frame_count_estimate)

    @property
    def warnings(self) -> list[str]:
        return self.source.warnings

    def frames(self) -> Iterator[HeatFrame]:
        """May be read once, to the end or not."""
        colouring, source = self.colouring, self.source
        watched = colouring.watch(source)
        ranged = in_range(watched, source, black_hot=colouring.black_hot, method=colouring.options.range)
        for index, (frame, luma) in enumerate(ranged):
            clock = av.VideoFrame(16, 16, "gray")
            clock.pts, clock.time_base = frame.pts, source.time_base
            yield HeatFrame(clock, index, luma)

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()

    def __enter__(self) -> HeatFilm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class FrameCount:
    """What jobs ask a film's format for."""

    frame_count_estimate: int | None


class HeatStage:
    """The colour stage: every frame by itself."""

    from_shot_start = False

    def __init__(self, painter: ThermalPainter, *, keeps_luma: bool) -> None:
        self.painter, self.keeps_luma = painter, keeps_luma
        self.decisions: list[str] = []

    def paint(
        self,
        frames: Sequence[HasLuma],
        starts_shot: Sequence[bool],  # noqa: ARG002 - the protocol's
        *,
        wanted: bool = True,
    ) -> list[ChromaFrame]:
        """As :class:`restore.paint.painter.Painter`."""
        return painted(cast(Sequence[Normalised], frames), self.painter, keeps_luma=self.keeps_luma) if wanted else []


def colour_recording(source: ThermalSource, colouring: Colouring) -> Coloured:
    """Colours a recording, or what is left of it, under its name. ``source`` is the opened file, for all but frames.

    Raises the errors of :mod:`restore.errors`; ``OptionError`` where it was begun with other options, see
    ``ThermalOptions.restart``.
    """
    options, target = colouring.options, colouring.target
    started = time.monotonic()
    with ExitStack() as stack:
        sink = film_sink(target, source, options)
        hints = {"batch": colouring.painter.batch, "frames": source.frame_count_estimate}
        job = stack.enter_context(
            Job(target, job_bases(source.path, colouring), kind="thermal", hints=hints, restart=options.restart)
        )
        stages = recording_stages(colouring, sink, job.hints["batch"])
        film_job = FilmJob(job, sink, stages, options.units)
        seconds = film_job.seconds

        with HeatFilm(colouring) as whole:
            film_job.colour(whole, lambda: HeatFilm(colouring))
        film_job.assemble()
        job.done()
        warnings = [*film_job.source_warnings, *sink.warnings]
        return Coloured(seconds + time.monotonic() - started, sink.decisions, warnings)


def job_bases(path: Path, colouring: Colouring) -> dict[str, Any]:
    """Everything that changes a bit of the result."""
    painter, options = colouring.painter, colouring.options
    chosen = {key: value for key, value in plain(asdict(options)).items() if key not in NOT_IN_THE_RESULT}
    curve = getattr(getattr(painter, "colorizer", painter), "curve", None)
    return {
        "source": film_print(path),
        "model": {**painter.facts, "curve": repr(curve)},
        "options": {**chosen, "black_hot": colouring.black_hot},
        "program": program_facts(options.threads),
    }


def recording_stages(colouring: Colouring, sink: FilmSink, batch_size: int) -> FilmStages[Normalised]:
    """The stages of a recording, in the parts between which units begin and end."""
    painter, options = colouring.painter, colouring.options
    luma = options.luma_of(painter)
    turns = quarter_turns(sink.layout.rotation)

    def prepare(frames: Iterable[SourceFrame]) -> Iterator[Normalised]:
        for frame in frames:
            assert isinstance(frame, HeatFrame)
            yield normalised(painter, frame.luma, turns=turns, clock=frame)

    def finish(steady: Iterable[ChromaFrame]) -> Iterator[tuple[SourceFrame, Planes]]:
        for picture in shown(steady, luma=luma, saturation=options.saturation, turns=turns):
            assert picture.clock is not None
            yield picture.clock, film_planes(picture, sink, upsampling=options.upsampling)

    def encoded(frame: SourceFrame, planes: Planes) -> av.VideoFrame:
        return sink.picture_of_planes(planes[0], planes[1:], pts=frame.pts)

    return FilmStages(
        prepare=prepare,
        painter=lambda: HeatStage(painter, keeps_luma=luma != "thermal"),
        finish=finish,
        picture=encoded,
        strength=Strength(options.temporal),
        batch=batch_size,
    )
